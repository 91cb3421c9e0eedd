/* SPDX-License-Identifier: MIT */
#include "workers_before.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <pvb/err.h>

#include "hyp/host.h"

/* The numbers that a worker expects descriptors at are below it. */
enum { BADGE_FD_LEAST = 16 };

static struct flock byte_of(uint16_t front_domid, int type)
{
	return (struct flock){
		.l_type = (short)type, .l_whence = SEEK_SET,
		.l_start = front_domid, .l_len = 1,
	};
}

/* 1: somebody has it. */
static int is_locked(int fd, uint16_t front_domid)
{
	struct flock lock = byte_of(front_domid, F_WRLCK);

	return fcntl(fd, F_OFD_GETLK, &lock) < 0 ? -errno
	                                         : lock.l_type != F_UNLCK;
}

int pvb_workers_before_init(struct pvb_workers_before *b,
                            const struct pvb_host *host, struct pvb_err *e)
{
	int r;

	memset(b, 0, sizeof(*b));
	b->fd = -1;
	if (asprintf(&b->path, "%s/workers", pvb_host_run_dir(host)) < 0) {
		b->path = NULL;
		return pvb_err_set(e, -ENOMEM, "out of memory");
	}
	b->fd = open(b->path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	r = b->fd < 0 ? -errno : is_locked(b->fd, 0);
	if (r >= 0)
		return 0;
	pvb_err_set(e, r, "%s: %s", b->path, strerror(-r));
	pvb_workers_before_fini(b);
	return r;
}

void pvb_workers_before_fini(struct pvb_workers_before *b)
{
	if (!b->path)
		return;
	if (b->fd >= 0)
		(void)close(b->fd);
	free(b->path);
	b->path = NULL;
}

bool pvb_workers_before_any(struct pvb_workers_before *b, uint16_t front_domid)
{
	uint8_t bit = (uint8_t)(1 << front_domid % 8);

	assert(front_domid <= PVB_XS_DOMID_MAX);
	if (b->gone[front_domid / 8] & bit)
		return false;
	if (is_locked(b->fd, front_domid) != 0)
		return true;
	b->gone[front_domid / 8] |= bit;
	return false;
}

/* Not by way of `path`: that may be another file by now. */
static int open_badge(const struct pvb_workers_before *b)
{
	char path[32];
	int fd, high;

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", b->fd);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	high = fcntl(fd, F_DUPFD_CLOEXEC, BADGE_FD_LEAST);
	if (high < 0)
		high = -errno;
	(void)close(fd);
	return high;
}

int pvb_workers_before_badge(struct pvb_workers_before *b,
                             uint16_t front_domid)
{
	struct flock lock = byte_of(front_domid, F_RDLCK);
	int r, fd;

	assert(!pvb_workers_before_any(b, front_domid));
	fd = open_badge(b);
	if (fd < 0 || fcntl(fd, F_OFD_SETLK, &lock) == 0)
		return fd;
	r = -errno;
	(void)close(fd);
	return r;
}
