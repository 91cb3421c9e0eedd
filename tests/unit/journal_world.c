/* SPDX-License-Identifier: MIT */
#include <assert.h>
#include <setjmp.h>
#include <stdalign.h>
#include <string.h>

#include "journal_world.h"
#include "proto/crash_point.h"
#include "proto/journal.h"
#include "proto/journal_layout.h"
#include "proto/ring.h"

enum {
	SLOTS = 4, SLOT_BYTES = 24, EXTRA = 2 * SLOT_BYTES,
	RING_BYTES = PVB_RING_HEADER_BYTES + SLOTS * SLOT_BYTES,
	BEGIN = -2,                     /* indices wrap on the way */
	STEPS_MAX = 200,
	LIST_BYTES = 8,
};

/* Slots that request `id` takes; does it have a list? */
static const uint8_t slots_of[WORLD_REQUESTS] = { 1, 2, 1, 3, 1 };
static bool has_list(uint32_t id)
{
	return slots_of[id] == 1 && id != 4;
}

/* What a slot holds: both directions alike. */
struct slot { uint32_t id, part, slots, junk[3]; };
static_assert(sizeof(struct slot) == SLOT_BYTES, "as the ring says");

struct front {
	struct pvb_ring ring;
	uint32_t asked;
	bool asleep, bell;
	uint8_t answers[WORLD_REQUESTS];
};

/* All that dies with its process. */
struct back {
	struct pvb_ring ring;
	struct pvb_journal j;
	uint8_t record[SLOTS];          /* taken, in their order */
	uint32_t open;
	uint32_t steps;
	bool asleep;
};

static struct world {
	alignas(4096) unsigned char page[4096];
	alignas(64) unsigned char journal[2048];
	const struct world_script *script;
	struct world_result *out;
	struct front front;
	struct back back;
	bool bell;                      /* the back's */
	uint8_t done[WORLD_REQUESTS];   /* so often by the disk */
	jmp_buf death;
} w;

static void is_wrong(const char *what)
{
	if (!w.out->wrong)
		w.out->wrong = what;
}

static bool is_faulty(enum world_fault fault)
{
	return w.script->fault == fault;
}

void pvb_crash_point(int at)
{
	assert(at > 0 && at < PVB_AT_COUNT);
	if (w.out->killed < w.script->kills &&
	    w.out->passed == w.script->kill_at[w.out->killed]) {
		w.out->killed++;
		w.out->last_point = (uint32_t)at;
		longjmp(w.death, 1);
	}
	w.out->passed++;
}

/* ---- the front ----------------------------------------------------------- */

static void front_ask(void)
{
	struct front *f = &w.front;

	while (f->asked < WORLD_REQUESTS &&
	       slots_of[f->asked] <= pvb_ring_room(&f->ring)) {
		for (uint32_t i = 0; i < slots_of[f->asked]; i++) {
			struct slot *s = pvb_ring_out(&f->ring, i);

			*s = (struct slot){ f->asked, i, slots_of[f->asked],
					    { 0 } };
		}
		pvb_ring_push(&f->ring, slots_of[f->asked++]);
	}
	if (pvb_ring_publish(&f->ring))
		w.bell = true;
}

static void front_see(const struct slot *s)
{
	if (s->id >= WORLD_REQUESTS || s->id >= w.front.asked) {
		is_wrong("an answer to nothing");
		return;
	}
	if (++w.front.answers[s->id] > 1)
		is_wrong("answered twice");
	if (w.done[s->id] == 0)
		is_wrong("answered and not done");
}

static void front_step(void)
{
	struct front *f = &w.front;
	int32_t n;

	if (f->asleep && !f->bell)
		return;
	f->asleep = f->bell = false;
	front_ask();
	while ((n = pvb_ring_waiting(&f->ring)) > 0) {
		struct slot s;

		pvb_ring_copy(&f->ring, 0, &s);
		front_see(&s);
		if (w.out->wrong)
			return;
		if (slots_of[s.id] > (uint32_t)n) {
			is_wrong("half an answer is shown");
			return;
		}
		pvb_ring_commit(&f->ring, slots_of[s.id]);
	}
	if (n < 0)
		is_wrong("the front sees an index that cannot be");
	f->asleep = pvb_ring_sleep_check(&f->ring) == 0 &&
		    (f->asked == WORLD_REQUESTS ||
		     slots_of[f->asked] > pvb_ring_room(&f->ring));
}

