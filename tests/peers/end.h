/* SPDX-License-Identifier: MIT */
/*
 * end.h - one end of a device, in its own domain: what it says and hears in
 * the store, its pages and its bell.
 *
 * The words of the scripts.  Only the local machine's handles stand behind
 * them, nothing of how pvb negotiates.  Every wait ends: with what was waited
 * for, or with a failed test that says what did not come.
 */
#ifndef PVB_PEERS_END_H
#define PVB_PEERS_END_H

#include <stdbool.h>
#include <stdint.h>

#include "unit/machine.h"

#include "hyp/mem.h"
#include "hyp/store.h"

enum { PAGE = 4096, SECTOR = 512, END_WAIT_S = 20 };

enum {                                  /* states of the XenBus */
	INITIALISING = 1, INIT_WAIT, INITIALISED, CONNECTED, CLOSING, CLOSED,
	RECONFIGURING, RECONFIGURED
};

struct end {
	struct pvb_store *store;
	struct pvb_mem *mem;
	uint16_t peer;
	char mine[96], other[96];       /* directories */
	uint32_t tx;                    /* since begin; 0: none */
};

/* On the machine in `run`, as domain `domid`. */
void end_open(struct end *e, const char *run, uint16_t domid, uint16_t peer,
              const char *mine, const char *other);
void end_close(struct end *e);          /* all zero: fine */

/* ---- the store ----------------------------------------------------------- */
/* Nodes of our own; all between begin and commit in one transaction.  False:
   it has to be done again, as every driver does. */
void begin(struct end *e);
bool commit(struct end *e);
void say(struct end *e, const char *name, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
void say_state(struct end *e, int state);
void unsay(struct end *e, const char *name);
/* The node `error` that goes with our directory. */
void complain(struct end *e, const char *text);

/* A node of the other's, or of our own; "" if it is not there.  Static
   buffers, eight in turn. */
const char *hear(struct end *e, const char *name);
const char *recall(struct end *e, const char *name);
bool is_said(struct end *e, const char *name);  /* by the other */
/* As strtoull reads them. */
uint64_t hear_number(struct end *e, const char *name, uint64_t absent);
int  hear_state(struct end *e);         /* 0: no state */

/* Until something has changed there since the last look; its state is watched
   from the beginning. */
void await_news(struct end *e, const char *what);
void await_state(struct end *e, int state);
/* Watch another node of the other's, or its whole directory (""). */
void watch(struct end *e, const char *name);
void unwatch(struct end *e, const char *name);

/* ---- waiting ------------------------------------------------------------- */
/* Until one of these is readable (those below 0 are not looked at), but not
   beyond `end_ms` of end_deadline. */
int64_t end_deadline(void);
void end_wait(const int *fds, uint32_t n, int64_t end_ms, const char *what);
/* Take what the watches have told; how many there were. */
uint32_t end_news(struct end *e);

#endif
