/* SPDX-License-Identifier: MIT */
/* disk_file.c - file:PATH, a regular file or a block device: its lanes. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <pvb/err.h>

#include "base/checked.h"
#include "base/log.h"

#include "disk_file.h"
#include "extents.h"

/* The file may have been cut since it was probed. */
static int check_size(const struct file_lane *f, struct pvb_err *e)
{
	uint64_t has;
	int r = file_size(f->fd, &has);

	if (r < 0)
		return pvb_err_set(e, r, "cannot tell its size: %s",
		                   strerror(-r));
	if (has < f->disk.info.size_bytes)
		return pvb_err_set(e, -EINVAL, "has %" PRIu64 " bytes, fewer "
		                   "than the %" PRIu64 " that it had", has,
		                   f->disk.info.size_bytes);
	return 0;
}

static void say_engine(const struct file_lane *f, const struct pvb_log *log)
{
	int refusal = pvb_loop_uring_refusal(f->loop);

	if (f->ring)
		return;
	if (refusal)
		pvb_log(log, PVB_LOG_WARN, "io_uring is refused (%s): "
		        "the file is read and written by threads",
		        strerror(refusal));
	else
		pvb_log(log, PVB_LOG_DEBUG, "no io_uring on this loop: "
		        "the file is read and written by threads");
}

static int start(struct file_lane *f, const struct pvb_log *log,
                 struct pvb_err *e)
{
	int r = file_run_init(f);

	if (r < 0)
		return pvb_err_set(e, r, "cannot prepare its I/O: %s",
		                   strerror(-r));
	say_engine(f, log);
	return 0;
}

static int file_open(struct pvb_loop *loop, const struct pvb_log *log,
                     const struct pvb_disk_probe *p, int *fds, uint32_t nfds,
                     struct pvb_disk **lane, struct pvb_err *e)
{
	struct file_lane *f = calloc(1, sizeof(*f));
	int r;

	assert(nfds == 1 && p->blob_bytes == sizeof(f->how));
	if (!f) {
		(void)close(fds[0]);
		return pvb_err_set(e, -ENOMEM, "out of memory");
	}
	f->disk.ops = &pvb_disk_file;
	f->disk.info = p->info;
	f->loop = loop;
	f->fd = fds[0];
	memcpy(&f->how, p->blob, sizeof(f->how));
	assert(f->how.version == FILE_HOW_VERSION);
	r = file_lock(f, p, e);
	if (r == 0)
		r = check_size(f, e);
	if (r == 0)
		r = start(f, log, e);
	if (r < 0) {
		(void)close(f->fd);     /* and the lock with it */
		free(f);
		return r;
	}
	*lane = &f->disk;
	return 0;
}

static void file_close(struct pvb_disk *d)
{
	struct file_lane *f = pvb_container(d, struct file_lane, disk);

	file_run_fini(f);
	/* Its errors belong to writes that nobody has flushed. */
	(void)close(f->fd);
	free(f);
}

static int file_resized(struct pvb_disk *d, uint64_t size_bytes)
{
	struct file_lane *f = pvb_container(d, struct file_lane, disk);
	uint64_t has;

	if (size_bytes < d->info.size_bytes ||
	    size_bytes % d->info.sector_size_bytes ||
	    file_size(f->fd, &has) < 0 || has < size_bytes)
		return -EINVAL;
	d->info.size_bytes = size_bytes;
	return 0;
}

static int file_submit(struct pvb_disk *d, struct pvb_io *io)
{
	struct file_lane *f = pvb_container(d, struct file_lane, disk);
	int r;

	if (f->in_flight + f->outbox.count >= FILE_DEPTH)
		return -EAGAIN;
	r = pvb_disk_check(&d->info, io);
	if (r < 0 || (io->length_bytes == 0 && io->op != PVB_IO_FLUSH)) {
		pvb_outbox_put(&f->outbox, io, r);
		return 0;
	}
	file_step_first(f, io);
	f->in_flight++;
	pvb_iolist_push(&f->queued, io);
	return 0;
}

static void file_kick(struct pvb_disk *d)
{
	struct file_lane *f = pvb_container(d, struct file_lane, disk);

	file_run_queued(f);
	if (f->ring)
		pvb_loop_uring_submit(f->loop);
}

static int file_extents(struct pvb_disk *d, uint64_t offset_bytes,
                        uint64_t length_bytes, struct pvb_disk_extent *v,
                        uint32_t cap)
{
	struct file_lane *f = pvb_container(d, struct file_lane, disk);

	if (!pvb_range_ok(offset_bytes, length_bytes, d->info.size_bytes))
		return -EINVAL;
	return pvb_disk_fd_extents(f->fd, offset_bytes, length_bytes,
	                           d->info.sector_size_bytes, v, cap);
}

static const char *const file_options[] = {
	"direct=auto|on|off      around the page cache; auto: where it can",
	"sector-size=512|4096    smallest unit of I/O (the device's; 512)",
	"size=SIZE               use only so much of it, and do not follow it",
	"sync=on|off             every write is durable when done (off)",
	"discard=on|off          discard makes holes (on where it can)",
	NULL
};

const struct pvb_disk_ops pvb_disk_file = {
	.scheme = "file",
	.summary = "file:PATH  a regular file or a block device",
	.options = file_options,
	.probe = file_probe,
	.reopen = file_reopen,
	.reprobe = file_reprobe,
	.fenced = file_fenced,
	.open = file_open,
	.close = file_close,
	.resized = file_resized,
	.submit = file_submit,
	.kick = file_kick,
	.extents = file_extents,
};
