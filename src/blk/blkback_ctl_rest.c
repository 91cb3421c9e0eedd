/* SPDX-License-Identifier: MIT */
/*
 * A connection comes to rest, for a daemon that cannot read our journals:
 *
 *   WANTED --connected, nothing else is under way--> DRAINING --> DETACHING
 *      `--nobody is attached------------> RESTED <---------------'
 *
 * Its rings are drained and let go of, and neither the front nor the store
 * hears of it.  What it would do next is its successor's to do.  So long as
 * something else is under way, that comes first.
 */
#include "blkback_ctl_parts.h"

static void next(struct pvb_blkback_ctl *b, enum blkback_rest_step step)
{
	b->rest.step = step;
	pvb_loop_defer(b->halves.loop, &b->rest.task);
}

static bool is_idle(const struct pvb_blkback_ctl *b)
{
	return pvb_conn_is_live(&b->runner.conn) &&
	       b->death.step == BLKBACK_ALIVE &&
	       b->change.step == BLKBACK_NO_CHANGE &&
	       pvb_blk_halves_is_settled(&b->halves);
}

static void begin(struct pvb_blkback_ctl *b)
{
	bool attached = b->runner.conn.attached;

	if (attached && !is_idle(b))
		return;
	pvb_runner_hold(&b->runner, true);
	if (!attached) {
		next(b, BLKBACK_RESTED);
		return;
	}
	b->rest.step = BLKBACK_REST_DRAINING;
	b->rest.connected = true;
	pvb_blk_halves_drain(&b->halves, false);
}

static void step(struct pvb_loop_task *t)
{
	struct pvb_blkback_ctl *b =
		pvb_container(t, struct pvb_blkback_ctl, rest.task);

	switch (b->rest.step) {
	case BLKBACK_REST_WANTED:
		begin(b);
		break;
	case BLKBACK_REST_DETACHING:
		pvb_blk_halves_detach(&b->halves);
		break;
	case BLKBACK_RESTED:
		b->c.rested(b, b->rest.connected, b->c.arg);
		break;
	default:
		break;
	}
}

void blkback_rest_poke(struct pvb_blkback_ctl *b)
{
	if (b->rest.step == BLKBACK_REST_WANTED)
		pvb_loop_defer(b->halves.loop, &b->rest.task);
}

bool blkback_rest_drained(struct pvb_blkback_ctl *b)
{
	if (b->rest.step != BLKBACK_REST_DRAINING)
		return false;
	next(b, BLKBACK_REST_DETACHING);
	return true;
}

bool blkback_rest_detached(struct pvb_blkback_ctl *b)
{
	if (b->rest.step != BLKBACK_REST_DETACHING)
		return false;
	next(b, BLKBACK_RESTED);
	return true;
}

/* Then it ends, as it would have. */
void blkback_rest_failed(struct pvb_blkback_ctl *b)
{
	if (b->rest.step != BLKBACK_REST_DRAINING &&
	    b->rest.step != BLKBACK_REST_DETACHING)
		return;
	b->rest.connected = false;
	b->rest.step = BLKBACK_REST_WANTED;
	pvb_runner_hold(&b->runner, false);
}

void pvb_blkback_ctl_rest(struct pvb_blkback_ctl *b)
{
	if (b->rest.step == BLKBACK_NO_REST)
		next(b, BLKBACK_REST_WANTED);
}

void blkback_rest_init(struct pvb_blkback_ctl *b)
{
	b->rest.task.run = step;
}

void blkback_rest_fini(struct pvb_blkback_ctl *b)
{
	pvb_loop_undefer(b->halves.loop, &b->rest.task);
}
