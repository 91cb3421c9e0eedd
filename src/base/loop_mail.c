/* SPDX-License-Identifier: MIT */
/*
 * What other threads say to a loop: posted tasks and wake-ups.
 *
 * The doorbell (an eventfd) is rung only while the loop sleeps, and once per
 * sleep.  That is free of races because falling asleep and posting take the
 * same lock: either the sleeper sees the task, or the poster the sleeper.
 */
#include <assert.h>
#include <errno.h>
#include <stddef.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "loop_state.h"

static void doorbell_rang(struct pvb_loop_fd *w, uint32_t events)
{
	uint64_t count;

	(void)events;
	/* EAGAIN: an earlier look has emptied it; nothing is lost. */
	(void)!read(w->fd, &count, sizeof(count));
}

int loop_mail_open(struct pvb_loop *l)
{
	struct loop_mailbox *m = &l->mail;
	int r;

	r = pthread_mutex_init(&m->lock, NULL);
	if (r != 0)
		return -r;
	m->doorbell = (struct pvb_loop_fd){
		.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
		.events = PVB_LOOP_IN,
		.ready = doorbell_rang,
	};
	if (m->doorbell.fd < 0) {
		r = -errno;
		goto fail_lock;
	}
	r = loop_fds_add(l, &m->doorbell);
	if (r < 0)
		goto fail_fd;
	return 0;
fail_fd:
	(void)close(m->doorbell.fd);
fail_lock:
	(void)pthread_mutex_destroy(&m->lock);
	return r;
}

void loop_mail_close(struct pvb_loop *l)
{
	struct loop_mailbox *m = &l->mail;

	/* The last poster may still stand in its unlock. */
	(void)pthread_mutex_lock(&m->lock);
	assert(pvb_queue_is_empty(&m->posted));
	(void)pthread_mutex_unlock(&m->lock);
	(void)close(m->doorbell.fd);
	(void)pthread_mutex_destroy(&m->lock);
}

/* Lock held.  Ringing inside the lock keeps the eventfd from being closed
   by a loop that has been destroyed in between. */
static void ring_doorbell(struct loop_mailbox *m)
{
	uint64_t one = 1;

	if (m->woken)
		return;
	m->woken = true;
	/* EAGAIN would mean a full counter: it is readable, as wanted. */
	if (m->asleep)
		(void)!write(m->doorbell.fd, &one, sizeof(one));
}

void pvb_loop_post(struct pvb_loop *l, struct pvb_loop_task *t)
{
	struct loop_mailbox *m = &l->mail;

	assert(t->run);
	(void)pthread_mutex_lock(&m->lock);
	if (!t->queued) {
		t->queued = true;
		pvb_queue_push(&m->posted, &t->node);
		m->count++;
		if (m->asleep)
			ring_doorbell(m);
	}
	(void)pthread_mutex_unlock(&m->lock);
}

void pvb_loop_wake(struct pvb_loop *l)
{
	struct loop_mailbox *m = &l->mail;

	(void)pthread_mutex_lock(&m->lock);
	ring_doorbell(m);
	(void)pthread_mutex_unlock(&m->lock);
}

bool loop_mail_sleep(struct pvb_loop *l)
{
	struct loop_mailbox *m = &l->mail;
	bool sleep;

	(void)pthread_mutex_lock(&m->lock);
	sleep = !m->woken && pvb_queue_is_empty(&m->posted);
	m->woken = false;
	m->asleep = sleep;
	(void)pthread_mutex_unlock(&m->lock);
	return sleep;
}

void loop_mail_awake(struct pvb_loop *l)
{
	struct loop_mailbox *m = &l->mail;

	(void)pthread_mutex_lock(&m->lock);
	m->asleep = false;
	m->woken = false;
	(void)pthread_mutex_unlock(&m->lock);
}

static struct pvb_loop_task *take_posted(struct loop_mailbox *m)
{
	struct pvb_qnode *n = pvb_queue_pop(&m->posted);
	struct pvb_loop_task *t;

	if (!n)
		return NULL;
	m->count--;
	t = pvb_container(n, struct pvb_loop_task, node);
	t->queued = false;              /* it may be posted again now */
	return t;
}

bool loop_mail_run(struct pvb_loop *l)
{
	struct loop_mailbox *m = &l->mail;
	uint32_t left;
	bool ran = false;

	(void)pthread_mutex_lock(&m->lock);
	/* Only what waits now: a task that posts itself runs once a turn. */
	for (left = m->count; left > 0; left--) {
		struct pvb_loop_task *t = take_posted(m);

		if (!t)
			break;
		(void)pthread_mutex_unlock(&m->lock);
		t->run(t);
		ran = true;
		(void)pthread_mutex_lock(&m->lock);
	}
	(void)pthread_mutex_unlock(&m->lock);
	return ran;
}

bool loop_mail_take_back(struct pvb_loop *l, struct pvb_loop_task *t)
{
	struct loop_mailbox *m = &l->mail;
	bool found;

	(void)pthread_mutex_lock(&m->lock);
	found = loop_queue_unlink(&m->posted, &t->node);
	if (found) {
		t->queued = false;
		m->count--;
	}
	(void)pthread_mutex_unlock(&m->lock);
	return found;
}
