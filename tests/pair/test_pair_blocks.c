/* SPDX-License-Identifier: MIT */
/*
 * Requests of several slots, a front over a back: every number of segments in
 * every layout, at every place in the ring, within every limit.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "disk_held.h"
#include "pair.h"
#include "requests.h"

enum { PAGE = PVB_BLK_PAGE_BYTES, REQS = 16 };

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

static void kick(struct scene *s)
{
	rig_kick(&s->rig);
	pair_settle(&s->pair);
}

static void answer_all(struct scene *s, int n)
{
	for (int i = 0; i < n; i++) {
		while (s->req[i].answers == 0) {
			held_answer_all(0);
			pair_turn(&s->pair);
		}
		assert_int_equal(s->req[i].result, 0);
	}
}

static uint64_t writes(struct scene *s)
{
	struct pvb_counts c;

	pair_counts(&s->pair, &c);
	for (int i = 0; i < PVB_WHY_COUNT; i++)
		assert_int_equal(c.refused[i], 0);
	return c.op[PVB_COUNT_WRITE].requests;
}

/* Of requests and of answers, as they lie in memory. */
static uint32_t index_of(struct scene *s, enum pvb_role role)
{
	const uint32_t *shared = mem_direct_page(s->pair.machine,
	                                         s->pair.attached.ring_ref[0]);

	assert_non_null(shared);
	return shared[role == PVB_FRONT ? 0 : 2];
}

/* ---- every size ---------------------------------------------------------- */

struct layout { uint8_t order; bool x86_32, no_window, mapped; };

/* One at a time: each begins where the last has ended, and in between they
   lie across the ring's end. */
static void every_number_of_segments(const struct layout *l)
{
	struct scene *s = begin(&(struct pair_options){
		.ring_order = l->order, .x86_32 = l->x86_32,
		.x86_64 = !l->x86_32,
		.no_window = l->no_window, .mapped = l->mapped,
		.blocks = { .segs_max = 255 } });
	uint32_t per_block = l->x86_32 ? 13 : 14, size = 32u << l->order;
	uint32_t at = 0, across = 0;

	for (uint32_t n = 1; n <= 255; n++) {
		uint32_t k = n <= 11 ? 1 : 1 + (n - 11 + per_block - 1) /
		                               per_block;

		for (int way = 0; way < 2; way++, at += k) {
			across += at % size + k > size;
			if (way == 0)
				assert_int_equal(rig_write(&s->rig, 0,
					n * (uint64_t)PAGE, n), 0);
			else
				rig_expect(&s->rig, 0, n * (uint64_t)PAGE, n);
			assert_int_equal(index_of(s, PVB_FRONT), at + k);
			assert_int_equal(index_of(s, PVB_BACK), at + k);
		}
		assert_int_equal(writes(s), n);
	}
	assert_true(across >= (l->order == 0 ? 100 : 8));
	end(s);
}

static void each_number_of_segments_on_one_page(void **state)
{
	(void)state;
	every_number_of_segments(&(struct layout){ .order = 0 });
	every_number_of_segments(&(struct layout){ .order = 0,
	                                           .x86_32 = true });
}

static void each_number_of_segments_on_sixteen_pages(void **state)
{
	(void)state;
	every_number_of_segments(&(struct layout){ .order = 4 });
	every_number_of_segments(&(struct layout){ .order = 4,
	                                           .x86_32 = true });
}

static void each_number_of_segments_by_copies(void **state)
{
	(void)state;
	every_number_of_segments(&(struct layout){ .no_window = true });
	every_number_of_segments(&(struct layout){ .no_window = true,
	                                           .x86_32 = true });
}

static void each_number_of_segments_by_mappings(void **state)
{
	(void)state;
	every_number_of_segments(&(struct layout){ .mapped = true });
	every_number_of_segments(&(struct layout){ .mapped = true,
	                                           .x86_32 = true });
}

/* Segments that are no whole pages: the caller's own memory, as it lies. */
static void odd_pieces_of_shared_memory(void **state)
{
	struct scene *s = begin(&(struct pair_options){
		.blocks = { .segs_max = 255 } });
	struct pvb_disk *d = s->rig.disk;
	uint64_t seed = 5;

	(void)state;
	for (int round = 0; round < 50; round++) {
		uint64_t length = 512 * (next_random(&seed) % 1500 + 1);
		unsigned char *at = d->ops->buffer_get(d, 1 << 20);
		size_t by = 512 * (next_random(&seed) % 8);
		struct req *q = &s->req[0];

		assert_non_null(at);
		req_init(q, &s->rig, PVB_IO_WRITE, 0, length);
		fill_pattern(at + by, length, round);
		q->iov[0].iov_base = at + by;
		assert_int_equal(req_run(q), 0);
		rig_expect(&s->rig, 0, length, round);
		req_fini(q);
		d->ops->buffer_put(d, at, 1 << 20);
	}
	(void)writes(s);
	end(s);
}

