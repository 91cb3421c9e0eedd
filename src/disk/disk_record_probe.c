/* SPDX-License-Identifier: MIT */
/*
 * The control half of record: the disk below is probed, and its probe packed
 * into ours; the log is made and pinned.
 */
#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <pvb/err.h>

#include "disk_record.h"
#include "record_index.h"

enum { RECORD_DEPTH = 256, INNER_BLOB_MAX = 64, LOG_MODE = 0600 };

/* What may stand below. */
static const struct pvb_disk_ops *const below[] = {
	&pvb_disk_file, &pvb_disk_mem, &pvb_disk_null, NULL
};

/* As much of it as is used. */
struct record_blob {
	uint32_t inner_bytes;
	char     scheme[16];
	unsigned char inner[INNER_BLOB_MAX];
};
static_assert(sizeof(struct record_blob) <= PVB_DISK_BLOB_MAX,
              "it fits in the probe");

/* ---- the disk below ------------------------------------------------- */

const struct pvb_disk_ops *record_unpack(const struct pvb_disk_probe *p,
                                         struct pvb_disk_probe *inner)
{
	const struct pvb_disk_ops *ops;
	struct record_blob blob = { .inner_bytes = 0 };

	assert(p->blob_bytes <= sizeof(blob) && p->nfds > 0);
	memcpy(&blob, p->blob, p->blob_bytes);
	*inner = *p;
	inner->nfds = p->nfds - 1;
	memcpy(inner->scheme, blob.scheme, sizeof(inner->scheme));
	memcpy(inner->blob, blob.inner, sizeof(blob.inner));
	inner->blob_bytes = blob.inner_bytes;
	ops = pvb_disk_find(below, inner->scheme);
	assert(ops);
	return ops;
}

static void pack(const struct pvb_disk_probe *inner, int log_fd,
                 struct pvb_disk_probe *out)
{
	struct record_blob blob = { .inner_bytes = inner->blob_bytes };

	memcpy(blob.scheme, inner->scheme, sizeof(blob.scheme));
	memcpy(blob.inner, inner->blob, inner->blob_bytes);
	memcpy(out->fds, inner->fds, sizeof(out->fds));
	out->fds[inner->nfds] = log_fd;
	out->nfds = inner->nfds + 1;
	out->info = inner->info;
	if (out->info.depth_max > RECORD_DEPTH)
		out->info.depth_max = RECORD_DEPTH;
	if (out->info.iov_max > IOV_MAX - 1)    /* and one for the entry */
		out->info.iov_max = IOV_MAX - 1;
	if (out->info.io_max_bytes > PVB_RECORD_WRITE_MAX)
		out->info.io_max_bytes = PVB_RECORD_WRITE_MAX;
	out->blob_bytes = (uint32_t)(offsetof(struct record_blob, inner) +
	                             inner->blob_bytes);
	memcpy(out->blob, &blob, out->blob_bytes);
}

/* A log that is empty begins; another must be one, of a disk like this. */
static int begin_log(int fd, const struct pvb_disk_info *info,
                     struct pvb_err *e)
{
	struct pvb_record_head h = { info->sector_size_bytes,
	                             info->size_bytes }, old;
	unsigned char head[PVB_RECORD_HEAD_BYTES];
	struct stat st;

	if (fstat(fd, &st) < 0)
		return pvb_err_set(e, -errno, "%s", strerror(errno));
	if (!S_ISREG(st.st_mode))
		return pvb_err_set(e, -EINVAL, "is no regular file");
	pvb_record_put_head(&h, head);
	if (st.st_size == 0)
		return write(fd, head, sizeof(head)) == sizeof(head) ? 0
			: pvb_err_set(e, -EIO, "cannot be written");
	if (pread(fd, head, sizeof(head), 0) != sizeof(head) ||
	    !pvb_record_get_head(head, &old))
		return pvb_err_set(e, -EINVAL, "is there, and no log of a "
		                   "disk");
	if (old.sector_size_bytes != h.sector_size_bytes)
		return pvb_err_set(e, -EINVAL, "is the log of a disk with "
		                   "other sectors");
	return 0;
}

