/* SPDX-License-Identifier: MIT */
/*
 * test_blkexplain_peers.c - devices as drivers of the field leave them in the
 * store, explained.
 *
 * The first three were recorded on Xen 4.17 with a stock Linux 6.1 guest, over
 * a RAM disk and a file by Linux's back, and by QEMU's; the fourth is our own.
 * The others are put together from docs/protocol.md.
 */
#include "said.h"

#define TOOLSTACK \
	"frontend=/local/domain/1/device/vbd/51712 frontend-id=1 online=1 " \
	"removable=0 bootable=1 state=4 dev=xvda mode=w device-type=disk " \
	"discard-enable=1 specification=xen hotplug-status=connected "
#define LINUX_BACK TOOLSTACK \
	"script=/etc/xen/scripts/block type=phy " \
	"feature-max-indirect-segments=256 multi-queue-max-queues=2 " \
	"max-ring-page-order=4 feature-persistent=1 sectors=524288 info=0 " \
	"sector-size=512 "
#define RAM_BACK LINUX_BACK \
	"params=/dev/ram0 physical-device=1:0 physical-device-path=/dev/ram0 " \
	"feature-flush-cache=0 feature-discard=0 feature-barrier=0 " \
	"physical-sector-size=4096 "
#define FILE_BACK LINUX_BACK \
	"params=/tmp/d/disk.raw node=/dev/loop0 physical-device=7:0 " \
	"physical-device-path=/dev/loop0 feature-flush-cache=1 " \
	"discard-granularity=4096 discard-alignment=0 discard-secure=0 " \
	"feature-discard=1 feature-barrier=1 physical-sector-size=512 "
#define QEMU_BACK TOOLSTACK \
	"params=aio:/tmp/d/disk.raw type=qdisk feature-discard=1 " \
	"discard-granularity=512 discard-alignment=0 feature-flush-cache=1 " \
	"max-ring-page-order=4 info=0 sector-size=512 sectors=524288 "
#define PVB_BACK TOOLSTACK \
	"virtual-device=51712 type=pvb params=disk.img " \
	"max-ring-page-order=4 max-ring-pages=16 multi-queue-max-queues=2 " \
	"feature-max-indirect-segments=256 max-request-segments=11 " \
	"sectors=524288 sector-size=512 physical-sector-size=512 info=0 " \
	"feature-flush-cache=1 feature-barrier=0 feature-persistent=1 " \
	"feature-discard=1 discard-granularity=4096 discard-alignment=0 " \
	"discard-secure=0 "
#define NETBSD_BACK TOOLSTACK \
	"params=/dev/wd0e physical-device=14 sectors=524288 info=0 " \
	"sector-size=512 feature-flush-cache=1 "
#define EC2_BACK TOOLSTACK \
	"physical-device=8:10 max-ring-pages=4 sectors=524288 info=0 " \
	"sector-size=512 feature-barrier=1 "
#define FREEBSD_BACK TOOLSTACK \
	"physical-device-path=/dev/md0 max-ring-page-order=1 " \
	"feature-barrier=1 feature-flush-cache=1 sectors=65536 info=0 " \
	"sector-size=4096 "
#define OLD_FREEBSD_BACK TOOLSTACK \
	"max-ring-page-order=2 max-ring-pages=4 max-requests=128 " \
	"max-request-segments=128 max-request-size=524288 " \
	"feature-barrier=1 feature-flush-cache=1 sectors=524288 info=0 " \
	"sector-size=512 "

#define BY_TOOLSTACK \
	"backend-id=0 state=4 virtual-device=51712 device-type=disk trusted=1 "
#define PLAIN_FRONT BY_TOOLSTACK \
	"protocol=x86_64-abi ring-ref=8 event-channel=8 "
