/* SPDX-License-Identifier: MIT */
/*
 * Changing the medium of a drive, whatever the connection does meanwhile:
 *
 *              ,------ nothing to load -------.
 *              |                              v
 *   NONE --> HELD --> LOADING --> LOADED --> CHANGING --> CHANGED --> NONE
 *              ^         |           |                       ^  told
 *              |         `-----------|----- cannot be -------'
 *              `----- not settled ---'
 *
 * Each step is a task of its own, for no order may be given from inside an
 * answer; but what the disk is from now on is settled in the answer itself, so
 * that whatever attaches next gets that one.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "blkback_ctl_parts.h"

static struct pvb_blkback_ctl *back_of(struct pvb_blk_halves *h)
{
	return pvb_container(h, struct pvb_blkback_ctl, halves);
}

static void next(struct pvb_blkback_ctl *b, enum blkback_change_step step)
{
	b->change.step = step;
	pvb_loop_defer(b->halves.loop, &b->change.task);
}

static void give_up(struct pvb_blkback_ctl *b, int code, const char *text)
{
	(void)pvb_err_set(&b->change.why, code, "%s", text);
	next(b, BLKBACK_CHANGED);
}

/* ---- what it will be ----------------------------------------------------- */

static const struct pvb_disk_info *next_info(const struct blkback_change *c)
{
	return c->ops ? &c->disk.info : NULL;
}

/* Under a front nothing but the size changes: that is all that those in the
   field read again. */
static int plan(struct pvb_blkback_ctl *b, struct pvb_err *e)
{
	struct blkback_change *c = &b->change;

	if (pvb_blk_halves_any_attached(&b->halves))
		return blkback_geometry_of_next(next_info(c), &b->c.options,
		                                &b->geometry, &c->geometry, e);
	return blkback_geometry(next_info(c), &b->c.options, &c->geometry, e);
}

static void adopt(struct pvb_blkback_ctl *b)
{
	struct blkback_change *c = &b->change;

	pvb_disk_probe_fini(&b->disk);
	b->disk = c->disk;
	b->disk_ops = c->ops;
	b->geometry = c->geometry;
	b->medium = c->medium;
	/* Who is connected has given up what the former one did not do. */
	if (pvb_blk_halves_any_attached(&b->halves))
		(void)pvb_blk_geometry_lose(&b->geometry, b->lost);
	b->lost = 0;
	memset(&c->disk, 0, sizeof(c->disk));
	c->ops = NULL;
}

/* ---- what the halves answer ---------------------------------------------- */

void blkback_loaded(struct pvb_blk_halves *h, enum pvb_why why,
                    const char *text)
{
	struct pvb_blkback_ctl *b = back_of(h);

	if (why == PVB_OK)
		next(b, BLKBACK_LOADED);
	else
		give_up(b, -EIO, text);
}

void blkback_changed(struct pvb_blk_halves *h)
{
	struct pvb_blkback_ctl *b = back_of(h);

	adopt(b);
	next(b, BLKBACK_CHANGED);
}

/* Its deferred step finds a change that was loaded not to be settled, and
   begins it anew. */
void blkback_change_death(struct pvb_blkback_ctl *b)
{
	if (b->change.step == BLKBACK_LOADING)
		b->change.step = BLKBACK_CHANGE_HELD;
	else if (b->change.step == BLKBACK_CHANGING)
		blkback_changed(&b->halves);
}

void blkback_change_poke(struct pvb_blkback_ctl *b)
{
	if (b->change.step == BLKBACK_CHANGE_HELD)
		pvb_loop_defer(b->halves.loop, &b->change.task);
}

/* ---- the steps ----------------------------------------------------------- */

static void load(struct pvb_blkback_ctl *b)
{
	struct pvb_err e = PVB_ERR_INIT;

	if (plan(b, &e) < 0) {
		give_up(b, e.code, e.text);
		return;
	}
	if (b->change.ops) {
		b->change.step = BLKBACK_LOADING;
		blkback_load(b);
	} else {
		b->change.step = BLKBACK_CHANGING;
		pvb_blk_halves_change(&b->halves);
	}
}

/* At once after they have loaded, so those that are attached are those that
   have it; unless that is changing just now. */
static void change(struct pvb_blkback_ctl *b)
{
	if (!pvb_blk_halves_is_settled(&b->halves)) {
		next(b, BLKBACK_CHANGE_HELD);
		return;
	}
	b->change.step = BLKBACK_CHANGING;
	pvb_blk_halves_change(&b->halves);
}

