/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "flow/guest_back.h"
#include "mem_direct.h"

enum { FRONT = 7, BACK = 0, PAGES = 32, BOUNCE = 16 };

struct scene {
	struct mem_direct *machine;
	struct pvb_mem *front, *back;
	unsigned char *guest;           /* PAGES of the front's */
	uint32_t gref[PAGES];
	struct pvb_guest_back_config config;
	struct pvb_guest_back g;
	struct iovec iov[PAGES];
	struct pvb_guest_pages p;
};

static int make(void **state, bool no_window, bool persistent)
{
	struct scene *s = calloc(1, sizeof(*s));
	void *at;

	s->machine = mem_direct_create();
	mem_direct_faults(s->machine)->no_window = no_window;
	mem_direct_faults(s->machine)->views = persistent && no_window;
	s->front = mem_direct_open(s->machine, FRONT);
	s->back = mem_direct_open(s->machine, BACK);
	assert_int_equal(s->front->ops->share(s->front, BACK, PAGES, false,
	                                      &at, s->gref), 0);
	s->guest = at;
	for (uint32_t i = 0; i < PAGES * PVB_MEM_PAGE_BYTES; i++)
		s->guest[i] = (unsigned char)(i / 512 * 7 + i);
	s->config = (struct pvb_guest_back_config){
		.mem = s->back, .peer = FRONT, .persistent = persistent,
		.bounce_pages = BOUNCE,
	};
	assert_int_equal(pvb_guest_back_init(&s->g, &s->config), 0);
	pvb_guest_back_limit(&s->g, 1 << 20);
	s->p.iov = s->iov;
	*state = s;
	return 0;
}

static int with_window(void **state)
{
	return make(state, false, true);
}

static int without_window(void **state)
{
	return make(state, true, false);
}

/* No window, but a front that uses its grants again. */
static int with_mappings(void **state)
{
	return make(state, true, true);
}

static int unmake(void **state)
{
	struct scene *s = *state;

	pvb_guest_back_fini(&s->g);
	s->front->ops->unshare(s->front, s->guest, PAGES);
	pvb_mem_close(s->front);
	pvb_mem_close(s->back);
	mem_direct_destroy(s->machine);
	free(s);
	return 0;
}

static struct pvb_seg seg(const struct scene *s, uint32_t page, uint8_t first,
                          uint8_t last)
{
	return (struct pvb_seg){ s->gref[page], first, last };
}

static unsigned char *guest_at(const struct scene *s, uint32_t page,
                               uint32_t sector)
{
	return s->guest + page * PVB_MEM_PAGE_BYTES + sector * 512;
}

static void a_window_needs_no_copy(void **state)
{
	struct scene *s = *state;
	struct pvb_seg v[2] = { seg(s, 3, 2, 4), seg(s, 9, 0, 7) };
	struct mem_direct_counts c;

	assert_int_equal(pvb_guest_back_get(&s->g, v, 2, true, &s->p), 0);
	assert_false(s->p.bounced);
	assert_int_equal(s->p.iovcnt, 2);
	assert_ptr_equal(s->iov[0].iov_base, guest_at(s, 3, 2));
	assert_int_equal(s->iov[0].iov_len, 3 * 512);
	assert_ptr_equal(s->iov[1].iov_base, guest_at(s, 9, 0));
	assert_int_equal(s->iov[1].iov_len, 4096);
	pvb_guest_back_copy(&s->g, &s->p, v, true);
	pvb_guest_back_flush(&s->g);
	pvb_guest_back_put(&s->g, &s->p, v);
	mem_direct_counts(s->machine, &c);
	assert_int_equal(c.copies, 0);
}

