/* SPDX-License-Identifier: MIT */
/*
 * printable.h - make a line out of text that somebody else chose.
 *
 * Names of files and values of a peer's store keys end up in errors, in the
 * log and in JSON.  A control character in them could forge a second line or
 * talk to the reader's terminal, and what is no UTF-8 is no JSON: each such
 * byte becomes a '?', also what is left of a character that was cut.
 */
#ifndef PVB_PRINTABLE_H
#define PVB_PRINTABLE_H

void pvb_printable(char *text);

#endif
