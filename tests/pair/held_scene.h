/* SPDX-License-Identifier: MIT */
/*
 * held_scene.h - a pair on a disk that answers when the test says so, with time
 * that passes when the test says so, and a few requests.
 */
#ifndef PVB_TEST_HELD_SCENE_H
#define PVB_TEST_HELD_SCENE_H

#include "disk_held.h"
#include "pair.h"
#include "requests.h"

enum { SCENE_REQS = 4 };

struct scene {
	struct pair pair;
	struct rig rig;
	struct req req[SCENE_REQS];
};

/* Connected; with these options, on "held:64M" if they name no disk. */
struct scene *scene_begin(const struct pair_options *more);
void scene_end(struct scene *s);
void scene_release(struct scene *s);    /* the same, but it is disconnected */

/* The i-th request, at 64 KiB times i. */
struct req *scene_submit(struct scene *s, int i, enum pvb_io_op op,
                         uint64_t length);
/* A write of 4 KiB, which is in the disk or wherever it gets to. */
struct req *scene_submit_write(struct scene *s, int i);
/* The disk's oldest request. */
void scene_answer(struct scene *s, int result);
void scene_pass(struct scene *s, uint64_t ns);

#endif
