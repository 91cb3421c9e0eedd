/* SPDX-License-Identifier: MIT */
/* blkexplain_parts.h - between blkexplain*.c. */
#ifndef PVB_BLKEXPLAIN_PARTS_H
#define PVB_BLKEXPLAIN_PARTS_H

#include "blkexplain.h"
#include "blkneg_parts.h"

struct pvb_blk_explaining {             /* while it is being done */
	const struct pvb_blk_said *said;
	struct pvb_blk_explained *out;
	/* Whether these have been said: the limits of the back, its geometry,
	   the terms of the front. */
	bool offered, promised, chosen;
	struct pvb_blk_terms terms;     /* what of it is known so far */
	struct pvb_blk_geometry geometry;
};

/* Nobody's keys have nothing. */
static inline bool pvb_blk_said_has(const struct pvb_keys *k, const char *name)
{
	return k && pvb_keys_has(k, name);
}

static inline void pvb_blk_row_say(struct pvb_blk_row *row,
                                   enum pvb_blk_because because)
{
	row->because = because;
}

static inline void pvb_blk_row_agree(struct pvb_blk_row *row,
                                     enum pvb_blk_because because,
                                     uint64_t value)
{
	row->because = because;
	row->known = true;
	row->value = value;
}

static inline void pvb_blk_row_refuse(struct pvb_blk_row *row,
                                      enum pvb_why why, const char *bad)
{
	row->because = PVB_BLK_REFUSED;
	row->why = why;
	row->bad = bad;
}

/* How a driver's back, or front, counts sectors.  False: that is not known. */
bool pvb_blk_units_of(enum pvb_blk_driver d, enum pvb_blk_units *out);

/* Each in turn: the later ones use what the former have found. */
void pvb_blk_explain_drivers(struct pvb_blk_explaining *x);
void pvb_blk_explain_geometry(struct pvb_blk_explaining *x);
void pvb_blk_explain_terms(struct pvb_blk_explaining *x);
void pvb_blk_explain_odd(struct pvb_blk_explaining *x);

#endif
