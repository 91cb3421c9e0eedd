/* SPDX-License-Identifier: MIT */
/*
 * journal.c - the writer's side of a journal, and its layout; see journal.h.
 */
#include <assert.h>
#include <string.h>

#include "base/checked.h"

#include "journal_layout.h"

size_t pvb_journal_bytes(const struct pvb_journal_shape *s)
{
	if (!pvb_is_pow2(s->slots) || s->slots > PVB_JOURNAL_SLOTS_MAX ||
	    s->slot_bytes == 0 || s->slot_bytes > PVB_JOURNAL_SLOT_MAX ||
	    s->extra_bytes > PVB_JOURNAL_EXTRA_MAX)
		return 0;
	return pvb_journal_records_end(s) +
	       s->slots * pvb_journal_round(s->extra_bytes);
}

/* ---- life ---------------------------------------------------------------- */

bool pvb_journal_is_blank(const void *mem, size_t bytes)
{
	const struct pvb_journal_area *area = mem;

	assert(bytes >= sizeof(*area));
	return PVB_JOURNAL_LOAD(area->magic) == 0;
}

_Static_assert(sizeof(struct pvb_journal_area) <= PVB_JOURNAL_HEAD_MAX,
               "a head is no larger");

bool pvb_journal_whose(const void *bytes, size_t count,
                       struct pvb_journal_identity *out)
{
	const struct pvb_journal_area *area = bytes;

	if (count < sizeof(*area) ||
	    PVB_JOURNAL_LOAD(area->magic) != PVB_JOURNAL_MAGIC ||
	    area->version != PVB_JOURNAL_VERSION ||
	    area->head_bytes != sizeof(*area))
		return false;
	*out = area->is.identity;
	return true;
}

/* Records need nothing: in blank memory all of them are FREE, for none was
   ever taken. */
void pvb_journal_begin(struct pvb_journal *j, void *mem,
                       const struct pvb_journal_terms *t, uint32_t index)
{
	struct pvb_journal_area *area = mem;

	assert(pvb_journal_bytes(&t->shape) > 0 &&
	       t->terms_bytes <= PVB_JOURNAL_TERMS_MAX &&
	       pvb_journal_is_blank(mem, pvb_journal_bytes(&t->shape)));
	PVB_CRASH_POINT(PVB_AT_HEAD);
	memset(area, 0, sizeof(*area));
	area->version = PVB_JOURNAL_VERSION;
	area->head_bytes = sizeof(*area);
	area->is = *t;
	atomic_init(&area->req_cons, index);
	atomic_init(&area->rsp_pub, index);
	atomic_init(&area->rsp_new, index);
	PVB_JOURNAL_STORE(PVB_AT_MAGIC, area->magic, PVB_JOURNAL_MAGIC);
	*j = (struct pvb_journal){
		.area = area, .shape = t->shape, .next = index,
		.rsp_new = index,
	};
}

uint32_t pvb_journal_req_cons(const struct pvb_journal *j)
{
	return (uint32_t)PVB_JOURNAL_LOAD(j->area->req_cons);
}

/* ---- a batch is taken ---------------------------------------------------- */

static struct pvb_journal_record *record(const struct pvb_journal *j,
                                         uint32_t i)
{
	assert(i < j->shape.slots);
	return pvb_journal_record(j, i);
}

static unsigned char *extra(const struct pvb_journal *j, uint32_t i)
{
	assert(i < j->shape.slots);
	return (unsigned char *)j->area + pvb_journal_records_end(&j->shape) +
	       i * pvb_journal_round(j->shape.extra_bytes);
}

void *pvb_journal_slot(struct pvb_journal *j, uint32_t i)
{
	PVB_CRASH_POINT(PVB_AT_SLOT);
	return record(j, i)->slot;
}

void *pvb_journal_extra(struct pvb_journal *j, uint32_t i)
{
	PVB_CRASH_POINT(PVB_AT_SLOT);
	return extra(j, i);
}

