/* SPDX-License-Identifier: MIT */
/*
 * One-shot timers in a sorted list.  A loop has a handful of them (time-outs
 * of handshakes, never one per request), which no tree would hold better.
 */
#include <assert.h>
#include <stddef.h>

#include "loop_state.h"

static bool unlink_timer(struct pvb_loop_timer **list,
                         struct pvb_loop_timer *t)
{
	for (; *list; list = &(*list)->next) {
		if (*list == t) {
			*list = t->next;
			t->next = NULL;
			return true;
		}
	}
	return false;
}

void pvb_loop_disarm(struct pvb_loop_timer *t)
{
	struct pvb_loop *l = t->loop;

	if (!l)
		return;
	if (!unlink_timer(&l->timers, t))
		(void)unlink_timer(&l->firing, t);
	t->loop = NULL;
}

void pvb_loop_arm(struct pvb_loop *l, struct pvb_loop_timer *t, uint64_t due_ns)
{
	struct pvb_loop_timer **at = &l->timers;

	assert(t->fired && (!t->loop || t->loop == l));
	pvb_loop_disarm(t);
	while (*at && (*at)->due_ns <= due_ns)
		at = &(*at)->next;
	t->due_ns = due_ns;
	t->loop = l;
	t->next = *at;
	*at = t;
}

bool loop_timers_due(const struct pvb_loop *l)
{
	return l->timers && l->timers->due_ns <= l->now_ns;
}

void loop_timers_fire(struct pvb_loop *l)
{
	struct pvb_loop_timer **end = &l->timers;
	struct pvb_loop_timer *t;

	if (!loop_timers_due(l))
		return;
	/* What is due now is cut off first: a timer that arms itself for a
	   time that has passed fires once a turn, not for ever in this one. */
	while (*end && (*end)->due_ns <= l->now_ns)
		end = &(*end)->next;
	l->firing = l->timers;
	l->timers = *end;
	*end = NULL;
	while ((t = l->firing)) {
		l->firing = t->next;
		t->next = NULL;
		t->loop = NULL;
		t->fired(t);
	}
}
