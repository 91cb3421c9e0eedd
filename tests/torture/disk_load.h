/* SPDX-License-Identifier: MIT */
/*
 * disk_load.h - one disk under verified load: a thread that keeps many requests
 * in flight through the library, and knows what each block may hold
 * (history.h).  Any thread may call.
 */
#ifndef PVB_TEST_DISK_LOAD_H
#define PVB_TEST_DISK_LOAD_H

#include <stdbool.h>
#include <stdint.h>

enum { DISK_LOAD_PAUSES = 1024 };

struct disk_load;

struct disk_load_config {
	const char *uri;
	uint32_t number;                /* in its blocks */
	uint32_t depth;                 /* requests in flight */
	uint64_t seed;
	uint64_t hang_ns;               /* unanswered so long: an error */
	bool     zeros;                 /* what is discarded is zero then */
};

struct disk_load_state {
	uint32_t in_flight;
	uint64_t requests;              /* answered */
	uint64_t of[4];                 /* reads, writes, flushes, discards */
	uint64_t blocks;                /* that were compared */
	uint64_t pause_ns;              /* the longest time without an answer
	                                   that ended, or lasts, since the last
	                                   call of reset */
	bool     failed;                /* said on standard error */
};

/* The disk must be all zero.  NULL: said on standard error. */
struct disk_load *disk_load_start(const struct disk_load_config *c);
void disk_load_look(struct disk_load *l, struct disk_load_state *out);
/* Whatever happens between the two is at one moment of this disk.  Lock says
   how many requests are in flight. */
uint32_t disk_load_lock(struct disk_load *l);
void disk_load_unlock_and_reset(struct disk_load *l);
/* Tell it to finish what is in flight and compare the whole disk. */
void disk_load_stop(struct disk_load *l);
/* Wait for that.  All was right? */
bool disk_load_join(struct disk_load *l);
/* After join: the longest times without an answer ever, the longest first; how
   many. */
uint32_t disk_load_pauses(struct disk_load *l, uint64_t ns[DISK_LOAD_PAUSES]);
/* After join: write what the disk held to this file. */
bool disk_load_save(struct disk_load *l, const char *path);
void disk_load_free(struct disk_load *l);

#endif
