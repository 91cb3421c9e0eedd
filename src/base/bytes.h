/* SPDX-License-Identifier: MIT */
/*
 * bytes.h - little-endian loads and stores at any alignment, and the one way
 * to copy out of memory that another domain may be writing.
 *
 * Pure.  The copier reads every byte exactly once, so what was copied is
 * what is checked, and what is checked is what is used.
 */
#ifndef PVB_BYTES_H
#define PVB_BYTES_H

#include <stddef.h>
#include <stdint.h>

static inline uint16_t pvb_load_u16(const void *p)
{
	const uint8_t *b = p;

	return (uint16_t)(b[0] | b[1] << 8);
}

static inline uint32_t pvb_load_u32(const void *p)
{
	const uint8_t *b = p;

	return (uint32_t)b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 |
	       (uint32_t)b[3] << 24;
}

static inline uint64_t pvb_load_u64(const void *p)
{
	const uint8_t *b = p;

	return (uint64_t)pvb_load_u32(b) | (uint64_t)pvb_load_u32(b + 4) << 32;
}

static inline void pvb_store_u16(void *p, uint16_t v)
{
	uint8_t *b = p;

	b[0] = (uint8_t)v;
	b[1] = (uint8_t)(v >> 8);
}

static inline void pvb_store_u32(void *p, uint32_t v)
{
	pvb_store_u16(p, (uint16_t)v);
	pvb_store_u16((uint8_t *)p + 2, (uint16_t)(v >> 16));
}

static inline void pvb_store_u64(void *p, uint64_t v)
{
	pvb_store_u32(p, (uint32_t)v);
	pvb_store_u32((uint8_t *)p + 4, (uint32_t)(v >> 32));
}

/*
 * Copy `length` bytes out of shared memory, each read once.  Word by word
 * where both are 8-byte aligned, else byte by byte.
 */
static inline void pvb_copy_out(void *to, const volatile void *from,
                                size_t length)
{
	const volatile uint8_t *s = from;
	uint8_t *d = to;
	size_t i = 0;

	if (((uintptr_t)s & 7) == 0 && ((uintptr_t)d & 7) == 0)
		for (; i + 8 <= length; i += 8)
			*(uint64_t *)(void *)(d + i) = *(const volatile
				uint64_t *)(const volatile void *)(s + i);
	for (; i < length; i++)
		d[i] = s[i];
}

#endif
