/* SPDX-License-Identifier: MIT */
/*
 * front.h - scripted fronts: what each of them is, and the hands that it works
 * with.  pvb's whole backend is on the other side.
 *
 * A script is the driver of one implementation, as short as it can be: the
 * order in which it publishes, the exact spelling of its nodes, the shapes of
 * its requests, the way it leaves.  It fills the slots of the ring itself.
 */
#ifndef PVB_PEERS_FRONT_H
#define PVB_PEERS_FRONT_H

#include <stdbool.h>
#include <stdint.h>

#include <pvb/blkif.h>

#include "end.h"
#include "front_stage.h"
#include "ring.h"

enum {
	FRONT_QUEUES = 4,
	FRONT_TRANSFER_MAX = 128 * 1024,
};

struct front;

struct front_test {                     /* of what only this one does */
	const char *name;
	void (*run)(struct front *f);   /* nothing is offered yet */
};

struct front_script {
	const char *name;
	/* What its backend is told to be. */
	struct stage_options options;
	/* Publish, up to and with its state.  It may have to wait for the back
	   to be there first (`waits`). */
	void (*offer)(struct front *f);
	bool waits;
	/* Then: wait until the back serves, and read what it says. */
	void (*join)(struct front *f);
	/* Data from or to the disk, in requests of its own kind; at most
	   FRONT_TRANSFER_MAX, offset and length multiples of `granule`. */
	void (*transfer)(struct front *f, uint8_t op, uint64_t offset,
	                 void *data, size_t bytes);
	uint32_t granule;
	/* What was written is to be on stable storage.  NULL: it cannot. */
	void (*flush)(struct front *f);
	/* Until the back does not touch its memory any more. */
	void (*leave)(struct front *f);
	/* Another driver may come after that. */
	bool leaves_fresh;
	const struct front_test *tests; /* up to one without a name, or NULL */
};

struct front {
	struct end end;
	struct stage *stage;
	const struct front_script *script;
	struct front_queue {
		struct ring ring;
		void    *pages;
		uint32_t count, port;
	} queue[FRONT_QUEUES];
	uint64_t sectors;               /* as the script understood */
	uint32_t sector_size;
	bool     flush, barrier, discard;
	uint64_t rounds;                /* exercises so far: seeds differ */
	uint32_t grants;                /* not ended */
};

/* ---- hands --------------------------------------------------------------- */
/* A fresh ring of so many pages, granted to the back: their references. */
void front_ring(struct front *f, uint32_t queue, uint32_t pages,
                uint32_t slot_bytes, uint32_t *refs);
/* A port that the back may bind, for this queue. */
uint32_t front_port(struct front *f, uint32_t queue);
/* Take ring and port away again. */
void front_close(struct front *f, uint32_t queue);

/* Zeroed pages side by side, granted to the back; and the end of that. */
void *front_grant(struct front *f, uint32_t pages, bool read_only,
                  uint32_t *refs);
void front_ungrant(struct front *f, void *pages, uint32_t count);

/* Show what was put into the ring; ring the bell if the back wants it. */
void front_push(struct front *f, uint32_t queue);
/* Ring it whether it wants or not. */
void front_bell(struct front *f, uint32_t queue);

/* An answer has one shape in all layouts. */
struct answer { uint64_t id; uint8_t operation; int16_t status; };
/* The next one of this queue; waits for it, asleep, or looking all the time as
   boot loaders do. */
struct answer front_answer(struct front *f, uint32_t queue);
struct answer front_answer_spinning(struct front *f, uint32_t queue);
/* Until so many slots of answers are there; and what one of them says. */
void front_await(struct front *f, uint32_t queue, uint32_t slots);
struct answer front_read_answer(const void *slot);
/* It must be this. */
void front_expect(struct answer a, uint64_t id, uint8_t operation,
                  int16_t status);

/* Segments for `bytes` of memory that lies in granted pages side by side, from
   `offset` on in the first of them, counted in 512 bytes: how many. */
uint32_t front_segments(struct blkif_request_segment *seg,
                        const uint32_t *refs, size_t offset, size_t bytes);

/* What a script may do about which there is nothing to tell: reads and writes
   of up to 11 whole pages, each granted for the one request, one at a time. */
void front_plain_transfer(struct front *f, uint8_t op, uint64_t offset,
                          void *data, size_t bytes);

/* ---- what is done with every script -------------------------------------- */
/* Offer and join. */
void front_connect(struct front *f);
/* Write and read at random, everything compared, and the disk behind at the
   end. */
void front_exercise(struct front *f);

/* ---- the scripts --------------------------------------------------------- */
extern const struct front_script
	front_early, front_freebsd, front_freebsd_2012, front_freebsd_2012_4k,
	front_freebsd_9_0, front_grub, front_linux, front_linux_2006,
	front_linux_order, front_mini_os, front_mirage, front_netbsd,
	front_ovmf, front_ovmf_cdrom, front_windows, front_windows_4k;

#endif
