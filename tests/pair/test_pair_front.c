/* SPDX-License-Identifier: MIT */
/*
 * What a front makes of its callers' requests: seen on the other side of the
 * ring, as the back's disk gets them, and in the back's counters.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "blk/blkfront_req.h"
#include "disk_held.h"
#include "pair.h"
#include "requests.h"

enum { REQS = 64 };

struct scene {
	struct pair pair;
	struct rig rig;
	struct req req[REQS];
};

static struct scene *begin(const struct pair_options *o)
{
	struct scene *s = calloc(1, sizeof(*s));

	pair_init(&s->pair, o);
	pair_connect(&s->pair);
	s->rig.loop = s->pair.loop;
	s->rig.disk = s->pair.disk;
	return s;
}

static struct scene *begin_held(const struct pair_options *more)
{
	struct pair_options o = *more;

	o.uri = "held:64M";
	o.disks = disk_held_list;
	return begin(&o);
}

static void end(struct scene *s)
{
	for (int i = 0; i < REQS; i++)
		req_fini(&s->req[i]);
	pair_disconnect(&s->pair);
	pair_fini(&s->pair);
	held_reset();
	free(s);
}

static struct req *submit(struct scene *s, int i, enum pvb_io_op op,
                          uint64_t offset, uint64_t length)
{
	req_init(&s->req[i], &s->rig, op, offset, length);
	assert_int_equal(req_submit(&s->req[i]), 0);
	return &s->req[i];
}

static struct pvb_counts counts(struct scene *s)
{
	struct pvb_counts c;

	pair_counts(&s->pair, &c);
	return c;
}

static uint64_t copies(struct scene *s)
{
	struct mem_direct_counts c;

	mem_direct_counts(s->pair.machine, &c);
	return c.copies;
}

/* ---- splitting and merging ----------------------------------------------- */

static void a_large_request_is_split_at_eleven_pages(void **state)
{
	struct scene *s = begin(&(struct pair_options){ 0 });

	(void)state;
	assert_int_equal(rig_write(&s->rig, 0, 1 << 20, 1), 0);
	rig_expect(&s->rig, 0, 1 << 20, 1);
	assert_int_equal(counts(s).op[PVB_COUNT_WRITE].requests, 24);
	assert_int_equal(counts(s).op[PVB_COUNT_READ].requests, 24);
	assert_int_equal(counts(s).op[PVB_COUNT_WRITE].bytes, 1 << 20);
	end(s);
}

static void with_indirect_segments_it_takes_fewer(void **state)
{
	struct scene *s = begin(&(struct pair_options){ .indirect = 32 });

	(void)state;
	assert_int_equal(rig_write(&s->rig, 4096, 1 << 20, 2), 0);
	rig_expect(&s->rig, 4096, 1 << 20, 2);
	assert_int_equal(counts(s).op[PVB_COUNT_WRITE].requests, 8);
	assert_int_equal(counts(s).op[PVB_COUNT_READ].requests, 8);
	end(s);
}

static void a_single_request_may_be_larger_than_the_whole_ring(void **state)
{
	struct scene *s = begin(&(struct pair_options){ .uri = "mem:64M" });

	(void)state;
	assert_int_equal(rig_write(&s->rig, 512, 24 << 20, 3), 0);
	rig_expect(&s->rig, 512, 24 << 20, 3);
	assert_int_equal(counts(s).op[PVB_COUNT_WRITE].bytes, 24 << 20);
	end(s);
}

static void small_requests_overtake_a_large_one(void **state)
{
	struct scene *s = begin_held(&(struct pair_options){ 0 });
	struct req *small;

	(void)state;
	(void)submit(s, 0, PVB_IO_WRITE, 0, 24 << 20);
	small = submit(s, 1, PVB_IO_READ, 40 << 20, 4096);
	rig_kick(&s->rig);
	while (small->answers == 0) {
		pair_turn(&s->pair);
		held_answer_all(0);
	}
	assert_int_equal(s->req[0].answers, 0);
	while (s->req[0].answers == 0) {
		held_answer_all(0);
		pair_turn(&s->pair);
	}
	assert_int_equal(s->req[0].result, 0);
	end(s);
}

