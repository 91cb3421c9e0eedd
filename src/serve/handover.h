/* SPDX-License-Identifier: MIT */
/*
 * handover.h - another program takes this daemon's place, with every frontend
 * connected.
 *
 *   {"command": "upgrade", "program": "/usr/bin/pvb", "journals": [1],
 *    "timeout_ms": 60000}
 *
 * `journals` are the versions of journals that the program can read.  If ours
 * is among them it can be executed at once.  Else every device is brought to
 * rest first, so that there is nothing to be read; if that takes too long, our
 * own program is executed again, which goes on with those that have come to
 * rest and those that have not.  Answered with {"journals": "kept"} or
 * {"journals": "empty"}.
 */
#ifndef PVB_HANDOVER_H
#define PVB_HANDOVER_H

#include <stdbool.h>

#include <jansson.h>

struct pvb_control_call;
struct pvb_devices;
struct pvb_err;
struct pvb_handover;
struct pvb_log;
struct pvb_loop;

struct pvb_handover_config {
	const struct pvb_log *log;
	struct pvb_loop      *loop;     /* all borrowed until destroy */
	struct pvb_devices   *devices;
	/* See supervisor.h.  NULL: it cannot be done here. */
	void                (*execute)(void *arg, const char *program);
	void                 *arg;
};

/* 0, or -errno with *e: -EINVAL (the request), -EACCES (no such program, or
   none that can be executed), -EOPNOTSUPP, -ENOMEM. */
int  pvb_handover_begin(const struct pvb_handover_config *c,
                        const json_t *request, struct pvb_handover **out,
                        struct pvb_err *e);
/* Who is told of the end, at once or later; NULL: nobody. */
void pvb_handover_answer(struct pvb_handover *h, struct pvb_control_call *call);
/* Another daemon is the next to answer. */
bool pvb_handover_is_over(const struct pvb_handover *h);        /* NULL: no */
/* Before the control socket and the devices.  NULL is fine. */
void pvb_handover_destroy(struct pvb_handover *h);

#endif
