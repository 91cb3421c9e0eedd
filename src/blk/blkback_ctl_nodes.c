/* SPDX-License-Identifier: MIT */
/*
 * What a back says in the store and reads there: limits at InitWait, the
 * front's terms, geometry and features at Connected.
 */
#include <errno.h>

#include <pvb/err.h>

#include "blkback_ctl_parts.h"
#include "hyp/store.h"
#include "proto/keys.h"

static struct pvb_blkback_ctl *back_of(struct pvb_runner *r)
{
	return pvb_container(r, struct pvb_blkback_ctl, runner);
}

int blkback_publish(struct pvb_runner *r, enum pvb_xb saying,
                    struct pvb_keys *k)
{
	struct pvb_blkback_ctl *b = back_of(r);

	return saying == PVB_XB_CONNECTED
	               ? pvb_blk_geometry_put(k, &b->geometry)
	               : pvb_blk_offer_put(k, &b->limits);
}

/* Nodes of several queues stand in directories of their own.  A number beyond
   ours is refused by take: there is no use in reading so many. */
static int fetch_queues(struct pvb_blkback_ctl *b, uint32_t tx,
                        struct pvb_keys *k)
{
	const char *one[] = { NULL, NULL };
	uint64_t queues = 1;
	int e = 0;

	if (pvb_keys_u64_or(k, "multi-queue-num-queues", b->limits.queues_max,
	                    1, &queues) != PVB_OK)
		return 0;
	for (uint32_t i = 0; e == 0 &&
	     (one[0] = pvb_blk_terms_queue_name((uint32_t)queues, i)); i++)
		e = pvb_store_read_keys(b->runner.store, tx,
		                        b->runner.c.peer_dir, one, k);
	return e;
}

int blkback_fetch(struct pvb_runner *r, uint32_t tx, uint32_t action,
                  struct pvb_keys *k)
{
	int e = pvb_store_read_keys(r->store, tx, r->c.peer_dir,
	                            pvb_blk_terms_names, k);

	(void)action;           /* a back reads nothing but the terms */
	return e < 0 ? e : fetch_queues(back_of(r), tx, k);
}

enum pvb_why blkback_take(struct pvb_runner *r, uint32_t action,
                          const struct pvb_keys *k, const char **bad)
{
	struct pvb_blkback_ctl *b = back_of(r);
	struct pvb_blk_terms terms;
	enum pvb_why why;

	(void)action;
	why = pvb_blk_terms_get(k, &b->limits, pvb_blk_abi_absent(), &terms,
	                        bad);
	if (why == PVB_OK)
		why = pvb_blk_terms_units(&terms, b->limits.units,
			b->c.options.value[PVB_BLK_OPT_SECTOR_SIZE], bad);
	if (why == PVB_OK) {
		b->terms = terms;
		b->terms_known = true;
	}
	return why;
}

bool blkback_is_same(struct pvb_runner *r, const struct pvb_keys *k)
{
	struct pvb_blkback_ctl *b = back_of(r);
	struct pvb_blk_terms terms;

	return pvb_blk_terms_get(k, &b->limits, pvb_blk_abi_absent(), &terms,
	                         NULL) == PVB_OK &&
	       pvb_blk_terms_same(&terms, &b->terms);
}