#define LINUX_FRONT PLAIN_FRONT "feature-persistent=1 "
#define WINDOWS_FRONT PLAIN_FRONT \
	"multi-queue-num-queues=1 target-id=0 feature-surprise-remove=1 " \
	"feature-online-resize=1 feature-large-sector-size=1 "
#define FREEBSD_FRONT BY_TOOLSTACK \
	"ring-page-order=1 num-ring-pages=2 ring-ref0=8 ring-ref1=9 " \
	"event-channel=8 protocol=x86_64-abi "
#define OLD_FREEBSD_FRONT BY_TOOLSTACK \
	"ring-pages=4 ring-ref0=8 ring-ref1=9 ring-ref2=10 ring-ref3=11 " \
	"event-channel=8 protocol=x86_64-abi max-requests=128 " \
	"max-request-segments=128 max-request-size=524288 "
#define PVB_FRONT LINUX_FRONT "pvb-holder=4711 "

static uint64_t value(const struct said *s, enum pvb_blk_topic t)
{
	assert_true(s->out.row[t].known);
	return s->out.row[t].value;
}

static enum pvb_blk_because because(const struct said *s, enum pvb_blk_topic t)
{
	return s->out.row[t].because;
}

static void names_of_drivers(void **state)
{
	static const struct {
		const char *kind, *back, *front;
		enum pvb_blk_driver back_driver, front_driver;
	} cases[] = {
		{ "vbd", RAM_BACK, LINUX_FRONT,
		  PVB_BLK_BY_LINUX, PVB_BLK_BY_LINUX },
		{ "vbd", FILE_BACK, LINUX_FRONT,
		  PVB_BLK_BY_LINUX, PVB_BLK_BY_LINUX },
		{ "qdisk", QEMU_BACK, LINUX_FRONT,
		  PVB_BLK_BY_QEMU, PVB_BLK_BY_LINUX },
		{ "qdisk", QEMU_BACK "params=aio:pvb:mem:1M", LINUX_FRONT,
		  PVB_BLK_BY_PVB, PVB_BLK_BY_LINUX },
		{ "pvb", PVB_BACK, PVB_FRONT, PVB_BLK_BY_PVB, PVB_BLK_BY_PVB },
		/* As a toolstack has it that knows nothing of us. */
		{ "vbd", PVB_BACK "script=/etc/xen/scripts/block-pvb",
		  PVB_FRONT "-pvb-holder", PVB_BLK_BY_PVB, PVB_BLK_BY_LINUX },
		{ "vbd", PVB_BACK, PLAIN_FRONT "ring-pages=2 num-ring-pages=2 "
		  "ring-page-order=1", PVB_BLK_BY_PVB, PVB_BLK_BY_PVB },
		{ "vbd3", TOOLSTACK "max-ring-page-order=3", PLAIN_FRONT,
		  PVB_BLK_BY_TAPDISK, PVB_BLK_BY_PLAIN },
		{ "vbd", NETBSD_BACK, PLAIN_FRONT "-protocol",
		  PVB_BLK_BY_NETBSD, PVB_BLK_BY_LINUX_2006 },
		{ "vbd", EC2_BACK, PLAIN_FRONT "num-ring-pages=2",
		  PVB_BLK_BY_EC2, PVB_BLK_BY_EC2 },
		{ "vbd", FREEBSD_BACK, FREEBSD_FRONT,
		  PVB_BLK_BY_FREEBSD, PVB_BLK_BY_FREEBSD },
		{ "vbd", OLD_FREEBSD_BACK, OLD_FREEBSD_FRONT,
		  PVB_BLK_BY_FREEBSD_2012, PVB_BLK_BY_FREEBSD_2012 },
		{ "vbd", RAM_BACK "-max-ring-page-order "
		  "-multi-queue-max-queues", WINDOWS_FRONT,
		  PVB_BLK_BY_LINUX_OLD, PVB_BLK_BY_WINDOWS },
		{ "vbd", TOOLSTACK "feature-persistent=1",
		  PLAIN_FRONT "feature-large-sector-size=1",
		  PVB_BLK_BY_LINUX_OLD, PVB_BLK_BY_WINDOWS },
		{ "vbd", TOOLSTACK "physical-device=8:1 feature-barrier=1",
		  PLAIN_FRONT "ring-page-order=0",
		  PVB_BLK_BY_LINUX_OLD, PVB_BLK_BY_LINUX_OLD },
		{ "vbd", TOOLSTACK "feature-max-indirect-segments=256 "
		  "sectors=8", PLAIN_FRONT "ring-page-order=1",
		  PVB_BLK_BY_MIRAGE, PVB_BLK_BY_MIRAGE },
		/* Nobody has said anything. */
		{ "vbd", TOOLSTACK "state=1", BY_TOOLSTACK "state=1",
		  PVB_BLK_BY_UNKNOWN, PVB_BLK_BY_UNKNOWN },
	};
	static struct said s;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		said_explain(&s, cases[i].kind, cases[i].back, cases[i].front);
		if (s.out.back.driver != cases[i].back_driver ||
		    s.out.front.driver != cases[i].front_driver)
			fail_msg("%zu: %s and %s", i,
				 pvb_blk_driver_name(s.out.back.driver),
				 pvb_blk_driver_name(s.out.front.driver));
	}
}

