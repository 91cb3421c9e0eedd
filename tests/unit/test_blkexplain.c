/* SPDX-License-Identifier: MIT */
/* test_blkexplain.c - what was agreed on and why, topic by topic. */
#include "said.h"

#define BACK "state=4 online=1 mode=w sectors=2048 sector-size=512 info=0 " \
	"feature-flush-cache=1 "
#define FRONT "state=4 protocol=x86_64-abi event-channel=5 ring-ref=6 "
#define PAGES(n) "-ring-ref ring-ref0=1 ring-ref1=2 ring-ref2=3 ring-ref3=4 " n

/* A row in words: "NAME VALUE" if it agrees, "refused WHY NODE", or "NAME";
   and then " of OFFERED", if something was. */
struct expected {
	int topic;                      /* enum pvb_blk_topic */
	const char *back, *front;       /* besides the above */
	const char *row;
};

#define COUNT(a) (sizeof(a) / sizeof(*(a)))

static const char *in_words(enum pvb_blk_topic t, const struct pvb_blk_row *r)
{
	static char line[160];
	const char *name = pvb_blk_topic_value_name(t, r->value);
	int n = snprintf(line, sizeof(line), "%s",
			 pvb_blk_because_name(r->because));

	if (r->because == PVB_BLK_REFUSED)
		n += sprintf(line + n, " %s %s", pvb_why_name(r->why), r->bad);
	if (r->known && name)
		n += sprintf(line + n, " %s", name);
	else if (r->known)
		n += sprintf(line + n, " %llu", (unsigned long long)r->value);
	if (r->offered)
		sprintf(line + n, " of %llu", (unsigned long long)r->offered);
	return line;
}

static void check(const struct expected *e, size_t count)
{
	static char back[1024], front[1024];
	static struct said s;

	for (; count > 0; e++, count--) {
		snprintf(back, sizeof(back), "%s%s", BACK, e->back);
		snprintf(front, sizeof(front), "%s%s", FRONT, e->front);
		said_explain(&s, "vbd", back, front);
		assert_string_equal(in_words(e->topic, &s.out.row[e->topic]),
				    e->row);
	}
}

static void nobody_has_spoken(void **state)
{
	static struct said s;

	(void)state;
	said_explain(&s, "vbd", "state=1 online=1 mode=w",
		     "state=1 protocol=x86_32-abi");
	for (int t = 0; t < PVB_BLK_TOPIC_COUNT; t++) {
		assert_false(s.out.row[t].known);
		assert_int_equal(s.out.row[t].because, t == PVB_BLK_TOPIC_ABI
				 ? PVB_BLK_FRONT_SILENT : PVB_BLK_BACK_SILENT);
	}
	said_explain(&s, "vbd", NULL, NULL);
	assert_int_equal(s.out.back_state, PVB_XB_UNKNOWN);
	assert_int_equal(s.out.row[PVB_BLK_TOPIC_SECTORS].because,
			 PVB_BLK_BACK_SILENT);
}

static void a_back_that_waits_has_its_limits_said(void **state)
{
	static struct said s;

	(void)state;
	said_explain(&s, "vbd", "state=2 online=1 max-ring-page-order=4 "
		     "feature-max-indirect-segments=256", "state=1");
	assert_int_equal(s.out.row[PVB_BLK_TOPIC_RING_PAGES].because,
			 PVB_BLK_FRONT_SILENT);
	assert_int_equal(s.out.row[PVB_BLK_TOPIC_RING_PAGES].offered, 16);
	assert_int_equal(s.out.row[PVB_BLK_TOPIC_RINGS].because,
			 PVB_BLK_FRONT_SILENT);
	assert_int_equal(s.out.row[PVB_BLK_TOPIC_INDIRECT].value, 256);
	assert_int_equal(s.out.row[PVB_BLK_TOPIC_SECTORS].because,
			 PVB_BLK_BACK_SILENT);
}

static void layouts(void **state)
{
	enum { T = PVB_BLK_TOPIC_ABI };
	static const struct expected e[] = {
		{ T, "", "protocol=arm-abi", "front-says arm-abi" },
		{ T, "", "protocol=x86_32-abi", "front-says x86_32-abi" },
		{ T, "", "protocol=ia64-abi", "refused abi-unknown protocol" },
		{ T, "", "protocol=", "refused abi-unknown protocol" },
	};

	(void)state;
	check(e, COUNT(e));
}

