/* SPDX-License-Identifier: MIT */
/*
 * blkback_ctl_parts.h - the inside of a back's control half, for the
 * blkback_ctl*.c files alone: the object and its owner's calls
 * (blkback_ctl.c), what it says and reads in the store (_nodes), what it has
 * its data halves do (_data), what they tell (_report), what is done when they
 * die (_death) or have died before it came (_begin), what it promises of its
 * disk (_geometry), how it changes the medium (_medium), how it comes to rest
 * (_rest).
 */
#ifndef PVB_BLKBACK_CTL_PARTS_H
#define PVB_BLKBACK_CTL_PARTS_H

#include <pvb/err.h>

#include "base/log.h"
#include "base/loop.h"
#include "blk_halves_ctl.h"
#include "blkback_ctl.h"
#include "bus/runner.h"

enum blkback_change_step {
	BLKBACK_NO_CHANGE,
	BLKBACK_CHANGE_HELD,            /* until the halves are settled */
	BLKBACK_LOADING, BLKBACK_LOADED,
	BLKBACK_CHANGING, BLKBACK_CHANGED,
};

struct blkback_change {                 /* of the medium */
	enum blkback_change_step step;
	struct pvb_loop_task task;      /* the next step is due */
	const struct pvb_disk_ops *ops; /* NULL: out with what is there */
	struct pvb_disk_probe disk;     /* owned */
	struct pvb_blk_geometry geometry;
	uint64_t medium;                /* its number */
	char *params;                   /* owned, or NULL */
	struct pvb_err why;             /* why it is not done; code 0: done */
};

enum blkback_death_step {
	BLKBACK_ALIVE, BLKBACK_BURYING,
	BLKBACK_PROBING,                /* the disk is needed for the fence */
	BLKBACK_FENCING,
};

/* When their I/O is over. */
enum blkback_death_then {
	BLKBACK_ATTACH_AGAIN,
	BLKBACK_ATTACH_FIRST,           /* they were perhaps a predecessor's */
	BLKBACK_LET_GO,                 /* likewise; of the handshake */
};

struct blkback_death {                  /* of the data halves */
	enum blkback_death_step step;
	enum blkback_death_then then;
	bool found;                     /* they were a predecessor's */
	bool at_rest;                   /* likewise, and have left no journal,
	                                   for nothing is open */
	bool rested;                    /* so it is where the journal is blank,
	                                   until all are attached */
	bool no_disk;                   /* it cannot be had */
	bool is_late;                   /* and that was said */
	uint32_t pause_ms;              /* before the next look at the fence */
	uint32_t deaths;                /* so far */
	uint64_t died_ns, since_ns;     /* began to look at the fence */
	struct pvb_loop_timer look;
	struct pvb_loop_timer cut;      /* that long ago nobody waited any more
	                                   for what the halves have */
	enum pvb_why why;               /* not to be served again, for that; OK:
	                                   it is */
	char text[PVB_BLK_HALVES_TEXT_MAX + 1];
};

enum blkback_rest_step {
	BLKBACK_NO_REST, BLKBACK_REST_WANTED, BLKBACK_REST_DRAINING,
	BLKBACK_REST_DETACHING, BLKBACK_RESTED,
};

struct blkback_rest {
	enum blkback_rest_step step;
	struct pvb_loop_task task;      /* the next step is due */
	bool connected;                 /* there is something to go on with */
};

/* What one order to all queues sends along: one opening of the disk, for the
   lock is the opening's. */
struct blkback_opening {
	uint32_t nfds;
	int fds[PVB_DISK_FDS_MAX];
	bool open;
};

struct blkback_plight {                 /* that passes by itself */
	uint32_t queues;                /* that are in it: 1 << queue */
	bool     told;
	uint64_t since_ns;
};

enum { BLKBACK_ERROR_TEXT_MAX = 127, BLKBACK_ERRNO_MAX = 4095 };

struct blkback_error {                  /* the disk's last; none: text "" */
	char text[BLKBACK_ERROR_TEXT_MAX + 1];
	uint64_t at_ns, untold;
	struct pvb_log_limit limit;
};

struct pvb_blkback_ctl {
	struct blkback_opening opening;         /* while an order is given */
	struct pvb_blkback_ctl_config c;
	struct pvb_runner runner;
	struct pvb_blk_halves halves;
	struct pvb_blk_limits limits;
	const struct pvb_disk_ops *disk_ops;    /* NULL: an empty drive, once
	                                           disk_known */
	struct pvb_disk_probe disk;     /* owned once disk_known */
	bool disk_known, terms_known;
	uint64_t medium;                /* which one it is, of all so far */
	struct blkback_change change;
	struct blkback_death death;
	struct blkback_rest rest;
	int journal_fd[PVB_BLK_QUEUES_MAX];     /* borrowed; of those that are
	                                           attached */
	struct pvb_blk_terms terms;
	struct pvb_blk_geometry geometry;
	uint32_t lost;                  /* PVB_BLK_LOST_*: this disk said that
	                                   it could */
	uint64_t refused_told;          /* 1 << enum pvb_why, in this
	                                   connection */
	struct pvb_log_limit reports, pauses;
	struct blkback_error error;
	struct blkback_plight paused;   /* for want of space */
	struct blkback_plight stalled;  /* the disk does not answer */
};

/* "DISK: TEXT", as a node holds it; a name that leaves no room for the text is
   left out. */
void blkback_name_disk(const struct pvb_blkback_ctl *b, const char *text,
                       char line[PVB_RUNNER_TEXT_MAX + 1]);
/* Look at the disk's size again (its kind has a reprobe).  1: it is another; 0:
   the same; or -errno with *e. */
