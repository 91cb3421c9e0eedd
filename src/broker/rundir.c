/* SPDX-License-Identifier: MIT */
#include "rundir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <pvb/err.h>

#include "listener.h"

static const char lock_name[] = "lock";

enum {
	LOCK_TRIES = 16,
	LONGEST_BYTES = sizeof("/dom32751/store") - 1,  /* below the
	                                                   directory */
};

/* The directory above, which is everybody's: /run/pvb after a boot.  False:
   errno says why not. */
static bool make_parent(struct pvb_rundir *d)
{
	char *slash = strrchr(d->path, '/');

	errno = ENOENT;
	if (!slash || slash == d->path)
		return false;
	*slash = '\0';
	d->parent_made = mkdir(d->path, 0755) == 0;
	*slash = '/';
	return d->parent_made || errno == EEXIST;
}

static int open_dir(struct pvb_rundir *d, struct pvb_err *e)
{
	d->made = mkdir(d->path, 0700) == 0;
	if (!d->made && errno == ENOENT && make_parent(d))
		d->made = mkdir(d->path, 0700) == 0;
	if (!d->made && errno != EEXIST)
		return pvb_err_set(e, -errno, "%s: cannot make the directory: "
		                   "%s", d->path, strerror(errno));
	d->fd = open(d->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (d->fd >= 0)
		return 0;
	return pvb_err_set(e, -errno, "%s: %s", d->path, strerror(errno));
}

/* The lock's file as it is now, locked; -EAGAIN: it was just taken away. */
static int try_lock(struct pvb_rundir *d)
{
	struct stat ours, there;
	int err, fd = openat(d->fd, lock_name,
	                     O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0)
		return -errno;
	if (flock(fd, LOCK_EX | LOCK_NB) < 0)
		err = errno == EWOULDBLOCK ? -EBUSY : -errno;
	else if (fstat(fd, &ours) < 0)
		err = -errno;
	else if (fstatat(d->fd, lock_name, &there, AT_SYMLINK_NOFOLLOW) < 0)
		err = errno == ENOENT ? -EAGAIN : -errno;
	else if (ours.st_ino != there.st_ino || ours.st_dev != there.st_dev)
		err = -EAGAIN;
	else
		return fd;
	(void)close(fd);
	return err;
}

static int lock_dir(struct pvb_rundir *d, struct pvb_err *e)
{
	int fd = -EAGAIN;

	/* Its owner takes the file away when it leaves, locked until then. */
	for (int i = 0; i < LOCK_TRIES && fd == -EAGAIN; i++)
		fd = try_lock(d);
	if (fd == -EBUSY)
		return pvb_err_set(e, fd, "%s: another local hypervisor runs "
		                   "there", d->path);
	if (fd < 0)
		return pvb_err_set(e, fd, "%s/%s: %s", d->path, lock_name,
		                   strerror(-fd));
	d->lock = fd;
	return 0;
}

/* "dom" and a number, as we name them. */
static bool is_domain_folder(const char *name)
{
	size_t digits;

	if (strncmp(name, "dom", 3) != 0)
		return false;
	digits = strspn(name + 3, "0123456789");
	return digits > 0 && digits <= 5 && name[3 + digits] == '\0';
}

static void clear_folder(int dir, const char *name)
{
	int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW |
	                O_CLOEXEC);

	if (fd < 0)
		return;
	(void)unlinkat(fd, "hyp", 0);
	(void)unlinkat(fd, "store", 0);
	(void)close(fd);
	(void)unlinkat(dir, name, AT_REMOVEDIR);
}

/* What its backend daemon has kept of domains, for another one; "1-pvb-51712"
   and so on. */
static void clear_kept(int dir)
{
	int fd = openat(dir, "journal", O_RDONLY | O_DIRECTORY | O_NOFOLLOW |
	                O_CLOEXEC);
	DIR *kept = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;

	while (kept && (entry = readdir(kept)))
		if (strspn(entry->d_name, "0123456789") > 0 ||
		    strcmp(entry->d_name, "new") == 0)
			(void)unlinkat(fd, entry->d_name, 0);
	if (kept)
		(void)closedir(kept);
	else if (fd >= 0)
		(void)close(fd);
	(void)unlinkat(dir, "journal", AT_REMOVEDIR);
	(void)unlinkat(dir, "workers", 0);
}

/* What is left of one that was killed.  What cannot be removed stays; its
   socket will be replaced, or the domain refused. */
static void clear_leftovers(struct pvb_rundir *d)
{
	int fd = openat(d->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;

	if (!dir) {
		if (fd >= 0)
			(void)close(fd);
		return;
	}
	while ((entry = readdir(dir)))
		if (is_domain_folder(entry->d_name))
			clear_folder(d->fd, entry->d_name);
	(void)closedir(dir);
	(void)unlinkat(d->fd, "hyp", 0);
	(void)unlinkat(d->fd, "store", 0);
	clear_kept(d->fd);
}

int pvb_rundir_open(struct pvb_rundir *d, const char *path, struct pvb_err *e)
{
	size_t length = strlen(path);
	int r;

	*d = (struct pvb_rundir){ .fd = -1, .lock = -1 };
	while (length > 1 && path[length - 1] == '/')
		length--;
	if (length == 0)
		return pvb_err_set(e, -ENOENT, "the local hypervisor's "
		                   "directory has an empty name");
	if (length + LONGEST_BYTES > PVB_LISTENER_PATH_MAX)
		return pvb_err_set(e, -ENAMETOOLONG, "%.*s: socket paths in it "
		                   "would be too long: its own path may have "
		                   "%d bytes", (int)length, path,
		                   PVB_LISTENER_PATH_MAX - LONGEST_BYTES);
	d->path = strndup(path, length);
	if (!d->path)
		return pvb_err_set(e, -ENOMEM, "out of memory");
	r = open_dir(d, e);
	if (r == 0)
		r = lock_dir(d, e);
	if (r == 0) {
		clear_leftovers(d);
		return 0;
	}
	pvb_rundir_close(d);
	return r;
}

void pvb_rundir_close(struct pvb_rundir *d)
{
	if (d->lock >= 0) {
		clear_kept(d->fd);
		(void)unlinkat(d->fd, lock_name, 0);
		(void)close(d->lock);
	}
	if (d->fd >= 0)
		(void)close(d->fd);
	/* Not empty, if somebody else put something there: then it stays. */
	if (d->made)
		(void)rmdir(d->path);
	if (d->parent_made) {
		*strrchr(d->path, '/') = '\0';
		(void)rmdir(d->path);
	}
	free(d->path);
	*d = (struct pvb_rundir){ .fd = -1, .lock = -1 };
}
