/* SPDX-License-Identifier: MIT */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "blk_halves_parts_ctl.h"

static_assert(sizeof(struct pvb_blk_msg) <= PVB_LINK_MSG_MAX,
              "a message must fit in the link");
static_assert(PVB_BLK_HALVES_TEXT_MAX <
                      sizeof(((struct pvb_blk_failed *)0)->text),
              "a sentence is read no further than it can be");

void pvb_blk_halves_init(struct pvb_blk_halves *h, struct pvb_loop *loop,
                         const struct pvb_blk_halves_ops *ops)
{
	memset(h, 0, sizeof(*h));
	h->loop = loop;
	h->ops = ops;
	for (uint32_t i = 0; i < PVB_BLK_QUEUES_MAX; i++)
		h->half[i].halves = h;
}

void pvb_blk_halves_fini(struct pvb_blk_halves *h)
{
	for (uint32_t i = 0; i < PVB_BLK_QUEUES_MAX; i++)
		if (h->half[i].linked)
			pvb_link_fini(&h->half[i].link);
	memset(h, 0, sizeof(*h));
}

/* ---- failures ------------------------------------------------------------ */

void halves_order_fails(struct pvb_blk_halves *h, enum pvb_why why,
                        const char *text)
{
	if (h->why != PVB_OK)
		return;
	h->why = why;
	(void)snprintf(h->text, sizeof(h->text), "%s", text);
}

void halves_path_failed(struct pvb_blk_halves *h, enum pvb_why why,
                        const char *text)
{
	if (h->broken)
		return;
	h->broken = true;
	h->ops->failed(h, false, why, text);
}

/* ---- orders -------------------------------------------------------------- */

int pvb_blk_halves_send(struct pvb_blk_halves *h, uint32_t queue,
                        const struct pvb_blk_msg *m, const int *fds,
                        uint32_t nfds)
{
	return pvb_link_send(&h->half[queue].link, m, sizeof(*m), fds, nfds);
}

static void order(struct pvb_blk_half *q, enum pvb_blk_msg_type type, bool cut,
                  uint8_t answer)
{
	struct pvb_blk_msg m = {
		.type = type, .cut = cut, .keep = q->halves->keep,
	};

	q->owes |= answer;
	if (pvb_link_send(&q->link, &m, sizeof(m), NULL, 0) < 0)
		halves_lose(q, halves_deaf);
}

static bool can_be_told(const struct pvb_blk_halves *h)
{
	return !h->down && !h->again;
}

void halves_order(struct pvb_blk_halves *h, enum pvb_blk_msg_type type,
                  bool cut, uint8_t answer)
{
	for (uint32_t i = 0; i < h->count && can_be_told(h); i++)
		if (h->half[i].attached)
			order(&h->half[i], type, cut, answer);
}

uint8_t halves_all_owe(const struct pvb_blk_halves *h)
{
	uint8_t owes = 0;

	for (uint32_t i = 0; i < PVB_BLK_QUEUES_MAX; i++)
		owes |= h->half[i].owes;
	return owes;
}

void halves_undo(struct pvb_blk_halves *h)
{
	halves_order(h, PVB_BLK_MSG_DRAIN, true, HALVES_DRAINED);
	halves_order(h, PVB_BLK_MSG_DETACH, false, HALVES_DETACHED);
}

/* This answer is due to the owner, and all have given it. */
static bool is_answered(struct pvb_blk_halves *h, uint8_t answer)
{
	if (!(h->due & answer) || halves_all_owe(h) & answer ||
	    !can_be_told(h))
		return false;
	h->due &= (uint8_t)~answer;
	return true;
}

static void settle_attach(struct pvb_blk_halves *h)
{
	if (is_answered(h, HALVES_ATTACHED)) {
		if (h->why == PVB_OK) {
			h->ops->attached(h);
		} else {
			h->due |= HALVES_UNDONE;
			halves_undo(h);
		}
	}
	if (h->due & HALVES_UNDONE && halves_all_owe(h) == 0 &&
	    can_be_told(h)) {
		h->due &= (uint8_t)~HALVES_UNDONE;
		h->ops->failed(h, true, h->why, h->text);
	}
}

void halves_settle(struct pvb_blk_halves *h)
{
	halves_settle_again(h);
	if (is_answered(h, HALVES_RESIZED))
		h->ops->resized(h);
	settle_attach(h);
	if (is_answered(h, HALVES_LOADED))
		h->ops->loaded(h, h->why, h->text);
	if (is_answered(h, HALVES_CHANGED))
		h->ops->changed(h);
	if (is_answered(h, HALVES_DRAINED)) {
		h->drained = true;
		h->ops->drained(h);
	}
	if (is_answered(h, HALVES_DETACHED))
		h->ops->detached(h);
}

void pvb_blk_halves_tell(struct pvb_blk_halves *h, const struct pvb_blk_msg *m)
{
	for (uint32_t i = 0; i < h->count && can_be_told(h); i++) {
		struct pvb_blk_half *q = &h->half[i];

		if (q->attached &&
		    pvb_link_send(&q->link, m, sizeof(*m), NULL, 0) < 0)
			halves_lose(q, halves_deaf);
	}
	halves_settle(h);
}

