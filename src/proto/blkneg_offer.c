/* SPDX-License-Identifier: MIT */
/*
 * blkneg_offer.c - the limits that a back publishes at InitWait; see blkneg.h.
 *
 * Two schemes tell the size of a ring: by order (Citrix, Linux) and by count
 * of pages (Red Hat, EC2).
 */
#include "blkneg_parts.h"

#include <assert.h>

const char *const pvb_blk_offer_names[] = {
	"max-ring-page-order",
	"max-ring-pages",
	"multi-queue-max-queues",
	"feature-max-indirect-segments",
	"max-request-segments", "max-requests", "max-request-size",
	NULL
};

static const struct pvb_blk_limits common_limits = {
	.persistent = true, .flush = true, .barrier = false, .discard = true,
};

void pvb_blk_limits_back_default(struct pvb_blk_limits *l, uint32_t cpus)
{
	*l = common_limits;
	l->ring_order_max = PVB_RING_ORDER_MAX;
	l->indirect_max = PVB_BLK_SEGS_MAX;
	l->queues_max = (uint16_t)(cpus < PVB_BLK_QUEUES_MAX
					   ? cpus : PVB_BLK_QUEUES_MAX);
	if (l->queues_max == 0)
		l->queues_max = 1;
}

void pvb_blk_limits_front_default(struct pvb_blk_limits *l)
{
	*l = common_limits;
	l->ring_order_max = 2;
	l->queues_max = 1;
	l->indirect_max = 32;
}

/* All that our ring and the field can express. */
static struct pvb_blk_blocks blocks_of(const struct pvb_blk_limits *l)
{
	if (!l->segment_blocks)
		return (struct pvb_blk_blocks){ 0 };
	return (struct pvb_blk_blocks){
		.segs_max = PVB_BLK_SEGS_BLOCKS_MAX,
		.requests_max = pvb_blk_ring_slots(l->ring_order_max),
		.bytes_max = PVB_BLK_SEGS_BLOCKS_MAX * PVB_BLK_PAGE_BYTES,
	};
}

int pvb_blk_offer_put(struct pvb_keys *k, const struct pvb_blk_limits *l)
{
	const struct pvb_blk_blocks blocks = blocks_of(l);
	/* All of them, zero or not: an older offer may stand there. */
	const struct { const char *name; uint64_t value; } nodes[] = {
		{ "max-ring-page-order", l->ring_order_max },
		{ "max-ring-pages", UINT64_C(1) << l->ring_order_max },
		{ "multi-queue-max-queues", l->queues_max },
		{ "feature-max-indirect-segments", l->indirect_max },
	};
	int e = 0;

	assert(l->ring_order_max <= PVB_RING_ORDER_MAX);
	assert(l->queues_max >= 1 && l->queues_max <= PVB_BLK_QUEUES_MAX);
	assert(l->indirect_max <= PVB_BLK_SEGS_MAX);
	for (size_t i = 0; e == 0 && i < sizeof(nodes) / sizeof(*nodes); i++)
		e = pvb_keys_put_u64(k, nodes[i].name, nodes[i].value);
	return e == 0 ? pvb_blk_blocks_put(k, &blocks) : e;
}

enum { ORDER_MAX = 31 };                /* that a count of 32 bits can say */

/* The largest order whose ring is not over `pages` (at least 1). */
static uint32_t order_within(uint64_t pages)
{
	uint32_t order = 0;

	while (order < ORDER_MAX && UINT64_C(2) << order <= pages)
		order++;
	return order;
}

