/* SPDX-License-Identifier: MIT */
/* blkexplain_odd.c - what is unusual about a device; see blkexplain.h. */
#include "blkexplain_parts.h"

#include <assert.h>
#include <string.h>

#include "base/checked.h"

enum { DIR_MAX = 128 };                 /* a device's directory, with room */

static void note(struct pvb_blk_explaining *x, enum pvb_blk_odd odd,
                 bool in_front, const char *node)
{
	assert(x->out->notes < PVB_BLK_NOTES_MAX);
	x->out->note[x->out->notes++] =
		(struct pvb_blk_note){ odd, in_front, node };
}

static bool is_number(const struct pvb_keys *k, const char *name,
                      uint64_t number)
{
	uint64_t value;

	return k && pvb_keys_u64(k, name, UINT64_MAX, &value) == PVB_OK &&
	       value == number;
}

static bool is_text(const struct pvb_keys *k, const char *name,
                    const char *text)
{
	const char *value = k ? pvb_keys_text(k, name) : NULL;

	return value && strcmp(value, text) == 0;
}

/* ---- who is who ---------------------------------------------------------- */

struct link {                           /* one end names the other */
	const char *node, *text;        /* NULL: the number */
	uint64_t number;
	enum pvb_blk_odd odd;
};

static void check_links(struct pvb_blk_explaining *x, bool in_front,
                        const struct link *l, int count)
{
	const struct pvb_keys *k = in_front ? x->said->front : x->said->back;

	for (; count > 0; l++, count--)
		if (pvb_blk_said_has(k, l->node) &&
		    !(l->text ? is_text(k, l->node, l->text)
			      : is_number(k, l->node, l->number)))
			note(x, l->odd, in_front, l->node);
}

static void who(struct pvb_blk_explaining *x)
{
	const struct pvb_blk_said *s = x->said;
	char back[DIR_MAX], front[DIR_MAX];
	const struct link in_back[] = {
		{ "frontend", front, 0, PVB_BLK_ODD_FRONTEND },
		{ "frontend-id", NULL, s->dev->front_domid,
		  PVB_BLK_ODD_FRONTEND_ID },
	}, in_front[] = {
		{ "backend", back, 0, PVB_BLK_ODD_BACKEND },
		{ "backend-id", NULL, s->dev->back_domid,
		  PVB_BLK_ODD_BACKEND_ID },
		{ "virtual-device", NULL, s->dev->number, PVB_BLK_ODD_NUMBER },
	};

	/* Numbers and a kind of 15 bytes fit. */
	(void)pvb_xsdev_back_path(s->dev, back, sizeof(back));
	(void)pvb_xsdev_front_path(s->dev, front, sizeof(front));
	if (!s->back)
		note(x, PVB_BLK_ODD_NO_BACK, false, NULL);
	if (!s->front)
		note(x, PVB_BLK_ODD_NO_FRONT, true, NULL);
	if (s->toolstack && strcmp(s->toolstack, back) != 0)
		note(x, PVB_BLK_ODD_TOOLSTACK, false, NULL);
	check_links(x, false, in_back, 2);
	check_links(x, true, in_front, 3);
}

/* ---- how far they are ---------------------------------------------------- */

static enum pvb_blk_odd compare_states(const struct pvb_blk_explaining *x)
{
	uint32_t back = x->out->back_state, front = x->out->front_state;
	bool back_leaves = back == PVB_XB_CLOSING || back == PVB_XB_CLOSED;
	bool front_leaves = front == PVB_XB_CLOSING || front == PVB_XB_CLOSED;

	if (back == PVB_XB_UNKNOWN || front == PVB_XB_UNKNOWN)
		return PVB_BLK_ODD_STATE;
	if (back == PVB_XB_CLOSED && front == PVB_XB_CLOSED)
		return PVB_BLK_ODD_CLOSED;
	if (back_leaves || front_leaves)
		return PVB_BLK_ODD_CLOSING;
	if (back == PVB_XB_INITIALISING)
		return PVB_BLK_ODD_NOT_TAKEN;
	if (back <= PVB_XB_INITIALISED)
		return front < PVB_XB_INITIALISED ? PVB_BLK_ODD_BACK_WAITS
						  : PVB_BLK_ODD_FRONT_WAITS;
	if (back == PVB_XB_CONNECTED && !x->chosen)
		return PVB_BLK_ODD_BACK_EARLY;
	if (back == PVB_XB_CONNECTED && front == PVB_XB_INITIALISED)
		return PVB_BLK_ODD_FRONT_LOOKS;
	return PVB_BLK_ODD_APART;
}

