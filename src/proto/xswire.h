/* SPDX-License-Identifier: MIT */
/*
 * xswire.h - framing of the XenStore wire protocol.  Pure.
 *
 * A message is a header of four little-endian u32 (type, request id,
 * transaction id, payload length) and at most 4096 bytes of payload.  Source:
 * xen/include/public/io/xs_wire.h and docs/misc/xenstore.txt.
 */
#ifndef PVB_XSWIRE_H
#define PVB_XSWIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum pvb_xs_type {                      /* wire values */
	PVB_XS_CONTROL = 0, PVB_XS_DIRECTORY = 1, PVB_XS_READ = 2,
	PVB_XS_GET_PERMS = 3, PVB_XS_WATCH = 4, PVB_XS_UNWATCH = 5,
	PVB_XS_TRANSACTION_START = 6, PVB_XS_TRANSACTION_END = 7,
	PVB_XS_INTRODUCE = 8, PVB_XS_RELEASE = 9, PVB_XS_GET_DOMAIN_PATH = 10,
	PVB_XS_WRITE = 11, PVB_XS_MKDIR = 12, PVB_XS_RM = 13,
	PVB_XS_SET_PERMS = 14, PVB_XS_WATCH_EVENT = 15, PVB_XS_ERROR = 16,
	PVB_XS_IS_DOMAIN_INTRODUCED = 17, PVB_XS_RESUME = 18,
	PVB_XS_SET_TARGET = 19, PVB_XS_RESET_WATCHES = 21,
	PVB_XS_DIRECTORY_PART = 22, PVB_XS_TYPE_COUNT = 23
};

enum { PVB_XS_HEADER_BYTES = 16, PVB_XS_WIRE_PAYLOAD_MAX = 4096 };

struct pvb_xs_header { uint32_t type, req_id, tx_id, length; };

void pvb_xs_header_encode(uint8_t out[PVB_XS_HEADER_BYTES],
                          const struct pvb_xs_header *h);
/* False: length over the limit.  An unknown type is decoded as it is. */
bool pvb_xs_header_decode(struct pvb_xs_header *out,
                          const uint8_t in[PVB_XS_HEADER_BYTES]);

/* Collects one message at a time from a byte stream, in caller's storage. */
struct pvb_xs_reader {                  /* zero: at a message's start */
	uint32_t have;
	uint8_t  bytes[PVB_XS_HEADER_BYTES + PVB_XS_WIRE_PAYLOAD_MAX + 1];
};
/* How many bytes to read next, and where to; 0: a message is complete. */
size_t pvb_xs_reader_want(struct pvb_xs_reader *r, uint8_t **where);
/* n of them came.  1: a message is complete, 0: not yet, -EPROTO: bad
   length. */
int pvb_xs_reader_got(struct pvb_xs_reader *r, size_t n);
/* The complete message; its payload has a NUL put after it.  Borrowed. */
void pvb_xs_reader_message(const struct pvb_xs_reader *r,
                           struct pvb_xs_header *h, const char **payload);
/* Ready for the next. */
void pvb_xs_reader_next(struct pvb_xs_reader *r);

/* Walk NUL-terminated strings in a payload: the next one at *at, or NULL at
   the end or when the terminating NUL is missing (then *at is set to -1). */
const char *pvb_xs_next_string(const char *payload, uint32_t length,
                               int32_t *at);

/* Error names of the wire ("ENOENT") to and from negative errno; an unknown
   name gives -EIO, an unknown number "EIO". */
int pvb_xs_error_code(const char *name);
const char *pvb_xs_error_name(int code);

#endif
