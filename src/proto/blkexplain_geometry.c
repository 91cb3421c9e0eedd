/* SPDX-License-Identifier: MIT */
/*
 * blkexplain_geometry.c - features, sizes and units: what the back promises,
 * where a front has little to choose; see blkexplain.h.
 */
#include "blkexplain_parts.h"

#include <string.h>

enum { FLAG_MAX = 1 };

bool pvb_blk_units_of(enum pvb_blk_driver d, enum pvb_blk_units *out)
{
	static const struct { bool known; enum pvb_blk_units units; }
		of[PVB_BLK_BY_COUNT] = {
		[PVB_BLK_BY_LINUX] = { true, PVB_BLK_UNITS_SPEC },
		[PVB_BLK_BY_LINUX_OLD] = { true, PVB_BLK_UNITS_SPEC },
		[PVB_BLK_BY_FREEBSD] = { true, PVB_BLK_UNITS_FREEBSD },
		[PVB_BLK_BY_FREEBSD_2012] = { true, PVB_BLK_UNITS_FREEBSD },
		[PVB_BLK_BY_QEMU] = { true, PVB_BLK_UNITS_ALL },
		[PVB_BLK_BY_WINDOWS] = { true, PVB_BLK_UNITS_ALL },
	};

	*out = of[d].units;
	return of[d].known;
}

/* What pvb was told stands in a node of its own. */
static bool was_told(const struct pvb_keys *back, enum pvb_blk_units *out)
{
	const char *name = pvb_keys_text(back, "pvb-sector-units");

	for (uint32_t i = 0; name && i < PVB_BLK_UNITS_COUNT; i++) {
		if (strcmp(name, pvb_blk_units_name(i)) == 0) {
			*out = i;
			return true;
		}
	}
	return false;
}

static enum pvb_blk_because find_units(const struct pvb_blk_explaining *x,
                                       enum pvb_blk_units *out)
{
	*out = PVB_BLK_UNITS_SPEC;
	if (was_told(x->said->back, out))
		return PVB_BLK_UNITS_TOLD;
	if (pvb_blk_units_of(x->out->back.driver, out))
		return PVB_BLK_UNITS_OF_DRIVER;
	return PVB_BLK_UNITS_OF_RULE;
}

static void explain_units(struct pvb_blk_explaining *x,
                          enum pvb_blk_because because)
{
	struct pvb_blk_row *row = &x->out->row[PVB_BLK_TOPIC_UNITS];
	const struct pvb_blk_geometry *g = &x->geometry;
	struct pvb_blk_terms terms = { 0 };
	const char *bad = "feature-large-sector-size";
	enum pvb_why why = PVB_OK;

	if (x->chosen)
		why = pvb_keys_bool_or(x->said->front, bad, false,
				       &terms.large_sectors);
	if (x->chosen && why == PVB_OK)
		why = pvb_blk_terms_units(&terms, g->units,
					  g->sector_size_bytes, &bad);
	if (why != PVB_OK)
		pvb_blk_row_refuse(row, why, bad);
	else
		pvb_blk_row_agree(row, g->sector_size_bytes ==
						       PVB_BLK_SECTOR_BYTES
					       ? PVB_BLK_UNITS_ALIKE
					       : because, g->units);
}

static const enum pvb_blk_topic sizes[] = {
	PVB_BLK_TOPIC_SECTORS, PVB_BLK_TOPIC_SECTOR_SIZE,
	PVB_BLK_TOPIC_PHYSICAL_SIZE,
};
enum { SIZES = sizeof(sizes) / sizeof(*sizes) };

static void refuse_sizes(struct pvb_blk_row *rows, enum pvb_why why,
                         const char *bad)
{
	for (int i = 0; i < SIZES; i++) {
		struct pvb_blk_row *row = &rows[sizes[i]];

		if (strcmp(pvb_blk_topic_back_node(sizes[i], 0), bad) == 0)
			pvb_blk_row_refuse(row, why, bad);
		else
			pvb_blk_row_say(row, PVB_BLK_HANGS);
	}
	pvb_blk_row_say(&rows[PVB_BLK_TOPIC_UNITS], PVB_BLK_HANGS);
}

static enum pvb_blk_because says(const struct pvb_keys *k, const char *name)
{
	return pvb_keys_has(k, name) ? PVB_BLK_BACK_SAYS : PVB_BLK_DEFAULT;
}

