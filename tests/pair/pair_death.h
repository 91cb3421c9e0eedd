/* SPDX-License-Identifier: MIT */
/*
 * pair_death.h - a back's data half that dies without a word, and another that
 * goes on by its journal.
 *
 * It is one process, so the dead one is tidied up behind its death: ring and
 * journal are then put back to what they were at that moment, and the front has
 * done nothing meanwhile.  What the disk had accepted is done or not, as a
 * fence leaves it.
 */
#ifndef PVB_TEST_PAIR_DEATH_H
#define PVB_TEST_PAIR_DEATH_H

#include "pair.h"

/* What ring and journal are at some moment. */
struct pair_moment;
struct pair_moment *pair_moment(struct pair *p);
void pair_moment_free(struct pair_moment *m);

/* Killed at that moment (consumed; NULL: now).  `fence` has the disk finish
   all that it has, and may be NULL if it does so by itself. */
void pair_kill(struct pair *p, struct pair_moment *m, void (*fence)(void));
/* Another one takes over.  What it has found. */
struct pvb_journal_found pair_resume(struct pair *p);
/* The message for that, and what comes of one that must fail. */
void pair_resume_msg(struct pair *p, struct pvb_blk_msg *m);
enum pvb_why pair_resume_fails(struct pair *p, const struct pvb_blk_msg *m);

/* The ring's header: req_prod, req_event, rsp_prod, rsp_event. */
uint32_t *pair_ring(struct pair *p);

#endif
