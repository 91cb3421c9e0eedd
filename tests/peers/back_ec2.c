/* SPDX-License-Identifier: MIT */
/*
 * Amazon EC2's and Red Hat's back of about 2010, as far as it is known: large
 * rings by the count of their pages, and nothing else.  It offers
 * `max-ring-pages`, and reads `num-ring-pages`, or `ring-pages` as its first
 * drafts had it.  A barrier is all that it has for durability.  One like it
 * offers a number that is no power of two.
 */
#include "back.h"

static void offer(struct back *b, uint32_t pages)
{
	say(&b->end, "max-ring-pages", "%u", pages);
	say_state(&b->end, INIT_WAIT);
}

static void found(struct back *b)
{
	offer(b, 4);
}

static void found_odd(struct back *b)
{
	offer(b, 3);
}

static uint32_t read_pages(struct end *e)
{
	uint64_t pages = hear_number(e, "num-ring-pages", 0);

	if (pages == 0)
		pages = hear_number(e, "ring-pages", 1);
	/* What an older one would have read. */
	assert_int_equal(hear_number(e, "ring-pages", 1), pages);
	return (uint32_t)pages;
}

static void connect_front(struct back *b)
{
	struct end *e = &b->end;

	await_state(e, INITIALISED);
	back_map(b, 0, "", "ring-ref", read_pages(e),
	         back_slot_bytes(b, XEN_IO_PROTO_ABI_X86_32));
	do {
		begin(e);
		say(e, "feature-barrier", "%d", 1);
		say(e, "sectors", "%llu", (unsigned long long)b->bytes / 512);
		say(e, "info", "%u", 0);
		say(e, "sector-size", "%lu", 512UL);
	} while (!commit(e));
	say_state(e, CONNECTED);
}

static int16_t serve(struct back *b, const struct request *r)
{
	switch (r->operation) {
	case BLKIF_OP_READ:
	case BLKIF_OP_WRITE:
	case BLKIF_OP_WRITE_BARRIER:
		return back_transfer(b, r);
	default:
		return BLKIF_RSP_ERROR;
	}
}

static void leave(struct back *b)
{
	back_await(b, CLOSING, CLOSED);
	say_state(&b->end, CLOSING);
	back_await(b, CLOSED, CLOSED);
	back_unmap_all(b);
	say_state(&b->end, CLOSED);
}

/* ---- what only it does --------------------------------------------------- */

static void has_so_many_pages(struct back *b, uint32_t pages)
{
	b->script->found(b);
	back_open(b, "&ring-order=4");
	assert_int_equal(b->queue[0].count, pages);
	assert_int_equal(b->queue[0].ring.slots, 32 * pages);
	assert_false(is_said(&b->end, "ring-ref"));
	back_exercise(b);
	stage_flush(b->stage);
	assert_int_equal(back_result(b), 0);
	assert_int_equal(b->seen[BLKIF_OP_WRITE_BARRIER], 1);
	back_close(b);
}

static void has_four_pages(struct back *b)
{
	has_so_many_pages(b, 4);
}

static void is_rounded_down(struct back *b)
{
	has_so_many_pages(b, 2);
}

static void has_one_page_without_a_number(struct back *b)
{
	found(b);
	back_open(b, "&ring-order=0");
	assert_int_equal(b->queue[0].count, 1);
	assert_false(is_said(&b->end, "num-ring-pages"));
	back_exercise(b);
	back_close(b);
}

static const struct back_test tests[] = {
	{ "has four pages", has_four_pages },
	{ "has one page without a number", has_one_page_without_a_number },
	{ NULL, NULL },
};

static const struct back_test odd_tests[] = {
	{ "is rounded down", is_rounded_down },
	{ NULL, NULL },
};

const struct back_script back_ec2 = {
	.name = "ec2", .kind = "vbd", .found = found, .connect = connect_front,
	.serve = serve, .leave = leave, .tests = tests,
};

const struct back_script back_ec2_odd = {
	.name = "ec2-odd", .kind = "vbd", .found = found_odd,
	.connect = connect_front, .serve = serve, .leave = leave,
	.tests = odd_tests,
};