void pvb_journal_take(struct pvb_journal *j, uint32_t i, uint32_t slots,
                      uint32_t extra_bytes)
{
	struct pvb_journal_record *r = record(j, i);

	assert(slots > 0 && slots <= UINT8_MAX &&
	       extra_bytes <= j->shape.extra_bytes);
	PVB_JOURNAL_STORE(PVB_AT_TAKE, r->req_idx, j->next);
	PVB_JOURNAL_STORE(PVB_AT_TAKE, r->slots, (uint8_t)slots);
	PVB_JOURNAL_STORE(PVB_AT_TAKE, r->extra_bytes, (uint16_t)extra_bytes);
	PVB_JOURNAL_STORE(PVB_AT_TAKEN, r->state, PVB_JOURNAL_TAKEN);
	j->next += slots;
}

void pvb_journal_commit(struct pvb_journal *j)
{
	PVB_JOURNAL_STORE(PVB_AT_COMMIT, j->area->req_cons, j->next);
}

void *pvb_journal_list(struct pvb_journal *j, uint32_t i)
{
	PVB_CRASH_POINT(PVB_AT_LIST);
	return extra(j, i);
}

void pvb_journal_listed(struct pvb_journal *j, uint32_t i,
                        uint32_t extra_bytes)
{
	assert(extra_bytes <= j->shape.extra_bytes);
	PVB_JOURNAL_STORE(PVB_AT_LISTED, record(j, i)->extra_bytes,
	                  (uint16_t)extra_bytes);
}

/* ---- of what is taken ---------------------------------------------------- */

const void *pvb_journal_slot_at(const struct pvb_journal *j, uint32_t i)
{
	return record(j, i)->slot;
}

const void *pvb_journal_extra_at(const struct pvb_journal *j, uint32_t i)
{
	return extra(j, i);
}

uint32_t pvb_journal_slots(const struct pvb_journal *j, uint32_t i)
{
	return PVB_JOURNAL_LOAD(record(j, i)->slots);
}

uint32_t pvb_journal_extra_bytes(const struct pvb_journal *j, uint32_t i)
{
	return PVB_JOURNAL_LOAD(record(j, i)->extra_bytes);
}

bool pvb_journal_is_free(const struct pvb_journal *j, uint32_t i)
{
	return PVB_JOURNAL_LOAD(record(j, i)->state) == PVB_JOURNAL_FREE;
}

/* ---- a batch is answered ------------------------------------------------- */

void pvb_journal_answer(struct pvb_journal *j, uint32_t i)
{
	struct pvb_journal_record *r = record(j, i);

	PVB_JOURNAL_STORE(PVB_AT_ANSWER, r->rsp_idx, j->rsp_new);
	PVB_JOURNAL_STORE(PVB_AT_ANSWERING, r->state, PVB_JOURNAL_ANSWERING);
	j->rsp_new += PVB_JOURNAL_LOAD(r->slots);
}

void pvb_journal_publish(struct pvb_journal *j)
{
	PVB_JOURNAL_STORE(PVB_AT_RSP_NEW, j->area->rsp_new, j->rsp_new);
}

void pvb_journal_published(struct pvb_journal *j)
{
	PVB_JOURNAL_STORE(PVB_AT_RSP_PUB, j->area->rsp_pub, j->rsp_new);
}

void pvb_journal_free(struct pvb_journal *j, uint32_t i)
{
	PVB_JOURNAL_STORE(PVB_AT_FREE, record(j, i)->state, PVB_JOURNAL_FREE);
}

/* ---- by the way ---------------------------------------------------------- */

void pvb_journal_revoke(struct pvb_journal *j, uint32_t features)
{
	PVB_JOURNAL_STORE(PVB_AT_REVOKED, j->area->revoked,
	                  pvb_journal_revoked(j) | features);
}

uint32_t pvb_journal_features(const struct pvb_journal *j)
{
	return j->area->is.features;
}

uint32_t pvb_journal_revoked(const struct pvb_journal *j)
{
	return PVB_JOURNAL_LOAD(j->area->revoked);
}

void pvb_journal_set_medium(struct pvb_journal *j, uint64_t medium)
{
	PVB_JOURNAL_STORE(PVB_AT_MEDIUM, j->area->medium, medium);
}

uint64_t pvb_journal_medium(const struct pvb_journal *j)
{
	return PVB_JOURNAL_LOAD(j->area->medium);
}
