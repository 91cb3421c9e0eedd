/* SPDX-License-Identifier: MIT */
/*
 * The process of a back's data halves dies, and another takes its place; the
 * front and the store hear nothing of it.
 *
 *                 buried            fenced            attached again
 *	BURYING ----------> FENCING ----------> ALIVE
 *
 * Burying: the owner sees to it that the process is dead, and has waited for
 * it.  Fencing: what the kernel, or somebody else, still does for it with the
 * disk or with the guest's pages is waited for.  Nothing is done before that,
 * not even said: for Closed means that neither is touched any more.  How long
 * it takes is nobody's choice; after a while the log and the store say what is
 * waited for.
 *
 * A first attach looks at the fence, too: the supervisor may be new.  So does
 * one that finds that a connection stands, before it goes on with it or ends it
 * (blkback_ctl_begin.c).  The disk may not be known yet then; it is waited for.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <pvb/err.h>

#include "blkback_ctl_parts.h"

enum {
	LOOK_FIRST_MS = 1, LOOK_MAX_MS = 50, LOOK_LATE_MS = 1000,
	LATE_S = 30, CUT_S = 3,
};

static struct pvb_blkback_ctl *back_of(struct pvb_blk_halves *h)
{
	return pvb_container(h, struct pvb_blkback_ctl, halves);
}

/* ---- the fence ----------------------------------------------------------- */

/* So that a test can show what the fence is for. */
static bool is_off(void)
{
#ifdef PVB_CRASH_POINTS
	const char *text = getenv("PVB_FENCE");

	return text && strcmp(text, "off") == 0;
#else
	return false;
#endif
}

static int ask(const struct pvb_disk_ops *ops, struct pvb_disk_probe *disk,
               uint64_t fence, struct pvb_err *e)
{
	if (!ops || !ops->fenced || fence == 0 || is_off())
		return 1;
	disk->fence = fence;
	return ops->fenced(disk, e);
}

/* Of all that they may have used. */
static int ask_all(struct pvb_blkback_ctl *b, struct pvb_err *e)
{
	struct blkback_change *c = &b->change;
	int r = ask(b->disk_ops, &b->disk, b->c.fence, e);

	if (r == 1 && c->step == BLKBACK_CHANGING)
		r = ask(c->ops, &c->disk, b->c.fence, e);
	return r;
}

static void look_in(struct pvb_blkback_ctl *b, uint64_t ms)
{
	struct pvb_loop *loop = b->halves.loop;

	pvb_loop_arm(loop, &b->death.look,
	             pvb_loop_now_ns(loop) + ms * UINT64_C(1000000));
}

/* Without the disk there is nobody to ask, and nothing to wait for. */
static void begin_to_look(struct pvb_blkback_ctl *b)
{
	b->death.step = b->disk_known || b->death.no_disk
	                        ? BLKBACK_FENCING : BLKBACK_PROBING;
	b->death.pause_ms = LOOK_FIRST_MS;
	b->death.since_ns = pvb_loop_now_ns(b->halves.loop);
	b->death.is_late = false;
	look_in(b, b->death.step == BLKBACK_PROBING ? LATE_S * 1000 : 0);
}

void blkback_death_disk(struct pvb_blkback_ctl *b)
{
	if (b->death.step == BLKBACK_PROBING) {
		b->death.step = BLKBACK_FENCING;
		look_in(b, 0);
	}
}

/* `text`: why it cannot be told, or "". */
static void say_late(struct pvb_blkback_ctl *b, const char *text)
{
	char line[PVB_RUNNER_TEXT_MAX + 1];

	b->death.is_late = true;
	blkback_name_disk(b, text[0] ? text
	                  : "the I/O of a worker that died is not over", line);
	(void)pvb_runner_remark(&b->runner, PVB_WHY_DISK, "stopped: %s", line);
	pvb_runner_tell(&b->runner);
}

static bool is_late(const struct pvb_blkback_ctl *b)
{
	return pvb_loop_now_ns(b->halves.loop) - b->death.since_ns >=
	       LATE_S * UINT64_C(1000000000);
}

