/* SPDX-License-Identifier: MIT */
/*
 * loop_fixture.h - what the tests of the event loop share: a loop for each
 * test, ears (descriptors that note what they hear) and chores (tasks that
 * note when they ran).
 */
#ifndef PVB_TEST_LOOP_FIXTURE_H
#define PVB_TEST_LOOP_FIXTURE_H

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/loop.h"

static struct pvb_loop *loop;
static int order_now;                   /* counts what is called */

static inline int make_loop(void **state)
{
	(void)state;
	order_now = 0;
	loop = pvb_loop_create(NULL, NULL);
	return loop ? 0 : -1;
}

static inline int make_manual_loop(void **state)
{
	const struct pvb_loop_config c = { .manual_clock = true };

	(void)state;
	order_now = 0;
	loop = pvb_loop_create(&c, NULL);
	return loop ? 0 : -1;
}

static inline int drop_loop(void **state)
{
	(void)state;
	pvb_loop_destroy(loop);
	loop = NULL;
	return 0;
}

#define WITH(make, test) cmocka_unit_test_setup_teardown(test, make, drop_loop)
#define REAL(test) WITH(make_loop, test)
#define MANUAL(test) WITH(make_manual_loop, test)

static inline void turn(void)
{
	assert_int_equal(pvb_loop_turn(loop, false), 0);
}

static inline void turn_blocking(void)
{
	assert_int_equal(pvb_loop_turn(loop, true), 0);
}

struct ear {
	struct pvb_loop_fd w;
	int heard;
	uint32_t events;
	void (*also)(struct ear *e);
	struct ear *other;
};

static inline void hear(struct pvb_loop_fd *w, uint32_t events)
{
	struct ear *e = pvb_container(w, struct ear, w);

	e->heard++;
	e->events = events;
	if (e->also)
		e->also(e);
}

/* Listen to an eventfd that holds `count` already. */
static inline void add_ear(struct ear *e, unsigned int count, uint32_t events)
{
	memset(e, 0, sizeof(*e));
	e->w.fd = eventfd(count, EFD_NONBLOCK | EFD_CLOEXEC);
	e->w.events = events;
	e->w.ready = hear;
	assert_true(e->w.fd >= 0);
	assert_int_equal(pvb_loop_add_fd(loop, &e->w), 0);
}

static inline void drop_ear(struct ear *e)
{
	pvb_loop_remove_fd(&e->w);
	if (e->w.fd >= 0)
		(void)close(e->w.fd);
	e->w.fd = -1;
}

struct chore {
	struct pvb_loop_task t;
	int run;
	int order;
	void (*also)(struct chore *c);
	struct chore *other;
};

static inline void work(struct pvb_loop_task *t)
{
	struct chore *c = pvb_container(t, struct chore, t);

	c->run++;
	c->order = order_now++;
	if (c->also)
		c->also(c);
}

#define CHORE { .t = { .run = work } }

#endif
