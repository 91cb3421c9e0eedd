/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include <pvb/err.h>

#include "flow/journal_memory.h"
#include "pair.h"

enum { TURNS_MAX = 2000000, SETTLE_TURNS = 64 };

/* ---- the test as control ------------------------------------------------- */

/* What comes by the way. */
static bool keep_report(struct control *c, const struct pvb_blk_msg *m)
{
	const struct pvb_blk_report *p = &m->u.report;

	if (m->type != PVB_BLK_MSG_REPORT)
		return false;
	if (p->kind == PVB_BLK_REPORT_REFUSED) {
		assert_true(p->value < PVB_WHY_COUNT);
		c->refused[p->value]++;
		return true;
	}
	c->no_space += p->kind == PVB_BLK_REPORT_NO_SPACE;
	c->paused += p->kind == PVB_BLK_REPORT_PAUSED;
	c->goes_on += p->kind == PVB_BLK_REPORT_GOES_ON;
	c->stalled += p->kind == PVB_BLK_REPORT_STALLED;
	c->answers += p->kind == PVB_BLK_REPORT_ANSWERS;
	if (p->kind == PVB_BLK_REPORT_NO_SPACE ||
	    p->kind == PVB_BLK_REPORT_PAUSED ||
	    p->kind == PVB_BLK_REPORT_GOES_ON ||
	    p->kind == PVB_BLK_REPORT_STALLED ||
	    p->kind == PVB_BLK_REPORT_ANSWERS)
		return true;
	if (p->kind == PVB_BLK_REPORT_ERROR) {
		c->errors++;
		c->last_error = *p;
		return true;
	}
	if (p->kind != PVB_BLK_REPORT_LOST)
		return false;
	assert_true(p->value <= PVB_BLK_LOST_ALL);
	c->lost[p->value]++;
	return true;
}

static void on_message(struct pvb_link *k, const void *msg, size_t bytes,
                       int *fds, uint32_t nfds)
{
	struct control *c = pvb_container(k, struct control, link);
	struct pvb_blk_msg m;

	(void)fds;
	assert_int_equal(nfds, 0);
	assert_int_equal(bytes, sizeof(m));
	memcpy(&m, msg, bytes);
	if (keep_report(c, &m))
		return;
	assert_true(c->got_count < PAIR_GOT_MAX);
	c->got[c->got_count++] = m;
}

static void on_closed(struct pvb_link *k)
{
	pvb_container(k, struct control, link)->closed = true;
}

static const struct pvb_link_ops link_ops = {
	.message = on_message, .closed = on_closed,
};

void control_init(struct control *c, struct pvb_loop *l, int fd)
{
	memset(c, 0, sizeof(*c));
	c->loop = l;
	assert_int_equal(pvb_link_init(&c->link, l, fd, &link_ops), 0);
}

void control_fini(struct control *c)
{
	pvb_link_fini(&c->link);
}

void control_send(struct control *c, const struct pvb_blk_msg *m)
{
	assert_int_equal(pvb_link_send(&c->link, m, sizeof(*m), NULL, 0), 0);
}

void control_say(struct control *c, enum pvb_blk_msg_type type)
{
	struct pvb_blk_msg m = { .type = type };

	control_send(c, &m);
}

struct pvb_blk_msg control_wait(struct control *c, enum pvb_blk_msg_type type)
{
	struct pvb_blk_msg m;

	for (int i = 0; i < TURNS_MAX && c->got_count == 0; i++) {
		assert_int_equal(pvb_loop_turn(c->loop, !c->other), 0);
		if (c->other)
			assert_int_equal(pvb_loop_turn(c->other, false), 0);
	}
	assert_true(c->got_count > 0);
	m = c->got[0];
	memmove(c->got, c->got + 1, --c->got_count * sizeof(m));
	if (m.type == PVB_BLK_MSG_FAILED && type != PVB_BLK_MSG_FAILED)
		print_error("failed: %s\n", m.u.failed.text);
	assert_int_equal(m.type, type);
	return m;
}

/* ---- life ---------------------------------------------------------------- */

static struct pvb_mem *open_back_mem(void *arg, int fd, struct pvb_err *e)
{
	struct pair *p = arg;

