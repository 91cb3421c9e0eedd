/* SPDX-License-Identifier: MIT */
/*
 * Mirage (mirage-block-xen, blkback.ml): the disk and the number of indirect
 * segments stand there from the beginning, and its state stays Initialising
 * until a front is Initialised or Connected: it is for fronts that do not wait,
 * such as its own.  It maps one page of a list, and says nothing when the front
 * has closed.
 */
#include "back.h"

static void found(struct back *b)
{
	struct end *e = &b->end;

	say(e, "hotplug-status", "online");
	do {
		begin(e);
		say(e, "sector-size", "%d", 512);
		say(e, "sectors", "%llu", (unsigned long long)b->bytes / 512);
		say(e, "info", "%d", 0);
		say(e, "feature-max-indirect-segments", "%d", 256);
	} while (!commit(e));
}

/* pvb's front waits for InitWait, as Linux' does, and says so in time. */
static void makes_a_front_wait_in_vain(struct back *b)
{
	found(b);
	stage_open(b->stage, "&connect-timeout=1");
	back_await(b, CLOSED, CLOSED);
	assert_int_equal(back_result(b), -ETIMEDOUT);
	assert_non_null(strstr(b->stage->call.error.text,
	                       "does not connect in time"));
}

static const struct back_test tests[] = {
	{ "makes a front wait in vain", makes_a_front_wait_in_vain },
	{ NULL, NULL },
};

const struct back_script back_mirage = {
	.name = "mirage", .kind = "vbd", .found = found, .tests = tests,
};
