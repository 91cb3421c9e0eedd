/* SPDX-License-Identifier: MIT */
/*
 * A data half dies.  All halves of a device are in one process, so the others
 * are as good as dead, and are let go of.
 *
 *           died                    again                all have answered
 *    UP ------------> DOWN -----------------> attaching -----------------> UP
 *     ^                 |                           |
 *     |                 | <-------------------------+ the disk is busy
 *     |                 |
 *     +-----------------+ again, but nobody wants it any more; give_up
 *
 * While it is down orders are remembered: one is carried out when the rings are
 * attached again, or has come true with the death.
 *
 *   ordered     answered when
 *   drain       attached again, and drained; at once if it had been drained
 *   drain, cut  down no more: the rings are not attached again, nor drained
 *   detach      likewise
 *   resize      attached again: that goes by the size of then
 *   load        not at all: the owner begins it anew
 *   change      not at all: the owner attaches again with the new medium
 */
#include <assert.h>
#include <errno.h>

#include "blk_halves_parts_ctl.h"

const char halves_died[] = "the process that serves the ring has died";
const char halves_deaf[] = "the process that serves the ring does not listen";

static void drop_links(struct pvb_blk_halves *h)
{
	for (uint32_t i = 0; i < PVB_BLK_QUEUES_MAX; i++) {
		struct pvb_blk_half *q = &h->half[i];

		if (q->linked)
			pvb_link_fini(&q->link);
		q->linked = false;
		q->owes = 0;
		q->resizes = 0;
	}
}

/* Who is attached stays so for the owner. */
void halves_go_down(struct pvb_blk_halves *h, const char *text)
{
	drop_links(h);
	h->again = false;
	if (h->down)
		return;
	h->down = true;
	h->ops->died(h, text);
}

void pvb_blk_halves_kill(struct pvb_blk_halves *h, const char *text)
{
	assert(h->outlive);
	if (!h->down)
		halves_go_down(h, text);
}

void halves_lose(struct pvb_blk_half *q, const char *text)
{
	struct pvb_blk_halves *h = q->halves;
	bool was_running = q->attached && !(q->owes & HALVES_DETACHED);

	if (!q->linked)
		return;
	if (h->outlive && (q->attached || q->owes)) {
		halves_go_down(h, text);
		return;
	}
	pvb_link_fini(&q->link);
	q->linked = false;
	if (q->owes & HALVES_ATTACHED)
		halves_order_fails(h, PVB_WHY_ATTACH, text);
	q->owes = 0;
	q->resizes = 0;
	q->attached = false;
	if (was_running && !(h->due & (HALVES_ATTACHED | HALVES_UNDONE)))
		halves_path_failed(h, PVB_WHY_STATE, text);
	else if (was_running)
		halves_order_fails(h, PVB_WHY_ATTACH, text);
}

void pvb_blk_halves_found(struct pvb_blk_halves *h, uint32_t count)
{
	assert(count > 0 && count <= PVB_BLK_QUEUES_MAX);
	assert(h->outlive && h->count == 0);
	h->count = count;
	for (uint32_t i = 0; i < count; i++)
		h->half[i].attached = true;
	h->down = true;
}

/* ---- up again ------------------------------------------------------------ */

static bool is_wanted(const struct pvb_blk_halves *h)
{
	bool undoing = h->due & (HALVES_UNDONE | HALVES_AGAIN_UNDONE);

	return !undoing && !h->broken && !h->cut && !h->drained &&
	       !(h->due & HALVES_DETACHED);
}

static void come_up(struct pvb_blk_halves *h)
{
	assert(h->down);
	h->down = false;
	h->due &= (uint8_t)~(HALVES_LOADED | HALVES_CHANGED);
	for (uint32_t i = 0; i < PVB_BLK_QUEUES_MAX; i++) {
		h->half[i].attached = false;
		h->half[i].owes = 0;
		h->half[i].resizes = 0;
	}
}

bool pvb_blk_halves_again(struct pvb_blk_halves *h)
{
	bool wanted = is_wanted(h);

	come_up(h);
	if (wanted) {
		h->again = true;
		h->why = PVB_OK;
		h->code = 0;
		h->text[0] = '\0';
		for (uint32_t i = 0; i < h->count && !h->down &&
		     h->why == PVB_OK; i++)
			halves_attach_one(h, i);
	}
	halves_settle(h);
	return wanted;
}

void pvb_blk_halves_give_up(struct pvb_blk_halves *h, enum pvb_why why,
                            const char *text)
{
	come_up(h);
	if (h->due & HALVES_ATTACHED) {
		h->due = (uint8_t)((h->due & ~HALVES_ATTACHED) |
		                   HALVES_UNDONE);
		h->why = PVB_OK;        /* an older one is of no interest */
		halves_order_fails(h, why, text);
	} else if (!(h->due & (HALVES_UNDONE | HALVES_DETACHED))) {
		halves_path_failed(h, why, text);
	}
	halves_settle(h);
}

/* What was ordered meanwhile. */
static void catch_up(struct pvb_blk_halves *h)
{
	if (h->due & HALVES_DRAINED)
		halves_order(h, PVB_BLK_MSG_DRAIN, h->cut, HALVES_DRAINED);
	if (h->due & HALVES_DETACHED)
		halves_order(h, PVB_BLK_MSG_DETACH, false, HALVES_DETACHED);
}

static void settle_attached_again(struct pvb_blk_halves *h)
{
	h->again = false;
	if (h->why == PVB_OK) {
		h->ops->again(h);
		catch_up(h);
	} else if (!(h->due & HALVES_ATTACHED)) {
		h->due |= HALVES_AGAIN_UNDONE;
		halves_undo(h);
	}
}

void halves_settle_again(struct pvb_blk_halves *h)
{
	if (h->again && !(halves_all_owe(h) & HALVES_ATTACHED))
		settle_attached_again(h);
	if (!h->down && h->due & HALVES_AGAIN_UNDONE &&
	    halves_all_owe(h) == 0) {
		h->due &= (uint8_t)~HALVES_AGAIN_UNDONE;
		h->down = h->code == -EBUSY && h->ops->busy(h);
		if (!h->down)
			halves_path_failed(h, h->why, h->text);
	}
}
