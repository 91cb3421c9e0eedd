/* SPDX-License-Identifier: MIT */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/printable.h"
#include "blk_halves_ctl.h"

static_assert(sizeof(struct pvb_blk_msg) <= PVB_LINK_MSG_MAX,
              "a message must fit in the link");
static_assert(PVB_BLK_HALVES_TEXT_MAX <
                      sizeof(((struct pvb_blk_failed *)0)->text),
              "a sentence is read no further than it can be");

enum {                          /* what a half owes, and what we do */
	ATTACHED = 1, DRAINED = 2, DETACHED = 4, LOADED = 8, CHANGED = 16,
	UNDONE = 32,            /* ours alone: an attach that failed */
	RESIZED = 64,
};

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

/* The first reason why the attach or load under way fails. */
static void order_fails(struct pvb_blk_halves *h, enum pvb_why why,
                         const char *text)
{
	if (h->why != PVB_OK)
		return;
	h->why = why;
	(void)snprintf(h->text, sizeof(h->text), "%s", text);
}

static void path_failed(struct pvb_blk_halves *h, enum pvb_why why,
                        const char *text)
{
	if (h->broken)
		return;
	h->broken = true;
	h->ops->failed(h, false, why, text);
}

/* This half is no more, whatever it owed. */
static void lose(struct pvb_blk_half *q, const char *text)
{
	struct pvb_blk_halves *h = q->halves;
	bool was_running = q->attached && !(q->owes & DETACHED);

	if (!q->linked)
		return;
	pvb_link_fini(&q->link);
	q->linked = false;
	if (q->owes & ATTACHED)
		order_fails(h, PVB_WHY_ATTACH, text);
	q->owes = 0;
	q->resizes = 0;
	q->attached = false;
	if (was_running && !(h->due & (ATTACHED | UNDONE)))
		path_failed(h, PVB_WHY_STATE, text);
	else if (was_running)
		order_fails(h, PVB_WHY_ATTACH, text);
}

static const char died[] = "the process that serves the ring has died";
static const char deaf[] = "the process that serves the ring does not listen";

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
	struct pvb_blk_msg m = { .type = type, .cut = cut };

	q->owes |= answer;
	if (pvb_link_send(&q->link, &m, sizeof(m), NULL, 0) < 0)
		lose(q, deaf);
}

static uint8_t all_owe(const struct pvb_blk_halves *h)
{
	uint8_t owes = 0;

	for (uint32_t i = 0; i < PVB_BLK_QUEUES_MAX; i++)
		owes |= h->half[i].owes;
	return owes;
}

static void undo(struct pvb_blk_halves *h)
{
	for (uint32_t i = 0; i < h->count; i++) {
		struct pvb_blk_half *q = &h->half[i];

		if (q->attached)
			order(q, PVB_BLK_MSG_DRAIN, true, DRAINED);
		if (q->attached)
			order(q, PVB_BLK_MSG_DETACH, false, DETACHED);
	}
}

/* Have all answered what we owe to the owner? */
static void settle(struct pvb_blk_halves *h)
{
	if (h->due & RESIZED && !(all_owe(h) & RESIZED)) {
		h->due &= (uint8_t)~RESIZED;
		h->ops->resized(h);
	}
	if (h->due & ATTACHED && !(all_owe(h) & ATTACHED)) {
		h->due &= (uint8_t)~ATTACHED;
		if (h->why == PVB_OK) {
			h->ops->attached(h);
		} else {
			h->due |= UNDONE;
			undo(h);
		}
	}
	if (h->due & UNDONE && all_owe(h) == 0) {
		h->due &= (uint8_t)~UNDONE;
		h->ops->failed(h, true, h->why, h->text);
	}
	if (h->due & LOADED && !(all_owe(h) & LOADED)) {
		h->due &= (uint8_t)~LOADED;
		h->ops->loaded(h, h->why, h->text);
	}
	if (h->due & CHANGED && !(all_owe(h) & CHANGED)) {
		h->due &= (uint8_t)~CHANGED;
		h->ops->changed(h);
	}
	if (h->due & DRAINED && !(all_owe(h) & DRAINED)) {
		h->due &= (uint8_t)~DRAINED;
		h->ops->drained(h);
	}
	if (h->due & DETACHED && !(all_owe(h) & DETACHED)) {
		h->due &= (uint8_t)~DETACHED;
		h->ops->detached(h);
	}
}

