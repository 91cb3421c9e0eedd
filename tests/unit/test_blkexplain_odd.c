/* SPDX-License-Identifier: MIT */
/* test_blkexplain_odd.c - what is told as unusual, and what is not. */
#include "said.h"

#define BACK "frontend=/local/domain/1/device/vbd/51712 frontend-id=1 " \
	"online=1 state=4 mode=w sectors=2048 sector-size=512 info=0 " \
	"feature-flush-cache=1 "
#define FRONT "backend=/local/domain/0/backend/vbd/1/51712 backend-id=0 " \
	"virtual-device=51712 state=4 protocol=x86_64-abi event-channel=5 " \
	"ring-ref=6 "

/* One node is otherwise than in the above, or a few. */
struct odd {
	const char *back, *front;
	enum pvb_blk_odd odd;
	bool in_front;
	const char *node;
};

static const struct odd odds[] = {
	{ "", "backend=/local/domain/0/backend/vbd/2/51712",
	  PVB_BLK_ODD_BACKEND, true, "backend" },
	{ "", "backend-id=7", PVB_BLK_ODD_BACKEND_ID, true, "backend-id" },
	{ "frontend=/local/domain/2/device/vbd/51712", "",
	  PVB_BLK_ODD_FRONTEND, false, "frontend" },
	{ "frontend-id=2", "", PVB_BLK_ODD_FRONTEND_ID, false, "frontend-id" },
	{ "", "virtual-device=0xca00", PVB_BLK_ODD_NUMBER, true,
	  "virtual-device" },
	{ "state=connected", "", PVB_BLK_ODD_STATE, false, NULL },
	{ "", "-state", PVB_BLK_ODD_STATE, false, NULL },
	{ "state=1", "state=1", PVB_BLK_ODD_NOT_TAKEN, false, NULL },
	{ "state=2", "state=1", PVB_BLK_ODD_BACK_WAITS, false, NULL },
	{ "state=2", "state=3", PVB_BLK_ODD_FRONT_WAITS, false, NULL },
	{ "state=2", "", PVB_BLK_ODD_FRONT_WAITS, false, NULL },
	{ "", "state=1 -event-channel", PVB_BLK_ODD_BACK_EARLY, false, NULL },
	{ "", "state=3", PVB_BLK_ODD_FRONT_LOOKS, false, NULL },
	{ "state=5", "", PVB_BLK_ODD_CLOSING, false, NULL },
	{ "", "state=6", PVB_BLK_ODD_CLOSING, false, NULL },
	{ "state=6", "state=6", PVB_BLK_ODD_CLOSED, false, NULL },
	{ "", "state=2", PVB_BLK_ODD_APART, false, NULL },
	{ "state=7", "", PVB_BLK_ODD_APART, false, NULL },
	{ "online=0", "", PVB_BLK_ODD_OFFLINE, false, "online" },
	{ "-online", "", PVB_BLK_ODD_OFFLINE, false, "online" },
	{ "hotplug-status=error", "", PVB_BLK_ODD_HOTPLUG, false,
	  "hotplug-error" },
	{ "", "-protocol", PVB_BLK_ODD_NO_PROTOCOL, true, NULL },
	{ "max-ring-page-order=4 max-ring-pages=8", "",
	  PVB_BLK_ODD_OFFERS_DIFFER, false, "max-ring-pages" },
	{ "max-ring-pages=6", "", PVB_BLK_ODD_OFFER_NOT_POW2, false,
	  "max-ring-pages" },
	{ "", "ring-page-order=0", PVB_BLK_ODD_ORDER_ZERO, true,
	  "ring-page-order" },
	{ "", "num-ring-pages=1", PVB_BLK_ODD_ONE_PAGE_SAID, true,
	  "num-ring-pages" },
	{ "", "-ring-ref ring-ref0=3", PVB_BLK_ODD_PAGE_IN_REF0, true,
	  "ring-ref0" },
	{ "max-ring-pages=2", "num-ring-pages=2 ring-ref=1 ring-ref1=2",
	  PVB_BLK_ODD_FIRST_IN_REF, true, "ring-ref" },
	{ "max-ring-page-order=1", "ring-pages=2 ring-ref0=1 ring-ref1=2",
	  PVB_BLK_ODD_RING_PAGES, true, "ring-pages" },
	{ "", "multi-queue-num-queues=1", PVB_BLK_ODD_ONE_QUEUE_SAID, true,
	  "multi-queue-num-queues" },
	{ "multi-queue-max-queues=2", "multi-queue-num-queues=2",
	  PVB_BLK_ODD_RING_AT_TOP, true, "event-channel" },
	{ "max-request-segments=32", "max-request-segments=32",
	  PVB_BLK_ODD_BLOCKS, true, "max-request-segments" },
	{ "max-request-segments=32 feature-max-indirect-segments=32", "",
	  PVB_BLK_ODD_BOTH_LARGE, false, "max-request-segments" },
	{ "feature-persistent=1", "", PVB_BLK_ODD_PERSISTENT_BACK, false,
	  "feature-persistent" },
	{ "", "feature-persistent=1", PVB_BLK_ODD_PERSISTENT_FRONT, true,
	  "feature-persistent" },
	{ "feature-flush-cache=0", "", PVB_BLK_ODD_NO_FLUSH, false, NULL },
	{ "discard-aligment=0", "", PVB_BLK_ODD_MISSPELT, false,
	  "discard-aligment" },
	{ "feature-discard=1 discard-granularity=512", "",
	  PVB_BLK_ODD_HALF_DISCARD, false, NULL },
	{ "feature-discard=1 discard-alignment=512", "",
	  PVB_BLK_ODD_HALF_DISCARD, false, NULL },
	{ "", "feature-large-sector-size=0", PVB_BLK_ODD_LARGE_SECTORS, true,
	  "feature-large-sector-size" },
	{ "sector-size=4096", "target-id=0", PVB_BLK_ODD_UNITS, true, NULL },
	{ "physical-sector-size=4096 sectors=2049", "", PVB_BLK_ODD_PHYSICAL,
	  false, "physical-sector-size" },
	{ "mode=r", "", PVB_BLK_ODD_MODE, false, "mode" },
	{ "", "trusted=0", PVB_BLK_ODD_UNTRUSTED, true, "trusted" },
	{ "feature-x=1", "", PVB_BLK_ODD_UNKNOWN, false, "feature-x" },
	{ "", "feature-y", PVB_BLK_ODD_UNKNOWN, true, "feature-y" },
};
enum { ODDS = sizeof(odds) / sizeof(*odds) };