int  blkback_measure(struct pvb_blkback_ctl *b, struct pvb_err *e);
/* The disk is known, and b->geometry is its. */
void blkback_disk_is_known(struct pvb_blkback_ctl *b);
/* What a new connection is promised: of the disk as it is now, or of an empty
   drive.  0 or -errno with *e. */
int  blkback_promise(struct pvb_blkback_ctl *b, struct pvb_err *e);

/* Have all halves open the medium that it will be. */
void blkback_load(struct pvb_blkback_ctl *b);
/* What the halves have answered: all have the new size. */
void blkback_resized(struct pvb_blk_halves *h);

/* _medium.  What the halves have answered, and: they may be settled. */
void blkback_loaded(struct pvb_blk_halves *h, enum pvb_why why,
                    const char *text);
void blkback_changed(struct pvb_blk_halves *h);
void blkback_change_poke(struct pvb_blkback_ctl *b);
/* The data halves are dead, and fenced: what was under way is begun anew, or
   (they were told to change) has come true. */
void blkback_change_death(struct pvb_blkback_ctl *b);
/* The number of a medium: of its name. */
uint64_t blkback_medium_of(const char *name);
void blkback_change_init(struct pvb_blkback_ctl *b);
void blkback_change_fini(struct pvb_blkback_ctl *b);

/* _death.  Nobody who served this device before has anything to do with the
   disk any more.  False: pvb_runner_attach follows. */
bool blkback_is_fenced(struct pvb_blkback_ctl *b);
void blkback_died(struct pvb_blk_halves *h, const char *text);
bool blkback_busy(struct pvb_blk_halves *h);
void blkback_again(struct pvb_blk_halves *h);
/* Nobody waits for what the halves have, other than us; and: it is over. */
void blkback_cut(struct pvb_blkback_ctl *b);
void blkback_cut_over(struct pvb_blkback_ctl *b);
void blkback_death_init(struct pvb_blkback_ctl *b);
void blkback_death_fini(struct pvb_blkback_ctl *b);

/* What for, or NULL. */
const char *blkback_death_waits(const struct pvb_blkback_ctl *b);
/* The disk is known now, or cannot be had. */
void blkback_death_disk(struct pvb_blkback_ctl *b);

/* _begin.  Start, or go on. */
int  blkback_begin(struct pvb_blkback_ctl *b, struct pvb_err *e);
/* A front is connected, and the one who served it is dead. */
bool blkback_is_resuming(const struct pvb_blkback_ctl *b);
/* What he has left goes on. */
void blkback_taken_over(struct pvb_blkback_ctl *b);
/* The connection is over. */
void blkback_forget(struct pvb_blkback_ctl *b);

/* A node that promises what is not so any more, or NULL.  What none promises
   will not be used. */
const char *blkback_broken_promise(struct pvb_blkback_ctl *b);

/* _rest.  It may have come so far.  True: what was drained or detached was for
   that.  The connection has failed. */
void blkback_rest_poke(struct pvb_blkback_ctl *b);
bool blkback_rest_drained(struct pvb_blkback_ctl *b);
bool blkback_rest_detached(struct pvb_blkback_ctl *b);
void blkback_rest_failed(struct pvb_blkback_ctl *b);
void blkback_rest_init(struct pvb_blkback_ctl *b);
void blkback_rest_fini(struct pvb_blkback_ctl *b);

/* _nodes: publish, fetch, take and is_same of struct pvb_runner_ops. */
int  blkback_publish(struct pvb_runner *r, enum pvb_xb saying,
                     struct pvb_keys *k);
int  blkback_fetch(struct pvb_runner *r, uint32_t tx, uint32_t action,
                   struct pvb_keys *k);
enum pvb_why blkback_take(struct pvb_runner *r, uint32_t action,
                          const struct pvb_keys *k, const char **bad);
bool blkback_is_same(struct pvb_runner *r, const struct pvb_keys *k);

/* _geometry.  What this disk (NULL: an empty drive) can promise under these
   options.  0, or -EINVAL with *e. */
int  blkback_geometry(const struct pvb_disk_info *info,
                      const struct pvb_blk_options *o,
                      struct pvb_blk_geometry *out, struct pvb_err *e);
/* Of the next disk in a drive that has promised `now`.  Likewise, or -EROFS. */
int  blkback_geometry_of_next(const struct pvb_disk_info *info,
                              const struct pvb_blk_options *o,
                              const struct pvb_blk_geometry *now,
                              struct pvb_blk_geometry *out, struct pvb_err *e);

/* _report: what of their troubles is over by itself: all of one that attaches
   anew; all pauses, for the device is to go. */
void blkback_attaches(struct pvb_blkback_ctl *b, uint32_t queue);
void blkback_closing(struct pvb_blkback_ctl *b);
/* Of struct pvb_blk_halves_ops. */
void blkback_report(struct pvb_blk_halves *h, const struct pvb_blk_report *p);

/* _data: the rest of it, and what the halves answer. */
int  blkback_attach(struct pvb_runner *r);
void blkback_go(struct pvb_runner *r);
void blkback_drain(struct pvb_runner *r, bool cut);
void blkback_detach(struct pvb_runner *r);
/* Blank journals for all queues.  0 or -errno. */
int  blkback_make_journals(struct pvb_blkback_ctl *b);
/* Those that were left are not seen to be another connection's. */
bool blkback_are_journals_ours(const struct pvb_blkback_ctl *b);
/* Open the disk, if there is one, for halves that are to attach next; close it
   after that.  0 or -errno. */
int  blkback_open_ahead(struct pvb_blkback_ctl *b);
void blkback_close_ahead(struct pvb_blkback_ctl *b);
extern const struct pvb_blk_halves_ops blkback_halves_ops;

#endif
