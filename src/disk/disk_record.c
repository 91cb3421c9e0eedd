/* SPDX-License-Identifier: MIT */
/*
 * disk_record.c - record:URI?log=FILE, a disk that keeps a log of what is
 * asked of it (record_log.h), out of which any image can be made that it might
 * hold if the power had failed.
 *
 * A request is in the log before the disk below has it, and so is its end
 * before it is answered.  Each entry is one append, so those of several lanes
 * stand in the order in which they happened.  That write blocks, as a copy to
 * memory does.  What a guest changes in its pages while they are being written
 * may differ between disk and log.
 *
 * If the log cannot be written, all requests but reads fail, and do nothing.
 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include <pvb/err.h>

#include "base/log.h"
#include "base/pool.h"

#include "disk_record.h"
#include "outbox.h"
#include "record_log.h"

struct record_lane {
	struct pvb_disk disk;
	struct pvb_disk *inner;         /* owned */
	const struct pvb_log *log;
	struct pvb_outbox outbox;
	struct pvb_pool pool;           /* of struct record_request */
	struct iovec *entry;            /* owned: one, and a request's own */
	int      fd;                    /* owned: the log */
	uint64_t lane, number;
	bool     broken;                /* the log */
};

struct record_request {
	struct pvb_io inner;
	struct pvb_io *outer;
	struct record_lane *lane;
	uint64_t number;
};

/* ---- the log -------------------------------------------------------- */

static void break_log(struct record_lane *l, const char *why)
{
	if (!l->broken)
		pvb_log(l->log, PVB_LOG_ERROR, "record: the log cannot be "
		        "written (%s): only reads are done", why);
	l->broken = true;
}

/* The entry and what is to follow it, at once.  False: the log is broken. */
static bool append(struct record_lane *l, const struct pvb_record_entry *x,
                   const struct pvb_io *io)
{
	unsigned char entry[PVB_RECORD_ENTRY_BYTES];
	uint64_t follows = pvb_record_data_bytes(x);
	uint32_t n = follows ? io->iovcnt : 0;
	ssize_t r;

	if (l->broken)
		return false;
	pvb_record_put_entry(x, entry);
	l->entry[0] = (struct iovec){ entry, sizeof(entry) };
	if (n)
		memcpy(l->entry + 1, io->iov, n * sizeof(*io->iov));
	r = writev(l->fd, l->entry, (int)n + 1);
	if (r < 0)
		break_log(l, strerror(errno));
	else if ((uint64_t)r != sizeof(entry) + follows)
		break_log(l, "there is no room");
	return !l->broken;
}

static bool append_begin(struct record_lane *l, const struct pvb_io *io,
                         uint64_t number)
{
	const struct pvb_record_entry x = {
		.kind = PVB_RECORD_BEGIN,
		.op = (uint8_t)io->op,
		.flags = (uint16_t)io->flags,
		.lane = l->lane,
		.number = number,
		.offset_bytes = io->op == PVB_IO_FLUSH ? 0 : io->offset_bytes,
		.length_bytes = io->op == PVB_IO_FLUSH ? 0 : io->length_bytes,
	};

	return append(l, &x, io);
}

static bool append_end(struct record_lane *l, uint64_t number, int result)
{
	const struct pvb_record_entry x = {
		.kind = PVB_RECORD_END, .lane = l->lane, .number = number,
		.result = result,
	};

	return append(l, &x, NULL);
}

/* ---- a request ------------------------------------------------------ */

static void inner_done(struct pvb_io *io, int result)
{
	struct record_request *q = pvb_container(io, struct record_request,
	                                         inner);
	struct record_lane *l = q->lane;
	struct pvb_io *outer = q->outer;

	if (io->op != PVB_IO_READ && !append_end(l, q->number, result))
		result = -EIO;
	pvb_pool_put(&l->pool, q);
	pvb_outbox_put(&l->outbox, outer, result);
}

static void pass_on(struct record_lane *l, struct pvb_io *io)
{
	struct record_request *q = pvb_pool_get(&l->pool, NULL);
	int r;

	q->outer = io;
	q->lane = l;
	q->number = l->number;
	q->inner = (struct pvb_io){
		.op = io->op,
		.flags = io->flags,
		.offset_bytes = io->offset_bytes,
		.length_bytes = io->length_bytes,
		.iov = io->iov,
		.iovcnt = io->iovcnt,
		.done = inner_done,
	};
	r = l->inner->ops->submit(l->inner, &q->inner);
	assert(r == 0);                 /* no more than its depth_max */
	(void)r;
}

static int record_submit(struct pvb_disk *d, struct pvb_io *io)
{
	struct record_lane *l = pvb_container(d, struct record_lane, disk);
	int r;

	if (pvb_pool_used(&l->pool) + l->outbox.count >= d->info.depth_max)
		return -EAGAIN;
	r = pvb_disk_check(&d->info, io);
	if (r == 0 && io->op != PVB_IO_READ &&
	    !append_begin(l, io, ++l->number))
		r = -EIO;
	if (r == 0)
		pass_on(l, io);
	else
		pvb_outbox_put(&l->outbox, io, r);
	return 0;
}

