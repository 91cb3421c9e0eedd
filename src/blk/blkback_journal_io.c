/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <pvb/err.h>

#include "base/bytes.h"
#include "flow/journal_memory.h"
#include "proto/ring.h"

#include "blkback_journal_io.h"

static enum pvb_why refuse(struct pvb_err *e, enum pvb_why why)
{
	(void)pvb_err_set(e, -EPROTO, "%s", pvb_why_text(why));
	return why;
}

/* ---- what it is compared with -------------------------------------------- */

/* All that would change what the bytes of a request mean, or which of them are
   legal; without the size, which may grow, and the features. */
static void put_terms(const struct pvb_blk_back_attach *a,
                      struct pvb_journal_terms *t)
{
	const struct pvb_blk_geometry *g = &a->geometry;
	/* Of one that cannot be taken out it is always the same. */
	uint64_t disk = g->removable ? 0 : a->medium;
	const uint32_t words[] = {
		a->abi, a->persistent, a->requests_max, g->sector_size_bytes,
		(uint32_t)g->units, g->read_only, g->segs_direct_max,
		g->segs_indirect_max, g->data_sectors_max,
		(uint32_t)disk, (uint32_t)(disk >> 32),
	};

	_Static_assert(sizeof(words) <= PVB_JOURNAL_TERMS_MAX, "room");
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		pvb_store_u32(t->terms + 4 * i, words[i]);
	t->terms_bytes = sizeof(words);
}

static struct pvb_journal_terms terms_of(const struct pvb_blk_back_attach *a)
{
	struct pvb_journal_terms t = {
		.shape = pvb_blk_journal_shape(a),
		.identity = pvb_blk_journal_identity(a),
		.features = pvb_blk_geometry_features(&a->geometry),
	};

	put_terms(a, &t);
	return t;
}

/* ---- open ---------------------------------------------------------------- */

enum pvb_why pvb_blkback_journal_open(struct pvb_blkback_journal *b,
                                      const struct pvb_blk_back_attach *a,
                                      int fd, struct pvb_err *e)
{
	struct pvb_journal_terms t;
	enum pvb_why why;
	size_t bytes;
	int r;

	if (a->ring_order > PVB_RING_ORDER_MAX)
		return refuse(e, PVB_WHY_JOURNAL_FORMAT);
	t = terms_of(a);
	bytes = pvb_journal_bytes(&t.shape);
	if (bytes == 0)
		return refuse(e, PVB_WHY_JOURNAL_FORMAT);
	r = pvb_journal_memory_map(fd, bytes, &b->mem);
	if (r == -EINVAL)
		return refuse(e, PVB_WHY_JOURNAL_FORMAT);
	if (r < 0) {
		(void)pvb_err_set(e, r, "cannot map the journal: %s",
		                  strerror(-r));
		return PVB_WHY_ATTACH;
	}
	b->bytes = bytes;
	if (pvb_journal_is_blank(b->mem, bytes))
		return PVB_OK;
	if (!a->resume)
		return refuse(e, PVB_WHY_JOURNAL_FORMAT);
	b->resumed = true;
	why = pvb_journal_open(&b->j, b->mem, bytes, &t);
	return why == PVB_OK ? PVB_OK : refuse(e, why);
}

void pvb_blkback_journal_close(struct pvb_blkback_journal *b)
{
	pvb_journal_memory_unmap(b->mem, b->bytes);
	free(b->redo);
	*b = (struct pvb_blkback_journal){ 0 };
}

/* ---- start --------------------------------------------------------------- */

/* Is what stands beside the request what belongs to it?  A list need not be
   there yet. */
static bool extra_is_its_own(const struct pvb_journal *j, uint32_t i,
                             const struct pvb_blk_back_attach *a)
{
	const struct pvb_blk_geometry *g = &a->geometry;
	uint32_t bytes = pvb_journal_extra_bytes(j, i);
	struct pvb_blk_req req;

	if (pvb_journal_slots(j, i) > 1)
		return bytes == (pvb_journal_slots(j, i) - 1) *
		                j->shape.slot_bytes;
	if (bytes == 0)
		return true;
	return pvb_blk_req_decode(&req, (enum pvb_abi)a->abi,
	                          pvb_journal_slot_at(j, i),
	                          g->segs_direct_max,
	                          g->segs_indirect_max) == PVB_OK &&
	       req.indirect && bytes == req.nr_segs * PVB_BLK_SEG_BYTES;
}

/* Nothing has looked into the slots so far. */
static bool are_requests(const struct pvb_blkback_journal *b,
                         const struct pvb_blk_back_attach *a)
{
	for (uint32_t n = 0; n < b->found.redo; n++) {
		uint32_t i = b->redo[n];

		if (pvb_journal_slots(&b->j, i) !=
		    pvb_blk_req_slots((enum pvb_abi)a->abi,
		                      pvb_journal_slot_at(&b->j, i),
		                      a->geometry.segs_direct_max) ||
		    !extra_is_its_own(&b->j, i, a))
			return false;
	}
	return true;
}

enum pvb_why pvb_blkback_journal_start(struct pvb_blkback_journal *b,
                                       const struct pvb_blk_back_attach *a,
                                       const struct pvb_ring *ring,
                                       struct pvb_err *e)
{
	const struct pvb_journal_terms t = terms_of(a);
	enum pvb_why why;

	if (!b->resumed) {
		pvb_journal_begin(&b->j, b->mem, &t, ring->in_cons);
		pvb_journal_set_medium(&b->j, a->medium);
		return PVB_OK;
	}
	b->redo = calloc(t.shape.slots, sizeof(*b->redo));
	if (!b->redo) {
		(void)pvb_err_set(e, -ENOMEM, "out of memory");
		return PVB_WHY_ATTACH;
	}
	why = pvb_journal_recover(&b->j, ring->out_pub, b->redo, &b->found);
	if (why == PVB_OK && !are_requests(b, a))
		why = PVB_WHY_JOURNAL_CONTENT;
	return why == PVB_OK ? PVB_OK : refuse(e, why);
}
