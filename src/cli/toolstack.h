/* SPDX-License-Identifier: MIT */
/*
 * toolstack.h - attach and detach as calls: make a device's nodes and wait
 * until it is connected; ask for its end and wait until it is gone.
 */
#ifndef PVB_TOOLSTACK_H
#define PVB_TOOLSTACK_H

#include <stdbool.h>
#include <stdint.h>

#include "blk/blk_options.h"
#include "hyp/host.h"

struct pvb_err;
struct pvb_signals;

struct pvb_attach {
	const struct pvb_host *host;
	uint16_t back_domid, front_domid;
	uint32_t number;
	const char *disk;               /* its URI, or an absolute path */
	struct pvb_blk_options options;
	/* Wait until the back has said Connected (or, where no front is there
	   yet, until it has the disk and waits for one); 0: do not wait. */
	uint64_t timeout_ms;
	bool     need_front;            /* InitWait is not enough */
	struct pvb_signals *signals;    /* one ends the wait; NULL: none */
};
/* What was made is removed again on failure.  0 or -errno with *e; -EINTR: a
   signal was taken. */
int pvb_toolstack_attach(const struct pvb_attach *a, struct pvb_err *e);

struct pvb_detach {
	const struct pvb_host *host;
	uint16_t back_domid, front_domid;
	uint32_t number;
	bool     force;                 /* after the time-out, without the
	                                   front */
	uint64_t timeout_ms;
};
/* Half of a device, as a crash of a toolstack leaves it, is removed as well.
   0, perhaps with something to be said in *e; -ENOENT, -ETIMEDOUT (in use: left
   as it is), -errno. */
int pvb_toolstack_detach(const struct pvb_detach *d, struct pvb_err *e);

#endif