static void neighbours_become_one_vector(void **state)
{
	struct scene *s = *state;
	struct pvb_seg v[4] = { seg(s, 3, 5, 7), seg(s, 4, 0, 7),
	                        seg(s, 5, 0, 0), seg(s, 5, 2, 3) };

	assert_int_equal(pvb_guest_back_get(&s->g, v, 4, true, &s->p), 0);
	assert_int_equal(s->p.iovcnt, 2);
	assert_int_equal(s->iov[0].iov_len, (3 + 8 + 1) * 512);
	assert_int_equal(s->iov[1].iov_len, 2 * 512);
	pvb_guest_back_put(&s->g, &s->p, v);
}

static void a_vector_grows_no_longer_than_the_disk_takes(void **state)
{
	struct scene *s = *state;
	struct pvb_seg v[4];

	pvb_guest_back_limit(&s->g, 8192);
	for (uint32_t i = 0; i < 4; i++)
		v[i] = seg(s, i, 0, 7);
	assert_int_equal(pvb_guest_back_get(&s->g, v, 4, true, &s->p), 0);
	assert_int_equal(s->p.iovcnt, 2);
	pvb_guest_back_put(&s->g, &s->p, v);
}

static void bounced_bytes_come_in_and_go_out_in_batches(void **state)
{
	struct scene *s = *state;
	struct pvb_seg in[2] = { seg(s, 1, 1, 2), seg(s, 2, 0, 7) };
	struct pvb_seg out = seg(s, 20, 3, 3);
	struct pvb_guest_pages other;
	struct iovec iov;
	struct mem_direct_counts c;

	other.iov = &iov;
	assert_int_equal(pvb_guest_back_get(&s->g, in, 2, false, &s->p), 0);
	assert_int_equal(pvb_guest_back_get(&s->g, &out, 1, true, &other), 0);
	assert_true(s->p.bounced && other.bounced);
	assert_int_equal(s->iov[0].iov_len, 1024);
	memset(iov.iov_base, 0x5a, 512);
	pvb_guest_back_copy(&s->g, &s->p, in, false);
	pvb_guest_back_copy(&s->g, &other, &out, true);
	pvb_guest_back_flush(&s->g);
	assert_false(s->p.failed || other.failed);
	assert_memory_equal(s->iov[0].iov_base, guest_at(s, 1, 1), 1024);
	assert_memory_equal(s->iov[1].iov_base, guest_at(s, 2, 0), 4096);
	for (int i = 0; i < 512; i++)
		assert_int_equal(guest_at(s, 20, 3)[i], 0x5a);
	assert_int_not_equal(guest_at(s, 20, 4)[0], 0x5a);
	mem_direct_counts(s->machine, &c);
	assert_int_equal(c.copies, 3);
	assert_int_equal(c.copy_calls, 1);
	pvb_guest_back_put(&s->g, &other, &out);
	pvb_guest_back_put(&s->g, &s->p, in);
}

static void a_batch_that_is_full_is_flushed_by_itself(void **state)
{
	struct scene *s = *state;
	struct pvb_seg v[BOUNCE];
	struct mem_direct_counts c;

	for (uint32_t i = 0; i < BOUNCE; i++)
		v[i] = seg(s, i, 0, 7);
	assert_int_equal(pvb_guest_back_get(&s->g, v, BOUNCE, false, &s->p), 0);
	for (int i = 0; i < 2 * PVB_GUEST_COPIES_MAX / BOUNCE; i++)
		pvb_guest_back_copy(&s->g, &s->p, v, false);
	pvb_guest_back_flush(&s->g);
	mem_direct_counts(s->machine, &c);
	assert_int_equal(c.copies, 2 * PVB_GUEST_COPIES_MAX);
	assert_int_equal(c.copy_calls, 2);
	pvb_guest_back_put(&s->g, &s->p, v);
}