static void sizes_of_a_ring(void **state)
{
	enum { T = PVB_BLK_TOPIC_RING_PAGES };
	static const struct expected e[] = {
		{ T, "", "", "one-page 1 of 1" },
		{ T, "max-ring-page-order=4", "", "one-page 1 of 16" },
		{ T, "max-ring-page-order=2", "ring-page-order=2",
		  "all-offered 4 of 4" },
		{ T, "max-ring-pages=4", "num-ring-pages=2",
		  "less-than-offered 2 of 4" },
		{ T, "max-ring-pages=6 max-ring-page-order=3", "ring-pages=4",
		  "all-offered 4 of 4" },
		{ T, "max-ring-page-order=5", "ring-page-order=5",
		  "all-offered 32 of 32" },
		{ T, "max-ring-page-order=1", "ring-page-order=2",
		  "refused key-limit ring-page-order of 2" },
		{ T, "max-ring-page-order=4",
		  "ring-page-order=2 num-ring-pages=2",
		  "refused key-conflict num-ring-pages of 16" },
		{ T, "max-ring-page-order=4", "num-ring-pages=3",
		  "refused key-syntax num-ring-pages of 16" },
		{ T, "max-ring-page-order=none", "ring-page-order=2",
		  "refused key-syntax max-ring-page-order" },
	};

	(void)state;
	check(e, COUNT(e));
}

static void numbers_of_queues(void **state)
{
	enum { T = PVB_BLK_TOPIC_QUEUES };
	static const struct expected e[] = {
		{ T, "", "", "one-queue 1 of 1" },
		{ T, "multi-queue-max-queues=4", "multi-queue-num-queues=4",
		  "all-offered 4 of 4" },
		{ T, "multi-queue-max-queues=4", "multi-queue-num-queues=1",
		  "less-than-offered 1 of 4" },
		/* More than pvb has, and others do. */
		{ T, "multi-queue-max-queues=64", "multi-queue-num-queues=32",
		  "less-than-offered 32 of 64" },
		{ T, "multi-queue-max-queues=4", "multi-queue-num-queues=5",
		  "refused key-limit multi-queue-num-queues of 4" },
		{ T, "multi-queue-max-queues=4", "multi-queue-num-queues=0",
		  "refused key-limit multi-queue-num-queues of 4" },
		{ T, "multi-queue-max-queues=0", "",
		  "refused key-limit multi-queue-max-queues" },
	};

	(void)state;
	check(e, COUNT(e));
}

static void grants_and_ports(void **state)
{
	enum { T = PVB_BLK_TOPIC_RINGS };
#define TWO "multi-queue-num-queues=2 queue-0/event-channel=1 " \
	"queue-0/ring-ref=2 queue-1/event-channel=3 "
	static const struct expected e[] = {
		{ T, "", "", "front-says 1" },
		{ T, "max-ring-page-order=2", PAGES("ring-page-order=2"),
		  "front-says 4" },
		{ T, "max-ring-page-order=4", PAGES("ring-page-order=3"),
		  "refused key-missing ring-ref4" },
		{ T, "", "-event-channel",
		  "refused key-missing event-channel" },
		{ T, "multi-queue-max-queues=2", TWO "queue-1/ring-ref=4",
		  "front-says 2" },
		{ T, "multi-queue-max-queues=2", TWO,
		  "refused key-missing queue-1/ring-ref" },
		/* Which nodes these are is not known. */
		{ T, "", "ring-page-order=1", "hangs" },
		{ T, "", "multi-queue-num-queues=2", "hangs" },
		{ T, "max-ring-page-order=5", "ring-page-order=5",
		  "beyond-pvb" },
		{ T, "multi-queue-max-queues=17", "multi-queue-num-queues=17",
		  "beyond-pvb" },
	};

	(void)state;
	check(e, COUNT(e));
}

