/* SPDX-License-Identifier: MIT */
/*
 * loop_source.h - a poller for the tests of the loop.
 *
 * It moves the clock itself at each poll, so every count is exact.  Where it
 * declines no sleep, it leaves a wake-up: the loop gives up sleeping at the
 * last moment, and the test goes on.
 */
#ifndef PVB_TEST_LOOP_SOURCE_H
#define PVB_TEST_LOOP_SOURCE_H

#include "loop_fixture.h"

enum { POLL_NS = 1000 };

struct source {
	struct pvb_loop_poller p;
	int work;                       /* batches that are there now */
	int polls, worked, arms;
	bool arm_says;
	bool comes_asleep;              /* work comes while the loop sleeps */
	void (*also)(struct source *s); /* in each poll */
	struct source *other;
};

static inline bool source_poll(struct pvb_loop_poller *p)
{
	struct source *s = pvb_container(p, struct source, p);

	s->polls++;
	pvb_loop_turn_clock(loop, POLL_NS);
	if (s->also)
		s->also(s);
	if (s->work == 0)
		return false;
	s->work--;
	s->worked++;
	return true;
}

static inline bool source_arm(struct pvb_loop_poller *p)
{
	struct source *s = pvb_container(p, struct source, p);

	s->arms++;
	if (s->comes_asleep)
		s->work = 1;
	if (!s->arm_says)
		pvb_loop_wake(loop);
	return s->arm_says;
}

#define SOURCE { .p = { .poll = source_poll, .arm = source_arm } }

/* Blocking turns until the loop wants to sleep: how many polls it took. */
static inline int polls_until_armed(struct source *s)
{
	int polls = s->polls, arms = s->arms;

	while (s->arms == arms)
		turn_blocking();
	return s->polls - polls;
}

#endif
