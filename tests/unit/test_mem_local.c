/* SPDX-License-Identifier: MIT */
/* Pages of the local machine, from front to back, through a real broker. */
#include "mem_fixture.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>

static void shared_pages_are_zeroed_and_in_a_row(void **state)
{
	struct pvb_mem *f = join(FRONT);
	uint32_t gref[16], more;
	char *p = share(f, 16, false, gref), *q = share(f, 1, false, &more);

	(void)state;
	for (int i = 0; i < 16 * PAGE; i++)
		assert_int_equal(p[i], 0);
	assert_true(q >= p + 16 * PAGE || q + PAGE <= p);
	for (int i = 1; i < 16; i++)
		assert_int_equal(gref[i], gref[0] + i);
	assert_int_not_equal(gref[0], 0);
	pvb_mem_close(f);
}

static void what_the_front_writes_the_back_reads_and_back_again(void **state)
{
	struct pvb_mem *f = join(FRONT), *b = join(BACK);
	uint32_t gref[2];
	char *p = share(f, 2, false, gref), *r, *w;

	(void)state;
	strcpy(p + PAGE, "to the back");
	assert_int_equal(window(b, gref[1], false, &r), 0);
	assert_string_equal(r, "to the back");
	assert_int_equal(window(b, gref[0], true, &w), 0);
	strcpy(w, "to the front");
	assert_string_equal(p, "to the front");
	pvb_mem_close(f);
	pvb_mem_close(b);
	await_start(1);
}

static void what_is_forgotten_stays_shared_and_comes_back_zeroed(void **state)
{
	struct pvb_mem *f = join(FRONT), *b = join(BACK);
	uint32_t gref[3];
	char *p = share(f, 3, false, gref), *w;

	(void)state;
	memset(p, 'x', 3 * PAGE);
	assert_int_equal(window(b, gref[1], true, &w), 0);
	f->ops->forget(f, p + PAGE, 1);
	assert_int_equal(w[0], 0);
	assert_int_equal(p[PAGE], 0);
	assert_int_equal(p[PAGE - 1], 'x');
	assert_int_equal(p[2 * PAGE], 'x');
	strcpy(w, "still the same page");
	assert_string_equal(p + PAGE, "still the same page");
	assert_int_equal(window(b, gref[1], true, &w), 0);
	pvb_mem_close(f);
	pvb_mem_close(b);
	await_start(1);
}

static void a_page_that_is_not_granted_is_not_there(void **state)
{
	struct pvb_mem *f = join(FRONT), *b = join(BACK);
	uint32_t gref, area;
	char *w;

	(void)state;
	(void)share(f, 1, false, &gref);
	area = pvb_hyp_gref_area(gref);
	assert_int_equal(window(b, gref + 1, false, &w), -ENOENT);
	assert_int_equal(window(b, pvb_hyp_gref(area, PVB_HYP_AREA_PAGES - 1),
	                        false, &w), -ENOENT);
	assert_int_equal(window(b, pvb_hyp_gref(area + 1, 0), false, &w),
	                 -ENOENT);
	assert_int_equal(window(b, 0, false, &w), -ENOENT);
	assert_int_equal(window(b, 17, false, &w), -ENOENT);
	assert_int_equal(window(b, UINT32_MAX, false, &w), -ENOENT);
	assert_int_equal(window(b, gref, true, &w), 0);
	pvb_mem_close(f);
	pvb_mem_close(b);
}

static void a_third_domain_gets_nothing(void **state)
{
	struct pvb_mem *f = join(FRONT), *o = join(OTHER);
	struct pvb_gcopy c = { .length = 1 };
	uint32_t gref;
	char byte, *w;
	void *p;

	(void)state;
	(void)share(f, 1, false, &gref);
	c.gref = gref;
	c.local = &byte;
	assert_int_equal(window(o, gref, false, &w), -EACCES);
	assert_int_equal(o->ops->map(o, FRONT, &gref, 1, true, &p), -EACCES);
	assert_int_equal(o->ops->copy(o, FRONT, &c, 1), 1);
	assert_int_equal(c.result, -EACCES);
	assert_int_equal(machine_counts(&machine).areas_held, 0);
	pvb_mem_close(f);
	pvb_mem_close(o);
}

static void a_front_cannot_map_its_own_grants(void **state)
{
	struct pvb_mem *f = join(FRONT);
	uint32_t gref;
	char *w;

	(void)state;
	(void)share(f, 1, false, &gref);
	assert_int_equal(window(f, gref, false, &w), -EACCES);
	pvb_mem_close(f);
}

