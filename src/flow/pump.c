/* SPDX-License-Identifier: MIT */
#include "base/queue.h"
#include "proto/ring.h"

#include "channel.h"
#include "counters.h"
#include "pump.h"

void pvb_pump_publish(struct pvb_pump *p)
{
	p->ready = 0;
	p->ops->publish(p);
}

void pvb_pump_ready(struct pvb_pump *p)
{
	if (++p->ready >= PVB_PUMP_PUBLISH)
		pvb_pump_publish(p);
}

void pvb_pump_later(struct pvb_pump *p)
{
	if (p->ready == 0)
		p->ready = 1;
}

void pvb_pump_pause(struct pvb_pump *p, bool pause)
{
	p->paused = pause;
}

static void report_broken(struct pvb_pump *p)
{
	p->broken = true;
	p->ops->broken(p);
}

static bool may_take(const struct pvb_pump *p)
{
	return !p->paused && !p->broken;
}

/* One batch.  *gone: the pump is no more. */
static bool pull(struct pvb_pump *p, bool *gone)
{
	struct pvb_ring *ring = &p->channel->ring;
	int32_t n = pvb_ring_waiting(ring);

	if (n > PVB_PUMP_BATCH)
		n = PVB_PUMP_BATCH;
	if (n > 0)
		n = p->ops->take(p, (uint32_t)n);
	if (n < 0)
		report_broken(p);
	if (n <= 0)
		return false;
	pvb_ring_commit(ring, (uint32_t)n);
	*gone = !p->ops->work(p);
	return true;
}

static bool pump_poll(struct pvb_loop_poller *poller)
{
	struct pvb_pump *p = pvb_container(poller, struct pvb_pump, poller);
	bool worked = false, gone = false;

	if (may_take(p))
		worked = pull(p, &gone);
	if (gone)
		return true;
	if (p->ready > 0) {
		pvb_pump_publish(p);
		worked = true;
	}
	return worked;
}

/* Paused, nothing that the ring could bring would be taken: the loop wakes
   for whatever the pause waits for. */
static bool pump_arm(struct pvb_loop_poller *poller)
{
	struct pvb_pump *p = pvb_container(poller, struct pvb_pump, poller);
	int r;

	if (p->ready > 0)
		pvb_pump_publish(p);
	if (!may_take(p))
		return false;
	r = pvb_ring_sleep_check(&p->channel->ring);
	if (r < 0)
		report_broken(p);
	else if (r == 0)
		pvb_counters_add(p->channel->c.counters, PVB_COUNT(sleeps), 1);
	return r > 0;
}

void pvb_pump_start(struct pvb_pump *p, struct pvb_loop *l,
                    struct pvb_channel *ch, const struct pvb_pump_ops *ops)
{
	*p = (struct pvb_pump){ .ops = ops, .channel = ch };
	p->poller.poll = pump_poll;
	p->poller.arm = pump_arm;
	pvb_loop_add_poller(l, &p->poller);
}

void pvb_pump_stop(struct pvb_pump *p)
{
	pvb_loop_remove_poller(&p->poller);
}
