/* SPDX-License-Identifier: MIT */
#include "kept.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <pvb/err.h>

#include "hyp/host.h"

static const char folder[] = "journal", unfinished[] = "new";

enum {
	PATH_BYTES = PVB_HOST_DIR_MAX + sizeof("/journal"),
	NAME_BYTES = 96, KIND_BYTES = 16,
};

/* ---- the folder ---------------------------------------------------------- */

static bool is_ours_alone(int fd, mode_t type)
{
	struct stat st;

	return fstat(fd, &st) == 0 && (st.st_mode & S_IFMT) == type &&
	       st.st_uid == geteuid() && (st.st_mode & 0077) == 0;
}

int pvb_kept_open(struct pvb_kept *k, const struct pvb_host *host,
                  struct pvb_err *e)
{
	char path[PATH_BYTES];
	int r;

	(void)snprintf(path, sizeof(path), "%s/%s", pvb_host_run_dir(host),
	               folder);
	k->dir = -1;
	if (mkdir(path, 0700) < 0 && errno != EEXIST)
		return pvb_err_set(e, -errno, "%s: %s", path, strerror(errno));
	k->dir = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (k->dir < 0)
		return pvb_err_set(e, -errno, "%s: %s", path, strerror(errno));
	if (is_ours_alone(k->dir, S_IFDIR))
		return 0;
	r = pvb_err_set(e, -EPERM, "%s: somebody else has rights there", path);
	pvb_kept_close(k);
	return r;
}

void pvb_kept_close(struct pvb_kept *k)
{
	if (k->dir >= 0)
		(void)close(k->dir);
	k->dir = -1;
}

/* ---- a file -------------------------------------------------------------- */

static void print_name(char out[NAME_BYTES], const struct pvb_xsdev *dev,
                       uint32_t queue, const char *what)
{
	(void)snprintf(out, NAME_BYTES, "%u-%.*s-%u.%u.%s",
	               (unsigned int)dev->front_domid, KIND_BYTES - 1,
	               dev->kind, dev->number, queue, what);
}

/* Whoever stores into a page for which there is no room any more dies of it. */
static int fill(int dir, int fd, size_t bytes, const char *name)
{
	int r = -posix_fallocate(fd, 0, (off_t)bytes);

	if (r == 0 && renameat(dir, unfinished, dir, name) < 0)
		r = -errno;
	return r;
}

int pvb_kept_make(const struct pvb_kept *k, const struct pvb_xsdev *dev,
                  uint32_t queue, const char *what, size_t bytes)
{
	char name[NAME_BYTES];
	int fd, r;

	if (k->dir < 0)
		return -ENOENT;
	print_name(name, dev, queue, what);
	(void)unlinkat(k->dir, unfinished, 0);
	fd = openat(k->dir, unfinished,
	            O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	r = fill(k->dir, fd, bytes, name);
	if (r == 0)
		return fd;
	(void)unlinkat(k->dir, unfinished, 0);
	(void)close(fd);                /* nothing in it to lose */
	return r;
}

int pvb_kept_find(const struct pvb_kept *k, const struct pvb_xsdev *dev,
                  uint32_t queue, const char *what)
{
	char name[NAME_BYTES];
	int fd;

	if (k->dir < 0)
		return -ENOENT;
	print_name(name, dev, queue, what);
	fd = openat(k->dir, name,
	            O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? -ENOENT : -EPERM;
	if (is_ours_alone(fd, S_IFREG))
		return fd;
	(void)close(fd);
	return -EPERM;
}

void pvb_kept_remove(const struct pvb_kept *k, const struct pvb_xsdev *dev,
                     uint32_t queue, const char *what)
{
	char name[NAME_BYTES];

	print_name(name, dev, queue, what);
	if (k->dir >= 0)
		(void)unlinkat(k->dir, name, 0);
}

/* ---- all of them --------------------------------------------------------- */

/* Is it a name of ours, of this kind? */
static bool parse(const char *name, const char *kind, uint16_t *domid,
                  uint32_t *number)
{
	unsigned int d, n;
	char found[KIND_BYTES];

	if (sscanf(name, "%5u-%15[a-z]-%10u.", &d, found, &n) != 3 ||
	    strcmp(found, kind) != 0 || d > PVB_XS_DOMID_MAX)
		return false;
	*domid = (uint16_t)d;
	*number = n;
	return true;
}

void pvb_kept_sweep(const struct pvb_kept *k, const char *kind,
                    bool (*is_there)(void *arg, uint16_t front_domid,
                                     uint32_t number), void *arg)
{
	int fd = k->dir < 0 ? -1 : openat(k->dir, ".", O_RDONLY | O_DIRECTORY |
	                                  O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;
	uint16_t domid;
	uint32_t number;

	if (!dir) {
		if (fd >= 0)
			(void)close(fd);
		return;
	}
	while ((entry = readdir(dir)))
		if (parse(entry->d_name, kind, &domid, &number) &&
		    !is_there(arg, domid, number))
			(void)unlinkat(k->dir, entry->d_name, 0);
	(void)closedir(dir);
}
