/* SPDX-License-Identifier: MIT */
/*
 * Attach, go, drain, detach: in order, out of order, and when each step
 * fails.  pair_fini asserts that nothing is left shared, mapped or bound.
 */
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "disk_held.h"
#include "pair.h"
#include "requests.h"

struct scene {
	struct pair pair;
	struct rig rig;
	struct req req[4];
};

static struct scene *begin(const struct pair_options *more)
{
	struct scene *s = calloc(1, sizeof(*s));
	struct pair_options o = *more;

	if (!o.uri) {
		o.uri = "held:64M";
		o.disks = disk_held_list;
	}
	pair_init(&s->pair, &o);
	s->rig.loop = s->pair.loop;
	s->rig.disk = s->pair.disk;
	return s;
}

static struct scene *begin_connected(void)
{
	struct scene *s = begin(&(struct pair_options){ 0 });

	pair_connect(&s->pair);
	return s;
}

static void end(struct scene *s)
{
	pair_fini(&s->pair);
	for (int i = 0; i < 4; i++)
		req_fini(&s->req[i]);
	held_reset();
	free(s);
}

static struct req *submit(struct scene *s, int i, enum pvb_io_op op,
                          uint64_t offset, uint64_t length)
{
	req_init(&s->req[i], &s->rig, op, offset, length);
	assert_int_equal(req_submit(&s->req[i]), 0);
	rig_kick(&s->rig);
	return &s->req[i];
}

static void expect_failed(struct control *c, enum pvb_why why, int code)
{
	struct pvb_blk_msg m = control_wait(c, PVB_BLK_MSG_FAILED);

	assert_string_equal(pvb_why_name(m.u.failed.why), pvb_why_name(why));
	assert_int_equal(m.u.failed.code, code);
	assert_true(m.u.failed.text[0] != '\0');
}

static void drain(struct control *c, bool cut)
{
	struct pvb_blk_msg m = { .type = PVB_BLK_MSG_DRAIN, .cut = cut };

	control_send(c, &m);
}

static void counts_are(struct scene *s, uint32_t shared_from, uint32_t mapped,
                       uint32_t ports)
{
	struct mem_direct_counts c;

	mem_direct_counts(s->pair.machine, &c);
	assert_true(shared_from ? c.shared >= shared_from : c.shared == 0);
	assert_int_equal(c.mapped, mapped);
	assert_int_equal(c.ports, ports);
}

/* ---- the way there and back ---------------------------------------------- */

static void a_connection_leaves_nothing_behind(void **state)
{
	struct scene *s = begin(&(struct pair_options){ .uri = "mem:16M" });

	(void)state;
	for (int round = 0; round < 3; round++) {
		pair_connect(&s->pair);
		counts_are(s, 1, 1, 2);
		assert_int_equal(rig_write(&s->rig, 0, 65536, 4), 0);
		rig_expect(&s->rig, 0, 65536, 4);
		pair_disconnect(&s->pair);
		counts_are(s, 0, 0, 0);
		assert_false(s->pair.live);
		assert_int_equal(s->pair.live_code, 0);
	}
	end(s);
}

static void before_go_and_after_drain_there_is_no_disk(void **state)
{
	struct scene *s = begin(&(struct pair_options){ .uri = "mem:16M" });

	(void)state;
	assert_int_equal(rig_do(&s->rig, PVB_IO_READ, 0, 0, 512), -ESHUTDOWN);
	assert_null(s->rig.disk->ops->buffer_get(s->rig.disk, 4096));
	pair_front_attach(&s->pair);
	assert_int_equal(rig_do(&s->rig, PVB_IO_READ, 0, 0, 512), -ESHUTDOWN);
	pair_back_attach(&s->pair);
	pair_go(&s->pair);
	assert_int_equal(rig_do(&s->rig, PVB_IO_READ, 0, 0, 512), 0);
	pair_disconnect(&s->pair);
	assert_int_equal(rig_do(&s->rig, PVB_IO_READ, 0, 0, 512), -ESHUTDOWN);
	end(s);
}