static void linux_and_linux(void **state)
{
	static struct said s;

	(void)state;
	said_explain(&s, "vbd", FILE_BACK, LINUX_FRONT);
	assert_int_equal(value(&s, PVB_BLK_TOPIC_ABI), PVB_ABI_X86_64);
	assert_int_equal(value(&s, PVB_BLK_TOPIC_RING_PAGES), 1);
	assert_int_equal(because(&s, PVB_BLK_TOPIC_RING_PAGES),
			 PVB_BLK_ONE_PAGE);
	assert_int_equal(s.out.row[PVB_BLK_TOPIC_RING_PAGES].offered, 16);
	assert_int_equal(value(&s, PVB_BLK_TOPIC_QUEUES), 1);
	assert_int_equal(s.out.row[PVB_BLK_TOPIC_QUEUES].offered, 2);
	assert_int_equal(value(&s, PVB_BLK_TOPIC_INDIRECT), 256);
	assert_int_equal(value(&s, PVB_BLK_TOPIC_PERSISTENT), 1);
	assert_int_equal(because(&s, PVB_BLK_TOPIC_PERSISTENT),
			 PVB_BLK_BOTH_SAY);
	assert_int_equal(because(&s, PVB_BLK_TOPIC_BARRIER),
			 PVB_BLK_FLUSH_FIRST);
	assert_int_equal(value(&s, PVB_BLK_TOPIC_SECTORS), 524288);
	assert_int_equal(because(&s, PVB_BLK_TOPIC_UNITS),
			 PVB_BLK_UNITS_ALIKE);
	assert_int_equal(s.out.notes, 0);
}

static void a_disk_that_cannot_flush(void **state)
{
	static struct said s;

	(void)state;
	said_explain(&s, "vbd", RAM_BACK, LINUX_FRONT);
	assert_int_equal(value(&s, PVB_BLK_TOPIC_FLUSH), 0);
	assert_int_equal(value(&s, PVB_BLK_TOPIC_PHYSICAL_SIZE), 4096);
	assert_int_equal(s.out.notes, 1);
	assert_non_null(said_note(&s, PVB_BLK_ODD_NO_FLUSH));
}

static void qemu_and_linux(void **state)
{
	static struct said s;

	(void)state;
	said_explain(&s, "qdisk", QEMU_BACK, LINUX_FRONT);
	assert_int_equal(because(&s, PVB_BLK_TOPIC_INDIRECT),
			 PVB_BLK_NOT_OFFERED);
	assert_int_equal(value(&s, PVB_BLK_TOPIC_PERSISTENT), 0);
	assert_int_equal(because(&s, PVB_BLK_TOPIC_PERSISTENT),
			 PVB_BLK_FRONT_ALONE);
	assert_int_equal(because(&s, PVB_BLK_TOPIC_PHYSICAL_SIZE),
			 PVB_BLK_DEFAULT);
	assert_int_equal(s.out.notes, 1);
	assert_non_null(said_note(&s, PVB_BLK_ODD_PERSISTENT_FRONT));
}

