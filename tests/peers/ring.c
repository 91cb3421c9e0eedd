/* SPDX-License-Identifier: MIT */
#include "ring.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

enum { REQ_PROD = 0, REQ_EVENT = 4, RSP_PROD = 8, RSP_EVENT = 12, SLOTS = 64 };

static uint32_t *at(const struct ring *r, uint32_t offset)
{
	return (uint32_t *)(void *)(r->pages + offset);
}

static uint32_t *our_prod(const struct ring *r)
{
	return at(r, r->is_back ? RSP_PROD : REQ_PROD);
}

static uint32_t *their_prod(const struct ring *r)
{
	return at(r, r->is_back ? REQ_PROD : RSP_PROD);
}

/* Which of theirs we want to be rung for; and the mirror. */
static uint32_t *our_event(const struct ring *r)
{
	return at(r, r->is_back ? REQ_EVENT : RSP_EVENT);
}

static uint32_t *their_event(const struct ring *r)
{
	return at(r, r->is_back ? RSP_EVENT : REQ_EVENT);
}

void ring_format(void *pages, uint32_t bytes)
{
	struct ring r = { .pages = pages };

	memset(pages, 0, bytes);
	*at(&r, REQ_EVENT) = 1;
	*at(&r, RSP_EVENT) = 1;
}

void ring_open(struct ring *r, void *pages, uint32_t bytes,
               uint32_t slot_bytes, bool is_back)
{
	uint32_t fit = (bytes - SLOTS) / slot_bytes;

	*r = (struct ring){ .pages = pages, .slots = 1,
		.slot_bytes = slot_bytes, .is_back = is_back };
	while (r->slots * 2 <= fit)
		r->slots *= 2;
	r->prod = *our_prod(r);
	/* Nothing is in flight on a ring that is opened. */
	r->cons = *at(r, RSP_PROD);
}

uint32_t ring_room(const struct ring *r)
{
	return r->slots - (r->prod - r->cons);
}

static void *slot(const struct ring *r, uint32_t index)
{
	return r->pages + SLOTS + (size_t)(index % r->slots) * r->slot_bytes;
}

void *ring_put(struct ring *r)
{
	if (r->is_back)
		assert_true(r->prod != r->cons);
	else
		assert_true(ring_room(r) > 0);
	return slot(r, r->prod++);
}

/* These two, and the two of ring_last_look, keep their order to everybody: as
   with a full fence between them, of which ThreadSanitizer knows nothing. */
bool ring_push(struct ring *r)
{
	uint32_t old = *our_prod(r), event;

	__atomic_store_n(our_prod(r), r->prod, __ATOMIC_SEQ_CST);
	event = __atomic_load_n(their_event(r), __ATOMIC_SEQ_CST);
	return r->prod - event < r->prod - old;
}

uint32_t ring_waiting(const struct ring *r)
{
	uint32_t prod = __atomic_load_n(their_prod(r), __ATOMIC_SEQ_CST);
	uint32_t most = r->is_back ? r->slots - (r->cons - r->prod)
	                           : r->prod - r->cons;

	assert_in_range(prod - r->cons, 0, most);
	return prod - r->cons;
}

void *ring_get(struct ring *r)
{
	return ring_waiting(r) > 0 ? slot(r, r->cons++) : NULL;
}

bool ring_last_look(struct ring *r)
{
	__atomic_store_n(our_event(r), r->cons + 1, __ATOMIC_SEQ_CST);
	return ring_waiting(r) > 0;
}
