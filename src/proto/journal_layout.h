/* SPDX-License-Identifier: MIT */
/*
 * journal_layout.h - the bytes of a journal.  For journal.c and
 * journal_recover.c.
 *
 *     head | a record and its slot, for each slot of the ring | extra of each
 *
 * Another layout is another version.
 */
#ifndef PVB_JOURNAL_LAYOUT_H
#define PVB_JOURNAL_LAYOUT_H

#include <stdatomic.h>

#include "crash_point.h"
#include "journal.h"

#define PVB_JOURNAL_MAGIC UINT64_C(0x6c6e726a6b627670)

enum pvb_journal_state {
	PVB_JOURNAL_FREE, PVB_JOURNAL_TAKEN, PVB_JOURNAL_ANSWERING,
};

enum { PVB_JOURNAL_ALIGN = 64 };

struct pvb_journal_area {
	_Atomic uint64_t magic;         /* written last */
	uint32_t version, head_bytes;
	struct pvb_journal_terms is;
	/* From here on written while it is used; a line of its own. */
	_Alignas(PVB_JOURNAL_ALIGN) _Atomic uint64_t req_cons;
	_Atomic uint64_t medium;
	_Atomic uint32_t rsp_pub, rsp_new;
	_Atomic uint32_t revoked;
};

struct pvb_journal_record {
	_Atomic uint64_t req_idx;       /* its first slot, counted on beyond
	                                   32 bits */
	_Atomic uint32_t rsp_idx;       /* of its answer, while ANSWERING */
	_Atomic uint16_t extra_bytes;
	_Atomic uint8_t  slots;
	_Atomic uint8_t  state;
	unsigned char    slot[];
};

_Static_assert(sizeof(struct pvb_journal_record) == 16, "no padding");
_Static_assert(sizeof(struct pvb_journal_identity) ==
               24 + 4 * PVB_JOURNAL_REFS_MAX, "no padding");
_Static_assert(sizeof(struct pvb_journal_area) % PVB_JOURNAL_ALIGN == 0,
               "the first record is aligned");
_Static_assert(ATOMIC_LLONG_LOCK_FREE == 2 && ATOMIC_INT_LOCK_FREE == 2 &&
               ATOMIC_SHORT_LOCK_FREE == 2 && ATOMIC_CHAR_LOCK_FREE == 2,
               "a lock would not be shared, nor survive");

/* The order of the stores, as far as the compiler may change it. */
static inline void pvb_journal_in_order(void)
{
	atomic_signal_fence(memory_order_seq_cst);
}

/* The one way to store into a journal that somebody may have to recover. */
#define PVB_JOURNAL_STORE(at, place, value) \
	do { \
		PVB_CRASH_POINT(at); \
		pvb_journal_in_order(); \
		atomic_store_explicit(&(place), (value), \
		                      memory_order_relaxed); \
		pvb_journal_in_order(); \
	} while (0)
#define PVB_JOURNAL_LOAD(place) \
	atomic_load_explicit(&(place), memory_order_relaxed)

static inline size_t pvb_journal_round(size_t bytes)
{
	return (bytes + PVB_JOURNAL_ALIGN - 1) / PVB_JOURNAL_ALIGN *
	       PVB_JOURNAL_ALIGN;
}

static inline size_t
pvb_journal_record_stride(const struct pvb_journal_shape *s)
{
	return pvb_journal_round(sizeof(struct pvb_journal_record) +
	                         s->slot_bytes);
}

/* Where the records end. */
static inline size_t
pvb_journal_records_end(const struct pvb_journal_shape *s)
{
	return sizeof(struct pvb_journal_area) +
	       s->slots * pvb_journal_record_stride(s);
}

static inline struct pvb_journal_record *
pvb_journal_record(const struct pvb_journal *j, uint32_t i)
{
	unsigned char *first = (unsigned char *)(j->area + 1);

	return (void *)(first + i * pvb_journal_record_stride(&j->shape));
}

#endif