static void how_far(struct pvb_blk_explaining *x)
{
	const struct pvb_keys *back = x->said->back;
	bool connected = x->out->back_state == PVB_XB_CONNECTED &&
			 x->out->front_state == PVB_XB_CONNECTED;

	if (back && x->said->front && !connected)
		note(x, compare_states(x), false, NULL);
	if (back && !is_number(back, "online", 1))
		note(x, PVB_BLK_ODD_OFFLINE, false, "online");
	if (is_text(back, "hotplug-status", "error"))
		note(x, PVB_BLK_ODD_HOTPLUG, false, "hotplug-error");
}

/* ---- the ring ------------------------------------------------------------ */

static void ring_of_back(struct pvb_blk_explaining *x)
{
	static const char name[] = "max-ring-pages";
	bool differ = false;
	const char *bad;
	uint64_t pages;
	uint32_t order;

	if (!x->offered)
		return;
	if (pvb_blk_offer_ring(x->said->back, &order, &differ, &bad) ==
		    PVB_OK && differ)
		note(x, PVB_BLK_ODD_OFFERS_DIFFER, false, name);
	if (pvb_keys_u64(x->said->back, name, UINT32_MAX, &pages) == PVB_OK &&
	    pages > 0 && !pvb_is_pow2(pages))
		note(x, PVB_BLK_ODD_OFFER_NOT_POW2, false, name);
}

/* Where only the other one of two names is there. */
static void name_of_first_page(struct pvb_blk_explaining *x, uint64_t pages)
{
	bool plain = pvb_keys_has(x->said->front, "ring-ref");
	bool numbered = pvb_keys_has(x->said->front, "ring-ref0");

	if (pages == 1 && numbered && !plain)
		note(x, PVB_BLK_ODD_PAGE_IN_REF0, true, "ring-ref0");
	if (pages > 1 && plain && !numbered)
		note(x, PVB_BLK_ODD_FIRST_IN_REF, true, "ring-ref");
}

static void ring_of_front(struct pvb_blk_explaining *x)
{
	const struct pvb_keys *k = x->said->front;
	const struct pvb_blk_row *pages, *queues;
	bool newer = pvb_blk_said_has(k, "num-ring-pages");

	pages = &x->out->row[PVB_BLK_TOPIC_RING_PAGES];
	queues = &x->out->row[PVB_BLK_TOPIC_QUEUES];
	if (!x->chosen)
		return;
	if (!pvb_keys_has(k, "protocol"))
		note(x, PVB_BLK_ODD_NO_PROTOCOL, true, NULL);
	if (is_number(k, "ring-page-order", 0))
		note(x, PVB_BLK_ODD_ORDER_ZERO, true, "ring-page-order");
	if (is_number(k, "num-ring-pages", 1) || is_number(k, "ring-pages", 1))
		note(x, PVB_BLK_ODD_ONE_PAGE_SAID, true,
		     newer ? "num-ring-pages" : "ring-pages");
	if (pages->known && queues->value == 1)
		name_of_first_page(x, pages->value);
	if (pvb_keys_has(k, "ring-pages") && !newer)
		note(x, PVB_BLK_ODD_RING_PAGES, true, "ring-pages");
	if (is_number(k, "multi-queue-num-queues", 1))
		note(x, PVB_BLK_ODD_ONE_QUEUE_SAID, true,
		     "multi-queue-num-queues");
	if (queues->value > 1 && pvb_keys_has(k, "event-channel"))
		note(x, PVB_BLK_ODD_RING_AT_TOP, true, "event-channel");
}

/* ---- features and geometry ----------------------------------------------- */

static bool is_no(const struct pvb_blk_row *row)
{
	return row->known && row->value == 0;
}

static void features(struct pvb_blk_explaining *x)
{
	const struct pvb_blk_row *row = x->out->row;
	const struct pvb_blk_row *persistent = &row[PVB_BLK_TOPIC_PERSISTENT];

	if (row[PVB_BLK_TOPIC_BLOCKS].value > 0)
		note(x, PVB_BLK_ODD_BLOCKS, true, "max-request-segments");
	else if (row[PVB_BLK_TOPIC_BLOCKS].offered > 0 &&
		 row[PVB_BLK_TOPIC_INDIRECT].value > 0)
		note(x, PVB_BLK_ODD_BOTH_LARGE, false, "max-request-segments");
	if (persistent->because == PVB_BLK_BACK_ALONE)
		note(x, PVB_BLK_ODD_PERSISTENT_BACK, false,
		     "feature-persistent");
	if (persistent->because == PVB_BLK_FRONT_ALONE)
		note(x, PVB_BLK_ODD_PERSISTENT_FRONT, true,
		     "feature-persistent");
	if (is_no(&row[PVB_BLK_TOPIC_FLUSH]) &&
	    is_no(&row[PVB_BLK_TOPIC_BARRIER]) &&
	    is_no(&row[PVB_BLK_TOPIC_READ_ONLY]))
		note(x, PVB_BLK_ODD_NO_FLUSH, false, NULL);
}

