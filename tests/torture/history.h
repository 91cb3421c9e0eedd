/* SPDX-License-Identifier: MIT */
/*
 * history.h - what each block of a disk may hold, while requests are in flight.
 *
 * A block is 512 bytes.  Each that is written says which disk and block it is
 * for, and its version, which grows with each write; and the rest of it follows
 * from that.  So a block that is not what it must be tells what it is: one that
 * was lost (an acknowledged write is not there, and never was seen there), one
 * that has come again (a newer one had been seen), or one that is wrong
 * (anything else: another block's, a mixture, bytes that nobody wrote).
 *
 * A request has its effect at some time between its begin and its end, perhaps
 * several times, in any order with others that are in flight together with it.
 * So a block may hold what the last one has written that ended before all that
 * are in flight began; or what any has written that did not end before that.
 * Where that is more than one thing it may be a mixture of words.  What a read
 * has seen is no more in doubt.
 *
 * One thread a disk.
 */
#ifndef PVB_TEST_HISTORY_H
#define PVB_TEST_HISTORY_H

#include <stdbool.h>
#include <stdint.h>

enum { HISTORY_BLOCK = 512, HISTORY_VALUES = 6 };

enum history_op { HISTORY_READ, HISTORY_WRITE, HISTORY_DISCARD };

enum history_verdict {
	HISTORY_RIGHT, HISTORY_LOST, HISTORY_CAME_AGAIN, HISTORY_WRONG,
	HISTORY_VERDICTS
};
/* "right", "lost", "resurrected", "wrong".  Static. */
const char *history_verdict_name(enum history_verdict v);

struct history_value {
	uint64_t version;               /* 0: zeros */
	uint64_t begun, ended, gone;    /* when; 0: not yet.  All 0: none */
};

struct history_block {
	struct history_value value[HISTORY_VALUES];
	uint16_t readers, writers;      /* in flight */
	bool     seen;                  /* what began last has been read */
};

struct history {
	struct history_block *block;    /* owned */
	uint64_t blocks;
	uint32_t disk;                  /* its number */
	uint64_t now, version;          /* the last that were used */
};

/* A request in flight, of `count` blocks from `first` on.  Caller's. */
struct history_span {
	enum history_op op;
	/* Discard: leaves zeros.  Else zeros or what was there before. */
	bool     zeros;
	uint64_t first, count;
	uint64_t version, begun;        /* set by begin */
};

struct history_finding {                /* the first of a read's */
	enum history_verdict verdict;
	uint64_t block;
	char text[200];                 /* what was there */
};

/* A disk of zeros.  False: no memory. */
bool history_init(struct history *h, uint32_t disk, uint64_t blocks);
void history_fini(struct history *h);

/* There is room to remember what it does.  Asked before each begin. */
bool history_may(const struct history *h, const struct history_span *s);
/* It is about to be submitted.  A write: `data` is filled in. */
void history_begin(struct history *h, struct history_span *s, void *data);
/* It was answered, without an error.  A read: *f is what is wrong with `data`,
   and how many blocks are. */
uint64_t history_end(struct history *h, const struct history_span *s,
                     const void *data, struct history_finding *f);

#endif
