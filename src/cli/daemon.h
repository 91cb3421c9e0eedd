/* SPDX-License-Identifier: MIT */
/*
 * daemon.h - what the long-running commands have in common: one loop that
 * turns until SIGINT or SIGTERM, a log on standard error, a word on standard
 * output when everything is ready.
 */
#ifndef PVB_DAEMON_H
#define PVB_DAEMON_H

#include "base/log.h"
#include "base/loop.h"

struct pvb_daemon {                     /* caller's storage */
	struct pvb_log     log;
	struct pvb_loop   *loop;
	struct pvb_loop_fd signals;
	void             (*hup)(void *arg);
	void              *hup_arg;
};

/* Blocks the two signals for the whole process.  An exit status. */
int  pvb_daemon_init(struct pvb_daemon *d, enum pvb_log_level level);
void pvb_daemon_fini(struct pvb_daemon *d);
/* Have this called on SIGHUP, which would end us else.  An exit status. */
int  pvb_daemon_hear_hup(struct pvb_daemon *d, void (*hup)(void *arg),
                         void *arg);
/* "ready WHAT" and a newline: whoever started us may go on. */
void pvb_daemon_say_ready(const char *what);
/* Turns the loop until a signal.  An exit status. */
int  pvb_daemon_run(struct pvb_daemon *d);

#endif