static void explain_sizes(struct pvb_blk_explaining *x)
{
	const struct pvb_keys *back = x->said->back;
	struct pvb_blk_row *rows = x->out->row;
	struct pvb_blk_geometry *g = &x->geometry;
	enum pvb_blk_because because = find_units(x, &g->units);
	const char *bad = NULL;
	enum pvb_why why = pvb_blk_geometry_sizes(back, g, &bad);

	if (why != PVB_OK) {
		refuse_sizes(rows, why, bad);
		return;
	}
	pvb_blk_row_agree(&rows[PVB_BLK_TOPIC_SECTORS],
			  g->sectors ? PVB_BLK_BACK_SAYS : PVB_BLK_EMPTY_DRIVE,
			  g->sectors);
	pvb_blk_row_agree(&rows[PVB_BLK_TOPIC_SECTOR_SIZE],
			  says(back, "sector-size"), g->sector_size_bytes);
	pvb_blk_row_agree(&rows[PVB_BLK_TOPIC_PHYSICAL_SIZE],
			  says(back, "physical-sector-size"),
			  g->physical_size_bytes);
	explain_units(x, because);
}

static void explain_info(struct pvb_blk_explaining *x)
{
	struct pvb_blk_row *read_only, *medium;
	struct pvb_blk_geometry *g = &x->geometry;
	enum pvb_blk_because because = says(x->said->back, "info");
	const char *bad = NULL;
	enum pvb_why why = pvb_blk_geometry_info(x->said->back, g, &bad);

	read_only = &x->out->row[PVB_BLK_TOPIC_READ_ONLY];
	medium = &x->out->row[PVB_BLK_TOPIC_MEDIUM];
	if (why != PVB_OK) {
		pvb_blk_row_refuse(read_only, why, bad);
		pvb_blk_row_say(medium, PVB_BLK_HANGS);
		return;
	}
	pvb_blk_row_agree(read_only, because, g->read_only);
	pvb_blk_row_agree(medium, because, g->cdrom ? PVB_BLK_MEDIUM_CDROM
					   : g->removable
						   ? PVB_BLK_MEDIUM_REMOVABLE
						   : PVB_BLK_MEDIUM_FIXED);
}

/* True: it is offered.  If not, or if it cannot be read, the row says so. */
static bool is_offered(const struct pvb_blk_explaining *x,
                       enum pvb_blk_topic topic, const char *name)
{
	struct pvb_blk_row *row = &x->out->row[topic];
	bool offered = false;
	enum pvb_why why = pvb_keys_bool_or(x->said->back, name, false,
					    &offered);

	if (why != PVB_OK)
		pvb_blk_row_refuse(row, why, name);
	else
		pvb_blk_row_agree(row, offered ? PVB_BLK_USE_UNKNOWN
					       : PVB_BLK_NOT_OFFERED, offered);
	return offered;
}

static void explain_discard(struct pvb_blk_explaining *x)
{
	struct pvb_blk_row *row = &x->out->row[PVB_BLK_TOPIC_DISCARD];
	struct pvb_blk_row *secure = &x->out->row[PVB_BLK_TOPIC_SECURE];
	uint64_t enable = FLAG_MAX;
	const char *bad = NULL;
	enum pvb_why why;

	if (!is_offered(x, PVB_BLK_TOPIC_DISCARD, "feature-discard")) {
		(void)pvb_keys_u64_or(x->said->back, "discard-enable", FLAG_MAX,
				      FLAG_MAX, &enable);
		if (row->known && enable == 0)
			pvb_blk_row_agree(row, PVB_BLK_SWITCHED_OFF, 0);
		pvb_blk_row_agree(secure, PVB_BLK_NOT_OFFERED, 0);
		return;
	}
	why = pvb_blk_geometry_discard(x->said->back, &x->geometry, &bad);
	if (why == PVB_OK) {
		(void)is_offered(x, PVB_BLK_TOPIC_SECURE, "discard-secure");
		return;
	}
	if (strcmp(bad, "discard-secure") == 0) {
		pvb_blk_row_refuse(secure, why, bad);
		return;
	}
	*row = (struct pvb_blk_row){ 0 };
	pvb_blk_row_refuse(row, why, bad);
	pvb_blk_row_say(secure, PVB_BLK_HANGS);
}

static void explain_order(struct pvb_blk_explaining *x)
{
	bool flush = is_offered(x, PVB_BLK_TOPIC_FLUSH, "feature-flush-cache");

	if (is_offered(x, PVB_BLK_TOPIC_BARRIER, "feature-barrier"))
		x->out->row[PVB_BLK_TOPIC_BARRIER].because =
			flush ? PVB_BLK_FLUSH_FIRST : PVB_BLK_INSTEAD_OF_FLUSH;
}

void pvb_blk_explain_geometry(struct pvb_blk_explaining *x)
{
	if (!x->promised)               /* as all rows begin */
		return;
	explain_sizes(x);
	explain_info(x);
	explain_order(x);
	explain_discard(x);
}
