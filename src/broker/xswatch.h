/* SPDX-License-Identifier: MIT */
/*
 * xswatch.h - the store's watches, and each client's queue of events.
 *
 * A table finds the watches on a path; a watcher is one client's set of
 * watches with what has fired and was not taken yet.  The queue is bounded
 * although no event may be lost: an event that waits already is not queued
 * again, and when too much waits, the next events of a watch become one that
 * names the watched path itself, which tells the client to look at all of it
 * (it had such a one when it set the watch).
 *
 * Who may hear of what is the caller's.  One thread.
 */
#ifndef PVB_BROKER_XSWATCH_H
#define PVB_BROKER_XSWATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/queue.h"

struct pvb_xswatch;
struct pvb_xswatcher {                  /* caller's storage */
	/* Something waits; said when the queue was empty.  May be NULL. */
	void (*waiting)(struct pvb_xswatcher *w);
	struct pvb_xswatch *first;      /* owned; in the order of setting */
	struct pvb_queue events;
	size_t event_bytes, event_bytes_max;    /* that wait; may wait */
	uint32_t count;                 /* watches */
};

struct pvb_xswatches {                  /* caller's storage; zero is valid */
	struct pvb_xswatch **bucket;    /* owned array of chains */
	uint32_t buckets, count;
};

/* No watch may be left (asserted). */
void pvb_xswatches_fini(struct pvb_xswatches *t);

/*
 * Watch `path` (absolute, or special).  Events leave out the first `prefix`
 * bytes of their path: relative watches.  One event waits at once.
 * 0, -EEXIST (path and token are there) or -ENOMEM.
 */
int pvb_xswatches_add(struct pvb_xswatches *t, struct pvb_xswatcher *w,
                      const char *path, const char *token, size_t prefix);
/* 0 or -ENOENT.  Its waiting events go with it. */
int pvb_xswatches_remove(struct pvb_xswatches *t, struct pvb_xswatcher *w,
                         const char *path, const char *token);
/* All of this watcher's. */
void pvb_xswatches_clear(struct pvb_xswatches *t, struct pvb_xswatcher *w);

/*
 * `path` changed: queue events for watches on it and, unless `exact`, above
 * it, of watchers for which allowed(arg, w) is true.
 */
struct pvb_xsaudience {
	bool (*allowed)(void *arg, struct pvb_xswatcher *w);
	void *arg;
};
void pvb_xswatches_fire(struct pvb_xswatches *t, const char *path, bool exact,
                        const struct pvb_xsaudience *who);

/* The oldest waiting event, borrowed until it is dropped; false: none. */
bool pvb_xswatcher_peek(const struct pvb_xswatcher *w, const char **path,
                        const char **token);
void pvb_xswatcher_drop(struct pvb_xswatcher *w);

#endif
