/* SPDX-License-Identifier: MIT */
/*
 * Requests that are kept for another back: what the former one still does, what
 * the new one cannot do, and when there is none.
 */
#include "keep_bench.h"

/* ---- what the former back still does ------------------------------------- */

static void nobody_hears_what_it_answers_too_late(void **state)
{
	struct scene *s = begin(&(struct pair_options){ 0 });
	struct req *q = submit(s, 0, PVB_IO_WRITE, 0, PAGE);

	(void)state;
	assert_int_equal(lose(s), 1);
	pair_front_attach(&s->pair);
	held_answer_all(-EIO);
	turn(s);
	assert_int_equal(q->answers, 0);
	kill_back(s);
	pair_back_attach(&s->pair);
	pair_go(&s->pair);
	turn(s);
	assert_int_equal(held_count(), 1);
	held_answer_all(0);
	wait_for(s, q, 0);
	end(s);
}

/* A read straight into pages that its submitter keeps: these are others now, so
   far as whole pages are meant. */
static void it_has_no_page_of_a_read_any_more(void **state)
{
	struct scene *s = begin(&(struct pair_options){ 0 });
	struct pvb_disk *d = s->rig.disk;
	unsigned char *at = d->ops->buffer_get(d, 4 * PAGE);
	struct req *q = &s->req[0];
	struct mem_direct_counts c;

	(void)state;
	assert_non_null(at);
	req_init(q, &s->rig, PVB_IO_READ, 0, 2 * PAGE);
	q->iov[0] = (struct iovec){ at + 512, 2 * PAGE };
	assert_int_equal(req_submit(q), 0);
	rig_kick(&s->rig);
	turn(s);
	at[511] = at[512] = at[PAGE] = at[2 * PAGE] = at[2 * PAGE + 512] = 'x';
	(void)lose(s);
	mem_direct_counts(s->pair.machine, &c);
	assert_int_equal(c.forgotten, 1);
	assert_int_equal(at[PAGE], 0);
	assert_int_equal(at[511], 'x');
	assert_int_equal(at[2 * PAGE + 512], 'x');
	another_back(s);
	held_answer_all(0);
	wait_for(s, q, 0);
	d->ops->buffer_put(d, at, 4 * PAGE);
	end(s);
}

/* What is to be written is needed. */
static void a_write_keeps_its_pages(void **state)
{
	struct scene *s = begin(&(struct pair_options){ .uri = "mem:1M" });
	struct pvb_disk *d = s->rig.disk;
	unsigned char *at = d->ops->buffer_get(d, PAGE);
	struct req *q = &s->req[0];

	(void)state;
	req_init(q, &s->rig, PVB_IO_WRITE, 0, PAGE);
	q->iov[0].iov_base = at;
	fill_pattern(at, PAGE, 9);
	assert_int_equal(req_submit(q), 0);
	rig_kick(&s->rig);
	assert_int_equal(lose(s), 1);
	another_back(s);
	wait_for(s, q, 0);
	d->ops->buffer_put(d, at, PAGE);
	expect(s, 0, PAGE, 9);
	end(s);
}

/* ---- a disk that is less than before ------------------------------------- */

static void what_the_new_disk_cannot_do_fails(void **state)
{
	struct scene *s = begin(&(struct pair_options){ 0 });
	struct req *discard, *far, *near;

	(void)state;
	discard = submit(s, 0, PVB_IO_DISCARD, 0, PAGE);
	far = submit(s, 1, PVB_IO_WRITE, 63 * MIB, PAGE);
	near = submit(s, 2, PVB_IO_WRITE, 0, PAGE);
	(void)lose(s);
	s->pair.geometry.discard = false;
	s->pair.geometry.sectors = 32 * MIB / 512;
	another_back(s);
	wait_for(s, discard, -EOPNOTSUPP);
	wait_for(s, far, -EINVAL);
	assert_int_equal(held_count(), 1);
	held_answer_all(0);
	wait_for(s, near, 0);
	assert_int_equal(s->rig.disk->info.size_bytes, 32 * MIB);
	assert_false(s->rig.disk->info.discard);
	end(s);
}

static int told;

static void on_changed(struct pvb_disk *d, void *arg, int gone)
{
	(void)d;
	(void)arg;
	assert_int_equal(gone, 0);
	told++;
}

static void the_owner_hears_what_the_new_disk_is(void **state)
{
	struct scene *s = begin(&(struct pair_options){
		.sectors = 32 * MIB / 512 });

	(void)state;
	told = 0;
	s->rig.disk->changed = on_changed;
	(void)lose(s);
	s->pair.geometry.sectors *= 2;
	another_back(s);
	assert_int_equal(told, 1);
	assert_int_equal(s->rig.disk->info.size_bytes, 64 * MIB);
	end(s);
}

/* ---- an end -------------------------------------------------------------- */

