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
	int   end_fd;                   /* readable once it has ended; -1: the
	                                   kernel has no such thing */
	bool  has_ended;                /* the caller's note */
};

enum { PVB_CHILD_END_MAX = 64 };

/* Starts argv[0] (by PATH) with a pipe as its standard output.  0, -errno. */
int  pvb_child_start_daemon(struct pvb_child *c, const char *name,
                            char *const argv[], struct pvb_err *e);
/* Waits for its "ready" line; a child that ends first is an error.  -EINTR:
   `stop_fd` is readable. */
int  pvb_child_wait_ready(struct pvb_child *c, int timeout_ms, int stop_fd,
                          struct pvb_err *e);
/* Starts argv[0] with a listening socket as systemd hands one over. */
int  pvb_child_start_listening(struct pvb_child *c, const char *name,
                               char *const argv[], int listen_fd,
                               struct pvb_err *e);
/* It was started, and has not ended by itself.  Does not reap it. */
bool pvb_child_is_running(const struct pvb_child *c);
/* "NAME ended (signal 9)". */
void pvb_child_end_text(const struct pvb_child *c, char out[PVB_CHILD_END_MAX]);
/* SIGTERM, then SIGKILL after `timeout_ms`; reaped.  None: no effect. */
void pvb_child_stop(struct pvb_child *c, int timeout_ms);

#endif