static void the_geometry_becomes_the_disk_s_facts(void **state)
{
	struct scene *s = begin(&(struct pair_options){
		.uri = "mem:16M?sector-size=4096", .ring_order = 1 });
	const struct pvb_disk_info *info = &s->rig.disk->info;

	(void)state;
	pair_connect(&s->pair);
	assert_int_equal(info->size_bytes, 16 << 20);
	assert_int_equal(info->sector_size_bytes, 4096);
	assert_int_equal(info->depth_max, 64);
	assert_true(info->flush && info->fua && info->zero && info->discard);
	assert_false(info->read_only);
	end(s);
}

static void drain_and_detach_are_answered_in_any_state(void **state)
{
	struct scene *s = begin(&(struct pair_options){ 0 });
	struct control *ends[] = { &s->pair.back, &s->pair.front };

	(void)state;
	for (int i = 0; i < 2; i++) {
		drain(ends[i], false);
		(void)control_wait(ends[i], PVB_BLK_MSG_DRAINED);
		control_say(ends[i], PVB_BLK_MSG_DETACH);
		(void)control_wait(ends[i], PVB_BLK_MSG_DETACHED);
	}
	pair_connect(&s->pair);
	for (int i = 0; i < 2; i++) {
		drain(ends[i], false);
		(void)control_wait(ends[i], PVB_BLK_MSG_DRAINED);
		drain(ends[i], true);
		(void)control_wait(ends[i], PVB_BLK_MSG_DRAINED);
	}
	for (int i = 0; i < 2; i++) {
		control_say(ends[i], PVB_BLK_MSG_DETACH);
		(void)control_wait(ends[i], PVB_BLK_MSG_DETACHED);
	}
	counts_are(s, 0, 0, 0);
	end(s);
}

static void a_detach_without_a_drain_cuts(void **state)
{
	struct scene *s = begin_connected();
	struct req *q = submit(s, 0, PVB_IO_READ, 0, 4096);

	(void)state;
	pair_settle(&s->pair);
	control_say(&s->pair.back, PVB_BLK_MSG_DETACH);
	control_say(&s->pair.front, PVB_BLK_MSG_DETACH);
	(void)control_wait(&s->pair.front, PVB_BLK_MSG_DETACHED);
	assert_int_equal(q->result, -EIO);
	/* The disk still has it: the back may not let go of the page. */
	pair_settle(&s->pair);
	assert_int_equal(s->pair.back.got_count, 0);
	held_answer_all(0);
	(void)control_wait(&s->pair.back, PVB_BLK_MSG_DETACHED);
	assert_null(held_lane());
	end(s);
}

/* ---- draining ------------------------------------------------------------ */

static void a_front_drains_what_it_accepted(void **state)
{
	struct scene *s = begin_connected();
	struct req *q = submit(s, 0, PVB_IO_READ, 0, 4 << 20);

	(void)state;
	pair_settle(&s->pair);
	drain(&s->pair.front, false);
	pair_settle(&s->pair);
	assert_int_equal(s->pair.front.got_count, 0);
	assert_int_equal(rig_do(&s->rig, PVB_IO_READ, 0, 0, 512), -ESHUTDOWN);
	while (q->answers == 0) {
		held_answer_all(0);
		pair_turn(&s->pair);
	}
	assert_int_equal(q->result, 0);
	(void)control_wait(&s->pair.front, PVB_BLK_MSG_DRAINED);
	end(s);
}

static void serve_the_link_alone(struct req *q)
{
	struct pair *p = q->arg;
	struct pollfd out = { .fd = p->front.link.fd, .events = POLLIN };

	assert_int_equal(poll(&out, 1, 0), 0);
	assert_int_equal(pvb_blkfront_io_serve(p->front_io, 0), 0);
	assert_int_equal(poll(&out, 1, 0), 1);
}