static void a_read_only_grant_refuses_to_be_written(void **state)
{
	struct pvb_mem *f = join(FRONT), *b = join(BACK);
	char mine[8] = "changed", *w;
	struct pvb_gcopy c = { .local = mine, .length = 8, .to_peer = true };
	uint32_t gref[2];
	char *p = share(f, 2, true, gref);
	void *m;

	(void)state;
	strcpy(p, "original");
	c.gref = gref[0];
	assert_int_equal(window(b, gref[0], true, &w), -EACCES);
	assert_int_equal(b->ops->map(b, FRONT, gref, 2, false, &m), -EACCES);
	assert_int_equal(b->ops->copy(b, FRONT, &c, 1), 1);
	assert_int_equal(c.result, -EACCES);
	assert_int_equal(window(b, gref[0], false, &w), 0);
	assert_string_equal(w, "original");
	assert_int_equal(b->ops->map(b, FRONT, gref, 2, true, &m), 0);
	assert_string_equal(m, "original");
	b->ops->unmap(b, m, 2);
	pvb_mem_close(f);
	pvb_mem_close(b);
}

/* In a child, because the only proof is the signal. */
static int write_kills(char *at)
{
	const struct rlimit no_core = { 0, 0 };
	int status;
	pid_t child = fork();

	assert_true(child >= 0);
	if (child == 0) {
		signal(SIGSEGV, SIG_DFL);
		setrlimit(RLIMIT_CORE, &no_core);
		*(volatile char *)at = 1;
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static void what_is_mapped_to_read_cannot_be_written(void **state)
{
	struct pvb_mem *f = join(FRONT), *b = join(BACK);
	uint32_t gref[3], swapped[2];
	void *m;
	char *w;

	(void)state;
	(void)share(f, 3, true, gref);
	assert_int_equal(window(b, gref[0], false, &w), 0);
	assert_int_equal(write_kills(w), SIGSEGV);
	/* Nor can it be made so. */
	assert_int_equal(mprotect(w, PAGE, PROT_READ | PROT_WRITE), -1);
	assert_int_equal(errno, EACCES);
	assert_int_equal(b->ops->map(b, FRONT, gref, 3, true, &m), 0);
	assert_int_equal(write_kills(m), SIGSEGV);
	b->ops->unmap(b, m, 3);
	swapped[0] = gref[2];
	swapped[1] = gref[0];
	assert_int_equal(b->ops->map(b, FRONT, swapped, 2, true, &m), 0);
	assert_int_equal(write_kills(m), SIGSEGV);
	assert_int_equal(write_kills((char *)m + PAGE), SIGSEGV);
	b->ops->unmap(b, m, 2);
	pvb_mem_close(f);
	pvb_mem_close(b);
}

static void pages_in_any_order_are_mapped_in_that_order(void **state)
{
	struct pvb_mem *f = join(FRONT), *b = join(BACK);
	uint32_t gref[16], order[16];
	char *p = share(f, 16, false, gref), *v;
	void *m;

	(void)state;
	for (int i = 0; i < 16; i++) {
		p[i * PAGE] = (char)('a' + i);
		order[i] = gref[i * 7 % 16];
	}
	assert_int_equal(b->ops->map(b, FRONT, order, 16, false, &m), 0);
	v = m;
	for (int i = 0; i < 16; i++)
		assert_int_equal(v[i * PAGE], 'a' + i * 7 % 16);
	v[3 * PAGE + 1] = '!';
	assert_int_equal(p[3 * 7 % 16 * PAGE + 1], '!');
	b->ops->unmap(b, m, 16);
	/* One page under two addresses is as legal as any other list. */
	order[1] = order[0];
	assert_int_equal(b->ops->map(b, FRONT, order, 2, false, &m), 0);
	v = m;
	v[9] = 'x';
	assert_int_equal(v[PAGE + 9], 'x');
	pvb_mem_close(b);       /* still mapped: close ends it */
	pvb_mem_close(f);
	await_start(1);
}

static void a_map_of_which_one_page_is_wrong_maps_none(void **state)
{
	struct pvb_mem *f = join(FRONT), *b = join(BACK);
	uint32_t gref[4];
	void *m;

	(void)state;
	(void)share(f, 4, false, gref);
	gref[2] += 100;
	assert_int_equal(b->ops->map(b, FRONT, gref, 4, false, &m), -ENOENT);
	assert_int_equal(b->ops->map(b, FRONT, gref, 0, false, &m), -EINVAL);
	assert_int_equal(b->ops->map(b, FRONT, gref, PVB_MEM_MAP_MAX + 1,
	                             false, &m), -EINVAL);
	assert_int_equal(b->ops->map(b, FRONT, gref, 2, false, &m), 0);
	b->ops->unmap(b, m, 2);
	pvb_mem_close(f);
	pvb_mem_close(b);
}

static void copies_go_both_ways_and_each_has_its_result(void **state)
{
	struct pvb_mem *f = join(FRONT), *b = join(BACK);
	char in[PAGE], out[] = "written by the back";
	uint32_t gref[2];
	char *p = share(f, 2, false, gref);
	struct pvb_gcopy c[3] = {
		{ .local = in, .gref = gref[0], .offset = 1,
		  .length = PAGE - 1 },
		{ .local = in, .gref = gref[1] + 1, .length = 4 },
		{ .local = out, .gref = gref[1], .offset = 4000,
		  .length = sizeof(out), .to_peer = true },
	};

	(void)state;
	memset(p, 'p', PAGE);
	p[0] = 'q';
	assert_int_equal(b->ops->copy(b, FRONT, c, 3), 1);
	assert_int_equal(c[0].result, 0);
	assert_int_equal(c[1].result, -ENOENT);
	assert_int_equal(c[2].result, 0);
	assert_memory_equal(in, p + 1, PAGE - 1);
	assert_string_equal(p + PAGE + 4000, out);
	assert_int_equal(b->ops->copy(b, FRONT, NULL, 0), 0);
	pvb_mem_close(f);
	pvb_mem_close(b);
}

static void what_is_unshared_is_gone_for_new_lookups(void **state)
{
	struct pvb_mem *f = join(FRONT), *b = join(BACK);
	uint32_t gref[3], again[3];
	char *p = share(f, 3, false, gref), *w, *q;

	(void)state;
	strcpy(p + PAGE, "secret");
	assert_int_equal(window(b, gref[1], true, &w), 0);
	f->ops->unshare(f, p, 3);
	assert_int_equal(window(b, gref[1], true, &q), -ENOENT);
	assert_int_equal(w[0], 0);
	/* The pages are free again, and zero again. */
	q = share(f, 3, true, again);
	assert_ptr_equal(q, p);
	assert_memory_equal(gref, again, sizeof(gref));
	assert_int_equal(q[PAGE], 0);
	assert_int_equal(window(b, gref[1], true, &q), -EACCES);
	pvb_mem_close(f);
	pvb_mem_close(b);
}

static void a_handle_shares_with_one_peer(void **state)
{
	struct pvb_mem *f = join(FRONT);
	uint32_t gref;
	void *p;

	(void)state;
	(void)share(f, 1, false, &gref);
	assert_int_equal(f->ops->share(f, OTHER, 1, false, &p, &gref),
	                 -EINVAL);
	pvb_mem_close(f);
}

static void two_fronts_of_a_domain_do_not_meet(void **state)
{
	struct pvb_mem *f = join(FRONT), *g = join(FRONT), *b = join(BACK);
	uint32_t one, two;
	char *p = share(f, 1, false, &one), *q = share(g, 1, false, &two);
	char *w;

	(void)state;
	assert_int_not_equal(one, two);
	strcpy(p, "one");
	strcpy(q, "two");
	assert_int_equal(window(b, one, false, &w), 0);
	assert_string_equal(w, "one");
	assert_int_equal(window(b, two, false, &w), 0);
	assert_string_equal(w, "two");
	pvb_mem_close(f);
	assert_int_equal(window(b, two, false, &w), 0);
	assert_string_equal(w, "two");
	pvb_mem_close(g);
	pvb_mem_close(b);
	await_start(1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(shared_pages_are_zeroed_and_in_a_row),
		TEST(what_the_front_writes_the_back_reads_and_back_again),
		TEST(what_is_forgotten_stays_shared_and_comes_back_zeroed),
		TEST(a_page_that_is_not_granted_is_not_there),
		TEST(a_third_domain_gets_nothing),
		TEST(a_front_cannot_map_its_own_grants),
		TEST(a_read_only_grant_refuses_to_be_written),
		TEST(what_is_mapped_to_read_cannot_be_written),
		TEST(pages_in_any_order_are_mapped_in_that_order),
		TEST(a_map_of_which_one_page_is_wrong_maps_none),
		TEST(copies_go_both_ways_and_each_has_its_result),
		TEST(what_is_unshared_is_gone_for_new_lookups),
		TEST(a_handle_shares_with_one_peer),
		TEST(two_fronts_of_a_domain_do_not_meet),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
