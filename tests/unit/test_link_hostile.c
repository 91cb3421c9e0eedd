/* SPDX-License-Identifier: MIT */
/*
 * test_link_hostile.c - an end that is driven by hand and breaks the rules:
 * the line is cut, once, and every descriptor that came is closed.
 */
#include <sys/resource.h>
#include <sys/socket.h>

#include "link_fixture.h"
#include "skip_all.h"

enum { FDS_MAX = 32 };

static int raw = -1;                    /* the hostile end */

static int join_hostile(void **state)
{
	int fds[2];

	memset(&ours, 0, sizeof(ours));
	if (make_loop(state) < 0 || pvb_link_pair(fds) < 0)
		return -1;
	raw = fds[1];
	return pvb_link_init(&ours.k, loop, fds[0], &noting_ops);
}

static int part_hostile(void **state)
{
	(void)close(raw);
	pvb_link_fini(&ours.k);
	return drop_loop(state);
}

/* A message of `bytes` with `nfds` copies of standard input. */
static void send_raw(size_t bytes, unsigned int nfds)
{
	static char text[2 * PVB_LINK_MSG_MAX];
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(FDS_MAX * sizeof(int))];
	} control = { .bytes = { 0 } };
	struct iovec iov = { text, bytes };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (nfds > 0) {
		/* All zero: each is standard input. */
		m.msg_control = &control;
		m.msg_controllen = CMSG_SPACE(nfds * sizeof(int));
		control.align.cmsg_level = SOL_SOCKET;
		control.align.cmsg_type = SCM_RIGHTS;
		control.align.cmsg_len = CMSG_LEN(nfds * sizeof(int));
	}
	assert_int_equal(sendmsg(raw, &m, MSG_NOSIGNAL), (ssize_t)bytes);
}

/* Our end, too, is closed by what was sent. */
static void assert_cut(int fds_before)
{
	for (int i = 0; i < 3; i++)
		turn();
	assert_int_equal(ours.messages, 0);
	assert_int_equal(ours.closed, 1);
	assert_int_equal(open_fds(), fds_before - 1);
	assert_int_equal(pvb_link_send(&ours.k, "x", 1, NULL, 0), -EPIPE);
}

static void message_that_is_too_long_cuts_the_line(void **state)
{
	int before = open_fds();

	(void)state;
	send_raw(PVB_LINK_MSG_MAX + 1, 3);
	assert_cut(before);
}

static void empty_message_cuts_the_line(void **state)
{
	int before = open_fds();

	(void)state;
	send_raw(0, 2);
	assert_cut(before);
}

static void too_many_descriptors_cut_the_line(void **state)
{
	int before = open_fds();

	(void)state;
	send_raw(8, PVB_LINK_FDS_MAX + 1);
	assert_cut(before);
}

static void far_too_many_descriptors_cut_the_line(void **state)
{
	int before = open_fds();

	(void)state;
	send_raw(8, FDS_MAX);
	assert_cut(before);
}

static void nothing_after_the_breach_is_heard(void **state)
{
	int before = open_fds();

	(void)state;
	send_raw(PVB_LINK_MSG_MAX + 1, 0);
	send_raw(8, 2);
	send_raw(8, 0);
	assert_cut(before);
}

static void flood_is_taken_one_message_a_turn(void **state)
{
	(void)state;
	for (int i = 0; i < 5; i++)
		send_raw(8, 1);
	for (int i = 1; i <= 5; i++) {
		turn();
		assert_int_equal(ours.messages, i);
	}
}

/* The peer can fill our table of descriptors; then its own line is cut. */
static void descriptors_that_find_no_room_cut_the_line(void **state)
{
	struct rlimit old, tight;
	int before = open_fds(), next;

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	next = dup(0);
	(void)close(next);
	tight = old;
	tight.rlim_cur = (rlim_t)next + 1;
	send_raw(8, 4);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &tight), 0);
	turn();
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
	assert_cut(before);
}

static void end_in_closed(struct pvb_link *k)
{
	note_closed(k);
	pvb_link_fini(k);
}

static void closed_may_end_the_link_after_a_breach(void **state)
{
	static const struct pvb_link_ops ops = { note_message, end_in_closed };
	int before = open_fds();

	(void)state;
	ours.k.ops = &ops;
	send_raw(8, PVB_LINK_FDS_MAX + 1);
	assert_cut(before);
}

/* A kernel says when it drops descriptors.  An emulator may take them into
   larger room of its own, lose them there and say nothing. */
static bool drops_are_told(void)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(2 * sizeof(int))];
	} control = { .bytes = { 0 } };
	char text[8];
	struct iovec iov = { text, sizeof(text) };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1,
	                    .msg_control = &control,
	                    .msg_controllen = sizeof(control) };
	int fds[2], got[2];

	if (pvb_link_pair(fds) < 0)
		return false;
	raw = fds[1];
	send_raw(sizeof(text), 3);
	if (recvmsg(fds[0], &m, 0) == sizeof(text)) {
		memcpy(got, CMSG_DATA(&control.align), sizeof(got));
		(void)close(got[0]);
		(void)close(got[1]);
	}
	(void)close(fds[0]);
	(void)close(raw);
	return m.msg_flags & MSG_CTRUNC;
}

#define HOSTILE(test) \
	cmocka_unit_test_setup_teardown(test, join_hostile, part_hostile)

int main(void)
{
	const struct CMUnitTest tests[] = {
		HOSTILE(message_that_is_too_long_cuts_the_line),
		HOSTILE(empty_message_cuts_the_line),
		HOSTILE(too_many_descriptors_cut_the_line),
		HOSTILE(far_too_many_descriptors_cut_the_line),
		HOSTILE(nothing_after_the_breach_is_heard),
		HOSTILE(flood_is_taken_one_message_a_turn),
		HOSTILE(descriptors_that_find_no_room_cut_the_line),
		HOSTILE(closed_may_end_the_link_after_a_breach),
	};

	if (!drops_are_told())
		return skip_all("recvmsg here does not set MSG_CTRUNC");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
