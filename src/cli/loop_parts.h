/* SPDX-License-Identifier: MIT */
/*
 * loop_parts.h - what the files of `pvb loop` share: cmd_loop.c starts and ends
 * everything, loop_run.c is what happens in between.
 */
#ifndef PVB_LOOP_PARTS_H
#define PVB_LOOP_PARTS_H

#include <stdbool.h>

#include "blk/blk_options.h"
#include "children.h"
#include "cmd.h"
#include "hyp/host.h"
#include "loop_names.h"
#include "signals.h"

enum { DISKS_MAX = 256 };

struct loop {
	const struct pvb_cmd  *cmd;
	struct pvb_blk_options options;
	const char            *nbd, *run, *log, *poll;
	int                    disks;
	char                 **disk;
	struct pvb_signals     signals;
	struct pvb_loop_names  names;
	struct pvb_host        host;
	struct pvb_child       local, serve, export[DISKS_MAX];
	int                    listen_fd[DISKS_MAX];
	bool                   bound[DISKS_MAX];
	bool                   attached[DISKS_MAX];
};

/* Run CMD with its environment.  Its own exit status; 128 + N if signal N
   ended it, as shells say it; FAILED if all was well with it but a part of
   ours ended meanwhile, which is said. */
int  loop_run_command(struct loop *l);
/* Print the URIs, wait.  DONE on a signal; FAILED if a part of ours ended. */
int  loop_wait_for_signal(struct loop *l);

#endif
