/* SPDX-License-Identifier: MIT */
/*
 * blkfront_req_fill.c - callers' memory into the segments of a ring request;
 * see blkfront_req.h.
 *
 * A ring request carries a row of segments, each of whole sectors inside one
 * page.
 */
#include <string.h>

#include "blkfront_req.h"

/* ---- a request's memory -------------------------------------------------- */

/* What lies in a row at the cursor, which skips empty vectors. */
static void *at_cursor(const struct pvb_io *io, struct pvb_blkfront_cursor *c,
                       uint64_t *bytes)
{
	const struct iovec *v = &io->iov[c->index];

	while (c->offset == v->iov_len) {
		v = &io->iov[++c->index];
		c->offset = 0;
	}
	*bytes = v->iov_len - c->offset;
	return (char *)v->iov_base + c->offset;
}

void pvb_blkfront_move(const struct pvb_io *io, struct pvb_blkfront_cursor *c,
                       void *page, uint32_t bytes, bool to_page)
{
	uint32_t moved = 0;

	while (moved < bytes) {
		uint64_t row;
		void *at = at_cursor(io, c, &row);
		uint32_t n = row < bytes - moved ? (uint32_t)row
		                                 : bytes - moved;

		if (to_page)
			memcpy((char *)page + moved, at, n);
		else
			memcpy(at, (char *)page + moved, n);
		c->offset += n;
		moved += n;
	}
}

static void skip(const struct pvb_io *io, struct pvb_blkfront_cursor *c,
                 uint32_t bytes)
{
	while (bytes > 0) {
		uint64_t row;
		uint32_t n;

		(void)at_cursor(io, c, &row);
		n = row < bytes ? (uint32_t)row : bytes;
		c->offset += n;
		bytes -= n;
	}
}

bool pvb_blkfront_is_shared(const struct pvb_blkfront_queue *q,
                            const struct pvb_io *io)
{
	uintptr_t mask = q->geometry.sector_size_bytes - 1;

	if (q->bounce_always ||
	    (io->op != PVB_IO_READ && io->op != PVB_IO_WRITE))
		return false;
	for (uint32_t i = 0; i < io->iovcnt; i++) {
		const struct iovec *v = &io->iov[i];

		if ((((uintptr_t)v->iov_base | v->iov_len) & mask) != 0 ||
		    !pvb_guest_front_holds(&q->data, v->iov_base, v->iov_len))
			return false;
	}
	return true;
}

/* ---- segments ------------------------------------------------------------ */

/* Is there room for one more?  Beyond what a slot holds it needs a further
   slot now and then, or a list. */
static bool seg_room(struct pvb_blkfront_queue *q,
                     struct pvb_blkfront_shadow *s)
{
	struct pvb_blk_req *r = &q->scratch;

	if (q->scratch_bytes >= q->bytes_max)
		return false;
	if (r->nr_segs < PVB_BLK_SEGS_DIRECT)
		return true;
	if (q->blocks)
		return r->nr_segs < q->segs_max &&
		       pvb_blk_slots(q->abi, r->nr_segs + 1u) <=
		       pvb_ring_room(&q->channel.ring);
	if (!s->list && r->nr_segs < q->segs_max)
		s->list = pvb_guest_front_page_get(&q->lists,
		                                   &r->indirect_gref[0]);
	return s->list && r->nr_segs < q->segs_max;
}

static void seg_add(struct pvb_blkfront_queue *q, uint32_t gref,
                    uint32_t offset, uint32_t bytes)
{
	q->scratch.seg[q->scratch.nr_segs++] = (struct pvb_seg){
		.gref = gref,
		.first = (uint8_t)(offset / PVB_BLK_SECTOR_BYTES),
		.last = (uint8_t)((offset + bytes) / PVB_BLK_SECTOR_BYTES - 1),
	};
	q->scratch_bytes += bytes;
}

/* What one page can take of this much, as far as the request may grow. */
static uint32_t page_of(const struct pvb_blkfront_queue *q, uint64_t bytes)
{
	uint32_t most = q->bytes_max - q->scratch_bytes;

	if (most > PVB_BLK_PAGE_BYTES)
		most = PVB_BLK_PAGE_BYTES;
	return bytes < most ? (uint32_t)bytes : most;
}

/* The rest of this page, as it lies. */
static uint32_t add_shared(struct pvb_blkfront_queue *q,
                           const struct pvb_io *io,
                           struct pvb_blkfront_cursor *c)
{
	uint64_t row;
	void *at = at_cursor(io, c, &row);
	uint32_t offset = (uint32_t)((uintptr_t)at % PVB_BLK_PAGE_BYTES);
	uint32_t n = page_of(q, row);

	if (n > PVB_BLK_PAGE_BYTES - offset)
		n = PVB_BLK_PAGE_BYTES - offset;
	seg_add(q, pvb_guest_front_gref(&q->data, at), offset, n);
	c->offset += n;
	return n;
}

/* A page of our own; 0: there is none now.  Zeros, too, take one for each
   segment: a back maps what it is given, and Xen has a bound on how often one
   page can be mapped. */
static uint32_t add_bounced(struct pvb_blkfront_queue *q,
                            struct pvb_blkfront_shadow *s,
                            const struct pvb_io *io,
                            struct pvb_blkfront_cursor *c, uint64_t left)
{
	uint32_t n = page_of(q, left);
	uint32_t gref;
	void *page = pvb_guest_front_page_get(&q->data, &gref);

	if (!page)
		return 0;
	s->page[s->page_count++] = page;
	if (io->op == PVB_IO_WRITE)
		pvb_blkfront_move(io, c, page, n, true);
	else if (io->op == PVB_IO_ZERO)
		memset(page, 0, n);
	else
		skip(io, c, n);
	seg_add(q, gref, 0, n);
	return n;
}

static void take_back(struct pvb_blkfront_queue *q,
                      struct pvb_blkfront_shadow *s, uint16_t segs,
                      uint16_t pages, uint32_t bytes)
{
	q->scratch.nr_segs = segs;
	q->scratch_bytes = bytes;
	while (s->page_count > pages)
		pvb_guest_front_page_put(&q->data, s->page[--s->page_count]);
}

bool pvb_blkfront_add_part(struct pvb_blkfront_queue *q,
                           struct pvb_blkfront_shadow *s, struct pvb_io *io,
                           bool whole)
{
	struct pvb_blkfront_state *st = pvb_blkfront_state(io);
	struct pvb_blkfront_part *part = &s->part[s->part_count];
	uint16_t segs = q->scratch.nr_segs, pages = s->page_count;
	uint32_t before = q->scratch_bytes;
	uint64_t left = io->length_bytes - st->sent_bytes;
	struct pvb_blkfront_cursor c = st->at;
	uint32_t bytes = 0, n;

	while (left > 0 && seg_room(q, s)) {
		n = st->shared ? add_shared(q, io, &c)
		               : add_bounced(q, s, io, &c, left);
		if (n == 0)
			break;
		bytes += n;
		left -= n;
	}
	if (bytes == 0 || (whole && left > 0)) {
		take_back(q, s, segs, pages, before);
		return false;
	}
	*part = (struct pvb_blkfront_part){ io, st->at, bytes };
	s->part_count++;
	st->at = c;
	st->sent_bytes += bytes;
	st->parts++;
	return true;
}
