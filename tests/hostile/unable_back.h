/* SPDX-License-Identifier: MIT */
/*
 * unable_back.h - a back that answers "not supported", request by request.
 */
#ifndef PVB_TEST_UNABLE_BACK_H
#define PVB_TEST_UNABLE_BACK_H

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "liar_back.h"

enum {
	REQS = 40, PAGE = PVB_BLK_PAGE_BYTES, LISTED = 32,
	DIRECT = PVB_BLK_SEGS_DIRECT,
};

struct scene {
	struct liar_back l;
	struct req q[REQS];
	uint32_t changes;               /* the disk's owner heard of */
	uint32_t answers;               /* when it did last */
	bool close;                     /* and it ends the front then */
};

static inline void on_changed(struct pvb_disk *d, void *arg, int gone)
{
	struct scene *s = arg;

	assert_ptr_equal(d, s->l.rig.disk);
	assert_int_equal(gone, 0);
	s->changes++;
	s->answers = s->l.rig.answers;
	if (s->close) {
		pvb_blkfront_io_destroy(s->l.pair.front_io);
		s->l.pair.front_io = NULL;
	}
}

static inline struct scene *begin_as(const struct pair_options *o)
{
	struct scene *s = calloc(1, sizeof(*s));

	liar_back_init(&s->l, o);
	s->l.rig.disk->changed = on_changed;
	s->l.rig.disk->arg = s;
	return s;
}

static inline struct scene *begin(void)
{
	return begin_as(&(struct pair_options){ .indirect = LISTED });
}

static inline void end(struct scene *s)
{
	liar_back_fini(&s->l);
	for (int i = 0; i < REQS; i++)
		req_fini(&s->q[i]);
	free(s);
}

static inline const struct pvb_disk_info *info(const struct scene *s)
{
	return &s->l.rig.disk->info;
}

/* ---- requests and answers ------------------------------------------------ */

static inline struct req *ask(struct scene *s, int i, enum pvb_io_op op,
                              uint32_t flags, uint64_t offset, uint64_t length)
{
	struct req *q = &s->q[i];

	req_fini(q);
	req_init(q, &s->l.rig, op, offset, length);
	q->io.flags = flags;
	assert_int_equal(req_submit(q), 0);
	return q;
}

static inline struct req *ask_flush(struct scene *s, int i)
{
	struct req *q = ask(s, i, PVB_IO_FLUSH, 0, 0, 0);

	rig_kick(&s->l.rig);
	return q;
}

static inline struct req *ask_data(struct scene *s, int i, enum pvb_io_op op,
                                   uint32_t pages)
{
	struct req *q = ask(s, i, op, 0, 0, (uint64_t)pages * PAGE);

	rig_kick(&s->l.rig);
	return q;
}

static inline struct pvb_blk_req next(struct scene *s, uint8_t op)
{
	struct pvb_blk_req r = liar_take(&s->l);

	assert_int_equal(r.op, op);
	return r;
}

static inline void answer(struct scene *s, const struct pvb_blk_req *r,
                          int16_t status)
{
	uint32_t slots = r->indirect
		? 1 : pvb_blk_slots(pvb_abi_native(), r->nr_segs);

	liar_answer_in(&s->l, r->id, r->op, status, slots);
}

static inline void refuse(struct scene *s, const struct pvb_blk_req *r)
{
	answer(s, r, PVB_BLK_EOPNOTSUPP);
}

static inline void do_next(struct scene *s, uint8_t op)
{
	struct pvb_blk_req r = next(s, op);

	answer(s, &r, PVB_BLK_OKAY);
}

static inline void refuse_next(struct scene *s, uint8_t op)
{
	struct pvb_blk_req r = next(s, op);

	refuse(s, &r);
}

static inline void expect_end(struct req *q, int result)
{
	req_wait(q);
	rig_settle(q->rig);
	assert_int_equal(q->answers, 1);
	assert_int_equal(q->result, result);
}

/* It ends so, and the back is not asked. */
static inline void expect_not_asked(struct scene *s, struct req *q)
{
	expect_end(q, -EOPNOTSUPP);
	liar_expect_none(&s->l);
}

#endif
