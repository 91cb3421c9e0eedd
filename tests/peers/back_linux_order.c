/* SPDX-License-Identifier: MIT */
/*
 * Linux from 4.2 on: large rings by order.  Once a front says
 * `ring-page-order`, were it 0, it looks for `ring-ref0`; for `ring-ref` only
 * if there is no order at all.
 */
#include "back.h"

static void found(struct back *b)
{
	say(&b->end, "max-ring-page-order", "%u", 4);
	say(&b->end, "feature-max-indirect-segments", "%u", 256);
	say_state(&b->end, INIT_WAIT);
	stage_say(b->stage, "physical-device", "fd:3");
	stage_say(b->stage, "hotplug-status", "connected");
}

static void connect_front(struct back *b)
{
	struct end *e = &b->end;
	uint64_t order;

	await_state(e, INITIALISED);
	order = hear_number(e, "ring-page-order", 0);
	assert_in_range(order, 0, 4);
	back_map(b, 0, "", is_said(e, "ring-page-order") ? "ring-ref0"
	                                                 : "ring-ref",
	         1U << order, back_slot_bytes(b, XEN_IO_PROTO_ABI_X86_32));
	do {
		begin(e);
		say(e, "feature-flush-cache", "%d", 1);
		say(e, "feature-persistent", "%u", 1);
		say(e, "sectors", "%llu", (unsigned long long)b->bytes / 512);
		say(e, "info", "%u", 0);
		say(e, "sector-size", "%lu", 512UL);
	} while (!commit(e));
	say_state(e, CONNECTED);
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

static void has_one_page_without_an_order(struct back *b)
{
	found(b);
	back_open(b, "&ring-order=0");
	assert_false(is_said(&b->end, "ring-page-order"));
	assert_true(is_said(&b->end, "ring-ref"));
	assert_int_equal(b->queue[0].count, 1);
	back_exercise(b);
	back_close(b);
}

static void has_two_pages(struct back *b)
{
	found(b);
	back_open(b, "&ring-order=1");
	assert_int_equal(b->queue[0].count, 2);
	back_exercise(b);
	back_close(b);
}

static const struct back_test tests[] = {
	{ "has one page without an order", has_one_page_without_an_order },
	{ "has two pages", has_two_pages },
	{ NULL, NULL },
};

const struct back_script back_linux_order = {
	.name = "linux-order", .kind = "vbd", .persistent = true,
	.found = found, .connect = connect_front, .leave = leave,
	.tests = tests,
};
