/* SPDX-License-Identifier: MIT */
#include "sole.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <pvb/err.h>

#include "hyp/host.h"

enum { TRIES = 400, PAUSE_MS = 5 };
enum { PATH_BYTES = PVB_HOST_DIR_MAX + sizeof("/serve.lock") };

static void path_of(const struct pvb_host *host, char out[PATH_BYTES])
{
	(void)snprintf(out, PATH_BYTES, "%s/serve.lock",
	               pvb_host_run_dir(host));
}

static int open_file(const struct pvb_host *host, const char *path)
{
	const int flags = O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW;
	int fd = open(path, flags, 0600);

	/* Xen's is made by whoever comes first. */
	if (fd < 0 && errno == ENOENT &&
	    mkdir(pvb_host_run_dir(host), 0755) == 0)
		fd = open(path, flags, 0600);
	return fd < 0 ? -errno : fd;
}

/* 0, -EAGAIN (the file was just taken away), -EBUSY, -errno. */
static int lock_file(int fd, const char *path)
{
	struct stat ours, there;

	if (flock(fd, LOCK_EX | LOCK_NB) < 0)
		return errno == EWOULDBLOCK ? -EBUSY : -errno;
	if (fstat(fd, &ours) < 0)
		return -errno;
	if (lstat(path, &there) < 0)
		return errno == ENOENT ? -EAGAIN : -errno;
	return ours.st_ino == there.st_ino && ours.st_dev == there.st_dev
	               ? 0 : -EAGAIN;
}

static int write_pid(int fd)
{
	if (ftruncate(fd, 0) < 0 || dprintf(fd, "%ld\n", (long)getpid()) < 0)
		return -errno;
	return 0;
}

/* 0: it has not said yet. */
static long read_pid(int fd)
{
	char text[24];
	ssize_t n = pread(fd, text, sizeof(text) - 1, 0);

	text[n > 0 ? n : 0] = '\0';
	return strtol(text, NULL, 10);
}

/* A child that it was just making may have the lock, too, until it is another
   program.  That is soon. */
static bool holder_is_dead(long pid)
{
	const struct timespec pause = { 0, PAUSE_MS * 1000000L };

	if (pid <= 0 || kill((pid_t)pid, 0) == 0 || errno != ESRCH)
		return false;
	(void)nanosleep(&pause, NULL);  /* woken early: tries again early */
	return true;
}

static int refuse(int code, long pid, const char *path, struct pvb_err *e)
{
	if (code == -EBUSY && pid > 0)
		return pvb_err_set(e, code, "another pvb serve (process %ld) "
		                   "serves this host", pid);
	if (code == -EBUSY)
		return pvb_err_set(e, code,
		                   "another pvb serve serves this host");
	return pvb_err_set(e, code, "%s: %s", path, strerror(-code));
}

int pvb_sole_take(const struct pvb_host *host, struct pvb_err *e)
{
	char path[PATH_BYTES];
	long pid = 0;
	int r = -EAGAIN, fd = -1;

	path_of(host, path);
	for (int i = 0; r == -EAGAIN && i < TRIES; i++) {
		fd = open_file(host, path);
		if (fd < 0)
			return refuse(fd, 0, path, e);
		r = lock_file(fd, path);
		if (r == 0)
			r = write_pid(fd);
		if (r == 0)
			return fd;
		pid = read_pid(fd);
		(void)close(fd);
		if (r == -EBUSY && holder_is_dead(pid))
			r = -EAGAIN;
	}
	return refuse(r == -EAGAIN ? -EBUSY : r, pid, path, e);
}

void pvb_sole_drop(const struct pvb_host *host, int fd)
{
	char path[PATH_BYTES];

	if (fd < 0)
		return;
	/* While it is still locked: so it is no other's. */
	path_of(host, path);
	(void)unlink(path);
	(void)close(fd);
}
