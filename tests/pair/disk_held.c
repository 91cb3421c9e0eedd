/* SPDX-License-Identifier: MIT */
#include "disk_held.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include <pvb/err.h>

#include "base/loop.h"
#include "disk/outbox.h"

enum { HELD_MAX = 1024 };

struct lane {
	struct pvb_disk disk;
	struct pvb_outbox outbox;
	struct pvb_io *io[HELD_MAX];
	uint32_t count, kicks, again;
};

static struct lane *the_lane;
static struct pvb_disk_info next_info;

struct pvb_disk_info *held_info(void)
{
	return &next_info;
}

void held_reset(void)
{
	next_info = (struct pvb_disk_info){
		.sector_size_bytes = 512, .physical_size_bytes = 512,
		.discard_granularity_bytes = 512,
		.depth_max = HELD_MAX, .iov_max = 1024,
		.io_max_bytes = 1 << 30, .flush = true, .discard = true,
	};
}

static int held_probe(struct pvb_uri *uri, uint32_t flags,
                      struct pvb_disk_probe *out, struct pvb_err *e)
{
	if (next_info.sector_size_bytes == 0)
		held_reset();
	out->info = next_info;
	out->info.read_only = flags & PVB_DISK_READ_ONLY;
	if (!pvb_parse_size(uri->body, &out->info.size_bytes))
		return pvb_err_set(e, -EINVAL, "no size");
	return 0;
}

static int held_reopen(const struct pvb_disk_probe *p,
                       int fds[PVB_DISK_FDS_MAX], struct pvb_err *e)
{
	(void)p;
	(void)fds;
	(void)e;
	return 0;
}

static int held_open(struct pvb_loop *loop, const struct pvb_log *log,
                     const struct pvb_disk_probe *p, int *fds, uint32_t nfds,
                     struct pvb_disk **out, struct pvb_err *e)
{
	struct lane *l = calloc(1, sizeof(*l));

	(void)log;
	(void)fds;
	(void)e;
	assert(l && nfds == 0 && !the_lane);
	l->disk.ops = &disk_held;
	l->disk.info = p->info;
	pvb_outbox_init(&l->outbox, loop);
	the_lane = l;
	*out = &l->disk;
	return 0;
}

static void held_close(struct pvb_disk *d)
{
	assert(d == &the_lane->disk && the_lane->count == 0);
	pvb_outbox_fini(&the_lane->outbox);
	free(the_lane);
	the_lane = NULL;
}

static int held_resized(struct pvb_disk *d, uint64_t size_bytes)
{
	d->info.size_bytes = size_bytes;
	return 0;
}

static int held_submit(struct pvb_disk *d, struct pvb_io *io)
{
	struct lane *l = the_lane;
	int r;

	if (l->count + l->outbox.count >= d->info.depth_max) {
		l->again++;
		return -EAGAIN;
	}
	r = pvb_disk_check(&d->info, io);
	if (r < 0)
		pvb_outbox_put(&l->outbox, io, r);
	else
		l->io[l->count++] = io;
	return 0;
}

static void held_kick(struct pvb_disk *d)
{
	(void)d;
	the_lane->kicks++;
}

const struct pvb_disk_ops disk_held = {
	.scheme = "held", .probe = held_probe, .reopen = held_reopen,
	.open = held_open, .close = held_close, .resized = held_resized,
	.submit = held_submit, .kick = held_kick,
};

const struct pvb_disk_ops *const disk_held_list[] = { &disk_held, NULL };

struct pvb_disk *held_lane(void)
{
	return the_lane ? &the_lane->disk : NULL;
}

uint32_t held_count(void)
{
	return the_lane->count;
}

struct pvb_io *held_at(uint32_t i)
{
	assert(i < the_lane->count);
	return the_lane->io[i];
}

void held_answer(uint32_t i, int result)
{
	struct pvb_io *io = held_at(i);

	the_lane->count--;
	for (; i < the_lane->count; i++)
		the_lane->io[i] = the_lane->io[i + 1];
	pvb_outbox_put(&the_lane->outbox, io, result);
}

void held_answer_all(int result)
{
	while (the_lane->count > 0)
		held_answer(0, result);
}

uint32_t held_kicks(void)
{
	return the_lane->kicks;
}

uint32_t held_again(void)
{
	return the_lane->again;
}
