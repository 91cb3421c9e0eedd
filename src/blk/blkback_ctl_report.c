/* SPDX-License-Identifier: MIT */
/*
 * What a back's data halves tell of themselves while they serve, and whom it
 * concerns: the front, the log, the toolstack.  Nothing of it is believed that
 * can be looked up here.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "blkback_ctl_parts.h"
#include "proto/keys.h"

static struct pvb_blkback_ctl *back_of(struct pvb_blk_halves *h)
{
	return pvb_container(h, struct pvb_blkback_ctl, halves);
}

static void warn(struct pvb_blkback_ctl *b, const char *text, const char *why)
{
	if (pvb_log_limit_pass(&b->reports, pvb_loop_now_ns(b->halves.loop),
	                       NULL))
		pvb_log(b->c.log, PVB_LOG_WARN, "%s: %s%s", b->runner.c.name,
		        text, why);
}

/* How large the disk is now is for us to find out. */
static void grown(struct pvb_blkback_ctl *b)
{
	struct pvb_err e = PVB_ERR_INIT;

	if (b->disk_ops && pvb_blkback_ctl_resize(b, &e) < 0)
		warn(b, "cannot resize: ", e.text);
}

static void gone(struct pvb_blkback_ctl *b)
{
	if (!b->halves.broken)
		pvb_runner_failed(&b->runner, 0, PVB_WHY_DISK,
		                  "the disk is gone");
	b->halves.broken = true;
}

/* ---- a promise that the disk does not keep ------------------------------- */

