/* SPDX-License-Identifier: MIT */
/*
 * hypconn.h - one connection to the pages and doorbells, as the two files
 * that implement it see it: hypserver.c (life, bytes) and hypcalls.c (what a
 * question does).  For nobody else.
 */
#ifndef PVB_BROKER_HYPCONN_H
#define PVB_BROKER_HYPCONN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/loop.h"
#include "bells.h"
#include "hypserver.h"
#include "pages.h"
#include "proto/hypwire.h"

struct pvb_hypserver {
	struct pvb_hypserver_config config;
	struct pvb_pages pages;
	struct pvb_bells bells;
	struct pvb_hypconn *conns;
	uint32_t count;
	uint64_t machine;
};

struct pvb_hypconn {
	struct pvb_hypconn *next;
	struct pvb_hypserver *server;
	struct pvb_loop_fd watch;       /* its fd is owned */
	uint16_t domid;
	uint16_t limit;                 /* the one peer, or NO_DOMAIN */
	struct pvb_area *area;          /* ours, or NULL */
	struct pvb_port *ports;         /* ours, by next_owned */
	uint32_t held_count;
	struct pvb_area *held[PVB_HYP_HELD_MAX];
	bool answer_waits;              /* `answer` could not be sent yet */
	struct pvb_hyp_reply answer;
	int fds[PVB_HYP_FDS_MAX];       /* owned; answer.fds of them */
};

/* Do what `q` asks and fill c->answer and c->fds. */
void pvb_hypconn_answer(struct pvb_hypconn *c, const struct pvb_hyp_request *q);
/* Let go of area, ports and holds. */
void pvb_hypconn_release(struct pvb_hypconn *c);
/* As pvb_hypserver_add, with a limit. */
int  pvb_hypconn_create(struct pvb_hypserver *s, uint16_t domid,
                        uint16_t limit, int fd);

#endif
