/* SPDX-License-Identifier: MIT */
/*
 * What is explained of each scripted front while it is connected to pvb's
 * backend: whose it looks like, that what was agreed on is what the backend
 * has, and that nothing of it is unknown.
 */
#include "front.h"

#include "blk/blk_nodes_look.h"
#include "proto/blkexplain.h"

struct front_case {
	const struct front_script *script;
	enum pvb_blk_driver driver;
};

static const struct front_case cases[] = {
	{ &front_early, PVB_BLK_BY_LINUX_2006 },
	{ &front_freebsd, PVB_BLK_BY_FREEBSD },
	{ &front_freebsd_2012, PVB_BLK_BY_FREEBSD_2012 },
	{ &front_freebsd_2012_4k, PVB_BLK_BY_FREEBSD_2012 },
	{ &front_freebsd_9_0, PVB_BLK_BY_FREEBSD_2012 },
	{ &front_grub, PVB_BLK_BY_PLAIN },
	{ &front_linux, PVB_BLK_BY_LINUX },
	{ &front_linux_2006, PVB_BLK_BY_LINUX_2006 },
	{ &front_linux_order, PVB_BLK_BY_LINUX_OLD },
	{ &front_mini_os, PVB_BLK_BY_PLAIN },
	{ &front_mirage, PVB_BLK_BY_MIRAGE },
	{ &front_netbsd, PVB_BLK_BY_PLAIN },
	{ &front_ovmf, PVB_BLK_BY_PLAIN },
	{ &front_windows, PVB_BLK_BY_WINDOWS },
	{ &front_windows_4k, PVB_BLK_BY_WINDOWS },
};
enum { CASES = sizeof(cases) / sizeof(cases[0]) };

static struct stage stage;
static struct front front;
static struct pvb_blk_look look;
static struct pvb_blk_explained found;

static void connect_it(const struct front_script *script)
{
	stage_begin(&stage, &script->options);
	memset(&front, 0, sizeof(front));
	front.stage = &stage;
	front.script = script;
	end_open(&front.end, stage.machine.run, STAGE_FRONT, STAGE_BACK,
	         stage.front_dir, stage.back_dir);
	stage_start_back(&stage);
	back_thread_wait(&stage.back, PVB_XB_INIT_WAIT);
	front_connect(&front);
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
	pvb_blk_explain(&said, &found);
}

static void expect(enum pvb_blk_topic t, uint64_t value)
{
	const struct pvb_blk_row *row = &found.row[t];

	if (!row->known || row->value != value)
		fail_msg("%s: %s, %llu, not %llu", pvb_blk_topic_title(t),
		         pvb_blk_because_name(row->because),
		         (unsigned long long)row->value,
		         (unsigned long long)value);
}

/* As the backend has it that serves. */
static void expect_as_agreed(const struct pvb_blkback_status *s)
{
	const struct pvb_blk_terms *t = &s->terms;
	const struct pvb_blk_geometry *g = &s->geometry;

	assert_true(s->live && s->terms_known && s->disk_known);
	expect(PVB_BLK_TOPIC_ABI, t->abi);
	expect(PVB_BLK_TOPIC_RING_PAGES, 1u << t->ring_order);
	expect(PVB_BLK_TOPIC_QUEUES, t->queues);
	expect(PVB_BLK_TOPIC_RINGS, (uint64_t)t->queues << t->ring_order);
	expect(PVB_BLK_TOPIC_INDIRECT, t->indirect_max);
	expect(PVB_BLK_TOPIC_BLOCKS, t->blocks.segs_max);
	expect(PVB_BLK_TOPIC_PERSISTENT, t->persistent);
	expect(PVB_BLK_TOPIC_SECTORS, g->sectors);
	expect(PVB_BLK_TOPIC_SECTOR_SIZE, g->sector_size_bytes);
	expect(PVB_BLK_TOPIC_PHYSICAL_SIZE, g->physical_size_bytes);
	expect(PVB_BLK_TOPIC_FLUSH, g->flush);
	expect(PVB_BLK_TOPIC_BARRIER, g->barrier);
	expect(PVB_BLK_TOPIC_DISCARD, g->discard);
	expect(PVB_BLK_TOPIC_READ_ONLY, g->read_only);
	expect(PVB_BLK_TOPIC_UNITS, g->units);
}

static void is_explained(void **state)
{
	const struct front_case *c = *state;
	struct pvb_blkback_status status;

	connect_it(c->script);
	status = back_thread_status(&stage.back);
	explain_it();
	assert_string_equal(pvb_blk_driver_name(found.front.driver),
	                    pvb_blk_driver_name(c->driver));
	assert_int_equal(found.back.driver, PVB_BLK_BY_PVB);
	expect_as_agreed(&status);
	for (uint32_t i = 0; i < found.notes; i++)
		assert_int_not_equal(found.note[i].odd, PVB_BLK_ODD_UNKNOWN);
	c->script->leave(&front);
	end_close(&front.end);
	stage_end(&stage);
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
