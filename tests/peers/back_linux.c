/* SPDX-License-Identifier: MIT */
/*
 * Linux of today (xen-blkback): limits and InitWait when it finds the device;
 * the disk is known when the hotplug script has written `physical-device`, in
 * hex.  All features and sizes in one transaction just before Connected, so who
 * looks earlier finds none.  One queue's nodes stand at the top, several in
 * directories.  It keeps pages mapped, all of them for both ways, and answers
 * as the disk does, in any order; an indirect request by its inner operation.
 *
 * What the disk turns out not to do is answered so, and its node becomes 0.
 */
#include "back.h"

static void found(struct back *b)
{
	struct end *e = &b->end;

	say(e, "feature-max-indirect-segments", "%u", 256);
	say(e, "multi-queue-max-queues", "%u", 4);
	say(e, "max-ring-page-order", "%u", 4);
	say_state(e, INIT_WAIT);
	stage_say(b->stage, "physical-device", "fd:3");
	stage_say(b->stage, "hotplug-status", "connected");
}

static void connect_ring(struct back *b)
{
	struct end *e = &b->end;
	uint32_t slot = back_slot_bytes(b, XEN_IO_PROTO_ABI_X86_32);
	uint64_t queues = hear_number(e, "multi-queue-num-queues", 1);
	uint64_t order = hear_number(e, "ring-page-order", 0);
	bool multi_ref = is_said(e, "ring-page-order");

	assert_in_range(queues, 1, 4);
	assert_in_range(order, 0, 4);
	for (uint32_t q = 0; q < queues; q++) {
		char dir[24] = "";

		if (queues > 1)
			snprintf(dir, sizeof(dir), "queue-%u/", q);
		back_map(b, q, dir, multi_ref ? "ring-ref0" : "ring-ref",
		         1U << order, slot);
	}
}

static void write_features(struct back *b)
{
	struct end *e = &b->end;

	do {
		begin(e);
		say(e, "feature-flush-cache", "%d", 1);
		say(e, "discard-granularity", "%u", 4096);
		say(e, "discard-alignment", "%u", 0);
		say(e, "feature-discard", "%d", 1);
		say(e, "feature-barrier", "%d", 1);
		say(e, "feature-persistent", "%u", 1);
		say(e, "sectors", "%llu", (unsigned long long)b->bytes / 512);
		say(e, "info", "%u", 0);
		say(e, "sector-size", "%lu", 512UL);
		say(e, "physical-sector-size", "%u", 4096);
	} while (!commit(e));
}

static void connect_front(struct back *b)
{
	await_state(&b->end, INITIALISED);
	connect_ring(b);
	write_features(b);
	say_state(&b->end, CONNECTED);
}

static int16_t serve(struct back *b, const struct request *r)
{
	switch (r->operation) {
	case BLKIF_OP_WRITE_BARRIER:
	case BLKIF_OP_FLUSH_DISKCACHE:
		return back_transfer(b, r);
	case BLKIF_OP_READ:
	case BLKIF_OP_WRITE:
		if (r->nr_segments == 0)
			return BLKIF_RSP_ERROR;
		return back_transfer(b, r);
	case BLKIF_OP_DISCARD:
		return back_discard(b, r);
	default:
		return BLKIF_RSP_ERROR;
	}
}

static void leave(struct back *b)
{
	struct end *e = &b->end;

	back_await(b, CLOSING, CLOSED);
	say_state(e, CLOSING);
	back_await(b, CLOSED, CLOSED);
	back_unmap_all(b);
	say_state(e, CLOSED);
}

/* A front that comes is as good as new. */
static void connect_again(struct back *b)
{
	if (atoi(recall(&b->end, "state")) == CLOSED) {
		await_state(&b->end, INITIALISING);
		say_state(&b->end, INIT_WAIT);
	}
	connect_front(b);
}

/* ---- what only it does --------------------------------------------------- */