static int publish(struct pvb_blkback_ctl *b)
{
	const struct pvb_runner_text params = {
		.name = "params", .value = b->change.params,
	};
	const struct pvb_runner_text *also = params.value ? &params : NULL;

	if (pvb_conn_is_live(&b->runner.conn) &&
	    b->runner.conn.mine == PVB_XB_CONNECTED)
		return pvb_runner_republish(&b->runner, also);
	return also ? pvb_runner_put(&b->runner, NULL, also) : 0;
}

static void say_unload(struct pvb_blkback_ctl *b)
{
	const struct pvb_blk_msg m = { .type = PVB_BLK_MSG_UNLOAD };

	pvb_blk_halves_tell(&b->halves, &m);
}

static void end(struct pvb_blkback_ctl *b)
{
	struct pvb_err why = b->change.why;
	int r = 0;

	if (why.code < 0)
		say_unload(b);
	else
		r = publish(b);
	if (r < 0)
		(void)pvb_err_set(&why, r, "cannot tell the front: %s",
		                  strerror(-r));
	pvb_disk_probe_fini(&b->change.disk);
	free(b->change.params);
	b->change.params = NULL;
	b->change.step = BLKBACK_NO_CHANGE;
	pvb_runner_tell(&b->runner);
	if (b->c.medium)
		b->c.medium(b, &why, b->c.arg);
}

static void step(struct pvb_loop_task *t)
{
	struct pvb_blkback_ctl *b =
		pvb_container(t, struct pvb_blkback_ctl, change.task);

	switch (b->change.step) {
	case BLKBACK_CHANGE_HELD:
		if (pvb_blk_halves_is_settled(&b->halves))
			load(b);
		break;
	case BLKBACK_LOADED:
		change(b);
		break;
	case BLKBACK_CHANGED:
		end(b);
		break;
	default:
		break;
	}
}

/* The same for whoever serves it, now and later: the journal has it. */
uint64_t blkback_medium_of(const char *name)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);

	for (; *name; name++)
		hash = (hash ^ (unsigned char)*name) * UINT64_C(0x100000001b3);
	return hash;
}

/* ---- the owner's calls --------------------------------------------------- */

void blkback_change_init(struct pvb_blkback_ctl *b)
{
	b->change.task.run = step;
}

void blkback_change_fini(struct pvb_blkback_ctl *b)
{
	pvb_loop_undefer(b->halves.loop, &b->change.task);
	pvb_disk_probe_fini(&b->change.disk);
	free(b->change.params);
}

void pvb_blkback_ctl_empty(struct pvb_blkback_ctl *b)
{
	/* Of no disk there is nothing that cannot be. */
	(void)blkback_geometry(NULL, &b->c.options, &b->geometry, NULL);
	blkback_disk_is_known(b);
}

static int may_change(const struct pvb_blkback_ctl *b, struct pvb_err *e)
{
	const uint32_t *v = b->c.options.value;

	if (!v[PVB_BLK_OPT_CDROM] && !v[PVB_BLK_OPT_FLOPPY])
		return pvb_err_set(e, -EOPNOTSUPP,
		                   "it is no CD-ROM or floppy drive");
	if (!b->disk_known)
		return pvb_err_set(e, -EAGAIN, "its disk is not open yet");
	if (b->change.step != BLKBACK_NO_CHANGE)
		return pvb_err_set(e, -EBUSY, "its medium is being changed");
	return 0;
}

int pvb_blkback_ctl_change(struct pvb_blkback_ctl *b,
                           const struct pvb_disk_ops *ops,
                           struct pvb_disk_probe *probe, const char *name,
                           const char *params, struct pvb_err *e)
{
	struct blkback_change *c = &b->change;
	int r = may_change(b, e);
	char *text = NULL;

	if (r < 0)
		return r;
	if (params) {
		text = strdup(params);
		if (!text)
			return pvb_err_set(e, -ENOMEM, "out of memory");
	}
	c->medium = blkback_medium_of(name);
	c->params = text;
	c->why = (struct pvb_err)PVB_ERR_INIT;
	c->ops = ops;
	if (ops) {
		c->disk = *probe;
		memset(probe, 0, sizeof(*probe));
	}
	next(b, BLKBACK_CHANGE_HELD);
	return 0;
}