static bool front_has_all(void)
{
	for (int i = 0; i < WORLD_REQUESTS; i++)
		if (w.front.answers[i] == 0)
			return false;
	return true;
}

/* ---- the back's work ----------------------------------------------------- */

/* Has the front seen, or could it see, the answer? */
static bool is_shown(uint32_t id)
{
	uint32_t *words = (void *)w.page;
	uint32_t at = w.front.ring.in_cons;

	for (; at != words[2]; at++) {
		const struct slot *s = (void *)(w.page + PVB_RING_HEADER_BYTES +
			(at & (SLOTS - 1)) * SLOT_BYTES);

		if (s->part == 0 && s->id == id)
			return true;
	}
	return w.front.answers[id] > 0;
}

static uint32_t id_of(uint32_t record)
{
	const struct slot *s = pvb_journal_slot_at(&w.back.j, record);

	return s->id;
}

/* The bytes that the guest wrote, and all of them. */
static bool is_whole(uint32_t record)
{
	const struct pvb_journal *j = &w.back.j;
	const struct slot *s = pvb_journal_slot_at(j, record);
	const struct slot *more = pvb_journal_extra_at(j, record);

	if (s->id >= WORLD_REQUESTS || s->part != 0 ||
	    s->slots != slots_of[s->id] ||
	    pvb_journal_slots(j, record) != s->slots)
		return false;
	for (uint32_t i = 1; i < s->slots; i++)
		if (more[i - 1].id != s->id || more[i - 1].part != i)
			return false;
	return true;
}

static void fetch_list(uint32_t record)
{
	struct pvb_journal *j = &w.back.j;
	uint8_t want[LIST_BYTES];

	memset(want, (int)(0x70 + id_of(record)), sizeof(want));
	if (pvb_journal_extra_bytes(j, record) == 0) {
		memcpy(pvb_journal_list(j, record), want, sizeof(want));
		pvb_journal_listed(j, record, sizeof(want));
	}
	if (memcmp(pvb_journal_extra_at(j, record), want, sizeof(want)) != 0)
		is_wrong("a list is not what it was");
}

static void work(uint32_t record)
{
	if (!is_whole(record)) {
		is_wrong("a request is not what it was");
		return;
	}
	if (has_list(id_of(record)))
		fetch_list(record);
	if (is_shown(id_of(record)))
		is_wrong("done again after it was answered");
	w.done[id_of(record)]++;
	w.back.record[w.back.open++] = (uint8_t)record;
}

/* ---- the back: from the ring --------------------------------------------- */

static uint32_t free_record(const bool *busy)
{
	uint32_t i = 0;

	while (busy[i] || !pvb_journal_is_free(&w.back.j, i))
		i++;
	assert(i < SLOTS);
	return i;
}

/* The slots of a request at `at`; 0: there is none. */
static uint32_t take_one(uint32_t at, uint32_t *record, bool *busy)
{
	struct back *b = &w.back;
	struct slot *s, *more;

	if (at == pvb_ring_seen(&b->ring))
		return 0;
	*record = free_record(busy);
	busy[*record] = true;
	s = pvb_journal_slot(&b->j, *record);
	pvb_ring_copy(&b->ring, at, s);
	if (s->slots == 0 || s->slots > SLOTS - 1) {
		is_wrong("what is on the ring is no request");
		return 0;
	}
	more = pvb_journal_extra(&b->j, *record);
	for (uint32_t i = 1; i < s->slots; i++)
		pvb_ring_copy(&b->ring, at + i, more + i - 1);
	return s->slots;
}