/* A disk that is being closed turns its loop no more. */
static void who_only_serves_the_link_has_it_drain(void **state)
{
	struct scene *s = begin_connected();
	struct req *q = submit(s, 0, PVB_IO_READ, 0, 4096);

	(void)state;
	q->then = serve_the_link_alone;
	q->arg = &s->pair;
	drain(&s->pair.front, false);
	pair_settle(&s->pair);
	held_answer(0, 0);
	req_wait(q);
	(void)control_wait(&s->pair.front, PVB_BLK_MSG_DRAINED);
	pair_disconnect(&s->pair);
	end(s);
}

static void a_cut_front_waits_for_nobody(void **state)
{
	struct scene *s = begin_connected();
	struct req *large, *small;

	(void)state;
	large = submit(s, 0, PVB_IO_WRITE, 0, 4 << 20);
	small = submit(s, 1, PVB_IO_READ, 0, 4096);
	pair_settle(&s->pair);
	drain(&s->pair.front, true);
	(void)control_wait(&s->pair.front, PVB_BLK_MSG_DRAINED);
	assert_int_equal(large->answers, 1);
	assert_int_equal(large->result, -EIO);
	assert_int_equal(small->result, -EIO);
	/* Answers that come late find nobody, and that is no failure. */
	held_answer_all(0);
	pair_settle(&s->pair);
	assert_int_equal(s->pair.front.got_count, 0);
	end(s);
}

static void a_drain_may_turn_into_a_cut(void **state)
{
	struct scene *s = begin_connected();
	struct req *q = submit(s, 0, PVB_IO_READ, 0, 4096);

	(void)state;
	pair_settle(&s->pair);
	drain(&s->pair.front, false);
	pair_settle(&s->pair);
	drain(&s->pair.front, true);
	(void)control_wait(&s->pair.front, PVB_BLK_MSG_DRAINED);
	assert_int_equal(q->result, -EIO);
	held_answer_all(0);
	end(s);
}

static void a_back_drains_what_it_took(void **state)
{
	struct scene *s = begin_connected();
	struct req *q = submit(s, 0, PVB_IO_READ, 0, 4096);

	(void)state;
	pair_settle(&s->pair);
	drain(&s->pair.back, false);
	pair_settle(&s->pair);
	assert_int_equal(s->pair.back.got_count, 0);
	held_answer_all(0);
	(void)control_wait(&s->pair.back, PVB_BLK_MSG_DRAINED);
	req_wait(q);
	assert_int_equal(q->result, 0);
	/* It takes no more: this one stays on the ring. */
	(void)submit(s, 1, PVB_IO_READ, 0, 4096);
	pair_settle(&s->pair);
	assert_int_equal(held_count(), 0);
	end(s);
}

static void a_cut_back_drops_what_its_disk_has_not(void **state)
{
	struct scene *s;
	struct pvb_counts c;

	(void)state;
	held_reset();
	held_info()->depth_max = 1;
	s = begin_connected();
	(void)submit(s, 0, PVB_IO_READ, 0, 4096);
	(void)submit(s, 1, PVB_IO_READ, 8192, 4096);
	pair_settle(&s->pair);
	drain(&s->pair.back, true);
	pair_settle(&s->pair);
	assert_int_equal(held_count(), 1);
	assert_int_equal(s->pair.back.got_count, 0);
	held_answer_all(0);
	(void)control_wait(&s->pair.back, PVB_BLK_MSG_DRAINED);
	assert_int_equal(held_count(), 0);
	pair_counts(&s->pair, &c);
	assert_int_equal(c.in_flight, 0);
	end(s);
}

static void a_cut_back_asks_for_no_further_piece(void **state)
{
	struct scene *s;

	(void)state;
	held_reset();
	held_info()->io_max_bytes = 4096;
	s = begin_connected();
	(void)submit(s, 0, PVB_IO_WRITE, 0, 3 * 4096);
	pair_settle(&s->pair);
	drain(&s->pair.back, true);
	pair_settle(&s->pair);
	held_answer(0, 0);
	(void)control_wait(&s->pair.back, PVB_BLK_MSG_DRAINED);
	assert_int_equal(held_count(), 0);
	end(s);
}

