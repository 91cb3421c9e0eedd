/* SPDX-License-Identifier: MIT */
/*
 * The conformance suite on vbd:, that is through front, ring, guest pages and
 * back to a disk; which front and which disk is named by the argument.
 */
#include <fcntl.h>

#include "back_thread.h"

#include "blk/disk_list.h"
#include "disk/conformance.h"
#include "hyp/store.h"

enum { FRONT = 3, VDEV = 51728 };       /* xvdb */

struct subject {
	const char *name;
	const char *disk;               /* NULL: an image in a file */
	const char *options;            /* of the front; NULL: none */
	uint32_t sector_size;           /* presented; 0: 512 */
	bool forgets, blocks;           /* offered by the back */
	uint32_t queues;                /* likewise; 0: one */
	enum pvb_blk_units units;       /* of the front */
};

static const struct subject subjects[] = {
	{ .name = "mem", .disk = "mem:64M" },
	{ .name = "mem-4k", .disk = "mem:64M?sector-size=4096",
	  .sector_size = 4096 },
	{ .name = "mem-4k-as-512", .disk = "mem:64M?sector-size=4096" },
	{ .name = "mem-as-4k", .disk = "mem:64M", .sector_size = 4096 },
	{ .name = "all", .disk = "mem:64M", .sector_size = 4096,
	  .options = "&sector-units=all", .units = PVB_BLK_UNITS_ALL },
	{ .name = "freebsd", .disk = "mem:64M?sector-size=4096",
	  .sector_size = 4096, .options = "&sector-units=freebsd",
	  .units = PVB_BLK_UNITS_FREEBSD },
	{ .name = "mini-os", .disk = "mem:64M", .sector_size = 4096,
	  .options = "&sector-units=mini-os", .units = PVB_BLK_UNITS_MINI_OS },
	{ .name = "null", .disk = "null:64M", .forgets = true },
	{ .name = "file" },
	{ .name = "bounce", .disk = "mem:64M", .options = "&bounce=on" },
	{ .name = "one-page", .disk = "mem:64M",
	  .options = "&ring-order=0&indirect=0" },
	{ .name = "large", .options = "&ring-order=4&indirect=256" },
	{ .name = "never-poll", .disk = "mem:64M", .options = "&poll=never" },
	{ .name = "fault",
	  .disk = "fault:mem:64M?reorder=7&delay=1,every:29" },
	{ .name = "blocks", .disk = "mem:64M", .blocks = true,
	  .options = "&segment-blocks=on&indirect=0" },
	{ .name = "blocks-32", .blocks = true,
	  .options = "&segment-blocks=on&indirect=0&ring-order=0"
	             "&protocol=x86_32-abi" },
	{ .name = "queues", .disk = "mem:64M", .options = "&queues=4",
	  .queues = 4 },
	{ .name = "queues-file", .queues = 4,
	  .options = "&queues=3&ring-order=4&indirect=256" },
	{ .name = "queues-one-page", .disk = "mem:64M", .queues = 4,
	  .options = "&queues=4&ring-order=0&indirect=0" },
	{ .name = "queues-fault", .queues = 4,
	  .disk = "fault:mem:64M?reorder=7&delay=1,every:29",
	  .options = "&queues=4&poll=never" },
	{ .name = "queues-of-one", .disk = "mem:64M", .options = "&queues=4",
	  .queues = 1 },
};
enum { SUBJECTS = sizeof(subjects) / sizeof(subjects[0]) };

struct stack {
	const struct subject *what;
	struct machine machine;
	struct back_thread back;
	struct pvb_store *tools;
	struct pvb_xsdev dev;
	char image[96], disk[128], uri[256];
};

static const char *options_of(const struct subject *what)
{
	return what->options ? what->options : "";
}

static int open_disk(const struct conformance_target *t, uint32_t flags,
                     struct rig *rig)
{
	const struct stack *s = t->arg;
	struct pvb_err e = PVB_ERR_INIT;

	rig->loop = pvb_loop_create(NULL, &e);
	if (rig->loop &&
	    pvb_disk_open(pvb_disk_all, s->uri, flags, rig->loop, NULL,
	                  &rig->disk, &e) == 0)
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

static void make_image(struct stack *s)
{
	int fd;

	snprintf(s->image, sizeof(s->image), "%s/image", s->machine.dir);
	fd = creat(s->image, 0600);
	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, 64 << 20), 0);
	close(fd);
}

static void start(struct stack *s)
{
	struct pvb_err e = PVB_ERR_INIT;
	struct pvb_blk_options o;

	machine_start(&s->machine);
	assert_int_equal(machine_introduce(&s->machine, FRONT), 0);
	if (!s->what->disk)
		make_image(s);
	snprintf(s->disk, sizeof(s->disk), "%s",
	         s->what->disk ? s->what->disk : s->image);
	snprintf(s->uri, sizeof(s->uri), "vbd:%d/xvdb?host=local:%s%s", FRONT,
	         s->machine.run, options_of(s->what));
	s->tools = pvb_store_open_local(s->machine.run, 0, false, &e);
	assert_non_null(s->tools);
	pvb_blk_options_init(&o, 1);
	o.value[PVB_BLK_OPT_UNITS] = s->what->units;
	if (s->what->sector_size)
		o.value[PVB_BLK_OPT_SECTOR_SIZE] = s->what->sector_size;
	o.value[PVB_BLK_OPT_BLOCKS] = s->what->blocks;
	if (s->what->queues)
		o.value[PVB_BLK_OPT_QUEUES] = s->what->queues;
	pvb_blk_nodes_name(&s->dev, 0, FRONT, VDEV);
	if (pvb_blk_nodes_create(s->tools, &s->dev, s->disk, &o, &e) < 0)
		fail_msg("%s", e.text);
	back_thread_start(&s->back, &s->machine, &s->dev, s->disk, &o);
}

static void stop(struct stack *s)
{
	back_thread_kill(&s->back);
	pvb_store_close(s->tools);
	if (s->image[0])
		unlink(s->image);
	machine_stop(&s->machine);
}

static int run(const struct subject *what)
{
	static struct stack s;
	struct conformance_target t = {
		.name = what->name, .open = open_disk, .close = close_disk,
		.forgets = what->forgets,
		.spins = !strstr(options_of(what), "never"), .arg = &s,
	};
	int failed;

	s.what = what;
	start(&s);
	failed = conformance_run(&t);
	stop(&s);
	return failed;
}

int main(int argc, char **argv)
{
	for (size_t i = 0; argc == 2 && i < SUBJECTS; i++)
		if (strcmp(argv[1], subjects[i].name) == 0)
			return run(&subjects[i]);
	fprintf(stderr, "usage: test_vbd SUBJECT\n");
	return 2;
}
