/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include "held_scene.h"

struct scene *scene_begin(const struct pair_options *more)
{
	struct scene *s = calloc(1, sizeof(*s));
	struct pair_options o = *more;

	assert_non_null(s);
	if (!o.uri) {
		o.uri = "held:64M";
		o.disks = disk_held_list;
	}
	o.manual_clock = true;
	pair_init(&s->pair, &o);
	pair_connect(&s->pair);
	s->rig.loop = s->pair.loop;
	s->rig.disk = s->pair.disk;
	return s;
}

void scene_release(struct scene *s)
{
	pair_fini(&s->pair);
	for (int i = 0; i < SCENE_REQS; i++)
		req_fini(&s->req[i]);
	held_reset();
	free(s);
}

void scene_end(struct scene *s)
{
	pair_disconnect(&s->pair);
	scene_release(s);
}

struct req *scene_submit(struct scene *s, int i, enum pvb_io_op op,
                         uint64_t length)
{
	req_init(&s->req[i], &s->rig, op, length ? (uint64_t)i * 65536 : 0,
	         length);
	assert_int_equal(req_submit(&s->req[i]), 0);
	rig_kick(&s->rig);
	return &s->req[i];
}

struct req *scene_submit_write(struct scene *s, int i)
{
	struct req *q = scene_submit(s, i, PVB_IO_WRITE, 4096);

	pair_settle(&s->pair);
	return q;
}

void scene_answer(struct scene *s, int result)
{
	held_answer(0, result);
	pair_settle(&s->pair);
}

void scene_pass(struct scene *s, uint64_t ns)
{
	pvb_loop_turn_clock(s->pair.back_loop, ns);
	pair_settle(&s->pair);
}
