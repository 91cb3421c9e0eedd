/* SPDX-License-Identifier: MIT */
/*
 * Linux of today (xen-blkfront.c): waits for InitWait and takes what is offered
 * of queues and pages; ring nodes in one transaction, the state behind it.  It
 * reads the features at Connected, grants a page once and uses it again, the
 * last one first, and puts the lists of its indirect requests on such pages,
 * too.  It looks whether an answer names the operation inside.  A discard says
 * nothing of a handle.
 *
 * It leaves when the toolstack wants it to, from Connected to Closed.
 */
#include "front.h"

enum {
	ORDER_MAX = 2, QUEUES_MAX = 4, INDIRECT_MAX = 32, IN_FLIGHT = 4,
	POOL_MAX = 256,
};

struct grant { unsigned char *page; uint32_t ref; };

struct shadow {
	uint8_t  operation;             /* as an answer must have it */
	bool     waiting;
	unsigned char *data;
	size_t   from, bytes;
	struct grant page[INDIRECT_MAX + 1], list;
	uint32_t count;
};

static struct {
	uint32_t queues, indirect, next;        /* next: queue to use */
	bool persistent;
	struct queue {
		struct grant pool[POOL_MAX];
		uint32_t pooled;
		struct shadow shadow[IN_FLIGHT];
	} queue[QUEUES_MAX];
} info;

/* ---- the handshake ------------------------------------------------------- */

static void write_ring_nodes(struct end *e, uint32_t queue, uint32_t pages,
                             const uint32_t *refs, uint32_t port)
{
	char dir[24] = "", name[48];

	if (info.queues > 1)
		snprintf(dir, sizeof(dir), "queue-%u/", queue);
	for (uint32_t i = 0; i < pages; i++) {
		snprintf(name, sizeof(name), "%sring-ref", dir);
		if (pages > 1)
			snprintf(name, sizeof(name), "%sring-ref%u", dir, i);
		say(e, name, "%u", refs[i]);
	}
	snprintf(name, sizeof(name), "%sevent-channel", dir);
	say(e, name, "%u", port);
}

static void offer(struct front *f)
{
	struct end *e = &f->end;
	uint32_t refs[QUEUES_MAX][1 << ORDER_MAX], port[QUEUES_MAX], pages;
	uint64_t order, queues;

	memset(&info, 0, sizeof(info));
	await_state(e, INIT_WAIT);
	order = hear_number(e, "max-ring-page-order", 0);
	pages = 1 << (order < ORDER_MAX ? order : ORDER_MAX);
	queues = hear_number(e, "multi-queue-max-queues", 1);
	info.queues = queues < QUEUES_MAX ? (uint32_t)queues : QUEUES_MAX;
	for (uint32_t q = 0; q < info.queues; q++) {
		front_ring(f, q, pages, PVB_BLKIF_SLOT_BYTES_X86_64, refs[q]);
		port[q] = front_port(f, q);
	}
	do {
		begin(e);
		if (info.queues > 1)
			say(e, "multi-queue-num-queues", "%u", info.queues);
		if (pages > 1)
			say(e, "ring-page-order", "%d", pages == 4 ? 2 : 1);
		for (uint32_t q = 0; q < info.queues; q++)
			write_ring_nodes(e, q, pages, refs[q], port[q]);
		say(e, "protocol", "%s", XEN_IO_PROTO_ABI_X86_64);
		say(e, "feature-persistent", "1");
	} while (!commit(e));
	say_state(e, INITIALISED);
}

static void join(struct front *f)
{
	struct end *e = &f->end;
	uint64_t indirect;

	await_state(e, CONNECTED);
	f->sectors = hear_number(e, "sectors", 0);
	f->sector_size = (uint32_t)hear_number(e, "sector-size", 0);
	assert_int_equal(hear_number(e, "info", 99), 0);
	assert_int_equal(f->sectors * 512, f->stage->bytes);
	assert_in_range(hear_number(e, "physical-sector-size", f->sector_size),
	                f->sector_size, PAGE);
	f->barrier = hear_number(e, "feature-barrier", 0) != 0;
	f->flush = hear_number(e, "feature-flush-cache", 0) != 0;
	f->discard = hear_number(e, "feature-discard", 0) != 0;
	info.persistent = hear_number(e, "feature-persistent", 0) != 0;
	indirect = hear_number(e, "feature-max-indirect-segments", 0);
	if (indirect > INDIRECT_MAX)
		indirect = INDIRECT_MAX;
	if (indirect > 11)
		info.indirect = (uint32_t)indirect;
	say_state(e, CONNECTED);
}

