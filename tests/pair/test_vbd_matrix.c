/* SPDX-License-Identifier: MIT */
/*
 * Verified load over each pair of dialects: layout, ring size, kind of large
 * request, number of queues, persistent grants, sector size.  Both ends must
 * have agreed on just that, and what the front reads is what the image holds.
 *
 * usage: test_vbd_matrix x86_32|x86_64 512|4096
 */
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "back_thread.h"
#include "conformance.h"

#include "blk/disk_list.h"
#include "flow/counters.h"
#include "hyp/store.h"

enum { FRONT = 3, VDEV = 51728, QUEUES = 4, ORDER = 4, INDIRECT = 32,
       IMAGE_BYTES = 4 << 20, LARGE_BYTES = 128 << 10 };

enum large { DIRECT, WITH_LISTS, WITH_BLOCKS, LARGE_COUNT };
static const char *const large_names[LARGE_COUNT] = {
	"direct", "indirect", "segment-blocks"
};

struct pairing {
	bool x86_32;
	uint32_t sector_size, order, queues;
	enum large large;
	bool persistent;
	char name[96];
};

struct stack {
	const struct pairing *p;
	struct machine machine;
	struct back_thread back;
	struct pvb_store *tools;
	struct pvb_xsdev dev;
	char image[96];
	struct conformance c;           /* the front: c.rig */
};

/* ---- both ends ----------------------------------------------------------- */

static void make_image(struct stack *s)
{
	int fd;

	snprintf(s->image, sizeof(s->image), "%s/image", s->machine.dir);
	fd = creat(s->image, 0600);
	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, IMAGE_BYTES), 0);
	close(fd);
}

static void start_back(struct stack *s)
{
	const struct pairing *p = s->p;
	struct pvb_blk_options o;
	struct pvb_err e = PVB_ERR_INIT;

	pvb_blk_options_init(&o, QUEUES);
	o.value[PVB_BLK_OPT_SECTOR_SIZE] = p->sector_size;
	o.value[PVB_BLK_OPT_RING_ORDER] = p->order;
	o.value[PVB_BLK_OPT_QUEUES] = p->queues;
	o.value[PVB_BLK_OPT_PERSISTENT] = p->persistent;
	o.value[PVB_BLK_OPT_INDIRECT] = p->large == WITH_LISTS ? INDIRECT : 0;
	o.value[PVB_BLK_OPT_BLOCKS] = p->large == WITH_BLOCKS;
	pvb_blk_nodes_name(&s->dev, 0, FRONT, VDEV);
	if (pvb_blk_nodes_create(s->tools, &s->dev, s->image, &o, &e) < 0)
		fail_msg("%s", e.text);
	back_thread_start(&s->back, &s->machine, &s->dev, s->image, &o);
}

static void open_front(struct stack *s)
{
	struct pvb_err e = PVB_ERR_INIT;
	char uri[256];

	/* All that there is to ask for: the back's offer decides. */
	snprintf(uri, sizeof(uri), "vbd:%d/xvdb?host=local:%s&protocol=%s"
	         "&ring-order=%d&queues=%d&indirect=%d&segment-blocks=on",
	         FRONT, s->machine.run,
	         s->p->x86_32 ? "x86_32-abi" : "x86_64-abi", ORDER, QUEUES,
	         INDIRECT);
	s->c.rig.loop = pvb_loop_create(NULL, &e);
	assert_non_null(s->c.rig.loop);
	if (pvb_disk_open(pvb_disk_all, uri, 0, s->c.rig.loop, NULL,
	                  &s->c.rig.disk, &e) < 0)
		fail_msg("%s", e.text);
}

static int setup(void **state)
{
	static const struct conformance_target target;
	struct stack *s = calloc(1, sizeof(*s));
	struct pvb_err e = PVB_ERR_INIT;

	assert_non_null(s);
	s->p = *state;
	s->c.target = &target;
	machine_start(&s->machine);
	assert_int_equal(machine_introduce(&s->machine, FRONT), 0);
	s->tools = pvb_store_open_local(s->machine.run, 0, false, &e);
	assert_non_null(s->tools);
	make_image(s);
	start_back(s);
	open_front(s);
	*state = s;
	return 0;
}

static int teardown(void **state)
{
	struct stack *s = *state;

	pvb_disk_close(s->c.rig.disk);
	pvb_loop_destroy(s->c.rig.loop);
	back_thread_kill(&s->back);
	pvb_store_close(s->tools);
	unlink(s->image);
	machine_stop(&s->machine);
	free(s);
	return 0;
}

/* ---- what is expected of them -------------------------------------------- */

