/* SPDX-License-Identifier: MIT */
/*
 * test_protocol_doc.c - docs/protocol.md does not rot: its examples are read
 * by blkproto, mean what they say, and are what blkproto writes; every node
 * and every reason of a refusal is in it.
 *
 * usage: test_protocol_doc DOCUMENT HEADER
 */
#include <stdio.h>
#include <stdlib.h>

#include "blk_bytes.h"
#include "doc_examples.h"
#include "proto/blkneg.h"
#include "proto/ring.h"

static const char *document_path, *header_path;
static char *document, *header;
static struct doc_example *examples;
static uint32_t nr_examples;

static char *read_file(const char *path)
{
	enum { MOST = 1 << 20 };
	char *text = calloc(1, MOST + 1);
	FILE *f = fopen(path, "r");

	if (!text || !f)
		fail_msg("cannot read %s", path);
	assert_in_range(fread(text, 1, MOST, f), 1, MOST - 1);
	(void)fclose(f);
	return text;
}

static int read_all(void **state)
{
	(void)state;
	document = read_file(document_path);
	header = read_file(header_path);
	examples = calloc(DOC_EXAMPLES_MAX, sizeof(*examples));
	assert_non_null(examples);
	nr_examples = doc_examples_read(document, examples);
	return 0;
}

static int free_all(void **state)
{
	(void)state;
	free(examples);
	free(header);
	free(document);
	return 0;
}

static void assert_means(const struct doc_example *e, const char *found)
{
	if (strcmp(e->means, found) != 0)
		fail_msg("line %u says \"%s\", but the bytes mean \"%s\"",
			 e->line, e->means, found);
}

static void assert_count(const struct doc_example *e,
			 const struct doc_bytes *b, uint32_t want)
{
	if (b->count != want)
		fail_msg("line %u: %u bytes and not %u", e->line, b->count,
			 want);
}

/* ---- requests ------------------------------------------------------------ */

static void describe(char *out, size_t cap, const struct pvb_blk_req *r)
{
	const char *how = r->indirect ? "indirect " : r->secure ? "secure "
							       : "";
	int n = snprintf(out, cap, "%s%s, id 0x%llx", how,
			 pvb_blk_op_name(r->op), (unsigned long long)r->id);

	if (r->nr_sectors > 0)
		n += snprintf(out + n, cap - (size_t)n,
			      ", %llu sectors at %llu",
			      (unsigned long long)r->nr_sectors,
			      (unsigned long long)r->sector);
	if (r->indirect)
		n += snprintf(out + n, cap - (size_t)n, ", list in %u",
			      r->indirect_gref[0]);
	for (uint32_t i = 0; i < r->nr_segs; i++)
		n += snprintf(out + n, cap - (size_t)n, "%s%u:%u-%u",
			      i == 0 ? ", segments " : " ", r->seg[i].gref,
			      r->seg[i].first, r->seg[i].last);
	assert_true((size_t)n < cap);
}

static void decode_request(const struct doc_example *e, int abi,
			   struct pvb_blk_req *req)
{
	struct pvb_blk_geometry geo = blk_geometry();

	geo.segs_direct_max = PVB_BLK_SEGS_BLOCKS_MAX;
	assert_int_not_equal(0, e->slots);
	for (uint32_t i = 0; i < e->slots; i++)
		assert_count(e, &e->slot[i], pvb_blk_slot_bytes(abi));
	assert_int_equal(PVB_OK,
		pvb_blk_req_decode(req, abi, e->slot[0].at, 255, 256));
	assert_int_equal(pvb_blk_indirect_pages(req), e->page.count > 0);
	if (req->indirect) {
		assert_count(e, &e->page, DOC_PAGE_BYTES);
		assert_int_equal(e->page_gref, req->indirect_gref[0]);
		pvb_blk_segs_decode(req, 0, e->page.at);
		assert_int_equal(1, e->slots);
	} else {
		assert_int_equal(pvb_blk_slots(abi, req->nr_segs), e->slots);
	}
	for (uint32_t i = 1; i < e->slots; i++)
		pvb_blk_block_decode(req, abi, i, e->slot[i].at);
	assert_int_equal(PVB_OK, pvb_blk_req_check(req, &geo));
}

static void check_request(const struct doc_example *e, int abi)
{
	static uint8_t page[DOC_PAGE_BYTES];
	uint8_t slot[PVB_BLK_SLOT_MAX];
	struct pvb_blk_req req;
	char found[DOC_MEANS_MAX];

	decode_request(e, abi, &req);
	describe(found, sizeof(found), &req);
	assert_means(e, found);
	for (uint32_t i = 0; i < e->slots; i++) {
		memset(slot, 0xa5, sizeof(slot));
		if (i == 0)
			pvb_blk_req_encode(slot, abi, &req);
		else
			pvb_blk_block_encode(slot, abi, &req, i);
		assert_memory_equal(slot, e->slot[i].at, e->slot[i].count);
	}
	if (!req.indirect)
		return;
	memset(page, 0xa5, sizeof(page));
	pvb_blk_segs_encode(page, &req, 0);
	assert_memory_equal(page, e->page.at, sizeof(page));
}

/* ---- responses and rings ------------------------------------------------- */

