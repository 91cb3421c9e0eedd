/* SPDX-License-Identifier: MIT */
#include "front_stage.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "disk/requests.h"
#include "hyp/store.h"
#include "open_fds.h"

enum { DISK_SEED = 20060322 };

/* ---- the machine --------------------------------------------------------- */

static void make_image(struct stage *s)
{
	int fd;

	snprintf(s->image, sizeof(s->image), "%s/image", s->machine.dir);
	s->bytes = STAGE_BYTES;
	s->disk = malloc(s->bytes);
	assert_non_null(s->disk);
	fill_pattern(s->disk, s->bytes, DISK_SEED);
	fd = open(s->image, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, s->disk, s->bytes), s->bytes);
	assert_int_equal(close(fd), 0);
}

static void choose(struct stage *s, const struct stage_options *o)
{
	uint32_t *v = s->options.value;

	pvb_blk_options_init(&s->options, 4);
	if (o->sector_size)
		v[PVB_BLK_OPT_SECTOR_SIZE] = o->sector_size;
	/* That stands in its nodes. */
	assert_int_equal(pvb_blk_options_set(&s->options, PVB_BLK_OPT_UNITS,
	                                     o->units), 0);
	v[PVB_BLK_OPT_BLOCKS] = o->blocks;
	v[PVB_BLK_OPT_BARRIER] = o->barrier;
	v[PVB_BLK_OPT_CDROM] = o->cdrom;
	if (o->not_persistent)
		v[PVB_BLK_OPT_PERSISTENT] = 0;
}

void stage_begin(struct stage *s, const struct stage_options *o)
{
	struct pvb_err e = PVB_ERR_INIT;

	memset(s, 0, sizeof(*s));
	s->fds_at_start = open_fds();
	machine_start(&s->machine);
	assert_int_equal(machine_introduce(&s->machine, STAGE_FRONT), 0);
	s->tools = pvb_store_open_local(s->machine.run, STAGE_BACK, false, &e);
	if (!s->tools)
		fail_msg("%s", e.text);
	make_image(s);
	choose(s, o);
	snprintf(s->uri, sizeof(s->uri), "%s", o->empty ? "" : s->image);
	pvb_blk_nodes_name(&s->dev, STAGE_BACK, STAGE_FRONT, STAGE_VDEV);
	(void)pvb_xsdev_back_path(&s->dev, s->back_dir, sizeof(s->back_dir));
	(void)pvb_xsdev_front_path(&s->dev, s->front_dir,
	                           sizeof(s->front_dir));
	if (pvb_blk_nodes_create(s->tools, &s->dev, s->uri, &s->options,
	                         &e) < 0)
		fail_msg("%s", e.text);
}

void stage_end(struct stage *s)
{
	if (s->back_runs)
		back_thread_kill(&s->back);
	pvb_store_close(s->tools);
	(void)unlink(s->image);
	free(s->disk);
	machine_stop(&s->machine);
	assert_int_equal(open_fds(), s->fds_at_start);
}

void stage_start_back(struct stage *s)
{
	back_thread_start(&s->back, &s->machine, &s->dev, s->uri,
	                  &s->options);
	s->back_runs = true;
}

/* ---- what came of it ----------------------------------------------------- */

void stage_expect_disk(const struct stage *s)
{
	int fd = open(s->image, O_RDONLY | O_CLOEXEC);
	unsigned char *found = malloc(s->bytes);
	struct stat st;

	assert_true(fd >= 0);
	assert_non_null(found);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_size, s->bytes);
	assert_int_equal(pread(fd, found, s->bytes, 0), s->bytes);
	for (uint64_t i = 0; i < s->bytes; i += 512)
		if (memcmp(found + i, s->disk + i, 512) != 0)
			fail_msg("sector %u of the disk is not what was "
			         "written", (unsigned int)(i / 512));
	free(found);
	close(fd);
}

static void read_counts(struct stage *s, uint32_t queue, struct pvb_counts *out)
{
	struct pvb_counters *c;

	/* It counts after it has answered, in the same turn. */
	(void)back_thread_status(&s->back);
	memset(out, 0, sizeof(*out));
	if (s->back.counters[queue] < 0)
		return;
	assert_int_equal(pvb_counters_map(s->back.counters[queue], true, &c),
	                 0);
	pvb_counters_read(c, out);
	pvb_counters_unmap(c);
}

uint64_t stage_refused(struct stage *s, enum pvb_why why)
{
	struct pvb_counts c;
	uint64_t n = 0;

	for (uint32_t q = 0; q < BACK_THREAD_QUEUES; q++) {
		read_counts(s, q, &c);
		n += c.refused[why];
	}
	return n;
}

uint64_t stage_requests(struct stage *s, enum pvb_count_op op)
{
	struct pvb_counts c;
	uint64_t n = 0;

	for (uint32_t q = 0; q < BACK_THREAD_QUEUES; q++) {
		read_counts(s, q, &c);
		n += c.op[op].requests;
	}
	return n;
}

void stage_expect_content(struct stage *s)
{
	struct pvb_blkback_status status = back_thread_status(&s->back);

	for (int why = 0; why < PVB_WHY_COUNT; why++)
		if (stage_refused(s, (enum pvb_why)why) > 0)
			fail_msg("refused: %s", pvb_why_name(why));
	if (status.why != PVB_OK)
		fail_msg("%s", status.text);
}

/* ---- what else happens to it --------------------------------------------- */

void stage_grow(struct stage *s, uint64_t bytes)
{
	assert_true(bytes > s->bytes);
	s->disk = realloc(s->disk, bytes);
	assert_non_null(s->disk);
	memset(s->disk + s->bytes, 0, bytes - s->bytes);
	s->bytes = bytes;
	assert_int_equal(truncate(s->image, (off_t)bytes), 0);
	assert_int_equal(back_thread_resize(&s->back), 0);
}

void stage_detach(struct stage *s)
{
	assert_int_equal(pvb_blk_nodes_stop(s->tools, &s->dev), 0);
}
