/* SPDX-License-Identifier: MIT */
/* test_pool.c - objects, ids that go stale, and our own mistakes. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdalign.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/pool.h"

enum { COUNT = 5, BYTES = 24 };

static void gives_each_object_once_until_all_are_out(void **state)
{
	struct pvb_pool p;
	unsigned char *objects[COUNT];
	uint64_t ids[COUNT], id;

	(void)state;
	assert_int_equal(pvb_pool_init(&p, COUNT, BYTES), 0);
	for (int i = 0; i < COUNT; i++) {
		objects[i] = pvb_pool_get(&p, &ids[i]);
		assert_non_null(objects[i]);
		assert_int_equal((uintptr_t)objects[i] % alignof(max_align_t),
		                 0);
		memset(objects[i], i, BYTES);
		for (int j = 0; j < i; j++)
			assert_true(ids[i] != ids[j]);
	}
	for (int i = 0; i < COUNT; i++)
		for (int b = 0; b < BYTES; b++)
			assert_int_equal(objects[i][b], i);
	assert_null(pvb_pool_get(&p, &id));
	assert_int_equal(pvb_pool_used(&p), COUNT);
	for (int i = 0; i < COUNT; i++)
		pvb_pool_put(&p, objects[i]);
	assert_int_equal(pvb_pool_used(&p), 0);
	pvb_pool_fini(&p);
}

static void objects_begin_as_zero(void **state)
{
	static const unsigned char zero[BYTES];
	struct pvb_pool p;
	void *o[COUNT];

	(void)state;
	assert_int_equal(pvb_pool_init(&p, COUNT, BYTES), 0);
	for (int i = 0; i < COUNT; i++) {
		o[i] = pvb_pool_get(&p, NULL);
		assert_memory_equal(o[i], zero, BYTES);
	}
	for (int i = 0; i < COUNT; i++)
		pvb_pool_put(&p, o[i]);
	pvb_pool_fini(&p);
}

static void last_in_is_first_out(void **state)
{
	struct pvb_pool p;
	void *a, *b;

	(void)state;
	assert_int_equal(pvb_pool_init(&p, COUNT, BYTES), 0);
	a = pvb_pool_get(&p, NULL);
	b = pvb_pool_get(&p, NULL);
	pvb_pool_put(&p, b);
	pvb_pool_put(&p, a);
	assert_ptr_equal(pvb_pool_get(&p, NULL), a);
	pvb_pool_put(&p, a);
	pvb_pool_fini(&p);
}

static void id_finds_its_object_while_it_is_out(void **state)
{
	struct pvb_pool p;
	uint64_t id;
	void *o;

	(void)state;
	assert_int_equal(pvb_pool_init(&p, COUNT, BYTES), 0);
	o = pvb_pool_get(&p, &id);
	assert_ptr_equal(pvb_pool_find(&p, id), o);
	assert_true(pvb_pool_id(&p, o) == id);
	pvb_pool_put(&p, o);
	assert_null(pvb_pool_find(&p, id));
	pvb_pool_fini(&p);
}

static void stale_id_does_not_find_the_next_user(void **state)
{
	struct pvb_pool p;
	uint64_t old_id, new_id;
	void *o;

	(void)state;
	assert_int_equal(pvb_pool_init(&p, 1, BYTES), 0);
	o = pvb_pool_get(&p, &old_id);
	pvb_pool_put(&p, o);
	assert_ptr_equal(pvb_pool_get(&p, &new_id), o);
	assert_true(old_id != new_id);
	assert_null(pvb_pool_find(&p, old_id));
	assert_ptr_equal(pvb_pool_find(&p, new_id), o);
	pvb_pool_put(&p, o);
	pvb_pool_fini(&p);
}

static void invented_ids_find_nothing(void **state)
{
	struct pvb_pool p;
	uint64_t id;
	void *o;

	(void)state;
	assert_int_equal(pvb_pool_init(&p, COUNT, BYTES), 0);
	/* Never given out: an even generation, 0, is in every slot. */
	for (uint32_t slot = 0; slot < COUNT + 2; slot++)
		assert_null(pvb_pool_find(&p, slot));
	o = pvb_pool_get(&p, &id);
	assert_null(pvb_pool_find(&p, id + 1));
	assert_null(pvb_pool_find(&p, id + COUNT));
	assert_null(pvb_pool_find(&p, id + (UINT64_C(1) << 32)));
	assert_null(pvb_pool_find(&p, id & UINT32_MAX));
	assert_null(pvb_pool_find(&p, UINT64_MAX));
	pvb_pool_put(&p, o);
	pvb_pool_fini(&p);
}

