/* SPDX-License-Identifier: MIT */
/*
 * The turn: wait if there is nothing to do, then call everything that is
 * due, once, then submit what the callbacks prepared.
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <pvb/err.h>

#include "loop_state.h"

/* How soon to try again when the kernel had no memory for our SQEs. */
enum { SUBMIT_RETRY_NS = 1000000 };

static void read_clock(struct pvb_loop *l)
{
	struct timespec ts;

	if (l->manual_clock)
		return;
	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	l->now_ns = (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

struct pvb_loop *pvb_loop_create(const struct pvb_loop_config *c,
                                 struct pvb_err *e)
{
	struct pvb_loop *l = calloc(1, sizeof(*l));
	int r = -ENOMEM;

	if (!l)
		goto fail;
	l->manual_clock = c && c->manual_clock;
	read_clock(l);
	loop_spin_reset(l);
	r = loop_fds_open(l);
	if (r < 0)
		goto fail;
	r = loop_mail_open(l);
	if (r < 0)
		goto fail_fds;
	if (c && c->uring_entries > 0)
		loop_ring_open(l, c->uring_entries);
	return l;
fail_fds:
	loop_fds_close(l);
fail:
	free(l);
	(void)pvb_err_set(e, r, "cannot make an event loop: %s", strerror(-r));
	return NULL;
}

void pvb_loop_destroy(struct pvb_loop *l)
{
	if (!l)
		return;
	assert(!l->turning);
	assert(l->fd_count == 0 && !l->timers && !l->pollers);
	assert(pvb_queue_is_empty(&l->tasks));
	loop_ring_close(l);
	loop_mail_close(l);
	loop_fds_close(l);
	free(l);
}

uint64_t pvb_loop_now_ns(const struct pvb_loop *l)
{
	return l->now_ns;
}

void pvb_loop_turn_clock(struct pvb_loop *l, uint64_t by_ns)
{
	assert(l->manual_clock);
	l->now_ns += by_ns;
}

/* All that is known without asking the kernel or another thread. */
static bool something_due(const struct pvb_loop *l)
{
	return !pvb_queue_is_empty(&l->tasks) || loop_timers_due(l) ||
	       loop_ring_ready(l);
}

static void submit_queued(struct pvb_loop *l)
{
	if (l->ring.queued)
		pvb_loop_uring_submit(l);
}

static int64_t sleep_ns(const struct pvb_loop *l)
{
	uint64_t ns = INT64_MAX;

	/* A clock that is turned by hand wakes nobody. */
	if (l->timers && !l->manual_clock)
		ns = l->timers->due_ns - l->now_ns;
	if (l->ring.queued && ns > SUBMIT_RETRY_NS)
		ns = SUBMIT_RETRY_NS;
	return ns >= INT64_MAX ? -1 : (int64_t)ns;
}

static int go_to_sleep(struct pvb_loop *l)
{
	int r = loop_fds_wait(l, sleep_ns(l));

	loop_mail_awake(l);
	read_clock(l);
	l->turns_unlooked = 0;
	l->looked_ns = l->now_ns;
	return r;
}

/*
 * See which descriptors are ready, without waiting.  A loop that is busy
 * with memory alone looks only now and then: a system call each turn would
 * cost more than the turn.
 */
static int look(struct pvb_loop *l)
{
	bool in_memory = l->pollers &&
	                 (l->worked || l->spin.state == LOOP_SPINNING ||
	                  l->spin.max_ns == PVB_LOOP_SPIN_ALWAYS);

	if (in_memory && ++l->turns_unlooked < LOOP_LOOK_TURNS &&
	    l->now_ns - l->looked_ns < LOOP_LOOK_NS)
		return 0;
	l->turns_unlooked = 0;
	l->looked_ns = l->now_ns;
	return loop_fds_wait(l, 0);
}

/* The order matters: after a poller was armed its peer may notify, so what
   was missed is looked for once more before the sleep; and falling asleep is
   said to the other threads before it is too late to hear them. */
static int wait_or_look(struct pvb_loop *l, bool may_block)
{
	if (!may_block || something_due(l) || loop_spin_goes_on(l))
		return look(l);
	if (loop_pollers_arm(l))
		return look(l);
	submit_queued(l);
	if (something_due(l) || l->stopped || !loop_mail_sleep(l))
		return look(l);
	return go_to_sleep(l);
}

static void dispatch(struct pvb_loop *l)
{
	bool ask_mail = !l->worked || l->turns_unlooked % LOOP_POST_TURNS == 0;
	bool worked = false;

	loop_tasks_begin(l);
	loop_fds_dispatch(l);
	loop_timers_fire(l);
	if (ask_mail)
		worked |= loop_mail_run(l);
	loop_tasks_run(l);
	worked |= loop_ring_reap(l);
	l->worked = worked;
	/* Last, for then what the others brought goes out in one batch.  The
	   mark above is already set: adding a poller sets it again. */
	if (loop_pollers_poll(l))
		l->worked = true;
	if (l->worked)
		loop_spin_learn(l);
}

int pvb_loop_turn(struct pvb_loop *l, bool may_block)
{
	int r;

	assert(!l->turning);
	l->turning = true;
	read_clock(l);
	submit_queued(l);
	r = wait_or_look(l, may_block);
	dispatch(l);
	submit_queued(l);
	if (r == 0) {
		r = l->ring.failed;
		l->ring.failed = 0;
	}
	l->turning = false;
	return r;
}

int pvb_loop_run(struct pvb_loop *l)
{
	int r = 0;

	while (r == 0 && !l->stopped)
		r = pvb_loop_turn(l, true);
	l->stopped = false;
	return r;
}

void pvb_loop_stop(struct pvb_loop *l)
{
	l->stopped = true;
}
