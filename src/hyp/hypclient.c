/* SPDX-License-Identifier: MIT */
#include "hypclient.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <pvb/err.h>

static void close_fds(int *fds, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		(void)close(fds[i]);
}

/* The descriptors of a message; more than there is room for cannot come. */
static uint32_t take_fds(struct msghdr *m, int fds[PVB_HYP_FDS_MAX])
{
	const struct cmsghdr *c = CMSG_FIRSTHDR(m);
	size_t bytes;

	if (!c || c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
		return 0;
	bytes = c->cmsg_len - CMSG_LEN(0);
	memcpy(fds, CMSG_DATA(c), bytes);
	return (uint32_t)(bytes / sizeof(int));
}

/* 0 with the answer and *nfds owned descriptors, or -errno. */
static int receive(struct pvb_hypclient *c, struct pvb_hyp_reply *reply,
                   int fds[PVB_HYP_FDS_MAX], uint32_t *nfds)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int) * PVB_HYP_FDS_MAX)];
	} control;
	struct iovec iov = { reply, sizeof(*reply) };
	struct msghdr m = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = &control,
		/* Not CMSG_SPACE, whose padding may be one descriptor more. */
		.msg_controllen = CMSG_LEN(sizeof(int) * PVB_HYP_FDS_MAX),
	};
	ssize_t n;

	*nfds = 0;
	do
		n = recvmsg(c->fd, &m, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EAGAIN ? -ETIMEDOUT : -EIO;
	*nfds = take_fds(&m, fds);
	if (n == (ssize_t)sizeof(*reply) && !(m.msg_flags & MSG_TRUNC) &&
	    !(m.msg_flags & MSG_CTRUNC) && reply->fds == *nfds)
		return 0;
	close_fds(fds, *nfds);
	*nfds = 0;
	return -EIO;
}

static int ask_raw(struct pvb_hypclient *c, const struct pvb_hyp_request *q,
                   struct pvb_hyp_reply *reply, int *fds, uint32_t *nfds)
{
	ssize_t n;
	int r;

	do
		n = send(c->fd, q, sizeof(*q), MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EAGAIN ? -ETIMEDOUT : -EIO;
	r = receive(c, reply, fds, nfds);
	if (r == 0 && reply->op == q->op)
		return 0;
	close_fds(fds, *nfds);
	return r < 0 ? r : -EIO;
}

static int known_code(int r)
{
	switch (r) {
	case 0: case -ENOENT: case -EACCES: case -ENOSPC: case -ENOMEM:
	case -EEXIST: case -EINVAL:
		return r;
	case -EMFILE: case -ENFILE:
		return -ENOSPC;
	default:
		return -EIO;
	}
}

int pvb_hypclient_ask(struct pvb_hypclient *c, enum pvb_hyp_op op,
                      uint16_t peer, uint32_t arg,
                      struct pvb_hyp_reply *reply, int *fds, uint32_t nfds)
{
	const struct pvb_hyp_request q = { .op = op, .peer = peer, .arg = arg };
	int got[PVB_HYP_FDS_MAX];
	uint32_t n;
	int r;

	if (c->fd < 0)
		return -EIO;
	r = ask_raw(c, &q, reply, got, &n);
	if (r < 0) {
		pvb_hypclient_close(c);
		return -EIO;
	}
	r = known_code(reply->result);
	if (r == 0 && n == nfds) {
		for (uint32_t i = 0; i < n; i++)
			fds[i] = got[i];
		return 0;
	}
	close_fds(got, n);
	return r < 0 ? r : -EIO;
}

static int say_hello(struct pvb_hypclient *c, struct pvb_err *e)
{
	const struct timeval t = { .tv_sec = PVB_HYPCLIENT_TIMEOUT_S };
	const struct pvb_hyp_request q = { .op = PVB_HYP_HELLO };
	struct pvb_hyp_reply reply;
	int fds[PVB_HYP_FDS_MAX], r;
	uint32_t n;

	(void)setsockopt(c->fd, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof(t));
	(void)setsockopt(c->fd, SOL_SOCKET, SO_SNDTIMEO, &t, sizeof(t));
	r = ask_raw(c, &q, &reply, fds, &n);
	if (r == -ETIMEDOUT)
		return pvb_err_set(e, r, "the local hypervisor does not "
		                   "answer");
	if (r < 0)
		return pvb_err_set(e, -EIO, "the local hypervisor ended the "
		                   "connection");
	close_fds(fds, n);
	if (reply.result < 0 || reply.u.hello.version != PVB_HYP_VERSION)
		return pvb_err_set(e, -EIO, "the local hypervisor is of "
		                   "another version");
	c->hello = reply.u.hello;
	return 0;
}

int pvb_hypclient_adopt(struct pvb_hypclient *c, int fd, struct pvb_err *e)
{
	int r;

	*c = (struct pvb_hypclient){ .fd = fd };
	r = say_hello(c, e);
	if (r < 0)
		pvb_hypclient_close(c);
	return r;
}

void pvb_hypclient_close(struct pvb_hypclient *c)
{
	if (c->fd >= 0)
		(void)close(c->fd);
	c->fd = -1;
}

/* `dir`/[domN/]hyp.  False: too long for a socket. */
static bool socket_path(struct sockaddr_un *a, const char *dir, uint16_t domid)
{
	int n;

	*a = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if (domid == 0)
		n = snprintf(a->sun_path, sizeof(a->sun_path), "%s/hyp", dir);
	else
		n = snprintf(a->sun_path, sizeof(a->sun_path), "%s/dom%u/hyp",
		             dir, domid);
	return n > 0 && (size_t)n < sizeof(a->sun_path);
}

/* Why `dir` has no such socket: no machine, or no such domain in it? */
static int absent(const char *dir, uint16_t domid, struct pvb_err *e)
{
	struct sockaddr_un a;

	if (domid != 0 && socket_path(&a, dir, 0) &&
	    access(a.sun_path, F_OK) == 0)
		return pvb_err_set(e, -ENXIO, "%s: there is no domain %u", dir,
		                   domid);
	return pvb_err_set(e, -ENOENT, "%s: no local hypervisor runs there",
	                   dir);
}

int pvb_hypclient_open(struct pvb_hypclient *c, const char *dir,
                       uint16_t domid, struct pvb_err *e)
{
	const struct timeval t = { .tv_sec = PVB_HYPCLIENT_TIMEOUT_S };
	struct sockaddr_un a;
	int fd, err;

	c->fd = -1;
	if (!socket_path(&a, dir, domid))
		return pvb_err_set(e, -ENAMETOOLONG, "%s: the path is too long "
		                   "for a socket in it", dir);
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return pvb_err_set(e, -EIO, "no socket: %s", strerror(errno));
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &t, sizeof(t));
	if (connect(fd, (struct sockaddr *)&a, sizeof(a)) == 0) {
		err = pvb_hypclient_adopt(c, fd, e);
		if (err < 0)
			pvb_err_prefix(e, "%s", dir);
		return err;
	}
	err = errno;
	(void)close(fd);
	if (err == ENOENT || err == ENOTDIR || err == ECONNREFUSED)
		return absent(dir, err == ENOENT ? domid : 0, e);
	if (err == EACCES || err == EPERM)
		return pvb_err_set(e, -EACCES, "%s: %s", a.sun_path,
		                   strerror(EACCES));
	if (err == EAGAIN)
		return pvb_err_set(e, -ETIMEDOUT, "%s: the local hypervisor "
		                   "does not answer", dir);
	return pvb_err_set(e, -EIO, "%s: %s", a.sun_path, strerror(err));
}
