/* SPDX-License-Identifier: MIT */
/*
 * How a back's control half begins, by what stands in the store and what its
 * predecessor has left there and in memory:
 *
 *   ours           the front's        journals
 *   any other      any                any            begins
 *   Connected, or  Initialised to     of all queues, goes on; not a word is
 *   Closing        Closing, on terms  or it was at   said
 *                  that we agree to   rest
 *                  any                else           begins when the dead one's
 *                                                    I/O is over
 *
 * So a Closing that was asked for while nobody lived comes to its Closed, and
 * that means what it always does.
 */
#include <errno.h>
#include <stdlib.h>

#include <pvb/err.h>

#include "blkback_ctl_parts.h"
#include "bus/complain.h"
#include "hyp/store.h"
#include "proto/keys.h"

bool blkback_is_resuming(const struct pvb_blkback_ctl *b)
{
	return b->death.step != BLKBACK_ALIVE && b->death.found &&
	       b->death.then == BLKBACK_ATTACH_AGAIN;
}

bool pvb_blkback_ctl_is_after_another(const struct pvb_blkback_ctl *b)
{
	return b->death.step != BLKBACK_ALIVE;
}

void blkback_forget(struct pvb_blkback_ctl *b)
{
	b->death.at_rest = b->death.rested = false;
	if (b->c.forget)
		b->c.forget(b->c.arg);
}

static void bury(struct pvb_blkback_ctl *b, enum blkback_death_then then)
{
	b->death.step = BLKBACK_BURYING;
	b->death.then = then;
	b->death.found = true;
	b->death.died_ns = pvb_loop_now_ns(b->halves.loop);
	b->c.bury(b, b->c.arg);
}

static int go_on(struct pvb_blkback_ctl *b, const struct pvb_runner_found *f,
                 struct pvb_err *e)
{
	int r = pvb_runner_resume(&b->runner, f, e);

	if (r < 0)
		return r;
	pvb_blk_halves_found(&b->halves, b->terms.queues);
	bury(b, BLKBACK_ATTACH_AGAIN);
	return 0;
}

static int begin_anew(struct pvb_blkback_ctl *b,
                      const struct pvb_runner_found *f, struct pvb_err *e)
{
	bool stands = f->mine == PVB_XB_CONNECTED || f->mine == PVB_XB_CLOSING;
	int r;

	b->terms_known = false;
	blkback_forget(b);
	pvb_runner_hold(&b->runner, stands);
	r = pvb_runner_start(&b->runner, e);
	if (r == 0 && stands)
		bury(b, BLKBACK_LET_GO);
	return r;
}

int blkback_begin(struct pvb_blkback_ctl *b, struct pvb_err *e)
{
	struct pvb_runner_found f;
	int r;

	if (!b->c.left)
		return pvb_runner_start(&b->runner, e);
	r = pvb_runner_find(&b->runner, &f, e);
	if (r < 0)
		return r;
	if (r == 1)
		r = b->c.left(b->c.arg, b->terms.queues, b->journal_fd);
	else
		r = -ENOENT;
	/* Each connection has its journals from before it can be used: whoever
	   has another's, or none, has not been served. */
	if (r == 0 && !blkback_are_journals_ours(b))
		r = -ESTALE;
	b->death.at_rest = r == 1;
	b->death.rested = r >= 0;
	return r >= 0 ? go_on(b, &f, e) : begin_anew(b, &f, e);
}

/* What the front was told last of this node, and what it would be told now.
   False: one of them is nothing. */
static bool compare(struct pvb_blkback_ctl *b, const struct pvb_keys *k,
                    const char *node, uint64_t *told, uint64_t *now)
{
	return pvb_keys_u64(k, node, UINT64_MAX, now) == PVB_OK &&
	       pvb_store_read_u64_at(b->runner.store, PVB_STORE_NO_TX,
	                             b->runner.c.dir, node, UINT64_MAX,
	                             told) == 0;
}

static struct pvb_keys *promises(const struct pvb_blkback_ctl *b)
{
	struct pvb_keys *k = calloc(1, sizeof(*k));

	if (k && pvb_blk_geometry_put(k, &b->geometry) < 0) {
		free(k);
		return NULL;
	}
	return k;
}

static bool is_size_told(struct pvb_blkback_ctl *b)
{
	struct pvb_keys *k = promises(b);
	uint64_t told, now;
	bool other = k && compare(b, k, "sectors", &told, &now) && told != now;

	free(k);
	return !other;
}

/* What is there and was not promised, or taken back, is not used. */
static const char *compare_features(struct pvb_blkback_ctl *b,
                                    const struct pvb_keys *k)
{
	static const struct { const char *node; uint32_t lost; } features[] = {
		{ "feature-flush-cache", PVB_BLK_LOST_FLUSH },
		{ "feature-barrier", PVB_BLK_LOST_BARRIER },
		{ "feature-persistent", 0 },
		{ "feature-discard", PVB_BLK_LOST_DISCARD },
		{ "discard-secure", PVB_BLK_LOST_SECURE },
	};
	const char *broken = NULL;
	uint64_t told, now;

	for (size_t i = 0; i < sizeof(features) / sizeof(*features); i++) {
		if (!compare(b, k, features[i].node, &told, &now))
			continue;
		if (told > now)
			broken = features[i].node;
		if (told < now)
			b->lost |= features[i].lost;
	}
	(void)pvb_blk_geometry_lose(&b->geometry, b->lost);
	return broken;
}

const char *blkback_broken_promise(struct pvb_blkback_ctl *b)
{
	struct pvb_keys *k = promises(b);
	const char *broken = NULL;
	uint64_t told, now;

	if (k)
		broken = compare_features(b, k);
	if (k && compare(b, k, "sector-size", &told, &now) && told != now)
		broken = "sector-size";
	if (k && compare(b, k, "info", &told, &now) && told != now)
		broken = "info";
	free(k);
	return broken;
}

void blkback_taken_over(struct pvb_blkback_ctl *b)
{
	char text[PVB_RUNNER_TEXT_MAX + 1];

	b->death.at_rest = b->death.rested = false;
	/* It has come to nothing. */
	pvb_complaint_get(b->runner.store, b->runner.c.dir, text,
	                  sizeof(text));
	if (text[0])
		pvb_complaint_remove(b->runner.store, b->runner.c.dir);
	if (!is_size_told(b))
		blkback_resized(&b->halves);
}