/* ---- failures to attach -------------------------------------------------- */

static void what_the_front_cannot_share_it_fails_with(void **state)
{
	struct scene *s = begin(&(struct pair_options){ 0 });
	struct mem_direct_faults *f = mem_direct_faults(s->pair.machine);
	struct pvb_blk_msg m;

	(void)state;
	pair_front_attach_msg(&s->pair, &m);
	f->share = -ENOSPC;
	control_send(&s->pair.front, &m);
	expect_failed(&s->pair.front, PVB_WHY_ATTACH, -ENOSPC);
	f->share = 0;
	f->share_pages_max = 1;         /* the ring, and no page for data */
	control_send(&s->pair.front, &m);
	expect_failed(&s->pair.front, PVB_WHY_ATTACH, -ENOSPC);
	f->share_pages_max = 0;
	f->offer = -EACCES;
	control_send(&s->pair.front, &m);
	expect_failed(&s->pair.front, PVB_WHY_ATTACH, -EACCES);
	f->offer = 0;
	m.u.front_attach.ring_order = 5;
	control_send(&s->pair.front, &m);
	expect_failed(&s->pair.front, PVB_WHY_ATTACH, -EINVAL);
	counts_are(s, 0, 0, 0);
	pair_connect(&s->pair);
	end(s);
}

static void what_the_back_cannot_have_it_fails_with(void **state)
{
	struct scene *s = begin(&(struct pair_options){ 0 });
	struct mem_direct_faults *f = mem_direct_faults(s->pair.machine);
	struct pvb_blk_msg m, bad;

	(void)state;
	pair_front_attach(&s->pair);
	pair_back_attach_msg(&s->pair, &m);
	f->map = -ENOMEM;
	pair_send_back_attach(&s->pair, &m);
	expect_failed(&s->pair.back, PVB_WHY_ATTACH, -ENOMEM);
	f->map = 0;
	f->bind = -ENOENT;
	pair_send_back_attach(&s->pair, &m);
	expect_failed(&s->pair.back, PVB_WHY_ATTACH, -ENOENT);
	f->bind = 0;
	bad = m;
	bad.u.back_attach.ring_ref[0] += 20000;
	pair_send_back_attach(&s->pair, &bad);
	expect_failed(&s->pair.back, PVB_WHY_ATTACH, -ENOENT);
	bad = m;
	bad.u.back_attach.port++;
	pair_send_back_attach(&s->pair, &bad);
	expect_failed(&s->pair.back, PVB_WHY_ATTACH, -ENOENT);
	counts_are(s, 1, 0, 1);
	assert_null(held_lane());
	pair_send_back_attach(&s->pair, &m);
	(void)control_wait(&s->pair.back, PVB_BLK_MSG_ATTACHED);
	end(s);
}

static void a_promise_that_the_disk_cannot_keep_is_not_made(void **state)
{
	struct scene *s = begin(&(struct pair_options){ 0 });
	struct pvb_blk_geometry *g;
	struct pvb_blk_msg good, m;

	(void)state;
	pair_front_attach(&s->pair);
	pair_back_attach_msg(&s->pair, &good);
	for (int i = 0; i < 5; i++) {
		m = good;
		g = &m.u.back_attach.geometry;
		if (i == 0)
			g->sectors++;
		else if (i == 1)
			g->sector_size_bytes = 256;
		else if (i == 2)
			g->sector_size_bytes = 8192;
		else if (i == 3)
			g->segs_indirect_max = 300;
		else
			g->segs_direct_max = 255;
		pair_send_back_attach(&s->pair, &m);
		expect_failed(&s->pair.back, PVB_WHY_DISK, -EINVAL);
	}
	m = good;
	strcpy(m.u.back_attach.disk.scheme, "rbd");
	pair_send_back_attach(&s->pair, &m);
	expect_failed(&s->pair.back, PVB_WHY_DISK, -EPROTONOSUPPORT);
	m = good;
	m.u.back_attach.abi = 7;
	pair_send_back_attach(&s->pair, &m);
	expect_failed(&s->pair.back, PVB_WHY_ATTACH, -EINVAL);
	counts_are(s, 1, 0, 1);
	assert_null(held_lane());
	end(s);
}

