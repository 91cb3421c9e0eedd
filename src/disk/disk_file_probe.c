/* SPDX-License-Identifier: MIT */
/*
 * The control half of file: from a path to a pinned inode and its facts.
 *
 * The descriptor that is kept is O_PATH: it pins the inode, can do no I/O
 * and holds no lock.  Whoever needs the file opens it afresh through it.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/fs.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <pvb/err.h>

#include "disk_file.h"
#include "options.h"

enum direct { DIRECT_AUTO, DIRECT_ON, DIRECT_OFF };

/* What the user asked for. */
struct wishes {
	uint32_t direct;                /* enum direct */
	bool sync, discard;
};

/* ---- opening -------------------------------------------------------- */

static int cannot_open(const struct pvb_disk_probe *p, int code,
                       struct pvb_err *e)
{
	bool read_only = p->info.read_only;

	switch (code) {
	case -EACCES:
	case -EPERM:
		return pvb_err_set(e, code, read_only
		                   ? "no permission to read it"
		                   : "no permission to write it");
	case -EROFS:
		return pvb_err_set(e, code, "can only be read: its file "
		                   "system or device is read-only");
	case -ENOMEDIUM:
		return pvb_err_set(e, code, "there is no medium in it");
	case -EBUSY:
		return pvb_err_set(e, code, "the device is mounted or used "
		                   "by another driver");
	case -ENOENT:
		return pvb_err_set(e, code, "cannot be opened anew: there is "
		                   "no /proc here");
	default:
		return pvb_err_set(e, code, "cannot be opened: %s",
		                   strerror(-code));
	}
}