static void check_agreement(struct stack *s)
{
	const struct pairing *p = s->p;
	struct pvb_blkback_status now = back_thread_status(&s->back);

	assert_int_equal(now.terms.abi,
	                 p->x86_32 ? PVB_ABI_X86_32 : PVB_ABI_X86_64);
	assert_int_equal(now.terms.ring_order, p->order);
	assert_int_equal(now.terms.queues, p->queues);
	assert_int_equal(now.terms.persistent, p->persistent);
	assert_int_equal(now.terms.indirect_max,
	                 p->large == WITH_LISTS ? INDIRECT : 0);
	assert_int_equal(now.terms.blocks.segs_max > 0,
	                 p->large == WITH_BLOCKS);
	assert_int_equal(s->c.rig.disk->info.sector_size_bytes,
	                 p->sector_size);
	assert_int_equal(s->c.rig.disk->info.size_bytes, IMAGE_BYTES);
}

static uint64_t writes(struct stack *s)
{
	uint64_t sum = 0;

	/* It counts after it has answered, in the same turn. */
	(void)back_thread_status(&s->back);
	for (uint32_t i = 0; i < s->p->queues; i++) {
		struct pvb_counters *c;
		struct pvb_counts counts;

		assert_int_equal(pvb_counters_map(s->back.counters[i], true,
		                                  &c), 0);
		pvb_counters_read(c, &counts);
		pvb_counters_unmap(c);
		sum += counts.op[PVB_COUNT_WRITE].requests;
	}
	return sum;
}

static uint64_t segments_of_one(struct stack *s)
{
	if (s->p->large == WITH_BLOCKS)
		return back_thread_status(&s->back).terms.blocks.segs_max;
	return s->p->large == WITH_LISTS ? INDIRECT : PVB_BLK_SEGS_DIRECT;
}

/* A large write takes as many requests as this kind of them has to. */
static void check_large(struct stack *s)
{
	uint64_t pages = LARGE_BYTES / PVB_BLK_PAGE_BYTES;
	uint64_t each = segments_of_one(s), before = writes(s);

	assert_int_equal(rig_write(&s->c.rig, 0, LARGE_BYTES, 5), 0);
	assert_int_equal(writes(s) - before, (pages + each - 1) / each);
	rig_expect(&s->c.rig, 0, LARGE_BYTES, 5);
}

/* The image holds what the front reads. */
static void check_image(struct stack *s)
{
	unsigned char *bytes = malloc(LARGE_BYTES);
	int fd = open(s->image, O_RDONLY | O_CLOEXEC);

	assert_true(bytes && fd >= 0);
	for (uint64_t at = 0; at < IMAGE_BYTES; at += LARGE_BYTES) {
		struct req q;

		req_init(&q, &s->c.rig, PVB_IO_READ, at, LARGE_BYTES);
		assert_int_equal(req_run(&q), 0);
		assert_int_equal(pread(fd, bytes, LARGE_BYTES, (off_t)at),
		                 LARGE_BYTES);
		assert_memory_equal(bytes, req_data(&q), LARGE_BYTES);
		req_fini(&q);
	}
	close(fd);
	free(bytes);
}

static void load(void **state)
{
	struct stack *s = *state;

	check_agreement(s);
	check_large(s);
	conformance_random_ops(&s->c);
	assert_int_equal(rig_do(&s->c.rig, PVB_IO_FLUSH, 0, 0, 0), 0);
	check_image(s);
}

/* ---- all of them --------------------------------------------------------- */

enum { PAIRINGS = 2 * 2 * LARGE_COUNT * 2 };

static void fill(struct pairing *p, unsigned int n, const char *const *argv)
{
	p->x86_32 = strcmp(argv[1], "x86_32") == 0;
	p->sector_size = (uint32_t)strtoul(argv[2], NULL, 10);
	p->order = n & 1 ? ORDER : 0;
	p->queues = n & 2 ? QUEUES : 1;
	p->persistent = n & 4;
	p->large = (enum large)(n / 8);
	snprintf(p->name, sizeof(p->name),
	         "queues: %u, pages: %u, %s, %s (%s, %s)",
	         p->queues, 1u << p->order, large_names[p->large],
	         p->persistent ? "persistent" : "not persistent",
	         argv[1], argv[2]);
}

int main(int argc, char **argv)
{
	static struct pairing pairings[PAIRINGS];
	struct CMUnitTest tests[PAIRINGS];

	if (argc != 3)
		return 2;
	for (unsigned int i = 0; i < PAIRINGS; i++) {
		fill(&pairings[i], i, (const char *const *)argv);
		tests[i] = (struct CMUnitTest){
			pairings[i].name, load, setup, teardown, &pairings[i]
		};
	}
	return cmocka_run_group_tests_name("vbd_matrix", tests, NULL, NULL);
}
