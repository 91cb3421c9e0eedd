/* SPDX-License-Identifier: MIT */
/*
 * journal_recover.c - what somebody who is dead has left in a journal; see
 * journal.h.  All of it is checked before anything of it is changed, and what
 * is changed leads to the same findings again: a recovery may be killed, too.
 */
#include <assert.h>
#include <string.h>

#include "journal_layout.h"

/* ---- open ---------------------------------------------------------------- */

static bool is_ours(const struct pvb_journal_area *a, size_t bytes,
                    const struct pvb_journal_shape *s)
{
	return bytes >= sizeof(*a) && bytes == pvb_journal_bytes(s) &&
	       PVB_JOURNAL_LOAD(a->magic) == PVB_JOURNAL_MAGIC &&
	       a->version == PVB_JOURNAL_VERSION &&
	       a->head_bytes == sizeof(*a) &&
	       memcmp(&a->is.shape, s, sizeof(*s)) == 0;
}

/* Less may be promised by now: this queue or another one has found out what the
   disk does not do. */
static bool is_same(const struct pvb_journal_area *a,
                    const struct pvb_journal_terms *t)
{
	return memcmp(&a->is.identity, &t->identity,
	              sizeof(t->identity)) == 0 &&
	       (t->features & ~a->is.features) == 0 &&
	       a->is.terms_bytes == t->terms_bytes &&
	       memcmp(a->is.terms, t->terms, t->terms_bytes) == 0;
}

enum pvb_why pvb_journal_open(struct pvb_journal *j, void *mem, size_t bytes,
                              const struct pvb_journal_terms *t)
{
	struct pvb_journal_area *a = mem;

	assert(t->terms_bytes <= PVB_JOURNAL_TERMS_MAX);
	if (!is_ours(a, bytes, &t->shape))
		return PVB_WHY_JOURNAL_FORMAT;
	if (!is_same(a, t))
		return PVB_WHY_JOURNAL_OTHER;
	*j = (struct pvb_journal){
		.area = a, .shape = t->shape,
		.next = PVB_JOURNAL_LOAD(a->req_cons),
	};
	return PVB_OK;
}

/* ---- recover: look ------------------------------------------------------- */

enum verdict { FREE, UNCOMMITTED, PUBLISHED, UNPUBLISHED, OPEN, IMPOSSIBLE };

/* A record, read once. */
struct entry {
	uint64_t req_idx;
	uint32_t rsp_idx, slots;
	uint8_t  state;
	bool     extra_fits;
};

static struct entry read_entry(const struct pvb_journal *j, uint32_t i)
{
	const struct pvb_journal_record *r = pvb_journal_record(j, i);

	return (struct entry){
		.req_idx = PVB_JOURNAL_LOAD(r->req_idx),
		.rsp_idx = PVB_JOURNAL_LOAD(r->rsp_idx),
		.slots = PVB_JOURNAL_LOAD(r->slots),
		.state = PVB_JOURNAL_LOAD(r->state),
		.extra_fits = PVB_JOURNAL_LOAD(r->extra_bytes) <=
		              j->shape.extra_bytes,
	};
}

/* It was answered if the index that the guest sees has passed its answer. */
static enum verdict judge_answering(const struct pvb_journal *j,
                                    const struct entry *e, uint32_t rsp_prod)
{
	uint32_t ahead = e->rsp_idx - rsp_prod;
	uint32_t behind = rsp_prod - e->rsp_idx;

	if (ahead < j->shape.slots)
		return UNPUBLISHED;
	/* Its answer has as many slots: all of them were shown, or none. */
	return behind >= e->slots && behind <= j->shape.slots ? PUBLISHED
	                                                      : IMPOSSIBLE;
}

static enum verdict judge(const struct pvb_journal *j, const struct entry *e,
                          uint32_t rsp_prod)
{
	uint64_t cons = j->next;

	if (e->state == PVB_JOURNAL_FREE)
		return FREE;
	if (e->state > PVB_JOURNAL_ANSWERING || e->slots == 0 ||
	    e->slots > j->shape.slots || !e->extra_fits)
		return IMPOSSIBLE;
	if (e->req_idx < cons && e->slots <= cons - e->req_idx)
		return e->state == PVB_JOURNAL_TAKEN
			? OPEN : judge_answering(j, e, rsp_prod);
	/* Not before it was committed was anything done with it. */
	return e->state == PVB_JOURNAL_TAKEN && e->req_idx >= cons &&
	       e->req_idx - cons < j->shape.slots ? UNCOMMITTED : IMPOSSIBLE;
}

