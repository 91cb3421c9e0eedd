/* SPDX-License-Identifier: MIT */
#include "hypserver.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "hypconn.h"
#include "reopen.h"

struct pvb_hypserver *
pvb_hypserver_create(const struct pvb_hypserver_config *c)
{
	struct pvb_hypserver *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->config = *c;
	/* Tells one machine from another in one process; no secret. */
	if (getrandom(&s->machine, sizeof(s->machine), GRND_NONBLOCK) < 0)
		s->machine = pvb_loop_now_ns(c->loop) ^ (uint64_t)getpid();
	return s;
}

static void conn_destroy(struct pvb_hypconn *c)
{
	struct pvb_hypserver *s = c->server;
	struct pvb_hypconn **at = &s->conns;

	while (*at != c)
		at = &(*at)->next;
	*at = c->next;
	s->count--;
	pvb_loop_remove_fd(&c->watch);
	(void)close(c->watch.fd);
	pvb_close_all(c->fds, PVB_HYP_FDS_MAX);
	pvb_hypconn_release(c);
	s->config.left(s->config.arg, c->domid);
	free(c);
}

void pvb_hypserver_destroy(struct pvb_hypserver *s)
{
	if (!s)
		return;
	while (s->conns)
		conn_destroy(s->conns);
	pvb_pages_fini(&s->pages);
	pvb_bells_fini(&s->bells);
	free(s);
}

void pvb_hypserver_drop_domain(struct pvb_hypserver *s, uint16_t domid)
{
	struct pvb_hypconn *next;

	for (struct pvb_hypconn *c = s->conns; c; c = next) {
		next = c->next;
		if (c->domid == domid)
			conn_destroy(c);
	}
}

/* 0, -EAGAIN, or -errno: the other end is gone. */
static int send_answer(struct pvb_hypconn *c)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int) * PVB_HYP_FDS_MAX)];
	} control;
	struct iovec iov = { &c->answer, sizeof(c->answer) };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };
	size_t fd_bytes = sizeof(int) * c->answer.fds;

	if (c->answer.fds > 0) {
		memset(&control, 0, sizeof(control));
		m.msg_control = &control;
		m.msg_controllen = CMSG_SPACE(fd_bytes);
		control.align.cmsg_level = SOL_SOCKET;
		control.align.cmsg_type = SCM_RIGHTS;
		control.align.cmsg_len = CMSG_LEN(fd_bytes);
		memcpy(CMSG_DATA(&control.align), c->fds, fd_bytes);
	}
	if (sendmsg(c->watch.fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		return -errno;
	pvb_close_all(c->fds, c->answer.fds);
	return 0;
}

/* Take one question.  1, 0: none there, -errno: the connection is over. */
static int take_question(struct pvb_hypconn *c, struct pvb_hyp_request *q)
{
	/* One byte more than is right, to see what is too long.  Descriptors
	   that come along have no place to go: the kernel drops them. */
	struct { struct pvb_hyp_request q; char more; } in;
	ssize_t n = recv(c->watch.fd, &in, sizeof(in), MSG_DONTWAIT);

	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	if (n == 0)
		return -EPIPE;
	if (n != (ssize_t)sizeof(in.q))
		return -EPROTO;
	*q = in.q;
	return 1;
}

static void ready(struct pvb_loop_fd *w, uint32_t events)
{
	struct pvb_hypconn *c = pvb_container(w, struct pvb_hypconn, watch);
	struct pvb_hyp_request q;
	bool waited = c->answer_waits;
	int r;

	(void)events;
	if (!waited) {
		r = take_question(c, &q);
		if (r == 0)
			return;
		if (r < 0)
			goto over;
		pvb_hypconn_answer(c, &q);
	}
	r = send_answer(c);
	c->answer_waits = r == -EAGAIN;
	if (r < 0 && !c->answer_waits)
		goto over;
	if (c->answer_waits != waited)
		r = pvb_loop_modify_fd(w, waited ? PVB_LOOP_IN : PVB_LOOP_OUT);
	else
		r = 0;
	if (r == 0)
		return;
over:
	if (r == -EPROTO)
		pvb_log(c->server->config.log, PVB_LOG_WARN,
		        "domain %u sent a message of the wrong size; "
		        "its connection is ended", c->domid);
	conn_destroy(c);
}

static uint32_t count_of(const struct pvb_hypserver *s, uint16_t domid)
{
	uint32_t n = 0;

	for (const struct pvb_hypconn *c = s->conns; c; c = c->next)
		n += c->domid == domid;
	return n;
}

int pvb_hypconn_create(struct pvb_hypserver *s, uint16_t domid,
                       uint16_t limit, int fd)
{
	/* Room for a few answers: those with descriptors are dear. */
	const int room = 4096;
	struct pvb_hypconn *c = NULL;
	int r = -ENOSPC;

	if (s->count >= PVB_HYPSERVER_CONNS_MAX ||
	    count_of(s, domid) >= PVB_HYPSERVER_CONNS_PER_DOMAIN_MAX)
		goto fail;
	r = -ENOMEM;
	c = calloc(1, sizeof(*c));
	if (!c)
		goto fail;
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
	c->server = s;
	c->domid = domid;
	c->limit = limit;
	for (int i = 0; i < PVB_HYP_FDS_MAX; i++)
		c->fds[i] = -1;
	c->watch.fd = fd;
	c->watch.events = PVB_LOOP_IN;
	c->watch.ready = ready;
	r = pvb_loop_add_fd(s->config.loop, &c->watch);
	if (r < 0)
		goto fail;
	c->next = s->conns;
	s->conns = c;
	s->count++;
	s->config.joined(s->config.arg, domid);
	return 0;
fail:
	free(c);
	(void)close(fd);
	return r;
}

int pvb_hypserver_add(struct pvb_hypserver *s, uint16_t domid, int fd)
{
	return pvb_hypconn_create(s, domid, PVB_HYP_NO_DOMAIN, fd);
}

void pvb_hypserver_counts(const struct pvb_hypserver *s,
                          struct pvb_hyp_counts *c)
{
	memset(c, 0, sizeof(*c));
	c->connections = s->count;
	c->areas = s->pages.areas;
	c->areas_held = s->pages.holds;
	c->ports = s->bells.ports;
	c->channels_bound = s->bells.bound;
	s->config.counts(s->config.arg, c);
}
