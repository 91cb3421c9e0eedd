/* SPDX-License-Identifier: MIT */
/*
 * test_loop_fd.c - descriptors, and removing them from inside any callback.
 */
#include <fcntl.h>

#include "loop_fixture.h"
#include "base/loop_state.h"            /* LOOP_BATCH */

static void nothing_ready_calls_nobody(void **state)
{
	struct ear e;

	(void)state;
	add_ear(&e, 0, PVB_LOOP_IN);
	turn();
	assert_int_equal(e.heard, 0);
	drop_ear(&e);
}

static void ready_descriptor_is_told_what_it_asked_for(void **state)
{
	struct ear in, out, both;

	(void)state;
	add_ear(&in, 1, PVB_LOOP_IN);
	add_ear(&out, 1, PVB_LOOP_OUT);
	add_ear(&both, 1, PVB_LOOP_IN | PVB_LOOP_OUT);
	turn_blocking();
	assert_int_equal(in.events, PVB_LOOP_IN);
	assert_int_equal(out.events, PVB_LOOP_OUT);
	assert_int_equal(both.events, PVB_LOOP_IN | PVB_LOOP_OUT);
	assert_int_equal(in.heard + out.heard + both.heard, 3);
	drop_ear(&in);
	drop_ear(&out);
	drop_ear(&both);
}

static void hang_up_shows_as_in(void **state)
{
	struct ear e = { .w = { .events = PVB_LOOP_OUT, .ready = hear } };
	int fds[2];

	(void)state;
	assert_int_equal(pipe(fds), 0);
	e.w.fd = fds[1];
	assert_int_equal(pvb_loop_add_fd(loop, &e.w), 0);
	(void)close(fds[0]);
	turn();
	assert_true(e.events & PVB_LOOP_IN);
	drop_ear(&e);
}

static void who_wants_nothing_hears_no_hang_up_either(void **state)
{
	struct ear e = { .w = { .events = PVB_LOOP_IN, .ready = hear } };
	int fds[2];

	(void)state;
	assert_int_equal(pipe(fds), 0);
	e.w.fd = fds[0];
	assert_int_equal(pvb_loop_add_fd(loop, &e.w), 0);
	assert_int_equal(pvb_loop_modify_fd(&e.w, 0), 0);
	(void)close(fds[1]);
	turn();
	turn();
	assert_int_equal(e.heard, 0);
	assert_int_equal(pvb_loop_modify_fd(&e.w, PVB_LOOP_IN), 0);
	turn();
	assert_int_equal(e.heard, 1);
	assert_int_equal(pvb_loop_modify_fd(&e.w, 0), 0);
	drop_ear(&e);
}

static void want_nothing(struct ear *e)
{
	assert_int_equal(pvb_loop_modify_fd(&e->w, 0), 0);
	assert_int_equal(pvb_loop_modify_fd(&e->other->w, 0), 0);
}

static void change_of_mind_holds_within_the_turn(void **state)
{
	struct ear a, b;

	(void)state;
	add_ear(&a, 1, PVB_LOOP_IN);
	add_ear(&b, 1, PVB_LOOP_IN);
	a.also = b.also = want_nothing;
	a.other = &b;
	b.other = &a;
	turn();
	assert_int_equal(a.heard + b.heard, 1);
	drop_ear(&a);
	drop_ear(&b);
}

static void remove_other(struct ear *e)
{
	drop_ear(e->other);
}

static void removed_by_another_callback_is_not_called(void **state)
{
	struct ear a, b;

	(void)state;
	add_ear(&a, 1, PVB_LOOP_IN);
	add_ear(&b, 1, PVB_LOOP_IN);
	a.also = b.also = remove_other;
	a.other = &b;
	b.other = &a;
	turn();
	assert_int_equal(a.heard + b.heard, 1);
	turn();
	assert_int_equal(a.heard + b.heard, 2);
	drop_ear(&a);
	drop_ear(&b);
}

/* Close both and open another in the same place, with the same number. */
static void replace_other(struct ear *e)
{
	struct ear *o = e->other;
	int number = o->w.fd;

	drop_ear(o);
	add_ear(o, 0, PVB_LOOP_IN);
	assert_int_equal(o->w.fd, number);
}

static void event_of_a_closed_descriptor_dies_with_it(void **state)
{
	struct ear a, b;

	(void)state;
	add_ear(&a, 1, PVB_LOOP_IN);
	add_ear(&b, 1, PVB_LOOP_IN);
	a.also = b.also = replace_other;
	a.other = &b;
	b.other = &a;
	turn();
	assert_int_equal(a.heard + b.heard, 1);
	drop_ear(&a);
	drop_ear(&b);
}

static void remove_self(struct ear *e)
{
	drop_ear(e);
}

static void callback_may_remove_itself(void **state)
{
	struct ear e;

	(void)state;
	add_ear(&e, 1, PVB_LOOP_IN);
	e.also = remove_self;
	turn();
	turn();
	assert_int_equal(e.heard, 1);
	assert_null(e.w.loop);
	pvb_loop_remove_fd(&e.w);
}

static void what_cannot_be_watched_is_an_error(void **state)
{
	struct ear e, again;
	int file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);

	(void)state;
	memset(&e, 0, sizeof(e));
	e.w.fd = file;
	e.w.events = PVB_LOOP_IN;
	e.w.ready = hear;
	assert_int_equal(pvb_loop_add_fd(loop, &e.w), -EPERM);
	assert_null(e.w.loop);
	(void)close(file);
	add_ear(&e, 0, PVB_LOOP_IN);
	again = e;
	again.w.loop = NULL;
	assert_int_equal(pvb_loop_add_fd(loop, &again.w), -EEXIST);
	drop_ear(&e);
}

static void many_ready_descriptors_all_get_their_turn(void **state)
{
	enum { MANY = 3 * LOOP_BATCH };
	static struct ear ears[MANY];

	(void)state;
	for (int i = 0; i < MANY; i++)
		add_ear(&ears[i], 1, PVB_LOOP_IN);
	for (int i = 0; i < 3; i++)
		turn();
	for (int i = 0; i < MANY; i++) {
		assert_int_equal(ears[i].heard, 1);
		drop_ear(&ears[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		REAL(nothing_ready_calls_nobody),
		REAL(ready_descriptor_is_told_what_it_asked_for),
		REAL(hang_up_shows_as_in),
		REAL(who_wants_nothing_hears_no_hang_up_either),
		REAL(change_of_mind_holds_within_the_turn),
		REAL(removed_by_another_callback_is_not_called),
		REAL(event_of_a_closed_descriptor_dies_with_it),
		REAL(callback_may_remove_itself),
		REAL(what_cannot_be_watched_is_an_error),
		REAL(many_ready_descriptors_all_get_their_turn),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
