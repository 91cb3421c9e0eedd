/* SPDX-License-Identifier: MIT */
/*
 * fuzz_journal.c - any bytes as the journal that somebody who is dead has left,
 * and any rsp_prod beside it.
 *
 * What is refused is left as it was.  What is taken adds up, is found the same
 * when it is opened again, and can be worked on to the end.
 *
 * Input: a byte (bit 0: the rest of the head comes from behind the records),
 * rsp_prod, the words of the head that change, the records without their slots.
 */
#include "fuzz.h"

#include <stdbool.h>

#include "proto/journal.h"
#include "proto/journal_layout.h"

enum { SLOTS = 8, SLOT_BYTES = 24, EXTRA = 40, RECORD = 16 };

struct found {
	struct pvb_journal_found f;
	uint32_t redo[SLOTS];
};

static struct pvb_journal_terms terms(void)
{
	return (struct pvb_journal_terms){
		.shape = { SLOTS, SLOT_BYTES, EXTRA },
		.identity = { .protocol = PVB_JOURNAL_BLKIF, .device = 7 },
		.features = 3, .terms_bytes = 3, .terms = { 9, 8, 7 },
	};
}

static uint64_t u64(struct fuzz_input *in)
{
	uint64_t low = fuzz_u32(in);

	return low | (uint64_t)fuzz_u32(in) << 32;
}

static void fill(struct fuzz_input *in, unsigned char *mem, uint8_t flags)
{
	struct pvb_journal_area *a = (void *)mem;
	const struct pvb_journal_terms t = terms();
	struct pvb_journal j;

	pvb_journal_begin(&j, mem, &t, 0);
	a->req_cons = u64(in);
	a->rsp_pub = fuzz_u32(in);
	a->rsp_new = fuzz_u32(in);
	a->revoked = fuzz_u32(in);
	for (uint32_t i = 0; i < SLOTS; i++)
		fuzz_take(in, pvb_journal_record(&j, i), RECORD);
	if (flags & 1)
		fuzz_take(in, mem, offsetof(struct pvb_journal_area,
					    req_cons));
}

static enum pvb_why recover(struct pvb_journal *j, unsigned char *mem,
			    size_t bytes, uint32_t rsp_prod, struct found *out)
{
	const struct pvb_journal_terms t = terms();
	enum pvb_why why = pvb_journal_open(j, mem, bytes, &t);

	if (why == PVB_OK)
		why = pvb_journal_recover(j, rsp_prod, out->redo, &out->f);
	return why;
}

static uint64_t index_of(const struct pvb_journal *j, uint32_t i)
{
	return pvb_journal_record(j, i)->req_idx;
}

static void check_adds_up(const struct pvb_journal *j, uint32_t rsp_prod,
			  const struct found *f)
{
	uint32_t slots = 0;
	bool seen[SLOTS] = { false };

	FUZZ_CHECK(f->f.redo <= SLOTS && f->f.unpublished <= f->f.redo);
	for (uint32_t n = 0; n < f->f.redo; n++) {
		uint32_t i = f->redo[n];

		FUZZ_CHECK(i < SLOTS && !seen[i]);
		seen[i] = true;
		FUZZ_CHECK(n == 0 || index_of(j, f->redo[n - 1]) +
			   pvb_journal_slots(j, f->redo[n - 1]) <=
			   index_of(j, i));
		FUZZ_CHECK(pvb_journal_extra_bytes(j, i) <= EXTRA);
		slots += pvb_journal_slots(j, i);
	}
	FUZZ_CHECK(pvb_journal_req_cons(j) - rsp_prod == slots &&
		   slots <= SLOTS * UINT8_MAX);
	for (uint32_t i = 0; i < SLOTS; i++)
		FUZZ_CHECK(pvb_journal_is_free(j, i) == !seen[i]);
}

/* Somebody dies in here, at once. */
static void check_found_again(unsigned char *mem, size_t bytes,
			      uint32_t rsp_prod, const struct found *f)
{
	struct found again;
	struct pvb_journal j;

	FUZZ_CHECK(recover(&j, mem, bytes, rsp_prod, &again) == PVB_OK);
	FUZZ_CHECK(again.f.redo == f->f.redo && again.f.published == 0 &&
		   again.f.uncommitted == 0 && again.f.unpublished == 0);
	FUZZ_CHECK(memcmp(again.redo, f->redo,
			  f->f.redo * sizeof(f->redo[0])) == 0);
}

/* All is answered, and others are taken: unless these had numbers that nobody
   lives to see, which recovery refuses. */
static void check_goes_on(struct pvb_journal *j, unsigned char *mem,
			  size_t bytes, struct found *f)
{
	uint32_t n = f->f.redo;

	if (j->next > UINT64_MAX / 2 - SLOTS)
		return;
	for (uint32_t i = 0; i < n; i++)
		pvb_journal_answer(j, f->redo[i]);
	pvb_journal_publish(j);
	pvb_journal_published(j);
	for (uint32_t i = 0; i < n; i++)
		pvb_journal_free(j, f->redo[i]);
	for (uint32_t i = 0; i < SLOTS; i++) {
		memset(pvb_journal_slot(j, i), 1, SLOT_BYTES);
		memset(pvb_journal_extra(j, i), 1, EXTRA);
		pvb_journal_take(j, i, 1, EXTRA);
	}
	pvb_journal_commit(j);
	FUZZ_CHECK(recover(j, mem, bytes, j->rsp_new, f) == PVB_OK);
	FUZZ_CHECK(f->f.redo == SLOTS);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t length)
{
	struct fuzz_input in = { input, length };
	const struct pvb_journal_terms t = terms();
	size_t bytes = pvb_journal_bytes(&t.shape);
	unsigned char *mem = aligned_alloc(PVB_JOURNAL_ALIGN, bytes);
	unsigned char *before = malloc(bytes);
	uint8_t flags = fuzz_u8(&in);
	uint32_t rsp_prod = fuzz_u32(&in);
	struct pvb_journal j;
	struct found f;
	enum pvb_why why;

	FUZZ_CHECK(mem && before);
	memset(mem, 0, bytes);
	fill(&in, mem, flags);
	memcpy(before, mem, bytes);
	why = recover(&j, mem, bytes, rsp_prod, &f);
	if (why == PVB_OK) {
		check_adds_up(&j, rsp_prod, &f);
		check_found_again(mem, bytes, rsp_prod, &f);
		check_goes_on(&j, mem, bytes, &f);
	} else {
		FUZZ_CHECK(why >= PVB_WHY_JOURNAL_FORMAT &&
			   why <= PVB_WHY_JOURNAL_RING);
		FUZZ_CHECK(memcmp(before, mem, bytes) == 0);
	}
	free(before);
	free(mem);
	return 0;
}
