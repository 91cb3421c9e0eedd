/* SPDX-License-Identifier: MIT */
/*
 * blkexplain_terms.c - layout, rings, queues and large requests: what the back
 * offers and the front chooses; see blkexplain.h.
 */
#include "blkexplain_parts.h"

/* A front that can do all that there is takes what it can get. */
static const struct pvb_blk_limits able = {
	.ring_order_max = PVB_RING_ORDER_MAX, .queues_max = PVB_BLK_QUEUES_MAX,
	.indirect_max = PVB_BLK_SEGS_MAX, .segment_blocks = true,
};

static bool is_of_machine(enum pvb_blk_driver d)
{
	return d == PVB_BLK_BY_FREEBSD || d == PVB_BLK_BY_FREEBSD_2012 ||
	       d == PVB_BLK_BY_NETBSD;
}

static void explain_abi(struct pvb_blk_explaining *x, struct pvb_blk_row *row)
{
	bool of_machine = is_of_machine(x->out->back.driver);
	enum pvb_why why;
	const char *bad;

	if (!x->chosen) {
		pvb_blk_row_say(row, PVB_BLK_FRONT_SILENT);
		return;
	}
	why = pvb_blk_terms_abi(x->said->front,
				of_machine ? pvb_abi_native()
					   : pvb_blk_abi_absent(),
				&x->terms, &bad);
	if (why != PVB_OK)
		pvb_blk_row_refuse(row, why, bad);
	else
		pvb_blk_row_agree(row, x->terms.abi_given ? PVB_BLK_FRONT_SAYS
				       : of_machine ? PVB_BLK_ABI_OF_MACHINE
						    : PVB_BLK_ABI_OF_FIELD,
				  x->terms.abi);
}

/* Is there an offer to choose from, and a choice?  If not, says so. */
static bool is_chosen(const struct pvb_blk_explaining *x,
                      struct pvb_blk_row *row, enum pvb_why why,
                      const char *bad)
{
	if (!x->offered)
		pvb_blk_row_say(row, PVB_BLK_BACK_SILENT);
	else if (why != PVB_OK)
		pvb_blk_row_refuse(row, why, bad);
	else if (!x->chosen)
		pvb_blk_row_say(row, PVB_BLK_FRONT_SILENT);
	else
		return true;
	return false;
}

static enum pvb_blk_because compared(const struct pvb_blk_row *row,
                                     uint64_t value)
{
	return value < row->offered ? PVB_BLK_LESS_THAN_OFFERED
				    : PVB_BLK_ALL_OFFERED;
}

static void explain_pages(struct pvb_blk_explaining *x, struct pvb_blk_row *row)
{
	const char *bad = NULL;
	uint32_t max = 0, order;
	enum pvb_why why = PVB_OK;
	bool differ;

	if (x->offered)
		why = pvb_blk_offer_ring(x->said->back, &max, &differ, &bad);
	if (x->offered && why == PVB_OK)
		row->offered = UINT64_C(1) << max;
	if (!is_chosen(x, row, why, bad))
		return;
	bad = NULL;
	why = pvb_blk_terms_ring(x->said->front, max, &order, &bad);
	if (why != PVB_OK)
		pvb_blk_row_refuse(row, why, bad);
	else
		pvb_blk_row_agree(row, bad ? compared(row, UINT64_C(1) << order)
					   : PVB_BLK_ONE_PAGE,
				  UINT64_C(1) << order);
}

static void explain_queues(struct pvb_blk_explaining *x,
                           struct pvb_blk_row *row)
{
	const char *bad = NULL;
	uint32_t max = 1, queues;
	enum pvb_why why = PVB_OK;

	if (x->offered)
		why = pvb_blk_offer_queues(x->said->back, &max, &bad);
	if (x->offered && why == PVB_OK)
		row->offered = max;
	if (!is_chosen(x, row, why, bad))
		return;
	why = pvb_blk_terms_queues(x->said->front, max, &queues, &bad);
	if (why != PVB_OK)
		pvb_blk_row_refuse(row, why, bad);
	else
		pvb_blk_row_agree(row, pvb_keys_has(x->said->front, bad)
					       ? compared(row, queues)
					       : PVB_BLK_ONE_QUEUE, queues);
}

/* Grants and ports of all rings. */
static void explain_rings(struct pvb_blk_explaining *x, struct pvb_blk_row *row)
{
	const struct pvb_blk_row *pages, *queues;
	enum pvb_why why = PVB_OK;
	const char *bad = NULL;

	pages = &x->out->row[PVB_BLK_TOPIC_RING_PAGES];
	queues = &x->out->row[PVB_BLK_TOPIC_QUEUES];
	if (!pages->known || !queues->known) {
		pvb_blk_row_say(row, pages->because != PVB_BLK_REFUSED &&
				     !pages->known ? pages->because
						   : PVB_BLK_HANGS);
		return;
	}
	if (pages->value > PVB_BLK_RING_PAGES_MAX ||
	    queues->value > PVB_BLK_QUEUES_MAX) {
		pvb_blk_row_say(row, PVB_BLK_BEYOND_PVB);
		return;
	}
	x->terms.queues = (uint16_t)queues->value;
	while (UINT64_C(1) << x->terms.ring_order < pages->value)
		x->terms.ring_order++;
	for (uint32_t i = 0; why == PVB_OK && i < x->terms.queues; i++)
		why = pvb_blk_terms_queue(x->said->front, &x->terms, i, &bad);
	if (why != PVB_OK)
		pvb_blk_row_refuse(row, why, bad);
	else
		pvb_blk_row_agree(row, PVB_BLK_FRONT_SAYS,
				  pages->value * queues->value);
}

