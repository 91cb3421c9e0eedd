/* SPDX-License-Identifier: MIT */
/*
 * Windows (win-xenvbd): closes the device before it opens it, whatever state it
 * is in.  Then Initialising; limits at InitWait; ring, layout and port, one
 * queue in so many words, a target number, and that it knows large sectors, in
 * one transaction, and Initialised behind it.  It reads the disk and the
 * features at Connected, and watches all of the back's directory: `info`,
 * `sector-size` and `sectors` are read again whenever something moves there.
 *
 * Ids are addresses in the kernel's half.  Pages are granted read-only for
 * writes, lists always.  Every answer's slot is zeroed once it has been read.
 * All sectors, on the ring and in the store, have the size of the disk's.
 */
#include "front.h"

enum { ORDER_MAX = 4, SEGMENTS_MAX = 33 };

static uint32_t order, indirect;

/* Its Close, which it begins with, too. */
static void close_device(struct front *f)
{
	struct end *e = &f->end;
	int state;

	unwatch(e, "");
	while ((state = hear_state(e)) == INITIALISING)
		await_news(e, "a back");
	while (state != CLOSING && state != CLOSED) {
		say_state(e, CLOSING);
		await_news(e, "Closing");
		state = hear_state(e);
	}
	while (state != CLOSED) {
		say_state(e, CLOSED);
		await_news(e, "Closed");
		state = hear_state(e);
	}
}

static void prepare(struct front *f)
{
	struct end *e = &f->end;
	int state;

	watch(e, "");
	say_state(e, INITIALISING);
	while ((state = hear_state(e)) == CLOSED || state == INITIALISING)
		await_news(e, "InitWait");
	assert_int_equal(state, INIT_WAIT);
}

static void write_ring(struct end *e, const uint32_t *refs, uint32_t port)
{
	char name[24];

	if (order == 0)
		say(e, "ring-ref", "%u", refs[0]);
	else
		say(e, "ring-page-order", "%u", order);
	for (uint32_t i = 0; order > 0 && i < 1U << order; i++) {
		snprintf(name, sizeof(name), "ring-ref%u", i);
		say(e, name, "%u", refs[i]);
	}
	say(e, "protocol", "%s", XEN_IO_PROTO_ABI_X86_64);
	say(e, "event-channel", "%u", port);
}

static void offer(struct front *f)
{
	struct end *e = &f->end;
	uint32_t refs[1 << ORDER_MAX], port;
	uint64_t max;

	close_device(f);
	prepare(f);
	max = hear_number(e, "max-ring-page-order", 0);
	order = max < ORDER_MAX ? (uint32_t)max : ORDER_MAX;
	front_ring(f, 0, 1 << order, PVB_BLKIF_SLOT_BYTES_X86_64, refs);
	port = front_port(f, 0);
	do {
		begin(e);
		say(e, "multi-queue-num-queues", "1");
		write_ring(e, refs, port);
		say(e, "target-id", "0");
		say(e, "feature-surprise-remove", "1");
		say(e, "feature-online-resize", "1");
		say(e, "feature-large-sector-size", "1");
	} while (!commit(e));
	say_state(e, INITIALISED);
}

static void read_disk_info(struct front *f)
{
	struct end *e = &f->end;

	assert_int_equal(hear_number(e, "info", 99), 0);
	f->sector_size = (uint32_t)hear_number(e, "sector-size", 0);
	assert_true(hear_number(e, "physical-sector-size", f->sector_size) >=
	            f->sector_size);
	f->sectors = hear_number(e, "sectors", 0);
}

static void join(struct front *f)
{
	struct end *e = &f->end;
	int state;

	while ((state = hear_state(e)) == INIT_WAIT || state == INITIALISING ||
	       state == INITIALISED)
		await_news(e, "Connected");
	assert_int_equal(state, CONNECTED);
	read_disk_info(f);
	assert_int_equal(f->sectors * f->sector_size, f->stage->bytes);
	f->barrier = hear_number(e, "feature-barrier", 0) != 0;
	f->flush = hear_number(e, "feature-flush-cache", 0) != 0;
	f->discard = hear_number(e, "feature-discard", 0) != 0 &&
	             hear_number(e, "discard-enable", 1) != 0;
	indirect = (uint32_t)hear_number(e, "feature-max-indirect-segments", 0);
	say_state(e, CONNECTED);
}

static uint64_t id_of(const void *request)
{
	return (uintptr_t)request | UINT64_C(0xffff800000000000);
}

/* In sectors of the disk's size. */
static void in_its_units(struct blkif_request_segment *seg, uint32_t n,
                         uint32_t sector_size)
{
	uint32_t by = sector_size / SECTOR;

	for (uint32_t i = 0; i < n; i++) {
		seg[i].last_sect = (uint8_t)((seg[i].last_sect + 1) / by - 1);
		seg[i].first_sect = (uint8_t)(seg[i].first_sect / by);
	}
}

struct request {
	uint8_t operation;
	unsigned char *pages;
	void *list;
	uint32_t refs[SEGMENTS_MAX], count;
};

