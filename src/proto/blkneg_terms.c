/* SPDX-License-Identifier: MIT */
/*
 * blkneg_terms.c - what a front publishes at Initialised; see blkneg.h.
 *
 * Nodes of a ring: `ring-ref` for one page, `ring-ref0` and on for more, with
 * the size said in both schemes (see blkneg_offer.c).  One queue has its nodes
 * at the top, several have theirs below `queue-0` and on; all the rest stands
 * at the top.  Fronts that say order 0 in so many words are of two minds about
 * the name of their one page, so we look for both; and for both if there are
 * more, since FreeBSD up to 9.0 has the first of them in `ring-ref`, too.
 */
#include "blkneg_parts.h"

#include <assert.h>
#include <string.h>

#include "base/checked.h"

/* What each queue has, below `dir`. */
#define QUEUE_NODES(dir) \
	dir "event-channel", dir "ring-ref", \
	dir "ring-ref0", dir "ring-ref1", dir "ring-ref2", dir "ring-ref3", \
	dir "ring-ref4", dir "ring-ref5", dir "ring-ref6", dir "ring-ref7", \
	dir "ring-ref8", dir "ring-ref9", dir "ring-ref10", dir "ring-ref11", \
	dir "ring-ref12", dir "ring-ref13", dir "ring-ref14", dir "ring-ref15"

enum { EVENT_CHANNEL, RING_REF, RING_REF_0,
       QUEUE_NODES = RING_REF_0 + PVB_BLK_RING_PAGES_MAX };

const char *const pvb_blk_terms_names[] = {
	"protocol",
	"ring-page-order", "num-ring-pages", "ring-pages",
	"multi-queue-num-queues",
	"feature-persistent", "feature-large-sector-size",
	QUEUE_NODES(""),
	"max-request-segments", "max-requests", "max-request-size",
	NULL
};

/* Whole, so that a refusal can name one that is not there. */
static const char *const queue_nodes[][QUEUE_NODES] = {
	{ QUEUE_NODES("queue-0/") }, { QUEUE_NODES("queue-1/") },
	{ QUEUE_NODES("queue-2/") }, { QUEUE_NODES("queue-3/") },
	{ QUEUE_NODES("queue-4/") }, { QUEUE_NODES("queue-5/") },
	{ QUEUE_NODES("queue-6/") }, { QUEUE_NODES("queue-7/") },
	{ QUEUE_NODES("queue-8/") }, { QUEUE_NODES("queue-9/") },
	{ QUEUE_NODES("queue-10/") }, { QUEUE_NODES("queue-11/") },
	{ QUEUE_NODES("queue-12/") }, { QUEUE_NODES("queue-13/") },
	{ QUEUE_NODES("queue-14/") }, { QUEUE_NODES("queue-15/") },
};
static const char *const only_queue_nodes[] = { QUEUE_NODES("") };

_Static_assert(sizeof(only_queue_nodes) / sizeof(only_queue_nodes[0]) ==
	       QUEUE_NODES, "a name for each page of a ring");
_Static_assert(sizeof(queue_nodes) / sizeof(queue_nodes[0]) ==
	       PVB_BLK_QUEUES_MAX, "a directory for each queue");

