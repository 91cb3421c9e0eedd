/* SPDX-License-Identifier: MIT */
/*
 * keys.h - a bounded set of names and values, as one side of a device
 * publishes them, with strict typed reads.  Pure, caller's storage.
 *
 * Names are relative ("ring-ref", "queue-0/event-channel").  A value is taken
 * as bytes; one trailing NUL is tolerated (some stores' clients write it),
 * anything else that is not of the asked type is PVB_WHY_KEY_SYNTAX: no sign,
 * no space, no leading "+", "0" or "0x", no overflow.  A refused number leaves
 * *out alone.
 */
#ifndef PVB_KEYS_H
#define PVB_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "why.h"

enum {
	PVB_KEYS_MAX       = 320,
	PVB_KEYS_NAME_MAX  = 47,
	/* Longer values, and those that would take the room of names still to
	   come, are kept as "too long". */
	PVB_KEYS_VALUE_MAX = 255,
	PVB_KEYS_BYTES     = 32768,
};

struct pvb_keys {                       /* zero is an empty set */
	uint32_t count, used;
	struct pvb_key {
		uint16_t name_at, value_at, value_bytes;
		bool     too_long;
	} key[PVB_KEYS_MAX];
	char bytes[PVB_KEYS_BYTES];
};

/* 0, -ENOSPC (too many), -EINVAL (name too long or empty), -EEXIST. */
int pvb_keys_put(struct pvb_keys *k, const char *name,
                 const void *value, size_t bytes);
int pvb_keys_put_u64(struct pvb_keys *k, const char *name, uint64_t value);
int pvb_keys_put_text(struct pvb_keys *k, const char *name, const char *value);

bool pvb_keys_has(const struct pvb_keys *k, const char *name);
/* Value as text (borrowed until the set changes), or NULL if absent, too
   long or with a NUL inside. */
const char *pvb_keys_text(const struct pvb_keys *k, const char *name);
/* Value as bytes, whatever they are (borrowed likewise), or NULL if absent or
   too long. */
const void *pvb_keys_value(const struct pvb_keys *k, const char *name,
                           size_t *bytes);
/* Required number up to `max`: OK, KEY_MISSING, KEY_SYNTAX, KEY_LIMIT. */
enum pvb_why pvb_keys_u64(const struct pvb_keys *k, const char *name,
                          uint64_t max, uint64_t *out);
/* Optional number: absent gives `absent` and OK. */
enum pvb_why pvb_keys_u64_or(const struct pvb_keys *k, const char *name,
                             uint64_t max, uint64_t absent, uint64_t *out);
/* Optional "0" or "1" (any other number is true, as Linux has it). */
enum pvb_why pvb_keys_bool_or(const struct pvb_keys *k, const char *name,
                              bool absent, bool *out);

/* The text of a number as strict as above, for values outside a set. */
enum pvb_why pvb_parse_u64(const char *text, size_t bytes, uint64_t max,
                           uint64_t *out);

#endif
