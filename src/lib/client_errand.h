/* SPDX-License-Identifier: MIT */
/*
 * client_errand.h - something that must happen on the lane's thread while the
 * caller waits.
 */
#ifndef PVB_CLIENT_ERRAND_H
#define PVB_CLIENT_ERRAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/queue.h"

struct pvb_client;
struct pvb_disk;
struct pvb_disk_extent;

struct pvb_errand {                     /* caller's storage */
	void (*run)(struct pvb_disk *lane, struct pvb_errand *e);
	/* arguments and result, as the errand needs them */
	uint64_t offset_bytes, length_bytes;
	struct pvb_disk_extent *extents;
	uint32_t cap;
	void    *buffer;
	size_t   bytes;
	int      result;
	struct pvb_qnode node;          /* the client's */
	bool     done;                  /* the client's */
};

/* Returns when it has run.  Not from the client's own thread. */
void pvb_client_run_errand(struct pvb_client *c, struct pvb_errand *e);

#endif
