/* SPDX-License-Identifier: MIT */
/* cases_wire.c - messages as no good client sends them. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cases.h"

static size_t encode(uint8_t *out, uint32_t type, uint32_t req_id,
                     const void *payload, size_t length)
{
	struct pvb_xs_header h = { type, req_id, 0, (uint32_t)length };

	pvb_xs_header_encode(out, &h);
	memcpy(out + PVB_XS_HEADER_BYTES, payload, length);
	return PVB_XS_HEADER_BYTES + length;
}

static void unknown_types_are_answered(struct rig *r)
{
	static const uint32_t types[] = { 20, 77, 0xffff, 0xffffffff };
	struct client *c = rig_open(r, 0);

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		assert_int_equal(client_call(c, types[i], 0, "x", 2), -ENOSYS);
	assert_int_equal(xw_read(c, 0, "/"), 0);
}

static void types_of_the_store_are_not_requests(struct rig *r)
{
	struct client *c = rig_open(r, 0);

	assert_int_equal(client_call(c, PVB_XS_WATCH_EVENT, 0, "/a\0t", 5),
	                 -ENOSYS);
	assert_int_equal(client_call(c, PVB_XS_ERROR, 0, "EIO", 4), -ENOSYS);
}

static void a_path_without_its_nul_is_refused(struct rig *r)
{
	struct client *c = rig_open(r, 0);

	assert_int_equal(client_call(c, PVB_XS_WRITE, 0, "/t/a", 4), -EINVAL);
	if (rig_differs(r, "no-string-is-any-error")) {
		assert_true(client_call(c, PVB_XS_READ, 0, "/t/a", 4) < 0);
		return;
	}
	assert_int_equal(client_call(c, PVB_XS_READ, 0, "/t/a", 4), -EINVAL);
	assert_int_equal(client_call(c, PVB_XS_RM, 0, "/t/a", 4), -EINVAL);
	if (!rig_differs(r, "empty-message-is-waited-with"))
		assert_int_equal(client_call(c, PVB_XS_READ, 0, "", 0),
		                 -EINVAL);
}

static void requests_in_a_row_are_answered_in_order(struct rig *r)
{
	uint8_t bytes[100 * 64];
	struct client *c = rig_open(r, 0);
	size_t at = 0;
	char payload[32];
	int n;

	assert_int_equal(xw_mkdir(c, 0, "/t"), 0);
	for (int i = 0; i < 50; i++) {
		n = snprintf(payload, sizeof(payload), "/t/%d%c%d", i, 0, i);
		at += encode(bytes + at, PVB_XS_WRITE, 1000, payload,
		             (size_t)n);
		n = snprintf(payload, sizeof(payload), "/t/%d", i) + 1;
		at += encode(bytes + at, PVB_XS_READ, 2000, payload,
		             (size_t)n);
	}
	assert_int_equal(send(c->fd, bytes, at, MSG_NOSIGNAL), at);
	for (int i = 0; i < 50; i++) {
		assert_int_equal(client_receive(c), 0);
		assert_string_equal(c->reply, "OK");
		assert_int_equal(client_receive(c), 0);
		snprintf(payload, sizeof(payload), "%d", i);
		assert_string_equal(c->reply, payload);
	}
}

static void a_message_may_come_byte_by_byte(struct rig *r)
{
	uint8_t bytes[64];
	struct client *c = rig_open(r, 0);
	size_t n;

	if (rig_differs(r, "message-in-pieces-aborts"))
		return;
	n = encode(bytes, PVB_XS_WRITE, 7, "/t/slow\0value", 13);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(send(c->fd, bytes + i, 1, MSG_NOSIGNAL), 1);
	assert_int_equal(client_receive(c), 0);
	assert_reads(c, 0, "/t/slow", "value");
}

static void a_guest_may_send_byte_by_byte(struct rig *r)
{
	uint16_t domid = rig_boot(r);
	struct client *c = rig_open(r, 0), *g = rig_open(r, domid);
	uint8_t bytes[64];
	size_t n;

	assert_int_equal(xw_write(c, 0, "/t/a", "value"), 0);
	assert_int_equal(xw_set_perms(c, 0, "/t/a", "r0"), 0);
	n = encode(bytes, PVB_XS_READ, 7, "/t/a", 5);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(send(g->fd, bytes + i, 1, MSG_NOSIGNAL), 1);
	assert_int_equal(client_receive(g), 0);
	assert_string_equal(g->reply, "value");
}

static void a_message_that_is_too_long_ends_the_connection(struct rig *r)
{
	struct pvb_xs_header h = { PVB_XS_READ, 1, 0, 4097 };
	struct client *c = rig_open(r, 0), *other = rig_open(r, 0);
	uint8_t bytes[PVB_XS_HEADER_BYTES];

	if (rig_differs(r, "long-message-aborts") ||
	    rig_differs(r, "long-message-is-waited-for"))
		return;
	pvb_xs_header_encode(bytes, &h);
	assert_int_equal(send(c->fd, bytes, sizeof(bytes), MSG_NOSIGNAL),
	                 sizeof(bytes));
	assert_int_equal(client_receive(c), -EPIPE);
	assert_int_equal(xw_read(other, 0, "/"), 0);
}

static void half_a_message_and_hanging_up_is_fine(struct rig *r)
{
	struct client *c = rig_open(r, 0), *gone;
	uint8_t bytes[64];
	char path[128];

	if (rig_differs(r, "message-in-pieces-aborts"))
		return;
	encode(bytes, PVB_XS_WRITE, 7, "/t/half\0value", 13);
	rig_door(r, 0, path, sizeof(path));
	for (size_t n = 1; n < 29; n += 9) {
		gone = client_open(path, 0);
		assert_int_equal(send(gone->fd, bytes, n, MSG_NOSIGNAL), n);
		client_close(gone);
	}
	assert_int_equal(xw_read(c, 0, "/t/half"), -ENOENT);
}

/* Resident kilobytes of the store. */
static long resident_kib(const struct rig *r)
{
	char path[64], line[128];
	long kib = -1;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)r->daemon);
	f = fopen(path, "r");
	assert_non_null(f);
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "VmRSS: %ld", &kib) == 1)
			break;
	fclose(f);
	return kib;
}