static void counters_that_are_none_are_refused(void **state)
{
	struct scene *s = begin(&(struct pair_options){ 0 });
	struct pvb_blk_msg m;
	int fds[2], pair[2];

	(void)state;
	pair_front_attach(&s->pair);
	pair_back_attach_msg(&s->pair, &m);
	assert_int_equal(pvb_link_pair(pair), 0);
	fds[0] = fds[1] = pair[0];
	assert_int_equal(pvb_link_send(&s->pair.back.link, &m, sizeof(m), fds,
	                               2), 0);
	expect_failed(&s->pair.back, PVB_WHY_ATTACH, -EINVAL);
	/* And a message with too few descriptors. */
	control_send(&s->pair.back, &m);
	expect_failed(&s->pair.back, PVB_WHY_ATTACH, -EINVAL);
	close(pair[0]);
	close(pair[1]);
	end(s);
}

/* ---- time ---------------------------------------------------------------- */

enum { TIMEOUT_S = 3 };
#define SECOND UINT64_C(1000000000)

static struct scene *begin_timed(void)
{
	struct scene *s = begin(&(struct pair_options){
		.timeout_ns = TIMEOUT_S * SECOND, .manual_clock = true });

	pair_connect(&s->pair);
	return s;
}

static void a_back_that_does_not_answer_is_given_up(void **state)
{
	struct scene *s = begin_timed();
	struct req *a = submit(s, 0, PVB_IO_READ, 0, 4096), *b;

	(void)state;
	pair_settle(&s->pair);
	pvb_loop_turn_clock(s->pair.loop, 2 * SECOND);
	b = submit(s, 1, PVB_IO_READ, 8192, 4096);
	pair_settle(&s->pair);
	assert_int_equal(a->answers, 0);
	pvb_loop_turn_clock(s->pair.loop, 1 * SECOND);
	pair_settle(&s->pair);
	assert_int_equal(a->result, -EIO);
	assert_int_equal(b->result, -EIO);
	expect_failed(&s->pair.front, PVB_WHY_TIMEOUT, -ETIMEDOUT);
	assert_false(s->pair.live);
	assert_int_equal(s->pair.live_code, -ETIMEDOUT);
	assert_int_equal(rig_do(&s->rig, PVB_IO_READ, 0, 0, 512), -ESHUTDOWN);
	held_answer_all(0);
	pair_disconnect(&s->pair);
	end(s);
}

static void one_that_answers_in_time_is_not(void **state)
{
	struct scene *s = begin_timed();
	struct req *q;

	(void)state;
	for (int i = 0; i < 4; i++) {
		q = submit(s, i, PVB_IO_READ, 0, 4096);
		pair_settle(&s->pair);
		pvb_loop_turn_clock(s->pair.loop, 2 * SECOND);
		pair_settle(&s->pair);
		held_answer_all(0);
		pair_settle(&s->pair);
		assert_int_equal(q->result, 0);
	}
	pvb_loop_turn_clock(s->pair.loop, 100 * SECOND);
	pair_settle(&s->pair);
	assert_true(s->pair.live);
	end(s);
}

/* Each has its own time, wherever its shadow lies. */
static void time_runs_from_the_oldest_that_is_still_out(void **state)
{
	struct scene *s = begin_timed();
	struct req *second, *third;

	(void)state;
	(void)submit(s, 0, PVB_IO_READ, 0, 4096);
	pair_settle(&s->pair);
	pvb_loop_turn_clock(s->pair.loop, SECOND);
	second = submit(s, 1, PVB_IO_READ, 8192, 4096);
	pair_settle(&s->pair);
	pvb_loop_turn_clock(s->pair.loop, SECOND);
	held_answer(0, 0);
	pair_settle(&s->pair);
	third = submit(s, 2, PVB_IO_READ, 65536, 4096);
	pair_settle(&s->pair);
	pvb_loop_turn_clock(s->pair.loop, 2 * SECOND - 1);
	pair_settle(&s->pair);
	assert_int_equal(second->answers + third->answers, 0);
	assert_true(s->pair.live);
	pvb_loop_turn_clock(s->pair.loop, 1);
	pair_settle(&s->pair);
	assert_int_equal(second->result, -EIO);
	assert_int_equal(third->result, -EIO);
	held_answer_all(0);
	end(s);
}