static void without_keep_it_is_the_end_of_what_was_kept(void **state)
{
	struct scene *s = begin(&(struct pair_options){ 0 });
	struct req *old, *new;

	(void)state;
	old = submit(s, 0, PVB_IO_WRITE, 0, PAGE);
	(void)lose(s);
	new = submit(s, 1, PVB_IO_WRITE, 0, PAGE);
	kill_back(s);
	pair_front_attach(&s->pair);
	order_drain(s, false, false);
	(void)control_wait(&s->pair.front, PVB_BLK_MSG_DRAINED);
	wait_for(s, old, -EIO);
	wait_for(s, new, -EIO);
	assert_false(s->pair.live);
	wait_for(s, submit(s, 2, PVB_IO_READ, 0, PAGE), -ESHUTDOWN);
	end(s);
}

static void so_is_the_end_of_control(void **state)
{
	struct scene *s = begin(&(struct pair_options){ 0 });
	struct req *q = submit(s, 0, PVB_IO_WRITE, 0, PAGE);

	(void)state;
	(void)lose(s);
	control_fini(&s->pair.front);
	wait_for(s, q, -EIO);
	assert_false(s->pair.live);
	assert_int_equal(s->pair.live_code, -ESHUTDOWN);
	wait_for(s, submit(s, 1, PVB_IO_READ, 0, PAGE), -ESHUTDOWN);
	held_answer_all(0);
	end(s);
}

static void and_that_of_the_front(void **state)
{
	struct scene *s = begin(&(struct pair_options){ 0 });
	struct req *q = submit(s, 0, PVB_IO_WRITE, 0, PAGE);

	(void)state;
	(void)lose(s);
	held_answer_all(0);
	turn(s);
	pvb_blkfront_io_destroy(s->pair.front_io);
	s->pair.front_io = NULL;
	assert_int_equal(q->answers, 1);
	assert_int_equal(q->result, -ESHUTDOWN);
	end(s);
}

/* ---- without an answer --------------------------------------------------- */

#define SECOND UINT64_C(1000000000)

static void time_out(struct scene *s, bool keep)
{
	struct pvb_blk_msg m;

	detach_front(s);
	kill_back(s);
	s->pair.options.timeout_ns = 10 * SECOND;
	s->pair.live = false;
	pair_front_attach_msg(&s->pair, &m);
	m.u.front_attach.keep = keep;
	control_send(&s->pair.front, &m);
	s->pair.attached = control_wait(&s->pair.front,
	                                PVB_BLK_MSG_ATTACHED).u.attached;
	pair_back_attach(&s->pair);
	pair_go(&s->pair);
	(void)submit(s, 0, PVB_IO_WRITE, 0, PAGE);
	pvb_loop_turn_clock(s->pair.loop, 11 * SECOND);
	m = control_wait(&s->pair.front, PVB_BLK_MSG_FAILED);
	assert_int_equal(m.u.failed.why, PVB_WHY_TIMEOUT);
	turn(s);
}

static void what_times_out_is_kept(void **state)
{
	struct scene *s = begin(&(struct pair_options){ .manual_clock = true });

	(void)state;
	time_out(s, true);
	assert_int_equal(s->req[0].answers, 0);
	assert_true(s->pair.live);
	assert_int_equal(lose(s), 1);
	another_back(s);
	held_answer_all(0);
	wait_for(s, &s->req[0], 0);
	end(s);
}

static void unless_nobody_asked_for_that(void **state)
{
	struct scene *s = begin(&(struct pair_options){ .manual_clock = true });

	(void)state;
	time_out(s, false);
	wait_for(s, &s->req[0], -EIO);
	assert_false(s->pair.live);
	held_answer_all(0);
	end(s);
}

static void control_hears_whether_anything_was_answered(void **state)
{
	struct scene *s = begin(&(struct pair_options){ 0 });
	struct pvb_blk_msg m;

	(void)state;
	(void)submit(s, 0, PVB_IO_WRITE, 0, PAGE);
	order_drain(s, true, true);
	m = control_wait(&s->pair.front, PVB_BLK_MSG_DRAINED);
	assert_false(m.u.drained.fruitful);
	detach_front(s);
	another_back(s);
	held_answer_all(0);
	wait_for(s, &s->req[0], 0);
	order_drain(s, true, true);
	m = control_wait(&s->pair.front, PVB_BLK_MSG_DRAINED);
	assert_true(m.u.drained.fruitful);
	assert_int_equal(m.u.drained.kept, 0);
	end(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nobody_hears_what_it_answers_too_late),
		cmocka_unit_test(it_has_no_page_of_a_read_any_more),
		cmocka_unit_test(a_write_keeps_its_pages),
		cmocka_unit_test(what_the_new_disk_cannot_do_fails),
		cmocka_unit_test(the_owner_hears_what_the_new_disk_is),
		cmocka_unit_test(without_keep_it_is_the_end_of_what_was_kept),
		cmocka_unit_test(so_is_the_end_of_control),
		cmocka_unit_test(and_that_of_the_front),
		cmocka_unit_test(what_times_out_is_kept),
		cmocka_unit_test(unless_nobody_asked_for_that),
		cmocka_unit_test(control_hears_whether_anything_was_answered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
