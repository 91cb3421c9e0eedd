/* SPDX-License-Identifier: MIT */
/*
 * ctl_bench.h - a bench for one control half: a real store, a manual clock, a
 * data half that does what the test says, and a peer that is the test itself,
 * writing the peer's nodes by hand.
 */
#ifndef PVB_TEST_CTL_BENCH_H
#define PVB_TEST_CTL_BENCH_H

#include "unit/machine.h"

#include "base/link.h"
#include "base/log.h"
#include "blk/blk_nodes.h"
#include "blk/blk_terms.h"
#include "bus/watches.h"
#include "hyp/mem.h"
#include "hyp/store.h"
#include "spy_store.h"

enum { BACK = 0, FRONT = 3, VDEV = 51712, QUEUES = 4 };

/* The data's end of one queue's link. */
struct half {
	struct pvb_link link;
	bool linked, quiet;             /* quiet: answers nothing by itself */
	uint32_t attach, go, drain, cut, detach, resized, closed;
	uint32_t load, unload, change, closing;
	uint32_t fds;                   /* that came with the last ATTACH or
	                                   LOAD */
	struct pvb_blk_msg attached_as; /* the last ATTACH */
	struct pvb_blk_msg last;
	/* Answer an ATTACH or LOAD with this reason; OK: do it. */
	enum pvb_why refuse;
	int refuse_code;                /* with it; 0: -EIO */
};

struct bench {
	struct machine machine;
	struct pvb_loop *loop;
	struct spy_store spy;           /* the control half's */
	struct pvb_watches *watches;
	struct pvb_store *tools;        /* domain 0, as toolstack */
	struct pvb_store *guest;        /* the front's domain */
	struct pvb_mem *life;           /* keeps the front's domain alive */
	struct pvb_xsdev dev;
	char back[128], front[128];     /* directories */
	struct half half[QUEUES];
	struct pvb_log log;
	uint32_t log_lines;
	char log_last[256];             /* of these */
	int fds_at_start;
};

extern struct bench bench;

/* The machine with both domains; the device's nodes as `pvb attach` makes
   them, on a disk "mem:1M". */
int  bench_setup(void **state);
int  bench_teardown(void **state);
#define TEST(t) cmocka_unit_test_setup_teardown(t, bench_setup, bench_teardown)

/* What the control half lives on: made with the first call, as this domain. */
struct pvb_watches *bench_watches(uint16_t domid);
/* For the control half's config. */
int  bench_data_half(void *arg, uint32_t queue);
void half_say(struct half *h, enum pvb_blk_msg_type type);
void half_say_failed(struct half *h, enum pvb_why why, const char *text);
void half_say_loaded(struct half *h, enum pvb_why why, const char *text);

/* Nodes.  get: "" if it is not there; static buffers, four in turn. */
const char *get(const char *dir, const char *name);
bool is_there(const char *dir, const char *name);
void put(struct pvb_store *s, const char *dir, const char *name,
         const char *value);
/* Several in one transaction: name, value, ..., NULL. */
void put_all(struct pvb_store *s, const char *dir, ...);
void take_away(struct pvb_store *s, const char *path);
void take_away_node(struct pvb_store *s, const char *dir, const char *name);

/* Turn until it is so; a test that hangs is ended by its time limit. */
#define TURN_UNTIL(condition) \
	do { \
		while (!(condition)) \
			bench_turn(); \
	} while (0)
void bench_turn(void);
/* All that was written before has been seen and carried out. */
void bench_settle(void);
void bench_wait_state(const char *dir, const char *state);

/* The front's domain dies and comes again. */
void bench_kill_front(void);
void bench_boot_front(void);
/* A process id that was somebody's and is nobody's now. */
pid_t bench_dead_pid(void);

#endif
