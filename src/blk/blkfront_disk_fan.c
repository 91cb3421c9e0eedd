/* SPDX-License-Identifier: MIT */
#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <pvb/err.h>

#include "base/loop.h"
#include "base/pool.h"
#include "blkfront_disk_fan.h"
#include "blkfront_disk_queue.h"
#include "disk/outbox.h"
#include "hyp/host.h"
#include "proto/blkneg.h"

enum {
	RUN_BYTES   = 512 << 10,        /* that stay on one queue */
	BATCH       = 16,               /* cross at once, kick or not */
	SLOTS_A_PAGE = 32,              /* of a ring */
};

struct line {                           /* to a queue; the owner's */
	struct pvb_iolist batch;        /* until kick */
	uint32_t batch_count;
	uint32_t in_flight;             /* those of the batch included */
	enum pvb_io_op run_op;          /* the last request, and what follows */
	uint64_t run_end;
	uint64_t run_bytes;
};

struct vbd_fan {
	/* The owner's thread. */
	struct pvb_disk disk;
	struct pvb_loop *loop;
	struct vbd_fan_config config;
	struct pvb_host host;
	struct pvb_pool crossers;
	struct pvb_crossing back;
	struct pvb_outbox refused;
	struct line line[PVB_BLK_QUEUES_MAX];
	uint32_t used;                  /* queues */
	uint32_t turn;
	bool live;
	struct pvb_loop_task news;      /* posted */

	pthread_mutex_t lock;           /* for what follows */
	pthread_cond_t changed;
	uint32_t started;
	struct vbd_queue *queue[PVB_BLK_QUEUES_MAX];
	struct vbd_queue_state state[PVB_BLK_QUEUES_MAX];
};

struct sum {                            /* of the queues' states */
	bool live;                      /* all of them */
	bool dead;                      /* none, or one of them has failed: a
	                                   stop reaches each in its turn */
	bool closed;                    /* all */
	int code;                       /* why it failed */
	uint32_t used;
	struct pvb_disk_info info;
};

static struct vbd_fan *fan_of(struct pvb_disk *d)
{
	return pvb_container(d, struct vbd_fan, disk);
}

/* ---- the queues as one --------------------------------------------------- */

/* Each knows what its own answers have told it. */
static void add_info(struct pvb_disk_info *sum, const struct pvb_disk_info *one)
{
	if (one->size_bytes < sum->size_bytes)
		sum->size_bytes = one->size_bytes;
	sum->depth_max += one->depth_max;
	sum->flush &= one->flush;
	sum->fua &= one->fua;
	sum->discard &= one->discard;
	sum->discard_secure &= one->discard_secure;
}

/* Lock held. */
static struct sum add_up(const struct vbd_fan *f)
{
	struct sum s = {
		.live = true, .dead = true, .closed = true,
		.used = f->state[0].queues, .info = f->state[0].info,
	};

	if (s.used == 0 || s.used > f->started)
		s.live = false;
	for (uint32_t i = 0; i < f->started; i++) {
		const struct vbd_queue_state *q = &f->state[i];

		s.closed &= q->closed;
		/* That control is gone may be for what another has met. */
		if (s.code == 0 || (s.code == -ESHUTDOWN && q->code < 0))
			s.code = q->code;
		if (i < s.used)
			s.live &= q->live;
		s.dead &= !q->live;
		if (i > 0 && i < s.used)
			add_info(&s.info, &q->info);
	}
	s.dead |= s.code < 0;
	return s;
}

/* On any thread. */
static struct sum look(struct vbd_fan *f)
{
	struct sum s;

	(void)pthread_mutex_lock(&f->lock);
	s = add_up(f);
	(void)pthread_mutex_unlock(&f->lock);
	return s;
}

static void send(struct vbd_fan *f, uint32_t i)
{
	f->line[i].batch_count = 0;
	vbd_queue_put(f->queue[i], &f->line[i].batch);
}

/* The device came again with fewer queues: what others have kept is to go to
   those. */
static void leave_queues(struct vbd_fan *f, uint32_t used)
{
	for (uint32_t i = used; i < f->used; i++) {
		send(f, i);
		vbd_queue_give_back(f->queue[i]);
	}
}

static void adopt(struct vbd_fan *f, const struct sum *s)
{
	f->live = s->live || (f->live && !s->dead);
	if (!s->live)
		return;
	leave_queues(f, s->used);
	f->used = s->used;
	f->disk.info = s->info;
}

/* In what may change while it is live. */
static bool is_same(const struct pvb_disk_info *a,
                    const struct pvb_disk_info *b)
{
	return a->size_bytes == b->size_bytes && a->flush == b->flush &&
	       a->fua == b->fua && a->discard == b->discard &&
	       a->discard_secure == b->discard_secure;
}