static void log_lost(struct pvb_blkback_ctl *b, uint32_t lost)
{
	static const struct { uint32_t bit; const char *what; } names[] = {
		{ PVB_BLK_LOST_FLUSH,   "flush" },
		{ PVB_BLK_LOST_BARRIER, "order writes by barriers" },
		{ PVB_BLK_LOST_DISCARD, "discard" },
		{ PVB_BLK_LOST_SECURE,  "discard securely" },
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (lost & names[i].bit)
			pvb_log(b->c.log, PVB_LOG_WARN, "%s: the disk does not "
			        "%s after all: no longer offered",
			        b->runner.c.name, names[i].what);
}

/* Under a front only these nodes change, without a state said again: fronts
   take that for a new size.  Most never look: they have heard it from the
   answer to their request. */
static void take_back(struct pvb_blkback_ctl *b, uint32_t lost)
{
	struct pvb_keys *k = calloc(1, sizeof(*k));
	int r = k ? pvb_blk_lost_put(k, lost) : -ENOMEM;

	if (r == 0)
		r = pvb_runner_put(&b->runner, k, NULL);
	if (r < 0)
		warn(b, "cannot take back what the disk does not do: ",
		     strerror(-r));
	free(k);
}

/* Each queue finds out by itself, so this may be old news.  It stays true of
   the disk, whoever connects next. */
static void lost(struct pvb_blkback_ctl *b, uint64_t value)
{
	uint32_t what = (uint32_t)value & PVB_BLK_LOST_ALL;

	b->lost |= what;
	if (!pvb_blk_geometry_lose(&b->geometry, what))
		return;
	log_lost(b, what);
	if (pvb_conn_is_live(&b->runner.conn) &&
	    b->runner.conn.mine == PVB_XB_CONNECTED)
		take_back(b, what);
}

/* ---- a request that was refused ------------------------------------------ */

/* Once a connection, whichever of its queues it was. */
static void refused(struct pvb_blkback_ctl *b, uint64_t value)
{
	enum pvb_why why = (enum pvb_why)value;
	uint64_t bit = UINT64_C(1) << (value % 64);

	_Static_assert(PVB_WHY_COUNT <= 64, "a bit for each");
	if (value == PVB_OK || value >= PVB_WHY_COUNT ||
	    pvb_why_scope(why) != PVB_WHY_OF_REQUEST || b->refused_told & bit)
		return;
	b->refused_told |= bit;
	(void)pvb_runner_remark(&b->runner, why, "a request is refused: %s",
	                        pvb_why_text(why));
}

/* ---- an error ------------------------------------------------------------ */

/* "a write at byte 4096 fails: ..." */
static void describe(const struct pvb_blk_report *p,
                     char text[BLKBACK_ERROR_TEXT_MAX + 1])
{
	static const char *const ops[PVB_IO_OP_COUNT] = {
		[PVB_IO_READ] = "read", [PVB_IO_WRITE] = "write",
		[PVB_IO_FLUSH] = "flush", [PVB_IO_DISCARD] = "discard",
		[PVB_IO_ZERO] = "zeroing",
	};
	char at[40] = "";

	if (p->op != PVB_IO_FLUSH)
		(void)snprintf(at, sizeof(at), " at byte %llu",
		               (unsigned long long)p->offset_bytes);
	(void)snprintf(text, BLKBACK_ERROR_TEXT_MAX + 1, "a %s%s fails: %s",
	               ops[p->op], at, pvb_errno_text(p->code));
}

/* The first at once, then one a minute for all. */
static void error(struct pvb_blkback_ctl *b, const struct pvb_blk_report *p)
{
	struct blkback_error *e = &b->error;
	char line[PVB_RUNNER_TEXT_MAX + 1], more[48] = "";

	if (p->op >= PVB_IO_OP_COUNT || p->code >= 0 ||
	    p->code < -BLKBACK_ERRNO_MAX)
		return;
	describe(p, e->text);
	e->at_ns = pvb_loop_now_ns(b->halves.loop);
	e->untold += p->value;
	if (!pvb_log_limit_pass(&e->limit, e->at_ns, NULL))
		return;
	if (e->untold > 1)
		(void)snprintf(more, sizeof(more), " (one of %llu)",
		               (unsigned long long)e->untold);
	e->untold = 0;
	blkback_name_disk(b, e->text, line);
	pvb_log(b->c.log, PVB_LOG_WARN, "%s: %s%s", b->runner.c.name, line,
	        more);
}

/* ---- a disk without room, or without an answer --------------------------- */

/* Once when the first of its queues is in it, and once when the last is out; a
   half that does nothing else is not told of again and again. */
static bool falls_in(struct pvb_blkback_ctl *b, struct blkback_plight *p,
                     uint64_t queue)
{
	bool first = p->queues == 0;

	_Static_assert(PVB_BLK_QUEUES_MAX <= 32, "a bit for each");
	if (queue >= b->terms.queues)
		return false;
	p->queues |= 1u << queue;
	if (first)
		p->since_ns = pvb_loop_now_ns(b->halves.loop);
	return first;
}

static bool gets_out(struct pvb_blkback_ctl *b, struct blkback_plight *p,
                     uint64_t queue)
{
	if (queue >= b->terms.queues || !(p->queues & 1u << queue))
		return false;
	p->queues &= ~(1u << queue);
	return p->queues == 0;
}

/* Both at one level, so that who reads the one reads the other. */
static void paused(struct pvb_blkback_ctl *b, uint64_t queue)
{
	struct blkback_plight *p = &b->paused;

	if (b->runner.conn.mine == PVB_XB_CLOSING || !falls_in(b, p, queue))
		return;
	p->told = pvb_log_limit_pass(&b->pauses, p->since_ns, NULL);
	if (p->told)
		pvb_log(b->c.log, PVB_LOG_WARN, "%s: paused: no space left for "
		        "what the guest writes", b->runner.c.name);
}

static void goes_on(struct pvb_blkback_ctl *b, uint64_t queue)
{
	if (gets_out(b, &b->paused, queue) && b->paused.told)
		pvb_log(b->c.log, PVB_LOG_WARN,
		        "%s: goes on: there is space again", b->runner.c.name);
}

/* That is why a device may not close: whoever waits for it finds it said. */
static void stalled(struct pvb_blkback_ctl *b, uint64_t queue)
{
	char line[PVB_RUNNER_TEXT_MAX + 1];

	if (!falls_in(b, &b->stalled, queue))
		return;
	blkback_name_disk(b, "does not answer", line);
	b->stalled.told = pvb_runner_remark(&b->runner, PVB_WHY_DISK,
		"%s: a request has waited for %u s", line,
		b->c.options.value[PVB_BLK_OPT_SLOW]);
}

static void answers(struct pvb_blkback_ctl *b, uint64_t queue)
{
	uint64_t ns = pvb_loop_now_ns(b->halves.loop) - b->stalled.since_ns;
	char line[PVB_RUNNER_TEXT_MAX + 1];

	if (!gets_out(b, &b->stalled, queue))
		return;
	pvb_runner_mended(&b->runner);
	blkback_name_disk(b, "answers again", line);
	if (b->stalled.told)
		pvb_log(b->c.log, PVB_LOG_WARN, "%s: %s, after another %llu s",
		        b->runner.c.name, line,
		        (unsigned long long)(ns / UINT64_C(1000000000)));
}

void blkback_attaches(struct pvb_blkback_ctl *b, uint32_t queue)
{
	b->paused.queues &= ~(1u << queue);
	b->stalled.queues &= ~(1u << queue);
}

void blkback_closing(struct pvb_blkback_ctl *b)
{
	const struct pvb_blk_msg m = { .type = PVB_BLK_MSG_CLOSING };

	b->paused.queues = 0;
	pvb_blk_halves_tell(&b->halves, &m);
}

void blkback_report(struct pvb_blk_halves *h, const struct pvb_blk_report *p)
{
	struct pvb_blkback_ctl *b = back_of(h);

	switch (p->kind) {
	case PVB_BLK_REPORT_SIZE:
		grown(b);
		break;
	case PVB_BLK_REPORT_DISK_GONE:
		gone(b);
		break;
	case PVB_BLK_REPORT_ERROR:
		error(b, p);
		break;
	case PVB_BLK_REPORT_NO_SPACE:
		warn(b, "no space left for what the guest writes", "");
		break;
	case PVB_BLK_REPORT_PAUSED:
		paused(b, p->value);
		break;
	case PVB_BLK_REPORT_GOES_ON:
		goes_on(b, p->value);
		break;
	case PVB_BLK_REPORT_STALLED:
		stalled(b, p->value);
		break;
	case PVB_BLK_REPORT_ANSWERS:
		answers(b, p->value);
		break;
	case PVB_BLK_REPORT_REFUSED:
		refused(b, p->value);
		break;
	case PVB_BLK_REPORT_LOST:
		lost(b, p->value);
		break;
	default:
		break;
	}
}
