/* SPDX-License-Identifier: MIT */
/*
 * escape.h - bytes that somebody else chose, as text for a terminal or JSON.
 *
 * ASCII that prints stays as it is, but for the backslash, which is doubled;
 * every other byte is \xNN.  So nothing that a guest wrote talks to a terminal,
 * forges a line or looks like what it is not.
 */
#ifndef PVB_ESCAPE_H
#define PVB_ESCAPE_H

#include <stdbool.h>
#include <stddef.h>

enum { PVB_ESCAPE_CAP_MIN = 8 };

/* Into `out`, ended by a NUL.  False: not all of it found room, and "..." is at
   its end. */
bool pvb_escape(char *out, size_t cap, const void *from, size_t bytes);

#endif
