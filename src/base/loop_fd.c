/* SPDX-License-Identifier: MIT */
/*
 * Descriptors, by one epoll set.  What a wait returned lies in l->batch;
 * removing a descriptor also takes it out of there, so that nothing that
 * was removed is ever called.
 */
#include <assert.h>
#include <errno.h>
#include <linux/time_types.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "loop_state.h"

int loop_fds_open(struct pvb_loop *l)
{
	l->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	return l->epoll_fd < 0 ? -errno : 0;
}

void loop_fds_close(struct pvb_loop *l)
{
	if (l->epoll_fd >= 0)
		(void)close(l->epoll_fd);
	l->epoll_fd = -1;
}

static int control(struct pvb_loop *l, int op, struct pvb_loop_fd *w,
                   uint32_t events)
{
	struct epoll_event ev = { .events = 0, .data.ptr = w };

	if (events & PVB_LOOP_IN)
		ev.events |= EPOLLIN;
	if (events & PVB_LOOP_OUT)
		ev.events |= EPOLLOUT;
	return epoll_ctl(l->epoll_fd, op, w->fd, &ev) < 0 ? -errno : 0;
}

int loop_fds_add(struct pvb_loop *l, struct pvb_loop_fd *w)
{
	int r;

	assert(!w->loop && w->ready);
	r = w->events ? control(l, EPOLL_CTL_ADD, w, w->events) : 0;
	if (r == 0)
		w->loop = l;
	return r;
}

int pvb_loop_add_fd(struct pvb_loop *l, struct pvb_loop_fd *w)
{
	int r = loop_fds_add(l, w);

	if (r == 0)
		l->fd_count++;
	return r;
}

/*
 * The kernel reports a hang-up even to those who ask for nothing.  Who asks
 * for nothing is therefore not in the set at all, or a peer that hung up
 * would keep the loop turning for nobody.
 */
int pvb_loop_modify_fd(struct pvb_loop_fd *w, uint32_t events)
{
	int r = 0;

	assert(w->loop);
	if (events == w->events)
		return 0;
	if (events == 0)
		r = control(w->loop, EPOLL_CTL_DEL, w, 0);
	else if (w->events == 0)
		r = control(w->loop, EPOLL_CTL_ADD, w, events);
	else
		r = control(w->loop, EPOLL_CTL_MOD, w, events);
	if (r == 0)
		w->events = events;
	return r;
}

void pvb_loop_remove_fd(struct pvb_loop_fd *w)
{
	struct pvb_loop *l = w->loop;

	if (!l)
		return;
	for (int i = l->batch_next; i < l->batch_count; i++)
		if (l->batch[i].data.ptr == w)
			l->batch[i].data.ptr = NULL;
	if (w->events)
		(void)control(l, EPOLL_CTL_DEL, w, 0);
	w->loop = NULL;
	l->fd_count--;
}

static int wait_coarse(struct pvb_loop *l, int64_t timeout_ns)
{
	int64_t ms = timeout_ns / 1000000 + (timeout_ns % 1000000 != 0);

	if (timeout_ns < 0)
		ms = -1;
	else if (ms > INT32_MAX)
		ms = INT32_MAX;
	return epoll_wait(l->epoll_fd, l->batch, LOOP_BATCH, (int)ms);
}

static int wait_fine(struct pvb_loop *l, int64_t timeout_ns)
{
#ifdef SYS_epoll_pwait2
	struct __kernel_timespec ts = {
		.tv_sec = timeout_ns / 1000000000,
		.tv_nsec = timeout_ns % 1000000000,
	};

	return (int)syscall(SYS_epoll_pwait2, l->epoll_fd, l->batch,
	                    LOOP_BATCH, &ts, NULL, sizeof(uint64_t));
#else
	(void)l;
	(void)timeout_ns;
	errno = ENOSYS;
	return -1;
#endif
}

int loop_fds_wait(struct pvb_loop *l, int64_t timeout_ns)
{
	int n;

	l->batch_next = 0;
	l->batch_count = 0;
	if (timeout_ns > 0 && !l->coarse_wait) {
		n = wait_fine(l, timeout_ns);
		/* Older kernels, emulators and sandboxes do not know it. */
		if (n < 0 && (errno == ENOSYS || errno == EPERM)) {
			l->coarse_wait = true;
			n = wait_coarse(l, timeout_ns);
		}
	} else {
		n = wait_coarse(l, timeout_ns);
	}
	if (n < 0)
		return errno == EINTR ? 0 : -errno;
	l->batch_count = n;
	return 0;
}

static uint32_t wanted(const struct pvb_loop_fd *w, uint32_t happened)
{
	uint32_t events = 0;

	if (happened & (EPOLLERR | EPOLLHUP))
		events |= PVB_LOOP_IN;
	if (happened & EPOLLIN)
		events |= PVB_LOOP_IN & w->events;
	if (happened & EPOLLOUT)
		events |= PVB_LOOP_OUT & w->events;
	/* Changed by a callback earlier in this turn to want nothing. */
	return w->events ? events : 0;
}

void loop_fds_dispatch(struct pvb_loop *l)
{
	while (l->batch_next < l->batch_count) {
		struct epoll_event *ev = &l->batch[l->batch_next++];
		struct pvb_loop_fd *w = ev->data.ptr;
		uint32_t events = w ? wanted(w, ev->events) : 0;

		if (events)
			w->ready(w, events);
	}
}
