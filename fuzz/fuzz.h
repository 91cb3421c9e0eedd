/* SPDX-License-Identifier: MIT */
/*
 * fuzz.h - what the fuzz targets share: a reader that never runs dry, and a
 * check that also stands when asserts are compiled out.
 */
#ifndef FUZZ_FUZZ_H
#define FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FUZZ_CHECK(x)                                                       \
	do {                                                                \
		if (!(x)) {                                                 \
			fprintf(stderr, "%s:%d: broken: %s\n", __FILE__,    \
				__LINE__, #x);                              \
			abort();                                            \
		}                                                           \
	} while (0)

/* libFuzzer's entry: one input.  Always 0. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

struct fuzz_input { const uint8_t *bytes; size_t length; };

/* The next n bytes of the input; zeroes behind its end. */
static inline void fuzz_take(struct fuzz_input *in, void *to, size_t n)
{
	size_t have = n < in->length ? n : in->length;

	if (have > 0)
		memcpy(to, in->bytes, have);
	memset((uint8_t *)to + have, 0, n - have);
	in->bytes += have;
	in->length -= have;
}

static inline uint8_t fuzz_u8(struct fuzz_input *in)
{
	uint8_t v;

	fuzz_take(in, &v, sizeof(v));
	return v;
}

static inline uint32_t fuzz_u32(struct fuzz_input *in)
{
	uint8_t b[4];

	fuzz_take(in, b, sizeof(b));
	return (uint32_t)b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 |
	       (uint32_t)b[3] << 24;
}

#endif