static void take(uint32_t most)
{
	struct back *b = &w.back;
	uint32_t record[SLOTS], slots[SLOTS], n = 0, at = 0;
	bool busy[SLOTS] = { false };

	while (n < most && (slots[n] = take_one(at, &record[n], busy)) > 0)
		at += slots[n++];
	if (n == 0)
		return;
	if (is_faulty(WORLD_COMMITS_FIRST)) {
		b->j.next += at;
		pvb_journal_commit(&b->j);
		b->j.next -= at;
	}
	for (uint32_t i = 0; i < n; i++)
		pvb_journal_take(&b->j, record[i], slots[i],
				 (slots[i] - 1) * SLOT_BYTES);
	if (!is_faulty(WORLD_COMMITS_FIRST) && !is_faulty(WORLD_NEVER_COMMITS))
		pvb_journal_commit(&b->j);
	pvb_ring_commit(&b->ring, at);
	for (uint32_t i = 0; i < n; i++)
		work(record[i]);
}

/* ---- the back: to the ring ----------------------------------------------- */

static void mark(uint32_t from, uint32_t to)
{
	for (uint32_t i = from; i < to; i++)
		pvb_journal_answer(&w.back.j, w.back.record[i]);
}

static void set_free(uint32_t from, uint32_t to)
{
	for (uint32_t i = from; i < to; i++)
		pvb_journal_free(&w.back.j, w.back.record[i]);
}

static void show(void)
{
	if (!pvb_ring_publish(&w.back.ring))
		return;
	PVB_CRASH_POINT(PVB_AT_BELL);
	w.front.bell = true;
}

/* Those from `from` on, in one batch. */
static void answer(uint32_t from)
{
	struct back *b = &w.back;
	uint32_t to = b->open;

	if (from == to)
		return;
	if (!is_faulty(WORLD_SHOWS_FIRST))
		mark(from, to);
	for (uint32_t i = from; i < to; i++) {
		struct slot *s = pvb_ring_out(&b->ring, 0);

		s->id = id_of(b->record[i]);
		s->part = 0;
		pvb_ring_push(&b->ring, slots_of[s->id]);
	}
	if (is_faulty(WORLD_FREES_FIRST))
		set_free(from, to);
	if (!is_faulty(WORLD_SHOWS_FIRST))
		pvb_journal_publish(&b->j);
	show();
	if (is_faulty(WORLD_SHOWS_FIRST)) {
		mark(from, to);
		pvb_journal_publish(&b->j);
	}
	pvb_journal_published(&b->j);
	set_free(from, to);
	b->open = from;
}

static void answer_oldest(void)
{
	struct back *b = &w.back;
	uint8_t oldest = b->record[0];

	if (b->open == 0)
		return;
	memmove(b->record, b->record + 1, b->open - 1);
	b->record[b->open - 1] = oldest;
	answer(b->open - 1);
}

static void back_step(void)
{
	struct back *b = &w.back;
	uint32_t way = WORLD_WAYS - 1;

	if (b->asleep && !w.bell)
		return;
	b->asleep = w.bell = false;
	if (pvb_ring_waiting(&b->ring) < 0) {
		is_wrong("the back sees an index that cannot be");
		return;
	}
	if (b->steps < WORLD_CHOICES)
		way = w.script->way[b->steps];
	b->steps++;
	take(way < WORLD_WAYS / 2 ? 1 : SLOTS);
	switch (way % 4) {
	case 0:                         /* none: they stay in flight */
		return;
	case 1:                         /* the youngest */
		answer(b->open > 0 ? b->open - 1 : 0);
		break;
	case 2:
		answer_oldest();
		break;
	default:
		answer(0);
		break;
	}
	b->asleep = pvb_ring_sleep_check(&b->ring) == 0 && b->open == 0;
}

/* ---- life ---------------------------------------------------------------- */

static struct pvb_journal_terms terms(void)
{
	return (struct pvb_journal_terms){
		.shape = { SLOTS, SLOT_BYTES, EXTRA },
		.identity = { .protocol = PVB_JOURNAL_BLKIF, .device = 1 },
	};
}

