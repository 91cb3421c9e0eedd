/* SPDX-License-Identifier: MIT */
/*
 * test_store_hostile.c - the store table over a socket at whose other end is
 * no good store.  What it will say is put into the socket before the request
 * is made, so nothing here waits.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include <pvb/err.h>

#include "hyp/store.h"
#include "proto/xswire.h"

struct world {
	char dir[32], path[64];
	int listener, fd;               /* the store's end */
	struct pvb_store *s;
};

static int set_up(void **state)
{
	static struct world w;
	struct sockaddr_un me = { .sun_family = AF_UNIX };

	memset(&w, 0, sizeof(w));
	strcpy(w.dir, "/tmp/pvb-hostile-XXXXXX");
	assert_non_null(mkdtemp(w.dir));
	snprintf(w.path, sizeof(w.path), "%s/socket", w.dir);
	strcpy(me.sun_path, w.path);
	w.listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(w.listener, (struct sockaddr *)&me, sizeof(me)),
	                 0);
	assert_int_equal(listen(w.listener, 1), 0);
	w.s = pvb_store_open_socket(w.path, NULL);
	assert_non_null(w.s);
	w.fd = accept(w.listener, NULL, NULL);
	assert_true(w.fd >= 0);
	*state = &w;
	return 0;
}

static int tear_down(void **state)
{
	struct world *w = *state;

	pvb_store_close(w->s);
	close(w->fd);
	close(w->listener);
	unlink(w->path);
	rmdir(w->dir);
	return 0;
}

static void say(struct world *w, uint32_t type, uint32_t req_id,
                const void *payload, uint32_t length)
{
	struct pvb_xs_header h = { type, req_id, 0, length };
	uint8_t bytes[PVB_XS_HEADER_BYTES];

	pvb_xs_header_encode(bytes, &h);
	assert_int_equal(send(w->fd, bytes, sizeof(bytes), MSG_NOSIGNAL),
	                 sizeof(bytes));
	if (length && length <= PVB_XS_WIRE_PAYLOAD_MAX)
		assert_int_equal(send(w->fd, payload, length, MSG_NOSIGNAL),
		                 length);
}

static int read_a(struct world *w)
{
	char value[16];

	return w->s->ops->read(w->s, 0, "/a", value, sizeof(value));
}

/* Everything fails from now on, and says so. */
static void expect_dead(struct world *w)
{
	struct pvb_store_event e;
	char *names;
	uint32_t tx;

	assert_int_equal(read_a(w), -EIO);
	assert_int_equal(w->s->ops->write(w->s, 0, "/a", "", 0), -EIO);
	assert_int_equal(w->s->ops->list(w->s, 0, "/a", &names), -EIO);
	assert_int_equal(w->s->ops->begin(w->s, &tx), -EIO);
	assert_int_equal(w->s->ops->watch(w->s, "/a", 1), -EIO);
	assert_int_equal(w->s->ops->domain_exists(w->s, 1), -EIO);
	while (w->s->ops->next_event(w->s, &e) == 1)
		;
	assert_int_equal(w->s->ops->next_event(w->s, &e), -EIO);
}

static void a_good_answer_is_taken(void **state)
{
	struct world *w = *state;

	say(w, PVB_XS_READ, 1, "value", 5);
	assert_int_equal(read_a(w), 5);
}

static void an_answer_to_another_question(void **state)
{
	struct world *w = *state;

	say(w, PVB_XS_READ, 2, "value", 5);
	assert_int_equal(read_a(w), -EIO);
	expect_dead(w);
}

static void an_answer_of_another_type(void **state)
{
	struct world *w = *state;

	say(w, PVB_XS_WRITE, 1, "OK", 3);
	assert_int_equal(read_a(w), -EIO);
	expect_dead(w);
}

static void an_answer_that_is_too_long(void **state)
{
	struct world *w = *state;

	say(w, PVB_XS_READ, 1, NULL, 4097);
	assert_int_equal(read_a(w), -EIO);
	expect_dead(w);
}

static void an_answer_to_nothing(void **state)
{
	struct pvb_store_event e;
	struct world *w = *state;

	say(w, PVB_XS_READ, 0, "value", 5);
	assert_int_equal(w->s->ops->next_event(w->s, &e), -EIO);
	expect_dead(w);
}

static void an_error_without_a_name_that_we_know(void **state)
{
	struct world *w = *state;

	say(w, PVB_XS_ERROR, 1, "EWHATEVER", 10);
	assert_int_equal(read_a(w), -EIO);
	expect_dead(w);
}

static void errors_are_those_of_the_table(void **state)
{
	static const struct { const char *name; int code; } errors[] = {
		{ "ENOENT", -ENOENT }, { "EACCES", -EACCES },
		{ "EPERM", -EACCES },  { "EQUOTA", -ENOSPC },
		{ "ENOMEM", -ENOSPC }, { "EBUSY", -EINVAL },
		{ "E2BIG", -E2BIG },   { "EAGAIN", -EAGAIN },
	};
	struct world *w = *state;

	for (uint32_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		say(w, PVB_XS_ERROR, i + 1, errors[i].name,
		    (uint32_t)strlen(errors[i].name) + 1);
		assert_int_equal(read_a(w), errors[i].code);
	}
}

static void a_hang_up(void **state)
{
	struct world *w = *state;

	shutdown(w->fd, SHUT_RDWR);
	assert_int_equal(read_a(w), -EIO);
	expect_dead(w);
}