	(void)e;
	(void)close(fd);
	return mem_direct_open(p->machine, PAIR_BACK);
}

static void on_live(struct pvb_blkfront_io *io, bool live, int code, void *arg)
{
	struct pair *p = arg;

	(void)io;
	p->live_changes++;
	p->live = live;
	p->live_code = code;
}

static struct pvb_loop *new_loop(const struct pair_options *o)
{
	const struct pvb_loop_config c = {
		.uring_entries = o->uring_entries,
		.manual_clock = o->manual_clock,
	};
	struct pvb_loop *l = pvb_loop_create(&c, NULL);

	assert_non_null(l);
	return l;
}

static const struct pvb_disk_ops *const *disks_of(const struct pair *p)
{
	return p->options.disks ? p->options.disks : pvb_disk_basic;
}

static void on_back_closed(struct pvb_blkback_io *io, void *arg)
{
	struct pair *p = arg;

	(void)io;
	p->closed++;
}

static void make_back_io(struct pair *p, int fd)
{
	const struct pvb_blkback_io_config c = {
		.disks = disks_of(p), .open_mem = open_back_mem,
		.closed = on_back_closed, .arg = p,
	};

	assert_int_equal(pvb_blkback_io_create(p->back_loop, fd, &c,
	                                       &p->back_io, NULL), 0);
}

static void init_control(struct pair *p, struct control *c, int fd)
{
	control_init(c, p->loop, fd);
	if (p->options.own_loop)
		c->other = p->back_loop;
}

void pair_make_back(struct pair *p)
{
	int fd[2];

	assert_int_equal(pvb_link_pair(fd), 0);
	init_control(p, &p->back, fd[0]);
	make_back_io(p, fd[1]);
}

static void *back_thread(void *arg)
{
	struct pair *p = arg;

	while (!atomic_load(&p->thread_ends))
		(void)pvb_loop_turn(p->back_loop, true);
	pvb_blkback_io_destroy(p->back_io);
	return NULL;
}

static enum pvb_abi abi_of(const struct pair *p)
{
	if (p->options.x86_32)
		return PVB_ABI_X86_32;
	return p->options.x86_64 ? PVB_ABI_X86_64 : pvb_abi_native();
}

static void complete_blocks(struct pvb_blk_blocks *b, uint8_t ring_order)
{
	if (b->requests_max == 0)
		b->requests_max = pvb_blk_ring_slots(ring_order);
	if (b->bytes_max == 0)
		b->bytes_max = b->segs_max * PVB_BLK_PAGE_BYTES;
}

static void probe_disk(struct pair *p)
{
	const struct pair_options *o = &p->options;
	struct pvb_blk_geometry *g = &p->geometry;
	const struct pvb_disk_info *info = &p->probe.info;
	struct pvb_err e = PVB_ERR_INIT;

	if (pvb_disk_probe(disks_of(p), o->uri ? o->uri : "mem:32M",
	                   o->disk_flags, &p->probe, &p->ops, &e) < 0)
		fail_msg("%s", e.text);
	*g = (struct pvb_blk_geometry){
		.sectors = o->sectors ? o->sectors : info->size_bytes / 512,
		.sector_size_bytes = o->sector_size ? o->sector_size
		                                    : info->sector_size_bytes,
		.physical_size_bytes = info->physical_size_bytes,
		.units = o->units,
		.read_only = info->read_only, .removable = o->removable,
		.flush = info->flush && !o->barrier_only && !o->no_flush,
		.barrier = info->flush && !o->flush_only && !o->no_flush,
		.discard = info->discard && !o->no_discard,
		.discard_secure = info->discard_secure && !o->no_secure,
		.persistent = true,
		.discard_granularity_bytes = info->discard_granularity_bytes,
		.discard_alignment_bytes = info->discard_alignment_bytes,
		.segs_direct_max = PVB_BLK_SEGS_DIRECT,
		.segs_indirect_max = PVB_BLK_SEGS_MAX,
	};
	if (p->options.blocks.segs_max == 0)
		return;
	complete_blocks(&p->options.blocks, o->ring_order);
	g->segs_direct_max = o->blocks.segs_max;
	g->segs_indirect_max = 0;
	g->data_sectors_max = o->blocks.bytes_max / 512;
}

