/* SPDX-License-Identifier: MIT */
/*
 * uri.h - disk URIs: SCHEME:BODY?name=value&...
 *
 * A text that does not begin with a known scheme is a file's path, literally
 * and whole ("?" and "%" included).  In a URI the body, names and values are
 * percent-decoded.  A body that is itself a URI with options writes its "?"
 * as %3F.
 */
#ifndef PVB_URI_H
#define PVB_URI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pvb_err;

enum { PVB_URI_OPTIONS_MAX = 16, PVB_URI_BYTES = 4608 };

struct pvb_uri {                        /* caller's storage */
	const char *scheme;             /* all text points into `bytes` */
	const char *body;
	uint32_t    count;
	struct pvb_uri_option { const char *name, *value; bool used; }
		option[PVB_URI_OPTIONS_MAX];
	char bytes[PVB_URI_BYTES];
};

/* `is_scheme` says which schemes are known.  0, or -EINVAL / -ENAMETOOLONG
   with *e.  A word before ":" that is all lower-case letters, digits and "+"
   and is no known scheme is -EPROTONOSUPPORT, unless a file of that whole
   name exists. */
int pvb_uri_split(const char *text,
                  bool (*is_scheme)(const char *scheme, void *arg), void *arg,
                  struct pvb_uri *out, struct pvb_err *e);
/* The value of the first unused option of this name, or NULL; marks it as
   used.  So one that may be repeated is asked for until NULL comes. */
const char *pvb_uri_option(struct pvb_uri *u, const char *name);
/* An option that nobody asked for, or only once of twice: -EINVAL with *e
   naming it, else 0. */
int pvb_uri_all_used(const struct pvb_uri *u, struct pvb_err *e);
/* "512", "4k", "1M", "2G", "1T" (powers of 1024; also KiB, MiB, ...) to bytes.
   False: none, or overflow. */
bool pvb_parse_size(const char *text, uint64_t *out);
/* Percent-encode into out (cap bytes) whatever is not plain.  0,
   -ENAMETOOLONG. */
int pvb_uri_encode(const char *text, char *out, size_t cap);

#endif
