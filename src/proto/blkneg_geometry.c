/* SPDX-License-Identifier: MIT */
/*
 * blkneg_geometry.c - what a back publishes at Connected: features and sizes;
 * see blkneg.h.
 *
 * `sectors` counts 512 bytes, whatever the sector size, unless the peer is
 * known to count otherwise.  The limit for indirect segments is read here once
 * more, but said in the offer only.
 */
#include "blkneg_parts.h"

#include <assert.h>

#include <pvb/blkif.h>

#include "base/checked.h"

enum {
	SECTOR_SIZE_MIN = PVB_BLK_SECTOR_BYTES,
	/* A segment counts at most the sectors of its page. */
	SECTOR_SIZE_MAX = PVB_BLK_PAGE_BYTES,
};

/* So that every offset in bytes is one that a file can have. */
#define SECTORS_MAX ((uint64_t)INT64_MAX / PVB_BLK_SECTOR_BYTES)

const char *const pvb_blk_geometry_names[] = {
	"sectors", "sector-size", "physical-sector-size", "info",
	"feature-flush-cache", "feature-barrier", "feature-persistent",
	"feature-max-indirect-segments",
	"feature-discard", "discard-granularity", "discard-secure",
	"discard-alignment", "discard-aligment",
	NULL
};

struct node { const char *name; uint64_t value; };

static int put_all(struct pvb_keys *k, const struct node *nodes, size_t count)
{
	int e = 0;

	for (size_t i = 0; e == 0 && i < count; i++)
		e = pvb_keys_put_u64(k, nodes[i].name, nodes[i].value);
	return e;
}

int pvb_blk_geometry_put(struct pvb_keys *k, const struct pvb_blk_geometry *g)
{
	uint32_t unit = pvb_blk_units_node(g->units, g->sector_size_bytes);
	const struct node always[] = {
		{ "sectors", g->sectors / unit },
		{ "sector-size", g->sector_size_bytes },
		{ "physical-sector-size", g->physical_size_bytes },
		{ "info", (g->cdrom ? VDISK_CDROM : 0U) |
			  (g->removable ? VDISK_REMOVABLE : 0U) |
			  (g->read_only ? VDISK_READONLY : 0U) },
		{ "feature-flush-cache", g->flush },
		{ "feature-barrier", g->barrier },
		{ "feature-persistent", g->persistent },
		{ "feature-discard", g->discard },
	};
	const struct node discard[] = {
		{ "discard-granularity", g->discard_granularity_bytes },
		{ "discard-alignment", g->discard_alignment_bytes },
		{ "discard-secure", g->discard_secure },
	};
	int e;

	assert(g->sectors <= SECTORS_MAX);
	e = put_all(k, always, sizeof(always) / sizeof(*always));
	if (e == 0 && g->discard)
		e = put_all(k, discard, sizeof(discard) / sizeof(*discard));
	return e;
}

/* ---- reading ------------------------------------------------------------- */

static enum pvb_why get_u32(const struct pvb_keys *k, const char *name,
                            uint32_t absent, uint32_t *out, const char **bad)
{
	uint64_t value = absent;
	enum pvb_why why = pvb_keys_u64_or(k, name, UINT32_MAX, absent,
					   &value);

	*out = (uint32_t)value;
	if (why != PVB_OK)
		*bad = name;
	return why;
}

static enum pvb_why scale_sectors(struct pvb_blk_geometry *g)
{
	uint32_t unit = pvb_blk_units_node(g->units, g->sector_size_bytes);
	uint32_t sector = g->sector_size_bytes / PVB_BLK_SECTOR_BYTES;

	if (g->sectors > SECTORS_MAX / unit)
		return PVB_WHY_KEY_LIMIT;
	g->sectors *= unit;
	/* A back that counts otherwise may betray itself here. */
	return g->sectors % sector == 0 ? PVB_OK : PVB_WHY_KEY_CONFLICT;
}

enum pvb_why pvb_blk_geometry_sizes(const struct pvb_keys *k,
                                    struct pvb_blk_geometry *g,
                                    const char **bad)
{
	enum pvb_why why;

	*bad = "sectors";
	why = pvb_keys_u64(k, *bad, SECTORS_MAX, &g->sectors);
	if (why != PVB_OK)
		return why;
	why = get_u32(k, "sector-size", SECTOR_SIZE_MIN,
		      &g->sector_size_bytes, bad);
	if (why != PVB_OK)
		return why;
	*bad = "sector-size";
	if (!pvb_is_pow2(g->sector_size_bytes) ||
	    g->sector_size_bytes < SECTOR_SIZE_MIN ||
	    g->sector_size_bytes > SECTOR_SIZE_MAX)
		return PVB_WHY_SECTOR_SIZE;
	*bad = "sectors";
	why = scale_sectors(g);
	if (why != PVB_OK)
		return why;
	why = get_u32(k, "physical-sector-size", g->sector_size_bytes,
		      &g->physical_size_bytes, bad);
	if (why != PVB_OK)
		return why;
	*bad = "physical-sector-size";
	if (g->physical_size_bytes == 0 ||
	    g->physical_size_bytes % g->sector_size_bytes != 0)
		return PVB_WHY_KEY_CONFLICT;
	return PVB_OK;
}

