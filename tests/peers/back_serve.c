/* SPDX-License-Identifier: MIT */
/* What a scripted back takes off its rings, and puts there. */
#include "back.h"

enum { AT_ONCE = 32 };

/* ---- taking -------------------------------------------------------------- */

static void take_discard(struct request *r, const void *slot, bool is_32)
{
	struct blkif_x86_32_request_discard d32;
	struct blkif_x86_64_request_discard d64;

	memcpy(&d32, slot, sizeof(d32));
	memcpy(&d64, slot, sizeof(d64));
	r->flag = d64.flag;
	r->nr_segments = 0;
	r->nr_sectors = is_32 ? d32.nr_sectors : d64.nr_sectors;
}

static void *page_of(struct back *b, uint32_t gref, bool write)
{
	void *at;

	if (b->end.mem->ops->window(b->end.mem, b->end.peer, gref, write,
	                            &at) < 0)
		return NULL;
	return at;
}

static void take_indirect(struct back *b, struct request *r, const void *slot,
                          bool is_32)
{
	const size_t all = PAGE / sizeof(r->seg[0]);
	struct blkif_x86_32_request_indirect i32;
	struct blkif_x86_64_request_indirect i64;
	const void *list;

	memcpy(&i32, slot, sizeof(i32));
	memcpy(&i64, slot, sizeof(i64));
	r->indirect = true;
	r->operation = i64.indirect_op;
	r->nr_segments = i64.nr_segments;
	/* One page of them is all that these scripts offer. */
	assert_in_range(r->nr_segments, 1, all);
	list = page_of(b, is_32 ? i32.indirect_grefs[0]
	                        : i64.indirect_grefs[0], b->script->persistent);
	if (!list)
		fail_msg("a list that may not be mapped");
	memcpy(r->seg, list, r->nr_segments * sizeof(r->seg[0]));
	b->indirect++;
}

/* The segments that are in the slots behind. */
static void take_blocks(struct back *b, struct ring *ring, struct request *r,
                        bool is_32)
{
	uint32_t per_block = is_32 ? PVB_BLKIF_SEGMENTS_PER_BLOCK_X86_32
	                           : PVB_BLKIF_SEGMENTS_PER_BLOCK_X86_64;

	assert_in_range(r->nr_segments, 0, b->script->blocks);
	for (uint32_t at = 11; at < r->nr_segments; at += per_block) {
		uint32_t n = r->nr_segments - at;
		const void *slot = ring_get(ring);

		assert_non_null(slot);
		memcpy(r->seg + at, slot,
		       (n < per_block ? n : per_block) * sizeof(r->seg[0]));
		r->slots++;
	}
}

static bool take(struct back *b, struct ring *ring, struct request *r)
{
	bool is_32 = ring->slot_bytes == PVB_BLKIF_SLOT_BYTES_X86_32;
	const void *slot = ring_get(ring);
	struct blkif_x86_32_request r32;
	struct blkif_x86_64_request r64;

	if (!slot)
		return false;
	memset(r, 0, sizeof(*r));
	memcpy(&r32, slot, sizeof(r32));
	memcpy(&r64, slot, is_32 ? sizeof(r32) : sizeof(r64));
	r->slots = 1;
	r->operation = r32.operation;
	r->nr_segments = r32.nr_segments;
	r->handle = r32.handle;
	r->id = is_32 ? r32.id : r64.id;
	r->sector_number = is_32 ? r32.sector_number : r64.sector_number;
	memcpy(r->seg, is_32 ? r32.seg : r64.seg, sizeof(r32.seg));
	if (r->operation == BLKIF_OP_DISCARD)
		take_discard(r, slot, is_32);
	else if (r->operation == BLKIF_OP_INDIRECT)
		take_indirect(b, r, slot, is_32);
	else if (b->script->blocks)
		take_blocks(b, ring, r, is_32);
	else
		assert_in_range(r->nr_segments, 0, 11);
	return true;
}

/* ---- doing --------------------------------------------------------------- */

static uint32_t unit_of(uint32_t unit)
{
	return unit ? unit : SECTOR;
}

static bool move(struct back *b, const struct blkif_request_segment *seg,
                 unsigned char *disk, bool to_front, uint32_t *bytes)
{
	uint32_t unit = unit_of(b->script->page_unit);
	struct pvb_gcopy c = { .gref = seg->gref, .local = disk,
		.to_peer = to_front };
	unsigned char *page;

	c.offset = (uint16_t)(seg->first_sect * unit);
	c.length = (uint16_t)((seg->last_sect - seg->first_sect + 1) * unit);
	*bytes = c.length;
	if (b->script->copies)
		return b->end.mem->ops->copy(b->end.mem, b->end.peer, &c,
		                             1) == 0;
	page = page_of(b, seg->gref, to_front || b->script->persistent);
	if (!page)
		return false;
	if (to_front)
		memcpy(page + c.offset, disk, c.length);
	else
		memcpy(disk, page + c.offset, c.length);
	return true;
}

