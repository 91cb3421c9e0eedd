/* SPDX-License-Identifier: MIT */
/* Where pages of the local machine end: an area's, a handle's, and those of
   the address space. */
#include "mem_fixture.h"

#include <sys/mman.h>
#include <sys/resource.h>

static void free_pages_are_found_between_used_ones(void **state)
{
	struct pvb_mem *f = join(FRONT);
	uint32_t gref[300];
	char *a = share(f, 100, false, gref), *b = share(f, 64, false, gref);
	char *c = share(f, 300, false, gref);

	(void)state;
	f->ops->unshare(f, b, 64);
	assert_ptr_not_equal(share(f, 65, false, gref), b);
	assert_ptr_equal(share(f, 60, false, gref), b);
	assert_ptr_equal(share(f, 4, false, gref), b + 60 * PAGE);
	f->ops->unshare(f, c, 300);
	f->ops->unshare(f, a, 100);
	assert_ptr_equal(share(f, 1, false, gref), a);
	pvb_mem_close(f);
}

static void an_area_has_an_end(void **state)
{
	struct pvb_mem *f = join(FRONT);
	uint32_t *gref = malloc(PVB_HYP_AREA_PAGES * sizeof(*gref));
	void *p;

	(void)state;
	assert_non_null(gref);
	(void)share(f, PVB_HYP_AREA_PAGES - 1, false, gref);
	assert_int_equal(f->ops->share(f, BACK, 2, false, &p, gref), -ENOSPC);
	(void)share(f, 1, false, gref);
	assert_int_equal(f->ops->share(f, BACK, 1, false, &p, gref), -ENOSPC);
	assert_int_equal(f->ops->share(f, BACK, UINT32_MAX, false, &p, gref),
	                 -ENOSPC);
	free(gref);
	pvb_mem_close(f);
}

static void views_are_bounded_and_can_be_given_back(void **state)
{
	struct pvb_mem *f = join(FRONT), *b = join(BACK);
	uint32_t gref[2], swapped[2];
	void *v[200];
	int r = 0, n = 0;

	(void)state;
	(void)share(f, 2, false, gref);
	swapped[0] = gref[1];
	swapped[1] = gref[0];
	while (n < 200 && r == 0)
		r = b->ops->map(b, FRONT, swapped, 2, false, &v[n++]);
	assert_int_equal(r, -ENOMEM);
	n--;
	b->ops->unmap(b, v[0], 2);
	assert_int_equal(b->ops->map(b, FRONT, swapped, 2, false, &v[0]), 0);
	while (n > 0)
		b->ops->unmap(b, v[--n], 2);
	pvb_mem_close(f);
	pvb_mem_close(b);
}

static void a_back_looks_into_a_bounded_number_of_areas(void **state)
{
	struct pvb_mem *f[PVB_HYP_HELD_MAX + 1], *b = join(BACK);
	uint32_t gref[PVB_HYP_HELD_MAX + 1];
	char *w;
	int i;

	(void)state;
	for (i = 0; i <= PVB_HYP_HELD_MAX; i++) {
		f[i] = join(FRONT);
		(void)share(f[i], 1, false, &gref[i]);
	}
	for (i = 0; i < PVB_HYP_HELD_MAX; i++)
		assert_int_equal(window(b, gref[i], true, &w), 0);
	assert_int_equal(window(b, gref[i], true, &w), -ENOMEM);
	assert_int_equal(window(b, gref[0], true, &w), 0);
	assert_int_equal(machine_counts(&machine).areas_held,
	                 PVB_HYP_HELD_MAX);
	for (i = 0; i <= PVB_HYP_HELD_MAX; i++)
		pvb_mem_close(f[i]);
	pvb_mem_close(b);
	await_start(1);
}

/* Let this process map `mib` MiB and 128 KiB more than now. */
static void limit_space(uint64_t mib)
{
	FILE *f = fopen("/proc/self/statm", "r");
	struct rlimit l;
	unsigned long pages;

	assert_non_null(f);
	assert_int_equal(fscanf(f, "%lu", &pages), 1);
	fclose(f);
	assert_int_equal(getrlimit(RLIMIT_AS, &l), 0);
	l.rlim_cur = mib == UINT64_MAX ? l.rlim_max
		: pages * (uint64_t)PAGE + (mib << 20) + (128 << 10);
	assert_int_equal(setrlimit(RLIMIT_AS, &l), 0);
}

/* An emulator does not care. */
static bool space_can_be_limited(void)
{
	void *p;

	limit_space(512);
	p = mmap(NULL, 1 << 30, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	limit_space(UINT64_MAX);
	if (p != MAP_FAILED)
		munmap(p, 1 << 30);
	return p == MAP_FAILED;
}

static void a_lack_of_address_space_is_an_error_and_passes(void **state)
{
	/* Too little for the first, the second and the third mapping. */
	static const uint64_t mib[] = { 512, 1024 + 512, 2048 };
	struct pvb_mem *f, *b;
	uint32_t gref;
	char *w;
	void *p;

	(void)state;
	if (!space_can_be_limited()) {
		print_message("# skipped: RLIMIT_AS means nothing here\n");
		skip();
	}
	b = join(BACK);
	for (int i = 0; i < 2; i++) {
		f = join(FRONT);
		limit_space(i * 1024);
		assert_int_equal(f->ops->share(f, BACK, 1, false, &p, &gref),
		                 -ENOMEM);
		limit_space(UINT64_MAX);
		assert_int_equal(f->ops->share(f, BACK, 1, false, &p, &gref),
		                 -ENOMEM);
		pvb_mem_close(f);
	}
	f = join(FRONT);
	(void)share(f, 1, false, &gref);
	for (int i = 0; i < 3; i++) {
		limit_space(mib[i]);
		assert_int_equal(window(b, gref, true, &w), -ENOMEM);
		limit_space(UINT64_MAX);
	}
	assert_int_equal(window(b, gref, true, &w), 0);
	pvb_mem_close(f);
	pvb_mem_close(b);
	await_start(1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(free_pages_are_found_between_used_ones),
		TEST(an_area_has_an_end),
		TEST(views_are_bounded_and_can_be_given_back),
		TEST(a_back_looks_into_a_bounded_number_of_areas),
		TEST(a_lack_of_address_space_is_an_error_and_passes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
