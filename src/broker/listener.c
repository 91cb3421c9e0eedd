/* SPDX-License-Identifier: MIT */
#include "listener.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <pvb/err.h>

enum { PAUSE_MS = 100 };

static void listen_again(struct pvb_loop_timer *t)
{
	struct pvb_listener *l = pvb_container(t, struct pvb_listener, pause);

	if (pvb_loop_modify_fd(&l->watch, PVB_LOOP_IN) < 0)
		pvb_loop_arm(l->loop, t, pvb_loop_now_ns(l->loop) +
		             PAUSE_MS * 1000000ull);
}

static void ready(struct pvb_loop_fd *w, uint32_t events)
{
	struct pvb_listener *l = pvb_container(w, struct pvb_listener, watch);
	int fd = accept4(w->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	(void)events;
	if (fd >= 0) {
		l->accepted(l, fd);
		return;
	}
	if (errno == EAGAIN || errno == EINTR || errno == ECONNABORTED)
		return;
	if (pvb_loop_modify_fd(w, 0) == 0)
		pvb_loop_arm(l->loop, &l->pause, pvb_loop_now_ns(l->loop) +
		             PAUSE_MS * 1000000ull);
}

/* A socket that listens at l->path, or -errno. */
static int listen_at(const char *path, int type)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int err, fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return -errno;
	memcpy(addr.sun_path, path, strlen(path) + 1);
	(void)unlink(path);
	/* Nobody can connect before it listens, so the mode is in time. */
	if (bind(fd, (struct sockaddr *)&addr, sizeof(addr)) == 0) {
		if (chmod(path, 0600) == 0 && listen(fd, SOMAXCONN) == 0)
			return fd;
		err = -errno;
		(void)unlink(path);
	} else {
		err = -errno;
	}
	(void)close(fd);
	return err;
}

int pvb_listener_open(struct pvb_listener *l, struct pvb_loop *loop,
                      const char *path, int type,
                      void (*accepted)(struct pvb_listener *l, int fd),
                      struct pvb_err *e)
{
	int fd, r;

	memset(l, 0, sizeof(*l));
	if (strlen(path) > PVB_LISTENER_PATH_MAX)
		return pvb_err_set(e, -ENAMETOOLONG,
		                   "%s: socket path is longer than %d bytes",
		                   path, PVB_LISTENER_PATH_MAX);
	fd = listen_at(path, type);
	if (fd < 0)
		return pvb_err_set(e, fd, "%s: cannot listen: %s", path,
		                   strerror(-fd));
	l->accepted = accepted;
	l->watch = (struct pvb_loop_fd){ .fd = fd, .events = PVB_LOOP_IN,
	                                 .ready = ready };
	l->pause.fired = listen_again;
	memcpy(l->path, path, strlen(path) + 1);
	r = pvb_loop_add_fd(loop, &l->watch);
	if (r == 0) {
		l->loop = loop;
		return 0;
	}
	(void)close(fd);
	(void)unlink(path);
	return pvb_err_set(e, r, "%s: cannot watch: %s", path, strerror(-r));
}

void pvb_listener_close(struct pvb_listener *l)
{
	if (!l->loop)
		return;
	pvb_loop_disarm(&l->pause);
	pvb_loop_remove_fd(&l->watch);
	(void)close(l->watch.fd);
	(void)unlink(l->path);
	l->loop = NULL;
}