static enum verdict verdict_on(const struct pvb_journal *j, uint32_t i,
                               uint32_t rsp_prod)
{
	struct entry e = read_entry(j, i);

	return judge(j, &e, rsp_prod);
}

static uint64_t req_idx(const struct pvb_journal *j, uint32_t i)
{
	return PVB_JOURNAL_LOAD(pvb_journal_record(j, i)->req_idx);
}

/* By insertion: there are few, and mostly in order. */
static void insert(const struct pvb_journal *j, uint32_t *redo, uint32_t n,
                   uint32_t i)
{
	uint64_t at = req_idx(j, i);

	for (; n > 0 && req_idx(j, redo[n - 1]) > at; n--)
		redo[n] = redo[n - 1];
	redo[n] = i;
}

static enum pvb_why look(const struct pvb_journal *j, uint32_t rsp_prod,
                         uint32_t *redo, struct pvb_journal_found *f)
{
	*f = (struct pvb_journal_found){ 0 };
	for (uint32_t i = 0; i < j->shape.slots; i++) {
		switch (verdict_on(j, i, rsp_prod)) {
		case FREE:
			break;
		case UNCOMMITTED:
			f->uncommitted++;
			break;
		case PUBLISHED:
			f->published++;
			break;
		case UNPUBLISHED:
			f->unpublished++;
			insert(j, redo, f->redo++, i);
			break;
		case OPEN:
			insert(j, redo, f->redo++, i);
			break;
		case IMPOSSIBLE:
			return PVB_WHY_JOURNAL_CONTENT;
		}
	}
	return PVB_OK;
}

/* They are apart, and as many slots as the ring says are to be answered. */
static bool adds_up(const struct pvb_journal *j, uint32_t rsp_prod,
                    const uint32_t *redo, uint32_t n)
{
	uint64_t slots = 0;

	for (uint32_t i = 0; i < n; i++) {
		uint32_t here = pvb_journal_slots(j, redo[i]);

		if (i + 1 < n && here > req_idx(j, redo[i + 1]) -
		                        req_idx(j, redo[i]))
			return false;
		slots += here;
	}
	return slots == (uint32_t)j->next - rsp_prod;
}

/* ---- recover: act -------------------------------------------------------- */

static void settle(struct pvb_journal *j, uint32_t i, uint32_t rsp_prod)
{
	struct pvb_journal_record *r = pvb_journal_record(j, i);

	switch (verdict_on(j, i, rsp_prod)) {
	case UNCOMMITTED:
	case PUBLISHED:
		PVB_JOURNAL_STORE(PVB_AT_RECOVER_FREE, r->state,
		                  PVB_JOURNAL_FREE);
		break;
	case UNPUBLISHED:
		PVB_JOURNAL_STORE(PVB_AT_RECOVER_TAKEN, r->state,
		                  PVB_JOURNAL_TAKEN);
		break;
	default:
		break;
	}
}

enum pvb_why pvb_journal_recover(struct pvb_journal *j, uint32_t rsp_prod,
                                 uint32_t *redo,
                                 struct pvb_journal_found *found)
{
	struct pvb_journal_area *a = j->area;
	enum pvb_why why;

	if (rsp_prod != PVB_JOURNAL_LOAD(a->rsp_pub) &&
	    rsp_prod != PVB_JOURNAL_LOAD(a->rsp_new))
		return PVB_WHY_JOURNAL_RING;
	/* Nobody lives so long that his own numbers could overflow. */
	if (j->next > UINT64_MAX / 2)
		return PVB_WHY_JOURNAL_CONTENT;
	why = look(j, rsp_prod, redo, found);
	if (why != PVB_OK)
		return why;
	if (!adds_up(j, rsp_prod, redo, found->redo))
		return PVB_WHY_JOURNAL_CONTENT;
	for (uint32_t i = 0; i < j->shape.slots; i++)
		settle(j, i, rsp_prod);
	/* One of these is so already. */
	PVB_JOURNAL_STORE(PVB_AT_RECOVER_PUB, a->rsp_pub, rsp_prod);
	PVB_JOURNAL_STORE(PVB_AT_RECOVER_NEW, a->rsp_new, rsp_prod);
	j->rsp_new = rsp_prod;
	return PVB_OK;
}
