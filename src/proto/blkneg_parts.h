/* SPDX-License-Identifier: MIT */
/*
 * blkneg_parts.h - between blkneg*.c and blkexplain*.c: each topic of a
 * negotiation by itself, decided as when two ends negotiate.
 *
 * Reasons and *bad are as in blkneg.h, but `bad` is not NULL, and *bad may be
 * set where nothing is refused, too.
 */
#ifndef PVB_BLKNEG_PARTS_H
#define PVB_BLKNEG_PARTS_H

#include "blkneg.h"

/* ---- an offer, beyond what we could use of it ---------------------------- */
/* *differ: both schemes are there and do not mean the same ring. */
enum pvb_why pvb_blk_offer_ring(const struct pvb_keys *k, uint32_t *order,
                                bool *differ, const char **bad);
enum pvb_why pvb_blk_offer_queues(const struct pvb_keys *k, uint32_t *queues,
                                  const char **bad);
enum pvb_why pvb_blk_offer_indirect(const struct pvb_keys *k, uint32_t *segs,
                                    const char **bad);
enum pvb_why pvb_blk_offer_blocks(const struct pvb_keys *k,
                                  struct pvb_blk_blocks *out,
                                  const char **bad);

/* ---- terms --------------------------------------------------------------- */
enum pvb_why pvb_blk_terms_abi(const struct pvb_keys *k, enum pvb_abi absent,
                               struct pvb_blk_terms *out, const char **bad);
/* `max`: what was offered, up to 31.  *bad is set to the node that says the
   size, and left alone where none does. */
enum pvb_why pvb_blk_terms_ring(const struct pvb_keys *k, uint32_t max,
                                uint32_t *order, const char **bad);
enum pvb_why pvb_blk_terms_queues(const struct pvb_keys *k, uint32_t max,
                                  uint32_t *queues, const char **bad);
/* References and port of a queue; t->queues and t->ring_order are known. */
enum pvb_why pvb_blk_terms_queue(const struct pvb_keys *k,
                                 struct pvb_blk_terms *t, uint32_t queue,
                                 const char **bad);

/* ---- geometry ------------------------------------------------------------ */
/* Sectors and the two sizes of them; g->units is known. */
enum pvb_why pvb_blk_geometry_sizes(const struct pvb_keys *k,
                                    struct pvb_blk_geometry *g,
                                    const char **bad);
enum pvb_why pvb_blk_geometry_info(const struct pvb_keys *k,
                                   struct pvb_blk_geometry *g,
                                   const char **bad);
/* What there is besides `feature-discard`; the sector size is known. */
enum pvb_why pvb_blk_geometry_discard(const struct pvb_keys *k,
                                      struct pvb_blk_geometry *g,
                                      const char **bad);

#endif
