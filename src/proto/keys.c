/* SPDX-License-Identifier: MIT */
/* keys.c - see keys.h. */
#include "keys.h"

#include <errno.h>
#include <string.h>

enum { DECIMAL_MAX = 20 };              /* digits of UINT64_MAX */

static const struct pvb_key *find(const struct pvb_keys *k, const char *name)
{
	for (uint32_t i = 0; i < k->count; i++)
		if (strcmp(k->bytes + k->key[i].name_at, name) == 0)
			return &k->key[i];
	return NULL;
}

/* Append `length` bytes and a NUL; the caller has checked the room. */
static uint16_t append(struct pvb_keys *k, const void *what, size_t length)
{
	uint32_t at = k->used;

	if (length != 0)
		memcpy(k->bytes + at, what, length);
	k->bytes[at + length] = 0;
	k->used = at + (uint32_t)length + 1;
	return (uint16_t)at;
}

/* A value in the store may end in one NUL. */
static size_t without_nul(const char *value, size_t bytes)
{
	return bytes != 0 && value[bytes - 1] == 0 ? bytes - 1 : bytes;
}

enum {                                  /* with an empty value */
	NAME_ROOM = PVB_KEYS_NAME_MAX + 1 + 1,
};

_Static_assert((int)PVB_KEYS_BYTES >= (int)PVB_KEYS_MAX * NAME_ROOM,
	       "every name finds room");
_Static_assert(PVB_KEYS_BYTES <= UINT16_MAX, "an offset fits");

/* What a value may take, so that all names still to come find room. */
static size_t value_room(const struct pvb_keys *k)
{
	return PVB_KEYS_BYTES - k->used -
	       (PVB_KEYS_MAX - k->count) * (size_t)NAME_ROOM;
}

int pvb_keys_put(struct pvb_keys *k, const char *name,
                 const void *value, size_t bytes)
{
	size_t name_bytes = strlen(name);
	struct pvb_key *key;
	bool too_long;

	if (name_bytes == 0 || name_bytes > PVB_KEYS_NAME_MAX)
		return -EINVAL;
	if (find(k, name))
		return -EEXIST;
	bytes = without_nul(value, bytes);
	if (k->count == PVB_KEYS_MAX)
		return -ENOSPC;
	too_long = bytes > PVB_KEYS_VALUE_MAX || bytes > value_room(k);
	if (too_long)
		bytes = 0;
	key = &k->key[k->count++];
	key->name_at = append(k, name, name_bytes);
	key->value_at = append(k, value, bytes);
	key->value_bytes = (uint16_t)bytes;
	key->too_long = too_long;
	return 0;
}

int pvb_keys_put_u64(struct pvb_keys *k, const char *name, uint64_t value)
{
	char digits[DECIMAL_MAX];
	size_t at = sizeof(digits);

	do {
		digits[--at] = (char)('0' + value % 10);
		value /= 10;
	} while (value != 0);
	return pvb_keys_put(k, name, digits + at, sizeof(digits) - at);
}

int pvb_keys_put_text(struct pvb_keys *k, const char *name, const char *value)
{
	return pvb_keys_put(k, name, value, strlen(value));
}

bool pvb_keys_has(const struct pvb_keys *k, const char *name)
{
	return find(k, name) != NULL;
}

const char *pvb_keys_text(const struct pvb_keys *k, const char *name)
{
	const struct pvb_key *key = find(k, name);
	const char *value;

	if (!key || key->too_long)
		return NULL;
	value = k->bytes + key->value_at;
	return memchr(value, 0, key->value_bytes) ? NULL : value;
}

const void *pvb_keys_value(const struct pvb_keys *k, const char *name,
                           size_t *bytes)
{
	const struct pvb_key *key = find(k, name);

	if (!key || key->too_long)
		return NULL;
	*bytes = key->value_bytes;
	return k->bytes + key->value_at;
}

/* All of `bytes` is the number. */
static enum pvb_why parse(const char *text, size_t bytes, uint64_t max,
                          uint64_t *out)
{
	uint64_t number = 0;

	/* "010" is ten for some readers in the field and eight for others. */
	if (bytes == 0 || bytes > DECIMAL_MAX || (bytes > 1 && text[0] == '0'))
		return PVB_WHY_KEY_SYNTAX;
	for (size_t i = 0; i < bytes; i++) {
		unsigned int digit = (unsigned int)(unsigned char)text[i] - '0';

		if (digit > 9 || number > (UINT64_MAX - digit) / 10)
			return PVB_WHY_KEY_SYNTAX;
		number = number * 10 + digit;
	}
	if (number > max)
		return PVB_WHY_KEY_LIMIT;
	*out = number;
	return PVB_OK;
}

enum pvb_why pvb_keys_u64(const struct pvb_keys *k, const char *name,
                          uint64_t max, uint64_t *out)
{
	const struct pvb_key *key = find(k, name);

	if (!key)
		return PVB_WHY_KEY_MISSING;
	if (key->too_long)
		return PVB_WHY_KEY_SYNTAX;
	return parse(k->bytes + key->value_at, key->value_bytes, max, out);
}

enum pvb_why pvb_keys_u64_or(const struct pvb_keys *k, const char *name,
                             uint64_t max, uint64_t absent, uint64_t *out)
{
	enum pvb_why why = pvb_keys_u64(k, name, max, out);

	if (why != PVB_WHY_KEY_MISSING)
		return why;
	*out = absent;
	return PVB_OK;
}

enum pvb_why pvb_keys_bool_or(const struct pvb_keys *k, const char *name,
                              bool absent, bool *out)
{
	uint64_t number;
	enum pvb_why why = pvb_keys_u64_or(k, name, UINT64_MAX, absent,
					   &number);

	if (why == PVB_OK)
		*out = number != 0;
	return why;
}

enum pvb_why pvb_parse_u64(const char *text, size_t bytes, uint64_t max,
                           uint64_t *out)
{
	return parse(text, without_nul(text, bytes), max, out);
}
