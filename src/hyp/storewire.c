/* SPDX-License-Identifier: MIT */
/* storewire.c - connecting, requests and replies; see storewire.h. */
#include "storewire.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "store_code.h"

enum { EVENTS_IN_A_ROW = 64 };

/* ---- connection -------------------------------------------------------- */

static int connect_code(int err)
{
	switch (err) {
	case ENOENT: case ENOTDIR: case ECONNREFUSED:
		return -ENOENT;
	case EACCES: case EPERM:
		return -EACCES;
	case EAGAIN:
		return -ETIMEDOUT;
	default:
		return -EIO;
	}
}

int pvb_storewire_open(struct pvb_storewire *w, const char *path)
{
	const struct timeval limit = {
		.tv_sec = PVB_STOREWIRE_TIMEOUT_MS / 1000 };
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	int rc = 0;

	memset(w, 0, sizeof(*w));
	w->fd = -1;
	if (strlen(path) >= sizeof(to.sun_path))
		return -ENAMETOOLONG;
	strcpy(to.sun_path, path);
	w->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (w->fd < 0)
		return -EIO;
	/* Bounds a connect to a listener that does not accept. */
	(void)setsockopt(w->fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	if (connect(w->fd, (struct sockaddr *)&to, sizeof(to)) < 0)
		rc = connect_code(errno);
	if (rc)
		pvb_storewire_close(w);
	return rc;
}

void pvb_storewire_close(struct pvb_storewire *w)
{
	pvb_store_events_drop(&w->events);
	if (w->fd >= 0)
		close(w->fd);
	w->fd = -1;
	w->dead = true;
}

int pvb_storewire_break(struct pvb_storewire *w)
{
	w->dead = true;
	return -EIO;
}

/* ---- receiving --------------------------------------------------------- */

/* Read on without waiting.  1: a message is complete in w->in; 0; -EIO. */
static int receive(struct pvb_storewire *w)
{
	uint8_t *where;
	size_t want;
	ssize_t n;
	int rc;

	do {
		want = pvb_xs_reader_want(&w->in, &where);
		n = recv(w->fd, where, want, MSG_DONTWAIT);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return 0;
		if (n <= 0)
			return pvb_storewire_break(w);
		rc = pvb_xs_reader_got(&w->in, (size_t)n);
	} while (rc == 0);
	return rc < 0 ? pvb_storewire_break(w) : 1;
}

/* "PATH" and "TOKEN"; what is not that is nobody's. */
static void keep_event(struct pvb_storewire *w, const char *payload,
                       uint32_t length)
{
	int32_t at = 0;
	const char *path = pvb_xs_next_string(payload, length, &at);
	const char *token = pvb_xs_next_string(payload, length, &at);

	if (path && token)
		pvb_store_events_keep(&w->events, path, token);
}

/*
 * Like receive, but events are put away, a bounded number of them; what is
 * left is a reply, which stays in w->in until pvb_xs_reader_next.
 */
static int receive_reply(struct pvb_storewire *w)
{
	struct pvb_xs_header h;
	const char *payload;
	int rc = 0;

	for (uint32_t i = 0; i < EVENTS_IN_A_ROW; i++) {
		rc = receive(w);
		if (rc <= 0)
			return rc;
		pvb_xs_reader_message(&w->in, &h, &payload);
		if (h.type != PVB_XS_WATCH_EVENT)
			return 1;
		keep_event(w, payload, h.length);
		pvb_xs_reader_next(&w->in);
	}
	return 0;
}

int pvb_storewire_event(struct pvb_storewire *w, struct pvb_store_event *e)
{
	int rc;

	/* What is kept is older than what is in the socket. */
	if (pvb_store_events_take(&w->events, e))
		return 1;
	if (w->dead)
		return -EIO;
	rc = receive_reply(w);
	if (rc == 1)                    /* a reply to nothing */
		rc = pvb_storewire_break(w);
	if (pvb_store_events_take(&w->events, e))
		return 1;
	return rc;
}

/* ---- one request ------------------------------------------------------- */

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/*
 * Send `bytes` and wait until a reply is in w->in.  Both at once, because the
 * store may want to be rid of events before it takes a request.
 */
static int exchange(struct pvb_storewire *w, const uint8_t *out, size_t bytes)
{
	const int flags = MSG_NOSIGNAL | MSG_DONTWAIT;
	int64_t end = now_ms() + PVB_STOREWIRE_TIMEOUT_MS, left;
	struct pollfd p = { .fd = w->fd };
	ssize_t n;
	int rc;

	for (;;) {
		if (bytes) {
			n = send(w->fd, out, bytes, flags);
			if (n < 0 && errno != EAGAIN && errno != EINTR)
				return pvb_storewire_break(w);
			if (n > 0) {
				out += n;
				bytes -= (size_t)n;
			}
		}
		rc = receive_reply(w);
		if (rc < 0)
			return rc;
		if (rc > 0)             /* an answer before the question ends */
			return bytes ? pvb_storewire_break(w) : 0;
		left = end - now_ms();
		if (left <= 0)
			return pvb_storewire_break(w);
		p.events = bytes ? POLLIN | POLLOUT : POLLIN;
		if (poll(&p, 1, (int)left) < 0 && errno != EINTR)
			return pvb_storewire_break(w);
	}
}

/* What the reply in w->in says. */
static int judge(struct pvb_storewire *w, enum pvb_xs_type type, uint32_t tx,
                 const char **reply, uint32_t *length)
{
	struct pvb_xs_header h;
	const char *payload;
	int rc;

	pvb_xs_reader_message(&w->in, &h, &payload);
	/* The bytes stay where they are until the next call reads on. */
	pvb_xs_reader_next(&w->in);
	if (h.req_id != w->req_id)
		return pvb_storewire_break(w);
	rc = h.type == PVB_XS_ERROR ? pvb_xs_error_code(payload) : 0;
	if (type == PVB_XS_RM && pvb_store_is_crossed(tx, rc))
		return -EAGAIN;
	if (rc && rc != -EIO)
		return rc;
	if (h.type != (uint32_t)type)
		return pvb_storewire_break(w);
	*reply = payload;
	*length = h.length;
	return 0;
}

int pvb_storewire_call(struct pvb_storewire *w, enum pvb_xs_type type,
                       uint32_t tx, const struct pvb_storewire_part *part,
                       uint32_t count, const char **reply, uint32_t *length)
{
	uint8_t out[PVB_XS_HEADER_BYTES + PVB_XS_WIRE_PAYLOAD_MAX];
	struct pvb_xs_header h = { type, 0, tx, 0 };
	size_t at = PVB_XS_HEADER_BYTES;
	int rc;

	if (w->dead)
		return -EIO;
	for (uint32_t i = 0; i < count; i++) {
		if (part[i].length > sizeof(out) - at)
			return -E2BIG;
		if (part[i].length)
			memcpy(out + at, part[i].bytes, part[i].length);
		at += part[i].length;
	}
	h.req_id = ++w->req_id;
	h.length = (uint32_t)(at - PVB_XS_HEADER_BYTES);
	pvb_xs_header_encode(out, &h);
	rc = exchange(w, out, at);
	return rc ? rc : judge(w, type, tx, reply, length);
}