static void record_kick(struct pvb_disk *d)
{
	struct record_lane *l = pvb_container(d, struct record_lane, disk);

	if (l->inner->ops->kick)
		l->inner->ops->kick(l->inner);
}

/* The limits are ours. */
static void inner_changed(struct pvb_disk *inner, void *arg, int gone)
{
	struct record_lane *l = arg;
	struct pvb_disk_info info = inner->info;

	info.depth_max = l->disk.info.depth_max;
	info.iov_max = l->disk.info.iov_max;
	info.io_max_bytes = l->disk.info.io_max_bytes;
	l->disk.info = info;
	if (l->disk.changed)
		l->disk.changed(&l->disk, l->disk.arg, gone);
}

static int record_resized(struct pvb_disk *d, uint64_t size_bytes)
{
	struct record_lane *l = pvb_container(d, struct record_lane, disk);
	int r = -EINVAL;

	if (l->inner->ops->resized)
		r = l->inner->ops->resized(l->inner, size_bytes);
	d->info.size_bytes = l->inner->info.size_bytes;
	return r;
}

static int record_extents(struct pvb_disk *d, uint64_t offset_bytes,
                          uint64_t length_bytes, struct pvb_disk_extent *v,
                          uint32_t cap)
{
	struct record_lane *l = pvb_container(d, struct record_lane, disk);

	if (!l->inner->ops->extents)
		return -EOPNOTSUPP;
	return l->inner->ops->extents(l->inner, offset_bytes, length_bytes, v,
	                              cap);
}

/* ---- opening -------------------------------------------------------- */

/* Ours alone, and of all lanes on this description.  0 or -errno with *e. */
static int enter_log(struct record_lane *l, struct pvb_err *e)
{
	struct flock lock = record_lock();
	struct pvb_record_entry x = { .kind = PVB_RECORD_OPEN };
	uint32_t random;

	if (fcntl(l->fd, F_OFD_SETLK, &lock) < 0)
		return pvb_err_set(e, -EBUSY, "another process writes to its "
		                   "log");
	if (getrandom(&random, sizeof(random), 0) != sizeof(random))
		return pvb_err_set(e, -EIO, "no random numbers");
	l->lane = x.lane = (uint64_t)(uint32_t)getpid() << 32 | random;
	return append(l, &x, NULL) ? 0
		: pvb_err_set(e, -EIO, "its log cannot be written");
}

static void free_lane(struct record_lane *l)
{
	if (l->inner)
		l->inner->ops->close(l->inner);
	if (l->fd >= 0 && close(l->fd) < 0)
		break_log(l, strerror(errno));
	pvb_pool_fini(&l->pool);
	free(l->entry);
	free(l);
}

/* Without the disk below; NULL: no memory. */
static struct record_lane *make_lane(const struct pvb_disk_probe *p)
{
	struct record_lane *l = calloc(1, sizeof(*l));

	if (!l)
		return NULL;
	l->fd = -1;
	l->entry = calloc(p->info.iov_max + 1, sizeof(*l->entry));
	if (l->entry && pvb_pool_init(&l->pool, p->info.depth_max,
	                              sizeof(struct record_request)) == 0)
		return l;
	free_lane(l);
	return NULL;
}

static int record_open(struct pvb_loop *loop, const struct pvb_log *log,
                       const struct pvb_disk_probe *p, int *fds,
                       uint32_t nfds, struct pvb_disk **lane,
                       struct pvb_err *e)
{
	struct record_lane *l = make_lane(p);
	const struct pvb_disk_ops *ops;
	struct pvb_disk_probe inner;
	int r;

	if (!l) {
		for (uint32_t i = 0; i < nfds; i++)
			(void)close(fds[i]);    /* not used */
		return pvb_err_set(e, -ENOMEM, "out of memory");
	}
	l->fd = fds[nfds - 1];
	l->log = log;
	l->disk.ops = &pvb_disk_record;
	l->disk.info = p->info;
	pvb_outbox_init(&l->outbox, loop);
	ops = record_unpack(p, &inner);
	r = ops->open(loop, log, &inner, fds, nfds - 1, &l->inner, e);
	/* Alone on the disk now: what others had begun is over. */
	if (r == 0)
		r = enter_log(l, e);
	if (r < 0) {
		free_lane(l);
		return r;
	}
	l->inner->changed = inner_changed;
	l->inner->arg = l;
	*lane = &l->disk;
	return 0;
}

static void record_close(struct pvb_disk *d)
{
	struct record_lane *l = pvb_container(d, struct record_lane, disk);

	assert(pvb_pool_used(&l->pool) == 0);
	pvb_outbox_fini(&l->outbox);
	free_lane(l);
}

static const char *const record_options[] = {
	"log=FILE                where; made, or appended to",
	NULL
};

const struct pvb_disk_ops pvb_disk_record = {
	.scheme = "record",
	.summary = "record:URI  another disk, with a log for 'pvb replay'",
	.options = record_options,
	.probe = record_probe,
	.reopen = record_reopen,
	.reprobe = record_reprobe,
	.fenced = record_fenced,
	.open = record_open,
	.close = record_close,
	.resized = record_resized,
	.submit = record_submit,
	.kick = record_kick,
	.extents = record_extents,
};
