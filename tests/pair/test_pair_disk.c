/* SPDX-License-Identifier: MIT */
/*
 * The conformance suite on a front whose back serves a disk: what holds for
 * any disk holds behind the ring.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "conformance.h"
#include "pair.h"

enum { PATH_BYTES = 512, IMAGE_BYTES = 32 << 20, URING_ENTRIES = 128 };

struct subject {
	const char *name;
	struct pair_options options;
	bool forgets, image;
};

static const struct subject subjects[] = {
	{ .name = "mem", .options = { .uri = "mem:32M" } },
	{ .name = "mem-4k",
	  .options = { .uri = "mem:32M?sector-size=4096", .indirect = 32 } },
	{ .name = "mem-4k-as-512",
	  .options = { .uri = "mem:32M?sector-size=4096", .sector_size = 512,
	               .indirect = 32 } },
	{ .name = "mem-4k-all",
	  .options = { .uri = "mem:32M?sector-size=4096", .indirect = 32,
	               .units = PVB_BLK_UNITS_ALL } },
	{ .name = "mem-4k-freebsd",
	  .options = { .uri = "mem:32M?sector-size=4096", .no_window = true,
	               .units = PVB_BLK_UNITS_FREEBSD } },
	{ .name = "mem-indirect",
	  .options = { .uri = "mem:32M", .ring_order = 2, .indirect = 256 } },
	{ .name = "mem-thread",
	  .options = { .uri = "mem:32M", .indirect = 32, .back_thread = true,
	               .spin_ns = 20000 } },
	{ .name = "mem-copy",
	  .options = { .uri = "mem:32M", .indirect = 64, .no_window = true } },
	{ .name = "mem-mapped",
	  .options = { .uri = "mem:32M", .indirect = 64, .mapped = true } },
	{ .name = "mem-mapped-thread",
	  .options = { .uri = "mem:32M", .ring_order = 2, .indirect = 256,
	               .mapped = true, .back_thread = true } },
	{ .name = "mem-barrier",
	  .options = { .uri = "mem:32M", .barrier_only = true } },
	{ .name = "mem-blocks",
	  .options = { .uri = "mem:32M", .blocks = { .segs_max = 255 } } },
	{ .name = "mem-blocks-32",
	  .options = { .uri = "mem:32M", .ring_order = 2, .x86_32 = true,
	               .no_window = true,
	               .blocks = { .segs_max = 100, .requests_max = 10 } } },
	{ .name = "mem-blocks-4k",
	  .options = { .uri = "mem:32M?sector-size=4096",
	               .blocks = { .segs_max = 64, .bytes_max = 131072 } } },
	{ .name = "mem-blocks-mapped",
	  .options = { .uri = "mem:32M", .blocks = { .segs_max = 255 },
	               .mapped = true } },
	{ .name = "mem-blocks-thread",
	  .options = { .uri = "mem:32M", .blocks = { .segs_max = 255 },
	               .back_thread = true, .spin_ns = 20000 } },
	{ .name = "null", .options = { .uri = "null:32M" }, .forgets = true },
	{ .name = "fault",
	  .options = { .uri = "fault:mem:32M?reorder=7&delay=1,every:29",
	               .indirect = 32 } },
	{ .name = "file", .image = true,
	  .options = { .indirect = 32, .uring_entries = URING_ENTRIES } },
	{ .name = "file-mapped", .image = true,
	  .options = { .indirect = 32, .uring_entries = URING_ENTRIES,
	               .mapped = true } },
	{ .name = "file-thread", .image = true,
	  .options = { .indirect = 32, .uring_entries = URING_ENTRIES,
	               .back_thread = true } },
};
enum { SUBJECTS = sizeof(subjects) / sizeof(subjects[0]) };

struct place {
	const struct subject *what;
	char image[PATH_BYTES];
	struct pair pair;
};

static int open_disk(const struct conformance_target *t, uint32_t flags,
                     struct rig *rig)
{
	struct place *place = t->arg;
	struct pair_options o = place->what->options;

	o.disk_flags = flags;
	if (place->what->image)
		o.uri = place->image;
	pair_init(&place->pair, &o);
	pair_connect(&place->pair);
	rig->loop = place->pair.loop;
	rig->disk = place->pair.disk;
	return 0;
}

static void close_disk(const struct conformance_target *t, struct rig *rig)
{
	struct place *place = t->arg;

	(void)rig;
	pair_disconnect(&place->pair);
	pair_fini(&place->pair);
}

static bool make_image(struct place *p)
{
	const char *dir = getenv("PVB_TEST_DIR");
	int fd;
	bool good;

	(void)snprintf(p->image, sizeof(p->image), "%s/pair-%s-XXXXXX",
	               dir ? dir : ".", p->what->name);
	fd = mkstemp(p->image);
	if (fd < 0)
		return false;
	good = ftruncate(fd, IMAGE_BYTES) == 0;
	(void)close(fd);
	return good;
}

static int run(const struct subject *what)
{
	static struct place place;
	struct conformance_target t = {
		.name = what->name, .open = open_disk, .close = close_disk,
		.forgets = what->forgets, .new_each_time = !what->image,
		.spins = what->options.spin_ns > 0, .arg = &place,
	};
	int failed;

	place.what = what;
	if (what->image && !make_image(&place)) {
		(void)printf("1..0 # SKIP no place for an image\n");
		return 0;
	}
	failed = conformance_run(&t);
	if (what->image)
		(void)unlink(place.image);
	return failed;
}

int main(int argc, char **argv)
{
	for (int i = 0; i < SUBJECTS; i++)
		if (argc == 2 && !strcmp(argv[1], subjects[i].name))
			return run(&subjects[i]);
	(void)fprintf(stderr, "usage: test_pair_disk SUBJECT\n");
	return 2;
}