/* It may end us. */
static void on_news(struct pvb_loop_task *t)
{
	struct vbd_fan *f = pvb_container(t, struct vbd_fan, news);
	struct pvb_disk_info before = f->disk.info;
	bool was_live = f->live;
	struct sum s = look(f);

	adopt(f, &s);
	if (!was_live || !f->disk.changed)
		return;
	if (!f->live)
		f->disk.changed(&f->disk, f->disk.arg,
		                s.code < 0 ? s.code : -ESHUTDOWN);
	else if (!is_same(&f->disk.info, &before))
		f->disk.changed(&f->disk, f->disk.arg, 0);
}

/* On a queue's thread. */
static void queue_changed(void *arg, uint32_t index,
                          const struct vbd_queue_state *now)
{
	struct vbd_fan *f = arg;

	(void)pthread_mutex_lock(&f->lock);
	f->state[index] = *now;
	(void)pthread_cond_signal(&f->changed);
	(void)pthread_mutex_unlock(&f->lock);
	pvb_loop_post(f->loop, &f->news);
}

int vbd_fan_wait(struct vbd_fan *f, bool live, int64_t ms)
{
	struct timespec end;
	struct sum s;
	int r = 0;

	(void)clock_gettime(CLOCK_MONOTONIC, &end);
	end.tv_sec += ms / 1000;
	end.tv_nsec += ms % 1000 * 1000000;
	if (end.tv_nsec >= 1000000000) {
		end.tv_sec++;
		end.tv_nsec -= 1000000000;
	}
	(void)pthread_mutex_lock(&f->lock);
	s = add_up(f);
	while (r == 0 && !(live && s.live) && !s.closed) {
		r = -pthread_cond_timedwait(&f->changed, &f->lock, &end);
		s = add_up(f);
	}
	(void)pthread_mutex_unlock(&f->lock);
	adopt(f, &s);
	return (live && s.live) || s.closed ? 0 : -ETIMEDOUT;
}

bool vbd_fan_is_live(const struct vbd_fan *f)
{
	return f->live;
}

/* ---- there --------------------------------------------------------------- */

static bool goes_on(const struct line *l, const struct pvb_io *io)
{
	return l->run_op == io->op && l->run_end == io->offset_bytes &&
	       l->run_bytes > 0 &&
	       l->run_bytes + io->length_bytes <= RUN_BYTES;
}

static uint32_t pick(struct vbd_fan *f, const struct pvb_io *io)
{
	bool data = io->op == PVB_IO_READ || io->op == PVB_IO_WRITE;
	uint32_t best;

	for (uint32_t i = 0; data && i < f->used; i++)
		if (goes_on(&f->line[i], io))
			return i;
	best = f->turn++ % f->used;
	for (uint32_t n = 1, i = best; n < f->used; n++) {
		i = i + 1 < f->used ? i + 1 : 0;
		if (f->line[i].in_flight < f->line[best].in_flight)
			best = i;
	}
	f->line[best].run_bytes = 0;
	return best;
}

static void fan_kick(struct pvb_disk *d)
{
	struct vbd_fan *f = fan_of(d);

	for (uint32_t i = 0; i < f->used; i++)
		if (f->line[i].batch_count > 0)
			send(f, i);
}

static void cross(struct vbd_fan *f, struct vbd_crosser *x, struct pvb_io *io)
{
	struct line *l;

	x->outer = io;
	x->queue = pick(f, io);
	x->io = (struct pvb_io){
		.op = io->op, .flags = io->flags,
		.offset_bytes = io->offset_bytes,
		.length_bytes = io->length_bytes,
		.iov = io->iov, .iovcnt = io->iovcnt,
	};
	l = &f->line[x->queue];
	l->run_op = io->op;
	l->run_end = io->offset_bytes + io->length_bytes;
	l->run_bytes += io->length_bytes;
	l->in_flight++;
	pvb_iolist_push(&l->batch, &x->io);
	if (++l->batch_count == BATCH)
		send(f, x->queue);
}

/* What one queue has found out about the back need not be asked on another.
   All else each checks itself. */
static int refusal(const struct vbd_fan *f, const struct pvb_io *io)
{
	bool plain = (io->op == PVB_IO_READ || io->op == PVB_IO_WRITE) &&
	             io->flags == 0;

	if (!f->live)
		return -ESHUTDOWN;
	return plain ? 0 : pvb_disk_check(&f->disk.info, io);
}

static int fan_submit(struct pvb_disk *d, struct pvb_io *io)
{
	struct vbd_fan *f = fan_of(d);
	int r = refusal(f, io);
	struct vbd_crosser *x;
	uint64_t id;

	if (r < 0) {
		pvb_outbox_put(&f->refused, io, r);
		return 0;
	}
	x = pvb_pool_get(&f->crossers, &id);
	if (!x) {
		fan_kick(d);
		return -EAGAIN;
	}
	cross(f, x, io);
	return 0;
}

