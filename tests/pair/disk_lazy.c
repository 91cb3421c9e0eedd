/* SPDX-License-Identifier: MIT */
#include "disk_lazy.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/loop.h"
#include "disk/outbox.h"
#include "requests.h"

enum { LAZY_MAX = 1024 };

static unsigned char bytes[LAZY_BYTES];
static uint64_t dice;

static struct lane {
	struct pvb_disk disk;
	struct pvb_outbox outbox;
	struct pvb_io *io[LAZY_MAX];
	uint32_t count;
} *lane;

void lazy_reset(uint64_t seed)
{
	assert(!lane);
	memset(bytes, 0, sizeof(bytes));
	dice = seed;
}

uint32_t lazy_count(void)
{
	return lane->count;
}

static uint32_t throw_dice(uint32_t below)
{
	return (uint32_t)(next_random(&dice) % below);
}

/* ---- the work ------------------------------------------------------------ */

static void move(const struct pvb_io *io)
{
	unsigned char *at = bytes + io->offset_bytes;

	for (uint32_t i = 0; i < io->iovcnt; i++) {
		if (io->op == PVB_IO_READ)
			memcpy(io->iov[i].iov_base, at, io->iov[i].iov_len);
		else
			memcpy(at, io->iov[i].iov_base, io->iov[i].iov_len);
		at += io->iov[i].iov_len;
	}
}

static void carry_out(const struct pvb_io *io)
{
	if (io->op == PVB_IO_READ || io->op == PVB_IO_WRITE)
		move(io);
	else if (io->op == PVB_IO_DISCARD)
		memset(bytes + io->offset_bytes, 0, io->length_bytes);
}

static void finish(uint32_t i, int result)
{
	struct pvb_io *io = lane->io[i];

	lane->io[i] = lane->io[--lane->count];
	pvb_outbox_put(&lane->outbox, io, result);
}

void lazy_work(void)
{
	uint32_t n = lane->count ? throw_dice(lane->count + 1) : 0;

	while (n-- > 0) {
		uint32_t i = throw_dice(lane->count);

		carry_out(lane->io[i]);
		finish(i, 0);
	}
}

void lazy_fence(void)
{
	while (lane->count > 0) {
		uint32_t i = throw_dice(lane->count);

		if (throw_dice(2))
			carry_out(lane->io[i]);
		finish(i, -EIO);
	}
}

/* ---- the driver ---------------------------------------------------------- */

static const struct pvb_disk_ops disk_lazy;

static int lazy_probe(struct pvb_uri *uri, uint32_t flags,
                      struct pvb_disk_probe *out, struct pvb_err *e)
{
	(void)uri;
	(void)flags;
	(void)e;
	out->info = (struct pvb_disk_info){
		.size_bytes = LAZY_BYTES,
		.sector_size_bytes = 512, .physical_size_bytes = 512,
		.discard_granularity_bytes = 512, .depth_max = LAZY_MAX,
		.iov_max = 8, .io_max_bytes = 64 << 10,
		.flush = true, .discard = true,
	};
	return 0;
}

static int lazy_reopen(const struct pvb_disk_probe *p,
                       int fds[PVB_DISK_FDS_MAX], struct pvb_err *e)
{
	(void)p;
	(void)fds;
	(void)e;
	return 0;
}

static int lazy_open(struct pvb_loop *loop, const struct pvb_log *log,
                     const struct pvb_disk_probe *p, int *fds, uint32_t nfds,
                     struct pvb_disk **out, struct pvb_err *e)
{
	(void)log;
	(void)fds;
	(void)nfds;
	(void)e;
	assert(!lane);          /* the dead one's is closed: the fence */
	lane = calloc(1, sizeof(*lane));
	assert(lane);
	lane->disk.ops = &disk_lazy;
	lane->disk.info = p->info;
	pvb_outbox_init(&lane->outbox, loop);
	*out = &lane->disk;
	return 0;
}

static void lazy_close(struct pvb_disk *d)
{
	assert(d == &lane->disk && lane->count == 0);
	pvb_outbox_fini(&lane->outbox);
	free(lane);
	lane = NULL;
}

static int lazy_submit(struct pvb_disk *d, struct pvb_io *io)
{
	int r;

	if (lane->count + lane->outbox.count >= LAZY_MAX)
		return -EAGAIN;
	r = pvb_disk_check(&d->info, io);
	if (r < 0)
		pvb_outbox_put(&lane->outbox, io, r);
	else
		lane->io[lane->count++] = io;
	return 0;
}

static const struct pvb_disk_ops disk_lazy = {
	.scheme = "lazy", .probe = lazy_probe, .reopen = lazy_reopen,
	.open = lazy_open, .close = lazy_close, .submit = lazy_submit,
};

const struct pvb_disk_ops *const disk_lazy_list[] = { &disk_lazy, NULL };
