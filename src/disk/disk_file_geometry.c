/* SPDX-License-Identifier: MIT */
/*
 * What the kernel says of an open file or block device.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/checked.h"

#include "disk_file.h"

enum { ALIGN_MAX = 4096 };

int file_size(int fd, uint64_t *out)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISBLK(st.st_mode)) {
		*out = (uint64_t)st.st_size;
		return 0;
	}
	return ioctl(fd, BLKGETSIZE64, out) < 0 ? -errno : 0;
}

/* Older kernels do not tell: see what a read at this alignment gives. */
static bool try_alignment(int fd, uint32_t align)
{
	unsigned char *memory = aligned_alloc(ALIGN_MAX, 2 * ALIGN_MAX);
	ssize_t r = -1;

	if (!memory)
		return false;
	/* At an odd multiple, where only this alignment or a smaller fits. */
	r = pread(fd, memory + align, align, align == ALIGN_MAX ? 0 : align);
	free(memory);
	return r >= 0;
}

bool file_direct_alignment(int fd, struct file_how *how)
{
#ifdef STATX_DIOALIGN
	struct statx sx;

	if (statx(fd, "", AT_EMPTY_PATH, STATX_DIOALIGN, &sx) == 0 &&
	    (sx.stx_mask & STATX_DIOALIGN)) {
		how->memory_align = sx.stx_dio_mem_align;
		how->offset_align = sx.stx_dio_offset_align;
		return pvb_is_pow2(how->memory_align) &&
		       pvb_is_pow2(how->offset_align) &&
		       how->memory_align <= ALIGN_MAX &&
		       how->offset_align <= ALIGN_MAX;
	}
#endif
	for (uint32_t align = 512; align <= ALIGN_MAX; align *= 8) {
		if (!try_alignment(fd, align))
			continue;
		how->memory_align = how->offset_align = align;
		return true;
	}
	return false;
}

static bool read_number(const char *path, uint64_t *out)
{
	char text[32];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return false;
	n = read(fd, text, sizeof(text) - 1);
	(void)close(fd);                /* only read from */
	if (n <= 0)
		return false;
	text[n] = '\0';
	return sscanf(text, "%" SCNu64, out) == 1;
}

uint64_t file_sysfs_number(dev_t device, const char *name, uint64_t otherwise)
{
	char path[128];
	uint64_t n;

	/* A partition has no queue of its own: its disk is one up. */
	for (int up = 0; up < 2; up++) {
		(void)snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/%s%s",
		               major(device), minor(device), up ? "../" : "",
		               name);
		if (read_number(path, &n))
			return n;
	}
	return otherwise;
}
