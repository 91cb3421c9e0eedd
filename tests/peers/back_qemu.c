/* SPDX-License-Identifier: MIT */
/*
 * QEMU (xen-block.c, "qdisk"): all that it can and how large the disk is stands
 * there before InitWait, written node by node, some of it in the front's
 * directory.  It connects when the front is Initialised or Connected, and
 * refuses one that does not know large sectors if its disk has such: sectors
 * have the disk's size everywhere.  It copies.  An operation that it does not
 * know is an error, not one that is not supported; a discard is not checked
 * against the end.  It says another size, and then its state again.
 */
#include "back.h"

static void say_size(struct back *b)
{
	say(&b->end, "sectors", "%llu", (unsigned long long)b->bytes /
	    (b->script->sector_size ? b->script->sector_size : 512));
}

static void say_in_the_front(struct back *b, const char *name,
                             const char *value)
{
	assert_int_equal(pvb_store_write_at(b->end.store, PVB_STORE_NO_TX,
	                                    b->end.other, name, value), 0);
}

static void found(struct back *b)
{
	struct end *e = &b->end;
	uint32_t size = b->script->sector_size ? b->script->sector_size : 512;

	say(e, "feature-discard", "%u", 1);
	say(e, "discard-granularity", "%u", size);
	say(e, "discard-alignment", "%u", 0);
	say(e, "feature-flush-cache", "%u", 1);
	say(e, "max-ring-page-order", "%u", 4);
	say(e, "info", "%u", 0);
	say_in_the_front(b, "virtual-device", "51728");
	say_in_the_front(b, "device-type", "disk");
	say(e, "sector-size", "%u", size);
	say_size(b);
	say(e, "hotplug-status", "%s", "connected");
	say_state(e, INIT_WAIT);
}

static bool connect_dataplane(struct back *b)
{
	struct end *e = &b->end;
	uint64_t order = hear_number(e, "ring-page-order", 0);

	if (b->script->sector_size &&
	    strcmp(hear(e, "feature-large-sector-size"), "1") != 0)
		return false;
	assert_in_range(order, 0, 4);
	back_map(b, 0, "", is_said(e, "ring-page-order") ? "ring-ref0"
	                                                 : "ring-ref",
	         1U << order, back_slot_bytes(b, XEN_IO_PROTO_ABI_X86_32));
	return true;
}

static void connect_front(struct back *b)
{
	struct end *e = &b->end;

	if (atoi(recall(e, "state")) == CLOSED) {
		await_state(e, INITIALISING);
		say_state(e, INIT_WAIT);
	}
	back_await(b, INITIALISED, CONNECTED);
	if (connect_dataplane(b))
		say_state(e, CONNECTED);
}

static int16_t serve(struct back *b, const struct request *r)
{
	switch (r->operation) {
	case BLKIF_OP_READ:
	case BLKIF_OP_WRITE:
	case BLKIF_OP_FLUSH_DISKCACHE:
		return back_transfer(b, r);
	case BLKIF_OP_DISCARD:
		return back_discard(b, r);
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

static void discards(struct back *b)
{
	found(b);
	back_open(b, "");
	stage_discard(b->stage, STAGE_BYTES / 2, STAGE_BYTES / 2);
	assert_int_equal(back_result(b), 0);
	assert_int_equal(b->seen[BLKIF_OP_DISCARD], 1);
	memset(b->expected + STAGE_BYTES / 2, 0, STAGE_BYTES / 2);
	back_exercise(b);
	stage_flush(b->stage);
	assert_int_equal(back_result(b), 0);
	assert_int_equal(b->seen[BLKIF_OP_FLUSH_DISKCACHE], 1);
	back_close(b);
}

static void grows_in_two_words(struct back *b)
{
	struct pvb_disk_info info;

	found(b);
	back_open(b, "");
	back_grow(b, 2 * STAGE_BYTES);
	say_size(b);
	say_state(&b->end, CONNECTED);
	do {
		stage_flush(b->stage);
		assert_int_equal(back_result(b), 0);
		pvb_client_info(b->stage->client, &info);
	} while (info.size_bytes != 2 * STAGE_BYTES);
	back_exercise(b);
	back_close(b);
}

static const struct back_test tests[] = {
	{ "discards", discards },
	{ "grows in two words", grows_in_two_words },
	{ NULL, NULL },
};

/* It stays in InitWait. */
static void refuses_who_does_not_know_large_sectors(struct back *b)
{
	found(b);
	stage_open(b->stage, "&connect-timeout=1");
	connect_front(b);
	assert_null(b->queue[0].pages);
	leave(b);
	assert_int_equal(back_result(b), -ETIMEDOUT);
}

static const struct back_test tests_4k[] = {
	{ "refuses who does not know large sectors",
	  refuses_who_does_not_know_large_sectors },
	{ "discards", discards },
	{ NULL, NULL },
};

const struct back_script back_qemu = {
	.name = "qemu", .kind = "qdisk", .copies = true, .backwards = true,
	.found = found, .connect = connect_front, .serve = serve,
	.leave = leave, .comes_again = true, .tests = tests,
};

const struct back_script back_qemu_4k = {
	.name = "qemu-4k", .kind = "qdisk", .options = "&sector-units=all",
	.sector_size = 4096, .disk_unit = 4096, .page_unit = 4096,
	.copies = true, .found = found, .connect = connect_front,
	.serve = serve, .leave = leave, .tests = tests_4k,
};
