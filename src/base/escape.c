/* SPDX-License-Identifier: MIT */
#include "escape.h"

#include <assert.h>
#include <string.h>

static const char dots[] = "...";

/* One byte; how many characters it takes. */
static size_t put(char out[4], unsigned char byte)
{
	static const char digits[] = "0123456789abcdef";

	if (byte == '\\') {
		memcpy(out, "\\\\", 2);
		return 2;
	}
	if (byte >= 0x20 && byte < 0x7f) {
		out[0] = (char)byte;
		return 1;
	}
	out[0] = '\\';
	out[1] = 'x';
	out[2] = digits[byte >> 4];
	out[3] = digits[byte & 15];
	return 4;
}

bool pvb_escape(char *out, size_t cap, const void *from, size_t bytes)
{
	const unsigned char *at = from;
	size_t used = 0, cut = 0;       /* cut: there is room for the dots */

	assert(cap >= PVB_ESCAPE_CAP_MIN);
	for (size_t i = 0; i < bytes; i++) {
		char piece[4];
		size_t n = put(piece, at[i]);

		if (used + n >= cap) {
			memcpy(out + cut, dots, sizeof(dots));
			return false;
		}
		memcpy(out + used, piece, n);
		used += n;
		if (used + sizeof(dots) <= cap)
			cut = used;
	}
	out[used] = '\0';
	return true;
}