enum pvb_why pvb_blk_offer_ring(const struct pvb_keys *k, uint32_t *out,
                                bool *differ, const char **bad)
{
	bool by_order = pvb_keys_has(k, "max-ring-page-order");
	bool by_pages = pvb_keys_has(k, "max-ring-pages");
	uint64_t order, pages;
	enum pvb_why why;

	*bad = "max-ring-page-order";
	why = pvb_keys_u64_or(k, *bad, UINT32_MAX, 0, &order);
	if (why != PVB_OK)
		return why;
	*bad = "max-ring-pages";
	why = pvb_keys_u64_or(k, *bad, UINT32_MAX, 1, &pages);
	if (why != PVB_OK)
		return why;
	if (pages == 0)
		return PVB_WHY_KEY_SYNTAX;
	if (order > ORDER_MAX)
		order = ORDER_MAX;
	*differ = by_order && by_pages && order_within(pages) != order;
	if (by_pages && (!by_order || order_within(pages) < order))
		order = order_within(pages);
	*out = (uint32_t)order;
	return PVB_OK;
}

static enum pvb_why get_u32(const struct pvb_keys *k, const char *name,
                            uint32_t absent, uint32_t *out, const char **bad)
{
	uint64_t value = absent;
	enum pvb_why why;

	*bad = name;
	why = pvb_keys_u64_or(k, name, UINT32_MAX, absent, &value);
	*out = (uint32_t)value;
	return why;
}

enum pvb_why pvb_blk_offer_queues(const struct pvb_keys *k, uint32_t *queues,
                                  const char **bad)
{
	enum pvb_why why = get_u32(k, "multi-queue-max-queues", 1, queues, bad);

	return why == PVB_OK && *queues == 0 ? PVB_WHY_KEY_LIMIT : why;
}

enum pvb_why pvb_blk_offer_indirect(const struct pvb_keys *k, uint32_t *segs,
                                    const char **bad)
{
	return get_u32(k, "feature-max-indirect-segments", 0, segs, bad);
}

enum pvb_why pvb_blk_offer_blocks(const struct pvb_keys *k,
                                  struct pvb_blk_blocks *out, const char **bad)
{
	static const struct pvb_blk_blocks_rule
		most = { UINT32_MAX, UINT32_MAX, UINT32_MAX },
		absent = { PVB_BLK_SEGS_DIRECT, 32,
		           PVB_BLK_SEGS_DIRECT * PVB_BLK_PAGE_BYTES };

	return pvb_blk_blocks_get(k, &most, &absent, out, bad);
}

/* FreeBSD up to 9.0, and nobody else that we know of. */
static bool wants_first_in_ring_ref(const struct pvb_keys *k)
{
	return pvb_keys_has(k, "max-ring-pages") &&
	       !pvb_keys_has(k, "max-ring-page-order") &&
	       pvb_keys_has(k, "max-request-segments");
}

/* More than we could use is no lie, just more than we could use. */
static uint32_t within(uint32_t value, uint32_t ours)
{
	return value < ours ? value : ours;
}

enum pvb_why pvb_blk_offer_get(const struct pvb_keys *k,
                               struct pvb_blk_offer *out, const char **bad)
{
	uint32_t order, queues, indirect;
	struct pvb_blk_blocks blocks;
	const char *node;
	enum pvb_why why;
	bool differ;

	if (!bad)
		bad = &node;
	why = pvb_blk_offer_ring(k, &order, &differ, bad);
	if (why == PVB_OK)
		why = pvb_blk_offer_queues(k, &queues, bad);
	if (why == PVB_OK)
		why = pvb_blk_offer_indirect(k, &indirect, bad);
	if (why == PVB_OK)
		why = pvb_blk_offer_blocks(k, &blocks, bad);
	if (why != PVB_OK)
		return why;
	*out = (struct pvb_blk_offer){
		.ring_order_max = (uint8_t)within(order, PVB_RING_ORDER_MAX),
		.queues_max = (uint16_t)within(queues, PVB_BLK_QUEUES_MAX),
		.indirect_max = (uint16_t)within(indirect, PVB_BLK_SEGS_MAX),
		.blocks = blocks,
		.first_in_ring_ref = wants_first_in_ring_ref(k),
	};
	*bad = NULL;
	return PVB_OK;
}
