/* SPDX-License-Identifier: MIT */
/*
 * journal.h - the in-flight journal of one back's queue: each request that has
 * been taken off the ring and not yet answered, so that a successor can do it
 * again when the process that took it is dead.  Pure.
 *
 * The memory is the caller's, and outlives the process (a memfd).  It is for
 * any protocol on rings: what is in a slot is not looked at.  A record for each
 * slot of the ring holds one request: the bytes of its first slot, and `extra`
 * bytes of what belongs to it (its further slots, its list of segments).
 *
 *            take                    answer                  free
 *     FREE --------> TAKEN ----------------> ANSWERING ----------> FREE
 *                      ^   unpublished at a recovery |
 *                      +-----------------------------+
 *
 * What makes it hold is the order of the stores: docs/crash.md has each of them
 * by the number that it has in crash_point.h.  Only the compiler could change
 * that order, and it is told not to.  The machine cannot: whoever reads starts
 * after the kernel has told that the writer is dead, and a process dies between
 * two instructions, all stores before which are done.  So there are no fences
 * in here.  For the same reason it does not survive the machine.
 *
 * Whoever opens a journal trusts nothing in it: a guest may have taken over the
 * process that wrote it.  It can then name requests that were never made, of
 * that guest's own disk.  All bounds count slots, not requests.
 */
#ifndef PVB_JOURNAL_H
#define PVB_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "why.h"

enum {
	PVB_JOURNAL_VERSION    = 1,
	PVB_JOURNAL_HEAD_MAX   = 1024,
	PVB_JOURNAL_REFS_MAX   = 16,
	PVB_JOURNAL_TERMS_MAX  = 128,
	PVB_JOURNAL_SLOTS_MAX  = 4096,  /* of a ring */
	PVB_JOURNAL_SLOT_MAX   = 1024,  /* bytes of a slot */
	PVB_JOURNAL_EXTRA_MAX  = 32768, /* bytes */
};

enum pvb_journal_protocol { PVB_JOURNAL_BLKIF = 1, PVB_JOURNAL_VSCSI = 2 };

/* The connection that it is of.  No padding: it is compared as bytes. */
struct pvb_journal_identity {
	uint32_t protocol;              /* enum pvb_journal_protocol */
	uint32_t device;                /* its number in the store */
	uint16_t front_domid, back_domid;
	uint16_t queue, queues;
	uint32_t port;                  /* the front's */
	uint32_t ref_count;
	uint32_t ring_ref[PVB_JOURNAL_REFS_MAX];        /* the rest is 0 */
};

/* What its size follows from. */
struct pvb_journal_shape {
	uint32_t slots;                 /* of the ring */
	uint32_t slot_bytes;
	uint32_t extra_bytes;           /* for each request, at most; or 0 */
};

struct pvb_journal_terms {
	struct pvb_journal_shape shape;
	struct pvb_journal_identity identity;
	/* What was promised, by bits of the protocol's; some may be revoked
	   while the connection lives, or have been for another queue. */
	uint32_t features;
	/* What else must not change under it, compared as bytes. */
	uint32_t terms_bytes;
	uint8_t  terms[PVB_JOURNAL_TERMS_MAX];
};

struct pvb_journal_area;                /* the memory, as it is laid out */

struct pvb_journal {            /* caller's storage; all-zero: there is none */
	struct pvb_journal_area *area;  /* borrowed */
	struct pvb_journal_shape shape;
	uint64_t next;                  /* the request to be taken next; its low
	                                   half is the ring's index */
	uint32_t rsp_new;               /* behind the last answer */
};

/* What a recovery has found. */
struct pvb_journal_found {
	uint32_t redo;                  /* requests to be done again */
	uint32_t uncommitted;           /* still on the ring, likewise */
	uint32_t unpublished;           /* among `redo`: they had an answer that
	                                   was not shown */
	uint32_t published;             /* answered, and still there */
};

/* How long the memory must be; 0: no journal can have this shape. */
size_t pvb_journal_bytes(const struct pvb_journal_shape *s);

/* ---- life ---------------------------------------------------------------- */
/* No journal was ever begun in here, so nothing was ever taken.  `bytes` as
   above (asserted), `mem` aligned to 64. */