static void ours_and_ours(void **state)
{
	static struct said s;

	(void)state;
	said_explain(&s, "pvb", PVB_BACK, PVB_FRONT);
	assert_int_equal(s.out.notes, 0);
	assert_int_equal(because(&s, PVB_BLK_TOPIC_BLOCKS),
			 PVB_BLK_NOT_OFFERED);
	for (int t = 0; t < PVB_BLK_TOPIC_COUNT; t++)
		assert_true(s.out.row[t].known);
}

static void netbsd_takes_the_machines_own_layout(void **state)
{
	static struct said s;

	(void)state;
	said_explain(&s, "vbd", NETBSD_BACK, PLAIN_FRONT "-protocol");
	assert_int_equal(value(&s, PVB_BLK_TOPIC_ABI), pvb_abi_native());
	assert_int_equal(because(&s, PVB_BLK_TOPIC_ABI),
			 PVB_BLK_ABI_OF_MACHINE);
	said_explain(&s, "vbd", FILE_BACK, PLAIN_FRONT "-protocol");
	assert_int_equal(value(&s, PVB_BLK_TOPIC_ABI), pvb_blk_abi_absent());
	assert_int_equal(because(&s, PVB_BLK_TOPIC_ABI), PVB_BLK_ABI_OF_FIELD);
	assert_non_null(said_note(&s, PVB_BLK_ODD_NO_PROTOCOL));
}

static void netbsd_connects_before_there_is_a_ring(void **state)
{
	static struct said s;

	(void)state;
	said_explain(&s, "vbd", NETBSD_BACK, BY_TOOLSTACK "state=1");
	assert_int_equal(because(&s, PVB_BLK_TOPIC_RING_PAGES),
			 PVB_BLK_FRONT_SILENT);
	assert_int_equal(value(&s, PVB_BLK_TOPIC_SECTORS), 524288);
	assert_non_null(said_note(&s, PVB_BLK_ODD_BACK_EARLY));
}

static void freebsd_counts_in_whole_sectors(void **state)
{
	static struct said s;

	(void)state;
	said_explain(&s, "vbd", FREEBSD_BACK, FREEBSD_FRONT);
	assert_int_equal(value(&s, PVB_BLK_TOPIC_UNITS), PVB_BLK_UNITS_FREEBSD);
	assert_int_equal(because(&s, PVB_BLK_TOPIC_UNITS),
			 PVB_BLK_UNITS_OF_DRIVER);
	assert_int_equal(value(&s, PVB_BLK_TOPIC_SECTORS), 524288);
	assert_int_equal(value(&s, PVB_BLK_TOPIC_RING_PAGES), 2);
	assert_int_equal(because(&s, PVB_BLK_TOPIC_RING_PAGES),
			 PVB_BLK_ALL_OFFERED);
	assert_null(said_note(&s, PVB_BLK_ODD_UNITS));
}

static void freebsd_of_2012_chooses_blocks(void **state)
{
	static struct said s;

	(void)state;
	said_explain(&s, "vbd", OLD_FREEBSD_BACK, OLD_FREEBSD_FRONT);
	assert_int_equal(value(&s, PVB_BLK_TOPIC_BLOCKS), 128);
	assert_int_equal(because(&s, PVB_BLK_TOPIC_BLOCKS),
			 PVB_BLK_ALL_OFFERED);
	assert_int_equal(value(&s, PVB_BLK_TOPIC_RING_PAGES), 4);
	assert_int_equal(value(&s, PVB_BLK_TOPIC_RINGS), 4);
	assert_non_null(said_note(&s, PVB_BLK_ODD_RING_PAGES));
	assert_non_null(said_note(&s, PVB_BLK_ODD_BLOCKS));
}

