/* SPDX-License-Identifier: MIT */
/*
 * counters.h - what one queue has done, in a small shared memory area: its
 * data half counts, whoever lists devices reads.
 *
 * The area is a file, so it outlives the worker that counts, and one that has
 * a name outlives the supervisor; or a memfd.  Every number is one 64-bit word
 * with one writer; a reader takes a copy at any time, and asks nobody.  The
 * copy is not of one instant, and a worker that a guest has taken over may have
 * written anything, or cut the file off: readers do not map it, compute with
 * the numbers and trust none of them.
 */
#ifndef PVB_COUNTERS_H
#define PVB_COUNTERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/why.h"

enum pvb_count_op {
	PVB_COUNT_READ, PVB_COUNT_WRITE, PVB_COUNT_FLUSH, PVB_COUNT_DISCARD,
	PVB_COUNT_BARRIER, PVB_COUNT_OP_COUNT
};
/* "read", "write", "flush", "discard", "barrier": JSON keys.  Static. */
const char *pvb_count_op_name(enum pvb_count_op op);

enum {
	PVB_COUNT_BUCKETS = 256,        /* of latency: 8 to each power of two */
	PVB_COUNT_WHYS    = 64,         /* room for enum pvb_why to grow */
};

struct pvb_op_counts {
	uint64_t requests, bytes, errors;       /* answered; errors among
	                                           them */
	uint64_t latency[PVB_COUNT_BUCKETS];
};

/* A reader's copy, and by its offsets the layout of the area. */
struct pvb_counts {
	struct pvb_op_counts op[PVB_COUNT_OP_COUNT];
	uint64_t refused[PVB_COUNT_WHYS];       /* by enum pvb_why */
	uint64_t in_flight;                     /* taken and not yet answered */
	uint64_t bells_sent, bells_received, sleeps;
	uint64_t mapped_pages;                  /* of the peer's, kept; now */
	uint64_t copies;                        /* of pages, or parts */
	uint64_t no_space;                      /* times that the disk had no
	                                           room for a request */
	uint64_t pauses;                        /* of the ring, for that */
	uint64_t kept;                          /* requests that wait for room,
	                                           now */
	/* Somebody who died was followed (struct pvb_journal_found): */
	uint64_t resumed;                       /* times */
	uint64_t redone, unpublished, published, uncommitted;
	uint64_t slow;                          /* requests that took too long,
	                                           or do */
	uint64_t slow_now;                      /* of these, in flight now */
	uint64_t slow_since_ns;                 /* when the oldest of those was
	                                           taken, by the monotonic
	                                           clock; 0: none */
};

/* ---- the area ------------------------------------------------------------ */
struct pvb_counters;                    /* as mapped */

/* How long it is. */
size_t pvb_counters_bytes(void);
/* A fresh area, all zero: its memfd (owned), sealed in size; or -errno. */
int  pvb_counters_create(void);
/* Make one of a file that is so long, and all zero.  0 or -errno. */
int  pvb_counters_begin(int fd);
/* Map one (`fd` stays the caller's).  0, -EINVAL (not such an area, or another
   version's), -ENOMEM, -EACCES. */
int  pvb_counters_map(int fd, bool read_only, struct pvb_counters **out);
void pvb_counters_unmap(struct pvb_counters *c);         /* NULL is fine */

/* ---- the writer; one thread.  A NULL area counts nothing ----------------- */
/* Add to, or set, the word at this offset in struct pvb_counts. */
void pvb_counters_add(struct pvb_counters *c, size_t offset, uint64_t n);
void pvb_counters_set(struct pvb_counters *c, size_t offset, uint64_t value);
#define PVB_COUNT(field) offsetof(struct pvb_counts, field)
/* One request was answered. */
void pvb_counters_answered(struct pvb_counters *c, enum pvb_count_op op,
                           uint64_t bytes, uint64_t latency_ns, bool error);
void pvb_counters_refused(struct pvb_counters *c, enum pvb_why why);

/* ---- readers ------------------------------------------------------------- */
/* Of one that is mapped; of any: 0, or as map. */
void pvb_counters_read(struct pvb_counters *c, struct pvb_counts *out);
int  pvb_counters_fetch(int fd, struct pvb_counts *out);
/* Add up the queues of one device; of moments the first counts. */
void pvb_counts_merge(struct pvb_counts *into, const struct pvb_counts *from);
/* The latency that `per_mille` of the requests did not exceed (500: the
   median), to about 6 %; 0 if there were none. */
uint64_t pvb_counts_latency_ns(const struct pvb_op_counts *o,
                               uint32_t per_mille);

#endif