void pvb_blk_halves_drain(struct pvb_blk_halves *h, bool cut)
{
	h->due |= HALVES_DRAINED;
	h->cut |= cut;
	halves_order(h, PVB_BLK_MSG_DRAIN, cut, HALVES_DRAINED);
	halves_settle(h);
}

void pvb_blk_halves_detach(struct pvb_blk_halves *h)
{
	h->due |= HALVES_DETACHED;
	halves_order(h, PVB_BLK_MSG_DETACH, false, HALVES_DETACHED);
	halves_settle(h);
}

/* ---- another size -------------------------------------------------------- */

void pvb_blk_halves_resize(struct pvb_blk_halves *h,
                           const struct pvb_blk_geometry *geometry)
{
	struct pvb_blk_msg m = { .type = PVB_BLK_MSG_RESIZED };

	m.u.geometry = *geometry;
	h->due |= HALVES_RESIZED;
	for (uint32_t i = 0; i < h->count && !h->down; i++) {
		struct pvb_blk_half *q = &h->half[i];

		if (!q->attached && !(q->owes & HALVES_ATTACHED))
			continue;
		q->owes |= HALVES_RESIZED;
		q->resizes++;
		if (pvb_link_send(&q->link, &m, sizeof(m), NULL, 0) < 0)
			halves_lose(q, halves_deaf);
	}
	halves_settle(h);
}

/* ---- another medium ------------------------------------------------------ */

static void load_one(struct pvb_blk_halves *h, uint32_t queue)
{
	char text[PVB_BLK_HALVES_TEXT_MAX + 1] = "";
	int r = h->ops->load(h, queue, text);

	if (r >= 0)
		h->half[queue].owes |= HALVES_LOADED;
	else if (text[0])
		halves_order_fails(h, PVB_WHY_DISK, text);
	else
		halves_lose(&h->half[queue], halves_deaf);
}

void pvb_blk_halves_load(struct pvb_blk_halves *h)
{
	assert(pvb_blk_halves_is_settled(h));
	h->why = PVB_OK;
	h->text[0] = '\0';
	h->due = HALVES_LOADED;
	for (uint32_t i = 0; i < h->count && h->why == PVB_OK && !h->down; i++)
		if (h->half[i].attached)
			load_one(h, i);
	halves_settle(h);
}

void pvb_blk_halves_change(struct pvb_blk_halves *h)
{
	assert(pvb_blk_halves_is_settled(h));
	h->due = HALVES_CHANGED;
	halves_order(h, PVB_BLK_MSG_CHANGE, false, HALVES_CHANGED);
	halves_settle(h);
}

bool pvb_blk_halves_is_settled(const struct pvb_blk_halves *h)
{
	return h->due == 0 && can_be_told(h);
}

bool pvb_blk_halves_any_attached(const struct pvb_blk_halves *h)
{
	bool any = false;

	for (uint32_t i = 0; i < PVB_BLK_QUEUES_MAX; i++)
		any |= h->half[i].attached;
	return any;
}

/* ---- attach -------------------------------------------------------------- */

static int need_link(struct pvb_blk_halves *h, uint32_t queue)
{
	struct pvb_blk_half *q = &h->half[queue];
	int fd, r;

	if (q->linked)
		return 0;
	fd = h->ops->create(h, queue);
	if (fd < 0)
		return fd;
	r = pvb_link_init(&q->link, h->loop, fd, &halves_link_ops);
	q->linked = r == 0;
	return r;
}

void halves_attach_one(struct pvb_blk_halves *h, uint32_t queue)
{
	struct pvb_blk_half *q = &h->half[queue];
	char text[PVB_BLK_HALVES_TEXT_MAX + 1] = "";
	int r = need_link(h, queue);

	if (r == -EAGAIN && h->outlive) {
		halves_go_down(h, halves_died);
		return;
	}
	if (r < 0) {
		(void)snprintf(text, sizeof(text),
		               "no process to serve the ring: %s",
		               strerror(-r));
		halves_order_fails(h, PVB_WHY_ATTACH, text);
		return;
	}
	r = h->ops->attach(h, queue, text);
	q->owes |= r < 0 ? 0 : HALVES_ATTACHED;
	if (r < 0 && !text[0] && h->outlive)
		halves_go_down(h, halves_deaf);
	else if (r < 0)
		halves_order_fails(h, PVB_WHY_ATTACH,
		                   text[0] ? text : halves_deaf);
}

void pvb_blk_halves_attach(struct pvb_blk_halves *h, uint32_t count)
{
	assert(count > 0 && count <= PVB_BLK_QUEUES_MAX);
	assert(pvb_blk_halves_is_settled(h));
	h->count = count;
	h->broken = h->cut = h->drained = h->fruitful = false;
	h->kept = 0;
	h->why = PVB_OK;
	h->due = HALVES_ATTACHED;
	for (uint32_t i = 0; i < count && h->why == PVB_OK && !h->down; i++)
		halves_attach_one(h, i);
	halves_settle(h);
}