static void half_an_answer_and_a_hang_up(void **state)
{
	struct world *w = *state;

	assert_int_equal(send(w->fd, "\2\0\0\0\1", 5, MSG_NOSIGNAL), 5);
	shutdown(w->fd, SHUT_WR);
	assert_int_equal(read_a(w), -EIO);
	expect_dead(w);
}

static void a_transaction_without_a_number(void **state)
{
	static const char *const ids[] = { "", "0", "x", "-1", "4294967296" };
	struct world *w = *state;
	uint32_t tx;

	for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
		say(w, PVB_XS_TRANSACTION_START, 1, ids[i],
		    (uint32_t)strlen(ids[i]) + 1);
		assert_int_equal(w->s->ops->begin(w->s, &tx), -EIO);
		expect_dead(w);
		tear_down(state);
		set_up(state);
	}
}

static void names_without_an_end(void **state)
{
	struct world *w = *state;
	char *names;

	say(w, PVB_XS_DIRECTORY, 1, "a\0b", 3);
	assert_int_equal(w->s->ops->list(w->s, 0, "/a", &names), -EIO);
	expect_dead(w);
}

static void parts_of_a_directory_that_make_no_sense(void **state)
{
	static const struct { const char *text; uint32_t length; } parts[] = {
		{ "", 0 }, { "1", 1 }, { "1", 2 }, { "1\0a", 3 },
		{ "1234567890123456789012345\0a\0\0", 29 },
	};
	struct world *w = *state;
	char *names;

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		say(w, PVB_XS_ERROR, 1, "E2BIG", 6);
		say(w, PVB_XS_DIRECTORY_PART, 2, parts[i].text,
		    parts[i].length);
		assert_int_equal(w->s->ops->list(w->s, 0, "/a", &names), -EIO);
		expect_dead(w);
		tear_down(state);
		set_up(state);
	}
}

static void a_directory_that_changes_all_the_time(void **state)
{
	struct world *w = *state;
	uint32_t id = 1;
	char *names;

	say(w, PVB_XS_ERROR, id++, "E2BIG", 6);
	for (int i = 0; i < 64; i++) {
		say(w, PVB_XS_DIRECTORY_PART, id++, "1\0name", 7);
		say(w, PVB_XS_DIRECTORY_PART, id++, "2\0name", 7);
	}
	assert_int_equal(w->s->ops->list(w->s, 0, "/a", &names), -EAGAIN);
	/* That is no reason to hang up. */
	say(w, PVB_XS_READ, id, "value", 5);
	assert_int_equal(read_a(w), 5);
}

static void permissions_that_are_none(void **state)
{
	static const char *const wrong[] = { "x0", "r", "r-1", "r65536", "" };
	struct pvb_store_perm perm[2];
	struct world *w = *state;

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		say(w, PVB_XS_GET_PERMS, 1, wrong[i],
		    (uint32_t)strlen(wrong[i]) + 1);
		assert_int_equal(w->s->ops->get_perms(w->s, 0, "/a", perm, 2),
		                 -EIO);
		expect_dead(w);
		tear_down(state);
		set_up(state);
	}
}

static void events_that_nobody_asked_for_are_dropped(void **state)
{
	static const struct { const char *text; uint32_t length; } events[] = {
		{ "", 0 }, { "/a", 2 }, { "/a", 3 }, { "/a\0x", 5 },
		{ "/a\0007", 5 },        /* a token that was never given */
		{ "/b\0005", 5 },        /* a path that is not below */
		{ "/a\00005", 6 }, { "/a\000+5", 6 }, { "/ab\0005", 6 },
	};
	struct pvb_store_event e;
	struct world *w = *state;

	say(w, PVB_XS_WATCH, 1, "OK", 3);
	assert_int_equal(w->s->ops->watch(w->s, "/a", 5), 0);
	for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++)
		say(w, PVB_XS_WATCH_EVENT, 0, events[i].text, events[i].length);
	assert_int_equal(w->s->ops->next_event(w->s, &e), 0);
	say(w, PVB_XS_WATCH_EVENT, 0, "/a/b\0005", 7);
	assert_int_equal(w->s->ops->next_event(w->s, &e), 1);
	assert_string_equal(e.path, "/a/b");
	assert_true(e.token == 5);
	assert_int_equal(w->s->ops->next_event(w->s, &e), 0);
}

static void what_does_not_fit_a_request_is_refused_here(void **state)
{
	struct world *w = *state;
	static char big[4096];
	struct pvb_store_perm perm[600] = { { 0, 0 } };

	assert_int_equal(w->s->ops->write(w->s, 0, "/a", big, sizeof(big)),
	                 -E2BIG);
	for (size_t i = 0; i < 600; i++)
		perm[i].domid = 30000;
	assert_int_equal(w->s->ops->set_perms(w->s, 0, "/a", perm, 600),
	                 -E2BIG);
	/* Nothing was sent, so this is the first question. */
	say(w, PVB_XS_READ, 1, "value", 5);
	assert_int_equal(read_a(w), 5);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(a_good_answer_is_taken),
		TEST(an_answer_to_another_question),
		TEST(an_answer_of_another_type),
		TEST(an_answer_that_is_too_long),
		TEST(an_answer_to_nothing),
		TEST(an_error_without_a_name_that_we_know),
		TEST(errors_are_those_of_the_table),
		TEST(a_hang_up),
		TEST(half_an_answer_and_a_hang_up),
		TEST(a_transaction_without_a_number),
		TEST(names_without_an_end),
		TEST(parts_of_a_directory_that_make_no_sense),
		TEST(a_directory_that_changes_all_the_time),
		TEST(permissions_that_are_none),
		TEST(events_that_nobody_asked_for_are_dropped),
		TEST(what_does_not_fit_a_request_is_refused_here),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