static void check_response(const struct doc_example *e, int abi)
{
	uint8_t slot[PVB_BLK_SLOT_MAX];
	struct pvb_blk_rsp rsp;
	char found[80];

	assert_int_equal(1, e->slots);
	assert_count(e, &e->slot[0], abi == PVB_ABI_X86_32 ? 12 : 16);
	memset(slot, 0, sizeof(slot));
	memcpy(slot, e->slot[0].at, e->slot[0].count);
	pvb_blk_rsp_decode(&rsp, abi, slot);
	(void)snprintf(found, sizeof(found), "answer to %s, id 0x%llx: %d",
		       pvb_blk_op_name(rsp.op), (unsigned long long)rsp.id,
		       rsp.status);
	assert_means(e, found);
	pvb_blk_rsp_encode(slot, abi, &rsp);
	assert_memory_equal(slot, e->slot[0].at, e->slot[0].count);
}

static void check_ring(const struct doc_example *e)
{
	_Alignas(PVB_RING_PAGE_BYTES) static uint8_t page[PVB_RING_PAGE_BYTES];
	struct pvb_ring ring;
	char found[80];

	assert_int_equal(1, e->slots);
	assert_count(e, &e->slot[0], PVB_RING_HEADER_BYTES);
	memset(page, 0, sizeof(page));
	memcpy(page, e->slot[0].at, e->slot[0].count);
	assert_int_equal(0, pvb_ring_attach(&ring, PVB_BACK, page, sizeof(page),
		pvb_blk_slot_bytes(PVB_ABI_X86_64)));
	(void)snprintf(found, sizeof(found), "%u slots, %d requests waiting",
		       ring.size, pvb_ring_waiting(&ring));
	assert_means(e, found);
}

/* ---- tests --------------------------------------------------------------- */

static void every_example_means_what_it_says(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < nr_examples; i++) {
		const struct doc_example *e = &examples[i];

		if (e->kind == DOC_RING)
			check_ring(e);
		for EACH_ABI(abi) {
			if (!(e->abis & 1u << abi))
				continue;
			if (e->kind == DOC_REQUEST)
				check_request(e, abi);
			else
				check_response(e, abi);
		}
	}
}

/* By the first byte of what a layout has an example of. */
static void every_layout_has_its_examples(void **state)
{
	static const uint8_t wanted[] = {
		PVB_BLK_READ, PVB_BLK_DISCARD, PVB_BLK_INDIRECT,
	};
	uint32_t ops[PVB_ABI_COUNT] = { 0 }, responses = 0, blocks = 0;
	uint32_t rings = 0;

	(void)state;
	for (uint32_t i = 0; i < nr_examples; i++) {
		const struct doc_example *e = &examples[i];

		rings += e->kind == DOC_RING;
		if (e->kind == DOC_RESPONSE)
			responses |= e->abis;
		if (e->kind == DOC_REQUEST && e->slots > 1)
			blocks |= e->abis;
		for EACH_ABI(abi)
			if (e->kind == DOC_REQUEST && e->abis & 1u << abi)
				ops[abi] |= 1u << e->slot[0].at[0];
	}
	for EACH_ABI(abi) {
		for (size_t i = 0; i < sizeof(wanted); i++)
			assert_int_not_equal(0, ops[abi] & 1u << wanted[i]);
		assert_int_not_equal(0, responses & 1u << abi);
		assert_int_not_equal(0, blocks & 1u << abi);
	}
	assert_int_not_equal(0, rings);
}

static void assert_named(const char *text, const char *path, const char *name,
			 const char *quote)
{
	char quoted[80];

	(void)snprintf(quoted, sizeof(quoted), "%s%s%s", quote, name, quote);
	if (!strstr(text, quoted))
		fail_msg("%s does not name %s", path, name);
}

static void every_node_is_documented(void **state)
{
	const char *const *const lists[] = {
		pvb_blk_offer_names, pvb_blk_terms_names,
		pvb_blk_geometry_names,
	};
	uint32_t count = 0;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(lists); i++)
		for (uint32_t n = 0; lists[i][n]; n++) {
			const char *name = lists[i][n];

			/* The first of a row of pages stands for all. */
			if (strncmp(name, "ring-ref", 8) == 0 && name[8] &&
			    strcmp(name, "ring-ref0") != 0)
				continue;
			assert_named(document, document_path, name, "`");
			assert_named(header, header_path, name, "");
			count++;
		}
	assert_true(count > 20);
}

static void every_reason_is_documented(void **state)
{
	(void)state;
	for (int why = 1; why < PVB_WHY_COUNT; why++)
		assert_named(document, document_path,
			     pvb_why_name((enum pvb_why)why), "`");
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_example_means_what_it_says),
		cmocka_unit_test(every_layout_has_its_examples),
		cmocka_unit_test(every_node_is_documented),
		cmocka_unit_test(every_reason_is_documented),
	};

	if (argc != 3) {
		(void)fprintf(stderr, "usage: %s DOCUMENT HEADER\n", argv[0]);
		return 2;
	}
	document_path = argv[1];
	header_path = argv[2];
	return cmocka_run_group_tests_name("protocol_doc", tests, read_all,
					   free_all);
}
