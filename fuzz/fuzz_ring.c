/* SPDX-License-Identifier: MIT */
/*
 * fuzz_ring.c - any bytes as the acts of a lying peer, between acts of ours.
 *
 * A second page, the mirror, gets what the peer writes and what we are
 * allowed to write; in the end both must be the same.  What each call must
 * say is worked out anew here, by counting.
 */
#include "fuzz.h"

#include <errno.h>
#include <stdbool.h>

#include "proto/ring.h"

enum act {
	PEER_SETS_INDEX, PEER_MOVES_INDEX, PEER_SETS_EVENT, PEER_SCRIBBLES,
	PEER_WRITES_OUR_WORDS, WE_LOOK, WE_COPY, WE_COMMIT, WE_PUSH,
	WE_PUBLISH, WE_SLEEP, WE_REATTACH, ACT_COUNT
};

struct run {
	struct fuzz_input in;
	struct pvb_ring ring;
	uint8_t *mem, *mirror;
	size_t bytes;
	uint32_t *words, *mirror_words; /* prod, event of lane 0; of lane 1 */
	uint32_t looked;                /* slots that we may copy or commit */
	bool dead;
};

/* A word of a lane, as somebody writes it. */
static void word_write(struct run *t, uint32_t word, uint32_t value)
{
	t->words[word] = value;
	t->mirror_words[word] = value;
}

static uint32_t in_prod(const struct run *t)
{
	return t->ring.role == PVB_FRONT ? 2 : 0;
}

static uint32_t out_prod(const struct run *t)
{
	return t->ring.role == PVB_FRONT ? 0 : 2;
}

/* Can an honest peer have come to `index`?  Counted out one by one. */
static bool is_possible(const struct run *t, uint32_t index)
{
	const struct pvb_ring *r = &t->ring;
	uint32_t most = r->out_pub + (r->role == PVB_BACK ? r->size : 0);
	uint32_t i = r->in_seen;

	for (;; i++) {
		if (i == index)
			return true;
		if (i == most)
			return false;
	}
}

static int32_t look(struct run *t)
{
	bool ok = !t->dead && is_possible(t, t->words[in_prod(t)]);
	int32_t n = pvb_ring_waiting(&t->ring);

	if (!ok) {
		FUZZ_CHECK(n == -EPROTO);
		t->dead = true;
		return n;
	}
	FUZZ_CHECK(n >= 0 && (uint32_t)n <= t->ring.size);
	FUZZ_CHECK(t->ring.in_cons + (uint32_t)n == t->words[in_prod(t)]);
	t->looked = (uint32_t)n;
	return n;
}

static void copy(struct run *t)
{
	uint32_t i, slot_bytes = t->ring.slot_bytes;
	uint8_t got[256];

	for (i = 0; i < t->looked; i++) {
		uint32_t at = (t->ring.in_cons + i) & (t->ring.size - 1);

		memset(got, 0xee, sizeof(got));
		pvb_ring_copy(&t->ring, i, got);
		FUZZ_CHECK(memcmp(got, t->mirror + 64 + at * slot_bytes,
				  slot_bytes) == 0);
		FUZZ_CHECK(got[slot_bytes] == 0xee);
	}
}

static void push(struct run *t)
{
	uint32_t room = pvb_ring_room(&t->ring);
	uint32_t n = fuzz_u8(&t->in) % 9, i;

	FUZZ_CHECK(room <= t->ring.size);
	FUZZ_CHECK(!t->dead || room == 0);
	n = n < room ? n : room;
	for (i = 0; i < n; i++) {
		uint8_t *to = pvb_ring_out(&t->ring, i);

		FUZZ_CHECK(to >= t->mem + 64);
		FUZZ_CHECK(to + t->ring.slot_bytes <= t->mem + t->bytes);
		memset(to, (int)i, t->ring.slot_bytes);
		memset(t->mirror + (to - t->mem), (int)i, t->ring.slot_bytes);
	}
	pvb_ring_push(&t->ring, n);
}

static void publish(struct run *t)
{
	uint32_t event = t->words[out_prod(t) + 1], i;
	bool due = false;

	for (i = t->ring.out_pub; i != t->ring.out_prod; i++)
		due = due || event == i + 1;
	if (!t->dead && pvb_ring_unpublished(&t->ring) > 0)
		t->mirror_words[out_prod(t)] = t->ring.out_prod;
	FUZZ_CHECK(pvb_ring_publish(&t->ring) == (due && !t->dead));
}