static void begin(void)
{
	const struct pvb_journal_terms t = terms();

	if (pvb_ring_attach(&w.back.ring, PVB_BACK, w.page, RING_BYTES,
			    SLOT_BYTES) < 0)
		is_wrong("the ring cannot be attached");
	else
		pvb_journal_begin(&w.back.j, w.journal, &t,
				  w.back.ring.in_cons);
}

static void count(const struct pvb_journal_found *f)
{
	w.out->redone += f->redo;
	w.out->uncommitted += f->uncommitted;
	w.out->unpublished += f->unpublished;
	w.out->published += f->published;
}

static void resume(void)
{
	const struct pvb_journal_terms t = terms();
	struct pvb_journal_found f;
	struct back *b = &w.back;
	uint32_t redo[SLOTS];

	if (pvb_journal_open(&b->j, w.journal, pvb_journal_bytes(&t.shape),
			     &t) != PVB_OK) {
		is_wrong("the journal cannot be opened");
		return;
	}
	if (pvb_ring_reattach(&b->ring, w.page, RING_BYTES, SLOT_BYTES,
			      pvb_journal_req_cons(&b->j)) < 0) {
		is_wrong("the ring cannot be attached again");
		return;
	}
	if (pvb_journal_recover(&b->j, b->ring.out_pub, redo, &f) != PVB_OK) {
		is_wrong("the journal cannot be recovered");
		return;
	}
	count(&f);
	if (!is_faulty(WORLD_NO_BELL)) {
		PVB_CRASH_POINT(PVB_AT_RECOVER_BELL);
		w.front.bell = true;
	}
	for (uint32_t i = 0; i < f.redo && !is_faulty(WORLD_NO_REDO); i++) {
		if (i > 0 && id_of(redo[i]) <= id_of(redo[i - 1]))
			is_wrong("done again in another order");
		work(redo[i]);
	}
}

/* What is nobody's may hold anything: a store that was under way, and bytes
   that are not to be looked at any more. */
static void scribble(void)
{
	const struct pvb_journal_terms t = terms();
	struct pvb_journal j = { .area = (void *)w.journal, .shape = t.shape };
	uint32_t *words = (void *)w.page;
	uint32_t at, req_cons;

	if (pvb_journal_is_blank(w.journal, sizeof(w.journal)))
		return;
	req_cons = pvb_journal_req_cons(&j);
	for (at = words[2]; at != req_cons; at++)
		memset(w.page + PVB_RING_HEADER_BYTES +
		       (at & (SLOTS - 1)) * SLOT_BYTES, 0xee, SLOT_BYTES);
	for (uint32_t i = 0; i < SLOTS; i++) {
		struct pvb_journal_record *r = pvb_journal_record(&j, i);

		if (r->state != PVB_JOURNAL_FREE)
			continue;
		memset(r, 0xee, sizeof(*r) + SLOT_BYTES);
		r->state = PVB_JOURNAL_FREE;
	}
}

static void start_front(void)
{
	uint32_t *words = (void *)w.page;

	pvb_ring_format(w.page, RING_BYTES);
	words[0] = words[2] = (uint32_t)BEGIN;
	words[1] = words[3] = (uint32_t)BEGIN + 1;
	if (pvb_ring_attach(&w.front.ring, PVB_FRONT, w.page, RING_BYTES,
			    SLOT_BYTES) < 0)
		is_wrong("the front cannot attach");
}

static void live(void)
{
	memset(&w.back, 0, sizeof(w.back));
	w.out->passed = 0;
	if (pvb_journal_is_blank(w.journal, sizeof(w.journal)))
		begin();
	else
		resume();
	for (uint32_t i = 0; i < STEPS_MAX && !w.out->wrong; i++) {
		front_step();
		if (front_has_all())
			return;
		back_step();
	}
	is_wrong("forgotten, or slept through");
}

void world_run(const struct world_script *s, struct world_result *out)
{
	memset(out, 0, sizeof(*out));
	memset(&w, 0, offsetof(struct world, death));
	w.script = s;
	w.out = out;
	start_front();
	if (setjmp(w.death) != 0)
		scribble();
	if (!out->wrong)
		live();
}