void pvb_blk_halves_tell(struct pvb_blk_halves *h, const struct pvb_blk_msg *m)
{
	for (uint32_t i = 0; i < h->count; i++) {
		struct pvb_blk_half *q = &h->half[i];

		if (q->attached &&
		    pvb_link_send(&q->link, m, sizeof(*m), NULL, 0) < 0)
			lose(q, deaf);
	}
	settle(h);
}

void pvb_blk_halves_drain(struct pvb_blk_halves *h, bool cut)
{
	h->due |= DRAINED;
	for (uint32_t i = 0; i < h->count; i++)
		if (h->half[i].attached)
			order(&h->half[i], PVB_BLK_MSG_DRAIN, cut, DRAINED);
	settle(h);
}

void pvb_blk_halves_detach(struct pvb_blk_halves *h)
{
	h->due |= DETACHED;
	for (uint32_t i = 0; i < h->count; i++)
		if (h->half[i].attached)
			order(&h->half[i], PVB_BLK_MSG_DETACH, false, DETACHED);
	settle(h);
}

/* ---- another size -------------------------------------------------------- */

void pvb_blk_halves_resize(struct pvb_blk_halves *h,
                           const struct pvb_blk_geometry *geometry)
{
	struct pvb_blk_msg m = { .type = PVB_BLK_MSG_RESIZED };

	m.u.geometry = *geometry;
	h->due |= RESIZED;
	for (uint32_t i = 0; i < h->count; i++) {
		struct pvb_blk_half *q = &h->half[i];

		if (!q->attached && !(q->owes & ATTACHED))
			continue;
		q->owes |= RESIZED;
		q->resizes++;
		if (pvb_link_send(&q->link, &m, sizeof(m), NULL, 0) < 0)
			lose(q, deaf);
	}
	settle(h);
}

/* ---- another medium ------------------------------------------------------ */

static void load_one(struct pvb_blk_halves *h, uint32_t queue)
{
	char text[PVB_BLK_HALVES_TEXT_MAX + 1] = "";

	if (h->ops->load(h, queue, text) < 0)
		order_fails(h, PVB_WHY_DISK, text[0] ? text : deaf);
	else
		h->half[queue].owes |= LOADED;
}

void pvb_blk_halves_load(struct pvb_blk_halves *h)
{
	assert(h->due == 0);
	h->why = PVB_OK;
	h->text[0] = '\0';
	h->due = LOADED;
	for (uint32_t i = 0; i < h->count && h->why == PVB_OK; i++)
		if (h->half[i].attached)
			load_one(h, i);
	settle(h);
}

void pvb_blk_halves_change(struct pvb_blk_halves *h)
{
	assert(h->due == 0);
	h->due = CHANGED;
	for (uint32_t i = 0; i < h->count; i++)
		if (h->half[i].attached)
			order(&h->half[i], PVB_BLK_MSG_CHANGE, false, CHANGED);
	settle(h);
}

bool pvb_blk_halves_is_settled(const struct pvb_blk_halves *h)
{
	return h->due == 0;
}

bool pvb_blk_halves_any_attached(const struct pvb_blk_halves *h)
{
	bool any = false;

	for (uint32_t i = 0; i < PVB_BLK_QUEUES_MAX; i++)
		any |= h->half[i].attached;
	return any;
}

/* ---- answers ------------------------------------------------------------- */

