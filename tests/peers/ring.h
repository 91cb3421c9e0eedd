/* SPDX-License-Identifier: MIT */
/*
 * ring.h - the ring of the scripted peers, for either end: written from
 * docs/protocol.md, "The ring", and sharing nothing with pvb's.
 */
#ifndef PVB_PEERS_RING_H
#define PVB_PEERS_RING_H

#include <stdbool.h>
#include <stdint.h>

struct ring {
	unsigned char *pages;           /* borrowed; NULL: closed */
	uint32_t slots, slot_bytes;
	uint32_t prod;                  /* put, if not yet shown */
	uint32_t cons;                  /* taken of the other's */
	bool     is_back;
};

/* A front makes its ring so before it offers it. */
void ring_format(void *pages, uint32_t bytes);
/* In this state: fresh, or what stands there. */
void ring_open(struct ring *r, void *pages, uint32_t bytes,
               uint32_t slot_bytes, bool is_back);

/* Slots that a front may fill now. */
uint32_t ring_room(const struct ring *r);
/* The next slot of ours, with what is left in it. */
void *ring_put(struct ring *r);
/* Show all that was put.  True: the other end wants the bell. */
bool ring_push(struct ring *r);

/* What the other end has shown and we have not taken. */
uint32_t ring_waiting(const struct ring *r);
/* The next slot of the other's; NULL: there is none. */
void *ring_get(struct ring *r);
/* Before sleep: ask for the bell, and look once more.  True: do not sleep. */
bool ring_last_look(struct ring *r);

#endif