static void neighbours_of_one_kick_are_merged(void **state)
{
	struct scene *s = begin_held(&(struct pair_options){ 0 });

	(void)state;
	for (int i = 0; i < 4; i++)
		(void)submit(s, i, PVB_IO_WRITE, 8192 + i * 2048u, 2048);
	rig_kick(&s->rig);
	pair_settle(&s->pair);
	assert_int_equal(held_count(), 1);
	assert_int_equal(held_at(0)->offset_bytes, 8192);
	assert_int_equal(held_at(0)->length_bytes, 8192);
	held_answer(0, 0);
	pair_settle(&s->pair);
	for (int i = 0; i < 4; i++)
		assert_int_equal(s->req[i].answers, 1);
	end(s);
}

static void merged_data_is_everybodys_own(void **state)
{
	struct scene *s = begin(&(struct pair_options){ 0 });

	(void)state;
	assert_int_equal(rig_write(&s->rig, 0, 16384, 9), 0);
	for (int i = 0; i < 4; i++)
		(void)submit(s, i, PVB_IO_READ, i * 4096u, 4096);
	rig_kick(&s->rig);
	for (int i = 0; i < 4; i++)
		req_wait(&s->req[i]);
	assert_int_equal(counts(s).op[PVB_COUNT_READ].requests, 1);
	for (int i = 0; i < 4; i++) {
		unsigned char all[16384];

		fill_pattern(all, sizeof(all), 9);
		assert_memory_equal(req_data(&s->req[i]), all + i * 4096, 4096);
	}
	end(s);
}

static void gaps_other_operations_and_steps_back_are_not_merged(void **state)
{
	struct scene *s = begin_held(&(struct pair_options){ 0 });

	(void)state;
	(void)submit(s, 0, PVB_IO_WRITE, 8192, 4096);
	(void)submit(s, 1, PVB_IO_WRITE, 16384, 4096);
	(void)submit(s, 2, PVB_IO_READ, 20480, 4096);
	(void)submit(s, 3, PVB_IO_READ, 16384, 4096);
	rig_kick(&s->rig);
	pair_settle(&s->pair);
	assert_int_equal(held_count(), 4);
	held_answer_all(0);
	pair_settle(&s->pair);
	end(s);
}

/* A merger must not spread an error to whom it does not concern. */
static void only_the_one_at_fault_of_merged_ones_fails(void **state)
{
	struct scene *s = begin_held(&(struct pair_options){ 0 });

	(void)state;
	for (int i = 0; i < 3; i++)
		(void)submit(s, i, PVB_IO_WRITE, i * 4096u, 4096);
	rig_kick(&s->rig);
	pair_settle(&s->pair);
	assert_int_equal(held_count(), 1);
	held_answer(0, -EIO);
	pair_settle(&s->pair);
	assert_int_equal(held_count(), 3);
	for (int i = 0; i < 3; i++)
		assert_int_equal(s->req[i].answers, 0);
	held_answer(1, -EIO);
	held_answer_all(0);
	pair_settle(&s->pair);
	assert_int_equal(s->req[0].result, 0);
	assert_int_equal(s->req[1].result, -EIO);
	assert_int_equal(s->req[2].result, 0);
	end(s);
}

static void a_failed_piece_fails_the_whole_once(void **state)
{
	struct scene *s = begin_held(&(struct pair_options){ 0 });
	struct req *q;

	(void)state;
	q = submit(s, 0, PVB_IO_READ, 0, 1 << 20);
	rig_kick(&s->rig);
	pair_settle(&s->pair);
	assert_int_equal(held_count(), 24);
	held_answer(7, -EIO);
	pair_settle(&s->pair);
	assert_int_equal(q->answers, 0);
	held_answer_all(0);
	pair_settle(&s->pair);
	assert_int_equal(q->answers, 1);
	assert_int_equal(q->result, -EIO);
	end(s);
}

