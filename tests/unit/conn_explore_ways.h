/* SPDX-License-Identifier: MIT */
/*
 * conn_explore_ways.h - what is asked of an exploration.  For cmocka tests.
 */
#ifndef PVB_TEST_CONN_EXPLORE_WAYS_H
#define PVB_TEST_CONN_EXPLORE_WAYS_H

#include <stdio.h>

#include "conn_explore.h"

enum {
	BY_ITSELF = 1 << PROGRESS,
	BY_OWNERS = BY_ITSELF | 1 << OWNER,
	IN_TIME   = BY_OWNERS | 1 << TIMER,
	REVIVED   = BY_ITSELF | 1 << BIRTH,
};

static const struct rules orderly = {
	.stop = true, .front_lives = 1, .back_lives = 1, .back_stay = true,
};

/* Explore, and see that nothing is wrong on the way. */
static inline struct exploration *explore_well(const struct rules *r,
                                               const char *what)
{
	struct exploration *x = explore(r);

	assert_non_null(x);
	if (exploration_wrong(x)) {
		exploration_print(x);
		fail_msg("%s", exploration_wrong(x));
	}
	printf("# %s: %u worlds\n", what, exploration_count(x));
	assert_true(exploration_count(x) > 100);
	return x;
}

static inline void assert_not_stuck(struct exploration *x, unsigned int kinds,
                                    bool (*is_good)(const struct world *w),
                                    bool (*is_exempt)(const struct world *w))
{
	if (!exploration_stuck(x, kinds, is_good, is_exempt))
		return;
	exploration_print(x);
	fail_msg("no way out of this world");
}

/* All worlds of `r` are well, and have a way to the end that needs no luck. */
static inline void assert_all_end(const struct rules *r, unsigned int kinds,
                                  const char *what)
{
	struct exploration *x = explore_well(r, what);

	assert_not_stuck(x, kinds, world_is_over, NULL);
	exploration_free(x);
}

/* Does what the tests above look for show itself? */
static inline bool goes_wrong(const struct rules *r, enum fault fault)
{
	struct rules with = *r;
	struct exploration *x;
	bool wrong;

	with.fault = fault;
	x = explore(&with);
	assert_non_null(x);
	wrong = exploration_wrong(x) != NULL;
	exploration_free(x);
	return wrong;
}

#endif