/* The store grew by no more than is owed to one deaf client.  (Sanitizers
   keep what was freed; they are built into both or neither.) */
static void assert_small(const struct rig *r, long before_kib)
{
	if (rig_differs(r, "events-kept-without-bound"))
		return;
#ifdef __SANITIZE_ADDRESS__
	(void)before_kib;
#else
	assert_in_range(resident_kib(r), 0, before_kib + 2048);
#endif
}

static void who_does_not_take_events_costs_little(struct rig *r)
{
	struct client *deaf = rig_open(r, 0), *c = rig_open(r, 0);
	long before = resident_kib(r);
	char path[64];

	if (rig_differs(r, "deaf-watcher-holds-up-the-writer"))
		return;
	assert_int_equal(xw_watch(deaf, "/t", "w"), 0);
	for (int round = 0; round < 2; round++) {
		for (int i = 0; i < 10000; i++) {
			snprintf(path, sizeof(path), "/t/%d/%d", i / 100, i);
			assert_int_equal(xw_write(c, 0, path, "x"), 0);
		}
		if (round == 0)         /* the nodes themselves */
			before = resident_kib(r);
	}
	assert_small(r, before);
	/* It still gets its answers, and has been told that there is more. */
	assert_int_equal(xw_read(c, 0, "/t/99/9999"), 0);
}

static void who_does_not_take_answers_is_not_read_from(struct rig *r)
{
	uint16_t domid = rig_boot(r);
	struct client *c = rig_open(r, 0), *g = rig_open(r, domid);
	uint8_t bytes[64];
	struct pollfd p = { .events = POLLOUT };
	size_t n, sent = 0;
	char big[2001];
	ssize_t k;

	memset(big, 'v', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\0';
	assert_int_equal(xw_write(c, 0, "/t/big", big), 0);
	assert_int_equal(xw_set_perms(c, 0, "/t/big", "r0"), 0);
	n = encode(bytes, PVB_XS_READ, 7, "/t/big", 7);
	/* Until nothing more goes in for a while. */
	p.fd = g->fd;
	while (poll(&p, 1, 300) == 1) {
		k = send(g->fd, bytes + sent % n, n - sent % n,
		         MSG_NOSIGNAL | MSG_DONTWAIT);
		if (k > 0)
			sent += (size_t)k;
		assert_true(sent < 64u << 20);
	}
	/* Others do not feel it; and in the end it gets every answer. */
	assert_int_equal(xw_read(c, 0, "/t/big"), 0);
	for (size_t i = 0; i < sent / n; i++) {
		assert_int_equal(client_receive(g), 0);
		assert_int_equal(g->length, sizeof(big) - 1);
	}
}

const struct case_entry wire_cases[] = {
	CASE(unknown_types_are_answered),
	CASE(types_of_the_store_are_not_requests),
	CASE(a_path_without_its_nul_is_refused),
	CASE(requests_in_a_row_are_answered_in_order),
	CASE(a_message_may_come_byte_by_byte),
	CASE(a_guest_may_send_byte_by_byte),
	CASE(a_message_that_is_too_long_ends_the_connection),
	CASE(half_a_message_and_hanging_up_is_fine),
	CASE(who_does_not_take_events_costs_little),
	CASE(who_does_not_take_answers_is_not_read_from),
	{ NULL, NULL },
};