static void sleep_check(struct run *t)
{
	bool ok = !t->dead && is_possible(t, t->words[in_prod(t)]);
	int rc = pvb_ring_sleep_check(&t->ring);

	if (!ok) {
		FUZZ_CHECK(rc == -EPROTO);
		t->dead = true;
		return;
	}
	t->looked = t->words[in_prod(t)] - t->ring.in_cons;
	FUZZ_CHECK(rc == (t->looked > 0));
	if (rc == 0)
		t->mirror_words[in_prod(t) + 1] = t->ring.in_cons + 1;
}

/* As a back, from wherever the words stand: taken only if it can have been. */
static void reattach(struct run *t)
{
	uint32_t req = t->words[0], rsp = t->words[2];
	uint32_t cons = rsp + (uint32_t)(int8_t)fuzz_u8(&t->in);
	uint32_t slot_bytes = t->ring.slot_bytes, size = t->ring.size;
	bool ok = req - rsp <= size && cons - rsp <= size &&
		  req - cons <= size;
	int rc = pvb_ring_reattach(&t->ring, t->mem, t->bytes, slot_bytes,
				   cons);

	FUZZ_CHECK(rc == (ok ? 0 : -EPROTO));
	t->dead = !ok;
	t->looked = 0;
	if (ok) {
		FUZZ_CHECK(pvb_ring_room(&t->ring) == cons - rsp);
		FUZZ_CHECK(look(t) == (int32_t)(req - cons));
	}
}

static void scribble(struct run *t)
{
	size_t at = 16 + fuzz_u32(&t->in) % (t->bytes - 16);
	uint8_t value = fuzz_u8(&t->in);

	t->mem[at] = value;
	t->mirror[at] = value;
}

static void act(struct run *t)
{
	uint32_t n;

	switch (fuzz_u8(&t->in) % ACT_COUNT) {
	case PEER_SETS_INDEX:
		word_write(t, in_prod(t), fuzz_u32(&t->in));
		break;
	case PEER_MOVES_INDEX:
		word_write(t, in_prod(t), t->words[in_prod(t)] +
			   (uint32_t)(int8_t)fuzz_u8(&t->in));
		break;
	case PEER_SETS_EVENT:
		word_write(t, out_prod(t) + 1, t->words[out_prod(t)] +
			   (uint32_t)(int8_t)fuzz_u8(&t->in));
		break;
	case PEER_SCRIBBLES:
		scribble(t);
		break;
	case PEER_WRITES_OUR_WORDS:
		n = out_prod(t) + (fuzz_u8(&t->in) & 1 ? 0 : 3);
		word_write(t, n % 4, fuzz_u32(&t->in));
		break;
	case WE_LOOK:
		(void)look(t);
		break;
	case WE_COPY:
		copy(t);
		break;
	case WE_COMMIT:
		n = fuzz_u8(&t->in) % (t->looked + 1);
		pvb_ring_commit(&t->ring, n);
		t->looked -= n;
		break;
	case WE_PUSH:
		push(t);
		break;
	case WE_PUBLISH:
		publish(t);
		break;
	case WE_SLEEP:
		sleep_check(t);
		break;
	case WE_REATTACH:
		reattach(t);
		break;
	}
}

static void start(struct run *t)
{
	static const uint32_t slot_bytes[] = { 108, 112, 252 };
	uint8_t first = fuzz_u8(&t->in);
	enum pvb_role role = first & 1 ? PVB_BACK : PVB_FRONT;
	uint32_t at = fuzz_u32(&t->in);

	t->bytes = (size_t)PVB_RING_PAGE_BYTES << (first >> 1 & 1);
	t->mem = aligned_alloc(PVB_RING_PAGE_BYTES, t->bytes);
	t->mirror = aligned_alloc(PVB_RING_PAGE_BYTES, t->bytes);
	FUZZ_CHECK(t->mem && t->mirror);
	pvb_ring_format(t->mem, t->bytes);
	pvb_ring_format(t->mirror, t->bytes);
	t->words = (uint32_t *)(void *)t->mem;
	t->mirror_words = (uint32_t *)(void *)t->mirror;
	word_write(t, 0, at);
	word_write(t, 2, at);
	FUZZ_CHECK(pvb_ring_attach(&t->ring, role, t->mem, t->bytes,
				   slot_bytes[(first >> 2) % 3]) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	struct run t;

	memset(&t, 0, sizeof(t));
	t.in.bytes = bytes;
	t.in.length = length;
	start(&t);
	while (t.in.length > 0)
		act(&t);
	FUZZ_CHECK(memcmp(t.mem, t.mirror, t.bytes) == 0);
	free(t.mem);
	free(t.mirror);
	return 0;
}
