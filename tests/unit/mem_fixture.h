/* SPDX-License-Identifier: MIT */
/*
 * mem_fixture.h - a local machine with two domains beside domain 0, and
 * handles on its pages and doorbells.
 */
#ifndef PVB_TEST_MEM_FIXTURE_H
#define PVB_TEST_MEM_FIXTURE_H

#include "machine.h"

#include "hyp/mem.h"

enum { BACK = 0, FRONT = 3, OTHER = 5, PAGE = PVB_MEM_PAGE_BYTES };

static struct machine machine;
static struct pvb_hyp_counts at_start;

static inline int setup(void **state)
{
	(void)state;
	machine_start(&machine);
	assert_int_equal(machine_introduce(&machine, FRONT), 0);
	assert_int_equal(machine_introduce(&machine, OTHER), 0);
	at_start = machine_counts(&machine);
	return 0;
}

static inline int teardown(void **state)
{
	(void)state;
	machine_stop(&machine);
	return 0;
}

static inline struct pvb_mem *join(uint16_t domid)
{
	struct pvb_err e = PVB_ERR_INIT;
	struct pvb_mem *m = pvb_mem_open_local(machine.run, domid, NULL, &e);

	if (!m)
		fail_msg("domain %u: %s", domid, e.text);
	return m;
}

/* What the domain's coming and going leaves behind is only that it halted. */
static inline void await_start(unsigned halted)
{
	struct pvb_hyp_counts want = at_start;

	want.introduced -= halted;
	machine_await_counts(&machine, &want);
}

static inline char *share(struct pvb_mem *m, uint32_t pages, bool read_only,
                   uint32_t *grefs)
{
	void *p;

	assert_int_equal(m->ops->share(m, BACK, pages, read_only, &p, grefs),
	                 0);
	return p;
}

static inline int window(struct pvb_mem *m, uint32_t gref, bool write,
                         char **out)
{
	void *p = NULL;
	int r = m->ops->window(m, FRONT, gref, write, &p);

	*out = p;
	return r;
}

#define TEST(t) cmocka_unit_test_setup_teardown(t, setup, teardown)

#endif