static void walk_sees_what_is_out_and_no_more(void **state)
{
	struct pvb_pool p;
	void *o[COUNT];
	uint32_t seen = 0;

	(void)state;
	assert_int_equal(pvb_pool_init(&p, COUNT, BYTES), 0);
	for (int i = 0; i < COUNT; i++)
		o[i] = pvb_pool_get(&p, NULL);
	pvb_pool_put(&p, o[1]);
	pvb_pool_put(&p, o[3]);
	for (uint32_t i = 0; i < COUNT + 3; i++) {
		void *at = pvb_pool_at(&p, i);

		assert_true(!at || at == o[0] || at == o[2] || at == o[4]);
		seen += at != NULL;
	}
	assert_int_equal(seen, 3);
	for (int i = 0; i < COUNT; i += 2)
		pvb_pool_put(&p, o[i]);
	pvb_pool_fini(&p);
}

static void impossible_sizes_are_refused(void **state)
{
	struct pvb_pool p;

	(void)state;
	assert_int_equal(pvb_pool_init(&p, 0, 8), -EINVAL);
	pvb_pool_fini(&p);
	assert_int_equal(pvb_pool_init(&p, 8, 0), -EINVAL);
	assert_int_equal(pvb_pool_init(&p, 1, SIZE_MAX), -EINVAL);
	assert_int_equal(pvb_pool_init(&p, UINT32_MAX, SIZE_MAX / 1024),
	                 -EINVAL);
	assert_null(pvb_pool_get(&p, NULL));
	pvb_pool_fini(&p);
}

static void all_zero_pool_is_empty(void **state)
{
	struct pvb_pool p = { 0 };

	(void)state;
	assert_null(pvb_pool_get(&p, NULL));
	assert_null(pvb_pool_find(&p, UINT64_C(1) << 32));
	assert_null(pvb_pool_at(&p, 0));
	pvb_pool_fini(&p);
	pvb_pool_fini(&p);
}

/* The signal that ends a child which runs `mistake`. */
static int signal_of(void (*mistake)(struct pvb_pool *p))
{
	const struct rlimit no_core = { 0, 0 };
	struct pvb_pool p;
	pid_t child;
	int status;

	child = fork();
	if (child == 0) {
		(void)setrlimit(RLIMIT_CORE, &no_core);
		(void)close(STDERR_FILENO);
		/* cmocka's own handler would jump back into the parent's
		   list of tests. */
		(void)signal(SIGABRT, SIG_DFL);
		if (pvb_pool_init(&p, COUNT, BYTES) < 0)
			_exit(1);
		mistake(&p);
		_exit(0);
	}
	assert_true(child > 0);
	assert_int_equal(waitpid(child, &status, 0), child);
	return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static void put_twice(struct pvb_pool *p)
{
	void *o = pvb_pool_get(p, NULL);

	pvb_pool_put(p, o);
	pvb_pool_put(p, o);
}

static void put_inside_an_object(struct pvb_pool *p)
{
	unsigned char *o = pvb_pool_get(p, NULL);

	pvb_pool_put(p, o + 1);
}

static void put_a_stranger(struct pvb_pool *p)
{
	_Alignas(16) unsigned char stranger[BYTES];

	(void)pvb_pool_get(p, NULL);
	pvb_pool_put(p, stranger);
}

static void fini_with_one_out(struct pvb_pool *p)
{
	(void)pvb_pool_get(p, NULL);
	pvb_pool_fini(p);
}

static void our_own_mistakes_are_asserted(void **state)
{
	(void)state;
	assert_int_equal(signal_of(put_twice), SIGABRT);
	assert_int_equal(signal_of(put_inside_an_object), SIGABRT);
	assert_int_equal(signal_of(put_a_stranger), SIGABRT);
	assert_int_equal(signal_of(fini_with_one_out), SIGABRT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(gives_each_object_once_until_all_are_out),
		cmocka_unit_test(objects_begin_as_zero),
		cmocka_unit_test(last_in_is_first_out),
		cmocka_unit_test(id_finds_its_object_while_it_is_out),
		cmocka_unit_test(stale_id_does_not_find_the_next_user),
		cmocka_unit_test(invented_ids_find_nothing),
		cmocka_unit_test(walk_sees_what_is_out_and_no_more),
		cmocka_unit_test(impossible_sizes_are_refused),
		cmocka_unit_test(all_zero_pool_is_empty),
		cmocka_unit_test(our_own_mistakes_are_asserted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
