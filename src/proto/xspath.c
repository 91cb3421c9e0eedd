/* SPDX-License-Identifier: MIT */
/* xspath.c - see xspath.h. */
#include "xspath.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "keys.h"

/* By hand: isalnum() knows locales, and xenstored does not. */
static bool is_legal_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '@';
}

/* Parts of legal characters with one slash between them; none is empty. */
static bool are_legal_parts(const char *parts, size_t max)
{
	size_t i;

	for (i = 0; i < max && parts[i] != 0; i++)
		if (parts[i] == '/' ? i == 0 || parts[i - 1] == '/'
				    : !is_legal_char(parts[i]))
			return false;
	return i != 0 && parts[i] == 0 && parts[i - 1] != '/';
}

bool pvb_xspath_is_legal(const char *path)
{
	if (path[0] != '/')
		return false;
	return path[1] == 0 || are_legal_parts(path + 1, PVB_XS_PATH_MAX - 1);
}

bool pvb_xspath_is_legal_watch(const char *path)
{
	if (path[0] == '/')
		return pvb_xspath_is_legal(path);
	if (path[0] == '@' && (path[1] == 0 || path[1] == '/'))
		return false;
	return are_legal_parts(path, PVB_XS_RELATIVE_MAX);
}

/* Decimal digits of `value`, ending at `end`; returns where they begin. */
static char *put_decimal(char *end, unsigned int value)
{
	do {
		*--end = (char)('0' + value % 10);
		value /= 10;
	} while (value != 0);
	return end;
}

int pvb_xspath_print(char *out, size_t cap, const char *fmt, ...)
{
	char digits[11];
	size_t at = 0;
	bool fits = true;
	va_list ap;

	digits[sizeof(digits) - 1] = 0;
	va_start(ap, fmt);
	for (; *fmt && fits; fmt++) {
		char literal[2] = { *fmt, 0 };
		const char *piece = literal;
		size_t length;

		if (*fmt == '%') {
			fmt++;
			assert(*fmt == 's' || *fmt == 'u');
			piece = *fmt == 's' ? va_arg(ap, const char *) :
				put_decimal(digits + sizeof(digits) - 1,
					    va_arg(ap, unsigned int));
		}
		length = strlen(piece);
		fits = length < cap - at;       /* at < cap, or both are 0 */
		if (fits) {
			memcpy(out + at, piece, length);
			at += length;
		}
	}
	va_end(ap);
	if (cap != 0)
		out[fits ? at : 0] = 0;
	return fits && cap != 0 ? 0 : -ENAMETOOLONG;
}

int pvb_xsdev_back_path(const struct pvb_xsdev *d, char *out, size_t cap)
{
	return pvb_xspath_print(out, cap, "/local/domain/%u/backend/%s/%u/%u",
				(unsigned int)d->back_domid, d->kind,
				(unsigned int)d->front_domid, d->number);
}

int pvb_xsdev_front_path(const struct pvb_xsdev *d, char *out, size_t cap)
{
	return pvb_xspath_print(out, cap, "/local/domain/%u/device/%s/%u",
				(unsigned int)d->front_domid, d->front_kind,
				d->number);
}

/* The part that `*at` stands on: its length; *at moves behind its slash. */
static size_t next_part(const char **at, const char **part)
{
	size_t length = strcspn(*at, "/");

	*part = *at;
	*at += length;
	if (**at == '/')
		(*at)++;
	return length;
}

static bool next_number(const char **at, uint64_t max, uint64_t *out)
{
	const char *part;
	size_t length = next_part(at, &part);

	return pvb_parse_u64(part, length, max, out) == PVB_OK;
}

bool pvb_xsdev_parse_back(const char *path, uint16_t back_domid,
                          struct pvb_xsdev *out, const char **rest)
{
	char prefix[40];
	const char *at, *kind;
	uint64_t front, number;
	size_t length;

	if (!pvb_xspath_is_legal(path) ||
	    pvb_xspath_print(prefix, sizeof(prefix),
			     "/local/domain/%u/backend/",
			     (unsigned int)back_domid) != 0 ||
	    strncmp(path, prefix, strlen(prefix)) != 0)
		return false;
	at = path + strlen(prefix);
	length = next_part(&at, &kind);
	if (length == 0 || length >= sizeof(out->kind) ||
	    !next_number(&at, PVB_XS_DOMID_MAX, &front) ||
	    !next_number(&at, UINT32_MAX, &number))
		return false;
	memset(out, 0, sizeof(*out));
	out->back_domid = back_domid;
	out->front_domid = (uint16_t)front;
	out->number = (uint32_t)number;
	memcpy(out->kind, kind, length);
	strcpy(out->front_kind, strcmp(out->kind, "vscsi") ? "vbd" : "vscsi");
	*rest = at;
	return true;
}
