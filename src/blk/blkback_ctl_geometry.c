/* SPDX-License-Identifier: MIT */
/*
 * What a back promises of its disk: size, sectors, what it is and takes.
 */
#include <errno.h>

#include <pvb/err.h>

#include "blkback_ctl_parts.h"

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

/* What the device is, whatever disk it has. */
static void promise_kind(const struct pvb_blk_options *o,
                         struct pvb_blk_geometry *out)
{
	const uint32_t *v = o->value;

	*out = (struct pvb_blk_geometry){
		.read_only = v[PVB_BLK_OPT_READ_ONLY] || v[PVB_BLK_OPT_CDROM],
		.cdrom = v[PVB_BLK_OPT_CDROM],
		.removable = v[PVB_BLK_OPT_REMOVABLE] ||
		             v[PVB_BLK_OPT_CDROM] || v[PVB_BLK_OPT_FLOPPY],
		.flush = v[PVB_BLK_OPT_FLUSH],
		.barrier = v[PVB_BLK_OPT_BARRIER],
		.persistent = v[PVB_BLK_OPT_PERSISTENT],
		.segs_direct_max = PVB_BLK_SEGS_DIRECT,
		.segs_indirect_max = (uint16_t)v[PVB_BLK_OPT_INDIRECT],
	};
}

static void promise_disk(const struct pvb_disk_info *info, bool may_discard,
                         struct pvb_blk_geometry *out)
{
	out->sectors = info->size_bytes / PVB_BLK_SECTOR_BYTES;
	out->read_only |= info->read_only;
	out->flush &= info->flush;
	out->barrier &= info->flush;
	out->discard = may_discard && info->discard && !out->read_only;
	if (!out->discard)
		return;
	out->discard_secure = info->discard_secure;
	out->discard_granularity_bytes = info->discard_granularity_bytes;
	out->discard_alignment_bytes = info->discard_alignment_bytes;
}

static uint32_t physical_size(const struct pvb_disk_info *info,
                              uint32_t sector)
{
	uint32_t physical = info->physical_size_bytes;

	return physical < sector || physical % sector != 0 ||
	       info->size_bytes % physical != 0 ? sector : physical;
}

int blkback_geometry(const struct pvb_disk_info *info,
                     const struct pvb_blk_options *o,
                     struct pvb_blk_geometry *out, struct pvb_err *e)
{
	uint32_t sector = o->value[PVB_BLK_OPT_SECTOR_SIZE];
	struct pvb_blk_geometry g;
	int r;

	if (sector == 0)
		sector = info ? info->sector_size_bytes : PVB_BLK_SECTOR_BYTES;
	promise_kind(o, &g);
	g.sector_size_bytes = g.physical_size_bytes = sector;
	if (info) {
		r = check_sizes(info, sector, e);
		if (r < 0)
			return r;
		promise_disk(info, o->value[PVB_BLK_OPT_DISCARD], &g);
		g.physical_size_bytes = physical_size(info, sector);
	}
	*out = g;
	return 0;
}

int blkback_geometry_of_next(const struct pvb_disk_info *info,
                             const struct pvb_blk_geometry *now,
                             struct pvb_blk_geometry *out, struct pvb_err *e)
{
	struct pvb_blk_geometry g = *now;
	int r;

	g.sectors = 0;
	g.physical_size_bytes = g.sector_size_bytes;
	if (info) {
		r = check_sizes(info, g.sector_size_bytes, e);
		if (r < 0)
			return r;
		if (info->read_only && !g.read_only)
			return pvb_err_set(e, -EROFS, "the drive writes, and "
			                   "this cannot be written");
		g.sectors = info->size_bytes / PVB_BLK_SECTOR_BYTES;
		g.physical_size_bytes = physical_size(info,
		                                      g.sector_size_bytes);
	}
	*out = g;
	return 0;
}