static uint32_t lesser(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

/* The names of a queue's nodes, by the enum above. */
static const char *const *nodes_of(uint32_t queues, uint32_t queue)
{
	return queues == 1 ? only_queue_nodes : queue_nodes[queue];
}

const char *pvb_blk_terms_queue_name(uint32_t queues, uint32_t i)
{
	uint32_t queue = i / QUEUE_NODES;

	if (queues <= 1 || queue >= lesser(queues, PVB_BLK_QUEUES_MAX))
		return NULL;
	return queue_nodes[queue][i % QUEUE_NODES];
}

bool pvb_blk_terms_same(const struct pvb_blk_terms *a,
                        const struct pvb_blk_terms *b)
{
	uint32_t pages = 1U << a->ring_order;

	if (a->abi != b->abi || a->ring_order != b->ring_order ||
	    a->queues != b->queues)
		return false;
	for (uint32_t q = 0; q < a->queues; q++) {
		if (a->queue[q].port != b->queue[q].port)
			return false;
		for (uint32_t p = 0; p < pages; p++)
			if (a->queue[q].ring_ref[p] != b->queue[q].ring_ref[p])
				return false;
	}
	return true;
}

/* ---- front --------------------------------------------------------------- */

/* How a request has more segments than its slot holds. */
static void choose_large(struct pvb_blk_terms *out,
                         const struct pvb_blk_limits *own,
                         const struct pvb_blk_offer *offer)
{
	uint32_t indirect = lesser(own->indirect_max, offer->indirect_max);
	struct pvb_blk_blocks *b = &out->blocks;

	/* No gain over a request that holds its segments itself. */
	if (indirect > PVB_BLK_SEGS_DIRECT) {
		out->indirect_max = (uint16_t)indirect;
	} else if (own->segment_blocks && offer->blocks.segs_max > 0) {
		*b = offer->blocks;
		b->requests_max = lesser(b->requests_max,
					 pvb_blk_ring_slots(out->ring_order));
		/* As large as we can fill with sectors of any size. */
		b->bytes_max -= b->bytes_max % PVB_BLK_PAGE_BYTES;
	}
}

void pvb_blk_terms_choose(struct pvb_blk_terms *out,
                          const struct pvb_blk_limits *own,
                          const struct pvb_blk_offer *offer)
{
	memset(out, 0, sizeof(*out));
	out->abi = own->abi_given ? own->abi : pvb_abi_native();
	out->abi_given = true;
	out->ring_order = (uint8_t)lesser(own->ring_order_max,
					  offer->ring_order_max);
	out->queues = (uint16_t)lesser(own->queues_max, offer->queues_max);
	out->first_in_ring_ref = offer->first_in_ring_ref &&
				 out->ring_order > 0;
	choose_large(out, own, offer);
	out->persistent = own->persistent;
	out->large_sectors = own->units == PVB_BLK_UNITS_ALL;
}

static int put_queue(struct pvb_keys *k, const struct pvb_blk_terms *t,
                     uint32_t queue)
{
	const struct pvb_blk_queue_terms *q = &t->queue[queue];
	const char *const *node = nodes_of(t->queues, queue);
	uint32_t pages = 1U << t->ring_order;
	int e;

	e = pvb_keys_put_u64(k, node[EVENT_CHANNEL], q->port);
	for (uint32_t i = 0; e == 0 && i < pages; i++)
		e = pvb_keys_put_u64(k, node[pages == 1 ? RING_REF
		                                        : RING_REF_0 + i],
				     q->ring_ref[i]);
	if (e == 0 && t->first_in_ring_ref)
		e = pvb_keys_put_u64(k, node[RING_REF], q->ring_ref[0]);
	return e;
}

static int put_ring_order(struct pvb_keys *k, uint8_t order)
{
	uint64_t pages = UINT64_C(1) << order;
	int e;

	/* Never for one page: some backs then look for another ring-ref. */
	if (order == 0)
		return 0;
	e = pvb_keys_put_u64(k, "ring-page-order", order);
	if (e == 0)
		e = pvb_keys_put_u64(k, "num-ring-pages", pages);
	/* The same, as backs of before 2012 have it. */
	return e == 0 ? pvb_keys_put_u64(k, "ring-pages", pages) : e;
}

int pvb_blk_terms_put(struct pvb_keys *k, const struct pvb_blk_terms *t)
{
	int e;

	assert(t->ring_order <= PVB_RING_ORDER_MAX);
	assert(t->queues >= 1 && t->queues <= PVB_BLK_QUEUES_MAX);
	/* Always: what its absence means differs from back to back. */
	e = pvb_keys_put_text(k, "protocol", pvb_abi_name(t->abi));
	if (e == 0)
		e = pvb_keys_put_u64(k, "feature-persistent", t->persistent);
	/* Never to say no: Xen's header of today does not want it said. */
	if (e == 0 && t->large_sectors)
		e = pvb_keys_put_u64(k, "feature-large-sector-size", 1);
	if (e == 0)
		e = put_ring_order(k, t->ring_order);
	if (e == 0 && t->blocks.segs_max > 0)
		e = pvb_blk_blocks_put(k, &t->blocks);
	if (e == 0 && t->queues > 1)
		e = pvb_keys_put_u64(k, "multi-queue-num-queues", t->queues);
	for (uint32_t i = 0; e == 0 && i < t->queues; i++)
		e = put_queue(k, t, i);
	return e;
}

/* ---- back ---------------------------------------------------------------- */

enum pvb_abi pvb_blk_abi_absent(void)
{
	return pvb_abi_native() == PVB_ABI_ARM ? PVB_ABI_ARM : PVB_ABI_X86_32;
}

enum pvb_why pvb_blk_terms_abi(const struct pvb_keys *k, enum pvb_abi absent,
                               struct pvb_blk_terms *out, const char **bad)
{
	const char *name = pvb_keys_text(k, "protocol");

	*bad = "protocol";
	out->abi = absent;
	out->abi_given = pvb_keys_has(k, "protocol");
	if (!out->abi_given)
		return PVB_OK;
	if (!name)
		return PVB_WHY_KEY_SYNTAX;
	for (uint32_t i = 0; i < PVB_ABI_COUNT; i++) {
		if (strcmp(name, pvb_abi_name((enum pvb_abi)i)) == 0) {
			out->abi = (enum pvb_abi)i;
			return PVB_OK;
		}
	}
	return PVB_WHY_ABI_UNKNOWN;
}

/*
 * One of the three nodes that tell the size of the ring.  *order is UINT32_MAX
 * until one of them was there; those that follow must say the same.
 */
static enum pvb_why get_one_order(const struct pvb_keys *k, const char *name,
                                  bool is_order, uint32_t *order)
{
	uint64_t value, found = 0;
	enum pvb_why why;

	if (!pvb_keys_has(k, name))
		return PVB_OK;
	why = pvb_keys_u64(k, name, UINT32_MAX, &value);
	if (why != PVB_OK)
		return why;
	if (is_order) {
		found = value;
	} else {
		if (!pvb_is_pow2(value))
			return PVB_WHY_KEY_SYNTAX;
		while (UINT64_C(1) << found < value)
			found++;
	}
	if (found >= 32)
		return PVB_WHY_KEY_LIMIT;
	if (*order != UINT32_MAX && *order != found)
		return PVB_WHY_KEY_CONFLICT;
	*order = (uint32_t)found;
	return PVB_OK;
}

enum pvb_why pvb_blk_terms_ring(const struct pvb_keys *k, uint32_t max,
                                uint32_t *out, const char **bad)
{
	static const char *const names[] = {
		"ring-page-order", "num-ring-pages", "ring-pages",
	};
	uint32_t order = UINT32_MAX;
	enum pvb_why why = PVB_OK;

	for (uint32_t i = 0; why == PVB_OK && i < 3; i++) {
		bool first = order == UINT32_MAX;

		why = get_one_order(k, names[i], i == 0, &order);
		if (why != PVB_OK || (first && order != UINT32_MAX))
			*bad = names[i];
	}
	if (why != PVB_OK)
		return why;
	if (order == UINT32_MAX)
		order = 0;
	*out = order;
	return order > max ? PVB_WHY_KEY_LIMIT : PVB_OK;
}

enum pvb_why pvb_blk_terms_queues(const struct pvb_keys *k, uint32_t max,
                                  uint32_t *out, const char **bad)
{
	uint64_t queues;
	enum pvb_why why;

	*bad = "multi-queue-num-queues";
	why = pvb_keys_u64_or(k, *bad, max, 1, &queues);
	if (why == PVB_OK && queues == 0)
		why = PVB_WHY_KEY_LIMIT;
	if (why == PVB_OK)
		*out = (uint32_t)queues;
	return why;
}

static enum pvb_why get_u32(const struct pvb_keys *k, const char *name,
                            uint32_t *out, const char **bad)
{
	uint64_t value = 0;
	enum pvb_why why = pvb_keys_u64(k, name, UINT32_MAX, &value);

	*out = (uint32_t)value;
	if (why != PVB_OK)
		*bad = name;
	return why;
}

/* Where its reference is, or else should be. */
static const char *first_page(const struct pvb_keys *k, const char *const *node,
                              uint32_t pages)
{
	const char *usual = node[pages == 1 ? RING_REF : RING_REF_0];
	const char *other = node[pages == 1 ? RING_REF_0 : RING_REF];

	return !pvb_keys_has(k, usual) && pvb_keys_has(k, other) ? other
	                                                         : usual;
}

enum pvb_why pvb_blk_terms_queue(const struct pvb_keys *k,
                                 struct pvb_blk_terms *t, uint32_t queue,
                                 const char **bad)
{
	struct pvb_blk_queue_terms *q = &t->queue[queue];
	const char *const *node = nodes_of(t->queues, queue);
	uint32_t pages = 1U << t->ring_order;
	enum pvb_why why;

	why = get_u32(k, node[EVENT_CHANNEL], &q->port, bad);
	if (why == PVB_OK)
		why = get_u32(k, first_page(k, node, pages), &q->ring_ref[0],
			      bad);
	for (uint32_t i = 1; why == PVB_OK && i < pages; i++)
		why = get_u32(k, node[RING_REF_0 + i], &q->ring_ref[i], bad);
	return why;
}

/* A front that says more than 11 has chosen blocks. */
static enum pvb_why get_blocks(const struct pvb_keys *k,
                               const struct pvb_blk_limits *own,
                               struct pvb_blk_terms *t, const char **bad)
{
	const struct pvb_blk_blocks_rule most = {
		own->segment_blocks ? PVB_BLK_SEGS_BLOCKS_MAX
				    : PVB_BLK_SEGS_DIRECT,
		pvb_blk_ring_slots(own->ring_order_max),
		PVB_BLK_SEGS_BLOCKS_MAX * PVB_BLK_PAGE_BYTES,
	};
	struct pvb_blk_blocks_rule absent = most;
	enum pvb_why why;

	absent.segs = PVB_BLK_SEGS_DIRECT;
	why = pvb_blk_blocks_get(k, &most, &absent, &t->blocks, bad);
	if (t->blocks.segs_max == 0) {
		t->indirect_max = own->indirect_max;
	} else {
		t->blocks.requests_max =
			lesser(t->blocks.requests_max,
			       pvb_blk_ring_slots(t->ring_order));
		t->indirect_max = 0;
	}
	return why;
}

/* All but the queues' own nodes. */
static enum pvb_why get_top(const struct pvb_keys *k,
                            const struct pvb_blk_limits *own,
                            struct pvb_blk_terms *t, const char **bad)
{
	uint32_t order, queues;
	enum pvb_why why;

	why = pvb_blk_terms_ring(k, own->ring_order_max, &order, bad);
	if (why == PVB_OK)
		why = pvb_blk_terms_queues(k, own->queues_max, &queues, bad);
	if (why != PVB_OK)
		return why;
	t->ring_order = (uint8_t)order;
	t->queues = (uint16_t)queues;
	why = get_blocks(k, own, t, bad);
	if (why != PVB_OK)
		return why;
	*bad = "feature-persistent";
	why = pvb_keys_bool_or(k, *bad, false, &t->persistent);
	if (why != PVB_OK)
		return why;
	*bad = "feature-large-sector-size";
	return pvb_keys_bool_or(k, *bad, false, &t->large_sectors);
}

enum pvb_why pvb_blk_terms_units(const struct pvb_blk_terms *t,
                                 enum pvb_blk_units units,
                                 uint32_t sector_size_bytes, const char **bad)
{
	bool wanted = units == PVB_BLK_UNITS_ALL;

	if (sector_size_bytes == PVB_BLK_SECTOR_BYTES ||
	    t->large_sectors == wanted)
		return PVB_OK;
	if (bad)
		*bad = "feature-large-sector-size";
	return wanted ? PVB_WHY_KEY_MISSING : PVB_WHY_KEY_CONFLICT;
}

enum pvb_why pvb_blk_terms_get(const struct pvb_keys *k,
                               const struct pvb_blk_limits *own,
                               enum pvb_abi abi_absent,
                               struct pvb_blk_terms *out, const char **bad)
{
	struct pvb_blk_terms terms;
	const char *node;
	enum pvb_why why;

	assert(own->ring_order_max <= PVB_RING_ORDER_MAX);
	assert(own->queues_max >= 1 && own->queues_max <= PVB_BLK_QUEUES_MAX);
	if (!bad)
		bad = &node;
	memset(&terms, 0, sizeof(terms));
	why = pvb_blk_terms_abi(k, abi_absent, &terms, bad);
	if (why == PVB_OK)
		why = get_top(k, own, &terms, bad);
	for (uint32_t i = 0; why == PVB_OK && i < terms.queues; i++)
		why = pvb_blk_terms_queue(k, &terms, i, bad);
	if (why != PVB_OK)
		return why;
	*out = terms;
	*bad = NULL;
	return PVB_OK;
}
