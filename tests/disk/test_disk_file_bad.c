/* SPDX-License-Identifier: MIT */
/*
 * What is no disk image, or cannot be opened, is refused in words that say
 * what is wrong.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "images.h"
#include "open_fds.h"

enum { NOBODY = 65534 };

static int probe(const char *uri, uint32_t flags, struct pvb_err *e)
{
	const struct pvb_disk_ops *ops;
	struct pvb_disk_probe p;
	int r = pvb_disk_probe(pvb_disk_basic, uri, flags, &p, &ops, e);

	pvb_disk_probe_fini(&p);
	return r;
}

static void expect_flags(const char *uri, uint32_t flags, int code,
                         const char *sentence)
{
	struct pvb_err e = PVB_ERR_INIT;
	int before = open_fds();

	assert_int_equal(probe(uri, flags, &e), code);
	assert_int_equal(e.code, code);
	assert_string_equal(e.text, sentence);
	assert_int_equal(open_fds(), before);
}

static void expect(const char *uri, int code, const char *sentence)
{
	expect_flags(uri, 0, code, sentence);
}

static void a_missing_image(void **state)
{
	(void)state;
	expect("none", -ENOENT, "none: there is no such file");
	expect("file:none", -ENOENT, "file:none: there is no such file");
	expect("none/none", -ENOENT, "none/none: there is no such file");
	expect("file:", -EINVAL, "file:: no path is given");
}

static void an_empty_image(void **state)
{
	(void)state;
	image_make("empty", 0);
	expect("empty", -ENOMEDIUM,
	       "empty: is empty: a disk has at least one sector");
}

static void a_size_that_is_no_disks(void **state)
{
	(void)state;
	image_make("odd", 1000);
	expect("odd", -EINVAL, "odd: its size of 1000 bytes is not a multiple "
	       "of 512");
	image_make("half", 4096 + 512);
	expect("file:half?sector-size=4096", -EINVAL,
	       "file:half?sector-size=4096: its size of 4608 bytes is not a "
	       "multiple of 4096");
	assert_int_equal(probe("half", 0, NULL), 0);
}

static void a_directory(void **state)
{
	(void)state;
	assert_int_equal(mkdir("dir", 0700), 0);
	expect("dir", -EISDIR, "dir: is a directory, not a disk image");
	expect(".", -EISDIR, ".: is a directory, not a disk image");
}

static void a_file_in_place_of_a_directory(void **state)
{
	(void)state;
	image_make("disk", 512);
	expect("disk/x", -ENOTDIR, "disk/x: Not a directory");
}

static void things_that_are_no_disks(void **state)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX,
	                          .sun_path = "socket" };
	int s = socket(AF_UNIX, SOCK_STREAM, 0);

	(void)state;
	assert_int_equal(mkfifo("fifo", 0600), 0);
	expect("fifo", -EINVAL, "fifo: is a FIFO, not a disk image");
	assert_int_equal(bind(s, (struct sockaddr *)&at, sizeof(at)), 0);
	expect("socket", -EINVAL, "socket: is a socket, not a disk image");
	(void)close(s);
	expect("/dev/null", -EINVAL, "/dev/null: is a character device; a "
	       "disk is a block device");
}

static void a_link_to_itself(void **state)
{
	(void)state;
	assert_int_equal(symlink("round", "round"), 0);
	expect("round", -ELOOP, "round: Too many levels of symbolic links");
}

static void a_control_character_in_a_name(void **state)
{
	(void)state;
	expect("a\nb\033[2J", -ENOENT, "a?b?[2J: there is no such file");
}

static void options_that_mean_nothing(void **state)
{
	(void)state;
	image_make("disk", 1 << 20);
	expect("file:disk?cache=none", -EINVAL,
	       "file:disk?cache=none: file: has no option \"cache\"");
	expect("file:disk?direct=maybe", -EINVAL, "file:disk?direct=maybe: "
	       "option direct=maybe is none of auto, on, off");
	expect("file:disk?sync=1", -EINVAL, "file:disk?sync=1: option sync=1 "
	       "is none of off, on");
	expect("file:disk?sector-size=1024", -EINVAL,
	       "file:disk?sector-size=1024: option sector-size=1024 is none "
	       "of 512, 4096");
	expect("file:disk?size=big", -EINVAL, "file:disk?size=big: option "
	       "size=big is not a size such as 64M");
	expect("file:disk?size=0", -EINVAL, "file:disk?size=0: option size=0 "
	       "is not a size such as 64M");
	expect("file:disk?size=2M", -EINVAL, "file:disk?size=2M: has only "
	       "1048576 bytes, less than size=2M");
	expect("file:disk?size=1000", -EINVAL, "file:disk?size=1000: its size "
	       "of 1000 bytes is not a multiple of 512");
	expect("file:disk?direct=on&direct=off", -EINVAL,
	       "file:disk?direct=on&direct=off: option \"direct\" is given "
	       "twice");
}

/* Run as a user who may do nothing; the exit status counts what is wrong. */
static void as_nobody(int (*run)(void))
{
	int status;
	pid_t pid;

	if (geteuid() != 0) {
		assert_int_equal(run(), 0);
		return;
	}
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		/* A process that changed its user may not look at its own
		   /proc/self/fd unless it says so. */
		if (setgid(NOBODY) < 0 || setuid(NOBODY) < 0 ||
		    prctl(PR_SET_DUMPABLE, 1) < 0)
			_exit(99);
		_exit(run());
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static int is_refused(const char *uri, uint32_t flags, const char *sentence)
{
	struct pvb_err e = PVB_ERR_INIT;

	return probe(uri, flags, &e) != -EACCES || strcmp(e.text, sentence);
}

/* By a handle of the working directory: nobody may not walk to it. */
static int try_forbidden(void)
{
	return is_refused("secret", 0, "secret: no permission to write it") +
	       is_refused("secret", PVB_DISK_READ_ONLY,
	                  "secret: no permission to read it") +
	       is_refused("public", 0, "public: no permission to write it") +
	       (probe("public", PVB_DISK_READ_ONLY, NULL) != 0) +
	       is_refused("closed/disk", 0,
	                  "closed/disk: no permission to reach it");
}

static void no_permission(void **state)
{
	(void)state;
	image_make("secret", 1 << 20);
	image_make("public", 1 << 20);
	assert_int_equal(chmod("secret", 0), 0);
	assert_int_equal(chmod("public", 0444), 0);
	assert_int_equal(mkdir("closed", 0700), 0);
	image_make("closed/disk", 1 << 20);
	assert_int_equal(chmod("closed", 0), 0);
	as_nobody(try_forbidden);
	assert_int_equal(chmod("closed", 0700), 0);
}

static void a_read_only_file_system(void **state)
{
	(void)state;
	assert_int_equal(mkdir("fs", 0700), 0);
	if (mount("none", "fs", "tmpfs", 0, "size=1m") < 0) {
		print_message("nothing can be mounted here: %s\n",
		              strerror(errno));
		skip();
	}
	image_make("fs/disk", 1 << 20);
	assert_int_equal(mount("none", "fs", NULL, MS_REMOUNT | MS_RDONLY,
	                       NULL), 0);
	expect("fs/disk", -EROFS, "fs/disk: can only be read: its file system "
	       "or device is read-only");
	expect_flags("fs/disk", PVB_DISK_READ_ONLY, 0, "");
	assert_int_equal(umount("fs"), 0);
}

/* Between probe and open: it is another's turn by then. */
static void a_file_that_became_shorter(void **state)
{
	const struct pvb_disk_ops *ops;
	struct pvb_loop *loop = pvb_loop_create(NULL, NULL);
	struct pvb_err e = PVB_ERR_INIT;
	struct pvb_disk_probe p;
	struct pvb_disk *lane;
	int fds[PVB_DISK_FDS_MAX], before = open_fds();

	(void)state;
	image_make("disk", 1 << 20);
	assert_int_equal(pvb_disk_probe(pvb_disk_basic, "disk", 0, &p, &ops,
	                                &e), 0);
	image_resize("disk", 4096);
	assert_int_equal(ops->reopen(&p, fds, &e), 1);
	assert_int_equal(ops->open(loop, NULL, &p, fds, 1, &lane, &e),
	                 -EINVAL);
	assert_string_equal(e.text, "has 4096 bytes, fewer than the 1048576 "
	                    "that it had");
	pvb_disk_probe_fini(&p);
	assert_int_equal(open_fds(), before);
	pvb_loop_destroy(loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_IMAGES(a_missing_image),
		IN_IMAGES(an_empty_image),
		IN_IMAGES(a_size_that_is_no_disks),
		IN_IMAGES(a_directory),
		IN_IMAGES(a_file_in_place_of_a_directory),
		IN_IMAGES(things_that_are_no_disks),
		IN_IMAGES(a_link_to_itself),
		IN_IMAGES(a_control_character_in_a_name),
		IN_IMAGES(options_that_mean_nothing),
		IN_IMAGES(no_permission),
		IN_IMAGES(a_read_only_file_system),
		IN_IMAGES(a_file_that_became_shorter),
	};

	return cmocka_run_group_tests_name("disk_file_bad", tests, NULL,
	                                   NULL);
}
