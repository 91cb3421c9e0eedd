/* SPDX-License-Identifier: MIT */
/* test_xswire.c - framing of the XenStore wire protocol. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "proto/xswire.h"

static void header_has_the_documented_byte_order(void **state)
{
	static const uint8_t wire[PVB_XS_HEADER_BYTES] = {
		11, 0, 0, 0, 0x04, 0x03, 0x02, 0x01, 7, 0, 0, 0, 0x00, 0x10,
		0, 0 };
	struct pvb_xs_header h = { PVB_XS_WRITE, 0x01020304, 7, 4096 }, back;
	uint8_t out[PVB_XS_HEADER_BYTES];

	(void)state;
	pvb_xs_header_encode(out, &h);
	assert_memory_equal(out, wire, sizeof(wire));
	assert_true(pvb_xs_header_decode(&back, wire));
	assert_memory_equal(&back, &h, sizeof(h));
}

static void header_over_the_limit_is_refused(void **state)
{
	struct pvb_xs_header h = { PVB_XS_WRITE, 1, 0, 4097 };
	uint8_t wire[PVB_XS_HEADER_BYTES];

	(void)state;
	pvb_xs_header_encode(wire, &h);
	assert_false(pvb_xs_header_decode(&h, wire));
	memset(wire + 12, 0xff, 4);
	assert_false(pvb_xs_header_decode(&h, wire));
}

/* Feed `n` bytes in pieces of at most `step`; count of complete messages. */
static unsigned feed(struct pvb_xs_reader *r, const uint8_t *bytes, size_t n,
                     size_t step, struct pvb_xs_header *last)
{
	unsigned messages = 0;
	const char *payload;
	uint8_t *where;
	size_t want;
	int rc;

	while (n) {
		want = pvb_xs_reader_want(r, &where);
		assert_true(want > 0);
		if (want > step)
			want = step;
		if (want > n)
			want = n;
		memcpy(where, bytes, want);
		bytes += want;
		n -= want;
		rc = pvb_xs_reader_got(r, want);
		assert_true(rc >= 0);
		if (rc) {
			pvb_xs_reader_message(r, last, &payload);
			assert_int_equal(payload[last->length], 0);
			assert_int_equal(pvb_xs_reader_want(r, &where), 0);
			pvb_xs_reader_next(r);
			messages++;
		}
	}
	return messages;
}

static void reader_takes_any_cut_of_the_stream(void **state)
{
	static struct pvb_xs_reader r;
	uint8_t stream[3 * PVB_XS_HEADER_BYTES + PVB_XS_WIRE_PAYLOAD_MAX + 5];
	struct pvb_xs_header h = { PVB_XS_READ, 1, 0, 5 }, last;
	uint8_t *p = stream;

	(void)state;
	memset(stream, 'x', sizeof(stream));
	pvb_xs_header_encode(p, &h);
	p += PVB_XS_HEADER_BYTES + 5;
	h.req_id = 2;
	h.length = PVB_XS_WIRE_PAYLOAD_MAX;
	pvb_xs_header_encode(p, &h);
	p += PVB_XS_HEADER_BYTES + PVB_XS_WIRE_PAYLOAD_MAX;
	h.req_id = 3;
	h.length = 0;
	pvb_xs_header_encode(p, &h);

	for (size_t step = 1; step < 40; step++) {
		memset(&r, 0, sizeof(r));
		assert_int_equal(feed(&r, stream, sizeof(stream), step, &last),
		                 3);
		assert_int_equal(last.req_id, 3);
		assert_int_equal(r.have, 0);
	}
}

static void reader_stays_dead_after_an_overlong_header(void **state)
{
	static struct pvb_xs_reader r;
	struct pvb_xs_header h = { PVB_XS_READ, 1, 0, 5000 };
	uint8_t *where;

	(void)state;
	assert_int_equal(pvb_xs_reader_want(&r, &where), PVB_XS_HEADER_BYTES);
	pvb_xs_header_encode(where, &h);
	assert_int_equal(pvb_xs_reader_got(&r, 15), 0);
	assert_int_equal(pvb_xs_reader_want(&r, &where), 1);
	assert_int_equal(pvb_xs_reader_got(&r, 1), -EPROTO);
	assert_int_equal(pvb_xs_reader_want(&r, &where), 0);
	assert_int_equal(pvb_xs_reader_got(&r, 0), -EPROTO);
}

static void strings_are_walked_to_the_end(void **state)
{
	static const char two[] = "path\0token";
	int32_t at = 0;

	(void)state;
	assert_string_equal(pvb_xs_next_string(two, sizeof(two), &at), "path");
	assert_string_equal(pvb_xs_next_string(two, sizeof(two), &at), "token");
	assert_null(pvb_xs_next_string(two, sizeof(two), &at));
	assert_int_equal(at, sizeof(two));
}

static void string_without_its_nul_is_told_from_the_end(void **state)
{
	static const char cut[] = { 'a', 0, 'b', 'c' };
	int32_t at = 0;

	(void)state;
	assert_string_equal(pvb_xs_next_string(cut, sizeof(cut), &at), "a");
	assert_null(pvb_xs_next_string(cut, sizeof(cut), &at));
	assert_int_equal(at, -1);
	assert_null(pvb_xs_next_string(cut, sizeof(cut), &at));
	at = 0;
	assert_null(pvb_xs_next_string(cut, 0, &at));
	assert_int_equal(at, 0);
}

static void error_names_go_both_ways(void **state)
{
	static const struct { int code; const char *name; } both[] = {
		{ -EINVAL, "EINVAL" }, { -EACCES, "EACCES" },
		{ -EEXIST, "EEXIST" }, { -ENOENT, "ENOENT" },
		{ -EAGAIN, "EAGAIN" }, { -E2BIG, "E2BIG" },
		{ -ENOSPC, "ENOSPC" }, { -EBUSY, "EBUSY" },
		{ -EPERM, "EPERM" },   { -EDQUOT, "EQUOTA" },
		{ -EISCONN, "EISCONN" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(both) / sizeof(both[0]); i++) {
		assert_int_equal(pvb_xs_error_code(both[i].name), both[i].code);
		assert_string_equal(pvb_xs_error_name(both[i].code),
		                    both[i].name);
	}
	assert_int_equal(pvb_xs_error_code("ENOTHING"), -EIO);
	assert_int_equal(pvb_xs_error_code(""), -EIO);
	assert_string_equal(pvb_xs_error_name(-ENOTTY), "EIO");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(header_has_the_documented_byte_order),
		cmocka_unit_test(header_over_the_limit_is_refused),
		cmocka_unit_test(reader_takes_any_cut_of_the_stream),
		cmocka_unit_test(reader_stays_dead_after_an_overlong_header),
		cmocka_unit_test(strings_are_walked_to_the_end),
		cmocka_unit_test(string_without_its_nul_is_told_from_the_end),
		cmocka_unit_test(error_names_go_both_ways),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
