/* SPDX-License-Identifier: MIT */
/*
 * pump.h - the data loop of one end of a ring: pull a bounded batch, hand it
 * over, publish in batches, ring at most once for each, and look once more
 * before sleeping.
 *
 * A poller of the event loop: nothing is called but from a turn of it (and
 * `publish`, from pvb_pump_ready).  It holds no memory and no requests.
 */
#ifndef PVB_PUMP_H
#define PVB_PUMP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/loop.h"

struct pvb_channel;
struct pvb_pump;

enum {
	/* Small, so that the other end has something to do meanwhile: with
	   larger ones the two take turns. */
	PVB_PUMP_BATCH   = 16,          /* slots taken in one turn */
	PVB_PUMP_PUBLISH = 8,           /* shown at once, not at the turn's
	                                   end */
};

struct pvb_pump_ops {
	/* At least n slots wait: copy out what begins in them, each slot once
	   (pvb_ring_copy), and say how many slots that were; what needs several
	   may end behind the n-th, among those that were seen.  Who takes none
	   pauses the pump first, or the loop would never sleep.  Negative: the
	   slots cannot be right, and the ring counts as broken. */
	int32_t (*take)(struct pvb_pump *p, uint32_t n);
	/* These have been committed: they are ours now, act on them.  False:
	   the pump was stopped, and perhaps freed, from inside. */
	bool (*work)(struct pvb_pump *p);
	/* Fill slots with what is ready, pvb_channel_publish, clean up. */
	void (*publish)(struct pvb_pump *p);
	/* The peer broke the ring; said once.  Nothing is taken any more. */
	void (*broken)(struct pvb_pump *p);
};

struct pvb_pump {                       /* caller's storage; all-zero:
                                           stopped */
	const struct pvb_pump_ops *ops;
	struct pvb_channel *channel;    /* borrowed until stop */
	struct pvb_loop_poller poller;
	uint32_t ready;                 /* things that publish would show */
	bool     paused, broken;
};

void pvb_pump_start(struct pvb_pump *p, struct pvb_loop *l,
                    struct pvb_channel *ch, const struct pvb_pump_ops *ops);
void pvb_pump_stop(struct pvb_pump *p);          /* in any state */
/* Take nothing (until told otherwise); what is ready is still published. */
void pvb_pump_pause(struct pvb_pump *p, bool pause);
/* One more thing to publish: at once if that makes a batch, else at the end
   of the turn. */
void pvb_pump_ready(struct pvb_pump *p);
/* Something to publish at the end of the turn, whatever it comes to. */
void pvb_pump_later(struct pvb_pump *p);
/* Publish what is ready now. */
void pvb_pump_publish(struct pvb_pump *p);

#endif
