/* SPDX-License-Identifier: MIT */
#include "slate.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

struct slate_lane {
	struct pvb_disk disk;
	struct pvb_outbox outbox;
	struct slate *slate;
	uint32_t held;
};

static struct slate_lane *lane_of(struct pvb_disk *d)
{
	return pvb_container(d, struct slate_lane, disk);
}

static int slate_submit(struct pvb_disk *d, struct pvb_io *io)
{
	struct slate_lane *l = lane_of(d);
	struct slate *s = l->slate;
	int r = pvb_disk_check(&d->info, io);

	if (l->held == d->info.depth_max)
		return -EAGAIN;
	/* Whoever asks for what is not allowed has not done his part. */
	assert_int_equal(r, 0);
	assert_true(s->held < SLATE_HELD_MAX);
	io->scratch[1] = (uintptr_t)l;
	s->io[s->held++] = io;
	l->held++;
	return 0;
}

static int slate_resized(struct pvb_disk *d, uint64_t size_bytes)
{
	d->info.size_bytes = size_bytes;
	return 0;
}

static void slate_close(struct pvb_disk *d)
{
	struct slate_lane *l = lane_of(d);

	assert_int_equal(l->held, 0);
	l->slate->lanes--;
	pvb_outbox_fini(&l->outbox);
	free(l);
}

static const struct pvb_disk_ops slate_ops = {
	.scheme = "slate", .close = slate_close, .submit = slate_submit,
	.resized = slate_resized,
};

struct pvb_disk *slate_open(struct slate *s, struct pvb_loop *loop)
{
	struct slate_lane *l = calloc(1, sizeof(*l));

	assert_non_null(l);
	l->slate = s;
	l->disk.ops = &slate_ops;
	l->disk.info = (struct pvb_disk_info){
		.size_bytes = sizeof(s->bytes),
		.sector_size_bytes = SLATE_SECTOR,
		.physical_size_bytes = SLATE_SECTOR,
		.discard_granularity_bytes = SLATE_SECTOR,
		.depth_max = SLATE_HELD_MAX, .iov_max = 16,
		.io_max_bytes = 16 * SLATE_SECTOR,
		.flush = true, .fua = true, .discard = true,
		.discard_secure = true, .zero = true,
	};
	pvb_outbox_init(&l->outbox, loop);
	s->lanes++;
	return &l->disk;
}

static void answer(struct slate *s, uint32_t i, int result)
{
	struct pvb_io *io = s->io[i];
	struct slate_lane *l = (struct slate_lane *)(uintptr_t)io->scratch[1];

	s->held--;
	memmove(s->io + i, s->io + i + 1, (s->held - i) * sizeof(s->io[0]));
	l->held--;
	pvb_outbox_put(&l->outbox, io, result);
}

static void move(struct slate *s, const struct pvb_io *io, uint64_t bytes)
{
	unsigned char *at = s->bytes + io->offset_bytes;

	for (uint32_t i = 0; i < io->iovcnt && bytes > 0; i++) {
		size_t n = io->iov[i].iov_len;

		if (n > bytes)
			n = bytes;
		if (io->op == PVB_IO_WRITE)
			memcpy(at, io->iov[i].iov_base, n);
		else
			memcpy(io->iov[i].iov_base, at, n);
		at += n;
		bytes -= n;
	}
}

static void carry_out(struct slate *s, uint32_t i, uint64_t bytes)
{
	const struct pvb_io *io = s->io[i];

	assert_true(i < s->held);
	if (io->op == PVB_IO_READ || io->op == PVB_IO_WRITE)
		move(s, io, bytes);
	else if (io->op == PVB_IO_ZERO)
		memset(s->bytes + io->offset_bytes, 0, bytes);
	else if (io->op == PVB_IO_DISCARD)
		memset(s->bytes + io->offset_bytes, 0xdd, bytes);
}

void slate_do(struct slate *s, uint32_t i)
{
	carry_out(s, i, s->io[i]->length_bytes);
	answer(s, i, 0);
}

void slate_fail(struct slate *s, uint32_t i, uint64_t bytes, int error)
{
	carry_out(s, i, bytes);
	answer(s, i, error);
}
