/* SPDX-License-Identifier: MIT */
/*
 * store_events.h - the watch events of one store handle that wait to be taken,
 * for whoever implements the store's table.
 *
 * Keeps events of watches that are expected and of no others, each once, and
 * no more than PVB_STORE_EVENT_BYTES of them.  When no more fit, the next ones
 * of a watch become one that names the watched path.  No socket and no thread
 * in here.
 */
#ifndef PVB_HYP_STORE_EVENTS_H
#define PVB_HYP_STORE_EVENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/queue.h"

struct pvb_store_event;
struct pvb_store_watch;

enum { PVB_STORE_EVENT_BYTES = 262144 };

struct pvb_store_events {               /* caller's storage; all-zero: empty */
	struct pvb_queue events;        /* owned */
	size_t bytes;
	struct pvb_store_watch *watches;        /* owned */
};

/* Before asking the store for the watch.  0, -EEXIST, -ENOMEM. */
int  pvb_store_events_expect(struct pvb_store_events *q, const char *path,
                             uint64_t token);
/* With the events that are kept for it.  Not expected: no effect. */
void pvb_store_events_forget(struct pvb_store_events *q, const char *path,
                             uint64_t token);
/* What the store said: where something happened, and the token's text. */
void pvb_store_events_keep(struct pvb_store_events *q, const char *path,
                           const char *token);
/* The oldest; false: none. */
bool pvb_store_events_take(struct pvb_store_events *q,
                           struct pvb_store_event *e);
/* All of them, and all watches. */
void pvb_store_events_drop(struct pvb_store_events *q);

/* A token's text on the wire. */
enum { PVB_STORE_TOKEN_BYTES = 21 };
void pvb_store_token(uint64_t token, char out[PVB_STORE_TOKEN_BYTES]);

#endif
