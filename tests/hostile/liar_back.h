/* SPDX-License-Identifier: MIT */
/*
 * liar_back.h - a back that answers whatever the test likes, and the front
 * that has to bear it.
 */
#ifndef PVB_TEST_LIAR_BACK_H
#define PVB_TEST_LIAR_BACK_H

#include <stdbool.h>
#include <stdint.h>

#include "pair.h"
#include "proto/ring.h"
#include "requests.h"

struct liar_back {
	struct pair pair;               /* its own back is not attached */
	struct rig rig;                 /* on the front's disk */
	struct pvb_mem *mem;            /* the liar's handle */
	void *ring_page;
	uint32_t port;
	_Atomic uint32_t *indices;      /* req_prod, req_event, rsp_prod, ... */
	struct pvb_ring ring;           /* for when it does not lie */
};

void liar_back_init(struct liar_back *l, const struct pair_options *o);
void liar_back_fini(struct liar_back *l);

/* The next request, which must come; an indirect one with its segments. */
struct pvb_blk_req liar_take(struct liar_back *l);
/* No request is there after a while. */
void liar_expect_none(struct liar_back *l);
void liar_answer_as(struct liar_back *l, uint64_t id, uint8_t op,
                    int16_t status);
/* The same, in so many slots. */
void liar_answer_in(struct liar_back *l, uint64_t id, uint8_t op,
                    int16_t status, uint32_t slots);
/* Publish a response index, whatever it is, and ring. */
void liar_publish(struct liar_back *l, uint32_t rsp_prod);
unsigned char *liar_page(struct liar_back *l, uint32_t gref);
/* The front gives the connection up for this reason, and says so once. */
void liar_expect_failed(struct liar_back *l, enum pvb_why why);
/* A request of a caller, submitted and kicked. */
void liar_submit(struct liar_back *l, struct req *q, enum pvb_io_op op,
                 uint64_t offset, uint64_t length);

#endif