static void insert(struct front *f, struct request *r, uint64_t offset,
                   size_t bytes)
{
	void *slot = ring_put(&f->queue[0].ring);
	struct blkif_x86_64_request_indirect *ind = slot;
	struct blkif_x86_64_request *req = slot;
	uint32_t list_ref;

	if (r->count <= 11) {
		req->operation = r->operation;
		req->nr_segments = (uint8_t)r->count;
		req->handle = STAGE_VDEV & 0xffff;
		req->id = id_of(r);
		req->sector_number = offset / f->sector_size;
		(void)front_segments(req->seg, r->refs, 0, bytes);
		in_its_units(req->seg, r->count, f->sector_size);
		return;
	}
	assert_in_range(r->count, 12, indirect);
	r->list = front_grant(f, 1, true, &list_ref);
	ind->operation = BLKIF_OP_INDIRECT;
	ind->indirect_op = r->operation;
	ind->nr_segments = (uint16_t)r->count;
	ind->id = id_of(r);
	ind->sector_number = offset / f->sector_size;
	ind->handle = STAGE_VDEV & 0xffff;
	ind->indirect_grefs[0] = list_ref;
	(void)front_segments(r->list, r->refs, 0, bytes);
	in_its_units(r->list, r->count, f->sector_size);
}

/* It takes no notice of the operation in an answer. */
static void complete(struct front *f, uint64_t id)
{
	void *slot;
	struct answer a;

	front_await(f, 0, 1);
	slot = ring_get(&f->queue[0].ring);
	a = front_read_answer(slot);
	memset(slot, 0, PVB_BLKIF_SLOT_BYTES_X86_64);
	front_expect(a, id, a.operation, BLKIF_RSP_OKAY);
}

static void transfer(struct front *f, uint8_t op, uint64_t offset, void *data,
                     size_t bytes)
{
	struct request r = { .operation = op,
		.count = (uint32_t)((bytes + PAGE - 1) / PAGE) };

	r.pages = front_grant(f, r.count, op == BLKIF_OP_WRITE, r.refs);
	if (op == BLKIF_OP_WRITE)
		memcpy(r.pages, data, bytes);
	insert(f, &r, offset, bytes);
	front_push(f, 0);
	complete(f, id_of(&r));
	if (op == BLKIF_OP_READ)
		memcpy(data, r.pages, bytes);
	front_ungrant(f, r.pages, r.count);
	if (r.list)
		front_ungrant(f, r.list, 1);
}

static void flush(struct front *f)
{
	struct blkif_x86_64_request *req = ring_put(&f->queue[0].ring);

	assert_true(f->flush);
	req->operation = BLKIF_OP_FLUSH_DISKCACHE;
	req->nr_segments = 0;
	req->handle = STAGE_VDEV & 0xffff;
	req->id = id_of(req);
	req->sector_number = 0;
	front_push(f, 0);
	complete(f, id_of(req));
}

static void leave(struct front *f)
{
	close_device(f);
	front_close(f, 0);
}

/* ---- what only it does --------------------------------------------------- */

/* Any event below the directory, and then all of it again. */
static void sees_the_disk_grow(struct front *f)
{
	uint64_t before;

	front_connect(f);
	before = f->sectors;
	(void)end_news(&f->end);
	stage_grow(f->stage, 2 * STAGE_BYTES);
	do {
		await_news(&f->end, "another size");
		read_disk_info(f);
	} while (f->sectors == before);
	assert_int_equal(f->sectors * f->sector_size, 2 * STAGE_BYTES);
	front_exercise(f);
	leave(f);
}

static void has_one_queue_in_so_many_words(struct front *f)
{
	struct pvb_blk_terms terms;

	front_connect(f);
	terms = back_thread_status(&f->stage->back).terms;
	assert_int_equal(terms.queues, 1);
	assert_int_equal(terms.ring_order, 4);
	assert_true(terms.large_sectors);
	assert_false(terms.persistent);
	leave(f);
}

/* A suspended guest closes, and opens again. */
static void opens_again(struct front *f)
{
	for (int i = 0; i < 3; i++) {
		front_connect(f);
		front_exercise(f);
		leave(f);
	}
	stage_expect_content(f->stage);
}

static const struct front_test tests[] = {
	{ "sees the disk grow", sees_the_disk_grow },
	{ "has one queue in so many words", has_one_queue_in_so_many_words },
	{ "opens again", opens_again },
	{ NULL, NULL },
};

const struct front_script front_windows = {
	.name = "windows", .offer = offer, .waits = true, .join = join,
	.transfer = transfer, .granule = SECTOR, .flush = flush,
	.leave = leave, .tests = tests,
};

const struct front_script front_windows_4k = {
	.name = "windows-4k",
	.options = { .sector_size = 4096, .units = PVB_BLK_UNITS_ALL },
	.offer = offer, .waits = true, .join = join, .transfer = transfer,
	.granule = 4096, .flush = flush, .leave = leave,
};
