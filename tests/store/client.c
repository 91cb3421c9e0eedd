/* SPDX-License-Identifier: MIT */
/* client.c - a client of the XenStore wire protocol for tests. */
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "client.h"

enum { ANSWER_MS = 20000 };

struct client *client_open(const char *path, uint16_t domid)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	struct client *c = calloc(1, sizeof(*c));

	assert_non_null(c);
	assert_true(strlen(path) < sizeof(to.sun_path));
	strcpy(to.sun_path, path);
	c->domid = domid;
	c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(c->fd >= 0);
	assert_int_equal(connect(c->fd, (struct sockaddr *)&to, sizeof(to)), 0);
	return c;
}

void client_close(struct client *c)
{
	close(c->fd);
	free(c);
}

/* ---- messages ---------------------------------------------------------- */

void client_send(struct client *c, uint32_t type, uint32_t tx,
                 const void *payload, size_t length)
{
	uint8_t bytes[PVB_XS_HEADER_BYTES + PVB_XS_WIRE_PAYLOAD_MAX];
	struct pvb_xs_header h = { type, ++c->req_id, tx, (uint32_t)length };

	assert_true(length <= PVB_XS_WIRE_PAYLOAD_MAX);
	pvb_xs_header_encode(bytes, &h);
	if (length)
		memcpy(bytes + PVB_XS_HEADER_BYTES, payload, length);
	/* One write, because xenstored 4.17 does not bear less. */
	length += PVB_XS_HEADER_BYTES;
	assert_int_equal(send(c->fd, bytes, length, MSG_NOSIGNAL), length);
}

/* Wait for a message: true; false: the store hung up. */
static int next_message(struct client *c, struct pvb_xs_header *h,
                        const char **payload)
{
	struct pollfd p = { .fd = c->fd, .events = POLLIN };
	uint8_t *where;
	size_t want;
	ssize_t n;
	int rc;

	do {
		want = pvb_xs_reader_want(&c->in, &where);
		if (poll(&p, 1, ANSWER_MS) != 1)
			fail_msg("no answer from the store");
		n = recv(c->fd, where, want, 0);
		if (n <= 0)
			return 0;
		rc = pvb_xs_reader_got(&c->in, (size_t)n);
		assert_true(rc >= 0);
	} while (rc == 0);
	pvb_xs_reader_message(&c->in, h, payload);
	pvb_xs_reader_next(&c->in);
	return 1;
}

static void keep_event(struct client *c, const struct pvb_xs_header *h,
                       const char *payload)
{
	size_t at = strlen(c->events);
	const char *token = payload + strlen(payload) + 1;

	assert_int_equal(h->req_id, 0);
	assert_int_equal(h->tx_id, 0);
	assert_int_equal(strlen(payload) + strlen(token) + 2, h->length);
	assert_true(at + h->length + 2 < sizeof(c->events));
	sprintf(c->events + at, "%s %s\n", payload, token);
}

int client_receive(struct client *c)
{
	struct pvb_xs_header h;
	const char *payload;

	do {
		if (!next_message(c, &h, &payload))
			return -EPIPE;
		if (h.type == PVB_XS_WATCH_EVENT)
			keep_event(c, &h, payload);
	} while (h.type == PVB_XS_WATCH_EVENT);
	c->length = h.length;
	memcpy(c->reply, payload, h.length);
	c->reply[h.length] = '\0';
	if (h.type == PVB_XS_ERROR)
		return pvb_xs_error_code(c->reply);
	return 0;
}

int client_call(struct client *c, uint32_t type, uint32_t tx,
                const void *payload, size_t length)
{
	client_send(c, type, tx, payload, length);
	return client_receive(c);
}

/* ---- requests ---------------------------------------------------------- */

static int call_text(struct client *c, uint32_t type, uint32_t tx,
                     const char *text)
{
	return client_call(c, type, tx, text, strlen(text) + 1);
}

static int call_two(struct client *c, uint32_t type, uint32_t tx,
                    const char *first, const char *second, size_t tail)
{
	char payload[PVB_XS_WIRE_PAYLOAD_MAX];
	size_t a = strlen(first) + 1, b = strlen(second) + tail;

	assert_true(a + b <= sizeof(payload));
	memcpy(payload, first, a);
	memcpy(payload + a, second, b);
	return client_call(c, type, tx, payload, a + b);
}

