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

#include "disk/narrow.h"

#include "conformance.h"

enum { URING_ENTRIES = 64, PATH_BYTES = 512, IMAGE_BYTES = 48 << 20 };

struct subject {
	const char *name;
	const char *uri;                /* %s, once or twice: the image */
	enum { NO_IMAGE, IMAGE, SHM_IMAGE, LOOP_DEVICE, LOOP_DEVICE_4K } needs;
	bool threads;                   /* a loop without io_uring */
	bool forgets, new_each_time;
	bool narrow;                    /* seen as sectors of 512 bytes */
};

static const struct subject subjects[] = {
	{ .name = "null", .uri = "null:64M", .forgets = true,
	  .new_each_time = true },
	{ .name = "null-4k", .uri = "null:64M?sector-size=4096",
	  .forgets = true, .new_each_time = true },
	{ .name = "mem", .uri = "mem:64M", .new_each_time = true },
	{ .name = "mem-4k", .uri = "mem:64M?sector-size=4096",
	  .new_each_time = true },
	{ .name = "file", .uri = "%s", .needs = IMAGE },
	{ .name = "file-direct", .uri = "file:%s?direct=on", .needs = IMAGE },
	{ .name = "file-buffered", .uri = "file:%s?direct=off",
	  .needs = IMAGE },
	{ .name = "file-4k", .uri = "file:%s?sector-size=4096",
	  .needs = IMAGE },
	{ .name = "file-sync", .uri = "file:%s?sync=on&direct=off",
	  .needs = IMAGE },
	{ .name = "file-no-discard", .uri = "file:%s?discard=off",
	  .needs = IMAGE },
	{ .name = "file-threads-direct", .uri = "file:%s?direct=on",
	  .needs = IMAGE, .threads = true },
	{ .name = "file-threads-buffered", .uri = "file:%s?direct=off",
	  .needs = IMAGE, .threads = true },
	{ .name = "file-tmpfs", .uri = "file:%s?direct=off",
	  .needs = SHM_IMAGE },
	{ .name = "device-direct", .uri = "file:%s?direct=on",
	  .needs = LOOP_DEVICE },
	{ .name = "device-buffered", .uri = "file:%s?direct=off",
	  .needs = LOOP_DEVICE },
	{ .name = "device-threads", .uri = "file:%s", .needs = LOOP_DEVICE,
	  .threads = true },
	{ .name = "fault-mem", .uri = "fault:mem:64M?reorder=7&"
	  "delay=1,every:29", .new_each_time = true },
	{ .name = "fault-file", .uri = "fault:file:%s?reorder=16&seed=5&"
	  "delay=2,op:write,every:31", .needs = IMAGE },
	{ .name = "record-mem", .uri = "record:mem:64M?log=%s.log",
	  .needs = IMAGE, .new_each_time = true },
	{ .name = "record-file", .uri = "record:file:%s?log=%s.log",
	  .needs = IMAGE },
	{ .name = "fault-record", .uri = "fault:record:file:%s%%3F"
	  "log=%s.log?reorder=16&seed=5", .needs = IMAGE },
	{ .name = "narrow-mem", .uri = "mem:64M?sector-size=4096",
	  .new_each_time = true, .narrow = true },
	{ .name = "narrow-file", .uri = "file:%s?sector-size=4096&direct=on",
	  .needs = IMAGE, .narrow = true },
	{ .name = "narrow-threads",
	  .uri = "file:%s?sector-size=4096&direct=off", .needs = IMAGE,
	  .threads = true, .narrow = true },
	{ .name = "narrow-device", .uri = "file:%s", .needs = LOOP_DEVICE_4K,
	  .narrow = true },
	{ .name = "narrow-fault", .uri = "fault:mem:64M%%3Fsector-size=4096?"
	  "reorder=7&delay=1,every:29", .new_each_time = true,
	  .narrow = true },
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
	                               rig->loop, NULL, &rig->disk, &e) == 0 &&
	    (!p->what->narrow ||
	     pvb_narrow_open(rig->loop, rig->disk, NULL, &rig->disk, &e) == 0))
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
	               "losetup -f --show --sector-size %d '%s' 2>/dev/null",
	               p->what->needs == LOOP_DEVICE_4K ? 4096 : 512,
	               p->image);
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
	if (p->what->needs >= LOOP_DEVICE && !make_device(p))
		return skip_all("losetup gives no loop device");
	(void)snprintf(p->uri, sizeof(p->uri), p->what->uri,
	               p->device[0] ? p->device : p->image, p->image);
	why = not_here(p);
	return why ? skip_all(why) : conformance_run(&t);
}

static void remove_image(const struct place *p)
{
	char log[PATH_BYTES + 4];

	if (!p->image[0])
		return;
	(void)unlink(p->image);
	(void)snprintf(log, sizeof(log), "%s.log", p->image);
	(void)unlink(log);              /* of the few that have one */
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
	remove_image(&p);
	return failed ? 1 : 0;
}
