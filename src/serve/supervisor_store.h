/* SPDX-License-Identifier: MIT */
/*
 * supervisor_store.h - waits until a host's store answers again, after it was
 * lost.
 *
 * Each try is on a thread of its own: a store may take a question and never
 * answer it, and whoever waits here has workers to look after.
 */
#ifndef PVB_SUPERVISOR_STORE_H
#define PVB_SUPERVISOR_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/loop.h"
#include "hyp/host.h"

struct pvb_store_return {               /* caller's storage; all-zero: none */
	struct pvb_loop *loop;
	struct pvb_host  host;
	/* After each try: it answers, or not (then there is a next one, later
	   and later).  From the loop; end is legal in here. */
	void (*tried)(struct pvb_store_return *w, bool answers);
	/* ---- its own ---- */
	struct pvb_loop_fd    answer;
	struct pvb_loop_timer next;
	uint32_t pause_ms;
};

/* With the fields above filled in: the first try is now. */
void pvb_store_return_begin(struct pvb_store_return *w);
/* A try that is under way comes to nothing. */
void pvb_store_return_end(struct pvb_store_return *w);

#endif