static void what_a_failed_request_has_not_sent_stays(void **state)
{
	struct scene *s = begin_held(&(struct pair_options){ 0 });
	struct req *q;

	(void)state;
	q = submit(s, 0, PVB_IO_WRITE, 0, 8 << 20);
	rig_kick(&s->rig);
	pair_settle(&s->pair);
	assert_int_equal(held_count(), 32);
	held_answer_all(-EIO);
	pair_settle(&s->pair);
	assert_int_equal(held_count(), 0);
	assert_int_equal(q->result, -EIO);
	assert_int_equal(counts(s).op[PVB_COUNT_WRITE].errors, 32);
	end(s);
}

/* ---- buffers ------------------------------------------------------------- */

static void a_shared_buffer_goes_out_as_it_lies(void **state)
{
	struct scene *s = begin_held(&(struct pair_options){ 0 });
	struct req *q = &s->req[0];
	unsigned char *buffer = s->rig.disk->ops->buffer_get(s->rig.disk, 8192);

	(void)state;
	assert_non_null(buffer);
	req_init(q, &s->rig, PVB_IO_READ, 0, 6144);
	q->iov[0].iov_base = buffer + 1024;
	assert_int_equal(req_submit(q), 0);
	rig_kick(&s->rig);
	pair_settle(&s->pair);
	assert_int_equal(held_count(), 1);
	assert_int_equal(held_at(0)->iovcnt, 1);
	assert_ptr_equal(held_at(0)->iov[0].iov_base, buffer + 1024);
	held_answer(0, 0);
	req_wait(q);
	s->rig.disk->ops->buffer_put(s->rig.disk, buffer, 8192);
	end(s);
}

static void an_unaligned_place_in_a_shared_buffer_is_bounced(void **state)
{
	struct scene *s = begin(&(struct pair_options){ 0 });
	struct req *q = &s->req[0];
	unsigned char *buffer = s->rig.disk->ops->buffer_get(s->rig.disk, 8192);
	unsigned char want[4096];

	(void)state;
	assert_int_equal(rig_write(&s->rig, 4096, 4096, 5), 0);
	req_init(q, &s->rig, PVB_IO_READ, 4096, 4096);
	q->iov[0].iov_base = buffer + 100;
	assert_int_equal(req_run(q), 0);
	fill_pattern(want, sizeof(want), 5);
	assert_memory_equal(buffer + 100, want, sizeof(want));
	s->rig.disk->ops->buffer_put(s->rig.disk, buffer, 8192);
	end(s);
}

static void shared_and_bounced_ones_may_be_merged(void **state)
{
	struct scene *s = begin(&(struct pair_options){ 0 });
	unsigned char *buffer = s->rig.disk->ops->buffer_get(s->rig.disk, 4096);
	unsigned char want[12288];

	(void)state;
	assert_int_equal(rig_write(&s->rig, 0, 12288, 31), 0);
	for (int i = 0; i < 3; i++) {
		req_init(&s->req[i], &s->rig, PVB_IO_READ, i * 4096u, 4096);
		if (i == 1)
			s->req[i].iov[0].iov_base = buffer;
		assert_int_equal(req_submit(&s->req[i]), 0);
	}
	rig_kick(&s->rig);
	for (int i = 0; i < 3; i++)
		req_wait(&s->req[i]);
	assert_int_equal(counts(s).op[PVB_COUNT_READ].requests, 1);
	fill_pattern(want, sizeof(want), 31);
	for (int i = 0; i < 3; i++)
		assert_memory_equal(req_data(&s->req[i]), want + i * 4096,
		                    4096);
	s->rig.disk->ops->buffer_put(s->rig.disk, buffer, 4096);
	end(s);
}

static void told_to_bounce_it_has_no_buffers(void **state)
{
	struct scene *s = begin(&(struct pair_options){
		.bounce_always = true });

	(void)state;
	assert_null(s->rig.disk->ops->buffer_get(s->rig.disk, 4096));
	assert_int_equal(rig_write(&s->rig, 0, 65536, 6), 0);
	rig_expect(&s->rig, 0, 65536, 6);
	end(s);
}

