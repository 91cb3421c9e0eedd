/* SPDX-License-Identifier: MIT */
/*
 * runner.h - runs the handshake of one end of one device: carries out what
 * proto/conn.h orders and feeds back what comes of it and what the store
 * says.  The same for front and back and for every protocol; what they
 * publish, read and attach is behind a table of calls.
 *
 * Knows states, nodes and deadlines.  Never looks into a key's meaning and
 * never touches a page, a port or a disk.
 *
 * Writes our directory only while it is there: every write is one transaction
 * that begins by reading our own state, so that a removed device is not made
 * again and a toolstack's wish to close it (state 5) is not overwritten.
 */
#ifndef PVB_RUNNER_H
#define PVB_RUNNER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/log.h"
#include "base/loop.h"
#include "proto/conn.h"
#include "watches.h"

struct pvb_err;
struct pvb_keys;
struct pvb_runner;
struct pvb_store;

enum { PVB_RUNNER_DIR_MAX = 199, PVB_RUNNER_TEXT_MAX = 199 };

/* What begins with a verb of the handshake is that PVB_DO_ action.  All are
   called from the loop. */
struct pvb_runner_ops {
	/* What we publish together with state `saying`.  0 or -errno. */
	int  (*publish)(struct pvb_runner *r, enum pvb_xb saying,
	                struct pvb_keys *k);
	/* All that this or a former front may have published; the values do
	   not count.  0 or -errno.  NULL for a back. */
	int  (*unpublish)(struct pvb_runner *r, struct pvb_keys *k);
	/* Read what the peer published for `action`, PVB_DO_READ_PEER or
	   PVB_DO_GEOMETRY, in transaction `tx`; called again if that has to be
	   repeated.  0 or -errno. */
	int  (*fetch)(struct pvb_runner *r, uint32_t tx, uint32_t action,
	              struct pvb_keys *k);
	/* Agree to it, and keep it.  A refusal leaves what was kept alone. */
	enum pvb_why (*take)(struct pvb_runner *r, uint32_t action,
	                     const struct pvb_keys *k, const char **bad);
	/* Do these keys of READ_PEER name the connection that take agreed to
	   last?  NULL: a peer of this kind has no identity. */
	bool (*is_same)(struct pvb_runner *r, const struct pvb_keys *k);
	/* 0: ATTACHED or FAIL follows by pvb_runner_answer or _failed.  1: not
	   yet; called again by pvb_runner_attach.  -errno. */
	int  (*attach)(struct pvb_runner *r);
	void (*go)(struct pvb_runner *r);
	void (*drain)(struct pvb_runner *r, bool cut);  /* DRAINED follows */
	void (*detach)(struct pvb_runner *r);           /* DETACHED follows */
	/* A state has changed, ours or the peer's. */
	void (*changed)(struct pvb_runner *r);
	/* Nothing more will happen; fini is legal in here. */
	void (*retired)(struct pvb_runner *r);
};

struct pvb_runner_config {
	const struct pvb_log *log;
	const struct pvb_runner_ops *ops;
	enum pvb_role role;
	char     name[48];              /* in log lines */
	char     dir[PVB_RUNNER_DIR_MAX + 1], peer_dir[PVB_RUNNER_DIR_MAX + 1];
	uint16_t peer_domid;
	/* How long to wait for the peer until it is live, and for each of its
	   steps when we close; 0: for ever.  The peer cannot put it off.  What
	   is in flight has its own time: a drain is waited for. */
	uint64_t connect_timeout_ns, close_timeout_ns;
};

/* A node that is too long for a set of keys. */
struct pvb_runner_text { const char *name, *value; };

/* States as they stand in the store. */
struct pvb_runner_found { uint32_t mine, peer; bool online; };

enum pvb_runner_wait {
	PVB_RUNNER_NO_WAIT, PVB_RUNNER_CONNECTING, PVB_RUNNER_CLOSING,
};

struct pvb_runner_event { enum pvb_ev ev; uint32_t arg; };

struct pvb_runner {                     /* caller's storage */
	struct pvb_runner_config c;
	struct pvb_watches *watches;    /* borrowed until fini */
	struct pvb_store *store;
	struct pvb_loop  *loop;
	struct pvb_conn   conn;

	/* Why it is not as it should be; OK: it is, and text says nothing. */
	enum pvb_why why;
	char text[PVB_RUNNER_TEXT_MAX + 1];
	uint64_t refused[PVB_WHY_COUNT];        /* connections, by reason */

