/* SPDX-License-Identifier: MIT */
/*
 * pair.h - both data halves of a block device in one process, with the test as
 * both control halves: no store, no handshake, the very messages.
 *
 * All on one loop, unless the back is given a thread of its own.
 */
#ifndef PVB_TEST_PAIR_H
#define PVB_TEST_PAIR_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/link.h"
#include "base/loop.h"
#include "blk/blk_terms.h"
#include "blk/blkback_io.h"
#include "blk/blkfront_io.h"
#include "disk/disk.h"
#include "flow/counters.h"
#include "mem_direct.h"

enum { PAIR_BACK = 0, PAIR_FRONT = 1, PAIR_GOT_MAX = 16 };

struct control {                        /* the test's end of a link */
	struct pvb_link link;
	struct pvb_loop *loop, *other;  /* both are turned; NULL: one is */
	struct pvb_blk_msg got[PAIR_GOT_MAX];   /* not yet asked for */
	uint32_t got_count;
	/* Reports that may come at any moment, so never in `got`. */
	uint32_t refused[PVB_WHY_COUNT], lost[PVB_BLK_LOST_ALL + 1];
	uint32_t no_space, paused, goes_on, stalled, answers, errors;
	struct pvb_blk_report last_error;
	bool closed;
};

struct pair_options {                   /* all zero: the usual */
	const char *uri;                /* "mem:32M" */
	const struct pvb_disk_ops *const *disks;        /* pvb_disk_basic */
	uint8_t  ring_order;
	uint16_t indirect;              /* 0: none */
	struct pvb_blk_blocks blocks;   /* instead; bytes_max 0: the most */
	bool     x86_32, x86_64;        /* the layout; else our own */
	uint64_t timeout_ns, spin_ns;
	uint32_t disk_flags;
	uint32_t uring_entries;
	bool     bounce_always, back_thread, manual_clock;
	bool     own_loop;              /* the back's, turned by the test: the
	                                   front does nothing meanwhile */
	bool     keep_full;             /* --on-full pause */
	uint64_t slow_ns;               /* --slow */
	bool     journal;               /* it keeps one; needs own_loop */
	bool     no_window;             /* grant copies */
	bool     mapped;                /* likewise, but mappings are kept */
	bool     both_ways;             /* as mem_direct_faults */
	bool     not_persistent;        /* what the front says it is */
	bool     barrier_only, flush_only, no_flush, no_discard, no_secure;
	uint64_t sectors;               /* promised; 0: the disk's */
	uint32_t sector_size;           /* likewise */
	bool     removable;             /* promised */
	bool     empty;                 /* a drive, which the front does not
	                                   know yet */
	enum pvb_blk_units units;
};

struct pair {
	struct pair_options options;
	struct mem_direct *machine;
	struct pvb_loop *loop;          /* the front's and the test's */
	struct pvb_loop *back_loop;     /* the same, a thread's, or its own */
	pthread_t thread;
	atomic_bool thread_ends;
	struct control back, front;
	struct pvb_blkback_io  *back_io;
	struct pvb_blkfront_io *front_io;
	struct pvb_disk *disk;          /* the front's */
	const struct pvb_disk_ops *ops;
	struct pvb_disk_probe probe;
	int counters_fd, journal_fd;
	size_t journal_bytes;
	unsigned char *journal;         /* as the test sees it; once attached */
	uint64_t medium;
	struct pvb_counters *counters;
	struct pvb_blk_geometry geometry;
	struct pvb_blk_attached attached;       /* what the front offered */
	int  live_changes;
	bool live;
	int  live_code;
	int  closed;                    /* the back's data half said so */
};

/* Made, not attached; two loops: pair_death.h has what the journal is for. */
void pair_init(struct pair *p, const struct pair_options *o);
void pair_fini(struct pair *p);         /* in any state; checks for leaks */

/* The steps of a connection; each waits for its answer. */
void pair_front_attach(struct pair *p);
void pair_back_attach(struct pair *p);
void pair_go(struct pair *p);
void pair_connect(struct pair *p);      /* all three */
void pair_disconnect(struct pair *p);   /* drain and detach, front first */

/* Parts of the steps, for tests that do them otherwise. */
void pair_back_attach_msg(struct pair *p, struct pvb_blk_msg *m);
void pair_front_attach_msg(struct pair *p, struct pvb_blk_msg *m);
void pair_send_back_attach(struct pair *p, const struct pvb_blk_msg *m);
void pair_make_back(struct pair *p);    /* with a link of its own */
/* Blank, of the shape that goes with these terms, in place of what is there. */
void pair_make_journal(struct pair *p, const struct pvb_blk_back_attach *a);

void control_init(struct control *c, struct pvb_loop *l, int fd);
void control_fini(struct control *c);
void control_send(struct control *c, const struct pvb_blk_msg *m);
void control_say(struct control *c, enum pvb_blk_msg_type type);
/* The next message, which must be of this type; waits for it. */
struct pvb_blk_msg control_wait(struct control *c, enum pvb_blk_msg_type type);

void pair_turn(struct pair *p);         /* once, and it may wait */
/* So often that whatever can happen by itself has happened; no threads. */
void pair_settle(struct pair *p);
void pair_counts(struct pair *p, struct pvb_counts *out);

#endif
