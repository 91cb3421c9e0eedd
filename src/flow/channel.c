/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>

#include "base/queue.h"
#include "proto/crash_point.h"

#include "channel.h"
#include "counters.h"

static uint32_t page_count(const struct pvb_channel *ch)
{
	return UINT32_C(1) << ch->c.order;
}

static size_t ring_bytes(const struct pvb_channel *ch)
{
	return (size_t)page_count(ch) * PVB_MEM_PAGE_BYTES;
}

/* Rung: the loop is awake, which is all that was wanted. */
static void bell_ready(struct pvb_loop_fd *w, uint32_t events)
{
	struct pvb_channel *ch = pvb_container(w, struct pvb_channel, bell);

	(void)events;
	if (ch->c.mem->ops->clear(ch->c.mem, ch->port) > 0)
		pvb_counters_add(ch->c.counters, PVB_COUNT(bells_received), 1);
}

static int watch_bell(struct pvb_channel *ch)
{
	int fd = ch->c.mem->ops->fd(ch->c.mem, ch->port);

	if (fd < 0)
		return fd;
	ch->bell = (struct pvb_loop_fd){
		.fd = fd, .events = PVB_LOOP_IN, .ready = bell_ready,
	};
	return pvb_loop_add_fd(ch->c.loop, &ch->bell);
}

static int start(struct pvb_channel *ch, enum pvb_role role,
                 const struct pvb_channel_config *c)
{
	memset(ch, 0, sizeof(*ch));
	if (c->order > PVB_RING_ORDER_MAX)
		return -EINVAL;
	ch->c = *c;
	ch->role = role;
	return 0;
}

/* Answers lie where requests were that are not answered yet, and those that
   were may be among what looks unanswered. */
static bool is_left_behind(struct pvb_channel *ch)
{
	return ch->role == PVB_BACK && !ch->c.resume &&
	       !ch->c.rested &&
	       ch->ring.in_cons != 0 && pvb_ring_waiting(&ch->ring) > 0;
}

/* Pages and port are there: put the ring upon them. */
static int finish(struct pvb_channel *ch)
{
	int r = ch->c.resume
		? pvb_ring_reattach(&ch->ring, ch->pages, ring_bytes(ch),
		                    ch->c.slot_bytes, ch->c.req_cons)
		: pvb_ring_attach(&ch->ring, ch->role, ch->pages,
		                  ring_bytes(ch), ch->c.slot_bytes);

	if (r == 0 && is_left_behind(ch))
		r = -ESTALE;
	return r < 0 ? r : watch_bell(ch);
}

int pvb_channel_offer(struct pvb_channel *ch,
                      const struct pvb_channel_config *c)
{
	int r = start(ch, PVB_FRONT, c);

	if (r < 0)
		return r;
	r = c->mem->ops->share(c->mem, c->peer, page_count(ch), false,
	                       &ch->pages, ch->ref);
	if (r < 0) {
		ch->pages = NULL;
		return r;
	}
	pvb_ring_format(ch->pages, ring_bytes(ch));
	r = c->mem->ops->offer(c->mem, c->peer, &ch->port);
	ch->has_port = r >= 0;
	if (r >= 0)
		r = finish(ch);
	if (r < 0)
		pvb_channel_fini(ch);
	return r < 0 ? r : 0;
}

int pvb_channel_map(struct pvb_channel *ch, const struct pvb_channel_config *c,
                    const uint32_t *refs, uint32_t remote_port)
{
	int r = start(ch, PVB_BACK, c);

	if (r < 0)
		return r;
	memcpy(ch->ref, refs, page_count(ch) * sizeof(*refs));
	r = c->mem->ops->map(c->mem, c->peer, ch->ref, page_count(ch), false,
	                     &ch->pages);
	if (r < 0) {
		ch->pages = NULL;
		return r;
	}
	r = c->mem->ops->bind(c->mem, c->peer, remote_port, &ch->port);
	ch->has_port = r >= 0;
	if (r >= 0)
		r = finish(ch);
	if (r < 0)
		pvb_channel_fini(ch);
	return r < 0 ? r : 0;
}

void pvb_channel_fini(struct pvb_channel *ch)
{
	struct pvb_mem *m = ch->c.mem;

	pvb_loop_remove_fd(&ch->bell);
	if (ch->has_port)
		m->ops->unbind(m, ch->port);
	if (ch->pages && ch->role == PVB_FRONT)
		m->ops->unshare(m, ch->pages, page_count(ch));
	else if (ch->pages)
		m->ops->unmap(m, ch->pages, page_count(ch));
	memset(ch, 0, sizeof(*ch));
}

void pvb_channel_publish(struct pvb_channel *ch)
{
	if (!pvb_ring_publish(&ch->ring))
		return;
	if (ch->role == PVB_BACK)
		PVB_CRASH_POINT(PVB_AT_BELL);
	ch->c.mem->ops->notify(ch->c.mem, ch->port);
	pvb_counters_add(ch->c.counters, PVB_COUNT(bells_sent), 1);
}

void pvb_channel_ring(struct pvb_channel *ch)
{
	PVB_CRASH_POINT(PVB_AT_RECOVER_BELL);
	ch->c.mem->ops->notify(ch->c.mem, ch->port);
	pvb_counters_add(ch->c.counters, PVB_COUNT(bells_sent), 1);
}
