/* SPDX-License-Identifier: MIT */
/*
 * printable.h - make a line out of text that somebody else chose.
 *
 * Names of files and values of a peer's store keys end up in errors and in
 * the log.  A control character in them could forge a second line or talk
 * to the reader's terminal, so each becomes a '?'.  Bytes above 127 stay.
 */
#ifndef PVB_PRINTABLE_H
#define PVB_PRINTABLE_H

static inline void pvb_printable(char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < 0x20 || *text == 0x7f)
			*text = '?';
}

#endif
