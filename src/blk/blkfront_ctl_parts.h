/* SPDX-License-Identifier: MIT */
/*
 * blkfront_ctl_parts.h - the inside of a front's control half, for the
 * blkfront_ctl*.c files alone; the mirror of blkback_ctl_parts.h.
 */
#ifndef PVB_BLKFRONT_CTL_PARTS_H
#define PVB_BLKFRONT_CTL_PARTS_H

#include <pvb/err.h>

#include "base/log.h"
#include "base/loop.h"
#include "blk_halves_ctl.h"
#include "blkfront_ctl.h"
#include "bus/runner.h"
#include "bus/watches.h"

struct pvb_blkfront_ctl {
	struct pvb_blkfront_ctl_config c;
	struct pvb_watches *watches;
	struct pvb_runner runner;
	struct pvb_blk_halves halves;
	uint16_t back_domid;
	char dir[PVB_RUNNER_DIR_MAX + 1];
	bool claimed;
	/* While somebody else has it. */
	bool waiting;
	struct pvb_watch dir_watch;
	struct pvb_loop_timer patience;
	struct pvb_loop_task give_up;
	struct pvb_err refused;         /* why it did not begin after all */
	bool running;                   /* GO was sent */
	/* Of a back that was there once. */
	bool connected;
	bool lost;                      /* and is waited for, */
	uint64_t lost_ns;               /* since then */
	bool tried;                     /* to find it again */
	bool pausing;                   /* until that, or until it is tried
	                                   again */
	struct pvb_loop_timer pause;
	bool was_running;
	uint32_t fruitless;             /* losses without an answer between */
	char said[PVB_RUNNER_TEXT_MAX + 1];     /* by the back, why not */
	struct pvb_blk_terms terms;
	struct pvb_blk_geometry geometry;
};

/* _nodes */
int  blkfront_publish(struct pvb_runner *r, enum pvb_xb saying,
                      struct pvb_keys *k);
int  blkfront_unpublish(struct pvb_runner *r, struct pvb_keys *k);
int  blkfront_fetch(struct pvb_runner *r, uint32_t tx, uint32_t action,
                    struct pvb_keys *k);
enum pvb_why blkfront_take(struct pvb_runner *r, uint32_t action,
                           const struct pvb_keys *k, const char **bad);

/* _data */
int  blkfront_attach(struct pvb_runner *r);
void blkfront_go(struct pvb_runner *r);
void blkfront_drain(struct pvb_runner *r, bool cut);
void blkfront_detach(struct pvb_runner *r);
/* The back has said the geometry again, and it is another. */
void blkfront_resized(struct pvb_blkfront_ctl *f);
extern const struct pvb_blk_halves_ops blkfront_halves_ops;

/* _again */
/* The connection ends: are its requests to be kept for another? */
bool blkfront_keeps(struct pvb_blkfront_ctl *f, bool was_running);
/* All halves have drained. */
void blkfront_kept(struct pvb_blkfront_ctl *f);
/* How long a handshake may take that begins now. */
uint64_t blkfront_patience_ns(const struct pvb_blkfront_ctl *f);
/* The handshake is over.  True: f->pause fires when the next is due. */
bool blkfront_begin_again(struct pvb_blkfront_ctl *f);
void blkfront_found_again(struct pvb_blkfront_ctl *f);
/* Is this still the disk that was promised before? */
enum pvb_why blkfront_compare(const struct pvb_blkfront_ctl *f,
                              const struct pvb_blk_geometry *now,
                              const char **bad);

#endif
