/* SPDX-License-Identifier: MIT */
/*
 * record_crash.h - what a disk may hold when the power fails: out of a log of
 * record:, the writes that it has, in an order in which they may have reached
 * it.
 *
 * A write is *kept* for certain if it was done before a flush was asked for
 * that was done, too, or if it was itself with FUA and was done.  Of all
 * others, also those that were never done, any may be lost; or torn, where
 * each sector of it is there or not.  What was under way together may have
 * come in any order; else in that of the log.  A discard is never kept for
 * certain.  Pure.
 */
#ifndef PVB_RECORD_CRASH_H
#define PVB_RECORD_CRASH_H

#include <stdbool.h>
#include <stdint.h>

#include "record_index.h"

/* What of that which is not kept for certain is lost. */
enum pvb_record_lose {
	PVB_RECORD_LOSE_RANDOM,         /* as the seed says: lost, torn or
	                                   not; and the order too */
	PVB_RECORD_LOSE_NONE,
	PVB_RECORD_LOSE_ALL,
	PVB_RECORD_LOSE_ONE,            /* which, the seed says */
	PVB_RECORD_LOSE_BUT_LAST,
};

struct pvb_record_crash {
	uint64_t until;                 /* so many entries have happened */
	enum pvb_record_lose lose;
	uint64_t seed;
	bool     lies;                  /* a disk whose flush and FUA do
	                                   nothing */
};

/* Of the requests that change something: so many are kept for certain, are
   not but are there, are lost, are torn. */
struct pvb_record_tally { uint64_t kept, lucky, lost, torn; };

/* A piece of a write, zero or discard (which may leave zeros); in the order in
   which they have to be applied.  0, or a negative errno, which ends it. */
typedef int pvb_record_put(void *arg, const struct pvb_record_op *op,
                           uint64_t offset_bytes, uint64_t length_bytes);

/* 0, -ENOMEM, or what put said. */
int pvb_record_crash(const struct pvb_record_index *x,
                     const struct pvb_record_crash *c,
                     pvb_record_put *put, void *arg,
                     struct pvb_record_tally *tally);

#endif