int16_t back_transfer(struct back *b, const struct request *r)
{
	uint64_t unit = unit_of(b->script->page_unit);
	uint64_t at = r->sector_number * unit_of(b->script->disk_unit);

	for (uint32_t i = 0; i < r->nr_segments; i++) {
		const struct blkif_request_segment *s = &r->seg[i];
		uint32_t bytes;

		if (s->first_sect > s->last_sect ||
		    (s->last_sect + 1) * unit > PAGE ||
		    at + (s->last_sect - s->first_sect + 1) * unit > b->bytes)
			return BLKIF_RSP_ERROR;
		if (!move(b, s, b->disk + at, r->operation == BLKIF_OP_READ,
		          &bytes))
			return BLKIF_RSP_ERROR;
		at += bytes;
	}
	return BLKIF_RSP_OKAY;
}

int16_t back_discard(struct back *b, const struct request *r)
{
	uint64_t unit = unit_of(b->script->disk_unit);

	assert_true((r->sector_number + r->nr_sectors) * unit <= b->bytes);
	memset(b->disk + r->sector_number * unit, 0, r->nr_sectors * unit);
	return BLKIF_RSP_OKAY;
}

static int16_t serve(struct back *b, const struct request *r)
{
	switch (r->operation) {
	case BLKIF_OP_READ:
	case BLKIF_OP_WRITE:
		return back_transfer(b, r);
	case BLKIF_OP_FLUSH_DISKCACHE:
		assert_int_equal(r->nr_segments, 0);
		return BLKIF_RSP_OKAY;
	default:
		return BLKIF_RSP_EOPNOTSUPP;
	}
}

static int16_t do_one(struct back *b, const struct request *r)
{
	assert_in_range(r->operation, 0, 7);
	b->seen[r->operation]++;
	if (r->nr_segments > b->longest)
		b->longest = r->nr_segments;
	if (b->spoil_status && b->spoil_operation == r->operation) {
		int16_t status = b->spoil_status;

		b->spoil_status = 0;
		return status;
	}
	return b->script->serve ? b->script->serve(b, r) : serve(b, r);
}

/* ---- answering ----------------------------------------------------------- */

static void answer(struct ring *ring, const struct request *r, int16_t status)
{
	unsigned char *slot = ring_put(ring);

	memcpy(slot, &r->id, 8);
	slot[8] = r->operation;
	memcpy(slot + 10, &status, 2);
	for (uint32_t i = 1; i < r->slots; i++)
		(void)ring_put(ring);
}

/* As many as there are, up to a bound.  Were there any? */
static bool serve_ring(struct back *b, uint32_t queue)
{
	struct ring *ring = &b->queue[queue].ring;
	static struct request r[AT_ONCE];
	int16_t status[AT_ONCE];
	uint32_t n = 0;

	while (n < AT_ONCE && take(b, ring, &r[n])) {
		status[n] = do_one(b, &r[n]);
		n++;
	}
	if (n == 0)
		return false;
	b->used_queues |= 1U << queue;
	for (uint32_t i = 0; i < n; i++) {
		uint32_t which = b->script->backwards ? n - 1 - i : i;

		answer(ring, &r[which], status[which]);
	}
	if (ring_push(ring))
		b->end.mem->ops->notify(b->end.mem, b->queue[queue].port);
	return true;
}

/* Serve, or wait for a bell, a word in the store, or the program. */
static void turn(struct back *b, int64_t end, const char *what)
{
	const struct pvb_mem_ops *ops = b->end.mem->ops;
	int fd[2 + BACK_QUEUES] = {
		b->end.store->ops->fd(b->end.store), b->stage->told,
	};
	uint32_t n = 2;
	bool any = false;

	for (uint32_t i = 0; i < BACK_QUEUES; i++) {
		struct back_queue *q = &b->queue[i];

		if (!q->pages)
			continue;
		any |= serve_ring(b, i) || ring_last_look(&q->ring);
		fd[n++] = ops->fd(b->end.mem, q->port);
	}
	if (any)
		return;
	end_wait(fd, n, end, what);
	for (uint32_t i = 0; i < BACK_QUEUES; i++)
		if (b->queue[i].pages)
			(void)ops->clear(b->end.mem, b->queue[i].port);
}

void back_await(struct back *b, int state, int or_state)
{
	int64_t end = end_deadline();
	char what[64];
	int found;

	while ((found = hear_state(&b->end)) != state && found != or_state) {
		snprintf(what, sizeof(what), "the front's state %d; it is %d",
		         state, found);
		if (end_news(&b->end) == 0)
			turn(b, end, what);
	}
}

void back_await_program(struct back *b)
{
	int64_t end = end_deadline();

	while (!stage_is_done(b->stage)) {
		(void)end_news(&b->end);
		turn(b, end, "the end of what the program is about");
	}
}
