/* SPDX-License-Identifier: MIT */
/*
 * What a back promises of its disk: size, sectors, what it is and takes.
 */
#include <errno.h>

#include <pvb/err.h>

#include "blkback_ctl_parts.h"
#include "disk/narrow.h"

/* As the data halves will open it: where the front's sectors are smaller than
   the disk's, parts of these are read, changed and written back.  Whoever else
   writes to the disk would lose what he writes meanwhile. */
static int see_disk(const struct pvb_disk_info *info, uint32_t sector,
                    bool shared, struct pvb_disk_info *out, struct pvb_err *e)
{
	*out = *info;
	if (sector >= info->sector_size_bytes)
		return 0;
	if (shared && !info->read_only)
		return pvb_err_set(e, -EINVAL,
		                   "sectors of %u bytes on a disk of %u cannot "
		                   "be shared with other writers (use "
		                   "--sector-size %u)", sector,
		                   info->sector_size_bytes,
		                   info->sector_size_bytes);
	pvb_narrow_info(info, out);
	return 0;
}

static int check_sizes(const struct pvb_disk_info *info, uint32_t sector,
                       struct pvb_err *e)
{
	if (info->size_bytes == 0)
		return pvb_err_set(e, -EINVAL, "its size is not known yet");
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
		.units = (enum pvb_blk_units)v[PVB_BLK_OPT_UNITS],
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
	struct pvb_disk_info seen;
	int r;

	promise_kind(o, &g);
	g.sector_size_bytes = g.physical_size_bytes = sector;
	if (info) {
		r = see_disk(info, sector, o->value[PVB_BLK_OPT_SHARED], &seen,
		             e);
		if (r == 0)
			r = check_sizes(&seen, sector, e);
		if (r < 0)
			return r;
		promise_disk(&seen, o->value[PVB_BLK_OPT_DISCARD], &g);
		g.physical_size_bytes = physical_size(&seen, sector);
	}
	*out = g;
	return 0;
}

int blkback_geometry_of_next(const struct pvb_disk_info *info,
                             const struct pvb_blk_options *o,
                             const struct pvb_blk_geometry *now,
                             struct pvb_blk_geometry *out, struct pvb_err *e)
{
	struct pvb_blk_geometry g = *now;
	struct pvb_disk_info seen;
	int r;

	g.sectors = 0;
	g.physical_size_bytes = g.sector_size_bytes;
	if (info) {
		r = see_disk(info, g.sector_size_bytes,
		             o->value[PVB_BLK_OPT_SHARED], &seen, e);
		if (r == 0)
			r = check_sizes(&seen, g.sector_size_bytes, e);
		if (r < 0)
			return r;
		if (seen.read_only && !g.read_only)
			return pvb_err_set(e, -EROFS, "the drive writes, and "
			                   "this cannot be written");
		g.sectors = seen.size_bytes / PVB_BLK_SECTOR_BYTES;
		g.physical_size_bytes = physical_size(&seen,
		                                      g.sector_size_bytes);
	}
	*out = g;
	return 0;
}