static void a_younger_request_does_not_hide_an_old_one(void **state)
{
	struct scene *s = begin_timed();
	struct req *old = submit(s, 0, PVB_IO_READ, 0, 4096);

	(void)state;
	pair_settle(&s->pair);
	for (int i = 1; i < 4; i++) {
		pvb_loop_turn_clock(s->pair.loop, SECOND - 1);
		(void)submit(s, i, PVB_IO_READ, 8192, 4096);
		pair_settle(&s->pair);
		held_answer(1, 0);
		pair_settle(&s->pair);
		assert_int_equal(s->req[i].result, 0);
	}
	assert_int_equal(old->answers, 0);
	pvb_loop_turn_clock(s->pair.loop, 3);
	pair_settle(&s->pair);
	assert_int_equal(old->result, -EIO);
	held_answer_all(0);
	end(s);
}

/* ---- the end ------------------------------------------------------------- */

static void a_back_without_its_control_lets_go_of_everything(void **state)
{
	struct scene *s = begin_connected();

	(void)state;
	(void)submit(s, 0, PVB_IO_READ, 0, 4096);
	pair_settle(&s->pair);
	control_fini(&s->pair.back);
	pair_settle(&s->pair);
	assert_int_equal(s->pair.closed, 0);    /* the disk is at it */
	held_answer_all(0);
	pair_settle(&s->pair);
	assert_int_equal(s->pair.closed, 1);
	assert_null(held_lane());
	counts_are(s, 1, 0, 1);
	end(s);
}

static void a_front_without_its_control_ends_its_requests(void **state)
{
	struct scene *s = begin_connected();
	struct req *q = submit(s, 0, PVB_IO_READ, 0, 4096);

	(void)state;
	pair_settle(&s->pair);
	control_fini(&s->pair.front);
	req_wait(q);
	assert_int_equal(q->result, -EIO);
	pair_settle(&s->pair);
	assert_false(s->pair.live);
	assert_int_equal(s->pair.live_code, -ESHUTDOWN);
	held_answer_all(0);
	pair_settle(&s->pair);
	end(s);
}

static void destroying_a_front_ends_its_requests(void **state)
{
	struct scene *s = begin_connected();
	struct req *a = submit(s, 0, PVB_IO_READ, 0, 4096);
	struct req *b = submit(s, 1, PVB_IO_WRITE, 0, 8 << 20);

	(void)state;
	pair_settle(&s->pair);
	pvb_blkfront_io_destroy(s->pair.front_io);
	s->pair.front_io = NULL;
	assert_int_equal(a->result, -ESHUTDOWN);
	assert_int_equal(b->result, -ESHUTDOWN);
	assert_int_equal(b->answers, 1);
	held_answer_all(0);
	pair_settle(&s->pair);
	end(s);
}

static void destroy_now(struct req *q)
{
	struct scene *s = q->arg;

	pvb_blkfront_io_destroy(s->pair.front_io);
	s->pair.front_io = NULL;
}

/* A caller's last done() may close the disk. */
static void a_front_may_be_destroyed_in_a_done(void **state)
{
	struct scene *s = begin_connected();
	struct req *a = submit(s, 0, PVB_IO_READ, 0, 4096);
	struct req *b = submit(s, 1, PVB_IO_READ, 8192, 4096);

	(void)state;
	a->then = destroy_now;
	a->arg = s;
	pair_settle(&s->pair);
	held_answer_all(0);
	pair_settle(&s->pair);
	assert_int_equal(a->result, 0);
	assert_int_equal(b->answers, 1);
	end(s);
}

