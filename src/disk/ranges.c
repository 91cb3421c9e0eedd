/* SPDX-License-Identifier: MIT */
#include <assert.h>

#include "ranges.h"

static bool is_conflict(const struct pvb_range *a, const struct pvb_range *b)
{
	return (a->alone || b->alone) && a->begin < b->end && b->begin < a->end;
}

int pvb_ranges_init(struct pvb_ranges *s)
{
	*s = (struct pvb_ranges){ .first = NULL };
	return -pthread_mutex_init(&s->lock, NULL);
}

void pvb_ranges_fini(struct pvb_ranges *s)
{
	assert(!s->first);
	(void)pthread_mutex_destroy(&s->lock);
}

/* ---- the line; locked ---------------------------------------------------- */

static void append(struct pvb_ranges *s, struct pvb_range *r)
{
	r->next = NULL;
	r->prev = s->last;
	if (s->last)
		s->last->next = r;
	else
		s->first = r;
	s->last = r;
	s->alone += r->alone;
}

static void take_out(struct pvb_ranges *s, struct pvb_range *r)
{
	if (r->prev)
		r->prev->next = r->next;
	else
		s->first = r->next;
	if (r->next)
		r->next->prev = r->prev;
	else
		s->last = r->prev;
	s->alone -= r->alone;
}

static uint32_t count_before(const struct pvb_ranges *s,
                             const struct pvb_range *r)
{
	uint32_t n = 0;

	if (s->alone == 0 && !r->alone)         /* nearly always */
		return 0;
	for (const struct pvb_range *o = s->first; o; o = o->next)
		n += is_conflict(o, r);
	return n;
}

/* Its task is posted under the lock, and ends under it: so once a lane has
   heard of its last range, nobody is about to post. */
static void grant(struct pvb_range *r)
{
	struct pvb_ranges_lane *l = r->lane;
	bool first = pvb_queue_is_empty(&l->granted);

	pvb_queue_push(&l->granted, &r->node);
	if (first)
		pvb_loop_post(l->loop, &l->task);
}

static void one_less(struct pvb_ranges *s, const struct pvb_range *gone,
                     struct pvb_range *behind)
{
	if (s->alone == 0 && !gone->alone)
		return;
	for (struct pvb_range *r = behind; r; r = r->next) {
		if (!is_conflict(gone, r))
			continue;
		assert(r->before > 0);
		if (--r->before == 0)
			grant(r);
	}
}

/* ---- lanes --------------------------------------------------------------- */

static void tell(struct pvb_loop_task *t)
{
	struct pvb_ranges_lane *l =
		pvb_container(t, struct pvb_ranges_lane, task);
	struct pvb_queue batch;
	struct pvb_qnode *n;

	(void)pthread_mutex_lock(&l->ranges->lock);
	batch = l->granted;
	l->granted = (struct pvb_queue){ NULL, NULL };
	(void)pthread_mutex_unlock(&l->ranges->lock);
	while ((n = pvb_queue_pop(&batch)))
		l->grant(pvb_container(n, struct pvb_range, node));
}

void pvb_ranges_lane_init(struct pvb_ranges_lane *l, struct pvb_ranges *s,
                          struct pvb_loop *loop,
                          void (*grant_call)(struct pvb_range *r))
{
	*l = (struct pvb_ranges_lane){
		.ranges = s, .loop = loop, .task.run = tell,
		.grant = grant_call,
	};
}

void pvb_ranges_lane_fini(struct pvb_ranges_lane *l)
{
	assert(pvb_queue_is_empty(&l->granted));
	pvb_loop_undefer(l->loop, &l->task);
}

bool pvb_ranges_take(struct pvb_ranges_lane *l, struct pvb_range *r)
{
	struct pvb_ranges *s = l->ranges;
	bool mine;

	assert(r->begin < r->end);
	r->lane = l;
	(void)pthread_mutex_lock(&s->lock);
	r->before = count_before(s, r);
	mine = r->before == 0;
	append(s, r);
	(void)pthread_mutex_unlock(&s->lock);
	return mine;
}

void pvb_ranges_drop(struct pvb_range *r)
{
	struct pvb_ranges *s = r->lane->ranges;
	struct pvb_range *behind;

	(void)pthread_mutex_lock(&s->lock);
	assert(r->before == 0);
	behind = r->next;
	take_out(s, r);
	one_less(s, r, behind);
	(void)pthread_mutex_unlock(&s->lock);
}
