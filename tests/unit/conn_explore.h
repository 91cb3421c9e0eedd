/* SPDX-License-Identifier: MIT */
/*
 * conn_explore.h - every world that can be reached, breadth first.
 */
#ifndef PVB_TEST_CONN_EXPLORE_H
#define PVB_TEST_CONN_EXPLORE_H

#include "conn_model.h"

struct exploration;

/* From a toolstack's fresh nodes, or from every value of both (r->found).
   Owned; NULL: no memory.  Stops at the first wrong. */
struct exploration *explore(const struct rules *r);
void exploration_free(struct exploration *x);

uint32_t exploration_count(const struct exploration *x);
/* What went wrong, or NULL. */
const char *exploration_wrong(const struct exploration *x);
/*
 * Is there a world from which none that `is_good` can be reached by steps of
 * these `kinds` (bits 1 << enum kind)?  Those that are `is_exempt` (may be
 * NULL) do not count, and neither does what leads on to one of them.
 */
bool exploration_stuck(struct exploration *x, unsigned int kinds,
                       bool (*is_good)(const struct world *w),
                       bool (*is_exempt)(const struct world *w));
/* The shortest way to what went wrong or was stuck, to standard output. */
void exploration_print(const struct exploration *x);

#endif
