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

/* What the backs in the field take a missing `protocol` for. */
static enum pvb_abi abi_absent(void)
{
	return pvb_abi_native() == PVB_ABI_ARM ? PVB_ABI_ARM : PVB_ABI_X86_32;
}

enum pvb_why blkback_take(struct pvb_runner *r, uint32_t action,
                          const struct pvb_keys *k, const char **bad)
{
	struct pvb_blkback_ctl *b = back_of(r);
	struct pvb_blk_terms terms;
	enum pvb_why why;

	(void)action;
	why = pvb_blk_terms_get(k, &b->limits, abi_absent(), &terms, bad);
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

	return pvb_blk_terms_get(k, &b->limits, abi_absent(), &terms, NULL) ==
	               PVB_OK &&
	       pvb_blk_terms_same(&terms, &b->terms);
}

/* ---- geometry ------------------------------------------------------------ */

static int check_sizes(const struct pvb_disk_info *info, uint32_t sector,
                       struct pvb_err *e)
{
	if (info->size_bytes == 0)
		return pvb_err_set(e, -EINVAL, "its size is not known yet");
	if (sector < info->sector_size_bytes)
		return pvb_err_set(e, -EINVAL,
		                   "sectors of %u bytes cannot be offered on a "
		                   "disk of %u", sector,
		                   info->sector_size_bytes);
	if (info->size_bytes % sector != 0)
		return pvb_err_set(e, -EINVAL,
		                   "its size, %llu bytes, is not a multiple of "
		                   "the sector size, %u",
		                   (unsigned long long)info->size_bytes,
		                   sector);
	return 0;
}

int blkback_geometry(const struct pvb_disk_info *info,
                     const struct pvb_blk_options *o,
                     struct pvb_blk_geometry *out, struct pvb_err *e)
{
	const uint32_t *v = o->value;
	uint32_t sector = v[PVB_BLK_OPT_SECTOR_SIZE]
	                          ? v[PVB_BLK_OPT_SECTOR_SIZE]
	                          : info->sector_size_bytes;
	uint32_t physical = info->physical_size_bytes;
	bool discard = v[PVB_BLK_OPT_DISCARD] && info->discard &&
	               !info->read_only;
	int r = check_sizes(info, sector, e);

	if (r < 0)
		return r;
	if (physical < sector || physical % sector != 0 ||
	    info->size_bytes % physical != 0)
		physical = sector;
	*out = (struct pvb_blk_geometry){
		.sectors = info->size_bytes / PVB_BLK_SECTOR_BYTES,
		.sector_size_bytes = sector,
		.physical_size_bytes = physical,
		.read_only = info->read_only,
		.cdrom = v[PVB_BLK_OPT_CDROM],
		.removable = v[PVB_BLK_OPT_REMOVABLE] ||
		             v[PVB_BLK_OPT_CDROM] || v[PVB_BLK_OPT_FLOPPY],
		.flush = v[PVB_BLK_OPT_FLUSH] && info->flush,
		.barrier = v[PVB_BLK_OPT_BARRIER] && info->flush,
		.discard = discard,
		.discard_secure = discard && info->discard_secure,
		.persistent = v[PVB_BLK_OPT_PERSISTENT],
		.discard_granularity_bytes =
			discard ? info->discard_granularity_bytes : 0,
		.discard_alignment_bytes =
			discard ? info->discard_alignment_bytes : 0,
		.segs_direct_max = PVB_BLK_SEGS_DIRECT,
		.segs_indirect_max = (uint16_t)v[PVB_BLK_OPT_INDIRECT],
	};
	return 0;
}
