/* SPDX-License-Identifier: MIT */
/*
 * Who may have the file open together with whom, and when the I/O of somebody
 * who is dead is over.
 *
 * A lane locks bytes of the file, far behind any data, on the very open file
 * description that it does its I/O with.  Each request that is with the kernel
 * holds that description, and the locks go with the last who does: so they
 * stand until the last request is over, even when the process is dead long
 * before, as it is with io_uring and direct I/O.  Nobody else may have a copy
 * of the description, then; who comes next opens the file anew.
 *
 * One byte guards sharing.  Another, of very many, is the fence of this use of
 * the disk.  It is locked as by a reader, for a descriptor that only reads can
 * have no other lock; who asks whether it is free does so as a writer would,
 * which any descriptor may ask.
 *
 * Block devices are locked the same way; everybody has to use the same device
 * node for that.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <pvb/err.h>

#include "disk_file.h"

/* Guards sharing: held exclusively by one that writes alone. */
#define LOCK_SHARING ((off_t)1 << 62)
/* The fences, from the next page on to the end of what can be locked. */
#define LOCK_FENCES (LOCK_SHARING + 4096)
#define FENCES (((uint64_t)1 << 62) - 4096)

static struct flock one_byte(off_t at, int type)
{
	return (struct flock){
		.l_type = (short)type, .l_whence = SEEK_SET,
		.l_start = at, .l_len = 1,
	};
}

static off_t fence_at(uint64_t fence)
{
	return LOCK_FENCES + (off_t)(fence % FENCES);
}

/* ---- a lane -------------------------------------------------------------- */

/* Why the lock could not be had, for a person. */
static int locked_out(int fd, struct flock *lock, struct pvb_err *e)
{
	bool writer = true;

	if (fcntl(fd, F_OFD_GETLK, lock) == 0)
		writer = lock->l_type == F_WRLCK;
	return pvb_err_set(e, -EBUSY, writer
	                   ? "another process has it open for writing"
	                   : "another process has it open");
}

static int cannot_lock(int code, struct pvb_err *e)
{
	return pvb_err_set(e, code, "cannot lock it against other writers "
	                   "(%s)", strerror(-code));
}

static int lock_sharing(const struct file_lane *f, bool shared,
                        struct pvb_err *e)
{
	struct flock lock = one_byte(LOCK_SHARING,
		shared || f->disk.info.read_only ? F_RDLCK : F_WRLCK);

	if (fcntl(f->fd, F_OFD_SETLK, &lock) == 0)
		return 0;
	if (errno == EAGAIN || errno == EACCES)
		return locked_out(f->fd, &lock, e);
	/* A file system without locks guards nothing; those who share the
	   disk anyway have been told to look after themselves. */
	return shared ? 0 : cannot_lock(-errno, e);
}

static int lock_fence(const struct file_lane *f, uint64_t fence,
                      struct pvb_err *e)
{
	struct flock lock = one_byte(fence_at(fence), F_RDLCK);
	struct flock asked = one_byte(fence_at(fence), F_WRLCK);
	int r;

	if (fence == 0 || fcntl(f->fd, F_OFD_SETLK, &lock) == 0)
		return 0;
	r = -errno;
	/* Where nobody can ask, nobody will take that for an end of our I/O. */
	return fcntl(f->fd, F_OFD_GETLK, &asked) < 0 ? 0 : cannot_lock(r, e);
}

int file_lock(const struct file_lane *f, const struct pvb_disk_probe *p,
              struct pvb_err *e)
{
	/* In this order: where the one stands the other does, too, so nobody is
	   told that we are gone and then finds us in the way. */
	int r = lock_fence(f, p->fence, e);

	return r < 0 ? r : lock_sharing(f, p->flags & PVB_DISK_SHARED, e);
}

/* ---- control ------------------------------------------------------------- */

bool file_is_remote(int fd)
{
	static const uint32_t remote[] = {
		NFS_SUPER_MAGIC, SMB_SUPER_MAGIC, SMB2_SUPER_MAGIC,
		CIFS_SUPER_MAGIC, CEPH_SUPER_MAGIC, V9FS_MAGIC,
		AFS_SUPER_MAGIC, AFS_FS_MAGIC, CODA_SUPER_MAGIC,
		OCFS2_SUPER_MAGIC,
	};
	struct statfs fs;

	if (fstatfs(fd, &fs) < 0)
		return false;
	for (size_t i = 0; i < sizeof(remote) / sizeof(*remote); i++)
		if ((uint32_t)fs.f_type == remote[i])
			return true;
	return false;
}

int file_fenced(const struct pvb_disk_probe *p, struct pvb_err *e)
{
	struct flock lock = one_byte(fence_at(p->fence), F_WRLCK);
	struct file_how how;
	int fd, r;

	assert(p->blob_bytes == sizeof(how) && p->fence != 0);
	memcpy(&how, p->blob, sizeof(how));
	if (how.remote)
		return pvb_err_set(e, -EOPNOTSUPP, "on a network file system "
		                   "it cannot be told when writes are over");
	fd = file_open_pinned(p, O_RDONLY);
	if (fd < 0)
		return pvb_err_set(e, fd, "cannot be opened: %s",
		                   strerror(-fd));
	r = fcntl(fd, F_OFD_GETLK, &lock) < 0 ? -errno
	                                      : lock.l_type == F_UNLCK;
	(void)close(fd);                /* only asked */
	return r < 0 ? pvb_err_set(e, r, "its file system has no locks, so it "
	                           "cannot be told when writes are over")
	             : r;
}