/* ---- limits -------------------------------------------------------------- */

static void no_more_segments_than_agreed(void **state)
{
	struct scene *s = begin(&(struct pair_options){
		.blocks = { .segs_max = 20 } });

	(void)state;
	assert_int_equal(rig_write(&s->rig, 0, 101 * PAGE, 1), 0);
	rig_expect(&s->rig, 0, 101 * PAGE, 1);
	assert_int_equal(writes(s), 6);
	end(s);
}

/* Sectors that lie apart in memory: a segment for each. */
static void however_small_they_are(void **state)
{
	struct scene *s = begin(&(struct pair_options){
		.blocks = { .segs_max = 20 } });
	struct pvb_disk *d = s->rig.disk;
	unsigned char *at = d->ops->buffer_get(d, 60 * PAGE);
	struct req *q = &s->req[0];

	(void)state;
	assert_non_null(at);
	req_init(q, &s->rig, PVB_IO_WRITE, 0, 60 * 512);
	memset(at, 0x11, 60 * PAGE);
	for (int i = 0; i < 60; i++) {
		memset(at + i * PAGE + 512, i + 1, 512);
		q->iov[i] = (struct iovec){ at + i * PAGE + 512, 512 };
	}
	q->io.iovcnt = 60;
	assert_int_equal(req_run(q), 0);
	d->ops->buffer_put(d, at, 60 * PAGE);
	assert_int_equal(writes(s), 3);
	req_fini(q);
	req_init(q, &s->rig, PVB_IO_READ, 0, 60 * 512);
	assert_int_equal(req_run(q), 0);
	for (int i = 0; i < 60 * 512; i++)
		assert_int_equal(req_data(q)[i], i / 512 + 1);
	end(s);
}

static void no_more_bytes_than_agreed(void **state)
{
	struct scene *s = begin(&(struct pair_options){
		.blocks = { .segs_max = 255, .bytes_max = 16 * PAGE } });
	struct pvb_disk *d = s->rig.disk;
	struct req *q = &s->req[0];
	unsigned char *at = d->ops->buffer_get(d, 65 * PAGE);

	(void)state;
	assert_int_equal(rig_write(&s->rig, 0, 64 * PAGE, 1), 0);
	assert_int_equal(writes(s), 4);
	/* Where a request does not begin with a page, it ends inside of one. */
	req_init(q, &s->rig, PVB_IO_WRITE, 0, 64 * PAGE);
	assert_non_null(at);
	fill_pattern(at + 512, 64 * PAGE, 2);
	q->iov[0].iov_base = at + 512;
	assert_int_equal(req_run(q), 0);
	d->ops->buffer_put(d, at, 65 * PAGE);
	assert_int_equal(writes(s), 8);
	rig_expect(&s->rig, 0, 64 * PAGE, 2);
	/* Zeros, too, go by that. */
	assert_int_equal(rig_do(&s->rig, PVB_IO_ZERO, 0, 0, 64 * PAGE), 0);
	assert_int_equal(writes(s), 12);
	rig_expect_zeros(&s->rig, 0, 64 * PAGE);
	end(s);
}

static void no_more_requests_than_agreed(void **state)
{
	struct scene *s = begin_held(&(struct pair_options){
		.blocks = { .segs_max = 255, .requests_max = 3 } });

	(void)state;
	assert_int_equal(s->rig.disk->info.depth_max, 3);
	for (int i = 0; i < 10; i++)
		(void)submit(s, i, PVB_IO_READ, i * 65536u, PAGE);
	kick(s);
	assert_int_equal(held_count(), 3);
	held_answer(1, 0);
	pair_settle(&s->pair);
	assert_int_equal(held_count(), 3);
	assert_int_equal(s->rig.answers, 1);
	answer_all(s, 10);
	(void)writes(s);
	end(s);
}

