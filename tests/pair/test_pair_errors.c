/* SPDX-License-Identifier: MIT */
/* A disk that fails: what control is told of it, and what the guest sees. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "held_scene.h"

#define S UINT64_C(1000000000)

static void told(const struct scene *s, uint32_t times, enum pvb_io_op op,
                 uint64_t offset, int code, uint64_t count)
{
	const struct pvb_blk_report *p = &s->pair.back.last_error;

	assert_int_equal(s->pair.back.errors, times);
	assert_int_equal(p->op, op);
	assert_int_equal(p->offset_bytes, offset);
	assert_int_equal(p->code, code);
	assert_int_equal(p->value, count);
}

static void an_error_is_told_as_it_is(void **state)
{
	struct scene *s = scene_begin(&(struct pair_options){ 0 });
	struct req *q = scene_submit_write(s, 1);

	(void)state;
	scene_answer(s, -ENODATA);
	assert_int_equal(q->result, -EIO);
	told(s, 1, PVB_IO_WRITE, 65536, -ENODATA, 1);
	scene_end(s);
}

static void many_are_told_together(void **state)
{
	struct scene *s = scene_begin(&(struct pair_options){ 0 });

	(void)state;
	for (int i = 0; i < 3; i++) {
		(void)scene_submit_write(s, i);
		scene_answer(s, -EIO);
	}
	told(s, 1, PVB_IO_WRITE, 0, -EIO, 1);
	scene_pass(s, S);
	(void)scene_submit(s, 3, PVB_IO_READ, 4096);
	pair_settle(&s->pair);
	scene_answer(s, -ESHUTDOWN);
	told(s, 2, PVB_IO_READ, 3 * 65536, -ESHUTDOWN, 3);
	scene_end(s);
}

static void want_of_room_is_told_as_such(void **state)
{
	struct scene *s = scene_begin(&(struct pair_options){ 0 });

	(void)state;
	(void)scene_submit_write(s, 0);
	scene_answer(s, -ENOSPC);
	assert_int_equal(s->pair.back.errors, 0);
	assert_int_equal(s->pair.back.no_space, 1);
	scene_end(s);
}

static void but_not_that_of_a_flush(void **state)
{
	struct scene *s = scene_begin(&(struct pair_options){ 0 });

	(void)state;
	(void)scene_submit(s, 0, PVB_IO_FLUSH, 0);
	pair_settle(&s->pair);
	scene_answer(s, -ENOSPC);
	told(s, 1, PVB_IO_FLUSH, 0, -ENOSPC, 1);
	scene_end(s);
}

static void what_a_disk_does_not_do_after_all_is_no_error(void **state)
{
	struct scene *s = scene_begin(&(struct pair_options){ 0 });

	(void)state;
	(void)scene_submit(s, 0, PVB_IO_FLUSH, 0);
	pair_settle(&s->pair);
	scene_answer(s, -EOPNOTSUPP);
	assert_int_equal(s->pair.back.errors, 0);
	assert_int_equal(s->pair.back.lost[PVB_BLK_LOST_FLUSH], 1);
	scene_end(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_error_is_told_as_it_is),
		cmocka_unit_test(many_are_told_together),
		cmocka_unit_test(want_of_room_is_told_as_such),
		cmocka_unit_test(but_not_that_of_a_flush),
		cmocka_unit_test(what_a_disk_does_not_do_after_all_is_no_error),
	};

	return cmocka_run_group_tests_name("pair_errors", tests, NULL, NULL);
}