static void on_attached(struct pvb_blk_half *q, const struct pvb_blk_msg *m)
{
	struct pvb_blk_halves *h = q->halves;

	if (!(q->owes & ATTACHED))
		return;
	q->owes &= (uint8_t)~ATTACHED;
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

	if (!(q->owes & LOADED))
		return;
	q->owes &= (uint8_t)~LOADED;
	take_text(m, text);
	if (m->u.failed.why != PVB_OK)
		order_fails(q->halves, PVB_WHY_DISK, text);
}

static void on_grown(struct pvb_blk_half *q)
{
	if (q->owes & RESIZED && --q->resizes == 0)
		q->owes &= (uint8_t)~RESIZED;
}

/* It may still say what it owed: that counts for nothing any more. */
static void on_detached(struct pvb_blk_half *q)
{
	if (q->owes & DETACHED) {
		q->attached = false;
		q->resizes = 0;
		q->owes &= (uint8_t)~(LOADED | CHANGED | RESIZED);
	}
	q->owes &= (uint8_t)~DETACHED;
}

static void on_failed(struct pvb_blk_half *q, const struct pvb_blk_msg *m)
{
	struct pvb_blk_halves *h = q->halves;
	bool attaching = q->owes & ATTACHED;
	char text[PVB_BLK_HALVES_TEXT_MAX + 1];
	uint32_t why = m->u.failed.why;

	take_text(m, text);
	if (why == PVB_OK || why >= PVB_WHY_COUNT)
		why = attaching ? PVB_WHY_ATTACH : PVB_WHY_STATE;
	if (attaching) {
		q->owes &= (uint8_t)~ATTACHED;
		order_fails(h, why, text);
	} else if (q->attached && !(h->due & (ATTACHED | UNDONE))) {
		path_failed(h, why, text);
	} else if (q->attached) {
		order_fails(h, why, text);
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
		lose(q, "the process that serves the ring is another version");
		settle(h);
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
		q->owes &= (uint8_t)~DRAINED;
		break;
	case PVB_BLK_MSG_DETACHED:
		on_detached(q);
		break;
	case PVB_BLK_MSG_LOADED:
		on_loaded(q, m);
		break;
	case PVB_BLK_MSG_CHANGED:
		q->owes &= (uint8_t)~CHANGED;
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
	settle(h);
}

static void on_closed(struct pvb_link *k)
{
	struct pvb_blk_half *q = pvb_container(k, struct pvb_blk_half, link);

	lose(q, died);
	settle(q->halves);
}

static const struct pvb_link_ops link_ops = {
	.message = on_message, .closed = on_closed,
};

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
	r = pvb_link_init(&q->link, h->loop, fd, &link_ops);
	q->linked = r == 0;
	return r;
}

static void attach_one(struct pvb_blk_halves *h, uint32_t queue)
{
	struct pvb_blk_half *q = &h->half[queue];
	char text[PVB_BLK_HALVES_TEXT_MAX + 1] = "";
	int r = need_link(h, queue);

	if (r < 0) {
		(void)snprintf(text, sizeof(text),
		               "no process to serve the ring: %s",
		               strerror(-r));
		order_fails(h, PVB_WHY_ATTACH, text);
		return;
	}
	r = h->ops->attach(h, queue, text);
	if (r < 0)
		order_fails(h, PVB_WHY_ATTACH, text[0] ? text : deaf);
	else
		q->owes |= ATTACHED;
}

void pvb_blk_halves_attach(struct pvb_blk_halves *h, uint32_t count)
{
	assert(count > 0 && count <= PVB_BLK_QUEUES_MAX);
	assert(h->due == 0);
	h->count = count;
	h->broken = false;
	h->why = PVB_OK;
	h->due = ATTACHED;
	for (uint32_t i = 0; i < count && h->why == PVB_OK; i++)
		attach_one(h, i);
	settle(h);
}