static void discard(struct pvb_blk_explaining *x)
{
	const struct pvb_keys *k = x->said->back;
	bool misspelt = pvb_blk_said_has(k, "discard-aligment");
	bool alignment = misspelt || pvb_blk_said_has(k, "discard-alignment");

	if (misspelt)
		note(x, PVB_BLK_ODD_MISSPELT, false, "discard-aligment");
	if (x->out->row[PVB_BLK_TOPIC_DISCARD].value &&
	    alignment != pvb_blk_said_has(k, "discard-granularity"))
		note(x, PVB_BLK_ODD_HALF_DISCARD, false, NULL);
}

static void sectors(struct pvb_blk_explaining *x)
{
	const struct pvb_blk_row *row = x->out->row;
	uint64_t physical = row[PVB_BLK_TOPIC_PHYSICAL_SIZE].value;
	enum pvb_blk_units units;

	if (pvb_blk_said_has(x->said->front, "feature-large-sector-size"))
		note(x, PVB_BLK_ODD_LARGE_SECTORS, true,
		     "feature-large-sector-size");
	if (row[PVB_BLK_TOPIC_UNITS].known &&
	    row[PVB_BLK_TOPIC_SECTOR_SIZE].value > PVB_BLK_SECTOR_BYTES &&
	    pvb_blk_units_of(x->out->front.driver, &units) &&
	    units != row[PVB_BLK_TOPIC_UNITS].value)
		note(x, PVB_BLK_ODD_UNITS, true, NULL);
	if (physical > 0 && row[PVB_BLK_TOPIC_SECTORS].value %
			    (physical / PVB_BLK_SECTOR_BYTES) != 0)
		note(x, PVB_BLK_ODD_PHYSICAL, false, "physical-sector-size");
}

/* As Linux reads it: writable if there is a w in it. */
static void rights(struct pvb_blk_explaining *x)
{
	const char *mode = x->said->back ? pvb_keys_text(x->said->back, "mode")
					 : NULL;

	if (is_no(&x->out->row[PVB_BLK_TOPIC_READ_ONLY]) &&
	    (!mode || !strchr(mode, 'w')))
		note(x, PVB_BLK_ODD_MODE, false, "mode");
	if (is_number(x->said->front, "trusted", 0))
		note(x, PVB_BLK_ODD_UNTRUSTED, true, "trusted");
}

/* ---- nodes of others ----------------------------------------------------- */

static bool is_listed(const char *name, const char *const *names)
{
	for (; *names; names++)
		if (strcmp(name, *names) == 0)
			return true;
	return false;
}

static bool is_known(const char *name, bool in_front)
{
	if (in_front)
		return is_listed(name, pvb_blk_said_front_names) ||
		       is_listed(name, pvb_blk_terms_names) ||
		       strncmp(name, "queue-", 6) == 0;
	return is_listed(name, pvb_blk_said_back_names) ||
	       is_listed(name, pvb_blk_offer_names) ||
	       is_listed(name, pvb_blk_geometry_names) ||
	       strncmp(name, "pvb-", 4) == 0;
}

static void unknown(struct pvb_blk_explaining *x, bool in_front, uint32_t *left)
{
	const struct pvb_keys *k = in_front ? x->said->front : x->said->back;

	for (uint32_t i = 0; k && i < k->count; i++) {
		const char *name = k->bytes + k->key[i].name_at;

		if (is_known(name, in_front))
			continue;
		if (*left > 0) {
			note(x, PVB_BLK_ODD_UNKNOWN, in_front, name);
			--*left;
		} else {
			x->out->more_unknown = true;
		}
	}
}

void pvb_blk_explain_odd(struct pvb_blk_explaining *x)
{
	uint32_t left = PVB_BLK_NOTES_UNKNOWN_MAX;

	who(x);
	how_far(x);
	ring_of_back(x);
	ring_of_front(x);
	features(x);
	discard(x);
	sectors(x);
	rights(x);
	unknown(x, false, &left);
	unknown(x, true, &left);
}
