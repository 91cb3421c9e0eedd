/* SPDX-License-Identifier: MIT */
/*
 * What the disk below is asked for, one after the other, for a request with
 * edges, that is one that does not begin and end with its sectors:
 *
 *	READ     read all of it, the edges too
 *	WRITE    read each edge, then write all of it
 *	ZERO     read and write each edge, then zero what is between them
 */
#include <string.h>

#include "narrow_parts.h"

enum { READ_HEAD, WRITE_HEAD, READ_TAIL, WRITE_TAIL, BODY, STEPS };

void narrow_place(const struct pvb_io *io, uint32_t block,
                  struct narrow_place *p)
{
	uint64_t mask = block - 1, end = io->offset_bytes + io->length_bytes;

	p->before = (uint32_t)(io->offset_bytes & mask);
	p->behind = (uint32_t)(-end & mask);
	p->begin = io->offset_bytes - p->before;
	p->end = end + p->behind;
	p->one = p->end - p->begin == block;
}

/* An edge that is all of a request counts as its head. */
static bool has_head(const struct narrow_place *p)
{
	return p->before > 0 || (p->one && p->behind > 0);
}

static bool has_tail(const struct narrow_place *p)
{
	return p->behind > 0 && !p->one;
}

/* ---- the disk's requests ------------------------------------------------- */

static void set(struct narrow_request *r, enum pvb_io_op op, uint64_t begin,
                uint64_t end)
{
	bool changes = op == PVB_IO_WRITE || op == PVB_IO_ZERO;

	r->io.op = op;
	r->io.flags = changes ? r->outer->flags & PVB_IO_FUA : 0;
	r->io.offset_bytes = begin;
	r->io.length_bytes = end - begin;
	r->io.iov = r->edges->iov;
	r->io.iovcnt = 0;
}

static void add(struct narrow_request *r, void *base, size_t bytes)
{
	if (bytes > 0)
		r->edges->iov[r->io.iovcnt++] = (struct iovec){ base, bytes };
}

static bool set_head(struct narrow_request *r, enum pvb_io_op op,
                     const struct narrow_place *p, uint32_t block)
{
	set(r, op, p->begin, p->begin + block);
	add(r, r->edges->head, block);
	return true;
}

static bool set_tail(struct narrow_request *r, enum pvb_io_op op,
                     const struct narrow_place *p, uint32_t block)
{
	set(r, op, p->end - block, p->end);
	add(r, r->edges->tail, block);
	return true;
}

static bool set_whole(struct narrow_request *r, const struct narrow_place *p,
                      uint32_t block)
{
	unsigned char *last = p->one ? r->edges->head : r->edges->tail;
	const struct pvb_io *o = r->outer;

	set(r, o->op, p->begin, p->end);
	add(r, r->edges->head, p->before);
	for (uint32_t i = 0; i < o->iovcnt; i++)
		add(r, o->iov[i].iov_base, o->iov[i].iov_len);
	add(r, last + (block - p->behind), p->behind);
	return true;
}

/* What of its first sector is to be zero, and of its last. */
static void clear_head(struct narrow_request *r, const struct narrow_place *p,
                       uint32_t block)
{
	uint32_t end = p->one ? block - p->behind : block;

	memset(r->edges->head + p->before, 0, end - p->before);
}

static void clear_tail(struct narrow_request *r, const struct narrow_place *p,
                       uint32_t block)
{
	memset(r->edges->tail, 0, block - p->behind);
}

static bool set_between(struct narrow_request *r, const struct narrow_place *p,
                        uint32_t block)
{
	uint64_t begin = has_head(p) ? p->begin + block : p->begin;
	uint64_t end = has_tail(p) ? p->end - block : p->end;

	if (begin >= end)
		return false;
	set(r, PVB_IO_ZERO, begin, end);
	r->io.flags = r->outer->flags;
	return true;
}

/* False: there is nothing to be done in this step. */
static bool set_step(struct narrow_request *r, uint8_t step, uint32_t block)
{
	enum pvb_io_op op = r->outer->op;
	struct narrow_place p;

	narrow_place(r->outer, block, &p);
	switch (step) {
	case READ_HEAD:
		return op != PVB_IO_READ && has_head(&p) &&
		       set_head(r, PVB_IO_READ, &p, block);
	case WRITE_HEAD:
		if (op != PVB_IO_ZERO || !has_head(&p))
			return false;
		clear_head(r, &p, block);
		return set_head(r, PVB_IO_WRITE, &p, block);
	case READ_TAIL:
		return op != PVB_IO_READ && has_tail(&p) &&
		       set_tail(r, PVB_IO_READ, &p, block);
	case WRITE_TAIL:
		if (op != PVB_IO_ZERO || !has_tail(&p))
			return false;
		clear_tail(r, &p, block);
		return set_tail(r, PVB_IO_WRITE, &p, block);
	default:
		return op == PVB_IO_ZERO ? set_between(r, &p, block)
		                         : set_whole(r, &p, block);
	}
}

bool narrow_next(struct narrow_request *r, uint32_t block)
{
	while (r->step < STEPS)
		if (set_step(r, r->step++, block))
			return true;
	return false;
}