static void windows_on_4096_byte_sectors_of_linux(void **state)
{
	static struct said s;

	(void)state;
	said_explain(&s, "vbd", FILE_BACK "sector-size=4096 "
		     "physical-sector-size=4096",
		     WINDOWS_FRONT "-feature-large-sector-size");
	assert_non_null(said_note(&s, PVB_BLK_ODD_UNITS));
	assert_non_null(said_note(&s, PVB_BLK_ODD_ONE_QUEUE_SAID));
	assert_null(said_note(&s, PVB_BLK_ODD_UNKNOWN));
	/* A back of ours refuses one that says so. */
	said_explain(&s, "vbd", FILE_BACK "sector-size=4096 "
		     "physical-sector-size=4096", WINDOWS_FRONT);
	assert_int_equal(because(&s, PVB_BLK_TOPIC_UNITS), PVB_BLK_REFUSED);
	assert_int_equal(s.out.row[PVB_BLK_TOPIC_UNITS].why,
			 PVB_WHY_KEY_CONFLICT);
}

static void qemu_wants_to_hear_of_large_sectors(void **state)
{
	static struct said s;

	(void)state;
	said_explain(&s, "qdisk", QEMU_BACK "sector-size=4096 sectors=65536",
		     LINUX_FRONT);
	assert_int_equal(because(&s, PVB_BLK_TOPIC_UNITS), PVB_BLK_REFUSED);
	assert_int_equal(s.out.row[PVB_BLK_TOPIC_UNITS].why,
			 PVB_WHY_KEY_MISSING);
	assert_int_equal(value(&s, PVB_BLK_TOPIC_SECTORS), 524288);
	said_explain(&s, "qdisk", QEMU_BACK "sector-size=4096 sectors=65536",
		     WINDOWS_FRONT);
	assert_int_equal(value(&s, PVB_BLK_TOPIC_UNITS), PVB_BLK_UNITS_ALL);
}

static void ec2_offers_by_pages_alone(void **state)
{
	static struct said s;

	(void)state;
	said_explain(&s, "vbd", EC2_BACK, BY_TOOLSTACK "num-ring-pages=2 "
		     "ring-ref0=8 ring-ref1=9 event-channel=8 "
		     "protocol=x86_64-abi");
	assert_int_equal(value(&s, PVB_BLK_TOPIC_RING_PAGES), 2);
	assert_int_equal(s.out.row[PVB_BLK_TOPIC_RING_PAGES].offered, 4);
	assert_int_equal(because(&s, PVB_BLK_TOPIC_RING_PAGES),
			 PVB_BLK_LESS_THAN_OFFERED);
	assert_int_equal(because(&s, PVB_BLK_TOPIC_BARRIER),
			 PVB_BLK_INSTEAD_OF_FLUSH);
	assert_null(said_note(&s, PVB_BLK_ODD_NO_FLUSH));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_of_drivers),
		cmocka_unit_test(linux_and_linux),
		cmocka_unit_test(a_disk_that_cannot_flush),
		cmocka_unit_test(qemu_and_linux),
		cmocka_unit_test(ours_and_ours),
		cmocka_unit_test(netbsd_takes_the_machines_own_layout),
		cmocka_unit_test(netbsd_connects_before_there_is_a_ring),
		cmocka_unit_test(freebsd_counts_in_whole_sectors),
		cmocka_unit_test(freebsd_of_2012_chooses_blocks),
		cmocka_unit_test(windows_on_4096_byte_sectors_of_linux),
		cmocka_unit_test(qemu_wants_to_hear_of_large_sectors),
		cmocka_unit_test(ec2_offers_by_pages_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
