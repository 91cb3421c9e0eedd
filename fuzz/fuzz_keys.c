/* SPDX-License-Identifier: MIT */
/*
 * fuzz_keys.c - any bytes as the nodes that a peer has written: names out of
 * those that matter, values of any kind.
 *
 * Checked: numbers against a plain reading of them; terms and offers within
 * our limits; a refusal names its node; and what was accepted comes back the
 * same from the keys that we would write for it.
 */
#include "fuzz.h"

#include "proto/blkneg.h"
#include "proto/xspath.h"

enum { NODES_MAX = 40, VALUE_MAX = 300 };

static const char *pick_name(uint8_t list, uint8_t which)
{
	const char *const *names = list % 4 == 0 ? pvb_blk_offer_names :
				   list % 4 == 1 ? pvb_blk_geometry_names :
						   pvb_blk_terms_names;
	uint32_t n = 0;

	if (list % 4 == 3) {
		const char *below;

		while (!(below = pvb_blk_terms_queue_name(3, which)))
			which /= 2;
		return below;
	}
	while (names[n])
		n++;
	return names[which % n];
}

static void fill(struct pvb_keys *k, struct fuzz_input *in)
{
	for (int i = 0; i < NODES_MAX && in->length > 0; i++) {
		uint8_t list = fuzz_u8(in);
		const char *name = pick_name(list, fuzz_u8(in));
		uint8_t value[VALUE_MAX];
		size_t bytes = fuzz_u8(in);

		if (list & 128)         /* too long for a set */
			bytes += 40;
		fuzz_take(in, value, bytes);
		if (pvb_keys_put(k, name, value, bytes) == 0)
			FUZZ_CHECK(pvb_keys_has(k, name));
		FUZZ_CHECK(k->count <= PVB_KEYS_MAX &&
			   k->used <= PVB_KEYS_BYTES);
	}
}

/* Nothing but decimal digits, without a zero in front. */
static bool is_plain_number(const char *text)
{
	size_t digits = strspn(text, "0123456789");

	return digits > 0 && text[digits] == 0 &&
	       (text[0] != '0' || digits == 1);
}

static void check_numbers(const struct pvb_keys *k)
{
	for (uint32_t i = 0; i < k->count; i++) {
		const char *name = k->bytes + k->key[i].name_at;
		const char *text = pvb_keys_text(k, name);
		uint64_t number = 0;
		enum pvb_why why = pvb_keys_u64(k, name, UINT64_MAX, &number);

		FUZZ_CHECK(why == PVB_OK || why == PVB_WHY_KEY_SYNTAX);
		FUZZ_CHECK(why != PVB_OK || (text && is_plain_number(text)));
		if (!text || !is_plain_number(text) || strlen(text) > 19)
			continue;
		FUZZ_CHECK(why == PVB_OK);
		FUZZ_CHECK(number == strtoull(text, NULL, 10));
		why = pvb_keys_u64(k, name, 1000, &number);
		FUZZ_CHECK(why == (strtoull(text, NULL, 10) > 1000 ?
				   PVB_WHY_KEY_LIMIT : PVB_OK));
	}
}

static void check_blocks(const struct pvb_blk_blocks *b, uint32_t requests)
{
	if (b->segs_max == 0) {
		FUZZ_CHECK(b->requests_max == 0 && b->bytes_max == 0);
		return;
	}
	FUZZ_CHECK(b->segs_max > 11 && b->segs_max <= 255);
	FUZZ_CHECK(b->requests_max >= 1 && b->requests_max <= requests);
	FUZZ_CHECK(b->bytes_max >= 4096 &&
		   b->bytes_max <= b->segs_max * UINT32_C(4096));
}

static void check_offer(const struct pvb_keys *k)
{
	struct pvb_blk_limits own;
	struct pvb_blk_offer offer;
	struct pvb_blk_terms t;
	const char *bad = NULL;

	if (pvb_blk_offer_get(k, &offer, &bad) != PVB_OK) {
		FUZZ_CHECK(bad && pvb_keys_has(k, bad));
		return;
	}
	FUZZ_CHECK(offer.ring_order_max <= PVB_RING_ORDER_MAX);
	FUZZ_CHECK(offer.queues_max >= 1 &&
		   offer.queues_max <= PVB_BLK_QUEUES_MAX);
	FUZZ_CHECK(offer.indirect_max <= PVB_BLK_SEGS_MAX);
	pvb_blk_limits_front_default(&own);
	pvb_blk_terms_choose(&t, &own, &offer);
	FUZZ_CHECK(t.ring_order <= own.ring_order_max &&
		   t.ring_order <= offer.ring_order_max);
	FUZZ_CHECK(t.queues == 1);
	check_blocks(&offer.blocks, UINT32_MAX);
	FUZZ_CHECK(t.blocks.segs_max == 0);
	own.segment_blocks = true;
	pvb_blk_terms_choose(&t, &own, &offer);
	check_blocks(&t.blocks, UINT32_C(32) << t.ring_order);
	FUZZ_CHECK(t.blocks.segs_max == 0 || t.indirect_max == 0);
	FUZZ_CHECK(t.blocks.bytes_max % 4096 == 0);
}