static void look_again(struct pvb_blkback_ctl *b, const char *text)
{
	struct blkback_death *d = &b->death;
	bool late = text[0] || is_late(b);

	if (late && !d->is_late)
		say_late(b, text);
	look_in(b, late ? LOOK_LATE_MS : d->pause_ms);
	d->pause_ms = d->pause_ms * 2 < LOOK_MAX_MS ? d->pause_ms * 2
	                                            : LOOK_MAX_MS;
}

/* ---- and then ------------------------------------------------------------ */

static void end(struct pvb_blkback_ctl *b)
{
	if (b->death.is_late)
		pvb_runner_mended(&b->runner);
	b->death.step = BLKBACK_ALIVE;
	pvb_runner_tell(&b->runner);
}

static void give_up(struct pvb_blkback_ctl *b)
{
	pvb_blk_halves_give_up(&b->halves, b->death.why, b->death.text);
	/* No other front can have it either. */
	if (b->death.no_disk)
		pvb_runner_linger(&b->runner);
}

static void fail_found(struct pvb_blkback_ctl *b, enum pvb_why why,
                       const char *text, const char *what)
{
	b->death.why = why;
	(void)snprintf(b->death.text, sizeof(b->death.text), "%s%s", text,
	               what);
}

/* Before anything is attached to what a predecessor has left. */
static void look_at_found(struct pvb_blkback_ctl *b)
{
	const char *node = blkback_broken_promise(b);
	int r = 0;

	if (node)
		fail_found(b, PVB_WHY_JOURNAL_OTHER, "the front was promised "
		           "what is not so any more: ", node);
	else if (b->death.at_rest)
		r = blkback_make_journals(b);
	if (r < 0)
		fail_found(b, PVB_WHY_ATTACH, "no memory for a journal: ",
		           strerror(-r));
}

static void attach_again(struct pvb_blkback_ctl *b)
{
	blkback_change_death(b);
	/* Its locks go a moment before its claim on a block device does; if
	   that stays, it is somebody else's. */
	if (blkback_open_ahead(b) == -EBUSY && !is_late(b)) {
		look_again(b, "");
		return;
	}
	if (b->death.found && b->death.why == PVB_OK)
		look_at_found(b);
	end(b);
	if (b->death.why != PVB_OK)
		give_up(b);
	else
		(void)pvb_blk_halves_again(&b->halves);
	blkback_close_ahead(b);
}

static void go_on(struct pvb_blkback_ctl *b)
{
	switch (b->death.then) {
	case BLKBACK_ATTACH_AGAIN:
		attach_again(b);
		break;
	case BLKBACK_ATTACH_FIRST:
		end(b);
		pvb_runner_attach(&b->runner);
		break;
	case BLKBACK_LET_GO:
		end(b);
		pvb_runner_hold(&b->runner, false);
		break;
	}
}

static void look(struct pvb_loop_timer *t)
{
	struct pvb_blkback_ctl *b =
		pvb_container(t, struct pvb_blkback_ctl, death.look);
	struct pvb_err e = PVB_ERR_INIT;
	int r = ask_all(b, &e);

	if (b->death.step == BLKBACK_PROBING)
		say_late(b, "it cannot be opened yet");
	else if (r == 1)
		go_on(b);
	else
		look_again(b, r < 0 ? e.text : "");
}

bool blkback_is_fenced(struct pvb_blkback_ctl *b)
{
	if (b->death.step != BLKBACK_ALIVE)
		return false;
	/* Where it cannot be told it is as it was before there were fences. */
	if (ask_all(b, NULL) != 0)
		return true;
	b->death.then = BLKBACK_ATTACH_FIRST;
	begin_to_look(b);
	pvb_runner_tell(&b->runner);
	return false;
}

/* ---- what the halves say ------------------------------------------------- */

