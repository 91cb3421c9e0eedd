/* SPDX-License-Identifier: MIT */
/*
 * What is explained of each scripted back: whose it looks like, that what was
 * agreed on is the disk that pvb's front has, and that nothing of it is
 * unknown.
 */
#include "back.h"

#include "blk/blk_nodes_look.h"
#include "disk/requests.h"
#include "proto/blkexplain.h"

struct back_case {
	const struct back_script *script;
	enum pvb_blk_driver driver;
	enum pvb_blk_units units;
};

static const struct back_case cases[] = {
	{ &back_ec2, PVB_BLK_BY_EC2, PVB_BLK_UNITS_SPEC },
	{ &back_ec2_odd, PVB_BLK_BY_EC2, PVB_BLK_UNITS_SPEC },
	{ &back_freebsd, PVB_BLK_BY_FREEBSD, PVB_BLK_UNITS_FREEBSD },
	{ &back_freebsd_2012, PVB_BLK_BY_FREEBSD_2012, PVB_BLK_UNITS_FREEBSD },
	{ &back_freebsd_2012_32, PVB_BLK_BY_FREEBSD_2012,
	  PVB_BLK_UNITS_FREEBSD },
	{ &back_freebsd_2012_4k, PVB_BLK_BY_FREEBSD_2012,
	  PVB_BLK_UNITS_FREEBSD },
	{ &back_freebsd_9_0, PVB_BLK_BY_FREEBSD_2012, PVB_BLK_UNITS_FREEBSD },
	{ &back_linux, PVB_BLK_BY_LINUX, PVB_BLK_UNITS_SPEC },
	{ &back_linux_2_6, PVB_BLK_BY_LINUX_OLD, PVB_BLK_UNITS_SPEC },
	{ &back_linux_order, PVB_BLK_BY_LINUX, PVB_BLK_UNITS_SPEC },
	{ &back_mirage, PVB_BLK_BY_MIRAGE, PVB_BLK_UNITS_SPEC },
	{ &back_netbsd, PVB_BLK_BY_NETBSD, PVB_BLK_UNITS_SPEC },
	{ &back_qemu, PVB_BLK_BY_QEMU, PVB_BLK_UNITS_ALL },
	{ &back_qemu_4k, PVB_BLK_BY_QEMU, PVB_BLK_UNITS_ALL },
	{ &back_tapdisk, PVB_BLK_BY_TAPDISK, PVB_BLK_UNITS_SPEC },
};
enum { CASES = sizeof(cases) / sizeof(cases[0]) };

static struct stage stage;
static struct back back;
static struct pvb_blk_look look;
static struct pvb_blk_explained found;

static void begin_with(const struct back_script *script)
{
	stage_begin(&stage, script->kind);
	memset(&back, 0, sizeof(back));
	back.stage = &stage;
	back.script = script;
	back.bytes = STAGE_BYTES;
	back.disk = calloc(1, back.bytes);
	back.expected = calloc(1, back.bytes);
	assert_true(back.disk && back.expected);
	end_open(&back.end, stage.machine.run, STAGE_BACK, STAGE_FRONT,
	         stage.back_dir, stage.front_dir);
	script->found(&back);
}

static void end_it(void)
{
	end_close(&back.end);
	stage_end(&stage);
	free(back.disk);
	free(back.expected);
}

static void explain_it(void)
{
	const struct pvb_blk_look_for what = { .front_domid = STAGE_FRONT,
		.number = STAGE_VDEV, .own_domid = STAGE_BACK };
	struct pvb_blk_said said = { &look.dev, &look.back, &look.front, NULL };
	struct pvb_err e = PVB_ERR_INIT;

	if (pvb_blk_nodes_look(stage.tools, &what, &look, &e) < 0)
		fail_msg("%s", e.text);
	assert_true(look.back_there && look.front_there && !look.more);
	assert_string_equal(look.dev.kind, back.script->kind);
	pvb_blk_explain(&said, &found);
}

static uint64_t value(enum pvb_blk_topic t)
{
	const struct pvb_blk_row *row = &found.row[t];

	if (!row->known)
		fail_msg("%s: %s", pvb_blk_topic_title(t),
		         pvb_blk_because_name(row->because));
	return row->value;
}

/* As our front has it, which was told the units and did not guess. */
static void expect_as_used(void)
{
	struct pvb_disk_info info;

	pvb_client_info(stage.client, &info);
	assert_int_equal(found.front.driver, PVB_BLK_BY_PVB);
	assert_int_equal(value(PVB_BLK_TOPIC_SECTORS) * 512, info.size_bytes);
	assert_int_equal(value(PVB_BLK_TOPIC_SECTOR_SIZE),
	                 info.sector_size_bytes);
	assert_int_equal(value(PVB_BLK_TOPIC_PHYSICAL_SIZE),
	                 info.physical_size_bytes);
	assert_int_equal(value(PVB_BLK_TOPIC_READ_ONLY), info.read_only);
	assert_int_equal(value(PVB_BLK_TOPIC_FLUSH) ||
	                 value(PVB_BLK_TOPIC_BARRIER), info.flush);
	assert_int_equal(value(PVB_BLK_TOPIC_DISCARD), info.discard);
	assert_int_equal(value(PVB_BLK_TOPIC_SECURE), info.discard_secure);
	assert_int_equal(value(PVB_BLK_TOPIC_BLOCKS), back.script->blocks);
}

/* As the script has mapped them. */
static void expect_as_mapped(void)
{
	uint32_t queues = 0, pages = 0;

	for (int i = 0; i < BACK_QUEUES; i++) {
		queues += back.queue[i].pages != NULL;
		pages += back.queue[i].pages ? back.queue[i].count : 0;
	}
	assert_int_equal(value(PVB_BLK_TOPIC_QUEUES), queues);
	assert_int_equal(value(PVB_BLK_TOPIC_RING_PAGES),
	                 back.queue[0].count);
	assert_int_equal(value(PVB_BLK_TOPIC_RINGS), pages);
}

static void is_explained(void **state)
{
	const struct back_case *c = *state;

	begin_with(c->script);
	if (c->script->leave)           /* else it cannot serve us */
		back_open(&back, "");
	explain_it();
	assert_string_equal(pvb_blk_driver_name(found.back.driver),
	                    pvb_blk_driver_name(c->driver));
	assert_int_equal(value(PVB_BLK_TOPIC_UNITS), c->units);
	for (uint32_t i = 0; i < found.notes; i++)
		assert_int_not_equal(found.note[i].odd, PVB_BLK_ODD_UNKNOWN);
	if (c->script->leave) {
		expect_as_used();
		expect_as_mapped();
		back_close(&back);
	}
	end_it();
}

int main(void)
{
	static struct CMUnitTest tests[CASES];

	for (int i = 0; i < CASES; i++)
		tests[i] = (struct CMUnitTest){
			.name = cases[i].script->name,
			.test_func = is_explained,
			.initial_state = (void *)(uintptr_t)&cases[i],
		};
	(void)alarm(120);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