	/* ---- the rest is the runner's ---- */
	struct pvb_watch own_watch, peer_watch, died_watch, born_watch;
	struct pvb_loop_task  turn, last;
	struct pvb_loop_timer deadline;
	enum pvb_runner_wait  waiting;
	uint8_t  waiting_phase;
	struct pvb_log_limit  limit[PVB_WHY_COUNT];
	struct pvb_runner_event queue[16];
	uint32_t queued;
	uint32_t known;                 /* what our state node said last */
	uint8_t  told_mine, told_peer;
	bool     told_live, tell;
	bool     started, retired, ended;
	bool     held;                  /* no turn is taken */
	bool     forced;                /* wait for the peer no more */
	bool     linger;                /* retire when the toolstack says so */
	bool     vanished;              /* our directory */
	bool     attach_held;           /* the attach call said: not yet */
	bool     attach_ready;          /* and now is the time */
	bool     draining;              /* DRAINED is due */
	bool     look_own, look_peer;   /* due */
	bool     look_ordered;          /* say it also if it is nothing new */
	bool     peer_gone;             /* as was said last */
	bool     domain_gone;
	bool     has_identity;          /* take has agreed to something */
	bool     complained;            /* in the store */
	bool     explained;             /* there, for the front */
};

/* Copies the config.  Reads nothing yet. */
void pvb_runner_init(struct pvb_runner *r, struct pvb_watches *ws,
                     const struct pvb_runner_config *c);
/* 0, or -errno with *e: -ENOENT (no such device), -ENOSPC -ENOMEM (a watch),
   -EACCES, -EIO. */
int  pvb_runner_start(struct pvb_runner *r, struct pvb_err *e);
/*
 * Has somebody who is dead left a connection for this back to go on with: ours
 * and the peer's states, and terms that take agrees to (it has, then)?  1; 0:
 * no, and start begins anew, but knows a dead peer's word when it sees it; or
 * -errno with *e, as start.  Says and blames nothing.
 */
int  pvb_runner_find(struct pvb_runner *r, struct pvb_runner_found *out,
                     struct pvb_err *e);
/* Instead of start: that connection is live, and always was.  Says nothing.
   As start. */
int  pvb_runner_resume(struct pvb_runner *r, const struct pvb_runner_found *f,
                       struct pvb_err *e);
/* Do and say nothing until it is let go; what comes meanwhile comes then. */
void pvb_runner_hold(struct pvb_runner *r, bool hold);
/* Without a word to anybody.  All-zero or fini'd: fine. */
void pvb_runner_fini(struct pvb_runner *r);

/* The data half's PVB_EV_ATTACHED, _DRAINED or _DETACHED. */
void pvb_runner_answer(struct pvb_runner *r, enum pvb_ev ev);
/* `action` failed (0: the data path) for this reason. */
void pvb_runner_failed(struct pvb_runner *r, uint32_t action, enum pvb_why why,
                       const char *text);
/* What an attach waited for is there: if one was held, it is called again. */
void pvb_runner_attach(struct pvb_runner *r);

/* Close and retire.  Forced: does not wait for the peer. */
void pvb_runner_stop(struct pvb_runner *r, bool force);
/* There can be no connection: close, and stay closed until the toolstack takes
   the device away; only then retire. */
void pvb_runner_refuse(struct pvb_runner *r, enum pvb_why why,
                       const char *text);
/* Likewise, for a reason that was told otherwise. */
void pvb_runner_linger(struct pvb_runner *r);

/* The changed call is due, though no state has changed. */
void pvb_runner_tell(struct pvb_runner *r);
/* While live: publish again, with `also` (NULL: nothing), and say the same
   state again.  0, -ENOENT (the directory is gone), -EAGAIN, -ENOSPC, -ENOMEM,
   -EIO. */
int  pvb_runner_republish(struct pvb_runner *r,
                          const struct pvb_runner_text *also);
/* Write these into our directory; either may be NULL.  As above. */
int  pvb_runner_put(struct pvb_runner *r, const struct pvb_keys *k,
                    const struct pvb_runner_text *also);

/* The first reason of a connection stands: in `why` and `text`, in the log, in
   the node that people look into, where it stays until all is well, and, if we
   are the back, in `hotplug-error`, for the front to read until another comes:
   so not a word of what it must not know.  For people it has its name behind
   it. */
void pvb_runner_blame(struct pvb_runner *r, enum pvb_why why, const char *fmt,
                      ...) __attribute__((format(printf, 3, 4)));
/* Something is not as it should be, but the connection stands: into the log,
   and, unless something else is there, into the node that people look into,
   until the next connection.  True: the log has it, for it is not too often. */
bool pvb_runner_remark(struct pvb_runner *r, enum pvb_why why, const char *fmt,
                       ...) __attribute__((format(printf, 3, 4)));
/* What was remarked has mended itself. */
void pvb_runner_mended(struct pvb_runner *r);

#endif
