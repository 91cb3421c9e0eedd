/* SPDX-License-Identifier: MIT */
/* test_xsserver.c - one connection to the store: cuts, throttling, its end. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/loop.h"
#include "broker/xsserver.h"

struct world {
	struct pvb_loop *loop;
	struct pvb_xstree *tree;
	struct pvb_xsserver *server;
	int fd;                         /* the client's end */
	uint32_t closed, introduced, released;
	bool destroy_when_closed;
};

static int on_introduce(void *arg, uint16_t domid)
{
	struct world *w = arg;

	w->introduced = domid;
	return pvb_xstree_introduce(w->tree, domid);
}

static int on_release(void *arg, uint16_t domid)
{
	struct world *w = arg;

	w->released = domid;
	return pvb_xstree_release(w->tree, domid);
}

static void on_closed(struct pvb_xsserver *s, void *arg)
{
	struct world *w = arg;

	assert_ptr_equal(s, w->server);
	w->closed++;
	if (!w->destroy_when_closed)
		return;
	pvb_xsserver_destroy(s);
	w->server = NULL;
}

static const struct pvb_xsserver_ops ops = { on_introduce, on_release };

static void connect_as(struct world *w, uint16_t domid)
{
	struct pvb_xsserver_config config = {
		w->tree, w->loop, &ops, on_closed, w, domid };
	int pair[2], err;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0,
	                            pair), 0);
	w->fd = pair[0];
	w->server = pvb_xsserver_create(&config, pair[1], &err);
	assert_non_null(w->server);
}

static int set_up(void **state)
{
	static struct world w;

	memset(&w, 0, sizeof(w));
	w.loop = pvb_loop_create(NULL, NULL);
	w.tree = pvb_xstree_create(NULL);
	connect_as(&w, 0);
	*state = &w;
	return 0;
}

static int tear_down(void **state)
{
	struct world *w = *state;

	pvb_xsserver_destroy(w->server);
	pvb_xstree_destroy(w->tree);
	pvb_loop_destroy(w->loop);
	close(w->fd);
	return 0;
}

static void turn(struct world *w)
{
	for (int i = 0; i < 4; i++)
		assert_int_equal(pvb_loop_turn(w->loop, false), 0);
}

static size_t encode(uint8_t *out, uint32_t type, const void *payload,
                     size_t bytes)
{
	struct pvb_xs_header h = { type, 1, 0, (uint32_t)bytes };

	pvb_xs_header_encode(out, &h);
	memcpy(out + PVB_XS_HEADER_BYTES, payload, bytes);
	return PVB_XS_HEADER_BYTES + bytes;
}

static void put(struct world *w, const void *bytes, size_t n)
{
	assert_int_equal(send(w->fd, bytes, n, MSG_NOSIGNAL), n);
	turn(w);
}

static void request(struct world *w, uint32_t type, const void *payload,
                    size_t n)
{
	uint8_t bytes[256];

	put(w, bytes, encode(bytes, type, payload, n));
}

/* The next message, which must have come; its type, or -1: hung up. */
static int get(struct world *w, char payload[4097])
{
	uint8_t bytes[PVB_XS_HEADER_BYTES];
	struct pvb_xs_header h;
	ssize_t n = recv(w->fd, bytes, sizeof(bytes), MSG_DONTWAIT);

	if (n == 0)
		return -1;
	assert_int_equal(n, sizeof(bytes));
	assert_true(pvb_xs_header_decode(&h, bytes));
	if (h.length)
		assert_int_equal(recv(w->fd, payload, h.length, MSG_WAITALL),
		                 h.length);
	payload[h.length] = '\0';
	return (int)h.type;
}

static void nothing_has_come(struct world *w)
{
	char byte;

	assert_int_equal(recv(w->fd, &byte, 1, MSG_DONTWAIT | MSG_PEEK), -1);
	assert_int_equal(errno, EAGAIN);
}