/* ---- grants -------------------------------------------------------------- */

static struct grant get_grant(struct front *f, struct queue *q)
{
	struct grant g;

	if (q->pooled > 0)
		return q->pool[--q->pooled];
	/* For writing, whatever it is for: the next use may be another. */
	g.page = front_grant(f, 1, false, &g.ref);
	return g;
}

static void put_grant(struct front *f, struct queue *q, struct grant g)
{
	assert_true(q->pooled < POOL_MAX);
	if (info.persistent)
		q->pool[q->pooled++] = g;
	else
		front_ungrant(f, g.page, 1);
}

/* ---- requests ------------------------------------------------------------ */

/* Between the caller's memory and the pages, which begin at `from`. */
static void copy(struct shadow *s, bool to_pages)
{
	size_t done = 0;

	for (uint32_t i = 0; i < s->count; i++) {
		size_t skip = i == 0 ? s->from : 0, part = PAGE - skip;
		unsigned char *page = s->page[i].page + skip;

		if (part > s->bytes - done)
			part = s->bytes - done;
		memcpy(to_pages ? page : s->data + done,
		       to_pages ? s->data + done : page, part);
		done += part;
	}
	assert_int_equal(done, s->bytes);
}

static void queue_rw(struct front *f, uint32_t queue, uint64_t id,
                     uint64_t offset)
{
	struct queue *q = &info.queue[queue];
	struct shadow *s = &q->shadow[id];
	uint32_t refs[INDIRECT_MAX + 1];
	struct blkif_x86_64_request_indirect *ind;
	struct blkif_x86_64_request *req = ring_put(&f->queue[queue].ring);

	s->count = (uint32_t)((s->from + s->bytes + PAGE - 1) / PAGE);
	for (uint32_t i = 0; i < s->count; i++) {
		s->page[i] = get_grant(f, q);
		refs[i] = s->page[i].ref;
	}
	if (s->operation == BLKIF_OP_WRITE)
		copy(s, true);
	if (s->count > 11) {
		assert_in_range(s->count, 12, info.indirect);
		s->list = get_grant(f, q);
		ind = (void *)req;
		ind->operation = BLKIF_OP_INDIRECT;
		ind->indirect_op = s->operation;
		ind->id = id;
		ind->sector_number = offset / SECTOR;
		ind->handle = STAGE_VDEV & 0xffff;
		ind->indirect_grefs[0] = s->list.ref;
		ind->nr_segments = (uint16_t)front_segments(
			(void *)s->list.page, refs, s->from, s->bytes);
		return;
	}
	req->operation = s->operation;
	req->id = id;
	req->sector_number = offset / SECTOR;
	req->handle = STAGE_VDEV & 0xffff;
	req->nr_segments = (uint8_t)front_segments(req->seg, refs, s->from,
	                                           s->bytes);
}

static void complete(struct front *f, uint32_t queue)
{
	struct answer a = front_answer(f, queue);
	struct queue *q = &info.queue[queue];
	struct shadow *s;

	assert_in_range(a.id, 0, IN_FLIGHT - 1);
	s = &q->shadow[a.id];
	assert_true(s->waiting);
	s->waiting = false;
	front_expect(a, a.id, s->operation, BLKIF_RSP_OKAY);
	if (a.operation == BLKIF_OP_READ)
		copy(s, false);
	for (uint32_t i = 0; i < s->count; i++)
		put_grant(f, q, s->page[i]);
	if (s->count > 11)
		put_grant(f, q, s->list);
}

/* Parts of it go to all queues, some of them indirect, and nothing waits for
   anything. */
