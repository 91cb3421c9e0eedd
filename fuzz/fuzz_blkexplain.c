/* SPDX-License-Identifier: MIT */
/*
 * fuzz_blkexplain.c - any bytes as the nodes of both ends, explained.
 *
 * Checked: every row is whole, and the notes are within their bounds; and what
 * is explained is what pvb would have negotiated: for a back of ours with these
 * limits the same values, or the same refusal at the same node; of a disk's
 * nodes likewise.
 */
#include "fuzz.h"

#include "proto/blkexplain.h"

enum { NODES_MAX = 40, VALUE_MAX = 300 };

static const char *nth(const char *const *names, uint8_t which)
{
	uint32_t n = 0;

	while (names[n])
		n++;
	return names[which % n];
}

static const char *pick_name(uint8_t list, uint8_t which)
{
	const char *below;

	switch (list % 6) {
	case 0:
		return nth(pvb_blk_offer_names, which);
	case 1:
		return nth(pvb_blk_geometry_names, which);
	case 2:
		return nth(pvb_blk_said_back_names, which);
	case 3:
		return nth(pvb_blk_said_front_names, which);
	case 4:
		while (!(below = pvb_blk_terms_queue_name(3, which)))
			which /= 2;
		return below;
	default:
		return nth(pvb_blk_terms_names, which);
	}
}

/* The first four kinds of names go to one end, the others to the other, but
   that says the top bit. */
static void fill(struct pvb_keys *back, struct pvb_keys *front,
                 struct fuzz_input *in)
{
	for (int i = 0; i < NODES_MAX && in->length > 0; i++) {
		uint8_t list = fuzz_u8(in);
		const char *name = pick_name(list & 63, fuzz_u8(in));
		bool is_front = ((list & 63) % 6 > 2) != ((list & 128) != 0);
		uint8_t value[VALUE_MAX];
		size_t bytes = fuzz_u8(in);

		if (list & 64)          /* too long for a set */
			bytes += 40;
		fuzz_take(in, value, bytes);
		(void)pvb_keys_put(is_front ? front : back, name, value, bytes);
	}
}

static void take_limits(struct pvb_blk_limits *l, struct fuzz_input *in)
{
	static const uint16_t indirect[] = { 0, 11, 12, 256 };
	uint8_t a = fuzz_u8(in), b = fuzz_u8(in);

	*l = (struct pvb_blk_limits){
		.ring_order_max = a % (PVB_RING_ORDER_MAX + 1),
		.queues_max = 1 + b % PVB_BLK_QUEUES_MAX,
		.indirect_max = indirect[a >> 6],
		.segment_blocks = b & 16,
	};
}

static void check_whole(const struct pvb_blk_explained *out)
{
	for (int t = 0; t < PVB_BLK_TOPIC_COUNT; t++) {
		const struct pvb_blk_row *row = &out->row[t];

		FUZZ_CHECK((unsigned int)row->because < PVB_BLK_BECAUSE_COUNT);
		FUZZ_CHECK(row->known == (row->because > PVB_BLK_BEYOND_PVB));
		FUZZ_CHECK((row->because == PVB_BLK_REFUSED) ==
			   (row->why != PVB_OK));
		FUZZ_CHECK(row->why == PVB_OK || row->bad);
		FUZZ_CHECK(row->known || row->value == 0);
	}
	FUZZ_CHECK(out->notes <= PVB_BLK_NOTES_MAX);
	FUZZ_CHECK((unsigned int)out->front.driver < PVB_BLK_BY_COUNT);
	FUZZ_CHECK(out->back.sign && out->front.sign);
}

/* Some row refuses it for that. */
static bool is_refused(const struct pvb_blk_row *row, enum pvb_why why,
                       const char *bad)
{
	for (int t = 0; t < PVB_BLK_TOPIC_COUNT; t++)
		if (row[t].why == why && strcmp(row[t].bad, bad) == 0)
			return true;
	return false;
}

static bool is_value(const struct pvb_blk_row *row, uint64_t value)
{
	return row->known && row->value == value;
}

