/* SPDX-License-Identifier: MIT */
#include "printable.h"

#include <stdbool.h>
#include <stddef.h>

/* Well-formed characters, by their first byte: what the second may be, and the
   bytes of all.  (U+0080 to U+009F are control characters.) */
static const struct form {
	unsigned char first, last, low, high, bytes;
} forms[] = {
	{ 0x20, 0x7e, 0x00, 0xff, 1 },
	{ 0xc2, 0xc2, 0xa0, 0xbf, 2 },
	{ 0xc3, 0xdf, 0x80, 0xbf, 2 },
	{ 0xe0, 0xe0, 0xa0, 0xbf, 3 },
	{ 0xe1, 0xec, 0x80, 0xbf, 3 },
	{ 0xed, 0xed, 0x80, 0x9f, 3 },
	{ 0xee, 0xef, 0x80, 0xbf, 3 },
	{ 0xf0, 0xf0, 0x90, 0xbf, 4 },
	{ 0xf1, 0xf3, 0x80, 0xbf, 4 },
	{ 0xf4, 0xf4, 0x80, 0x8f, 4 },
};

/* The NUL at the end ends a character before its time. */
static bool is_of(const struct form *f, const unsigned char *at)
{
	if (at[0] < f->first || at[0] > f->last || at[1] < f->low ||
	    at[1] > f->high)
		return false;
	for (int i = 2; i < f->bytes; i++)
		if ((at[i] & 0xc0) != 0x80)
			return false;
	return true;
}

/* Of the character that begins here; 0: none does. */
static size_t length_of(const char *text)
{
	const unsigned char *at = (const unsigned char *)text;

	for (size_t i = 0; i < sizeof(forms) / sizeof(*forms); i++)
		if (is_of(&forms[i], at))
			return forms[i].bytes;
	return 0;
}

void pvb_printable(char *text)
{
	while (*text) {
		size_t length = length_of(text);

		if (length == 0)
			*text = '?';
		text += length > 0 ? length : 1;
	}
}