static void check_terms(const struct pvb_keys *k,
                        const struct pvb_blk_limits *own)
{
	static struct pvb_keys again;
	struct pvb_blk_terms t, back;
	const char *bad = NULL;

	if (pvb_blk_terms_get(k, own, PVB_ABI_X86_32, &t, &bad) != PVB_OK) {
		FUZZ_CHECK(bad && memchr(bad, 0, PVB_KEYS_NAME_MAX + 1));
		return;
	}
	FUZZ_CHECK(!bad);
	FUZZ_CHECK((unsigned int)t.abi < PVB_ABI_COUNT);
	FUZZ_CHECK(t.ring_order <= own->ring_order_max);
	FUZZ_CHECK(t.queues >= 1 && t.queues <= own->queues_max);
	check_blocks(&t.blocks, UINT32_C(32) << t.ring_order);
	FUZZ_CHECK(t.blocks.segs_max == 0 || own->segment_blocks);
	FUZZ_CHECK(t.indirect_max == (t.blocks.segs_max ? 0 :
				      own->indirect_max));
	memset(&again, 0, sizeof(again));
	FUZZ_CHECK(pvb_blk_terms_put(&again, &t) == 0);
	FUZZ_CHECK(pvb_blk_terms_get(&again, own, PVB_ABI_ARM, &back, NULL) ==
		   PVB_OK);
	FUZZ_CHECK(pvb_blk_terms_same(&t, &back));
	FUZZ_CHECK(t.persistent == back.persistent);
	FUZZ_CHECK(t.large_sectors == back.large_sectors);
	FUZZ_CHECK(t.blocks.segs_max == back.blocks.segs_max &&
		   t.blocks.requests_max == back.blocks.requests_max &&
		   t.blocks.bytes_max == back.blocks.bytes_max);
}

static void check_geometry(const struct pvb_keys *k, enum pvb_blk_units units)
{
	static struct pvb_keys again;
	struct pvb_blk_geometry g, back;
	const char *bad = NULL;

	if (pvb_blk_geometry_get(k, units, &g, &bad) != PVB_OK) {
		FUZZ_CHECK(bad);
		return;
	}
	FUZZ_CHECK(g.sectors <= INT64_MAX / 512);
	FUZZ_CHECK(g.sector_size_bytes >= 512 && g.sector_size_bytes <= 4096);
	FUZZ_CHECK(4096 % g.sector_size_bytes == 0);
	FUZZ_CHECK(g.physical_size_bytes % g.sector_size_bytes == 0);
	FUZZ_CHECK(g.sectors * 512 % g.sector_size_bytes == 0);
	FUZZ_CHECK(g.segs_indirect_max <= PVB_BLK_SEGS_MAX);
	FUZZ_CHECK(!g.discard || g.discard_granularity_bytes > 0);
	memset(&again, 0, sizeof(again));
	FUZZ_CHECK(pvb_blk_geometry_put(&again, &g) == 0);
	FUZZ_CHECK(pvb_blk_geometry_get(&again, units, &back, NULL) == PVB_OK);
	FUZZ_CHECK(back.sectors == g.sectors &&
		   back.sector_size_bytes == g.sector_size_bytes &&
		   back.physical_size_bytes == g.physical_size_bytes &&
		   back.read_only == g.read_only &&
		   back.discard == g.discard &&
		   back.discard_granularity_bytes ==
		   g.discard_granularity_bytes);
}

static void check_path(const uint8_t *bytes, size_t length)
{
	struct fuzz_input in = { bytes, length };
	char path[128] = "/local/domain/0/backend/", again[256];
	struct pvb_xsdev d;
	const char *rest;

	fuzz_take(&in, path + 24, sizeof(path) - 25);
	if (!pvb_xsdev_parse_back(path, 0, &d, &rest))
		return;
	FUZZ_CHECK(pvb_xspath_is_legal(path));
	FUZZ_CHECK(pvb_xsdev_back_path(&d, again, sizeof(again)) == 0);
	FUZZ_CHECK(strncmp(path, again, strlen(again)) == 0);
	FUZZ_CHECK(strlen(path) == strlen(again) +
		   (*rest ? strlen(rest) + 1 : 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	struct fuzz_input in = { bytes, length };
	static struct pvb_keys k;
	struct pvb_blk_limits own;

	check_path(bytes, length);
	memset(&k, 0, sizeof(k));
	fill(&k, &in);
	check_numbers(&k);
	check_offer(&k);
	for (int u = 0; u < PVB_BLK_UNITS_COUNT; u++)
		check_geometry(&k, (enum pvb_blk_units)u);
	pvb_blk_limits_back_default(&own, 4);
	check_terms(&k, &own);
	own.ring_order_max = 1;
	own.queues_max = 1;
	own.segment_blocks = true;
	check_terms(&k, &own);
	return 0;
}
