/* SPDX-License-Identifier: MIT */
/*
 * Every reason for which a back refuses a request: counted by its name each
 * time, and told to the control half once.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "disk_held.h"
#include "liar_front.h"

struct lie {
	void (*tell)(const struct liar_front *l, struct pvb_blk_req *r);
	struct pair_options where;
	bool not_supported;             /* so it says; else an error */
	bool busy;                      /* an honest one is under way */
};

/* ---- each turns an honest read of a page into it ------------------------- */

static void say_op_unknown(const struct liar_front *l, struct pvb_blk_req *r)
{
	(void)l;
	r->op = 77;
}

static void say_flush(const struct liar_front *l, struct pvb_blk_req *r)
{
	(void)l;
	r->op = PVB_BLK_FLUSH;
	r->nr_segs = 0;
}

static void say_seg_count(const struct liar_front *l, struct pvb_blk_req *r)
{
	(void)l;
	r->nr_segs = 0;
}

static void say_seg_order(const struct liar_front *l, struct pvb_blk_req *r)
{
	(void)l;
	r->seg[0].first = 3;
	r->seg[0].last = 2;
}

static void say_seg_page(const struct liar_front *l, struct pvb_blk_req *r)
{
	(void)l;
	r->seg[0].last = 8;
}

static void say_sector_align(const struct liar_front *l, struct pvb_blk_req *r)
{
	(void)l;
	r->seg[0].last = 3;
}

static void say_range(const struct liar_front *l, struct pvb_blk_req *r)
{
	(void)l;
	r->sector = UINT64_MAX - 7;
}

static void say_write(const struct liar_front *l, struct pvb_blk_req *r)
{
	(void)l;
	r->op = PVB_BLK_WRITE;
}

static void say_read(const struct liar_front *l, struct pvb_blk_req *r)
{
	(void)l;
	(void)r;
}

static void say_indirect_op(const struct liar_front *l, struct pvb_blk_req *r)
{
	r->indirect = true;
	r->indirect_gref[0] = l->gref[1];
	r->op = PVB_BLK_FLUSH;
}

static void say_indirect_count(const struct liar_front *l,
                               struct pvb_blk_req *r)
{
	r->indirect = true;
	r->indirect_gref[0] = l->gref[1];
	r->nr_segs = 0;
}

static void say_two_pages(const struct liar_front *l, struct pvb_blk_req *r)
{
	r->seg[1] = (struct pvb_seg){ l->gref[1], 0, 7 };
	r->nr_segs = 2;
}

static void say_secure(const struct liar_front *l, struct pvb_blk_req *r)
{
	(void)l;
	r->op = PVB_BLK_DISCARD;
	r->nr_segs = 0;
	r->nr_sectors = 8;
	r->secure = true;
}

static void say_grant(const struct liar_front *l, struct pvb_blk_req *r)
{
	(void)l;
	r->seg[0].gref = 0xffffffff;
}

static const struct lie lies[PVB_WHY_COUNT] = {
	[PVB_WHY_OP_UNKNOWN] = {
		.tell = say_op_unknown, .not_supported = true },
	[PVB_WHY_OP_NOT_OFFERED] = {
		.tell = say_flush, .where = { .no_flush = true },
		.not_supported = true },
	[PVB_WHY_SEG_COUNT] = { .tell = say_seg_count },
	[PVB_WHY_SEG_ORDER] = { .tell = say_seg_order },
	[PVB_WHY_SEG_PAGE] = { .tell = say_seg_page },
	[PVB_WHY_SECTOR_ALIGN] = {
		.tell = say_sector_align,
		.where = { .uri = "mem:32M?sector-size=4096" } },
	[PVB_WHY_RANGE] = { .tell = say_range },
	[PVB_WHY_READ_ONLY] = {
		.tell = say_write,
		.where = { .disk_flags = PVB_DISK_READ_ONLY } },
	[PVB_WHY_NO_MEDIUM] = {
		.tell = say_read, .where = { .empty = true } },
	[PVB_WHY_INDIRECT_OP] = { .tell = say_indirect_op },
	[PVB_WHY_INDIRECT_COUNT] = { .tell = say_indirect_count },
	[PVB_WHY_REQUEST_SIZE] = {
		.tell = say_two_pages,
		.where = { .blocks = { .segs_max = 255, .bytes_max = 4096 } } },
	[PVB_WHY_REQUEST_COUNT] = {
		.tell = say_read, .busy = true,
		.where = { .uri = "held:32M", .disks = disk_held_list,
		           .blocks = { .segs_max = 255, .requests_max = 1 } } },
	[PVB_WHY_DISCARD_FLAG] = {
		.tell = say_secure, .where = { .no_secure = true },
		.not_supported = true },
	[PVB_WHY_GRANT] = { .tell = say_grant },
};

static void begin_honest(struct liar_front *l)
{
	struct pvb_blk_req r = liar_read(l);

	liar_send(l, &r);
	while (held_count() == 0)
		pair_turn(&l->pair);
}

static void end_honest(struct liar_front *l)
{
	held_answer_all(0);
	assert_int_equal(liar_answer(l).status, PVB_BLK_OKAY);
}

static void lie_twice(enum pvb_why why)
{
	const struct lie *lie = &lies[why];
	struct liar_front *l = calloc(1, sizeof(*l));
	struct pvb_blk_req r;

	/* A reason without its lie: this table does not know it yet. */
	if (!lie->tell)
		fail_msg("%s", pvb_why_name(why));
	liar_front_init(l, &lie->where, PVB_ABI_X86_64);
	if (lie->busy)
		begin_honest(l);
	r = liar_read(l);
	lie->tell(l, &r);
	for (int i = 0; i < 2; i++)
		liar_expect(l, &r, why, lie->not_supported ? PVB_BLK_EOPNOTSUPP
		                                           : PVB_BLK_ERROR);
	if (lie->busy)
		end_honest(l);
	pair_settle(&l->pair);
	assert_int_equal(l->pair.back.refused[why], 1);
	liar_front_fini(l);
	held_reset();
	free(l);
}

static void every_reason_to_refuse_a_request(void **state)
{
	(void)state;
	for (uint32_t i = PVB_OK + 1; i < PVB_WHY_COUNT; i++)
		if (pvb_why_scope((enum pvb_why)i) == PVB_WHY_OF_REQUEST)
			lie_twice((enum pvb_why)i);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_reason_to_refuse_a_request),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
