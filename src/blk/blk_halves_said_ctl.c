/* SPDX-License-Identifier: MIT */
/* What one half says. */
#include <stdio.h>

#include "base/printable.h"
#include "blk_halves_parts_ctl.h"

static void on_attached(struct pvb_blk_half *q, const struct pvb_blk_msg *m)
{
	struct pvb_blk_halves *h = q->halves;

	if (!(q->owes & HALVES_ATTACHED))
		return;
	q->owes &= (uint8_t)~HALVES_ATTACHED;
	q->attached = true;
	if (h->ops->one_attached)
		h->ops->one_attached(h, (uint32_t)(q - h->half),
		                     &m->u.attached);
}

/* Shorter than the field, so it need not end there. */
static void take_text(const struct pvb_blk_msg *m,
                      char text[PVB_BLK_HALVES_TEXT_MAX + 1])
{
	(void)snprintf(text, PVB_BLK_HALVES_TEXT_MAX + 1, "%.*s",
	               PVB_BLK_HALVES_TEXT_MAX, m->u.failed.text);
	pvb_printable(text);
}

static void on_loaded(struct pvb_blk_half *q, const struct pvb_blk_msg *m)
{
	char text[PVB_BLK_HALVES_TEXT_MAX + 1];

	if (!(q->owes & HALVES_LOADED))
		return;
	q->owes &= (uint8_t)~HALVES_LOADED;
	take_text(m, text);
	if (m->u.failed.why != PVB_OK)
		halves_order_fails(q->halves, PVB_WHY_DISK, text);
}

static void on_grown(struct pvb_blk_half *q)
{
	if (q->owes & HALVES_RESIZED && --q->resizes == 0)
		q->owes &= (uint8_t)~HALVES_RESIZED;
}

static void on_drained(struct pvb_blk_half *q, const struct pvb_blk_msg *m)
{
	struct pvb_blk_halves *h = q->halves;

	if (!(q->owes & HALVES_DRAINED))
		return;
	q->owes &= (uint8_t)~HALVES_DRAINED;
	h->kept += m->u.drained.kept > 0;
	h->fruitful |= m->u.drained.fruitful != 0;
}

/* It may still say what it owed: that counts for nothing any more. */
static void on_detached(struct pvb_blk_half *q)
{
	if (q->owes & HALVES_DETACHED) {
		q->attached = false;
		q->resizes = 0;
		q->owes &= (uint8_t)~(HALVES_LOADED | HALVES_CHANGED |
		                      HALVES_RESIZED);
	}
	q->owes &= (uint8_t)~HALVES_DETACHED;
}

static void on_failed(struct pvb_blk_half *q, const struct pvb_blk_msg *m)
{
	struct pvb_blk_halves *h = q->halves;
	bool attaching = q->owes & HALVES_ATTACHED;
	bool others = h->again || h->due & (HALVES_ATTACHED | HALVES_UNDONE);
	char text[PVB_BLK_HALVES_TEXT_MAX + 1];
	uint32_t why = m->u.failed.why;

	take_text(m, text);
	if (why == PVB_OK || why >= PVB_WHY_COUNT)
		why = attaching ? PVB_WHY_ATTACH : PVB_WHY_STATE;
	if (attaching) {
		q->owes &= (uint8_t)~HALVES_ATTACHED;
		h->code = m->u.failed.code;
		halves_order_fails(h, why, text);
	} else if (q->attached && !others) {
		halves_path_failed(h, why, text);
	} else if (q->attached) {
		halves_order_fails(h, why, text);
	}
}

static void on_message(struct pvb_link *k, const void *msg, size_t bytes,
                       int *fds, uint32_t nfds)
{
	struct pvb_blk_half *q = pvb_container(k, struct pvb_blk_half, link);
	struct pvb_blk_halves *h = q->halves;
	const struct pvb_blk_msg *m = msg;

	(void)fds;              /* none is due: the link closes them */
	(void)nfds;
	if (bytes != sizeof(*m)) {
		halves_lose(q, "the process that serves the ring is another "
		            "version");
		halves_settle(h);
		return;
	}
	switch (m->type) {
	case PVB_BLK_MSG_ATTACHED:
		on_attached(q, m);
		break;
	case PVB_BLK_MSG_FAILED:
		on_failed(q, m);
		break;
	case PVB_BLK_MSG_DRAINED:
		on_drained(q, m);
		break;
	case PVB_BLK_MSG_DETACHED:
		on_detached(q);
		break;
	case PVB_BLK_MSG_LOADED:
		on_loaded(q, m);
		break;
	case PVB_BLK_MSG_CHANGED:
		q->owes &= (uint8_t)~HALVES_CHANGED;
		break;
	case PVB_BLK_MSG_GROWN:
		on_grown(q);
		break;
	case PVB_BLK_MSG_REPORT:
		h->ops->report(h, &m->u.report);
		break;
	default:
		break;
	}
	halves_settle(h);
}

static void on_closed(struct pvb_link *k)
{
	struct pvb_blk_half *q = pvb_container(k, struct pvb_blk_half, link);

	halves_lose(q, halves_died);
	halves_settle(q->halves);
}

const struct pvb_link_ops halves_link_ops = {
	.message = on_message, .closed = on_closed,
};
