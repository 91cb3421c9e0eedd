/* SPDX-License-Identifier: MIT */
/*
 * storewire.h - the client's end of one XenStore connection on a Unix socket:
 * a request and its reply, and watch events in between.
 *
 * A call waits for its reply, PVB_STOREWIRE_TIMEOUT_MS at most; events that
 * come meanwhile are kept (store_events.h).  A reply that is late or wrong,
 * and a hang-up, end the connection: all later calls are -EIO.
 */
#ifndef PVB_HYP_STOREWIRE_H
#define PVB_HYP_STOREWIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/xswire.h"
#include "store_events.h"

struct pvb_store_event;

enum {
	PVB_STOREWIRE_TIMEOUT_MS = 10000,
	PVB_STOREWIRE_PARTS_MAX  = 4,
};

struct pvb_storewire {                  /* caller's storage */
	int fd;                         /* owned; -1: closed */
	bool dead;                      /* fd stays, so that it can be polled */
	uint32_t req_id;
	struct pvb_store_events events; /* what is expected and kept */
	struct pvb_xs_reader in;
};

struct pvb_storewire_part { const void *bytes; size_t length; };

/* Connect.  0, -ENOENT (nobody listens), -EACCES, -ENAMETOOLONG, -ETIMEDOUT,
   -EIO. */
int  pvb_storewire_open(struct pvb_storewire *w, const char *path);
/* Closed, or all zero but fd -1: fine. */
void pvb_storewire_close(struct pvb_storewire *w);

/*
 * One request whose payload is the `count` parts.  0 with the reply, borrowed
 * until the next call and with a NUL after it; or the code that the store
 * answered; -EIO: dead; -E2BIG: the request does not fit.
 */
int pvb_storewire_call(struct pvb_storewire *w, enum pvb_xs_type type,
                       uint32_t tx, const struct pvb_storewire_part *part,
                       uint32_t count, const char **reply, uint32_t *length);

/* The store's last answer makes no sense: the connection is dead.  -EIO. */
int pvb_storewire_break(struct pvb_storewire *w);

/* The next event, without waiting.  1, 0: none, -EIO. */
int  pvb_storewire_event(struct pvb_storewire *w, struct pvb_store_event *e);

#endif