int xw_read(struct client *c, uint32_t tx, const char *path)
{
	return call_text(c, PVB_XS_READ, tx, path);
}

int xw_write(struct client *c, uint32_t tx, const char *path, const char *text)
{
	return call_two(c, PVB_XS_WRITE, tx, path, text, 0);
}

int xw_mkdir(struct client *c, uint32_t tx, const char *path)
{
	return call_text(c, PVB_XS_MKDIR, tx, path);
}

int xw_rm(struct client *c, uint32_t tx, const char *path)
{
	return call_text(c, PVB_XS_RM, tx, path);
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Sort the strings of `text` (each ended by `end`), drop repeated ones, join
   them by `join` in place. */
static void tidy(char *text, size_t length, char end, char join)
{
	static char copy[sizeof(((struct client *)0)->events)];
	static char *part[4096];
	size_t n = 0, at = 0;

	assert_true(length <= sizeof(copy));
	memcpy(copy, text, length);
	for (size_t i = 0, start = 0; i < length; i++) {
		if (copy[i] != end)
			continue;
		copy[i] = '\0';
		assert_true(n < sizeof(part) / sizeof(part[0]));
		part[n++] = copy + start;
		start = i + 1;
	}
	qsort(part, n, sizeof(part[0]), by_text);
	for (size_t i = 0; i < n; i++) {
		if (i && strcmp(part[i], part[i - 1]) == 0)
			continue;
		strcpy(text + at, part[i]);
		at += strlen(part[i]);
		text[at++] = join;
	}
	text[at] = '\0';
}

/* Like tidy, for the reply: no join after the last. */
static void tidy_reply(struct client *c)
{
	tidy(c->reply, c->length, '\0', ',');
	if (c->reply[0])
		c->reply[strlen(c->reply) - 1] = '\0';
}

int xw_list(struct client *c, uint32_t tx, const char *path)
{
	int rc = call_text(c, PVB_XS_DIRECTORY, tx, path);

	if (rc == 0)
		tidy_reply(c);
	return rc;
}

int xw_set_perms(struct client *c, uint32_t tx, const char *path,
                 const char *perms)
{
	char text[PVB_XS_WIRE_PAYLOAD_MAX];

	strcpy(text, perms);
	for (char *p = text; (p = strchr(p, ',')); p++)
		*p = '\0';
	/* call_two measures by strlen, so give it the rest of the length. */
	return call_two(c, PVB_XS_SET_PERMS, tx, path, text,
	                strlen(perms) + 1 - strlen(text));
}

int xw_get_perms(struct client *c, uint32_t tx, const char *path)
{
	int rc = call_text(c, PVB_XS_GET_PERMS, tx, path);

	/* Their order means something: join, do not sort. */
	for (uint32_t i = 0; rc == 0 && i + 1 < c->length; i++)
		if (c->reply[i] == '\0')
			c->reply[i] = ',';
	return rc;
}

int xw_begin(struct client *c, uint32_t *tx)
{
	int rc = call_text(c, PVB_XS_TRANSACTION_START, 0, "");

	if (rc == 0)
		*tx = (uint32_t)strtoul(c->reply, NULL, 10);
	return rc;
}

int xw_end(struct client *c, uint32_t tx, const char *how)
{
	return call_text(c, PVB_XS_TRANSACTION_END, tx, how);
}

int xw_watch(struct client *c, const char *path, const char *token)
{
	return call_two(c, PVB_XS_WATCH, 0, path, token, 1);
}

int xw_unwatch(struct client *c, const char *path, const char *token)
{
	return call_two(c, PVB_XS_UNWATCH, 0, path, token, 1);
}

int xw_domain(struct client *c, uint32_t type, unsigned int domid)
{
	char text[16];

	snprintf(text, sizeof(text), "%u", domid);
	return call_text(c, type, 0, text);
}

const char *client_events(struct client *c)
{
	static char events[sizeof(c->events)];

	/* Answers and events come in order: what was there before this
	   question is here with its answer.  Twice, because an event of our
	   own request may follow its answer. */
	for (int i = 0; i < 2; i++)
		assert_int_equal(xw_domain(c, PVB_XS_GET_DOMAIN_PATH, 0), 0);
	strcpy(events, c->events);
	c->events[0] = '\0';
	tidy(events, strlen(events), '\n', '\n');
	return events;
}
