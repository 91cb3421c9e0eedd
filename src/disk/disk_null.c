/* SPDX-License-Identifier: MIT */
/*
 * disk_null.c - null:SIZE, a disk that swallows writes and reads zeros.
 *
 * The smallest driver, and so the one to read first.
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <pvb/err.h>

#include "base/checked.h"

#include "disk.h"
#include "options.h"
#include "outbox.h"

enum { NULL_DEPTH = 512 };

struct null_lane {
	struct pvb_disk disk;
	struct pvb_outbox outbox;
};

static int null_probe(struct pvb_uri *uri, uint32_t flags,
                      struct pvb_disk_probe *out, struct pvb_err *e)
{
	struct pvb_disk_info *info = &out->info;

	info->read_only = flags & PVB_DISK_READ_ONLY;
	info->flush = info->fua = info->discard = info->zero = true;
	info->discard_secure = true;    /* of nothing, nothing is left */
	info->depth_max = NULL_DEPTH;
	return pvb_disk_opt_memory_geometry(uri, info, e);
}

static int null_reopen(const struct pvb_disk_probe *p,
                       int fds[PVB_DISK_FDS_MAX], struct pvb_err *e)
{
	(void)p;
	(void)fds;
	(void)e;
	return 0;                       /* there is nothing to open */
}

static int null_open(struct pvb_loop *loop, const struct pvb_log *log,
                     const struct pvb_disk_probe *p, int *fds, uint32_t nfds,
                     struct pvb_disk **lane, struct pvb_err *e)
{
	struct null_lane *n = calloc(1, sizeof(*n));

	(void)log;
	(void)fds;
	assert(nfds == 0);
	if (!n)
		return pvb_err_set(e, -ENOMEM, "out of memory");
	n->disk.ops = &pvb_disk_null;
	n->disk.info = p->info;
	pvb_outbox_init(&n->outbox, loop);
	*lane = &n->disk;
	return 0;
}

static void null_close(struct pvb_disk *d)
{
	struct null_lane *n = pvb_container(d, struct null_lane, disk);

	pvb_outbox_fini(&n->outbox);
	free(n);
}

static int null_submit(struct pvb_disk *d, struct pvb_io *io)
{
	struct null_lane *n = pvb_container(d, struct null_lane, disk);
	int r;

	if (n->outbox.count == NULL_DEPTH)
		return -EAGAIN;
	r = pvb_disk_check(&d->info, io);
	if (r == 0 && io->op == PVB_IO_READ)
		for (uint32_t i = 0; i < io->iovcnt; i++)
			memset(io->iov[i].iov_base, 0, io->iov[i].iov_len);
	pvb_outbox_put(&n->outbox, io, r);
	return 0;
}

static int null_extents(struct pvb_disk *d, uint64_t offset_bytes,
                        uint64_t length_bytes, struct pvb_disk_extent *v,
                        uint32_t cap)
{
	if (!pvb_range_ok(offset_bytes, length_bytes, d->info.size_bytes))
		return -EINVAL;
	if (cap == 0 || length_bytes == 0)
		return 0;
	v[0] = (struct pvb_disk_extent){ length_bytes, true, true };
	return 1;
}

static const char *const null_options[] = {
	"sector-size=512|4096    smallest unit of I/O (512)",
	NULL
};

const struct pvb_disk_ops pvb_disk_null = {
	.scheme = "null",
	.summary = "null:SIZE  swallows writes, reads zeros",
	.options = null_options,
	.probe = null_probe,
	.reopen = null_reopen,
	.open = null_open,
	.close = null_close,
	.submit = null_submit,
	.extents = null_extents,
};
