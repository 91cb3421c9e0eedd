/* SPDX-License-Identifier: MIT */
/*
 * blkexplain_drivers.c - whose driver an end looks like, by the nodes that it
 * writes and those that it does not; see blkexplain.h.  docs/protocol.md,
 * "Nodes", has who writes what.
 */
#include "blkexplain_parts.h"

#include <string.h>

enum { SIGNS_MAX = 3 };

/* The first one that fits.  NULL ends a list. */
struct rule {
	enum pvb_blk_driver driver;
	const char *has[SIGNS_MAX], *has_not[SIGNS_MAX];
};

static const struct rule backs[] = {
	{ PVB_BLK_BY_PVB, { "max-ring-pages", "max-ring-page-order",
			    "multi-queue-max-queues" }, { NULL } },
	{ PVB_BLK_BY_FREEBSD_2012, { "max-request-segments" }, { NULL } },
	{ PVB_BLK_BY_EC2, { "max-ring-pages" }, { "max-ring-page-order" } },
	{ PVB_BLK_BY_LINUX, { "multi-queue-max-queues" }, { NULL } },
	{ PVB_BLK_BY_LINUX, { "feature-max-indirect-segments",
			      "max-ring-page-order" }, { NULL } },
	{ PVB_BLK_BY_MIRAGE, { "feature-max-indirect-segments", "sectors" },
	  { "feature-flush-cache", "feature-barrier", "feature-persistent" } },
	{ PVB_BLK_BY_LINUX_OLD, { "feature-max-indirect-segments" }, { NULL } },
	{ PVB_BLK_BY_FREEBSD, { "max-ring-page-order" }, { NULL } },
	{ PVB_BLK_BY_LINUX_OLD, { "feature-persistent" }, { NULL } },
	{ PVB_BLK_BY_LINUX_OLD, { "physical-device", "feature-barrier" },
	  { NULL } },
	{ PVB_BLK_BY_UNKNOWN, { NULL }, { NULL } },
};

/* Once it has chosen. */
static const struct rule fronts[] = {
	{ PVB_BLK_BY_WINDOWS, { "feature-surprise-remove" }, { NULL } },
	{ PVB_BLK_BY_WINDOWS, { "target-id" }, { NULL } },
	{ PVB_BLK_BY_PVB, { "ring-pages", "num-ring-pages" }, { NULL } },
	{ PVB_BLK_BY_FREEBSD_2012, { "max-request-segments" }, { NULL } },
	{ PVB_BLK_BY_FREEBSD_2012, { "ring-pages" }, { NULL } },
	{ PVB_BLK_BY_FREEBSD, { "num-ring-pages", "ring-page-order" },
	  { NULL } },
	{ PVB_BLK_BY_EC2, { "num-ring-pages" }, { NULL } },
	{ PVB_BLK_BY_WINDOWS, { "feature-large-sector-size" }, { NULL } },
	{ PVB_BLK_BY_LINUX, { "feature-persistent" }, { NULL } },
	{ PVB_BLK_BY_LINUX_2006, { NULL }, { "protocol" } },
	{ PVB_BLK_BY_MIRAGE, { "ring-page-order" }, { NULL } },
	{ PVB_BLK_BY_PLAIN, { NULL }, { NULL } },
};

static bool fits(const struct rule *r, const struct pvb_keys *k)
{
	for (int i = 0; i < SIGNS_MAX; i++)
		if ((r->has[i] && !pvb_blk_said_has(k, r->has[i])) ||
		    (r->has_not[i] && pvb_blk_said_has(k, r->has_not[i])))
			return false;
	return true;
}

/* The last rule of a list fits everything. */
static struct pvb_blk_guess by_rules(const struct rule *r,
                                     const struct pvb_keys *k)
{
	while (!fits(r, k))
		r++;
	return (struct pvb_blk_guess){ r->driver, r->has[0] ? r->has[0] : "" };
}

static struct pvb_blk_guess guess(enum pvb_blk_driver driver, const char *sign)
{
	return (struct pvb_blk_guess){ driver, sign };
}

static bool ends_in(const char *text, const char *end)
{
	size_t length = strlen(text), more = strlen(end);

	return length >= more && strcmp(text + length - more, end) == 0;
}

/* A toolstack that cannot say "pvb" names our script or our disk. */
static bool names_pvb(const struct pvb_keys *k, const char **sign)
{
	const char *script = pvb_keys_text(k, "script");
	const char *params = pvb_keys_text(k, "params");

	*sign = script ? "script" : "params";
	return (script && ends_in(script, "/block-pvb")) ||
	       (params && strncmp(params, "aio:pvb:", 8) == 0);
}

/* A number, where the others have two. */
static bool is_netbsd(const struct pvb_keys *k)
{
	uint64_t device;

	return pvb_keys_u64(k, "physical-device", UINT64_MAX, &device) ==
	       PVB_OK;
}

static struct pvb_blk_guess guess_back(const struct pvb_blk_said *said)
{
	static const struct { const char *kind; enum pvb_blk_driver driver; }
		kinds[] = {
		{ "pvb", PVB_BLK_BY_PVB }, { "qdisk", PVB_BLK_BY_QEMU },
		{ "vbd3", PVB_BLK_BY_TAPDISK }, { "tap", PVB_BLK_BY_TAPDISK },
	};
	const char *sign;

	if (!said->back)
		return guess(PVB_BLK_BY_UNKNOWN, "");
	if (names_pvb(said->back, &sign))
		return guess(PVB_BLK_BY_PVB, sign);
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		if (strcmp(said->dev->kind, kinds[i].kind) == 0)
			return guess(kinds[i].driver, "");
	return is_netbsd(said->back)
		       ? guess(PVB_BLK_BY_NETBSD, "physical-device")
		       : by_rules(backs, said->back);
}

/* To say one queue in so many words is Windows' own way. */
static bool says_one_queue(const struct pvb_keys *k)
{
	uint64_t queues;

	return pvb_keys_u64(k, "multi-queue-num-queues", 1, &queues) == PVB_OK;
}

/* And that of Linux in XenServer's days to say one page so. */
static bool says_one_page(const struct pvb_keys *k)
{
	uint64_t order;

	return pvb_keys_u64(k, "ring-page-order", 0, &order) == PVB_OK;
}

static struct pvb_blk_guess guess_front(const struct pvb_blk_explaining *x)
{
	const struct pvb_keys *k = x->said->front;
	struct pvb_blk_guess g;

	if (pvb_blk_said_has(k, "pvb-holder"))
		return guess(PVB_BLK_BY_PVB, "pvb-holder");
	if (!x->chosen)
		return guess(PVB_BLK_BY_UNKNOWN, "");
	if (says_one_queue(k))
		return guess(PVB_BLK_BY_WINDOWS, "multi-queue-num-queues");
	g = by_rules(fronts, k);
	if (g.driver == PVB_BLK_BY_MIRAGE && says_one_page(k))
		g.driver = PVB_BLK_BY_LINUX_OLD;
	return g;
}

void pvb_blk_explain_drivers(struct pvb_blk_explaining *x)
{
	x->out->back = guess_back(x->said);
	x->out->front = guess_front(x);
}
