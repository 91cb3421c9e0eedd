/* SPDX-License-Identifier: MIT */
/*
 * checked.h - arithmetic on numbers that somebody else chose.
 *
 * Pure.  Every function says whether the result is true, and leaves *out
 * alone when it is not.
 */
#ifndef PVB_CHECKED_H
#define PVB_CHECKED_H

#include <stdbool.h>
#include <stdint.h>

static inline bool pvb_add_u64(uint64_t a, uint64_t b, uint64_t *out)
{
	if (b > UINT64_MAX - a)
		return false;
	*out = a + b;
	return true;
}

static inline bool pvb_mul_u64(uint64_t a, uint64_t b, uint64_t *out)
{
	if (b != 0 && a > UINT64_MAX / b)
		return false;
	*out = a * b;
	return true;
}

/* [offset, offset + length) is inside [0, size).  Length 0 fits at the end. */
static inline bool pvb_range_ok(uint64_t offset, uint64_t length, uint64_t size)
{
	return offset <= size && length <= size - offset;
}

static inline bool pvb_is_pow2(uint64_t n)
{
	return n != 0 && (n & (n - 1)) == 0;
}

#endif
