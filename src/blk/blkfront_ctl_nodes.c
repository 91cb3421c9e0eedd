/* SPDX-License-Identifier: MIT */
/*
 * What a front says in the store and reads there: the back's limits, its own
 * terms, the back's geometry.
 */
#include <errno.h>
#include <string.h>

#include "blkfront_ctl_parts.h"
#include "hyp/store.h"
#include "proto/keys.h"

static struct pvb_blkfront_ctl *front_of(struct pvb_runner *r)
{
	return pvb_container(r, struct pvb_blkfront_ctl, runner);
}

int blkfront_publish(struct pvb_runner *r, enum pvb_xb saying,
                     struct pvb_keys *k)
{
	(void)saying;           /* a front publishes nothing but its terms */
	return pvb_blk_terms_put(k, &front_of(r)->terms);
}

/* A predecessor may have had more pages, or more queues. */
int blkfront_unpublish(struct pvb_runner *r, struct pvb_keys *k)
{
	int e = 0;

	(void)r;
	for (uint32_t i = 0; e == 0 && pvb_blk_terms_names[i]; i++)
		e = pvb_keys_put_text(k, pvb_blk_terms_names[i], "");
	for (uint32_t i = 0; e == 0 && i < PVB_BLK_QUEUES_MAX; i++) {
		char name[PVB_KEYS_NAME_MAX + 1];

		(void)pvb_xspath_print(name, sizeof(name), "queue-%u", i);
		e = pvb_keys_put_text(k, name, "");
	}
	return e;
}

int blkfront_fetch(struct pvb_runner *r, uint32_t tx, uint32_t action,
                   struct pvb_keys *k)
{
	return pvb_store_read_keys(r->store, tx, r->c.peer_dir,
	                           action == PVB_DO_GEOMETRY
	                                   ? pvb_blk_geometry_names
	                                   : pvb_blk_offer_names,
	                           k);
}

static enum pvb_why take_geometry(struct pvb_blkfront_ctl *f,
                                  const struct pvb_keys *k, const char **bad)
{
	struct pvb_blk_geometry now;
	enum pvb_why why = pvb_blk_geometry_get(k, f->c.limits.units, &now,
	                                        bad);

	if (why != PVB_OK)
		return why;
	if (!f->running) {
		why = f->connected ? blkfront_compare(f, &now, bad) : PVB_OK;
		if (why == PVB_OK)
			f->geometry = now;
		return why;
	}
	if (now.sectors != f->geometry.sectors) {
		/* Nothing else may change under a live disk. */
		f->geometry.sectors = now.sectors;
		blkfront_resized(f);
	}
	return PVB_OK;
}

enum pvb_why blkfront_take(struct pvb_runner *r, uint32_t action,
                           const struct pvb_keys *k, const char **bad)
{
	struct pvb_blkfront_ctl *f = front_of(r);
	struct pvb_blk_offer offer;
	enum pvb_why why;

	if (action == PVB_DO_GEOMETRY)
		return take_geometry(f, k, bad);
	why = pvb_blk_offer_get(k, &offer, bad);
	if (why == PVB_OK)
		pvb_blk_terms_choose(&f->terms, &f->c.limits, &offer);
	return why;
}