static void a_failed_copy_is_its_requests_alone(void **state)
{
	struct scene *s = *state;
	struct pvb_seg a[2] = { seg(s, 1, 0, 7), seg(s, 2, 0, 7) };
	struct pvb_seg b = seg(s, 3, 0, 7);
	struct pvb_guest_pages other;
	struct iovec iov;

	other.iov = &iov;
	mem_direct_faults(s->machine)->copies_until_bad = 2;
	assert_int_equal(pvb_guest_back_get(&s->g, a, 2, false, &s->p), 0);
	assert_int_equal(pvb_guest_back_get(&s->g, &b, 1, false, &other), 0);
	pvb_guest_back_copy(&s->g, &s->p, a, false);
	pvb_guest_back_copy(&s->g, &other, &b, false);
	pvb_guest_back_flush(&s->g);
	assert_true(s->p.failed);
	assert_false(other.failed);
	pvb_guest_back_put(&s->g, &other, &b);
	pvb_guest_back_put(&s->g, &s->p, a);
}

static void bounce_pages_run_out_and_come_back(void **state)
{
	struct scene *s = *state;
	struct pvb_seg v[BOUNCE];
	struct pvb_guest_pages other;
	struct iovec iov[2];

	other.iov = iov;
	for (uint32_t i = 0; i < BOUNCE; i++)
		v[i] = seg(s, i, 0, 7);
	assert_int_equal(pvb_guest_back_get(&s->g, v, BOUNCE - 1, false,
	                                    &s->p), 0);
	assert_int_equal(pvb_guest_back_get(&s->g, v, 2, false, &other),
	                 -EAGAIN);
	assert_int_equal(other.iovcnt, 0);
	assert_int_equal(pvb_guest_back_get(&s->g, v, 1, false, &other), 0);
	pvb_guest_back_put(&s->g, &s->p, v);
	pvb_guest_back_put(&s->g, &other, v);
	assert_int_equal(pvb_guest_back_get(&s->g, v, BOUNCE, false, &s->p), 0);
	pvb_guest_back_put(&s->g, &s->p, v);
}

static void what_is_not_granted_is_refused_and_nothing_held(void **state)
{
	struct scene *s = *state;
	struct pvb_seg v[2] = { seg(s, 1, 0, 7), { 31000, 0, 7 } };
	uint32_t ours;
	void *at;

	assert_int_equal(pvb_guest_back_get(&s->g, v, 2, false, &s->p),
	                 -EACCES);
	/* Granted, but not to be written. */
	assert_int_equal(s->front->ops->share(s->front, BACK, 1, true, &at,
	                                      &ours), 0);
	v[1].gref = ours;
	assert_int_equal(pvb_guest_back_get(&s->g, v, 2, true, &s->p),
	                 -EACCES);
	assert_int_equal(pvb_guest_back_get(&s->g, v, 2, false, &s->p), 0);
	pvb_guest_back_put(&s->g, &s->p, v);
	s->front->ops->unshare(s->front, at, 1);
}

static void a_list_is_fetched(void **state)
{
	struct scene *s = *state;
	unsigned char list[2048];

	pvb_guest_back_fetch(&s->g, &s->p, s->gref[5], list, sizeof(list));
	pvb_guest_back_flush(&s->g);
	assert_false(s->p.failed);
	assert_memory_equal(list, guest_at(s, 5, 0), sizeof(list));
	pvb_guest_back_fetch(&s->g, &s->p, 31000, list, 8);
	pvb_guest_back_flush(&s->g);
	assert_true(s->p.failed);
}

static void lists_of_a_batch_come_by_one_call(void **state)
{
	struct scene *s = *state;
	struct pvb_guest_pages p[3] = { { 0 }, { 0 }, { 0 } };
	unsigned char list[3][64];
	struct mem_direct_counts c;

	pvb_guest_back_fetch(&s->g, &p[0], s->gref[5], list[0], 64);
	pvb_guest_back_fetch(&s->g, &p[1], 31000, list[1], 64);
	pvb_guest_back_fetch(&s->g, &p[2], s->gref[6], list[2], 64);
	pvb_guest_back_flush(&s->g);
	mem_direct_counts(s->machine, &c);
	assert_int_equal(c.copy_calls, 1);
	assert_false(p[0].failed);
	assert_true(p[1].failed);
	assert_false(p[2].failed);
	assert_memory_equal(list[0], guest_at(s, 5, 0), 64);
	assert_memory_equal(list[2], guest_at(s, 6, 0), 64);
}

