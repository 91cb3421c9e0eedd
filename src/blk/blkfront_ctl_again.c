/* SPDX-License-Identifier: MIT */
/*
 * A back that is lost, and waited for.
 *
 * The handshake ends as it always does: a back that is still there closes, and
 * says so, before the front lets go of its pages.  But the data halves keep
 * their requests, and then another handshake begins, on the same claim, until
 * there is a back or the time is over.
 */
#include <inttypes.h>
#include <stdio.h>

#include "blkfront_ctl_parts.h"
#include "hyp/store.h"

enum {
	/* Before the second try and those that follow. */
	PAUSE_MS = 200,
	/* So often may a back be lost with requests in flight and none of them
	   answered: it might be they that it dies of. */
	FRUITLESS_MAX = 5,
};
#define MS_NS UINT64_C(1000000)

static uint64_t now_ns(const struct pvb_blkfront_ctl *f)
{
	return pvb_loop_now_ns(pvb_watches_loop(f->watches));
}

static uint64_t waited_ns(const struct pvb_blkfront_ctl *f)
{
	return f->lost ? now_ns(f) - f->lost_ns : 0;
}

/* It went, or was silent.  One that has lied, or has another disk now, would
   do so again. */
static bool is_loss(const struct pvb_runner *r)
{
	enum pvb_why why = r->why != PVB_OK ? r->why : r->conn.why;

	return why == PVB_WHY_STATE || why == PVB_WHY_TIMEOUT;
}

/* A toolstack that takes a device away says so before. */
static bool is_taken_away(const struct pvb_blkfront_ctl *f)
{
	const struct pvb_runner *r = &f->runner;
	uint64_t online = 1;

	return r->vanished ||
	       (pvb_store_read_u64_at(r->store, PVB_STORE_NO_TX, r->c.peer_dir,
	                              "online", 1, &online) == 0 &&
	        online == 0);
}

static bool is_to_be_waited_for(const struct pvb_blkfront_ctl *f)
{
	return f->connected && waited_ns(f) < f->c.reconnect_timeout_ns &&
	       f->fruitless < FRUITLESS_MAX && !f->runner.conn.stopping &&
	       is_loss(&f->runner) && !is_taken_away(f);
}

bool blkfront_keeps(struct pvb_blkfront_ctl *f, bool was_running)
{
	if (!is_to_be_waited_for(f))
		return false;
	f->was_running = was_running;
	if (f->lost)
		return true;
	f->lost_ns = now_ns(f);
	f->lost = true;
	pvb_log(f->c.log, PVB_LOG_WARN, "%s: domain %u does not serve it any "
	        "more; requests wait for that, up to %" PRIu64 " s",
	        f->runner.c.name, (unsigned int)f->back_domid,
	        f->c.reconnect_timeout_ns / (1000 * MS_NS));
	return true;
}

void blkfront_kept(struct pvb_blkfront_ctl *f)
{
	if (f->halves.fruitful)
		f->fruitless = 0;
	else if (f->was_running && f->halves.kept > 0)
		f->fruitless++;
	f->was_running = false;
}

uint64_t blkfront_patience_ns(const struct pvb_blkfront_ctl *f)
{
	uint64_t waited = waited_ns(f);

	if (!f->lost)
		return f->c.connect_timeout_ns;
	/* 0 would be for ever. */
	return waited < f->c.reconnect_timeout_ns
		? f->c.reconnect_timeout_ns - waited : 1;
}

bool blkfront_begin_again(struct pvb_blkfront_ctl *f)
{
	struct pvb_loop *loop = pvb_watches_loop(f->watches);
	bool first = !f->tried;

	if (!f->lost)
		return false;
	if (!is_to_be_waited_for(f)) {
		pvb_log(f->c.log, PVB_LOG_ERROR, "%s: %s; its requests fail",
		        f->runner.c.name,
		        f->fruitless == FRUITLESS_MAX
		                ? "its backend went again and again"
		                : "nobody serves it again");
		return false;
	}
	f->tried = true;
	f->pausing = true;
	pvb_runner_fini(&f->runner);
	pvb_loop_arm(loop, &f->pause,
	             pvb_loop_now_ns(loop) + (first ? 0 : PAUSE_MS * MS_NS));
	return true;
}

void blkfront_found_again(struct pvb_blkfront_ctl *f)
{
	f->connected = true;
	if (!f->lost)
		return;
	pvb_log(f->c.log, PVB_LOG_WARN, "%s: domain %u serves it again, after "
	        "%" PRIu64 " ms", f->runner.c.name,
	        (unsigned int)f->back_domid, waited_ns(f) / MS_NS);
	f->lost = f->tried = false;
}

enum pvb_why blkfront_compare(const struct pvb_blkfront_ctl *f,
                              const struct pvb_blk_geometry *now,
                              const char **bad)
{
	const struct pvb_blk_geometry *was = &f->geometry;

	if (now->sector_size_bytes != was->sector_size_bytes)
		*bad = "sector-size";
	else if (now->sectors < was->sectors && !was->removable)
		*bad = "sectors";
	else if (now->read_only && !was->read_only)
		*bad = "info";
	else if ((was->flush || was->barrier) && !now->flush && !now->barrier)
		*bad = "feature-flush-cache";
	else
		return PVB_OK;
	return PVB_WHY_OTHER_DISK;
}
