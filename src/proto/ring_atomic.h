/* SPDX-License-Identifier: MIT */
/*
 * ring_atomic.h - the five atomic operations that ring.c is made of.
 *
 * Nothing else in ring.c touches an index that the peer can touch.  The weak
 * memory check in model/ compiles ring.c with other definitions of these (it
 * defines PVB_RING_ATOMIC_H first), so they are the whole of what that check
 * takes on trust.
 *
 * An index is a plain _Atomic: on every machine that Xen runs on it is the
 * 32-bit word of the wire, lock-free (asserted below) and thus as good
 * between two processes as between two threads, one access is one load or
 * store, and ThreadSanitizer knows it.
 */
#ifndef PVB_RING_ATOMIC_H
#define PVB_RING_ATOMIC_H

#include <stdatomic.h>
#include <stdint.h>

typedef _Atomic uint32_t pvb_ring_index;

_Static_assert(sizeof(pvb_ring_index) == 4, "an index is a word of the wire");
_Static_assert(ATOMIC_INT_LOCK_FREE == 2, "a lock would not be shared");

static inline uint32_t pvb_ring_load_acquire(pvb_ring_index *p)
{
	return atomic_load_explicit(p, memory_order_acquire);
}

static inline uint32_t pvb_ring_load_relaxed(pvb_ring_index *p)
{
	return atomic_load_explicit(p, memory_order_relaxed);
}

static inline void pvb_ring_store_release(pvb_ring_index *p, uint32_t v)
{
	atomic_store_explicit(p, v, memory_order_release);
}

static inline void pvb_ring_store_relaxed(pvb_ring_index *p, uint32_t v)
{
	atomic_store_explicit(p, v, memory_order_relaxed);
}

/*
 * Full: also keeps an earlier store before a later load.  gcc warns that
 * ThreadSanitizer does not model it; no data is ordered by it (that is the
 * acquire and release above), only who must ring the bell.
 */
static inline void pvb_ring_fence(void)
{
#if defined(__SANITIZE_THREAD__) && !defined(__clang__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wtsan"
#endif
	atomic_thread_fence(memory_order_seq_cst);
#if defined(__SANITIZE_THREAD__) && !defined(__clang__)
#pragma GCC diagnostic pop
#endif
}

#endif