/* ---- and back ------------------------------------------------------------ */

/* The last done() may end us; not while others have to cross again. */
static void arrived(struct pvb_crossing *c, struct pvb_iolist *all)
{
	struct vbd_fan *f = pvb_container(c, struct vbd_fan, back);
	bool again = false;
	struct pvb_io *io;

	while ((io = pvb_iolist_pop(all))) {
		struct vbd_crosser *x =
			pvb_container(io, struct vbd_crosser, io);
		struct pvb_io *outer = x->outer;
		int result = x->result;

		f->line[x->queue].in_flight--;
		if (result == -ECANCELED) {
			cross(f, x, outer);
			again = true;
			continue;
		}
		pvb_pool_put(&f->crossers, x);
		outer->done(outer, result);
	}
	if (again)
		fan_kick(&f->disk);
}

/* ---- life ---------------------------------------------------------------- */

/* Inside of a vbd: disk: no URI leads here. */
static const struct pvb_disk_ops fan_ops = {
	.submit = fan_submit, .kick = fan_kick,
};

struct pvb_disk *vbd_fan_disk(struct vbd_fan *f)
{
	return &f->disk;
}

/* The count of those that have started is known before its state may change. */
static int start_queue(struct vbd_fan *f, uint32_t i, int *link_fd,
                       struct pvb_err *e)
{
	const struct vbd_queue_config c = {
		.log = f->config.log, .index = i,
		.bounce_always = f->config.bounce_always,
		.read_only = f->config.read_only, .back = &f->back,
		.changed = queue_changed, .arg = f,
	};
	struct pvb_mem *mem = pvb_host_front_mem(&f->host, f->config.domid, e);
	struct vbd_queue *q = NULL;
	int r;

	if (!mem)
		return e->code;
	(void)pthread_mutex_lock(&f->lock);
	f->started = i + 1;
	(void)pthread_mutex_unlock(&f->lock);
	r = vbd_queue_start(&c, mem, &q, link_fd, e);
	(void)pthread_mutex_lock(&f->lock);
	f->queue[i] = q;
	if (r < 0)
		f->started = i;
	(void)pthread_mutex_unlock(&f->lock);
	return r;
}

int vbd_fan_more(struct vbd_fan *f, uint32_t queue)
{
	struct pvb_err e = PVB_ERR_INIT;
	int fd, r;

	/* Of a queue that has ended there is no second. */
	if (queue != f->started || queue >= f->config.queues_max)
		return -EPIPE;
	r = start_queue(f, queue, &fd, &e);
	return r < 0 ? r : fd;
}

static void init_lock(struct vbd_fan *f)
{
	pthread_condattr_t attr;

	(void)pthread_mutex_init(&f->lock, NULL);
	(void)pthread_condattr_init(&attr);
	(void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&f->changed, &attr);
	(void)pthread_condattr_destroy(&attr);
}

int vbd_fan_create(struct pvb_loop *loop, const struct vbd_fan_config *c,
                   struct vbd_fan **out, int *link_fd, struct pvb_err *e)
{
	uint32_t depth = (c->queues_max * SLOTS_A_PAGE) << c->ring_order;
	struct pvb_err ignored = PVB_ERR_INIT;
	struct vbd_fan *f = calloc(1, sizeof(*f));
	int r;

	assert(c->queues_max >= 1 && c->queues_max <= PVB_BLK_QUEUES_MAX);
	e = e ? e : &ignored;
	if (!f)
		return pvb_err_set(e, -ENOMEM, "out of memory");
	f->disk.ops = &fan_ops;
	f->loop = loop;
	f->config = *c;
	f->host = *c->host;
	f->news.run = on_news;
	init_lock(f);
	pvb_outbox_init(&f->refused, loop);
	(void)pvb_crossing_init(&f->back, loop, arrived);
	r = pvb_pool_init(&f->crossers, depth, sizeof(struct vbd_crosser));
	if (r < 0)
		(void)pvb_err_set(e, r, "out of memory");
	else
		r = start_queue(f, 0, link_fd, e);
	if (r < 0) {
		vbd_fan_destroy(f);
		return r;
	}
	*out = f;
	return 0;
}

void vbd_fan_destroy(struct vbd_fan *f)
{
	if (!f)
		return;
	assert(pvb_pool_used(&f->crossers) == 0);
	for (uint32_t i = 0; i < f->started; i++)
		vbd_queue_stop(f->queue[i]);
	pvb_loop_undefer(f->loop, &f->news);
	pvb_outbox_fini(&f->refused);
	pvb_crossing_fini(&f->back);
	pvb_pool_fini(&f->crossers);
	(void)pthread_cond_destroy(&f->changed);
	(void)pthread_mutex_destroy(&f->lock);
	free(f);
}
