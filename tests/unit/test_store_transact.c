/* SPDX-License-Identifier: MIT */
/* Transactions on any store: what is tried again, and for how long. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "hyp/store.h"

static struct fake {
	struct pvb_store store;
	uint32_t no_place, conflicts;   /* so often, before it goes well */
	uint32_t begun, committed, aborted, bodies;
	int body_says;
} t;

static int fake_begin(struct pvb_store *s, uint32_t *tx)
{
	assert_ptr_equal(s, &t.store);
	if (t.no_place > 0) {
		t.no_place--;
		return -ENOSPC;
	}
	*tx = ++t.begun;
	return 0;
}

static int fake_commit(struct pvb_store *s, uint32_t tx)
{
	assert_ptr_equal(s, &t.store);
	assert_int_equal(tx, t.begun);
	if (t.conflicts > 0) {
		t.conflicts--;
		return -EAGAIN;
	}
	t.committed++;
	return 0;
}

static void fake_abort(struct pvb_store *s, uint32_t tx)
{
	assert_ptr_equal(s, &t.store);
	assert_int_equal(tx, t.begun);
	t.aborted++;
}

static const struct pvb_store_ops fake_ops = {
	.name = "fake", .begin = fake_begin, .commit = fake_commit,
	.abort = fake_abort,
};

static int body(struct pvb_store *s, uint32_t tx, void *arg)
{
	assert_ptr_equal(s, &t.store);
	assert_int_equal(tx, t.begun);
	assert_ptr_equal(arg, &t);
	t.bodies++;
	return t.body_says;
}

static int setup(void **state)
{
	(void)state;
	t = (struct fake){ .store.ops = &fake_ops };
	return 0;
}

static void a_place_is_waited_for(void **state)
{
	(void)state;
	t.no_place = 5;
	assert_int_equal(pvb_store_transact(&t.store, body, &t), 0);
	assert_int_equal(t.no_place, 0);
	assert_int_equal(t.bodies, 1);
	assert_int_equal(t.committed, 1);
}

static void a_place_that_does_not_come_is_given_up(void **state)
{
	(void)state;
	t.no_place = UINT32_MAX;
	assert_int_equal(pvb_store_transact(&t.store, body, &t), -ENOSPC);
	assert_int_equal(t.bodies, 0);
}

static void a_conflict_is_tried_again(void **state)
{
	(void)state;
	t.conflicts = PVB_STORE_TRIES_MAX - 1;
	assert_int_equal(pvb_store_transact(&t.store, body, &t), 0);
	assert_int_equal(t.bodies, PVB_STORE_TRIES_MAX);
	t.conflicts = UINT32_MAX;
	assert_int_equal(pvb_store_transact(&t.store, body, &t), -EAGAIN);
	assert_int_equal(t.bodies, 2 * PVB_STORE_TRIES_MAX);
}

/* No place for a node is not going to pass. */
static void an_error_of_the_body_ends_it(void **state)
{
	(void)state;
	t.body_says = -ENOSPC;
	assert_int_equal(pvb_store_transact(&t.store, body, &t), -ENOSPC);
	assert_int_equal(t.bodies, 1);
	assert_int_equal(t.aborted, 1);
	assert_int_equal(t.committed, 0);
}

#define T(t) cmocka_unit_test_setup(t, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_place_is_waited_for),
		T(a_place_that_does_not_come_is_given_up),
		T(a_conflict_is_tried_again),
		T(an_error_of_the_body_ends_it),
	};

	return cmocka_run_group_tests_name("store_transact", tests, NULL,
	                                   NULL);
}
