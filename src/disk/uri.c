/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <pvb/err.h>

#include "base/checked.h"

#include "uri.h"

static bool is_scheme_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+';
}

static bool is_plain_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c >= '0' && c <= '9') || (c && strchr("-._~/:,+@", c));
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* In place: the result is never longer. */
static int percent_decode(char *text, struct pvb_err *e)
{
	char *to = text;
	int high, low;

	for (const char *from = text; *from; from++) {
		if (*from != '%') {
			*to++ = *from;
			continue;
		}
		high = hex_digit(from[1]);
		low = high < 0 ? -1 : hex_digit(from[2]);
		if (low < 0 || (high == 0 && low == 0))
			return pvb_err_set(e, -EINVAL,
			                   "\"%.3s\" is no percent-encoded "
			                   "character", from);
		*to++ = (char)(high << 4 | low);
		from += 2;
	}
	*to = '\0';
	return 0;
}

/* The length of the word before the first ':', or 0 if it is no scheme. */
static size_t scheme_length(const char *text)
{
	size_t n = 0;

	while (is_scheme_char(text[n]))
		n++;
	return text[n] == ':' ? n : 0;
}

static int split_options(struct pvb_uri *u, char *at, struct pvb_err *e)
{
	char *next, *value;
	int r;

	for (; at; at = next) {
		next = strchr(at, '&');
		if (next)
			*next++ = '\0';
		if (u->count == PVB_URI_OPTIONS_MAX)
			return pvb_err_set(e, -EINVAL, "more than %d options",
			                   PVB_URI_OPTIONS_MAX);
		value = strchr(at, '=');
		if (!value || value == at)
			return pvb_err_set(e, -EINVAL, "option \"%s\" is not "
			                   "of the form NAME=VALUE", at);
		*value++ = '\0';
		r = percent_decode(at, e);
		if (r == 0)
			r = percent_decode(value, e);
		if (r < 0)
			return r;
		u->option[u->count].name = at;
		u->option[u->count].value = value;
		u->option[u->count].used = false;
		u->count++;
	}
	return 0;
}

static void set_path(struct pvb_uri *u)
{
	u->scheme = "file";
	u->body = u->bytes;
}

int pvb_uri_split(const char *text,
                  bool (*is_scheme)(const char *scheme, void *arg), void *arg,
                  struct pvb_uri *out, struct pvb_err *e)
{
	size_t length = strlen(text), scheme = scheme_length(text);
	char *options;

	out->count = 0;
	out->scheme = out->body = "";
	if (length == 0)
		return pvb_err_set(e, -EINVAL, "no disk is named");
	if (length >= sizeof(out->bytes))
		return pvb_err_set(e, -ENAMETOOLONG, "longer than %zu bytes",
		                   sizeof(out->bytes) - 1);
	memcpy(out->bytes, text, length + 1);
	if (scheme == 0) {
		set_path(out);
		return 0;
	}
	out->bytes[scheme] = '\0';
	if (!is_scheme(out->bytes, arg)) {
		out->bytes[scheme] = ':';
		if (access(text, F_OK) < 0)
			return pvb_err_set(e, -EPROTONOSUPPORT,
			                   "unknown kind of disk \"%.*s\"",
			                   (int)scheme, text);
		set_path(out);
		return 0;
	}
	out->scheme = out->bytes;
	out->body = out->bytes + scheme + 1;
	options = strchr(out->bytes + scheme + 1, '?');
	if (options)
		*options++ = '\0';
	if (percent_decode(out->bytes + scheme + 1, e) < 0)
		return -EINVAL;
	return split_options(out, options, e);
}

const char *pvb_uri_option(struct pvb_uri *u, const char *name)
{
	for (uint32_t i = 0; i < u->count; i++) {
		if (!u->option[i].used && !strcmp(u->option[i].name, name)) {
			u->option[i].used = true;
			return u->option[i].value;
		}
	}
	return NULL;
}

int pvb_uri_all_used(const struct pvb_uri *u, struct pvb_err *e)
{
	const char *name;

	for (uint32_t i = 0; i < u->count; i++) {
		if (u->option[i].used)
			continue;
		name = u->option[i].name;
		for (uint32_t k = 0; k < i; k++)
			if (!strcmp(u->option[k].name, name))
				return pvb_err_set(e, -EINVAL, "option \"%s\" "
				                   "is given twice", name);
		return pvb_err_set(e, -EINVAL, "%s: has no option \"%s\"",
		                   u->scheme, name);
	}
	return 0;
}

bool pvb_parse_size(const char *text, uint64_t *out)
{
	static const char units[] = "kmgtpe";
	uint64_t n = 0;
	const char *unit;

	if (*text < '0' || *text > '9')
		return false;
	for (; *text >= '0' && *text <= '9'; text++)
		if (!pvb_mul_u64(n, 10, &n) ||
		    !pvb_add_u64(n, (uint64_t)(*text - '0'), &n))
			return false;
	if (*text) {
		unit = strchr(units, *text | 0x20);
		if (!unit || !*unit ||
		    !pvb_mul_u64(n, UINT64_C(1) << (10 * (unit - units + 1)),
		                 &n))
			return false;
		text++;
		if (*text && strcmp(text, "iB") != 0)
			return false;
	}
	*out = n;
	return true;
}

int pvb_uri_encode(const char *text, char *out, size_t cap)
{
	static const char hex[] = "0123456789ABCDEF";
	size_t used = 0;

	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;
		size_t need = is_plain_char(*text) ? 1 : 3;

		if (used + need >= cap)
			goto too_long;
		if (need == 1) {
			out[used++] = *text;
			continue;
		}
		out[used++] = '%';
		out[used++] = hex[c >> 4];
		out[used++] = hex[c & 15];
	}
	if (used >= cap)
		goto too_long;
	out[used] = '\0';
	return 0;

too_long:
	if (cap)
		out[0] = '\0';
	return -ENAMETOOLONG;
}
