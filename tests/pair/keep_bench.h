/* SPDX-License-Identifier: MIT */
/*
 * keep_bench.h - a front that loses its back and gets another, step by step.
 */
#ifndef PVB_TEST_KEEP_BENCH_H
#define PVB_TEST_KEEP_BENCH_H

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "disk_held.h"
#include "pair.h"
#include "requests.h"

enum { REQS = 40, MIB = 1 << 20, PAGE = 4096 };

struct scene {
	struct pair pair;
	struct rig rig;
	struct req req[REQS];
};

static inline struct scene *begin(const struct pair_options *more)
{
	struct scene *s = calloc(1, sizeof(*s));
	struct pair_options o = *more;

	assert_non_null(s);
	if (!o.uri) {
		o.uri = "held:64M";
		o.disks = disk_held_list;
	}
	o.own_loop = true;
	pair_init(&s->pair, &o);
	pair_connect(&s->pair);
	s->rig.loop = s->pair.loop;
	s->rig.disk = s->pair.disk;
	return s;
}

static inline void end(struct scene *s)
{
	pair_fini(&s->pair);
	for (int i = 0; i < REQS; i++)
		req_fini(&s->req[i]);
	held_reset();
	free(s);
}

static inline void turn(struct scene *s)
{
	for (int i = 0; i < 64; i++)
		pair_turn(&s->pair);
}

static inline struct req *submit(struct scene *s, int i, enum pvb_io_op op,
                          uint64_t offset, uint64_t length)
{
	req_init(&s->req[i], &s->rig, op, offset, length);
	assert_int_equal(req_submit(&s->req[i]), 0);
	rig_kick(&s->rig);
	turn(s);
	return &s->req[i];
}

static inline void wait_for(struct scene *s, struct req *q, int result)
{
	for (int i = 0; i < 100000 && q->answers == 0; i++)
		pair_turn(&s->pair);
	assert_int_equal(q->answers, 1);
	assert_int_equal(q->result, result);
}

static inline void put(struct scene *s, uint64_t offset, uint64_t length,
                uint64_t seed)
{
	struct req q;

	req_init(&q, &s->rig, PVB_IO_WRITE, offset, length);
	fill_pattern(q.memory, length, seed);
	assert_int_equal(req_submit(&q), 0);
	rig_kick(&s->rig);
	wait_for(s, &q, 0);
	req_fini(&q);
}

/* `seed` 0: zeros. */
static inline void expect(struct scene *s, uint64_t offset, uint64_t length,
                   uint64_t seed)
{
	unsigned char *want = calloc(1, length);
	struct req q;

	assert_non_null(want);
	if (seed > 0)
		fill_pattern(want, length, seed);
	req_init(&q, &s->rig, PVB_IO_READ, offset, length);
	assert_int_equal(req_submit(&q), 0);
	rig_kick(&s->rig);
	wait_for(s, &q, 0);
	assert_memory_equal(q.memory, want, length);
	req_fini(&q);
	free(want);
}

/* ---- a loss -------------------------------------------------------------- */

static inline void order_drain(struct scene *s, bool cut, bool keep)
{
	struct pvb_blk_msg m = {
		.type = PVB_BLK_MSG_DRAIN, .cut = cut, .keep = keep,
	};

	control_send(&s->pair.front, &m);
}

static inline void detach_front(struct scene *s)
{
	control_say(&s->pair.front, PVB_BLK_MSG_DETACH);
	(void)control_wait(&s->pair.front, PVB_BLK_MSG_DETACHED);
}

/* The front is told that its back is gone.  What it has kept. */
static inline uint32_t lose(struct scene *s)
{
	struct pvb_blk_msg m;

	order_drain(s, true, true);
	m = control_wait(&s->pair.front, PVB_BLK_MSG_DRAINED);
	detach_front(s);
	return m.u.drained.kept;
}

/* Whatever its disk still had to do, it has done. */
static inline void kill_back(struct scene *s)
{
	struct pair *p = &s->pair;

	control_fini(&p->back);
	if (held_lane())
		held_answer_all(0);
	pvb_blkback_io_destroy(p->back_io);
	pair_make_back(p);
}

static inline void connect_again(struct scene *s)
{
	struct pvb_blk_msg m = { .type = PVB_BLK_MSG_GO };

	pair_front_attach(&s->pair);
	pair_back_attach(&s->pair);
	m.u.geometry = s->pair.geometry;
	control_send(&s->pair.front, &m);
	turn(s);
}

static inline void another_back(struct scene *s)
{
	kill_back(s);
	connect_again(s);
}

static inline void disk_has(uint32_t i, enum pvb_io_op op, uint64_t offset,
                     uint64_t length)
{
	const struct pvb_io *io = held_at(i);

	assert_int_equal(io->op, op);
	assert_int_equal(io->offset_bytes, offset);
	assert_int_equal(io->length_bytes, length);
}

#endif