static void large_requests(void **state)
{
	enum { I = PVB_BLK_TOPIC_INDIRECT, B = PVB_BLK_TOPIC_BLOCKS };
#define OFFER "max-request-segments=128 max-requests=64 " \
	"max-request-size=524288 "
	static const struct expected e[] = {
		{ I, "", "", "not-offered 0" },
		{ I, "feature-max-indirect-segments=256", "",
		  "use-unknown 256 of 256" },
		{ I, "feature-max-indirect-segments=4096", "",
		  "use-unknown 4096 of 4096" },
		{ I, "feature-max-indirect-segments=11", "",
		  "no-gain 0 of 11" },
		{ I, "feature-max-indirect-segments=12", "",
		  "use-unknown 12 of 12" },
		{ I, "feature-max-indirect-segments=0x100", "",
		  "refused key-syntax feature-max-indirect-segments" },
		{ I, OFFER "feature-max-indirect-segments=256",
		  "max-request-segments=32", "blocks-instead 0 of 256" },
		{ B, "", "", "not-offered 0" },
		{ B, "max-request-segments=11", "", "not-offered 0" },
		{ B, OFFER, "", "not-asked 0 of 128" },
		{ B, OFFER, "max-request-segments=128",
		  "all-offered 128 of 128" },
		{ B, OFFER, "max-request-segments=32",
		  "less-than-offered 32 of 128" },
		{ B, OFFER, "max-request-segments=129",
		  "refused key-limit max-request-segments of 128" },
		{ B, OFFER, "max-request-segments=32 max-requests=65",
		  "refused key-limit max-requests of 128" },
		{ B, "", "max-request-segments=12",
		  "refused key-limit max-request-segments" },
	};

	(void)state;
	check(e, COUNT(e));
}

static void persistent_grants(void **state)
{
	enum { T = PVB_BLK_TOPIC_PERSISTENT };
	static const struct expected e[] = {
		{ T, "feature-persistent=1", "feature-persistent=1",
		  "both-say 1" },
		{ T, "feature-persistent=1", "", "back-alone 0" },
		{ T, "feature-persistent=0", "feature-persistent=1",
		  "front-alone 0" },
		{ T, "", "", "neither-says 0" },
		{ T, "", "feature-persistent=yes",
		  "refused key-syntax feature-persistent" },
	};

	(void)state;
	check(e, COUNT(e));
}

static void flush_barrier_and_discard(void **state)
{
	enum { F = PVB_BLK_TOPIC_FLUSH, B = PVB_BLK_TOPIC_BARRIER,
	       D = PVB_BLK_TOPIC_DISCARD, S = PVB_BLK_TOPIC_SECURE };
	static const struct expected e[] = {
		{ F, "", "", "use-unknown 1" },
		{ F, "feature-flush-cache=0", "", "not-offered 0" },
		{ B, "", "", "not-offered 0" },
		{ B, "feature-barrier=1", "", "flush-first 1" },
		{ B, "feature-barrier=1 -feature-flush-cache", "",
		  "instead-of-flush 1" },
		{ B, "feature-barrier=-1", "",
		  "refused key-syntax feature-barrier" },
		{ D, "feature-discard=1", "", "use-unknown 1" },
		{ D, "", "", "not-offered 0" },
		{ D, "discard-enable=0", "", "switched-off 0" },
		{ D, "feature-discard=1 discard-aligment=x", "",
		  "refused key-syntax discard-aligment" },
		{ S, "feature-discard=1 discard-aligment=x", "", "hangs" },
		{ S, "feature-discard=1 discard-secure=1", "",
		  "use-unknown 1" },
		{ S, "feature-discard=1 discard-secure=x", "",
		  "refused key-syntax discard-secure" },
		{ D, "feature-discard=1 discard-secure=x", "",
		  "use-unknown 1" },
		{ S, "discard-secure=1", "", "not-offered 0" },
	};

	(void)state;
	check(e, COUNT(e));
}

static void sizes_of_a_disk(void **state)
{
	enum { S = PVB_BLK_TOPIC_SECTORS, L = PVB_BLK_TOPIC_SECTOR_SIZE,
	       P = PVB_BLK_TOPIC_PHYSICAL_SIZE };
	static const struct expected e[] = {
		{ S, "", "", "back-says 2048" },
		{ S, "sectors=0", "", "empty-drive 0" },
		{ S, "-sectors", "", "refused key-missing sectors" },
		{ L, "-sectors", "", "hangs" },
		{ L, "", "", "back-says 512" },
		{ L, "-sector-size", "", "default 512" },
		{ L, "sector-size=8192", "",
		  "refused sector-size sector-size" },
		{ S, "sector-size=8192", "", "hangs" },
		{ S, "sector-size=4096 sectors=2049", "",
		  "refused key-conflict sectors" },
		{ P, "", "", "default 512" },
		{ P, "physical-sector-size=4096", "", "back-says 4096" },
		{ P, "physical-sector-size=0", "",
		  "refused key-conflict physical-sector-size" },
	};

	(void)state;
	check(e, COUNT(e));
}

