/* SPDX-License-Identifier: MIT */
/*
 * slate.h - a disk in the test's own memory, with sectors of 4096 bytes, whose
 * requests wait until the test carries them out, whole or in part.  Its lanes
 * are of one thread.
 */
#ifndef PVB_TEST_SLATE_H
#define PVB_TEST_SLATE_H

#include "disk/disk.h"
#include "disk/outbox.h"

enum { SLATE_HELD_MAX = 64, SLATE_SECTOR = 4096, SLATE_SECTORS = 64 };

struct slate {                          /* zeroed: nothing on it */
	unsigned char bytes[SLATE_SECTORS * SLATE_SECTOR];
	struct pvb_io *io[SLATE_HELD_MAX];      /* of all lanes, oldest first */
	uint32_t held;
	uint32_t lanes;                 /* open */
};

struct pvb_disk *slate_open(struct slate *s, struct pvb_loop *loop);
/* Carry the i-th out, and answer it on its loop's next turn. */
void slate_do(struct slate *s, uint32_t i);
/* Carry out no more than its first `bytes`, and answer with an error. */
void slate_fail(struct slate *s, uint32_t i, uint64_t bytes, int error);

#endif