static void explain(struct said *s, const char *back, const char *front)
{
	static char both[2][1024];

	snprintf(both[0], sizeof(both[0]), "%s%s", BACK, back);
	snprintf(both[1], sizeof(both[1]), "%s%s", FRONT, front);
	said_explain(s, "vbd", both[0], both[1]);
}

static void nothing_is_unusual_about_a_usual_device(void **state)
{
	static struct said s;

	(void)state;
	explain(&s, "", "");
	assert_int_equal(s.out.notes, 0);
	assert_false(s.out.more_unknown);
	explain(&s, "mode=r info=4 feature-flush-cache=0", "");
	assert_int_equal(s.out.notes, 0);
	explain(&s, "max-ring-page-order=2 max-ring-pages=4",
		"ring-page-order=1 num-ring-pages=2 ring-pages=2 ring-ref0=1 "
		"ring-ref1=2 -ring-ref");
	assert_int_equal(s.out.notes, 0);
}

static void what_is_unusual_is_told_with_its_node(void **state)
{
	static struct said s;

	(void)state;
	for (int i = 0; i < ODDS; i++) {
		const struct odd *o = &odds[i];
		const struct pvb_blk_note *n;

		explain(&s, o->back, o->front);
		n = said_note(&s, o->odd);
		if (!n || n->in_front != o->in_front || !n->node != !o->node ||
		    (n->node && strcmp(n->node, o->node) != 0))
			fail_msg("%d: %s %s", i, pvb_blk_odd_name(o->odd),
				 n && n->node ? n->node : "nothing");
	}
}