static void units_of_sectors(void **state)
{
	enum { T = PVB_BLK_TOPIC_UNITS, S = PVB_BLK_TOPIC_SECTORS };
#define LARGE "sector-size=4096 "
	static const struct expected e[] = {
		{ T, "", "feature-large-sector-size=1", "units-alike spec" },
		{ T, LARGE, "", "units-of-rule spec" },
		{ T, LARGE "pvb-sector-units=mini-os", "",
		  "units-told mini-os" },
		{ S, LARGE "pvb-sector-units=mini-os", "",
		  "back-says 16384" },
		{ T, LARGE "multi-queue-max-queues=1", "",
		  "units-of-driver spec" },
		{ T, LARGE, "feature-large-sector-size=1",
		  "refused key-conflict feature-large-sector-size" },
		{ T, "sector-size=0", "", "hangs" },
	};

	(void)state;
	check(e, COUNT(e));
}

static void what_kind_of_device(void **state)
{
	enum { R = PVB_BLK_TOPIC_READ_ONLY, M = PVB_BLK_TOPIC_MEDIUM };
	static const struct expected e[] = {
		{ R, "", "", "back-says 0" },
		{ R, "-info", "", "default 0" },
		{ R, "info=7", "", "back-says 1" },
		{ M, "info=7", "", "back-says cdrom" },
		{ M, "info=2", "", "back-says removable" },
		{ M, "", "", "back-says fixed" },
		{ R, "info=0x4", "", "refused key-syntax info" },
		{ M, "info=0x4", "", "hangs" },
	};

	(void)state;
	check(e, COUNT(e));
}

static void what_is_refused_leaves_the_rest_explained(void **state)
{
	static struct said s;

	(void)state;
	said_explain(&s, "vbd", BACK "max-ring-page-order=4",
		     FRONT "protocol=x ring-page-order=9 "
		     "feature-persistent=1");
	assert_int_equal(s.out.row[PVB_BLK_TOPIC_ABI].because, PVB_BLK_REFUSED);
	assert_int_equal(s.out.row[PVB_BLK_TOPIC_RING_PAGES].because,
			 PVB_BLK_REFUSED);
	assert_true(s.out.row[PVB_BLK_TOPIC_QUEUES].known);
	assert_true(s.out.row[PVB_BLK_TOPIC_PERSISTENT].known);
	assert_true(s.out.row[PVB_BLK_TOPIC_SECTORS].known);
}

static void everything_has_words(void **state)
{
	(void)state;
	for (int i = 0; i < PVB_BLK_TOPIC_COUNT; i++) {
		assert_non_null(pvb_blk_topic_key(i));
		assert_non_null(pvb_blk_topic_title(i));
		assert_true(pvb_blk_topic_back_node(i, 0) ||
			    pvb_blk_topic_front_node(i, 0));
		assert_null(pvb_blk_topic_back_node(i, 6));
	}
	for (int i = 0; i < PVB_BLK_BECAUSE_COUNT; i++)
		assert_true(pvb_blk_because_name(i) && pvb_blk_because_text(i));
	for (int i = 0; i < PVB_BLK_ODD_COUNT; i++)
		assert_true(pvb_blk_odd_name(i) && pvb_blk_odd_text(i));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nobody_has_spoken),
		cmocka_unit_test(a_back_that_waits_has_its_limits_said),
		cmocka_unit_test(layouts),
		cmocka_unit_test(sizes_of_a_ring),
		cmocka_unit_test(numbers_of_queues),
		cmocka_unit_test(grants_and_ports),
		cmocka_unit_test(large_requests),
		cmocka_unit_test(persistent_grants),
		cmocka_unit_test(flush_barrier_and_discard),
		cmocka_unit_test(sizes_of_a_disk),
		cmocka_unit_test(units_of_sectors),
		cmocka_unit_test(what_kind_of_device),
		cmocka_unit_test(what_is_refused_leaves_the_rest_explained),
		cmocka_unit_test(everything_has_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