void blkback_died(struct pvb_blk_halves *h, const char *text)
{
	struct pvb_blkback_ctl *b = back_of(h);
	struct blkback_death *d = &b->death;

	d->step = BLKBACK_BURYING;
	d->then = BLKBACK_ATTACH_AGAIN;
	d->found = false;
	d->why = PVB_OK;
	d->deaths++;
	d->died_ns = pvb_loop_now_ns(h->loop);
	pvb_log(b->c.log, PVB_LOG_WARN, "%s: %s", b->runner.c.name, text);
	pvb_runner_tell(&b->runner);
	b->c.bury(b, b->c.arg);
}

/* Not by those who died: their fence has fallen.  But perhaps for a moment. */
bool blkback_busy(struct pvb_blk_halves *h)
{
	struct pvb_blkback_ctl *b = back_of(h);

	if (is_late(b))
		return false;
	b->death.step = BLKBACK_FENCING;
	look_again(b, "");
	return true;
}

void blkback_again(struct pvb_blk_halves *h)
{
	struct pvb_blkback_ctl *b = back_of(h);
	uint64_t ns = pvb_loop_now_ns(h->loop) - b->death.died_ns;

	pvb_log(b->c.log, PVB_LOG_INFO, "%s: %s, after %llu ms",
	        b->runner.c.name, b->death.found ? "goes on"
	        : "another process serves it",
	        (unsigned long long)(ns / 1000000));
	if (b->death.found)
		blkback_taken_over(b);
	b->death.found = false;
	blkback_change_poke(b);
	pvb_runner_tell(&b->runner);
}

const char *blkback_death_waits(const struct pvb_blkback_ctl *b)
{
	switch (b->death.step) {
	case BLKBACK_BURYING:
		return "for the end of a worker";
	case BLKBACK_PROBING:
		return "for its disk";
	case BLKBACK_FENCING:
		return "for the I/O of a worker that died";
	default:
		return NULL;
	}
}

/* ---- killed -------------------------------------------------------------- */

/* Its last resort against a disk that does not answer: a death may end what the
   kernel would wait for.  Others in that process would have to wait, too. */
static void cut_late(struct pvb_loop_timer *t)
{
	struct pvb_blkback_ctl *b =
		pvb_container(t, struct pvb_blkback_ctl, death.cut);

	if (b->death.step != BLKBACK_ALIVE || !b->c.journal)
		return;
	if (b->c.alone && b->c.alone(b->c.arg))
		pvb_blk_halves_kill(&b->halves, "the disk does not answer, and "
		                    "nobody waits for it any more: its worker "
		                    "is killed");
	else
		(void)pvb_runner_remark(&b->runner, PVB_WHY_DISK,
			"the disk does not answer; its worker has other "
			"devices, so it is not killed");
}

void blkback_cut(struct pvb_blkback_ctl *b)
{
	struct pvb_loop *loop = b->halves.loop;

	if (!b->death.cut.loop)
		pvb_loop_arm(loop, &b->death.cut, pvb_loop_now_ns(loop) +
		             CUT_S * UINT64_C(1000000000));
}

void blkback_cut_over(struct pvb_blkback_ctl *b)
{
	pvb_loop_disarm(&b->death.cut);
}

/* ---- the owner's calls --------------------------------------------------- */

void pvb_blkback_ctl_buried(struct pvb_blkback_ctl *b, enum pvb_why why,
                            const char *text)
{
	if (b->death.step != BLKBACK_BURYING)
		return;
	if (why != PVB_OK) {
		b->death.why = why;
		(void)snprintf(b->death.text, sizeof(b->death.text), "%s",
		               text);
	}
	begin_to_look(b);
}

void blkback_death_init(struct pvb_blkback_ctl *b)
{
	b->death.look.fired = look;
	b->death.cut.fired = cut_late;
	b->halves.outlive = b->c.journal != NULL;
}

void blkback_death_fini(struct pvb_blkback_ctl *b)
{
	pvb_loop_disarm(&b->death.look);
	pvb_loop_disarm(&b->death.cut);
}