/* Besides it there is at most what follows from it. */
static void what_is_not_unusual_is_not_told(void **state)
{
	static struct said s;
	int alone = 0;

	(void)state;
	for (int i = 0; i < ODDS; i++) {
		explain(&s, odds[i].back, odds[i].front);
		alone += s.out.notes == 1;
		assert_in_range(s.out.notes, 1, 2);
	}
	assert_true(alone > ODDS - 6);
}

static void every_oddity_has_a_device_that_shows_it(void **state)
{
	bool shown[PVB_BLK_ODD_COUNT] = {
		/* Below, by themselves. */
		[PVB_BLK_ODD_NO_BACK] = true, [PVB_BLK_ODD_NO_FRONT] = true,
		[PVB_BLK_ODD_TOOLSTACK] = true,
	};

	(void)state;
	for (int i = 0; i < ODDS; i++)
		shown[odds[i].odd] = true;
	for (int i = 0; i < PVB_BLK_ODD_COUNT; i++)
		if (!shown[i])
			fail_msg("%s", pvb_blk_odd_name(i));
}

static void half_a_device(void **state)
{
	static struct said s;

	(void)state;
	said_explain(&s, "vbd", BACK, NULL);
	assert_int_equal(s.out.notes, 1);
	assert_non_null(said_note(&s, PVB_BLK_ODD_NO_FRONT));
	said_explain(&s, "vbd", NULL, FRONT);
	assert_int_equal(s.out.notes, 1);
	assert_non_null(said_note(&s, PVB_BLK_ODD_NO_BACK));
}

static void the_toolstacks_own_notes_count(void **state)
{
	static struct said s;

	(void)state;
	explain(&s, "", "");
	s.said.toolstack = "/local/domain/0/backend/vbd/1/51712";
	pvb_blk_explain(&s.said, &s.out);
	assert_int_equal(s.out.notes, 0);
	s.said.toolstack = "/local/domain/5/backend/vbd/1/51712";
	pvb_blk_explain(&s.said, &s.out);
	assert_non_null(said_note(&s, PVB_BLK_ODD_TOOLSTACK));
}

/* A guest fills its directory with rubbish of every kind. */
static void a_hostile_directory_is_bounded(void **state)
{
	static struct said s;
	static char junk[300];
	char name[32];

	(void)state;
	explain(&s, "", "backend=/ backend-id=x virtual-device=-1 state=9 "
		"ring-page-order=0 num-ring-pages=1 multi-queue-num-queues=1 "
		"trusted=0 feature-large-sector-size=");
	memset(junk, '\x1b', sizeof(junk));
	for (int i = 0; s.front.count < PVB_KEYS_MAX; i++) {
		snprintf(name, sizeof(name), "junk%d", i);
		assert_int_equal(pvb_keys_put(&s.front, name, junk,
					      (size_t)i % 300), 0);
	}
	pvb_blk_explain(&s.said, &s.out);
	assert_true(s.out.more_unknown);
	assert_true(s.out.notes <= PVB_BLK_NOTES_MAX);
	assert_int_equal(s.out.note[s.out.notes - 1].odd, PVB_BLK_ODD_UNKNOWN);
	assert_non_null(said_note(&s, PVB_BLK_ODD_NUMBER));
	/* The other end's rubbish is told first, and not pushed out by it. */
	assert_int_equal(pvb_keys_put_text(&s.back, "ours", "1"), 0);
	pvb_blk_explain(&s.said, &s.out);
	assert_string_equal(said_note(&s, PVB_BLK_ODD_UNKNOWN)->node, "ours");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_unusual_about_a_usual_device),
		cmocka_unit_test(what_is_unusual_is_told_with_its_node),
		cmocka_unit_test(what_is_not_unusual_is_not_told),
		cmocka_unit_test(every_oddity_has_a_device_that_shows_it),
		cmocka_unit_test(half_a_device),
		cmocka_unit_test(the_toolstacks_own_notes_count),
		cmocka_unit_test(a_hostile_directory_is_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
