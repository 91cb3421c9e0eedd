/* SPDX-License-Identifier: MIT */
/*
 * Pollers, and how long a loop goes on polling them before it sleeps.
 *
 *             nothing to do            spun for max_ns
 *      BUSY ---------------> SPINNING ----------------> RESTING
 *        ^   (credit, probe)    |       (miss)             ^ |
 *        |          hit         |                          | |
 *        +----------------------+      no credit, no probe | |
 *        |-------------------------------------------------+ |
 *        +---------------------------------------------------+
 *                              work
 *
 * A resting loop arms its pollers and sleeps.  Credit is what the spins of
 * late have earned: it grows with one that found work and shrinks with one
 * that ended in a sleep, so at zero most of them did.  From then on the loop
 * rests at once and only probes, ever more rarely, whether times are better.
 */
#include <assert.h>
#include <stddef.h>

#include "loop_state.h"

enum {
	CREDIT_MAX = 8,
	CREDIT_START = 2,               /* also what a good probe earns */
	PROBE_GAP_MIN = 8,              /* rests between two probes */
	PROBE_GAP_MAX = 256,
};

void pvb_loop_add_poller(struct pvb_loop *l, struct pvb_loop_poller *p)
{
	struct pvb_loop_poller **at = &l->pollers;

	assert(!p->loop && p->poll && p->arm);
	while (*at)
		at = &(*at)->next;
	*at = p;
	p->next = NULL;
	p->loop = l;
	/* What it polls may be full already: look before anybody sleeps. */
	l->worked = true;
}

void pvb_loop_remove_poller(struct pvb_loop_poller *p)
{
	struct pvb_loop *l = p->loop;
	struct pvb_loop_poller **at;

	if (!l)
		return;
	for (at = &l->pollers; *at != p; at = &(*at)->next)
		assert(*at);
	*at = p->next;
	if (l->poll_next == p)
		l->poll_next = p->next;
	p->next = NULL;
	p->loop = NULL;
}

bool loop_pollers_poll(struct pvb_loop *l)
{
	struct pvb_loop_poller *p;
	bool worked = false;

	for (p = l->pollers; p; p = l->poll_next) {
		l->poll_next = p->next;
		worked |= p->poll(p);
	}
	return worked;
}

bool loop_pollers_arm(struct pvb_loop *l)
{
	struct pvb_loop_poller *p;

	/* After the first that says no to sleep, the others need no bell. */
	for (p = l->pollers; p; p = l->poll_next) {
		l->poll_next = p->next;
		if (p->arm(p))
			return true;
	}
	return false;
}

void pvb_loop_set_spin(struct pvb_loop *l, uint64_t max_ns)
{
	l->spin.max_ns = max_ns;
	loop_spin_reset(l);
}

void loop_spin_reset(struct pvb_loop *l)
{
	struct loop_spin *s = &l->spin;

	s->state = LOOP_BUSY;
	s->credit = CREDIT_START;
	s->skipped = 0;
	s->probe_gap = PROBE_GAP_MIN;
}

/* Nothing came for the first turn: is it worth while to go on looking? */
static bool worth_a_spin(struct loop_spin *s)
{
	if (s->max_ns == 0)
		return false;
	if (s->credit > 0)
		return true;
	if (++s->skipped < s->probe_gap)
		return false;
	s->skipped = 0;
	return true;
}

static void learn_miss(struct loop_spin *s)
{
	if (s->credit > 0) {
		s->credit--;
		s->probe_gap = PROBE_GAP_MIN;
	} else if (s->probe_gap < PROBE_GAP_MAX) {
		s->probe_gap *= 2;
	}
}

static void learn_hit(struct loop_spin *s)
{
	if (s->credit == 0)
		s->credit = CREDIT_START;
	else if (s->credit < CREDIT_MAX)
		s->credit++;
}

bool loop_spin_goes_on(struct pvb_loop *l)
{
	struct loop_spin *s = &l->spin;

	if (!l->pollers)
		return false;
	/* Whoever did a batch may have another: look without arming. */
	if (l->worked || s->max_ns == PVB_LOOP_SPIN_ALWAYS)
		return true;
	switch (s->state) {
	case LOOP_BUSY:
		s->state = worth_a_spin(s) ? LOOP_SPINNING : LOOP_RESTING;
		s->since_ns = l->now_ns;
		break;
	case LOOP_SPINNING:
		if (l->now_ns - s->since_ns < s->max_ns)
			break;
		s->state = LOOP_RESTING;
		learn_miss(s);
		break;
	case LOOP_RESTING:
		break;
	}
	return s->state == LOOP_SPINNING;
}

void loop_spin_learn(struct pvb_loop *l)
{
	struct loop_spin *s = &l->spin;

	if (s->state == LOOP_SPINNING)
		learn_hit(s);
	s->state = LOOP_BUSY;
}