/* Pinned, or -errno with *e. */
static int make_log(const char *path, const struct pvb_disk_info *info,
                    struct pvb_err *e)
{
	int fd = open(path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, LOG_MODE);
	int r;

	if (fd < 0)
		r = pvb_err_set(e, -errno, "%s", strerror(errno));
	else
		r = begin_log(fd, info, e);
	if (r < 0)
		pvb_err_prefix(e, "log %s", path);
	if (fd >= 0)
		(void)close(fd);        /* only begun */
	if (r < 0)
		return r;
	fd = open(path, O_PATH | O_CLOEXEC);
	return fd < 0 ? pvb_err_set(e, -errno, "log %s: %s", path,
	                            strerror(errno)) : fd;
}

int record_probe(struct pvb_uri *uri, uint32_t flags,
                 struct pvb_disk_probe *out, struct pvb_err *e)
{
	const char *path = pvb_uri_option(uri, "log");
	const struct pvb_disk_ops *ops;
	struct pvb_disk_probe inner;
	int r;

	if (!path)
		return pvb_err_set(e, -EINVAL, "needs log=FILE");
	r = pvb_disk_probe(below, uri->body, flags, &inner, &ops, e);
	if (r < 0)
		return r;
	assert(inner.nfds < PVB_DISK_FDS_MAX);
	assert(inner.blob_bytes <= INNER_BLOB_MAX);
	r = make_log(path, &inner.info, e);
	if (r < 0) {
		pvb_disk_probe_fini(&inner);
		return r;
	}
	pack(&inner, r, out);
	return 0;
}

/* Part of an entry is left by somebody who was killed; what is appended behind
   it could not be read.  Not while somebody appends. */
static int mend(int fd, struct pvb_err *e)
{
	struct flock lock = record_lock();
	uint64_t bytes;
	int r;

	if (fcntl(fd, F_OFD_GETLK, &lock) < 0 || lock.l_type != F_UNLCK)
		return 0;
	r = pvb_record_whole_bytes(fd, &bytes, e);
	if (r == 0 && ftruncate(fd, (off_t)bytes) < 0)
		r = pvb_err_set(e, -errno, "%s", strerror(errno));
	return r;
}

static int reopen_log(const struct pvb_disk_probe *p, struct pvb_err *e)
{
	char path[32];
	int fd, r;

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d",
	               p->fds[p->nfds - 1]);
	fd = open(path, O_RDWR | O_APPEND | O_CLOEXEC);
	r = fd < 0 ? pvb_err_set(e, -errno, "%s", strerror(errno))
	           : mend(fd, e);
	if (r < 0) {
		pvb_err_prefix(e, "the log");
		if (fd >= 0)
			(void)close(fd);        /* only looked at */
		return r;
	}
	return fd;
}

int record_reopen(const struct pvb_disk_probe *p, int fds[PVB_DISK_FDS_MAX],
                  struct pvb_err *e)
{
	struct pvb_disk_probe inner;
	int log_fd = reopen_log(p, e), n;

	if (log_fd < 0)
		return log_fd;
	n = record_unpack(p, &inner)->reopen(&inner, fds, e);
	if (n < 0) {
		(void)close(log_fd);    /* not used */
		return n;
	}
	assert(n < PVB_DISK_FDS_MAX);
	fds[n] = log_fd;
	return n + 1;
}

int record_reprobe(struct pvb_disk_probe *p, struct pvb_err *e)
{
	struct pvb_disk_probe inner;
	const struct pvb_disk_ops *ops = record_unpack(p, &inner);
	int r = ops->reprobe ? ops->reprobe(&inner, e) : 0;

	if (r == 0)
		p->info.size_bytes = inner.info.size_bytes;
	return r;
}

int record_fenced(const struct pvb_disk_probe *p, struct pvb_err *e)
{
	struct pvb_disk_probe inner;
	const struct pvb_disk_ops *ops = record_unpack(p, &inner);

	return ops->fenced ? ops->fenced(&inner, e) : 1;
}
