/* SPDX-License-Identifier: MIT */
/*
 * device_deaths.h - how often a device's workers have died, and what to think
 * of it.
 *
 * A request can be poison: whoever serves it dies of it, and finds it again.
 * It is not known which; but a death at which a device has requests in flight,
 * and has got no answer out since the one before, speaks against that device.
 * One that many speak against gets a worker of its own, so that the next one
 * is nobody else's.  Then it is closed.
 */
#ifndef PVB_DEVICE_DEATHS_H
#define PVB_DEVICE_DEATHS_H

#include <stdint.h>

/* The numbers.  A device is closed at that many deaths within that time; of
   such without an answer in between a third is enough, but no fewer than the
   least.  It gets a worker of its own at half of that. */
enum {
	PVB_DEATHS_DEFAULT = 10, PVB_DEATHS_MAX = 1000000,
	PVB_DEATHS_WITHIN_S = 60, PVB_DEATHS_FRUITLESS_LEAST = 3,
};

enum pvb_deaths_verdict {
	PVB_DEATHS_GO_ON,
	PVB_DEATHS_ALONE,               /* go on, in a worker of its own */
	PVB_DEATHS_ENOUGH,
};

struct pvb_deaths {                     /* caller's storage; all-zero: none */
	uint64_t first_ns;              /* of those that are counted */
	uint32_t count;
	uint32_t fruitless;             /* in a row, the last ones */
	uint64_t answered;              /* requests, at the last one */
};

/* What is known of a device when its worker has died. */
struct pvb_death {
	uint64_t now_ns;
	uint64_t answered, in_flight;   /* requests: so far; now */
};

/* Count it.  `max` is how many are enough, at least 1. */
enum pvb_deaths_verdict pvb_deaths_count(struct pvb_deaths *d, uint32_t max,
                                         const struct pvb_death *death);

#endif