static void has_all_queues_and_long_requests(struct back *b)
{
	found(b);
	back_open(b, "&queues=4&ring-order=4&indirect=256");
	assert_string_equal(hear(&b->end, "multi-queue-num-queues"), "4");
	assert_false(is_said(&b->end, "ring-ref0"));
	assert_string_equal(hear(&b->end, "ring-page-order"), "4");
	assert_string_equal(hear(&b->end, "feature-persistent"), "1");
	back_exercise(b);
	assert_int_equal(b->used_queues, 0xf);
	assert_true(b->indirect > 0);
	assert_in_range(b->longest, 12, 256);
	back_close(b);
}

static void withdraws_discard(struct back *b)
{
	found(b);
	back_open(b, "");
	stage_discard(b->stage, 65536, 65536);
	assert_int_equal(back_result(b), 0);
	assert_int_equal(b->seen[BLKIF_OP_DISCARD], 1);
	memset(b->expected + 65536, 0, 65536);
	back_expect_disk(b);
	b->spoil_operation = BLKIF_OP_DISCARD;
	b->spoil_status = BLKIF_RSP_EOPNOTSUPP;
	stage_discard(b->stage, 0, 4096);
	assert_int_equal(back_result(b), -EOPNOTSUPP);
	say(&b->end, "feature-discard", "%d", 0);
	/* And then it is not asked any more. */
	stage_discard(b->stage, 0, 4096);
	assert_int_equal(back_result(b), -EOPNOTSUPP);
	assert_int_equal(b->seen[BLKIF_OP_DISCARD], 2);
	back_exercise(b);
	back_close(b);
}

static void withdraws_flush_and_has_barriers(struct back *b)
{
	found(b);
	back_open(b, "");
	stage_flush(b->stage);
	assert_int_equal(back_result(b), 0);
	assert_int_equal(b->seen[BLKIF_OP_FLUSH_DISKCACHE], 1);
	b->spoil_operation = BLKIF_OP_FLUSH_DISKCACHE;
	b->spoil_status = BLKIF_RSP_EOPNOTSUPP;
	for (int i = 0; i < 2; i++) {
		stage_flush(b->stage);
		assert_int_equal(back_result(b), 0);
	}
	assert_int_equal(b->seen[BLKIF_OP_FLUSH_DISKCACHE], 2);
	assert_int_equal(b->seen[BLKIF_OP_WRITE_BARRIER], 2);
	back_close(b);
}

static void grows(struct back *b)
{
	struct end *e = &b->end;
	struct pvb_disk_info info;

	found(b);
	back_open(b, "");
	back_grow(b, 2 * STAGE_BYTES);
	do {
		begin(e);
		say(e, "sectors", "%llu", (unsigned long long)b->bytes / 512);
		say_state(e, CONNECTED);
	} while (!commit(e));
	do {
		/* Something to do for it, until it has heard of it. */
		stage_flush(b->stage);
		assert_int_equal(back_result(b), 0);
		pvb_client_info(b->stage->client, &info);
	} while (info.size_bytes != 2 * STAGE_BYTES);
	back_exercise(b);
	back_close(b);
}

/* The state that libxl writes is the back's own. */
static void is_detached(struct back *b)
{
	found(b);
	back_open(b, "");
	back_exercise(b);
	stage_detach(b->stage);
	leave(b);
	stage_write(b->stage, 0, 4096);
	assert_int_equal(back_result(b), -ESHUTDOWN);
	stage_close(b->stage);
	assert_int_equal(back_result(b), 0);
}

static const struct back_test tests[] = {
	{ "has all queues and long requests",
	  has_all_queues_and_long_requests },
	{ "withdraws discard", withdraws_discard },
	{ "withdraws flush, and has barriers",
	  withdraws_flush_and_has_barriers },
	{ "grows", grows },
	{ "is detached", is_detached },
	{ NULL, NULL },
};

const struct back_script back_linux = {
	.name = "linux", .kind = "vbd", .backwards = true, .persistent = true,
	.found = found, .connect = connect_again, .serve = serve,
	.leave = leave, .comes_again = true, .tests = tests,
};
