/* SPDX-License-Identifier: MIT */
/*
 * children.h - the processes that `pvb loop` starts and ends.
 *
 * Each gets SIGTERM if its parent dies, whatever the parent died of.
 */
#ifndef PVB_CHILDREN_H
#define PVB_CHILDREN_H

#include <stdbool.h>
#include <sys/types.h>

struct pvb_err;

struct pvb_child {                      /* caller's storage; zero: none */
	pid_t pid;
	const char *name;               /* for errors */
	int   ready_fd;                 /* its "ready" line, until wait_ready */
};

/* Starts argv[0] (by PATH) with a pipe as its standard output.  0, -errno. */
int  pvb_child_start_daemon(struct pvb_child *c, const char *name,
                            char *const argv[], struct pvb_err *e);
/* Waits for its "ready" line; a child that ends first is an error. */
int  pvb_child_wait_ready(struct pvb_child *c, int timeout_ms,
                          struct pvb_err *e);
/* Starts argv[0] with a listening socket as systemd hands one over. */
int  pvb_child_start_listening(struct pvb_child *c, const char *name,
                               char *const argv[], int listen_fd,
                               struct pvb_err *e);
/* SIGTERM, then SIGKILL after `timeout_ms`; reaped.  None: no effect. */
void pvb_child_stop(struct pvb_child *c, int timeout_ms);

#endif