bool pvb_journal_is_blank(const void *mem, size_t bytes);
/* The connection of the one that begins with these bytes, which are aligned as
   above, and so many that its head is among them (PVB_JOURNAL_HEAD_MAX is
   always enough).  False: it cannot be told; it is blank, or garbage, or of
   another version. */
bool pvb_journal_whose(const void *bytes, size_t count,
                       struct pvb_journal_identity *out);
/*
 * Begin one in blank memory (asserted), which was all zero when it was made.
 * The ring is quiet and stands at `index`: req_cons = rsp_prod.
 */
void pvb_journal_begin(struct pvb_journal *j, void *mem,
                       const struct pvb_journal_terms *t, uint32_t index);
/*
 * Open what somebody who is dead has left.  OK; JOURNAL_FORMAT: it is none, or
 * of another version, or does not fit the shape (nor `bytes`); JOURNAL_OTHER:
 * it is of another connection, or other things were promised to that.  Only
 * then is anything else of it worth looking at.
 */
enum pvb_why pvb_journal_open(struct pvb_journal *j, void *mem, size_t bytes,
                              const struct pvb_journal_terms *t);
/* Where a successor goes on taking: for pvb_ring_reattach. */
uint32_t pvb_journal_req_cons(const struct pvb_journal *j);
/*
 * Once after open: the ring stands at `rsp_prod`, as it was read once.
 * redo[0..found->redo) are the records of what must be done again, in the order
 * in which it was asked; there is room for shape.slots of them.
 * JOURNAL_RING: the ring is not where the journal has left it.
 * JOURNAL_CONTENT: no back can have left this.
 * After these nothing has been written and the journal must not be used.
 */
enum pvb_why pvb_journal_recover(struct pvb_journal *j, uint32_t rsp_prod,
                                 uint32_t *redo,
                                 struct pvb_journal_found *found);

/* ---- a batch is taken ---------------------------------------------------- */
/* Records are numbered below shape.slots; which of the free ones is used is the
   caller's choice. */

/* Where the request's bytes go.  They are to be copied there at once, or with
   the next take. */
void *pvb_journal_slot(struct pvb_journal *j, uint32_t i);
void *pvb_journal_extra(struct pvb_journal *j, uint32_t i);
/* They are there: the next request, of so many slots of the ring, and bytes of
   extra. */
void pvb_journal_take(struct pvb_journal *j, uint32_t i, uint32_t slots,
                      uint32_t extra_bytes);
/* All that were taken are ours from here on, and no more the ring's. */
void pvb_journal_commit(struct pvb_journal *j);
/* Extra has come later; until then such a request is one without. */
void *pvb_journal_list(struct pvb_journal *j, uint32_t i);
void pvb_journal_listed(struct pvb_journal *j, uint32_t i,
                        uint32_t extra_bytes);

/* ---- of what is taken ---------------------------------------------------- */
const void *pvb_journal_slot_at(const struct pvb_journal *j, uint32_t i);
const void *pvb_journal_extra_at(const struct pvb_journal *j, uint32_t i);
uint32_t pvb_journal_slots(const struct pvb_journal *j, uint32_t i);
uint32_t pvb_journal_extra_bytes(const struct pvb_journal *j, uint32_t i);
bool pvb_journal_is_free(const struct pvb_journal *j, uint32_t i);

/* ---- a batch is answered ------------------------------------------------- */
/* The next answer is this one's; each before any of them is written. */
void pvb_journal_answer(struct pvb_journal *j, uint32_t i);
/* All of them are written, and about to be shown: rsp_prod. */
void pvb_journal_publish(struct pvb_journal *j);
/* They have been. */
void pvb_journal_published(struct pvb_journal *j);
/* Each of them, then. */
void pvb_journal_free(struct pvb_journal *j, uint32_t i);

/* ---- by the way ---------------------------------------------------------- */
/* What was promised when it began. */
uint32_t pvb_journal_features(const struct pvb_journal *j);
/* These of the features are gone, for good. */
void pvb_journal_revoke(struct pvb_journal *j, uint32_t features);
uint32_t pvb_journal_revoked(const struct pvb_journal *j);
/* With nothing taken: what is taken from now on is of this medium.  At first
   it is 0. */
void pvb_journal_set_medium(struct pvb_journal *j, uint64_t medium);
uint64_t pvb_journal_medium(const struct pvb_journal *j);

#endif
