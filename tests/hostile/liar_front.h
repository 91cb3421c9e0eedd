/* SPDX-License-Identifier: MIT */
/*
 * liar_front.h - a front that writes whatever the test likes into its ring,
 * and the back that has to bear it.
 */
#ifndef PVB_TEST_LIAR_FRONT_H
#define PVB_TEST_LIAR_FRONT_H

#include <stdbool.h>
#include <stdint.h>

#include "pair.h"
#include "proto/ring.h"

enum { LIAR_PAGES = 16 };

/* The shared indices, as they lie in memory. */
struct liar_indices {
	_Atomic uint32_t req_prod, req_event, rsp_prod, rsp_event;
};

struct liar_front {
	struct pair pair;               /* its own front is not attached */
	enum pvb_abi abi;
	struct pvb_mem *mem;            /* the liar's handle */
	void *ring_page;
	uint32_t ring_ref, port;
	struct liar_indices *indices;
	struct pvb_ring ring;           /* for when it does not lie */
	unsigned char *page;            /* LIAR_PAGES, granted to the back */
	uint32_t gref[LIAR_PAGES];
};

/* Attached: the back serves this front.  NULL options: the usual ones. */
void liar_front_init(struct liar_front *l, const struct pair_options *o,
                     enum pvb_abi abi);
void liar_front_fini(struct liar_front *l);

/* A read of one page at sector 0 into the liar's first page. */
struct pvb_blk_req liar_read(const struct liar_front *l);
/* Fill the list in page `page` with the request's segments, as it is. */
void liar_write_list(struct liar_front *l, uint32_t page,
                     const struct pvb_blk_req *r);

/* Slots that a request takes here. */
uint32_t liar_slots(const struct liar_front *l, const struct pvb_blk_req *r);
/* Put a request on the ring, all of its slots, but show only so many. */
void liar_send_part(struct liar_front *l, const struct pvb_blk_req *r,
                    uint32_t shown);
/* Show all of them, and ring the bell. */
void liar_send(struct liar_front *l, const struct pvb_blk_req *r);
void liar_send_raw(struct liar_front *l, const void *slot);
/* The next answer, which must come. */
struct pvb_blk_rsp liar_answer(struct liar_front *l);
/* The same, which takes so many slots. */
struct pvb_blk_rsp liar_answer_of(struct liar_front *l, uint32_t slots);
/* Send and expect this answer and, unless it is PVB_OK, exactly one more
   refusal, for this reason, of which the control half hears once. */
void liar_expect(struct liar_front *l, const struct pvb_blk_req *r,
                 enum pvb_why why, int16_t status);
void liar_bell(struct liar_front *l);
uint64_t liar_refused(struct liar_front *l, enum pvb_why why);
/* It still serves an honest request. */
void liar_expect_alive(struct liar_front *l);

#endif
