/* SPDX-License-Identifier: MIT */
/*
 * The conformance suite on one driver, named by the argument.
 *
 * Images lie in $PVB_TEST_DIR (or the working directory), so that they are
 * on a real file system.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include <pvb/err.h>

#include "conformance.h"

enum { URING_ENTRIES = 64, PATH_BYTES = 512, IMAGE_BYTES = 48 << 20 };

struct subject {
	const char *name;
	const char *uri;                /* one %s: the image */
	enum { NO_IMAGE, IMAGE, SHM_IMAGE, LOOP_DEVICE } needs;
	bool threads;                   /* a loop without io_uring */
	bool forgets, new_each_time;
};

static const struct subject subjects[] = {
	{ "null", "null:64M", NO_IMAGE, false, true, true },
	{ "null-4k", "null:64M?sector-size=4096", NO_IMAGE, false, true, true },
	{ "mem", "mem:64M", NO_IMAGE, false, false, true },
	{ "mem-4k", "mem:64M?sector-size=4096", NO_IMAGE, false, false, true },
	{ "file", "%s", IMAGE, false, false, false },
	{ "file-direct", "file:%s?direct=on", IMAGE, false, false, false },
	{ "file-buffered", "file:%s?direct=off", IMAGE, false, false, false },
	{ "file-4k", "file:%s?sector-size=4096", IMAGE, false, false, false },
	{ "file-sync", "file:%s?sync=on&direct=off", IMAGE, false, false,
	  false },
	{ "file-no-discard", "file:%s?discard=off", IMAGE, false, false,
	  false },
	{ "file-threads-direct", "file:%s?direct=on", IMAGE, true, false,
	  false },
	{ "file-threads-buffered", "file:%s?direct=off", IMAGE, true, false,
	  false },
	{ "file-tmpfs", "file:%s?direct=off", SHM_IMAGE, false, false, false },
	{ "device-direct", "file:%s?direct=on", LOOP_DEVICE, false, false,
	  false },
	{ "device-buffered", "file:%s?direct=off", LOOP_DEVICE, false, false,
	  false },
	{ "device-threads", "file:%s", LOOP_DEVICE, true, false, false },
	{ "fault-mem", "fault:mem:64M?reorder=7&delay=1,every:29", NO_IMAGE,
	  false, false, true },
	{ "fault-file", "fault:file:%s?reorder=16&seed=5&delay=2,op:write,"
	  "every:31", IMAGE, false, false, false },
};
enum { SUBJECTS = sizeof(subjects) / sizeof(subjects[0]) };

struct place {
	const struct subject *what;
	char image[PATH_BYTES], device[PATH_BYTES], uri[2 * PATH_BYTES];
};

static int open_disk(const struct conformance_target *t, uint32_t flags,
                     struct rig *rig)
{
	const struct place *p = t->arg;
	const struct pvb_loop_config c = {
		.uring_entries = p->what->threads ? 0 : URING_ENTRIES,
	};
	struct pvb_err e = PVB_ERR_INIT;

	rig->loop = pvb_loop_create(&c, &e);
	if (rig->loop && pvb_disk_open(pvb_disk_basic, p->uri, flags,
	                               rig->loop, NULL, &rig->disk, &e) == 0)
		return 0;
	print_error("%s\n", e.text);
	pvb_loop_destroy(rig->loop);
	return -1;
}

static void close_disk(const struct conformance_target *t, struct rig *rig)
{
	(void)t;
	pvb_disk_close(rig->disk);
	pvb_loop_destroy(rig->loop);
}

/* TAP for "none of it was run, because". */
static int skip_all(const char *why)
{
	(void)printf("1..0 # SKIP %s\n", why);
	return 0;
}

static bool make_image(struct place *p)
{
	const char *dir = p->what->needs == SHM_IMAGE ? "/dev/shm"
	                                              : getenv("PVB_TEST_DIR");
	int fd;
	bool good;

	(void)snprintf(p->image, sizeof(p->image), "%s/disk-%s-XXXXXX",
	               dir ? dir : ".", p->what->name);
	fd = mkstemp(p->image);
	if (fd < 0)
		return false;
	good = ftruncate(fd, IMAGE_BYTES) == 0;
	(void)close(fd);
	return good;
}

static bool run_losetup(const char *command, char *out, size_t cap)
{
	FILE *f = popen(command, "r");
	bool good;

	if (!f)
		return false;
	good = out ? fgets(out, (int)cap, f) != NULL : true;
	if (good && out)
		out[strcspn(out, "\n")] = '\0';
	return pclose(f) == 0 && good;
}

static bool make_device(struct place *p)
{
	char command[2 * PATH_BYTES];

	(void)snprintf(command, sizeof(command),
	               "losetup -f --show '%s' 2>/dev/null", p->image);
	return run_losetup(command, p->device, sizeof(p->device));
}

static void drop_device(struct place *p)
{
	char command[2 * PATH_BYTES];

	if (!p->device[0])
		return;
	(void)snprintf(command, sizeof(command), "losetup -d '%s'", p->device);
	(void)run_losetup(command, NULL, 0);
}

/* Can it be had at all here?  NULL: yes; else why not. */
static const char *not_here(const struct place *p)
{
	struct pvb_disk_probe probe;
	const struct pvb_disk_ops *ops;
	struct pvb_loop_config c = { .uring_entries = URING_ENTRIES };
	struct pvb_loop *loop;
	bool uring;

	loop = pvb_loop_create(&c, NULL);
	uring = loop && pvb_loop_uring(loop);
	pvb_loop_destroy(loop);
	if (!uring && !p->what->threads && p->what->needs != NO_IMAGE)
		return "io_uring is refused here";
	if (!strstr(p->what->uri, "direct=on"))
		return NULL;
	if (pvb_disk_probe(pvb_disk_basic, p->uri, 0, &probe, &ops, NULL) < 0)
		return "the file system of PVB_TEST_DIR has no O_DIRECT";
	pvb_disk_probe_fini(&probe);
	return NULL;
}

static int run_on(struct place *p)
{
	const struct conformance_target t = {
		.name = p->what->name,
		.open = open_disk,
		.close = close_disk,
		.forgets = p->what->forgets,
		.new_each_time = p->what->new_each_time,
		.arg = p,
	};
	const char *why;

	if (p->what->needs != NO_IMAGE && !make_image(p))
		return skip_all("no image can be made in PVB_TEST_DIR, or "
		                "/dev/shm");
	if (p->what->needs == LOOP_DEVICE && !make_device(p))
		return skip_all("losetup gives no loop device");
	(void)snprintf(p->uri, sizeof(p->uri), p->what->uri,
	               p->device[0] ? p->device : p->image);
	why = not_here(p);
	return why ? skip_all(why) : conformance_run(&t);
}

int main(int argc, char **argv)
{
	struct place p = { .what = NULL };
	int failed;

	for (int i = 0; i < SUBJECTS && argc == 2; i++)
		if (!strcmp(subjects[i].name, argv[1]))
			p.what = &subjects[i];
	if (!p.what) {
		(void)fprintf(stderr, "usage: test_disk NAME, one of:");
		for (int i = 0; i < SUBJECTS; i++)
			(void)fprintf(stderr, " %s", subjects[i].name);
		(void)fprintf(stderr, "\n");
		return 2;
	}
	failed = run_on(&p);
	drop_device(&p);
	if (p.image[0])
		(void)unlink(p.image);
	return failed ? 1 : 0;
}