/* ---- mappings that are kept ---------------------------------------------- */

static uint32_t mapped(const struct scene *s)
{
	struct mem_direct_counts c;

	mem_direct_counts(s->machine, &c);
	return c.mapped;
}

static void get_as_a_batch(struct scene *s, const struct pvb_seg *v, uint32_t n,
                           bool to_peer)
{
	pvb_guest_back_want(&s->g, v, n);
	pvb_guest_back_map(&s->g);
	assert_int_equal(pvb_guest_back_get(&s->g, v, n, to_peer, &s->p), 0);
}

static void mapped_pages_need_no_copy(void **state)
{
	struct scene *s = *state;
	struct pvb_seg v[3] = { seg(s, 3, 2, 4), seg(s, 9, 0, 7),
	                        seg(s, 10, 0, 7) };
	struct mem_direct_counts c;

	get_as_a_batch(s, v, 3, true);
	assert_true(s->p.mapped && !s->p.bounced);
	/* Side by side they may lie, but not for the disk. */
	assert_int_equal(s->p.iovcnt, 3);
	assert_int_equal(s->iov[0].iov_len, 3 * 512);
	assert_memory_equal(s->iov[0].iov_base, guest_at(s, 3, 2), 3 * 512);
	memset(s->iov[1].iov_base, 0x5a, 4096);
	assert_int_equal(guest_at(s, 9, 7)[511], 0x5a);
	pvb_guest_back_copy(&s->g, &s->p, v, true);
	pvb_guest_back_flush(&s->g);
	pvb_guest_back_put(&s->g, &s->p, v);
	get_as_a_batch(s, v, 3, false);
	pvb_guest_back_put(&s->g, &s->p, v);
	mem_direct_counts(s->machine, &c);
	assert_int_equal(c.copies, 0);
	assert_int_equal(c.maps, 1);
	assert_int_equal(c.mapped, 3);
}

static void a_window_needs_no_mapping(void **state)
{
	struct scene *s = *state;
	struct pvb_seg v = seg(s, 3, 0, 7);

	get_as_a_batch(s, &v, 1, true);
	assert_false(s->p.mapped || s->p.bounced);
	assert_int_equal(mapped(s), 0);
	pvb_guest_back_put(&s->g, &s->p, &v);
}

static void what_is_not_persistent_is_not_mapped(void **state)
{
	struct scene *s = *state;
	struct pvb_seg v = seg(s, 3, 0, 7);

	get_as_a_batch(s, &v, 1, true);
	assert_true(s->p.bounced);
	assert_int_equal(mapped(s), 0);
	pvb_guest_back_put(&s->g, &s->p, &v);
}

static void with_one_page_that_is_not_mapped_all_are_copied(void **state)
{
	struct scene *s = *state;
	struct pvb_seg v[3] = { seg(s, 1, 0, 7), seg(s, 2, 0, 7),
	                        seg(s, 3, 0, 7) };

	for (uint32_t not = 0; not < 3; not++) {
		for (uint32_t i = 0; i < 3; i++)
			if (i != not)
				pvb_guest_back_want(&s->g, &v[i], 1);
		get_as_a_batch(s, v, 0, false);
		assert_int_equal(mapped(s), 2);
		assert_int_equal(pvb_guest_back_get(&s->g, v, 3, false, &s->p),
		                 0);
		assert_true(s->p.bounced && !s->p.mapped);
		/* None is held, or trim would leave it. */
		pvb_guest_back_trim(&s->g);
		assert_int_equal(mapped(s), 0);
		pvb_guest_back_put(&s->g, &s->p, v);
	}
}