static void a_request_may_come_in_any_pieces(void **state)
{
	struct world *w = *state;
	uint8_t bytes[128];
	char payload[4097];
	size_t n;

	n = encode(bytes, PVB_XS_WRITE, "/a\0value", 8);
	n += encode(bytes + n, PVB_XS_READ, "/a", 3);
	for (size_t cut = 1; cut < n; cut++) {
		for (size_t at = 0; at < n; at += cut)
			put(w, bytes + at, n - at < cut ? n - at : cut);
		assert_int_equal(get(w, payload), PVB_XS_WRITE);
		assert_int_equal(get(w, payload), PVB_XS_READ);
		assert_string_equal(payload, "value");
		nothing_has_come(w);
	}
}

static void the_reply_comes_before_the_event_that_it_caused(void **state)
{
	struct world *w = *state;
	char payload[4097];

	request(w, PVB_XS_WATCH, "/a\0t", 5);
	assert_int_equal(get(w, payload), PVB_XS_WATCH);
	assert_int_equal(get(w, payload), PVB_XS_WATCH_EVENT);
	request(w, PVB_XS_WRITE, "/a\0x", 4);
	assert_int_equal(get(w, payload), PVB_XS_WRITE);
	assert_int_equal(get(w, payload), PVB_XS_WATCH_EVENT);
	assert_memory_equal(payload, "/a\0t", 5);
}

static void a_long_message_ends_the_connection_once(void **state)
{
	struct pvb_xs_header h = { PVB_XS_READ, 1, 0, 4097 };
	struct world *w = *state;
	uint8_t bytes[PVB_XS_HEADER_BYTES];

	pvb_xs_header_encode(bytes, &h);
	put(w, bytes, sizeof(bytes));
	assert_int_equal(w->closed, 1);
	put(w, bytes, sizeof(bytes));
	assert_int_equal(w->closed, 1);
}

static void a_hang_up_ends_the_connection_once(void **state)
{
	struct world *w = *state;

	shutdown(w->fd, SHUT_RDWR);
	turn(w);
	turn(w);
	assert_int_equal(w->closed, 1);
}

static void the_owner_may_destroy_it_when_it_closes(void **state)
{
	struct world *w = *state;

	w->destroy_when_closed = true;
	request(w, PVB_XS_WATCH, "/a\0t", 5);
	shutdown(w->fd, SHUT_WR);
	turn(w);
	assert_int_equal(w->closed, 1);
	assert_null(w->server);
}

/* Send READs of a large node until nothing more goes in; how many went. */
static size_t fill(struct world *w)
{
	uint8_t bytes[64];
	size_t n = encode(bytes, PVB_XS_READ, "/big", 5), sent = 0;
	int idle = 0;
	ssize_t k;

	while (idle < 10) {
		k = send(w->fd, bytes + sent % n, n - sent % n,
		         MSG_NOSIGNAL | MSG_DONTWAIT);
		if (k > 0)
			sent += (size_t)k;
		idle = k > 0 ? 0 : idle + 1;
		turn(w);
		assert_true(sent < 16u << 20);
	}
	return sent / n;
}

static void who_takes_no_answers_is_not_read_from(void **state)
{
	struct world *w = *state;
	static char payload[4097], big[3005] = "/big";
	size_t sent, answers = 0;
	uint8_t bytes[4096];

	memset(big + 5, 'v', 3000);
	put(w, bytes, encode(bytes, PVB_XS_WRITE, big, sizeof(big)));
	assert_int_equal(get(w, payload), PVB_XS_WRITE);
	sent = fill(w);
	assert_int_equal(w->closed, 0);
	/* It stopped because the client did, and goes on with it. */
	while (answers < sent) {
		assert_int_equal(get(w, payload), PVB_XS_READ);
		assert_int_equal(strlen(payload), 3000);
		answers++;
		turn(w);
	}
}

