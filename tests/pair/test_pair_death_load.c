/* SPDX-License-Identifier: MIT */
/*
 * A back is killed again and again, at whichever of its crash points, under a
 * load that is verified: no error, nothing wrong, nothing lost, nothing that
 * comes back.  The front asserts that each request is answered once.
 *
 * At the point the test keeps what ring and journal are, and the back goes on
 * to the end of its turn, unseen by the front; then it is killed as of that
 * moment.  What it has the disk do meanwhile is of requests that were taken or
 * were on the ring, so its successor does all of it again.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "disk_lazy.h"
#include "pair_death.h"
#include "proto/crash_point.h"
#include "requests.h"

enum {
	REQS = 24, REGION = LAZY_BYTES / REQS / 4096 * 4096,
	KILLS = 1000, TURNS_MAX = 1000000,
	POINTS_APART = 150,             /* between two deaths, at most */
};

struct job {
	struct req req;
	struct scene *scene;
	uint64_t from;
	bool busy;
};

static struct scene {
	struct pair pair;
	struct rig rig;
	struct job job[REQS];
	unsigned char is[LAZY_BYTES];   /* what the disk must hold */
	uint64_t dice;
	uint32_t until_death;           /* points; 0: now none is due */
	struct pair_moment *moment;
	uint32_t kills, under_load, redone, unpublished, published,
	         uncommitted;
	uint32_t at[PVB_AT_COUNT];
} *scene;

static uint32_t throw_dice(uint32_t below)
{
	return (uint32_t)(next_random(&scene->dice) % below);
}

void pvb_crash_point(int at)
{
	struct scene *s = scene;

	if (s->until_death == 0 || --s->until_death > 0 || !s->pair.journal)
		return;
	s->at[at]++;
	s->moment = pair_moment(&s->pair);
}

/* ---- the load ------------------------------------------------------------ */

static void check(struct job *b)
{
	const struct pvb_io *io = &b->req.io;

	assert_int_equal(b->req.result, 0);
	if (io->op == PVB_IO_READ)
		assert_memory_equal(req_data(&b->req), scene->is +
		                    io->offset_bytes, io->length_bytes);
	else if (io->op == PVB_IO_WRITE)
		memcpy(scene->is + io->offset_bytes, req_data(&b->req),
		       io->length_bytes);
	else if (io->op == PVB_IO_DISCARD)
		memset(scene->is + io->offset_bytes, 0, io->length_bytes);
}

static void done(struct req *q)
{
	struct job *b = q->arg;

	check(b);
	b->busy = false;
}

static enum pvb_io_op any_op(void)
{
	static const enum pvb_io_op op[] = {
		PVB_IO_WRITE, PVB_IO_WRITE, PVB_IO_WRITE, PVB_IO_READ,
		PVB_IO_READ, PVB_IO_READ, PVB_IO_DISCARD, PVB_IO_FLUSH,
	};

	return op[throw_dice(8)];
}

/* Each has a part of the disk of its own: no two in flight overlap. */
static void start(uint32_t i)
{
	struct job *b = &scene->job[i];
	enum pvb_io_op op = any_op();
	uint64_t length = 512 * (1 + throw_dice(throw_dice(4) ? 16 : 120));
	uint64_t offset = 512 * throw_dice((REGION - (uint32_t)length) / 512);

	if (op == PVB_IO_FLUSH)
		length = 0;
	req_fini(&b->req);
	req_init(&b->req, &scene->rig, op,
	         length ? (uint64_t)i * REGION + offset : 0, length);
	if (op == PVB_IO_WRITE)
		fill_pattern(req_data(&b->req), length,
		             next_random(&scene->dice));
	b->req.then = done;
	b->req.arg = b;
	b->busy = req_submit(&b->req) == 0;
}

static uint32_t busy_jobs(void)
{
	uint32_t n = 0;

	for (int i = 0; i < REQS; i++)
		n += scene->job[i].busy;
	return n;
}

/* ---- deaths -------------------------------------------------------------- */

static void note(const struct pvb_journal_found *f)
{
	scene->redone += f->redo;
	scene->unpublished += f->unpublished;
	scene->published += f->published;
	scene->uncommitted += f->uncommitted;
}

static void bury(void)
{
	struct scene *s = scene;

	s->kills++;
	s->under_load += busy_jobs() > 0;
	pair_kill(&s->pair, s->moment, lazy_count() ? lazy_fence : NULL);
	s->moment = NULL;
}

static void plan_death(void)
{
	scene->until_death = 1 + throw_dice(POINTS_APART);
}

static void back_turn(void)
{
	assert_int_equal(pvb_loop_turn(scene->pair.back_loop, false), 0);
}

/* Who takes over may die as well, before it has said a word. */
static void succeed(void)
{
	struct pair *p = &scene->pair;
	struct control *c = &p->back;
	struct pvb_blk_msg m;

	pair_resume_msg(p, &m);
	plan_death();
	for (pair_send_back_attach(p, &m); c->got_count == 0;) {
		back_turn();
		if (scene->moment) {
			bury();
			plan_death();
			pair_send_back_attach(p, &m);
			continue;
		}
		assert_int_equal(pvb_loop_turn(p->loop, false), 0);
	}
	assert_int_equal(c->got[0].type, PVB_BLK_MSG_ATTACHED);
	note(&c->got[0].u.found);
	c->got_count = 0;
}