int file_open_pinned(const struct pvb_disk_probe *p, int flags)
{
	char path[32];
	int fd;

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", p->fds[0]);
	fd = open(path, flags | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

/*
 * As for I/O.  One that writes a block device alone claims it, as a mount
 * does; the claim lasts as long as the description.
 */
static int open_for_io(const struct pvb_disk_probe *p,
                       const struct file_how *how)
{
	int flags = how->direct ? O_DIRECT : 0;

	if (p->info.read_only)
		return file_open_pinned(p, flags | O_RDONLY);
	if (how->block_device && !(p->flags & PVB_DISK_SHARED))
		flags |= O_EXCL;
	return file_open_pinned(p, flags | O_RDWR);
}

int file_reopen(const struct pvb_disk_probe *p, int fds[PVB_DISK_FDS_MAX],
                struct pvb_err *e)
{
	struct file_how how;
	int fd;

	assert(p->blob_bytes == sizeof(how));
	memcpy(&how, p->blob, sizeof(how));
	fd = open_for_io(p, &how);
	if (fd < 0)
		return cannot_open(p, fd, e);
	fds[0] = fd;
	return 1;
}

static int cannot_reach(int code, struct pvb_err *e)
{
	if (code == -ENOENT)
		return pvb_err_set(e, code, "there is no such file");
	if (code == -EACCES)
		return pvb_err_set(e, code, "no permission to reach it");
	return pvb_err_set(e, code, "%s", strerror(-code));
}

static int check_kind(const struct stat *st, struct pvb_err *e)
{
	switch (st->st_mode & S_IFMT) {
	case S_IFREG:
	case S_IFBLK:
		return 0;
	case S_IFDIR:
		return pvb_err_set(e, -EISDIR,
		                   "is a directory, not a disk image");
	case S_IFIFO:
		return pvb_err_set(e, -EINVAL, "is a FIFO, not a disk image");
	case S_IFSOCK:
		return pvb_err_set(e, -EINVAL,
		                   "is a socket, not a disk image");
	case S_IFCHR:
		return pvb_err_set(e, -EINVAL, "is a character device; "
		                   "a disk is a block device");
	default:
		return pvb_err_set(e, -EINVAL, "is no file");
	}
}

/* Keep hold of what the path names now. */
static int pin(const char *path, struct pvb_disk_probe *out, struct stat *st,
               struct pvb_err *e)
{
	int fd;

	if (!*path)
		return pvb_err_set(e, -EINVAL, "no path is given");
	fd = open(path, O_PATH | O_CLOEXEC);
	if (fd < 0)
		return cannot_reach(-errno, e);
	out->fds[0] = fd;
	out->nfds = 1;
	if (fstat(fd, st) < 0)
		return cannot_reach(-errno, e);
	return check_kind(st, e);
}

/* ---- facts ---------------------------------------------------------- */

/* Sector sizes, before the options have their say. */
static int ask_sectors(int fd, const struct file_how *how,
                       struct pvb_disk_info *info, struct pvb_err *e)
{
	unsigned int physical = 0;
	int logical = 0, read_only = 0;

	info->sector_size_bytes = 512;
	info->physical_size_bytes = 4096;
	if (!how->block_device)
		return 0;
	if (ioctl(fd, BLKSSZGET, &logical) < 0 ||
	    ioctl(fd, BLKPBSZGET, &physical) < 0 ||
	    ioctl(fd, BLKROGET, &read_only) < 0)
		return pvb_err_set(e, -errno, "does not tell its geometry: %s",
		                   strerror(errno));
	/* What is only read is read by any part, through the page cache. */
	if (logical > 512 && logical < 4096 && info->read_only)
		logical = 512;
	if (logical != 512 && logical != 4096)
		return pvb_err_set(e, -EINVAL, "has sectors of %d bytes; only "
		                   "512 and 4096 can be written", logical);
	if (read_only && !info->read_only)
		return pvb_err_set(e, -EROFS, "can only be read: the device "
		                   "is read-only");
	info->sector_size_bytes = (uint32_t)logical;
	info->physical_size_bytes = physical;
	return 0;
}

static int set_sector_size(struct pvb_uri *uri, struct pvb_disk_info *info,
                           struct pvb_err *e)
{
	uint32_t least = info->sector_size_bytes;
	int r = pvb_disk_opt_sector_size(uri, &info->sector_size_bytes, e);

	if (r < 0)
		return r;
	if (info->sector_size_bytes < least)
		return pvb_err_set(e, -EINVAL, "the device's sectors have "
		                   "%" PRIu32 " bytes, not %" PRIu32, least,
		                   info->sector_size_bytes);
	if (info->physical_size_bytes < info->sector_size_bytes)
		info->physical_size_bytes = info->sector_size_bytes;
	return 0;
}

static int set_size(struct pvb_uri *uri, int fd, struct file_how *how,
                    struct pvb_disk_info *info, struct pvb_err *e)
{
	const char *wanted = pvb_uri_option(uri, "size");
	int r = file_size(fd, &info->size_bytes);

	if (r < 0)
		return pvb_err_set(e, r, "cannot tell its size: %s",
		                   strerror(-r));
	if (info->size_bytes == 0)
		return pvb_err_set(e, -ENOMEDIUM,
		                   "is empty: a disk has at least one sector");
	if (!wanted)
		return pvb_disk_size_check(info->size_bytes,
		                           info->sector_size_bytes, e);
	if (!pvb_parse_size(wanted, &how->fixed_size_bytes) ||
	    how->fixed_size_bytes == 0)
		return pvb_err_set(e, -EINVAL, "option size=%s is not a size "
		                   "such as 64M", wanted);
	if (how->fixed_size_bytes > info->size_bytes)
		return pvb_err_set(e, -EINVAL, "has only %" PRIu64 " bytes, "
		                   "less than size=%s", info->size_bytes,
		                   wanted);
	info->size_bytes = how->fixed_size_bytes;
	return pvb_disk_size_check(info->size_bytes, info->sector_size_bytes,
	                           e);
}

/* A hole far behind the end changes nothing and tells if holes can be made.
   Only "no" counts. */
static bool can_punch(int fd, uint64_t size_bytes)
{
	uint64_t far = size_bytes + (UINT64_C(1) << 30);

	return fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
	                 (off_t)(far & ~UINT64_C(4095)), 4096) == 0 ||
	       errno != EOPNOTSUPP;
}

/* A range that cannot be, so that nothing is erased: that is seen after it was
   seen whether there is anything to erase with.  (Before Linux 5.19 only when
   something is really erased: who asks for it hears it then.) */
static bool can_erase(int fd)
{
	uint64_t range[2] = { 1, 1 };

	return ioctl(fd, BLKSECDISCARD, range) < 0 && errno == EINVAL;
}

static void ask_discard(int fd, const struct stat *st,
                        const struct wishes *wishes, const struct file_how *how,
                        struct pvb_disk_info *info)
{
	dev_t device = st->st_rdev;

	if (!wishes->discard || info->read_only)
		return;
	info->discard_granularity_bytes = (uint32_t)st->st_blksize;
	if (!how->block_device) {
		info->discard = can_punch(fd, info->size_bytes);
		return;
	}
	info->discard = file_sysfs_number(device, "queue/discard_max_bytes",
	                                  0) > 0;
	info->discard_secure = info->discard && can_erase(fd);
	info->discard_granularity_bytes = (uint32_t)file_sysfs_number(
		device, "queue/discard_granularity", info->sector_size_bytes);
	info->discard_alignment_bytes = (uint32_t)file_sysfs_number(
		device, "discard_alignment", 0);
}

static int ask_everything(struct pvb_uri *uri, int fd, const struct stat *st,
                          const struct wishes *wishes, struct file_how *how,
                          struct pvb_disk_info *info, struct pvb_err *e)
{
	int r = ask_sectors(fd, how, info, e);

	if (r == 0)
		r = set_sector_size(uri, info, e);
	if (r == 0)
		r = set_size(uri, fd, how, info, e);
	if (r < 0)
		return r;
	ask_discard(fd, st, wishes, how, info);
	info->rotational = file_sysfs_number(how->block_device ? st->st_rdev
	                                     : st->st_dev,
	                                     "queue/rotational", 0) == 1;
	info->flush = info->fua = info->zero = true;
	info->depth_max = FILE_DEPTH;
	info->iov_max = FILE_IOV_MAX;
	info->io_max_bytes = FILE_IO_MAX_BYTES;
	return 0;
}

/* ---- O_DIRECT ------------------------------------------------------- */

/* Set how->direct: where the file system allows it and its unit is not
   larger than a sector. */
static int settle_direct(const struct pvb_disk_probe *p, uint32_t wish,
                         struct file_how *how, struct pvb_err *e)
{
	bool works;
	int fd;

	if (wish == DIRECT_OFF)
		return 0;
	fd = file_open_pinned(p, O_DIRECT | O_RDONLY);
	works = fd >= 0 && file_direct_alignment(fd, how);
	if (fd >= 0)
		(void)close(fd);        /* only asked */
	if (works && how->offset_align <= p->info.sector_size_bytes)
		how->direct = 1;
	else if (wish == DIRECT_ON && works)
		return pvb_err_set(e, -EINVAL, "direct=on needs sectors of "
		                   "%" PRIu32 " bytes here: add sector-size",
		                   how->offset_align);
	else if (wish == DIRECT_ON)
		return pvb_err_set(e, -EINVAL, "direct=on: its file system "
		                   "has no direct I/O");
	return 0;
}

/* ---- probing -------------------------------------------------------- */

static int read_options(struct pvb_uri *uri, struct wishes *w,
                        struct pvb_err *e)
{
	static const char *const direct[] = { "auto", "on", "off", NULL };
	int r;

	*w = (struct wishes){ .direct = DIRECT_AUTO, .discard = true };
	r = pvb_disk_opt_choice(uri, "direct", direct, &w->direct, e);
	if (r == 0)
		r = pvb_disk_opt_bool(uri, "sync", &w->sync, e);
	if (r == 0)
		r = pvb_disk_opt_bool(uri, "discard", &w->discard, e);
	return r;
}

int file_probe(struct pvb_uri *uri, uint32_t flags,
               struct pvb_disk_probe *out, struct pvb_err *e)
{
	struct file_how how = { .version = FILE_HOW_VERSION,
	                        .memory_align = 1, .offset_align = 1 };
	struct wishes wishes;
	struct stat st;
	int r, fd;

	out->info.read_only = flags & PVB_DISK_READ_ONLY;
	r = read_options(uri, &wishes, e);
	if (r == 0)
		r = pin(uri->body, out, &st, e);
	if (r < 0)
		return r;
	how.block_device = S_ISBLK(st.st_mode);
	how.sync = wishes.sync;
	how.remote = !how.block_device && file_is_remote(out->fds[0]);
	/* As later for I/O, but through the page cache: so what is refused
	   is refused here and now. */
	fd = open_for_io(out, &how);
	if (fd < 0)
		return cannot_open(out, fd, e);
	r = ask_everything(uri, fd, &st, &wishes, &how, &out->info, e);
	(void)close(fd);                /* nothing was written by it */
	if (r == 0)
		r = settle_direct(out, wishes.direct, &how, e);
	if (r < 0)
		return r;
	out->blob_bytes = sizeof(how);
	memcpy(out->blob, &how, sizeof(how));
	return 0;
}

int file_reprobe(struct pvb_disk_probe *p, struct pvb_err *e)
{
	struct file_how how;
	uint64_t size = 0;
	int r, fd;

	assert(p->blob_bytes == sizeof(how));
	memcpy(&how, p->blob, sizeof(how));
	fd = file_open_pinned(p, O_RDONLY);
	if (fd < 0)
		return cannot_open(p, fd, e);
	r = file_size(fd, &size);
	(void)close(fd);                /* only asked */
	if (r < 0)
		return pvb_err_set(e, r, "cannot tell its size: %s",
		                   strerror(-r));
	if (size < p->info.size_bytes)
		return pvb_err_set(e, -EINVAL, "has shrunk from %" PRIu64
		                   " to %" PRIu64 " bytes",
		                   p->info.size_bytes, size);
	if (how.fixed_size_bytes)
		return 0;
	r = pvb_disk_size_check(size, p->info.sector_size_bytes, e);
	if (r == 0)
		p->info.size_bytes = size;
	return r;
}