void pair_init(struct pair *p, const struct pair_options *o)
{
	struct pvb_blkfront_io_config fc = { .live = on_live, .arg = p };
	int front[2];

	memset(p, 0, sizeof(*p));
	p->options = *o;
	fc.bounce_always = o->bounce_always;
	p->machine = mem_direct_create();
	mem_direct_faults(p->machine)->no_window = o->no_window || o->mapped;
	mem_direct_faults(p->machine)->views = o->mapped;
	mem_direct_faults(p->machine)->both_ways = o->both_ways;
	p->loop = new_loop(o);
	p->back_loop = o->back_thread || o->own_loop ? new_loop(o) : p->loop;
	assert_int_equal(pvb_link_pair(front), 0);
	init_control(p, &p->front, front[0]);
	probe_disk(p);
	p->counters_fd = pvb_counters_create();
	assert_true(p->counters_fd >= 0);
	assert_int_equal(pvb_counters_map(p->counters_fd, true, &p->counters),
	                 0);
	p->journal_fd = -1;
	pair_make_back(p);
	assert_int_equal(pvb_blkfront_io_create(p->loop, front[1],
		mem_direct_open(p->machine, PAIR_FRONT), &fc, &p->front_io,
		NULL), 0);
	p->disk = pvb_blkfront_io_disk(p->front_io);
	if (o->back_thread)
		assert_int_equal(pthread_create(&p->thread, NULL, back_thread,
		                                p), 0);
}

void pair_fini(struct pair *p)
{
	pvb_blkfront_io_destroy(p->front_io);
	if (p->options.back_thread) {
		atomic_store(&p->thread_ends, true);
		pvb_loop_wake(p->back_loop);
		pthread_join(p->thread, NULL);
		pvb_loop_destroy(p->back_loop);
	} else {
		pvb_blkback_io_destroy(p->back_io);
	}
	if (p->options.own_loop)
		pvb_loop_destroy(p->back_loop);
	pvb_journal_memory_unmap(p->journal, p->journal_bytes);
	if (p->journal_fd >= 0)
		(void)close(p->journal_fd);
	control_fini(&p->front);
	control_fini(&p->back);
	pvb_counters_unmap(p->counters);
	(void)close(p->counters_fd);
	pvb_disk_probe_fini(&p->probe);
	pvb_loop_destroy(p->loop);
	mem_direct_destroy(p->machine);
}

/* ---- steps --------------------------------------------------------------- */

void pair_front_attach_msg(struct pair *p, struct pvb_blk_msg *m)
{
	*m = (struct pvb_blk_msg){ .type = PVB_BLK_MSG_ATTACH };
	m->u.front_attach = (struct pvb_blk_front_attach){
		.back_domid = PAIR_BACK,
		.abi = (uint8_t)abi_of(p),
		.blocks = p->options.blocks,
		.ring_order = p->options.ring_order,
		.persistent = !p->options.not_persistent,
		.indirect_max = p->options.indirect,
		.queues = 1,
		.spin_max_ns = p->options.spin_ns,
		.timeout_ns = p->options.timeout_ns,
	};
}

void pair_front_attach(struct pair *p)
{
	struct pvb_blk_msg m;

	pair_front_attach_msg(p, &m);
	control_send(&p->front, &m);
	p->attached = control_wait(&p->front,
	                           PVB_BLK_MSG_ATTACHED).u.attached;
}

void pair_make_journal(struct pair *p, const struct pvb_blk_back_attach *a)
{
	const struct pvb_journal_shape shape = pvb_blk_journal_shape(a);

	pvb_journal_memory_unmap(p->journal, p->journal_bytes);
	if (p->journal_fd >= 0)
		(void)close(p->journal_fd);
	p->journal_bytes = pvb_journal_bytes(&shape);
	p->journal_fd = pvb_journal_memory_create(p->journal_bytes);
	assert_true(p->journal_fd >= 0);
	assert_int_equal(pvb_journal_memory_map(p->journal_fd,
		p->journal_bytes, (void **)&p->journal), 0);
}