/* Slots bound them, however many requests these are. */
static void what_does_not_fit_waits_and_is_not_cut(void **state)
{
	struct scene *s = begin_held(&(struct pair_options){
		.x86_64 = true, .blocks = { .segs_max = 255 } });

	(void)state;
	for (int i = 0; i < 4; i++)
		(void)submit(s, i, PVB_IO_WRITE, i * (2u << 20), 255 * PAGE);
	kick(s);
	/* 19 of 32 slots; 13 are left. */
	assert_int_equal(held_count(), 1);
	assert_int_equal(index_of(s, PVB_FRONT), 19);
	held_answer(0, 0);
	pair_settle(&s->pair);
	assert_int_equal(held_count(), 1);
	assert_int_equal(held_at(0)->length_bytes, 255 * PAGE);
	answer_all(s, 4);
	assert_int_equal(writes(s), 4);
	end(s);
}

static void neighbours_share_a_large_request(void **state)
{
	struct scene *s = begin_held(&(struct pair_options){
		.blocks = { .segs_max = 255 } });

	(void)state;
	for (int i = 0; i < 8; i++)
		(void)submit(s, i, PVB_IO_WRITE, i * 20u * PAGE, 20 * PAGE);
	kick(s);
	assert_int_equal(held_count(), 1);
	assert_int_equal(held_at(0)->length_bytes, 160 * PAGE);
	answer_all(s, 8);
	assert_int_equal(writes(s), 1);
	end(s);
}

/* A failed one is tried again in its parts, each of which is smaller. */
static void one_that_fails_is_tried_by_its_parts(void **state)
{
	struct scene *s = begin_held(&(struct pair_options){
		.blocks = { .segs_max = 255 } });

	(void)state;
	(void)submit(s, 0, PVB_IO_WRITE, 0, 20 * PAGE);
	(void)submit(s, 1, PVB_IO_WRITE, 20 * PAGE, 20 * PAGE);
	kick(s);
	assert_int_equal(held_count(), 1);
	held_answer(0, -EIO);
	pair_settle(&s->pair);
	assert_int_equal(held_count(), 2);
	held_answer(1, -EIO);
	held_answer(0, 0);
	pair_settle(&s->pair);
	assert_int_equal(s->req[0].result, 0);
	assert_int_equal(s->req[1].result, -EIO);
	end(s);
}

/* Flushes and discards take one slot, also among the others. */
static void requests_of_all_kinds_and_sizes(void **state)
{
	struct scene *s = begin(&(struct pair_options){
		.blocks = { .segs_max = 255 }, .x86_32 = true });
	uint64_t seed = 11;

	(void)state;
	for (int round = 0; round < 200; round++) {
		uint32_t before = index_of(s, PVB_FRONT);

		for (int i = 0; i < REQS; i++) {
			uint64_t pages = next_random(&seed) % 300 + 1;
			enum pvb_io_op op = next_random(&seed) % 4 == 0
				? PVB_IO_DISCARD : PVB_IO_WRITE;

			req_fini(&s->req[i]);
			if (next_random(&seed) % 5 == 0)
				(void)submit(s, i, PVB_IO_FLUSH, 0, 0);
			else
				(void)submit(s, i, op, i * (2u << 20),
				             pages * PAGE);
		}
		rig_kick(&s->rig);
		for (int i = 0; i < REQS; i++) {
			req_wait(&s->req[i]);
			assert_int_equal(s->req[i].result, 0);
		}
		assert_true(index_of(s, PVB_FRONT) - before >= REQS);
		assert_int_equal(index_of(s, PVB_FRONT),
		                 index_of(s, PVB_BACK));
	}
	(void)writes(s);
	end(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_number_of_segments_on_one_page),
		cmocka_unit_test(each_number_of_segments_on_sixteen_pages),
		cmocka_unit_test(each_number_of_segments_by_copies),
		cmocka_unit_test(each_number_of_segments_by_mappings),
		cmocka_unit_test(odd_pieces_of_shared_memory),
		cmocka_unit_test(no_more_segments_than_agreed),
		cmocka_unit_test(however_small_they_are),
		cmocka_unit_test(no_more_bytes_than_agreed),
		cmocka_unit_test(no_more_requests_than_agreed),
		cmocka_unit_test(what_does_not_fit_waits_and_is_not_cut),
		cmocka_unit_test(neighbours_share_a_large_request),
		cmocka_unit_test(one_that_fails_is_tried_by_its_parts),
		cmocka_unit_test(requests_of_all_kinds_and_sizes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
