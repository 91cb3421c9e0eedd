/* SPDX-License-Identifier: MIT */
/*
 * conformance.h - what every disk has to do, whatever it is made of: one
 * suite for all drivers, for a connected frontend, and through fault.
 *
 * The suite overwrites the disk, which must have at least CONFORMANCE_BYTES.
 */
#ifndef PVB_TEST_CONFORMANCE_H
#define PVB_TEST_CONFORMANCE_H

#include <stdbool.h>
#include <stdint.h>

#include "requests.h"

enum { CONFORMANCE_BYTES = 16 << 20 };

struct conformance_target {
	const char *name;
	/* Fill rig->loop and rig->disk with the disk, opened by these flags
	   (PVB_DISK_READ_ONLY or none).  0, else the case has failed. */
	int  (*open)(const struct conformance_target *t, uint32_t flags,
	             struct rig *rig);
	/* Close the disk, which is idle, and destroy the loop. */
	void (*close)(const struct conformance_target *t, struct rig *rig);
	bool forgets;                   /* reads are zeros, come what may */
	bool new_each_time;             /* closed, it forgets everything */
	bool no_read_only;              /* cannot be opened read-only */
	bool spins;                     /* its loop turns without being woken */
	void *arg;
};

/* Run all cases as one group of tests: the number that failed. */
int conformance_run(const struct conformance_target *t);

/* ---- for the files of the suite ------------------------------------- */
struct conformance {
	const struct conformance_target *target;
	struct rig rig;
};
struct conformance_case {
	const char *name;
	void (*run)(struct conformance *c);
	uint32_t flags;                 /* PVB_DISK_READ_ONLY */
};
/* Each list ends with a name of NULL. */
extern const struct conformance_case conformance_refusals[],
                                     conformance_data[],
                                     conformance_order[];
void conformance_random_ops(struct conformance *c);

#endif