static void one_turn(void)
{
	assert_int_equal(pvb_loop_turn(scene->pair.loop, false), 0);
	back_turn();
	if (scene->moment) {
		bury();
		succeed();
	}
	if (throw_dice(3) == 0)
		lazy_work();
}

/* ---- the test ------------------------------------------------------------ */

static void run_load(void)
{
	plan_death();
	for (uint32_t n = 0; scene->kills < KILLS; n++) {
		assert_true(n < TURNS_MAX);
		for (uint32_t i = 0; i < REQS; i++)
			if (!scene->job[i].busy && throw_dice(2))
				start(i);
		rig_kick(&scene->rig);
		one_turn();
	}
	scene->until_death = 0;
}

/* Nobody dies any more: all is answered, and the disk is what it should be. */
static void settle(void)
{
	for (int n = 0; busy_jobs() > 0; n++) {
		assert_true(n < TURNS_MAX);
		one_turn();
	}
	for (uint32_t i = 0; i < REQS; i++) {
		struct job *b = &scene->job[i];

		req_fini(&b->req);
		req_init(&b->req, &scene->rig, PVB_IO_READ,
		         (uint64_t)i * REGION, REGION);
		b->req.then = done;
		b->req.arg = b;
		b->busy = true;
		assert_int_equal(req_submit(&b->req), 0);
		rig_kick(&scene->rig);
		for (int n = 0; b->busy; n++) {
			assert_true(n < TURNS_MAX);
			one_turn();
		}
	}
}

static void tell(const char *name)
{
	print_message("# %s: %u kills, %u under load; %u done again, "
	              "%u of them with an answer that was not shown; "
	              "%u answered and still there; %u not committed\n", name,
	              scene->kills, scene->under_load, scene->redone,
	              scene->unpublished, scene->published,
	              scene->uncommitted);
}

static void assert_killed_at(int from, int to)
{
	for (int at = from; at <= to; at++)
		if (scene->at[at] == 0)
			fail_msg("never killed at %d", at);
}

static void torture(const char *name, struct pair_options o)
{
	scene = calloc(1, sizeof(*scene));
	assert_non_null(scene);
	scene->dice = strlen(name) * 7919 + 17;
	lazy_reset(scene->dice);
	o.uri = "lazy:";
	o.disks = disk_lazy_list;
	o.own_loop = o.journal = true;
	pair_init(&scene->pair, &o);
	pair_connect(&scene->pair);
	scene->rig.loop = scene->pair.loop;
	scene->rig.disk = scene->pair.disk;
	run_load();
	settle();
	tell(name);
	assert_true(scene->under_load * 10 >= scene->kills * 9);
	assert_true(scene->redone && scene->unpublished && scene->published &&
	            scene->uncommitted);
	assert_killed_at(PVB_AT_SLOT, PVB_AT_COMMIT);
	assert_killed_at(PVB_AT_ANSWER, PVB_AT_RSP_PROD);
	if (o.indirect)
		assert_killed_at(PVB_AT_LIST, PVB_AT_LISTED);
	for (int i = 0; i < REQS; i++)
		req_fini(&scene->job[i].req);
	pair_disconnect(&scene->pair);
	pair_fini(&scene->pair);
	free(scene);
	scene = NULL;
}

static void direct(void **state)
{
	(void)state;
	torture("direct", (struct pair_options){ 0 });
}

static void in_32_bit(void **state)
{
	(void)state;
	torture("32-bit", (struct pair_options){
		.x86_32 = true, .indirect = 32,
	});
}

static void indirect(void **state)
{
	(void)state;
	torture("indirect", (struct pair_options){
		.indirect = 32, .ring_order = 1,
	});
}

static void by_copies(void **state)
{
	(void)state;
	torture("copies", (struct pair_options){
		.indirect = 32, .no_window = true,
	});
}

static void persistent(void **state)
{
	(void)state;
	torture("persistent", (struct pair_options){
		.indirect = 32, .mapped = true,
	});
}

static void segment_blocks(void **state)
{
	(void)state;
	torture("blocks", (struct pair_options){
		.blocks.segs_max = 64, .ring_order = 1,
	});
}

static void segment_blocks_in_32_bit(void **state)
{
	(void)state;
	torture("blocks 32-bit", (struct pair_options){
		.blocks = { .segs_max = 32, .requests_max = 12 },
		.x86_32 = true,
	});
}

static void barriers(void **state)
{
	(void)state;
	torture("barriers", (struct pair_options){ .barrier_only = true });
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(direct),
		cmocka_unit_test(in_32_bit),
		cmocka_unit_test(indirect),
		cmocka_unit_test(by_copies),
		cmocka_unit_test(persistent),
		cmocka_unit_test(segment_blocks),
		cmocka_unit_test(segment_blocks_in_32_bit),
		cmocka_unit_test(barriers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
