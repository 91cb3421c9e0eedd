/* SPDX-License-Identifier: MIT */
/*
 * back.h - scripted backs: what each of them is, and the hands that it works
 * with.  pvb's front is on the other side, used by a program.
 *
 * A script is the driver of one implementation, as short as it can be: what it
 * publishes and when, what it reads of the front and how, what it makes of each
 * request, the way it lets go.  Its disk is memory.
 */
#ifndef PVB_PEERS_BACK_H
#define PVB_PEERS_BACK_H

#include <stdbool.h>
#include <stdint.h>

#include <pvb/blkif.h>

#include "back_stage.h"
#include "end.h"
#include "ring.h"

enum { BACK_QUEUES = 4, BACK_PAGES_MAX = 16, BACK_SEGMENTS_MAX = 512 };

struct back;
struct back_queue;

/* A request in one form, whatever it looked like. */
struct request {
	uint8_t  operation;             /* of an indirect one the inner */
	uint8_t  flag;
	uint16_t handle;
	bool     indirect;
	uint32_t nr_segments, slots;
	uint64_t id, sector_number, nr_sectors;
	struct blkif_request_segment seg[BACK_SEGMENTS_MAX];
};

struct back_test {                      /* of what only this one does */
	const char *name;
	void (*run)(struct back *b);    /* the device has been made */
};

struct back_script {
	const char *name, *kind;
	const char *options;            /* our front's, for its sake */
	uint32_t sector_size;           /* 0: 512 */
	/* In bytes, 0: 512.  What `sectors` and a request's sectors count; what
	   those of a segment count. */
	uint32_t disk_unit, page_unit;
	/* Requests of several slots; so many segments in one. */
	uint32_t blocks;
	bool     backwards;             /* answers the last one first */
	bool     copies;                /* else it maps */
	bool     persistent;            /* maps for both ways */
	bool     first_apart;           /* of several pages: in `ring-ref` */
	/* There is a device: say what there is to say before the front has
	   come. */
	void (*found)(struct back *b);
	/* It has come, or will: read its terms, map its rings, and serve. */
	void (*connect)(struct back *b);
	/* NULL: read, write and flush. */
	int16_t (*serve)(struct back *b, const struct request *r);
	/* The front wants to leave, or will: let go. */
	void (*leave)(struct back *b);
	bool     comes_again;           /* for another front after that */
	const struct back_test *tests;
};

struct back {
	struct end end;
	struct stage *stage;
	const struct back_script *script;
	struct back_queue {
		struct ring ring;
		void    *pages;
		uint32_t count, port;
	} queue[BACK_QUEUES];
	unsigned char *disk, *expected; /* what is there, what must be */
	uint64_t bytes;
	uint64_t rounds;
	/* Counted: requests by operation, indirect ones, the longest. */
	uint32_t seen[8], indirect, longest, used_queues;
	/* The next request of this operation gets this answer. */
	uint8_t  spoil_operation;
	int16_t  spoil_status;          /* 0: none is */
};

/* ---- hands --------------------------------------------------------------- */
/* Map a ring of so many pages by the nodes below `dir` of the front's (""): one
   page's grant in `one`, those of several in ring-ref0 and on; bind the port;
   ring it, for what may stand there already. */
void back_map(struct back *b, uint32_t queue, const char *dir, const char *one,
              uint32_t pages, uint32_t slot_bytes);
void back_unmap(struct back *b, uint32_t queue);
void back_unmap_all(struct back *b);
/* What `protocol` says, or `absent`: the size of a slot. */
uint32_t back_slot_bytes(struct back *b, const char *absent);

/* Its data between the disk and the front's pages, or an error. */
int16_t back_transfer(struct back *b, const struct request *r);
/* Discard it. */
int16_t back_discard(struct back *b, const struct request *r);

/* Serve until the front is in one of two states, or all is done that the
   program is about. */
void back_await(struct back *b, int state, int or_state);
void back_await_program(struct back *b);
int  back_result(struct back *b);       /* and what came of it */

/* ---- what is done with every script -------------------------------------- */
/* The program opens, and both ends connect. */
void back_open(struct back *b, const char *more);
void back_close(struct back *b);
/* It reads and writes at random, many at once, and all is compared. */
void back_exercise(struct back *b);
void back_expect_disk(struct back *b);
/* Another size, as told: not yet in the store. */
void back_grow(struct back *b, uint64_t bytes);

/* ---- the scripts --------------------------------------------------------- */
extern const struct back_script
	back_ec2, back_ec2_odd, back_freebsd, back_freebsd_2012,
	back_freebsd_2012_32, back_freebsd_2012_4k, back_freebsd_9_0,
	back_linux, back_linux_2_6, back_linux_order, back_mirage, back_netbsd,
	back_qemu, back_qemu_4k, back_tapdisk;

#endif