static void events_reach_a_client_that_reads_late(void **state)
{
	struct world *w = *state;
	struct pvb_xsclient *c = pvb_xsclient_create(w->tree, 0, NULL, NULL);
	char payload[4097] = "", last[4097] = "", path[64];
	uint32_t events = 0;

	request(w, PVB_XS_WATCH, "/a\0t", 5);
	for (int i = 0; i < 20000; i++) {
		snprintf(path, sizeof(path), "/a/%d/%d", i / 200, i);
		assert_int_equal(pvb_xstree_write(c, 0, path, "", 0), 0);
		if (i % 500 == 0)
			turn(w);
	}
	assert_int_equal(get(w, payload), PVB_XS_WATCH);
	do {
		turn(w);
		while (recv(w->fd, path, 1, MSG_DONTWAIT | MSG_PEEK) == 1) {
			assert_int_equal(get(w, payload), PVB_XS_WATCH_EVENT);
			strcpy(last, payload);
			events++;
		}
		turn(w);
	} while (recv(w->fd, path, 1, MSG_DONTWAIT | MSG_PEEK) == 1);
	assert_in_range(events, 100, 19999);
	assert_string_equal(last, "/a");
	pvb_xsclient_destroy(c);
}

static void domain_0_brings_and_takes_domains(void **state)
{
	struct world *w = *state;
	char payload[4097];

	request(w, PVB_XS_INTRODUCE, "7\0000\0000", 6);
	assert_int_equal(get(w, payload), PVB_XS_INTRODUCE);
	assert_int_equal(w->introduced, 7);
	request(w, PVB_XS_INTRODUCE, "7\0000\0000", 6);
	assert_int_equal(get(w, payload), PVB_XS_ERROR);
	assert_string_equal(payload, "EEXIST");
	request(w, PVB_XS_RELEASE, "7", 2);
	assert_int_equal(get(w, payload), PVB_XS_RELEASE);
	assert_int_equal(w->released, 7);
	request(w, PVB_XS_RELEASE, "7", 2);
	assert_int_equal(get(w, payload), PVB_XS_ERROR);
	assert_string_equal(payload, "ENOENT");
	request(w, PVB_XS_RELEASE, "0", 2);
	assert_int_equal(get(w, payload), PVB_XS_ERROR);
	assert_string_equal(payload, "EINVAL");
}

static void a_client_of_a_released_domain_may_do_nothing(void **state)
{
	struct world *w = *state;
	char payload[4097];

	pvb_xsserver_destroy(w->server);
	close(w->fd);
	assert_int_equal(pvb_xstree_introduce(w->tree, 7), 0);
	connect_as(w, 7);
	request(w, PVB_XS_WATCH, "a\0t", 4);
	assert_int_equal(get(w, payload), PVB_XS_WATCH);
	assert_int_equal(get(w, payload), PVB_XS_WATCH_EVENT);
	assert_int_equal(pvb_xstree_release(w->tree, 7), 0);
	request(w, PVB_XS_READ, "/", 2);
	assert_int_equal(get(w, payload), PVB_XS_ERROR);
	assert_string_equal(payload, "EACCES");
	request(w, PVB_XS_TRANSACTION_START, "", 1);
	assert_int_equal(get(w, payload), PVB_XS_ERROR);
	request(w, PVB_XS_WATCH, "@releaseDomain\0t", 17);
	assert_int_equal(get(w, payload), PVB_XS_ERROR);
}

static void control_answers_its_few_words(void **state)
{
	struct world *w = *state;
	char payload[4097];

	request(w, PVB_XS_CONTROL, "help", 5);
	assert_int_equal(get(w, payload), PVB_XS_CONTROL);
	assert_string_equal(payload, "help\nquota\n");
	request(w, PVB_XS_CONTROL, "quota", 6);
	assert_int_equal(get(w, payload), PVB_XS_CONTROL);
	assert_non_null(strstr(payload, "watches 128\n"));
	request(w, PVB_XS_CONTROL, "nonsense", 9);
	assert_int_equal(get(w, payload), PVB_XS_ERROR);
	assert_string_equal(payload, "EINVAL");
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(a_request_may_come_in_any_pieces),
		TEST(the_reply_comes_before_the_event_that_it_caused),
		TEST(a_long_message_ends_the_connection_once),
		TEST(a_hang_up_ends_the_connection_once),
		TEST(the_owner_may_destroy_it_when_it_closes),
		TEST(who_takes_no_answers_is_not_read_from),
		TEST(events_reach_a_client_that_reads_late),
		TEST(domain_0_brings_and_takes_domains),
		TEST(a_client_of_a_released_domain_may_do_nothing),
		TEST(control_answers_its_few_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
