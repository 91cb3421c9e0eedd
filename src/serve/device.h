/* SPDX-License-Identifier: MIT */
/*
 * device.h - one device that the supervisor serves: its control half, its
 * disk, its counters, and how it is shown.
 */
#ifndef PVB_DEVICE_H
#define PVB_DEVICE_H

#include <stdbool.h>

#include <jansson.h>

#include "blk/blkback_ctl.h"
#include "proto/xspath.h"

struct pvb_device;
struct pvb_err;
struct pvb_host;
struct pvb_kept;
struct pvb_kind;
struct pvb_medium;
struct pvb_prober;
struct pvb_watches;
struct pvb_workers;

struct pvb_device_config {
	const struct pvb_log *log;
	struct pvb_xsdev      dev;
	uint32_t              cpus;
	uint64_t              spin_max_ns;
	uint32_t              deaths_max;       /* see device_deaths.h */
	const struct pvb_host *host;            /* all borrowed until destroy */
	const struct pvb_kind *kind;
	const struct pvb_kept *kept;
	struct pvb_watches   *watches;
	struct pvb_workers   *workers;
	struct pvb_prober    *prober;
	/* A state has changed, ours or the front's. */
	void (*changed)(struct pvb_device *d, void *arg);
	/* It has come to rest: code 0, or why it has not. */
	void (*rested)(struct pvb_device *d, int code, void *arg);
	/* Closed for good: destroy it, but not from inside this call. */
	void (*retired)(struct pvb_device *d, void *arg);
	void *arg;
};

/* Reads its nodes and begins.  -ENOENT (gone meanwhile), -EINVAL (its nodes
   make no sense), -EBUSY (a driver of the kernel has it), -ENOMEM, -EIO. */
int  pvb_device_create(const struct pvb_device_config *c,
                       struct pvb_device **out, struct pvb_err *e);
/* Without a word to the front or the store; another supervisor goes on. */
void pvb_device_destroy(struct pvb_device *d);
/* It is no more: nothing is kept of it. */
void pvb_device_end(struct pvb_device *d);

const struct pvb_xsdev *pvb_device_dev(const struct pvb_device *d);
void pvb_device_stop(struct pvb_device *d, bool force);
/* From now on; the first for rings that are attached from now on. */
void pvb_device_set(struct pvb_device *d, uint64_t spin_max_ns,
                    uint32_t deaths_max);
/* See blkback_ctl.h.  The rested call follows, unless it is retired. */
void pvb_device_rest(struct pvb_device *d);
int  pvb_device_resize(struct pvb_device *d, struct pvb_err *e);
/* Change its medium: see device_medium.h. */
struct pvb_medium *pvb_device_medium(struct pvb_device *d);

/* For `pvb list` and `pvb stat`: owned objects, or NULL without memory. */
json_t *pvb_device_list_json(const struct pvb_device *d);
json_t *pvb_device_stat_json(const struct pvb_device *d);

#endif