static void callers_who_hold_all_buffers_stop_nobody(void **state)
{
	struct scene *s = begin(&(struct pair_options){ .indirect = 32 });
	static void *held[64];
	int n = 0;

	(void)state;
	while (n < 64 && (held[n] = s->rig.disk->ops->buffer_get(s->rig.disk,
	                                                         1 << 18)))
		n++;
	assert_true(n > 0 && n < 64);
	assert_int_equal(rig_write(&s->rig, 0, 4 << 20, 7), 0);
	rig_expect(&s->rig, 0, 4 << 20, 7);
	while (n > 0)
		s->rig.disk->ops->buffer_put(s->rig.disk, held[--n], 1 << 18);
	end(s);
}

static void with_few_grants_it_is_slow_but_right(void **state)
{
	struct scene *s = calloc(1, sizeof(*s));

	(void)state;
	pair_init(&s->pair, &(struct pair_options){ .indirect = 32 });
	mem_direct_faults(s->pair.machine)->share_pages_max = 1 + 64 + 33;
	pair_connect(&s->pair);
	s->rig.loop = s->pair.loop;
	s->rig.disk = s->pair.disk;
	assert_int_equal(rig_write(&s->rig, 0, 8 << 20, 8), 0);
	rig_expect(&s->rig, 0, 8 << 20, 8);
	end(s);
}

static void a_vector_of_many_odd_pieces_arrives(void **state)
{
	struct scene *s = begin(&(struct pair_options){ .indirect = 32 });
	uint64_t seed = 11;
	struct req *q = &s->req[0];

	(void)state;
	req_init(q, &s->rig, PVB_IO_WRITE, 0, 300 * 512);
	fill_pattern(q->memory, 300 * 512, 12);
	req_split(q, REQ_IOV_MAX, &seed);
	assert_int_equal(req_run(q), 0);
	rig_expect(&s->rig, 0, 300 * 512, 12);
	end(s);
}

static void copies_carry_partial_pages_both_ways(void **state)
{
	struct scene *s = begin(&(struct pair_options){ .no_window = true,
	                                                .indirect = 32 });

	(void)state;
	assert_int_equal(rig_write(&s->rig, 512, 5 * 512, 1), 0);
	assert_int_equal(rig_write(&s->rig, 8192, 200 * 512, 2), 0);
	rig_expect(&s->rig, 512, 5 * 512, 1);
	rig_expect(&s->rig, 8192, 200 * 512, 2);
	assert_true(copies(s) > 0);
	end(s);
}

/* ---- operations ---------------------------------------------------------- */

static void fua_is_a_flush_after_the_write(void **state)
{
	struct scene *s = begin_held(&(struct pair_options){ 0 });
	struct req *q = &s->req[0];

	(void)state;
	req_init(q, &s->rig, PVB_IO_WRITE, 0, 4096);
	q->io.flags = PVB_IO_FUA;
	assert_int_equal(req_submit(q), 0);
	rig_kick(&s->rig);
	pair_settle(&s->pair);
	assert_int_equal(held_count(), 1);
	assert_int_equal(held_at(0)->op, PVB_IO_WRITE);
	held_answer(0, 0);
	pair_settle(&s->pair);
	assert_int_equal(q->answers, 0);
	assert_int_equal(held_count(), 1);
	assert_int_equal(held_at(0)->op, PVB_IO_FLUSH);
	held_answer(0, 0);
	req_wait(q);
	assert_int_equal(q->result, 0);
	end(s);
}

static void a_failed_write_is_not_flushed(void **state)
{
	struct scene *s = begin_held(&(struct pair_options){ 0 });
	struct req *q = &s->req[0];

	(void)state;
	req_init(q, &s->rig, PVB_IO_WRITE, 0, 4096);
	q->io.flags = PVB_IO_FUA;
	assert_int_equal(req_submit(q), 0);
	rig_kick(&s->rig);
	pair_settle(&s->pair);
	held_answer(0, -EIO);
	pair_settle(&s->pair);
	assert_int_equal(held_count(), 0);
	assert_int_equal(q->result, -EIO);
	end(s);
}

