/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>

#include <pvb/disk.h>

#include "record_crash.h"

enum {
	SHARES = 8, ROW_BITS = 4, LARGE_BYTES = 64 << 20,
	TICKS = 16,                     /* from one entry to the next */
};

enum fate { KEPT, LUCKY, LOST, TORN };

struct piece {
	const struct pvb_record_op *op;
	uint64_t when;                  /* it reached the disk, in ticks */
	enum fate fate;
};

struct picture {
	const struct pvb_record_index *index;
	const struct pvb_record_crash *crash;
	struct piece *pieces;
	size_t   count;
	uint64_t covered;               /* what ended before this is kept */
	uint64_t random;
};

/* splitmix64: any seed is good, also 0. */
static uint64_t next_random(struct picture *p)
{
	uint64_t z = p->random += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

static uint64_t random_below(struct picture *p, uint64_t n)
{
	return next_random(p) % n;
}

static bool is_done(const struct picture *p, const struct pvb_record_op *op)
{
	return op->done && op->end < p->crash->until;
}

/* All that ended before the youngest flush that was done was asked for. */
static void find_covered(struct picture *p)
{
	for (size_t i = 0; i < p->index->count; i++) {
		const struct pvb_record_op *op = &p->index->ops[i];

		if (op->asked.op == PVB_IO_FLUSH && is_done(p, op) &&
		    op->begin > p->covered)
			p->covered = op->begin;
	}
}

static bool is_kept(const struct picture *p, const struct pvb_record_op *op)
{
	return !p->crash->lies && op->asked.op != PVB_IO_DISCARD &&
	       is_done(p, op) &&
	       (op->end < p->covered || op->asked.flags & PVB_IO_FUA);
}

/* What has happened of those that change something. */
static void collect(struct picture *p)
{
	for (size_t i = 0; i < p->index->count; i++) {
		const struct pvb_record_op *op = &p->index->ops[i];

		if (op->begin >= p->crash->until)
			break;
		if (op->asked.op == PVB_IO_FLUSH)
			continue;
		p->pieces[p->count++] = (struct piece){
			op, op->begin * TICKS, is_kept(p, op) ? KEPT : LUCKY,
		};
	}
}

/* Some images lose nearly all, some nearly nothing. */
static void draw_fates(struct picture *p)
{
	uint64_t lost = random_below(p, SHARES);
	uint64_t torn = random_below(p, SHARES - lost);

	for (size_t i = 0; i < p->count; i++) {
		struct piece *q = &p->pieces[i];
		uint64_t n = random_below(p, SHARES);

		if (q->fate != KEPT)
			q->fate = n < lost ? LOST : n < lost + torn ? TORN
			                                            : LUCKY;
	}
}

/* At some moment between its beginning and its end. */
static void draw_times(struct picture *p)
{
	for (size_t i = 0; i < p->count; i++) {
		struct piece *q = &p->pieces[i];
		uint64_t end = q->op->end < p->crash->until
			? q->op->end : p->crash->until;

		q->when += random_below(p, (end - q->op->begin) * TICKS);
	}
}

static void lose_all_but_last(struct picture *p)
{
	bool last = true;

	for (size_t i = p->count; i-- > 0;) {
		if (p->pieces[i].fate == KEPT)
			continue;
		if (!last)
			p->pieces[i].fate = LOST;
		last = false;
	}
}

static void lose_one(struct picture *p)
{
	uint64_t loose = 0, which;

	for (size_t i = 0; i < p->count; i++)
		loose += p->pieces[i].fate != KEPT;
	if (loose == 0)
		return;
	which = random_below(p, loose);
	for (size_t i = 0; i < p->count; i++) {
		if (p->pieces[i].fate == KEPT || which-- > 0)
			continue;
		p->pieces[i].fate = LOST;
		return;
	}
}

static void lose_all(struct picture *p)
{
	for (size_t i = 0; i < p->count; i++)
		if (p->pieces[i].fate != KEPT)
			p->pieces[i].fate = LOST;
}

static void decide(struct picture *p)
{
	switch (p->crash->lose) {
	case PVB_RECORD_LOSE_RANDOM:
		draw_fates(p);
		draw_times(p);
		break;
	case PVB_RECORD_LOSE_ALL:
		lose_all(p);
		break;
	case PVB_RECORD_LOSE_ONE:
		lose_one(p);
		break;
	case PVB_RECORD_LOSE_BUT_LAST:
		lose_all_but_last(p);
		break;
	case PVB_RECORD_LOSE_NONE:
		break;
	}
}

static int by_time(const void *a, const void *b)
{
	const struct piece *x = a, *y = b;

	if (x->when != y->when)
		return x->when < y->when ? -1 : 1;
	return x->op->begin < y->op->begin ? -1 : x->op->begin > y->op->begin;
}

/* Sectors in rows, each row there or not. */
static int put_torn(struct picture *p, const struct pvb_record_op *op,
                    pvb_record_put *put, void *arg)
{
	uint64_t sector = p->index->head.sector_size_bytes;
	uint64_t length = op->asked.length_bytes;
	uint64_t at = op->asked.offset_bytes, end = at + length, row;
	int r = 0;

	for (; at < end && r == 0; at += row) {
		row = length / SHARES / sector * sector;
		if (length <= LARGE_BYTES)
			row = sector << random_below(p, ROW_BITS);
		if (row > end - at)
			row = end - at;
		if (random_below(p, 2))
			r = put(arg, op, at, row);
	}
	return r;
}

static int put_all(struct picture *p, pvb_record_put *put, void *arg,
                   struct pvb_record_tally *tally)
{
	int r = 0;

	for (size_t i = 0; i < p->count && r == 0; i++) {
		const struct piece *q = &p->pieces[i];
		const struct pvb_record_entry *x = &q->op->asked;

		tally->kept += q->fate == KEPT;
		tally->lucky += q->fate == LUCKY;
		tally->lost += q->fate == LOST;
		tally->torn += q->fate == TORN;
		if (q->fate == TORN)
			r = put_torn(p, q->op, put, arg);
		else if (q->fate != LOST && x->length_bytes > 0)
			r = put(arg, q->op, x->offset_bytes, x->length_bytes);
	}
	return r;
}

int pvb_record_crash(const struct pvb_record_index *x,
                     const struct pvb_record_crash *c,
                     pvb_record_put *put, void *arg,
                     struct pvb_record_tally *tally)
{
	struct picture p = { .index = x, .crash = c, .random = c->seed };
	int r;

	*tally = (struct pvb_record_tally){ .kept = 0 };
	p.pieces = calloc(x->count ? x->count : 1, sizeof(*p.pieces));
	if (!p.pieces)
		return -ENOMEM;
	find_covered(&p);
	collect(&p);
	decide(&p);
	qsort(p.pieces, p.count, sizeof(*p.pieces), by_time);
	r = put_all(&p, put, arg, tally);
	free(p.pieces);
	return r;
}
