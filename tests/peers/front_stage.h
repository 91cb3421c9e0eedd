/* SPDX-License-Identifier: MIT */
/*
 * front_stage.h - what a scripted front stands on: a machine, a disk with known
 * content, the device's nodes as `pvb attach` makes them, and pvb's backend.
 */
#ifndef PVB_PEERS_FRONT_STAGE_H
#define PVB_PEERS_FRONT_STAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "flow/counters.h"
#include "pair/back_thread.h"

enum {
	STAGE_BACK = 0, STAGE_FRONT = 3,        /* domains */
	STAGE_VDEV = 51728,             /* xvdb */
	STAGE_BYTES = 4 << 20,          /* of the disk */
};

struct stage_options {                  /* all zero: as pvb is by itself */
	uint32_t sector_size;
	enum pvb_blk_units units;
	bool blocks, barrier, cdrom, empty, not_persistent;
};

struct stage {
	struct machine machine;
	struct pvb_store *tools;        /* the toolstack's */
	struct pvb_xsdev dev;
	struct pvb_blk_options options;
	char back_dir[96], front_dir[96];
	char image[96], uri[128];
	struct back_thread back;
	bool back_runs;
	unsigned char *disk;            /* what must stand in the image */
	uint64_t bytes;
	int fds_at_start;
};

/* All but the backend. */
void stage_begin(struct stage *s, const struct stage_options *o);
void stage_end(struct stage *s);
void stage_start_back(struct stage *s);

/* The image is what it must be. */
void stage_expect_disk(const struct stage *s);
/* No request was refused, and nothing was complained of. */
void stage_expect_content(struct stage *s);
uint64_t stage_refused(struct stage *s, enum pvb_why why);
/* Requests that the backend has counted, all queues together. */
uint64_t stage_requests(struct stage *s, enum pvb_count_op op);
/* The disk grows, and pvb's backend is told. */
void stage_grow(struct stage *s, uint64_t bytes);
/* The toolstack wants the device gone. */
void stage_detach(struct stage *s);

#endif