static void where_there_is_only_a_barrier_it_flushes(void **state)
{
	struct scene *s = begin(&(struct pair_options){ .barrier_only = true });

	(void)state;
	assert_int_equal(rig_do(&s->rig, PVB_IO_FLUSH, 0, 0, 0), 0);
	assert_int_equal(counts(s).op[PVB_COUNT_BARRIER].requests, 1);
	assert_int_equal(counts(s).op[PVB_COUNT_FLUSH].requests, 0);
	end(s);
}

static void zeros_arrive(void **state)
{
	struct scene *s = begin(&(struct pair_options){ .indirect = 32 });

	(void)state;
	assert_int_equal(rig_write(&s->rig, 0, 4 << 20, 1), 0);
	assert_int_equal(rig_do(&s->rig, PVB_IO_ZERO, 0, 512, 3 << 20), 0);
	rig_expect_zeros(&s->rig, 512, 3 << 20);
	end(s);
}

static void zeroing_the_whole_disk_lets_others_through(void **state)
{
	struct scene *s = begin_held(&(struct pair_options){ .indirect = 32 });
	struct req *zero, *read;

	(void)state;
	zero = submit(s, 0, PVB_IO_ZERO, 0, 64 << 20);
	rig_kick(&s->rig);
	pair_settle(&s->pair);
	assert_int_equal(held_count(), PVB_BLKFRONT_ZEROS_MAX);
	read = submit(s, 1, PVB_IO_READ, 0, 4096);
	rig_kick(&s->rig);
	pair_settle(&s->pair);
	assert_int_equal(held_at(held_count() - 1)->op, PVB_IO_READ);
	held_answer(held_count() - 1, 0);
	req_wait(read);
	while (zero->answers == 0) {
		held_answer_all(0);
		pair_turn(&s->pair);
	}
	assert_int_equal(zero->result, 0);
	assert_int_equal(counts(s).op[PVB_COUNT_WRITE].bytes, 64 << 20);
	end(s);
}

static void a_flush_that_is_not_supported_is_not_asked_for_again(void **state)
{
	struct scene *s = begin_held(&(struct pair_options){ 0 });
	struct req *q;

	(void)state;
	q = submit(s, 0, PVB_IO_FLUSH, 0, 0);
	rig_kick(&s->rig);
	pair_settle(&s->pair);
	held_answer(0, -EOPNOTSUPP);
	/* There was a barrier too: tried next, and lost with it. */
	req_wait(q);
	assert_int_equal(q->result, -EOPNOTSUPP);
	assert_false(s->rig.disk->info.flush || s->rig.disk->info.fua);
	assert_int_equal(rig_do(&s->rig, PVB_IO_FLUSH, 0, 0, 0), -EOPNOTSUPP);
	assert_int_equal(held_count(), 0);
	end(s);
}

static void a_discard_that_is_not_supported_goes_away(void **state)
{
	struct scene *s = begin_held(&(struct pair_options){ 0 });
	struct req *q;

	(void)state;
	q = submit(s, 0, PVB_IO_DISCARD, 4096, 32 << 20);
	rig_kick(&s->rig);
	pair_settle(&s->pair);
	assert_int_equal(held_at(0)->op, PVB_IO_DISCARD);
	assert_int_equal(held_at(0)->length_bytes, 32 << 20);
	held_answer(0, -EOPNOTSUPP);
	req_wait(q);
	assert_int_equal(q->result, -EOPNOTSUPP);
	assert_false(s->rig.disk->info.discard);
	end(s);
}

static void not_supported_for_data_is_an_io_error(void **state)
{
	struct scene *s = begin_held(&(struct pair_options){ 0 });
	struct req *q;

	(void)state;
	q = submit(s, 0, PVB_IO_READ, 4096, 4096);
	rig_kick(&s->rig);
	pair_settle(&s->pair);
	held_answer(0, -EOPNOTSUPP);
	req_wait(q);
	assert_int_equal(q->result, -EIO);
	end(s);
}