/* A front says that it uses its grants again, and lets us read only. */
static void a_page_that_may_only_be_read_is_copied(void **state)
{
	struct scene *s = *state;
	struct pvb_seg v[2] = { seg(s, 1, 0, 7), { 0, 0, 7 } };
	uint32_t ours;
	void *at;

	assert_int_equal(s->front->ops->share(s->front, BACK, 1, true, &at,
	                                      &ours), 0);
	memset(at, 0x3c, 4096);
	v[1].gref = ours;
	get_as_a_batch(s, v, 2, false);
	assert_int_equal(mapped(s), 0);
	pvb_guest_back_copy(&s->g, &s->p, v, false);
	pvb_guest_back_flush(&s->g);
	assert_false(s->p.failed);
	assert_memory_equal(s->iov[1].iov_base, at, 4096);
	pvb_guest_back_put(&s->g, &s->p, v);
	get_as_a_batch(s, v, 2, true);
	pvb_guest_back_copy(&s->g, &s->p, v, true);
	pvb_guest_back_flush(&s->g);
	assert_true(s->p.failed);
	pvb_guest_back_put(&s->g, &s->p, v);
	s->front->ops->unshare(s->front, at, 1);
}

/* First the memory that costs, after a second; then the peer's pages. */
static void idle_it_gives_back_bounce_pages_and_then_mappings(void **state)
{
	struct scene *s = *state;
	struct pvb_seg v = seg(s, 3, 0, 7);

	assert_int_equal(pvb_guest_back_idle_ms(&s->g), 0);
	get_as_a_batch(s, &v, 1, true);
	pvb_guest_back_put(&s->g, &s->p, &v);
	s->g.bounce_touched = PVB_GUEST_KEEP_BOUNCE + 1;
	assert_int_equal(pvb_guest_back_idle_ms(&s->g), PVB_GUEST_BOUNCE_MS);
	pvb_guest_back_trim(&s->g);
	assert_int_equal(mapped(s), 1);
	assert_int_equal(pvb_guest_back_idle_ms(&s->g), PVB_GUEST_MAPPED_MS);
	pvb_guest_back_trim(&s->g);
	assert_int_equal(mapped(s), 0);
	assert_int_equal(pvb_guest_back_idle_ms(&s->g), 0);
}

int main(void)
{
#define WITH(f) cmocka_unit_test_setup_teardown(f, with_window, unmake)
#define WITHOUT(f) cmocka_unit_test_setup_teardown(f, without_window, unmake)
#define MAPPED(f) cmocka_unit_test_setup_teardown(f, with_mappings, unmake)
	const struct CMUnitTest tests[] = {
		WITH(a_window_needs_no_copy),
		WITH(neighbours_become_one_vector),
		WITH(a_vector_grows_no_longer_than_the_disk_takes),
		WITHOUT(bounced_bytes_come_in_and_go_out_in_batches),
		WITHOUT(a_batch_that_is_full_is_flushed_by_itself),
		WITHOUT(a_failed_copy_is_its_requests_alone),
		WITHOUT(bounce_pages_run_out_and_come_back),
		WITH(what_is_not_granted_is_refused_and_nothing_held),
		WITH(a_list_is_fetched),
		WITHOUT(a_list_is_fetched),
		WITHOUT(lists_of_a_batch_come_by_one_call),
		MAPPED(lists_of_a_batch_come_by_one_call),
		MAPPED(mapped_pages_need_no_copy),
		WITH(a_window_needs_no_mapping),
		WITHOUT(what_is_not_persistent_is_not_mapped),
		MAPPED(with_one_page_that_is_not_mapped_all_are_copied),
		MAPPED(a_page_that_may_only_be_read_is_copied),
		MAPPED(idle_it_gives_back_bounce_pages_and_then_mappings),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
