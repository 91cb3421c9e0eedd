/* SPDX-License-Identifier: MIT */
/*
 * devices.h - all devices that this daemon serves: found in the store when
 * they come, let go when they have closed or their nodes are gone.
 */
#ifndef PVB_DEVICES_H
#define PVB_DEVICES_H

#include <stdint.h>

#include "device.h"

struct pvb_devices;
struct pvb_err;
struct pvb_loop;

struct pvb_devices_config {
	const struct pvb_log  *log;
	const struct pvb_host *host;
	uint16_t               own_domid;
	uint64_t               spin_max_ns;
	uint32_t               deaths_max;
	struct pvb_loop       *loop;    /* all borrowed until destroy */
	const struct pvb_kept *kept;
	struct pvb_watches    *watches;
	struct pvb_workers    *workers;
	struct pvb_prober     *prober;
};

/* Begins with those that are there, on the loop's next turn.  0, or -errno
   with *e. */
int  pvb_devices_create(const struct pvb_devices_config *c,
                        struct pvb_devices **out, struct pvb_err *e);
/* Without a word to their fronts or the store.  NULL is fine. */
void pvb_devices_destroy(struct pvb_devices *s);

/* From now on. */
void pvb_devices_set(struct pvb_devices *s, uint64_t spin_max_ns,
                     uint32_t deaths_max);

/* From the loop, perhaps more than once.  `code`: 0, or a negative errno. */
typedef void pvb_devices_done(void *arg, int code);

/* Close every one in an orderly way, and begin no other; `done` when the last
   has closed. */
void pvb_devices_drain(struct pvb_devices *s, pvb_devices_done *done,
                       void *arg);
/* Instead: bring every one to rest (see blkback_ctl.h); `done` when the last
   has: or why one has not. */
void pvb_devices_rest(struct pvb_devices *s, pvb_devices_done *done, void *arg);

/* NULL: it is not served here. */
struct pvb_device *pvb_devices_find(struct pvb_devices *s,
                                    uint16_t front_domid, uint32_t number);
/* One after the other, by domain and number; NULL: the first, or that was the
   last. */
struct pvb_device *pvb_devices_next(struct pvb_devices *s,
                                    const struct pvb_device *after);

#endif