static void a_back_may_be_destroyed_at_any_time(void **state)
{
	struct scene *s = begin(&(struct pair_options){
		.uri = "fault:mem:64M?delay=2", .indirect = 32 });

	(void)state;
	pair_connect(&s->pair);
	(void)submit(s, 0, PVB_IO_WRITE, 0, 8 << 20);
	for (int i = 0; i < 3; i++)
		pair_turn(&s->pair);
	pvb_blkback_io_destroy(s->pair.back_io);
	s->pair.back_io = NULL;
	counts_are(s, 1, 0, 1);
	pvb_blkback_io_destroy(NULL);
	end(s);
}

static void buffers_outlive_a_connection(void **state)
{
	struct scene *s = begin(&(struct pair_options){ .uri = "mem:16M" });
	unsigned char *buffer;
	struct req *q = &s->req[0];

	(void)state;
	pair_connect(&s->pair);
	buffer = s->rig.disk->ops->buffer_get(s->rig.disk, 65536);
	assert_non_null(buffer);
	pair_disconnect(&s->pair);
	memset(buffer, 7, 65536);
	pair_connect(&s->pair);
	req_init(q, &s->rig, PVB_IO_WRITE, 0, 65536);
	q->iov[0].iov_base = buffer;
	assert_int_equal(req_run(q), 0);
	pair_disconnect(&s->pair);
	s->rig.disk->ops->buffer_put(s->rig.disk, buffer, 65536);
	counts_are(s, 0, 0, 0);
	end(s);
}

static void messages_of_another_size_are_not_read(void **state)
{
	struct scene *s = begin(&(struct pair_options){ 0 });

	(void)state;
	assert_int_equal(pvb_link_send(&s->pair.back.link, "hello", 5, NULL,
	                               0), 0);
	assert_int_equal(pvb_link_send(&s->pair.front.link, "hello", 5, NULL,
	                               0), 0);
	pair_settle(&s->pair);
	pair_connect(&s->pair);
	end(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_connection_leaves_nothing_behind),
		cmocka_unit_test(before_go_and_after_drain_there_is_no_disk),
		cmocka_unit_test(the_geometry_becomes_the_disk_s_facts),
		cmocka_unit_test(drain_and_detach_are_answered_in_any_state),
		cmocka_unit_test(a_detach_without_a_drain_cuts),
		cmocka_unit_test(a_front_drains_what_it_accepted),
		cmocka_unit_test(who_only_serves_the_link_has_it_drain),
		cmocka_unit_test(a_cut_front_waits_for_nobody),
		cmocka_unit_test(a_drain_may_turn_into_a_cut),
		cmocka_unit_test(a_back_drains_what_it_took),
		cmocka_unit_test(a_cut_back_drops_what_its_disk_has_not),
		cmocka_unit_test(a_cut_back_asks_for_no_further_piece),
		cmocka_unit_test(what_the_front_cannot_share_it_fails_with),
		cmocka_unit_test(what_the_back_cannot_have_it_fails_with),
		cmocka_unit_test(
			a_promise_that_the_disk_cannot_keep_is_not_made),
		cmocka_unit_test(counters_that_are_none_are_refused),
		cmocka_unit_test(a_back_that_does_not_answer_is_given_up),
		cmocka_unit_test(one_that_answers_in_time_is_not),
		cmocka_unit_test(time_runs_from_the_oldest_that_is_still_out),
		cmocka_unit_test(a_younger_request_does_not_hide_an_old_one),
		cmocka_unit_test(
			a_back_without_its_control_lets_go_of_everything),
		cmocka_unit_test(a_front_without_its_control_ends_its_requests),
		cmocka_unit_test(destroying_a_front_ends_its_requests),
		cmocka_unit_test(a_front_may_be_destroyed_in_a_done),
		cmocka_unit_test(a_back_may_be_destroyed_at_any_time),
		cmocka_unit_test(buffers_outlive_a_connection),
		cmocka_unit_test(messages_of_another_size_are_not_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