static void the_ring_is_kept_full(void **state)
{
	struct scene *s = begin_held(&(struct pair_options){ 0 });

	(void)state;
	for (int i = 0; i < REQS; i++)
		(void)submit(s, i, PVB_IO_READ, i * 8192u, 4096);
	rig_kick(&s->rig);
	pair_settle(&s->pair);
	assert_int_equal(held_count(), 32);
	for (int i = 0; i < 32; i++) {
		held_answer(0, 0);
		pair_settle(&s->pair);
		assert_int_equal(held_count(), 32);
	}
	held_answer_all(0);
	pair_settle(&s->pair);
	for (int i = 0; i < REQS; i++)
		assert_int_equal(s->req[i].answers, 1);
	end(s);
}

/* A turn is all that a request waits for its kick. */
static void a_request_goes_out_without_a_kick(void **state)
{
	struct scene *s = begin(&(struct pair_options){ 0 });
	struct req *q;

	(void)state;
	q = submit(s, 0, PVB_IO_READ, 0, 4096);
	req_wait(q);
	assert_int_equal(q->result, 0);
	end(s);
}

/* Linux's back keeps its mappings if the front says that it may, and then makes
   every one of them for both ways, those of lists too. */
static void a_back_that_keeps_mappings_gets_what_it_needs(void **state)
{
	struct scene *s = begin(&(struct pair_options){ .indirect = 32,
	                                                .both_ways = true });

	(void)state;
	assert_int_equal(rig_write(&s->rig, 0, 1 << 20, 5), 0);
	rig_expect(&s->rig, 0, 1 << 20, 5);
	end(s);
}

static void another_back_may_not_write_lists(void **state)
{
	struct scene *s = begin(&(struct pair_options){
		.indirect = 32, .both_ways = true, .not_persistent = true });

	(void)state;
	assert_int_equal(rig_write(&s->rig, 0, 32 << 10, 5), 0);
	assert_int_equal(rig_write(&s->rig, 0, 128 << 10, 5), -EIO);
	end(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_large_request_is_split_at_eleven_pages),
		cmocka_unit_test(with_indirect_segments_it_takes_fewer),
		cmocka_unit_test(a_back_that_keeps_mappings_gets_what_it_needs),
		cmocka_unit_test(another_back_may_not_write_lists),
		cmocka_unit_test(
			a_single_request_may_be_larger_than_the_whole_ring),
		cmocka_unit_test(small_requests_overtake_a_large_one),
		cmocka_unit_test(neighbours_of_one_kick_are_merged),
		cmocka_unit_test(merged_data_is_everybodys_own),
		cmocka_unit_test(
			gaps_other_operations_and_steps_back_are_not_merged),
		cmocka_unit_test(only_the_one_at_fault_of_merged_ones_fails),
		cmocka_unit_test(a_failed_piece_fails_the_whole_once),
		cmocka_unit_test(what_a_failed_request_has_not_sent_stays),
		cmocka_unit_test(a_shared_buffer_goes_out_as_it_lies),
		cmocka_unit_test(
			an_unaligned_place_in_a_shared_buffer_is_bounced),
		cmocka_unit_test(shared_and_bounced_ones_may_be_merged),
		cmocka_unit_test(told_to_bounce_it_has_no_buffers),
		cmocka_unit_test(callers_who_hold_all_buffers_stop_nobody),
		cmocka_unit_test(with_few_grants_it_is_slow_but_right),
		cmocka_unit_test(a_vector_of_many_odd_pieces_arrives),
		cmocka_unit_test(copies_carry_partial_pages_both_ways),
		cmocka_unit_test(fua_is_a_flush_after_the_write),
		cmocka_unit_test(a_failed_write_is_not_flushed),
		cmocka_unit_test(where_there_is_only_a_barrier_it_flushes),
		cmocka_unit_test(zeros_arrive),
		cmocka_unit_test(zeroing_the_whole_disk_lets_others_through),
		cmocka_unit_test(
			a_flush_that_is_not_supported_is_not_asked_for_again),
		cmocka_unit_test(a_discard_that_is_not_supported_goes_away),
		cmocka_unit_test(not_supported_for_data_is_an_io_error),
		cmocka_unit_test(the_ring_is_kept_full),
		cmocka_unit_test(a_request_goes_out_without_a_kick),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