static void check_terms(const struct pvb_keys *front,
                        const struct pvb_blk_limits *own,
                        const struct pvb_blk_row *row)
{
	struct pvb_blk_terms t;
	const char *bad = NULL;
	enum pvb_why why = pvb_blk_terms_get(front, own, pvb_blk_abi_absent(),
					     &t, &bad);

	if (row[PVB_BLK_TOPIC_ABI].because == PVB_BLK_FRONT_SILENT)
		return;
	if (why != PVB_OK) {
		/* These two are looked at together with the disk. */
		FUZZ_CHECK(is_refused(row, why, bad) ||
			   (strcmp(bad, "feature-persistent") == 0 &&
			    !row[PVB_BLK_TOPIC_PERSISTENT].known) ||
			   (strcmp(bad, "feature-large-sector-size") == 0 &&
			    !row[PVB_BLK_TOPIC_UNITS].known));
		return;
	}
	FUZZ_CHECK(is_value(&row[PVB_BLK_TOPIC_ABI], t.abi));
	FUZZ_CHECK(is_value(&row[PVB_BLK_TOPIC_RING_PAGES],
			    UINT64_C(1) << t.ring_order));
	FUZZ_CHECK(is_value(&row[PVB_BLK_TOPIC_QUEUES], t.queues));
	FUZZ_CHECK(is_value(&row[PVB_BLK_TOPIC_RINGS],
			    (uint64_t)t.queues << t.ring_order));
	FUZZ_CHECK(is_value(&row[PVB_BLK_TOPIC_BLOCKS], t.blocks.segs_max));
	FUZZ_CHECK(is_value(&row[PVB_BLK_TOPIC_INDIRECT],
			    t.indirect_max > PVB_BLK_SEGS_DIRECT
				    ? t.indirect_max : 0));
	FUZZ_CHECK(!row[PVB_BLK_TOPIC_PERSISTENT].value || t.persistent);
}

static void check_geometry(const struct pvb_keys *back,
                           const struct pvb_blk_row *row)
{
	struct pvb_blk_geometry g;
	const char *bad = NULL;
	enum pvb_why why;

	/* Nothing is promised, or it is refused for the front's sake. */
	if (!row[PVB_BLK_TOPIC_UNITS].known)
		return;
	why = pvb_blk_geometry_get(back, (enum pvb_blk_units)
		row[PVB_BLK_TOPIC_UNITS].value, &g, &bad);
	if (why != PVB_OK) {
		FUZZ_CHECK(is_refused(row, why, bad) ||
			   row[PVB_BLK_TOPIC_PERSISTENT].because ==
				   PVB_BLK_FRONT_SILENT);
		return;
	}
	FUZZ_CHECK(is_value(&row[PVB_BLK_TOPIC_SECTORS], g.sectors));
	FUZZ_CHECK(is_value(&row[PVB_BLK_TOPIC_SECTOR_SIZE],
			    g.sector_size_bytes));
	FUZZ_CHECK(is_value(&row[PVB_BLK_TOPIC_PHYSICAL_SIZE],
			    g.physical_size_bytes));
	FUZZ_CHECK(is_value(&row[PVB_BLK_TOPIC_READ_ONLY], g.read_only));
	FUZZ_CHECK(is_value(&row[PVB_BLK_TOPIC_FLUSH], g.flush));
	FUZZ_CHECK(is_value(&row[PVB_BLK_TOPIC_BARRIER], g.barrier));
	FUZZ_CHECK(is_value(&row[PVB_BLK_TOPIC_DISCARD], g.discard));
	FUZZ_CHECK(is_value(&row[PVB_BLK_TOPIC_SECURE], g.discard_secure));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	static const char *const kinds[] = { "pvb", "vbd", "vbd3", "qdisk" };
	static struct pvb_keys back, front;
	static struct pvb_blk_explained out;
	struct pvb_xsdev dev = { .front_domid = 1, .number = 51712,
		.front_kind = "vbd" };
	struct pvb_blk_said said = { &dev, &back, &front, NULL };
	struct fuzz_input in = { bytes, length };
	struct pvb_blk_limits own;
	uint8_t how = fuzz_u8(&in);

	memset(&back, 0, sizeof(back));
	memset(&front, 0, sizeof(front));
	strcpy(dev.kind, kinds[how % 4]);
	take_limits(&own, &in);
	if (how & 4)                    /* a back of ours; nothing of the fuzzer
	                                   replaces what it says */
		FUZZ_CHECK(pvb_blk_offer_put(&back, &own) == 0);
	fill(&back, &front, &in);
	pvb_blk_explain(&said, &out);
	check_whole(&out);
	check_geometry(&back, out.row);
	if (how & 4 && how % 4 == 0)
		check_terms(&front, &own, out.row);
	said.front = NULL;
	pvb_blk_explain(&said, &out);
	check_whole(&out);
	return 0;
}
