/* SPDX-License-Identifier: MIT */
#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "link.h"

/* Room for exactly the descriptors that a message may carry: the kernel
   drops what is more and says so. */
union control {
	struct cmsghdr align;
	char bytes[CMSG_SPACE(PVB_LINK_FDS_MAX * sizeof(int))];
};

int pvb_link_pair(int fds[2])
{
	int type = SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK;

	return socketpair(AF_UNIX, type, 0, fds) < 0 ? -errno : 0;
}

static void close_all(const int *fds, uint32_t nfds)
{
	for (uint32_t i = 0; i < nfds; i++)
		if (fds[i] >= 0)
			(void)close(fds[i]);
}

void pvb_link_fini(struct pvb_link *k)
{
	if (!k->ops)
		return;
	pvb_loop_remove_fd(&k->watch);
	if (k->fd >= 0)
		(void)close(k->fd);
	k->fd = -1;
	k->ops = NULL;
}

/* The line is cut: from here on a send finds nobody. */
static void hang_up(struct pvb_link *k)
{
	pvb_loop_remove_fd(&k->watch);
	(void)close(k->fd);
	k->fd = -1;
	k->ops->closed(k);
}

static uint32_t take_fds(struct msghdr *m, int fds[PVB_LINK_FDS_MAX])
{
	uint32_t nfds = 0;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
		size_t n;

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		assert(n <= PVB_LINK_FDS_MAX - nfds);
		memcpy(fds + nfds, CMSG_DATA(c), n * sizeof(int));
		nfds += (uint32_t)n;
	}
	return nfds;
}

/*
 * One message a turn, so that no peer can hold the loop; and nothing of the
 * link is touched after a callback, which may have ended it.
 */
static void link_ready(struct pvb_loop_fd *w, uint32_t events)
{
	struct pvb_link *k = pvb_container(w, struct pvb_link, watch);
	_Alignas(8) char msg[PVB_LINK_MSG_MAX];
	union control control;
	struct iovec iov = { msg, sizeof(msg) };
	struct msghdr m = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = &control, .msg_controllen = sizeof(control),
	};
	int fds[PVB_LINK_FDS_MAX];
	uint32_t nfds;
	ssize_t n;

	(void)events;
	n = recvmsg(k->fd, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	if (n < 0) {
		/* ECONNRESET: the other end left without reading all.  The
		   kernel says that once, before what it had sent us. */
		if (errno != EAGAIN && errno != EINTR && errno != ECONNRESET)
			hang_up(k);
		return;
	}
	nfds = take_fds(&m, fds);
	/* Nothing of ours is empty, so 0 is the end, whoever made it. */
	if (n == 0 || m.msg_flags & (MSG_TRUNC | MSG_CTRUNC))
		hang_up(k);
	else
		k->ops->message(k, msg, (size_t)n, fds, nfds);
	close_all(fds, nfds);
}

int pvb_link_init(struct pvb_link *k, struct pvb_loop *l, int fd,
                  const struct pvb_link_ops *ops)
{
	int r;

	*k = (struct pvb_link){ .ops = ops, .fd = fd };
	k->watch = (struct pvb_loop_fd){
		.fd = fd, .events = PVB_LOOP_IN, .ready = link_ready,
	};
	r = pvb_loop_add_fd(l, &k->watch);
	if (r < 0)
		pvb_link_fini(k);
	return r;
}

static int send_error(int err)
{
	switch (err) {
	case EAGAIN:
	case EINTR:
	case ENOBUFS:
	case ENOMEM:
	case ETOOMANYREFS:              /* sent to it and not yet read */
		return -EAGAIN;
	case EMSGSIZE:
		return -EMSGSIZE;
	default:
		assert(err != EBADF && err != EINVAL && err != EFAULT);
		return -EPIPE;
	}
}

int pvb_link_send(struct pvb_link *k, const void *msg, size_t bytes,
                  const int *fds, uint32_t nfds)
{
	/* The kernel only reads it. */
	struct iovec iov = { (void *)(uintptr_t)msg, bytes };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };
	union control control;

	if (bytes == 0 || bytes > PVB_LINK_MSG_MAX || nfds > PVB_LINK_FDS_MAX)
		return -EMSGSIZE;
	if (!k->ops || k->fd < 0)
		return -EPIPE;
	if (nfds > 0) {
		size_t fd_bytes = nfds * sizeof(int);
		struct cmsghdr *c;

		memset(&control, 0, sizeof(control));
		m.msg_control = &control;
		m.msg_controllen = CMSG_SPACE(fd_bytes);
		c = CMSG_FIRSTHDR(&m);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(fd_bytes);
		memcpy(CMSG_DATA(c), fds, fd_bytes);
	}
	if (sendmsg(k->fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		return send_error(errno);
	return 0;
}
