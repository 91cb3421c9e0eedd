/* SPDX-License-Identifier: MIT */
#include "supervisor_store.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <pvb/err.h>

#include "hyp/store.h"

enum { PAUSE_FIRST_MS = 1000, PAUSE_MAX_MS = 30000, STACK_BYTES = 256 << 10 };

/* All that the thread uses; it may outlive whoever waits for it. */
struct try {
	struct pvb_host host;
	int fd;                         /* owned: where the answer goes */
};

/* Opening a handle asks nothing yet, on Xen. */
static bool store_answers(const struct pvb_host *host)
{
	struct pvb_err e = PVB_ERR_INIT;
	struct pvb_store *s = pvb_host_store(host, 0, &e);
	uint16_t domid;
	bool answers = s && pvb_host_own_domid(host, s, &domid, &e) == 0;

	pvb_store_close(s);
	return answers;
}

static void *try_thread(void *arg)
{
	struct try *t = arg;

	if (store_answers(&t->host))
		(void)send(t->fd, "", 1, MSG_NOSIGNAL);
	(void)close(t->fd);
	free(t);
	return NULL;
}

static bool start_thread(struct try *t)
{
	pthread_attr_t attr;
	pthread_t thread;
	bool started;

	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attr, STACK_BYTES);
	started = pthread_create(&thread, &attr, try_thread, t) == 0;
	pthread_attr_destroy(&attr);
	return started;
}

static void try_later(struct pvb_store_return *w)
{
	pvb_loop_arm(w->loop, &w->next, pvb_loop_now_ns(w->loop) +
	             w->pause_ms * UINT64_C(1000000));
	w->pause_ms = w->pause_ms * 2 < PAUSE_MAX_MS ? w->pause_ms * 2
	                                             : PAUSE_MAX_MS;
}

static void forget_try(struct pvb_store_return *w)
{
	if (!w->answer.loop)
		return;
	pvb_loop_remove_fd(&w->answer);
	(void)close(w->answer.fd);
}

static void answered(struct pvb_loop_fd *f, uint32_t events)
{
	struct pvb_store_return *w =
		pvb_container(f, struct pvb_store_return, answer);
	char byte;
	bool answers = recv(f->fd, &byte, 1, MSG_DONTWAIT) == 1;

	(void)events;
	forget_try(w);
	if (!answers)
		try_later(w);
	w->tried(w, answers);
}

/* False: no means for it now. */
static bool begin_try(struct pvb_store_return *w)
{
	struct try *t = malloc(sizeof(*t));
	int ends[2];

	if (!t || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends)) {
		free(t);
		return false;
	}
	*t = (struct try){ .host = w->host, .fd = ends[1] };
	w->answer = (struct pvb_loop_fd){ .fd = ends[0],
		.events = PVB_LOOP_IN, .ready = answered };
	if (pvb_loop_add_fd(w->loop, &w->answer) == 0 && start_thread(t))
		return true;
	pvb_loop_remove_fd(&w->answer);
	(void)close(ends[0]);
	(void)close(ends[1]);
	free(t);
	return false;
}

static void try_now(struct pvb_loop_timer *t)
{
	struct pvb_store_return *w =
		pvb_container(t, struct pvb_store_return, next);

	if (!begin_try(w))
		try_later(w);
}

void pvb_store_return_begin(struct pvb_store_return *w)
{
	w->next = (struct pvb_loop_timer){ .fired = try_now };
	w->answer = (struct pvb_loop_fd){ .fd = -1 };
	w->pause_ms = PAUSE_FIRST_MS;
	pvb_loop_arm(w->loop, &w->next, pvb_loop_now_ns(w->loop));
}

void pvb_store_return_end(struct pvb_store_return *w)
{
	pvb_loop_disarm(&w->next);
	forget_try(w);
}