enum pvb_why pvb_blk_geometry_info(const struct pvb_keys *k,
                                   struct pvb_blk_geometry *g,
                                   const char **bad)
{
	uint32_t info;
	enum pvb_why why = get_u32(k, "info", 0, &info, bad);

	g->cdrom = info & VDISK_CDROM;
	g->removable = info & VDISK_REMOVABLE;
	g->read_only = info & VDISK_READONLY;
	return why;
}

static enum pvb_why get_features(const struct pvb_keys *k,
                                 struct pvb_blk_geometry *g, const char **bad)
{
	const struct { const char *name; bool *out; } nodes[] = {
		{ "feature-flush-cache", &g->flush },
		{ "feature-barrier", &g->barrier },
		{ "feature-persistent", &g->persistent },
		{ "feature-discard", &g->discard },
	};
	enum pvb_why why = PVB_OK;
	uint32_t indirect;

	for (size_t i = 0; i < sizeof(nodes) / sizeof(*nodes); i++) {
		*bad = nodes[i].name;
		why = pvb_keys_bool_or(k, *bad, false, nodes[i].out);
		if (why != PVB_OK)
			return why;
	}
	why = get_u32(k, "feature-max-indirect-segments", 0, &indirect, bad);
	g->segs_direct_max = PVB_BLK_SEGS_DIRECT;
	g->segs_indirect_max = (uint16_t)(indirect < PVB_BLK_SEGS_MAX
						  ? indirect
						  : PVB_BLK_SEGS_MAX);
	return why;
}

/* Only where it is offered: what else stands there then means nothing. */
enum pvb_why pvb_blk_geometry_discard(const struct pvb_keys *k,
                                      struct pvb_blk_geometry *g,
                                      const char **bad)
{
	/* The second is how old headers spelled it, and so do their users. */
	const char *alignment = pvb_keys_has(k, "discard-alignment")
		? "discard-alignment" : "discard-aligment";
	enum pvb_why why;

	why = get_u32(k, "discard-granularity", g->sector_size_bytes,
		      &g->discard_granularity_bytes, bad);
	if (why != PVB_OK)
		return why;
	/* Linux writes 0 for a disk that does not tell. */
	if (g->discard_granularity_bytes == 0)
		g->discard_granularity_bytes = g->sector_size_bytes;
	why = get_u32(k, alignment, 0, &g->discard_alignment_bytes, bad);
	if (why != PVB_OK)
		return why;
	*bad = "discard-secure";
	return pvb_keys_bool_or(k, *bad, false, &g->discard_secure);
}

enum pvb_why pvb_blk_geometry_get(const struct pvb_keys *k,
                                  enum pvb_blk_units units,
                                  struct pvb_blk_geometry *out,
                                  const char **bad)
{
	struct pvb_blk_geometry g = { .units = units };
	const char *node;
	enum pvb_why why;

	if (!bad)
		bad = &node;
	why = pvb_blk_geometry_sizes(k, &g, bad);
	if (why == PVB_OK)
		why = pvb_blk_geometry_info(k, &g, bad);
	if (why == PVB_OK)
		why = get_features(k, &g, bad);
	if (why == PVB_OK && g.discard)
		why = pvb_blk_geometry_discard(k, &g, bad);
	if (why != PVB_OK)
		return why;
	*out = g;
	*bad = NULL;
	return PVB_OK;
}

/* ---- promises that cannot be kept ---------------------------------------- */

uint32_t pvb_blk_geometry_features(const struct pvb_blk_geometry *g)
{
	return (g->flush ? PVB_BLK_LOST_FLUSH : 0u) |
	       (g->barrier ? PVB_BLK_LOST_BARRIER : 0u) |
	       (g->discard ? PVB_BLK_LOST_DISCARD : 0u) |
	       (g->discard_secure ? PVB_BLK_LOST_SECURE : 0u);
}

void pvb_blk_geometry_promise(struct pvb_blk_geometry *g, uint32_t features)
{
	g->flush = features & PVB_BLK_LOST_FLUSH;
	g->barrier = features & PVB_BLK_LOST_BARRIER;
	g->discard = features & PVB_BLK_LOST_DISCARD;
	g->discard_secure = features & PVB_BLK_LOST_SECURE;
}

bool pvb_blk_geometry_lose(struct pvb_blk_geometry *g, uint32_t lost)
{
	uint32_t had = pvb_blk_geometry_features(g);

	if (lost & PVB_BLK_LOST_FLUSH)
		g->flush = g->barrier = false;
	if (lost & PVB_BLK_LOST_BARRIER)
		g->barrier = false;
	if (lost & PVB_BLK_LOST_DISCARD)
		g->discard = g->discard_secure = false;
	if (lost & PVB_BLK_LOST_SECURE)
		g->discard_secure = false;
	return had != pvb_blk_geometry_features(g);
}

int pvb_blk_lost_put(struct pvb_keys *k, uint32_t lost)
{
	static const struct { const char *name; uint32_t by; } nodes[] = {
		{ "feature-flush-cache", PVB_BLK_LOST_FLUSH },
		{ "feature-barrier", PVB_BLK_LOST_FLUSH |
				     PVB_BLK_LOST_BARRIER },
		{ "feature-discard", PVB_BLK_LOST_DISCARD },
		{ "discard-secure", PVB_BLK_LOST_DISCARD |
				    PVB_BLK_LOST_SECURE },
	};
	int e = 0;

	for (size_t i = 0; e == 0 && i < sizeof(nodes) / sizeof(*nodes); i++)
		if (lost & nodes[i].by)
			e = pvb_keys_put_u64(k, nodes[i].name, 0);
	return e;
}
