/* SPDX-License-Identifier: MIT */
/*
 * ring_relacy.hpp - what src/proto/ring.c stands on, replaced by relacy's
 * checked memory: its five atomic operations and its one copy out of a slot.
 *
 * It takes the place of proto/ring_atomic.h and base/bytes.h by defining
 * their guards.  An index stays the 32-bit word that the layout wants; its
 * address says which of relacy's atomics it stands for.  So does a slot's,
 * and a slot is a plain variable: relacy reports any access to it that the
 * indices do not order.
 */
#ifndef MODEL_RING_RELACY_HPP
#define MODEL_RING_RELACY_HPP

#include <cstdint>
#include <cstring>
#include <iostream>

#include <relacy/relacy.hpp>

#define PVB_RING_ATOMIC_H
#define PVB_BYTES_H

/* What a run takes out, to see that it is missed. */
enum weakness {
	WEAK_NOTHING,
	/* the fence inside that call, at that end only */
	WEAK_FRONT_PUBLISH, WEAK_FRONT_SLEEP, WEAK_BACK_PUBLISH,
	WEAK_BACK_SLEEP,
	/* become relaxed, at both ends */
	WEAK_RELEASE, WEAK_ACQUIRE,
};

enum { SLOTS = 2, SLOT_BYTES = 4, RING_BYTES = 64 + SLOTS * SLOT_BYTES };

/* The shared page: real bytes for the addresses, relacy's for the contents. */
struct checked_page {
	rl::atomic<uint32_t> index[4];
	rl::var<uint32_t> slot[SLOTS];
};

alignas(4096) static uint8_t page_bytes[4096];
static checked_page *page;
static weakness weak;
/* The call that each end is in, if its fence could be the one to leave out. */
static weakness inside[2];

struct pvb_ring_index { uint32_t word; };

static rl::atomic<uint32_t> &index_at(pvb_ring_index *p)
{
	return page->index[((uint8_t *)p - page_bytes) / sizeof(*p)];
}

static rl::var<uint32_t> &slot_at_address(const void *p)
{
	return page->slot[((const uint8_t *)p - page_bytes - 64) / SLOT_BYTES];
}

static inline uint32_t pvb_ring_load_acquire(pvb_ring_index *p)
{
	return index_at(p).load(weak == WEAK_ACQUIRE ? rl::mo_relaxed
						     : rl::mo_acquire, $);
}

static inline uint32_t pvb_ring_load_relaxed(pvb_ring_index *p)
{
	return index_at(p).load(rl::mo_relaxed, $);
}

static inline void pvb_ring_store_release(pvb_ring_index *p, uint32_t v)
{
	index_at(p).store(v, weak == WEAK_RELEASE ? rl::mo_relaxed
						  : rl::mo_release, $);
}

static inline void pvb_ring_store_relaxed(pvb_ring_index *p, uint32_t v)
{
	index_at(p).store(v, rl::mo_relaxed, $);
}

static inline void pvb_ring_fence(void)
{
	if (weak == WEAK_NOTHING || inside[rl::thread_index()] != weak)
		rl::atomic_thread_fence(rl::mo_seq_cst, $);
}

static inline void pvb_copy_out(void *to, const void *from, size_t length)
{
	uint32_t value = slot_at_address(from)($);

	memcpy(to, &value, length);
}

/* What an end does with the address that pvb_ring_out gives it. */
static inline void slot_write(void *to, uint32_t value)
{
	slot_at_address(to)($) = value;
}

#endif
