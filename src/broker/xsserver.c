/* SPDX-License-Identifier: MIT */
/* xsserver.c - the store's end of one client connection; see xsserver.h. */
#include "xsserver.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/loop.h"

enum {
	MESSAGE_MAX = PVB_XS_HEADER_BYTES + PVB_XS_WIRE_PAYLOAD_MAX,
	OUT_BYTES   = 2 * MESSAGE_MAX,
	/* Requests served in a row before others have their turn. */
	TURN_MAX    = 16,
};

struct pvb_xsserver {
	struct pvb_xsserver_config config;
	struct pvb_xsclient *client;    /* owned */
	struct pvb_loop_fd watch;       /* its fd is owned */
	struct pvb_loop_task flush;
	bool closed;
	struct pvb_xs_reader in;
	uint32_t out_at, out_end;       /* what of `out` is still to be sent */
	uint8_t out[OUT_BYTES];
};

/* ---- sending ----------------------------------------------------------- */

static bool is_idle(const struct pvb_xsserver *s)
{
	return s->out_at == s->out_end;
}

/* Append waiting events as far as there is room. */
static void take_events(struct pvb_xsserver *s)
{
	struct pvb_xs_header h = { PVB_XS_WATCH_EVENT, 0, 0, 0 };
	size_t path_bytes, token_bytes;
	const char *path, *token;
	uint8_t *at;

	while (pvb_xsclient_peek_event(s->client, &path, &token)) {
		path_bytes = strlen(path) + 1;
		token_bytes = strlen(token) + 1;
		h.length = (uint32_t)(path_bytes + token_bytes);
		if (PVB_XS_HEADER_BYTES + h.length > OUT_BYTES - s->out_end)
			return;
		at = s->out + s->out_end;
		pvb_xs_header_encode(at, &h);
		at += PVB_XS_HEADER_BYTES;
		memcpy(at, path, path_bytes);
		memcpy(at + path_bytes, token, token_bytes);
		s->out_end += PVB_XS_HEADER_BYTES + h.length;
		pvb_xsclient_drop_event(s->client);
	}
}

/* Send what waits.  0: all is out, or the client does not read; -errno. */
static int flush(struct pvb_xsserver *s)
{
	ssize_t n;

	for (;;) {
		take_events(s);
		if (is_idle(s))
			return 0;
		n = send(s->watch.fd, s->out + s->out_at,
		         s->out_end - s->out_at, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN ? 0 : -errno;
		s->out_at += (uint32_t)n;
		if (is_idle(s))
			s->out_at = s->out_end = 0;
	}
}

/* ---- receiving --------------------------------------------------------- */

/* Serve the complete message; nothing of ours waits to be sent. */
static void serve(struct pvb_xsserver *s)
{
	struct pvb_xsrequest r = {
		.tree = s->config.tree,
		.client = s->client,
		.ops = s->config.ops,
		.arg = s->config.arg,
		.reply = (char *)s->out + PVB_XS_HEADER_BYTES,
	};

	pvb_xs_reader_message(&s->in, &r.header, &r.payload);
	pvb_xsrequest_run(&r);
	pvb_xs_header_encode(s->out, &r.header);
	s->out_at = 0;
	s->out_end = PVB_XS_HEADER_BYTES + r.header.length;
	pvb_xs_reader_next(&s->in);
}

/* Read on.  1: a message is complete; 0: no more for now; -errno: over. */
static int receive(struct pvb_xsserver *s)
{
	uint8_t *where;
	size_t want;
	ssize_t n;
	int rc;

	do {
		want = pvb_xs_reader_want(&s->in, &where);
		n = recv(s->watch.fd, where, want, MSG_DONTWAIT);
		if (n == 0)
			return -EPIPE;
		if (n < 0)
			return errno == EAGAIN || errno == EINTR ? 0 : -errno;
		rc = pvb_xs_reader_got(&s->in, (size_t)n);
	} while (rc == 0);
	return rc;
}

static int serve_some(struct pvb_xsserver *s)
{
	int rc = flush(s);

	for (uint32_t i = 0; i < TURN_MAX && rc == 0 && is_idle(s); i++) {
		rc = receive(s);
		if (rc <= 0)
			break;
		serve(s);
		rc = flush(s);
	}
	return rc;
}

/* ---- in the loop ------------------------------------------------------- */

static void end_if(struct pvb_xsserver *s, int rc)
{
	if (rc == 0)
		rc = pvb_loop_modify_fd(&s->watch, is_idle(s) ? PVB_LOOP_IN
		                                              : PVB_LOOP_OUT);
	if (rc == 0 || s->closed)
		return;
	s->closed = true;
	pvb_loop_remove_fd(&s->watch);
	pvb_loop_undefer(s->config.loop, &s->flush);
	/* The owner may destroy us in there. */
	s->config.closed(s, s->config.arg);
}

static void on_ready(struct pvb_loop_fd *w, uint32_t events)
{
	struct pvb_xsserver *s = pvb_container(w, struct pvb_xsserver, watch);

	(void)events;
	end_if(s, serve_some(s));
}

static void on_flush(struct pvb_loop_task *t)
{
	struct pvb_xsserver *s = pvb_container(t, struct pvb_xsserver, flush);

	end_if(s, flush(s));
}

static void on_waiting(struct pvb_xsclient *c, void *arg)
{
	struct pvb_xsserver *s = arg;

	(void)c;
	if (!s->closed)
		pvb_loop_defer(s->config.loop, &s->flush);
}

struct pvb_xsserver *pvb_xsserver_create(const struct pvb_xsserver_config *c,
                                         int fd, int *err)
{
	struct pvb_xsserver *s = calloc(1, sizeof(*s));

	*err = -ENOMEM;
	if (!s) {
		close(fd);
		return NULL;
	}
	s->config = *c;
	s->watch.fd = fd;
	s->watch.events = PVB_LOOP_IN;
	s->watch.ready = on_ready;
	s->flush.run = on_flush;
	s->client = pvb_xsclient_create(c->tree, c->domid, on_waiting, s);
	if (s->client)
		*err = pvb_loop_add_fd(c->loop, &s->watch);
	if (*err) {
		pvb_xsserver_destroy(s);
		return NULL;
	}
	return s;
}

void pvb_xsserver_destroy(struct pvb_xsserver *s)
{
	if (!s)
		return;
	pvb_loop_remove_fd(&s->watch);
	pvb_loop_undefer(s->config.loop, &s->flush);
	pvb_xsclient_destroy(s->client);
	close(s->watch.fd);
	free(s);
}
