/* SPDX-License-Identifier: MIT */
/*
 * blk_halves_parts_ctl.h - what the blk_halves*_ctl.c files are to each other,
 * and to nobody else: orders and what has become of all of them
 * (blk_halves_ctl.c), what one half says (_said), and what is done when the
 * process of the halves has died (_death).
 */
#ifndef PVB_BLK_HALVES_PARTS_CTL_H
#define PVB_BLK_HALVES_PARTS_CTL_H

#include "blk_halves_ctl.h"

enum {                          /* what a half owes, and what we do */
	HALVES_ATTACHED = 1, HALVES_DRAINED = 2, HALVES_DETACHED = 4,
	HALVES_LOADED = 8, HALVES_CHANGED = 16, HALVES_RESIZED = 32,
	/* Ours alone: an attach that failed, or one again. */
	HALVES_UNDONE = 64, HALVES_AGAIN_UNDONE = 128,
};

extern const char halves_died[], halves_deaf[];

/* ---- blk_halves_ctl.c ---- */
uint8_t halves_all_owe(const struct pvb_blk_halves *h);
/* Have all answered what we owe to the owner? */
void halves_settle(struct pvb_blk_halves *h);
/* To all that are attached, each of which owes `answer` then. */
void halves_order(struct pvb_blk_halves *h, enum pvb_blk_msg_type type,
                  bool cut, uint8_t answer);
/* What is attached is let go of. */
void halves_undo(struct pvb_blk_halves *h);
/* The first reason why the attach or load under way fails. */
void halves_order_fails(struct pvb_blk_halves *h, enum pvb_why why,
                        const char *text);
void halves_path_failed(struct pvb_blk_halves *h, enum pvb_why why,
                        const char *text);
void halves_attach_one(struct pvb_blk_halves *h, uint32_t queue);

/* ---- blk_halves_said_ctl.c ---- */
/* Of each half's link. */
extern const struct pvb_link_ops halves_link_ops;

/* ---- blk_halves_death_ctl.c ---- */
/* This half is no more, whatever it owed. */
void halves_lose(struct pvb_blk_half *q, const char *text);
/* So are all of them, whatever they owed. */
void halves_go_down(struct pvb_blk_halves *h, const char *text);
/* Perhaps all have attached again. */
void halves_settle_again(struct pvb_blk_halves *h);

#endif
