/* SPDX-License-Identifier: MIT */
/* xswire.c - framing of the XenStore wire protocol; see xswire.h. */
#include "xswire.h"

#include <errno.h>
#include <string.h>

#include "base/bytes.h"

void pvb_xs_header_encode(uint8_t out[PVB_XS_HEADER_BYTES],
                          const struct pvb_xs_header *h)
{
	pvb_store_u32(out, h->type);
	pvb_store_u32(out + 4, h->req_id);
	pvb_store_u32(out + 8, h->tx_id);
	pvb_store_u32(out + 12, h->length);
}

bool pvb_xs_header_decode(struct pvb_xs_header *out,
                          const uint8_t in[PVB_XS_HEADER_BYTES])
{
	out->type = pvb_load_u32(in);
	out->req_id = pvb_load_u32(in + 4);
	out->tx_id = pvb_load_u32(in + 8);
	out->length = pvb_load_u32(in + 12);
	return out->length <= PVB_XS_WIRE_PAYLOAD_MAX;
}

/*
 * Bytes that make the message whole, as far as they are known: the header
 * alone until it is there.  UINT32_MAX: the header names too long a payload.
 */
static uint32_t reader_goal(const struct pvb_xs_reader *r)
{
	struct pvb_xs_header h;

	if (r->have < PVB_XS_HEADER_BYTES)
		return PVB_XS_HEADER_BYTES;
	if (!pvb_xs_header_decode(&h, r->bytes))
		return UINT32_MAX;
	return PVB_XS_HEADER_BYTES + h.length;
}

size_t pvb_xs_reader_want(struct pvb_xs_reader *r, uint8_t **where)
{
	uint32_t goal = reader_goal(r);

	*where = r->bytes + r->have;
	/* A dead stream wants nothing; got() has said so. */
	return goal == UINT32_MAX ? 0 : goal - r->have;
}

int pvb_xs_reader_got(struct pvb_xs_reader *r, size_t n)
{
	uint32_t goal;

	r->have += (uint32_t)n;
	goal = reader_goal(r);
	if (goal == UINT32_MAX)
		return -EPROTO;
	if (r->have < goal)
		return 0;
	r->bytes[goal] = 0;
	return 1;
}

void pvb_xs_reader_message(const struct pvb_xs_reader *r,
                           struct pvb_xs_header *h, const char **payload)
{
	pvb_xs_header_decode(h, r->bytes);
	*payload = (const char *)r->bytes + PVB_XS_HEADER_BYTES;
}

void pvb_xs_reader_next(struct pvb_xs_reader *r)
{
	r->have = 0;
}

const char *pvb_xs_next_string(const char *payload, uint32_t length,
                               int32_t *at)
{
	const char *start, *nul;

	if (*at < 0 || (uint32_t)*at >= length)
		return NULL;
	start = payload + *at;
	nul = memchr(start, 0, length - (uint32_t)*at);
	if (!nul) {
		*at = -1;
		return NULL;
	}
	*at = (int32_t)(nul + 1 - payload);
	return start;
}

/*
 * The names that xs_wire.h lists.  EQUOTA is oxenstored's own: its word for
 * a domain that has reached one of its limits.
 */
static const struct error_name {
	int  code;
	char name[12];
} error_names[] = {
	{ -EINVAL, "EINVAL" },       { -EACCES, "EACCES" },
	{ -EEXIST, "EEXIST" },       { -EISDIR, "EISDIR" },
	{ -ENOENT, "ENOENT" },       { -ENOMEM, "ENOMEM" },
	{ -ENOSPC, "ENOSPC" },       { -EIO, "EIO" },
	{ -ENOTEMPTY, "ENOTEMPTY" }, { -ENOSYS, "ENOSYS" },
	{ -EROFS, "EROFS" },         { -EBUSY, "EBUSY" },
	{ -EAGAIN, "EAGAIN" },       { -EISCONN, "EISCONN" },
	{ -E2BIG, "E2BIG" },         { -EPERM, "EPERM" },
	{ -EDQUOT, "EQUOTA" },
};
enum { ERROR_NAMES = sizeof(error_names) / sizeof(error_names[0]) };

int pvb_xs_error_code(const char *name)
{
	for (uint32_t i = 0; i < ERROR_NAMES; i++)
		if (strcmp(error_names[i].name, name) == 0)
			return error_names[i].code;
	return -EIO;
}

const char *pvb_xs_error_name(int code)
{
	for (uint32_t i = 0; i < ERROR_NAMES; i++)
		if (error_names[i].code == code)
			return error_names[i].name;
	return "EIO";
}