static void transfer(struct front *f, uint8_t op, uint64_t offset, void *data,
                     size_t bytes)
{
	uint32_t sent[QUEUES_MAX] = { 0 };
	unsigned char *at = data;

	while (bytes > 0) {
		uint32_t queue = info.next++ % info.queues;
		size_t part = at == data ? 72 * 1024 : 20 * 1024;
		struct shadow *s;

		if (part > bytes)
			part = bytes;
		assert_true(sent[queue] < IN_FLIGHT);
		s = &info.queue[queue].shadow[sent[queue]];
		*s = (struct shadow){ .operation = op, .waiting = true,
			.data = at, .from = offset / SECTOR % 8 * SECTOR,
			.bytes = part };
		queue_rw(f, queue, sent[queue]++, offset);
		front_push(f, queue);
		offset += part;
		at += part;
		bytes -= part;
	}
	for (uint32_t q = 0; q < info.queues; q++)
		while (sent[q]-- > 0)
			complete(f, q);
}

static void flush(struct front *f)
{
	struct blkif_x86_64_request *req = ring_put(&f->queue[0].ring);

	assert_true(f->flush);
	req->operation = BLKIF_OP_FLUSH_DISKCACHE;
	req->nr_segments = 0;
	req->handle = STAGE_VDEV & 0xffff;
	req->id = 3;
	req->sector_number = 0;
	front_push(f, 0);
	front_expect(front_answer(f, 0), 3, BLKIF_OP_FLUSH_DISKCACHE,
	             BLKIF_RSP_OKAY);
}

static void leave(struct front *f)
{
	struct end *e = &f->end;

	stage_detach(f->stage);
	await_state(e, CLOSING);
	say_state(e, CLOSED);
	await_state(e, CLOSED);
	for (uint32_t q = 0; q < info.queues; q++) {
		struct queue *p = &info.queue[q];

		while (p->pooled > 0)
			front_ungrant(f, p->pool[--p->pooled].page, 1);
		front_close(f, q);
	}
}

/* ---- what only it does --------------------------------------------------- */

static void agrees_on_queues_pages_and_grants(struct front *f)
{
	struct pvb_blk_terms terms;

	front_connect(f);
	front_exercise(f);
	terms = back_thread_status(&f->stage->back).terms;
	assert_int_equal(terms.queues, 4);
	assert_int_equal(terms.ring_order, 2);
	assert_true(terms.persistent);
	assert_int_equal(info.indirect, INDIRECT_MAX);
	/* As few pages as were in use at a time, and all of them kept. */
	for (uint32_t q = 0; q < info.queues; q++)
		assert_in_range(info.queue[q].pooled, 1, 80);
	leave(f);
}

static void discards_without_a_handle(struct front *f)
{
	struct blkif_x86_64_request_discard *req;
	const uint64_t offset = 1 << 20, bytes = 1 << 20;

	front_connect(f);
	if (!f->discard) {
		leave(f);
		skip();
	}
	req = ring_put(&f->queue[1].ring);
	req->operation = BLKIF_OP_DISCARD;
	req->flag = 0;
	req->handle = 0xdead;
	req->id = 2;
	req->sector_number = offset / SECTOR;
	req->nr_sectors = bytes / SECTOR;
	front_push(f, 1);
	front_expect(front_answer(f, 1), 2, BLKIF_OP_DISCARD, BLKIF_RSP_OKAY);
	assert_int_equal(stage_requests(f->stage, PVB_COUNT_DISCARD), 1);
	for (uint64_t at = 0; at < bytes; at += 65536)
		transfer(f, BLKIF_OP_WRITE, offset + at,
		         f->stage->disk + offset + at, 65536);
	stage_expect_disk(f->stage);
	leave(f);
}

static void reads_the_size_again_at_each_connected(struct front *f)
{
	front_connect(f);
	stage_grow(f->stage, 2 * STAGE_BYTES);
	do
		await_news(&f->end, "another size");
	while (hear_state(&f->end) != CONNECTED ||
	       hear_number(&f->end, "sectors", 0) == f->sectors);
	f->sectors = hear_number(&f->end, "sectors", 0);
	assert_int_equal(f->sectors * 512, 2 * STAGE_BYTES);
	front_exercise(f);
	leave(f);
}

static const struct front_test tests[] = {
	{ "agrees on queues, pages and grants",
	  agrees_on_queues_pages_and_grants },
	{ "discards without a handle", discards_without_a_handle },
	{ "reads the size again at each Connected",
	  reads_the_size_again_at_each_connected },
	{ NULL, NULL },
};

const struct front_script front_linux = {
	.name = "linux", .offer = offer, .waits = true, .join = join,
	.transfer = transfer, .granule = SECTOR, .flush = flush,
	.leave = leave, .tests = tests,
};
