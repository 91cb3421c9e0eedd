/* SPDX-License-Identifier: MIT */
/*
 * supervisor.h - the backend daemon: finds devices in the store, serves each
 * by a control half here and data halves in its domain's worker, and answers
 * on the control socket.
 */
#ifndef PVB_SUPERVISOR_H
#define PVB_SUPERVISOR_H

#include <stdbool.h>
#include <stdbool.h>
#include <stdint.h>

struct pvb_err;
struct pvb_host;
struct pvb_log;
struct pvb_loop;
struct pvb_supervisor;

struct pvb_supervisor_config {
	const struct pvb_log *log;
	const struct pvb_host *host;    /* both borrowed until destroy */
	const char *control_path;
	const char *program;            /* that workers run; NULL: this one */
	uint64_t    spin_max_ns;
	/* So many deaths of workers within a minute are too many for a device;
	   0: PVB_DEATHS_DEFAULT. */
	uint32_t    deaths_max;
	/* The store is gone.  What is connected is served on; nothing new can
	   be, and nothing be closed.  Then `tried`, again and again, until it
	   is back: destroy this supervisor then (but not in there), and create
	   another, which finds all as it is by that time. */
	void (*lost)(void *arg);
	void (*tried)(void *arg, bool back);
	/* Destroy it and execute this program in our place, for it can go on
	   with all that is served.  Not in here.  NULL: our own, for the one
	   that was asked for cannot.  Borrowed until destroy. */
	void (*upgrade)(void *arg, const char *program);
	void *arg;
};

/* What may change while it serves. */
struct pvb_supervisor_settings { uint64_t spin_max_ns; uint32_t deaths_max; };

/* Serves while the loop turns.  Owned, or NULL with *e. */
struct pvb_supervisor *pvb_supervisor_create(
	const struct pvb_supervisor_config *c, struct pvb_loop *loop,
	struct pvb_err *e);
/* Leaves devices and guests as they are, and ends its workers. */
void pvb_supervisor_destroy(struct pvb_supervisor *s);

/* For what begins from now on; workers that die now. */
void pvb_supervisor_set(struct pvb_supervisor *s,
                        const struct pvb_supervisor_settings *settings);
/* Close every device in an orderly way; `done` when the last has closed. */
void pvb_supervisor_drain(struct pvb_supervisor *s, void (*done)(void *arg),
                          void *arg);

#endif
