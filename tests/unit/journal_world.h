/* SPDX-License-Identifier: MIT */
/*
 * journal_world.h - a front and a back with a journal over a ring of four
 * slots, the real code of both; the back may be killed at any of its crash
 * points, and a successor goes on.
 *
 * The back here takes, works and answers by the same calls in the same order
 * as src/blk/blkback_req.c; what it does when is chosen from outside.
 */
#ifndef PVB_TEST_JOURNAL_WORLD_H
#define PVB_TEST_JOURNAL_WORLD_H

#include <stdbool.h>
#include <stdint.h>

enum {
	WORLD_REQUESTS = 5,
	WORLD_CHOICES = 3,              /* steps of the back that are chosen */
	WORLD_WAYS = 8,                 /* in each of them */
	WORLD_KILLS_MAX = 3,
};

/* What a back could get wrong: it must be found out. */
enum world_fault {
	WORLD_HONEST,
	WORLD_COMMITS_FIRST,            /* req_cons, then the requests */
	WORLD_NEVER_COMMITS,            /* req_cons stays behind */
	WORLD_SHOWS_FIRST,              /* rsp_prod, then ANSWERING */
	WORLD_FREES_FIRST,              /* FREE, then rsp_prod */
	WORLD_NO_BELL,                  /* a successor does not ring */
	WORLD_NO_REDO,                  /* nor does anything again */
	WORLD_FAULTS
};

struct world_script {
	enum world_fault fault;
	uint32_t way[WORLD_CHOICES];    /* below WORLD_WAYS */
	uint32_t kills;
	/* The n-th point that the back passes since it was (re)started; from
	   0. */
	uint32_t kill_at[WORLD_KILLS_MAX];
};

struct world_result {
	const char *wrong;              /* NULL: nothing */
	uint32_t killed;                /* so often */
	uint32_t passed;                /* points since the last start */
	uint32_t last_point;            /* of the last kill */
	uint32_t redone, uncommitted, unpublished, published;
};

void world_run(const struct world_script *s, struct world_result *out);

#endif