void pair_back_attach_msg(struct pair *p, struct pvb_blk_msg *m)
{
	struct pvb_blk_back_attach *a = &m->u.back_attach;

	memset(m, 0, sizeof(*m));
	m->type = PVB_BLK_MSG_ATTACH;
	a->front_domid = PAIR_FRONT;
	a->abi = (uint8_t)abi_of(p);
	a->requests_max = p->options.blocks.requests_max;
	a->ring_order = p->options.ring_order;
	a->persistent = p->options.mapped;
	a->queues = 1;
	a->port = p->attached.port;
	a->spin_max_ns = p->options.spin_ns;
	a->geometry = p->geometry;
	a->disk = p->probe;
	if (p->options.empty) {
		memset(&a->disk, 0, sizeof(a->disk));
		a->geometry.sectors = 0;
	}
	memcpy(a->ring_ref, p->attached.ring_ref, sizeof(a->ring_ref));
	a->keep_full = p->options.keep_full;
	a->slow_ns = p->options.slow_ns;
	a->journal = p->options.journal;
	a->back_domid = PAIR_BACK;
	a->device = 51712;
	a->medium = p->medium;
	if (a->journal && !p->journal)
		pair_make_journal(p, a);
}

void pair_send_back_attach(struct pair *p, const struct pvb_blk_msg *m)
{
	int fds[PVB_LINK_FDS_MAX], n;
	uint32_t nfds;

	/* The handle of mem_direct needs no descriptor: send some other. */
	fds[PVB_BLK_FD_MEM] = p->counters_fd;
	fds[PVB_BLK_FD_COUNTERS] = p->counters_fd;
	nfds = PVB_BLK_FD_MEM + 1;
	if (m->u.back_attach.journal)
		fds[nfds++] = p->journal_fd;
	n = p->ops->reopen(&p->probe, fds + nfds, NULL);
	assert_true(n >= 0);
	nfds += (uint32_t)n;
	assert_int_equal(pvb_link_send(&p->back.link, m, sizeof(*m), fds, nfds),
	                 0);
	for (uint32_t i = nfds - (uint32_t)n; i < nfds; i++)
		(void)close(fds[i]);
}

void pair_back_attach(struct pair *p)
{
	struct pvb_blk_msg m;

	pair_back_attach_msg(p, &m);
	pair_send_back_attach(p, &m);
	(void)control_wait(&p->back, PVB_BLK_MSG_ATTACHED);
}

void pair_go(struct pair *p)
{
	struct pvb_blk_msg m = { .type = PVB_BLK_MSG_GO };

	m.u.geometry = p->geometry;
	control_send(&p->front, &m);
	for (int i = 0; i < TURNS_MAX && !p->live; i++)
		pair_turn(p);
	assert_true(p->live);
}

void pair_connect(struct pair *p)
{
	pair_front_attach(p);
	pair_back_attach(p);
	pair_go(p);
}

void pair_disconnect(struct pair *p)
{
	control_say(&p->front, PVB_BLK_MSG_DRAIN);
	(void)control_wait(&p->front, PVB_BLK_MSG_DRAINED);
	control_say(&p->back, PVB_BLK_MSG_DRAIN);
	(void)control_wait(&p->back, PVB_BLK_MSG_DRAINED);
	control_say(&p->back, PVB_BLK_MSG_DETACH);
	(void)control_wait(&p->back, PVB_BLK_MSG_DETACHED);
	control_say(&p->front, PVB_BLK_MSG_DETACH);
	(void)control_wait(&p->front, PVB_BLK_MSG_DETACHED);
}

static void turn_both(struct pair *p, bool wait)
{
	assert_int_equal(pvb_loop_turn(p->loop, wait), 0);
	if (p->options.own_loop)
		assert_int_equal(pvb_loop_turn(p->back_loop, false), 0);
}

void pair_turn(struct pair *p)
{
	turn_both(p, !p->options.own_loop);
}

void pair_settle(struct pair *p)
{
	for (int i = 0; i < SETTLE_TURNS; i++)
		turn_both(p, false);
}

void pair_counts(struct pair *p, struct pvb_counts *out)
{
	pvb_counters_read(p->counters, out);
}