/* What a front that says nothing about blocks has said. */
static const struct pvb_blk_blocks_rule no_word = {
	PVB_BLK_SEGS_DIRECT, UINT32_MAX, UINT32_MAX,
};

static void explain_blocks(struct pvb_blk_explaining *x,
                           struct pvb_blk_row *row)
{
	struct pvb_blk_blocks_rule most = no_word;
	struct pvb_blk_blocks offer = { 0 }, said;
	const char *bad = NULL;
	enum pvb_why why = PVB_OK;

	if (x->offered)
		why = pvb_blk_offer_blocks(x->said->back, &offer, &bad);
	row->offered = offer.segs_max;
	if (!is_chosen(x, row, why, bad))
		return;
	if (offer.segs_max > 0)
		most = (struct pvb_blk_blocks_rule){ offer.segs_max,
			offer.requests_max, offer.bytes_max };
	why = pvb_blk_blocks_get(x->said->front, &most, &no_word, &said, &bad);
	if (why != PVB_OK)
		pvb_blk_row_refuse(row, why, bad);
	else if (said.segs_max > 0)
		pvb_blk_row_agree(row, compared(row, said.segs_max),
				  said.segs_max);
	else
		pvb_blk_row_agree(row, offer.segs_max > 0 ? PVB_BLK_NOT_ASKED
				       : PVB_BLK_NOT_OFFERED, 0);
}

static void explain_indirect(struct pvb_blk_explaining *x,
                             struct pvb_blk_row *row)
{
	struct pvb_blk_offer offer = { .queues_max = 1 };
	struct pvb_blk_terms best;
	const char *bad = NULL;
	uint32_t segs = 0;
	enum pvb_why why;

	if (!x->offered) {
		pvb_blk_row_say(row, PVB_BLK_BACK_SILENT);
		return;
	}
	why = pvb_blk_offer_indirect(x->said->back, &segs, &bad);
	if (why != PVB_OK) {
		pvb_blk_row_refuse(row, why, bad);
		return;
	}
	row->offered = segs;
	offer.indirect_max = (uint16_t)(segs < PVB_BLK_SEGS_MAX
						? segs : PVB_BLK_SEGS_MAX);
	pvb_blk_terms_choose(&best, &able, &offer);
	if (segs == 0)
		pvb_blk_row_agree(row, PVB_BLK_NOT_OFFERED, 0);
	else if (best.indirect_max == 0)
		pvb_blk_row_agree(row, PVB_BLK_NO_GAIN, 0);
	else if (x->out->row[PVB_BLK_TOPIC_BLOCKS].value > 0)
		pvb_blk_row_agree(row, PVB_BLK_BLOCKS_INSTEAD, 0);
	else
		pvb_blk_row_agree(row, PVB_BLK_USE_UNKNOWN, segs);
}

static bool get_persistent(const struct pvb_keys *k, bool *out,
                           struct pvb_blk_row *row)
{
	static const char name[] = "feature-persistent";
	enum pvb_why why = pvb_keys_bool_or(k, name, false, out);

	if (why != PVB_OK)
		pvb_blk_row_refuse(row, why, name);
	return why == PVB_OK;
}

static void explain_persistent(struct pvb_blk_explaining *x,
                               struct pvb_blk_row *row)
{
	bool back, front;

	if (!x->promised)
		pvb_blk_row_say(row, PVB_BLK_BACK_SILENT);
	else if (!x->chosen)
		pvb_blk_row_say(row, PVB_BLK_FRONT_SILENT);
	else if (get_persistent(x->said->back, &back, row) &&
		 get_persistent(x->said->front, &front, row))
		pvb_blk_row_agree(row, back && front ? PVB_BLK_BOTH_SAY
				       : back  ? PVB_BLK_BACK_ALONE
				       : front ? PVB_BLK_FRONT_ALONE
					       : PVB_BLK_NEITHER_SAYS,
				  back && front);
}

void pvb_blk_explain_terms(struct pvb_blk_explaining *x)
{
	struct pvb_blk_row *row = x->out->row;

	explain_abi(x, &row[PVB_BLK_TOPIC_ABI]);
	explain_pages(x, &row[PVB_BLK_TOPIC_RING_PAGES]);
	explain_queues(x, &row[PVB_BLK_TOPIC_QUEUES]);
	explain_rings(x, &row[PVB_BLK_TOPIC_RINGS]);
	explain_blocks(x, &row[PVB_BLK_TOPIC_BLOCKS]);
	explain_indirect(x, &row[PVB_BLK_TOPIC_INDIRECT]);
	explain_persistent(x, &row[PVB_BLK_TOPIC_PERSISTENT]);
}
