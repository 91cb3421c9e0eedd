/* SPDX-License-Identifier: MIT */
/*
 * conn_model.h - a world of one front and one back, joined by two state nodes,
 * in which everything that may happen next can be listed.
 *
 * Both ends run the real machine of proto/conn.h.  What is modelled is what
 * carries its actions out: a driver that does one action at a time, a store
 * whose watches come late, merged and repeated, a data half that answers when
 * it likes, at most one request in flight, and processes that die and are
 * started again on what the dead have left behind.
 */
#ifndef PVB_TEST_CONN_MODEL_H
#define PVB_TEST_CONN_MODEL_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/conn.h"

enum life { UNBORN, ALIVE, DEAD };

/* What the data half has in effect. */
enum data {
	NOTHING, ATTACHING, ATTACHED, RUNNING, DRAINING, CUTTING, DRAINED,
	DETACHING
};

struct side {                           /* no holes: compared as bytes */
	uint16_t pend;                  /* actions not yet carried out */
	uint8_t  life;                  /* enum life */
	uint8_t  lives;                 /* how often it may still be started */
	uint8_t  node;                  /* what its state node says */
	/* the machine, as bytes without holes */
	uint8_t  phase, mine, peer, flags;
	/* its driver */
	uint8_t  look;                  /* the peer's node is to be read */
	uint8_t  mail, mail_arg;        /* read and not yet fed: event, value */
	uint8_t  data;                  /* enum data */
	uint8_t  excused;               /* a deadline let it end its grants */
};

struct world {
	struct side front, back;
	uint8_t front_no;               /* which front this is, from 1 */
	uint8_t terms;                  /* whose terms are published; 0: none */
	uint8_t shared;                 /* whose grants exist; 0: nobody's */
	uint8_t mapped;                 /* whose the back maps; 0: nobody's */
	uint8_t read;                   /* whose terms the back has read */
	uint8_t request;                /* 1: one is on the ring */
	uint8_t journal;                /* whose connection the back's journal
	                                   is of; 0: there is none */
	uint8_t none;                   /* always 0 */
};

/* One thing done wrong by a driver, to see that it is noticed. */
enum fault {
	NO_FAULT,
	FRONT_ENDS_EARLY,               /* ends its grants with its Closing */
	FRONT_SKIPS_CLOSING,            /* never says Closing */
	BACK_STOPS_EARLY,               /* answers nothing from Closing on */
	BACK_FORGETS_DETACH,            /* says that it did */
	BACK_CLOSES_EARLY,              /* says Closed before it has detached */
	IGNORES_LOOK,
	FEEDS_OLD_NEWS,                 /* LOOK, and what was read before it */
	FAULT_COUNT
};

struct rules {                          /* what may happen in a world */
	bool stop;                      /* an owner wants out */
	bool timeout;                   /* a deadline passes */
	bool fail;                      /* an action or a ring fails */
	bool repeat;                    /* a watch fires once more */
	bool offline;                   /* the back is told not to stay */
	bool found;                     /* the nodes hold anything at first */
	bool resume;                    /* a back goes on where one has died */
	uint8_t front_lives, back_lives;        /* 1: it never dies */
	bool front_stay, back_stay;
	enum fault fault;
};

/* Kinds of steps: what happens by itself; what an owner or a clock does, or
   whoever starts a process again; and what nobody may rely on. */
enum kind { PROGRESS, OWNER, TIMER, BIRTH, MISHAP };

struct next {
	struct world world;
	enum kind kind;
	const char *what;               /* what has happened */
	const char *wrong;              /* and what is wrong with it, or NULL */
};

enum { NEXT_MAX = 32 };

/* Front and back with their nodes as given. */
void world_init(struct world *w, const struct rules *r, uint8_t front_node,
                uint8_t back_node);
/* All that may happen next; how many. */
uint32_t world_next(const struct world *w, const struct rules *r,
                    struct next out[NEXT_MAX]);
/* Nobody has anything left to do or to undo. */
bool world_is_over(const struct world *w);
/* Both ends are alive and live; or the front has left and nothing is in
   effect, so that a new one would be served. */
bool world_is_settled(const struct world *w);
/* One end has died for good. */
bool world_is_bereft(const struct world *w);
/* The back has left, and nothing of it is in effect. */
bool world_has_no_back(const struct world *w);
/* Nobody has told that end to stop (or it does not live). */
bool world_wants_front(const struct world *w);
bool world_wants_back(const struct world *w);
/* One line about it. */
void world_print(const struct world *w, char *out, uint32_t cap);

#endif
