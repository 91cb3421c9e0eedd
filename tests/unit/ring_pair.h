/* SPDX-License-Identifier: MIT */
/*
 * ring_pair.h - for the ring tests: shared pages with both ends attached at
 * any index, and the header's four words by their wire names.
 */
#ifndef TEST_RING_PAIR_H
#define TEST_RING_PAIR_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/bytes.h"
#include "proto/ring.h"

/* As on the wire; everything single-threaded may look at them plainly. */
struct ring_words { uint32_t req_prod, req_event, rsp_prod, rsp_event; };

struct ring_pair {
	uint8_t *mem;
	size_t bytes;
	uint32_t slot_bytes, start;
	struct ring_words *words;
	struct pvb_ring front, back;
};

/* A quiet ring whose indices stand at `start`, as after that many requests. */
static inline void ring_pair_init(struct ring_pair *p, unsigned int order,
				  uint32_t slot_bytes, uint32_t start)
{
	memset(p, 0, sizeof(*p));
	p->bytes = (size_t)PVB_RING_PAGE_BYTES << order;
	p->slot_bytes = slot_bytes;
	p->start = start;
	p->mem = aligned_alloc(PVB_RING_PAGE_BYTES, p->bytes);
	assert_non_null(p->mem);
	pvb_ring_format(p->mem, p->bytes);
	p->words = (struct ring_words *)(void *)p->mem;
	p->words->req_prod = p->words->rsp_prod = start;
	p->words->req_event = p->words->rsp_event = start + 1;
	assert_int_equal(0, pvb_ring_attach(&p->front, PVB_FRONT, p->mem,
					    p->bytes, slot_bytes));
	assert_int_equal(0, pvb_ring_attach(&p->back, PVB_BACK, p->mem,
					    p->bytes, slot_bytes));
}

static inline void ring_pair_fini(struct ring_pair *p)
{
	free(p->mem);
	memset(p, 0, sizeof(*p));
}

/* Push one slot that carries `value` in its first eight bytes. */
static inline void ring_put(struct pvb_ring *r, uint64_t value)
{
	pvb_store_u64(pvb_ring_out(r, 0), value);
	pvb_ring_push(r, 1);
}

/* Take the next one; fails the test if nothing waits. */
static inline uint64_t ring_take(struct pvb_ring *r)
{
	uint64_t slot[32];

	assert_true(pvb_ring_waiting(r) > 0);
	assert_true(r->slot_bytes <= sizeof(slot));
	pvb_ring_copy(r, 0, slot);
	pvb_ring_commit(r, 1);
	return pvb_load_u64(slot);
}

/* xorshift64*: the same runs on every machine. */
static inline uint32_t ring_random(uint64_t *state, uint32_t below)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return (uint32_t)(*state * UINT64_C(0x2545f4914f6cdd1d) >> 33) % below;
}

#endif
