/* SPDX-License-Identifier: MIT */
/*
 * A back's control half as its owner sees it: life, the disk, the size, what
 * is shown.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <pvb/err.h>

#include "blkback_ctl_parts.h"
#include "proto/keys.h"

static void changed(struct pvb_runner *r)
{
	struct pvb_blkback_ctl *b =
		pvb_container(r, struct pvb_blkback_ctl, runner);

	if (r->conn.mine == PVB_XB_CLOSING)
		blkback_closing(b);
	blkback_rest_poke(b);
	if (b->c.changed)
		b->c.changed(b, b->c.arg);
}

static void retired(struct pvb_runner *r)
{
	struct pvb_blkback_ctl *b =
		pvb_container(r, struct pvb_blkback_ctl, runner);

	b->c.retired(b, b->c.arg);
}

static const struct pvb_runner_ops runner_ops = {
	.publish = blkback_publish, .fetch = blkback_fetch,
	.take = blkback_take, .is_same = blkback_is_same,
	.attach = blkback_attach, .go = blkback_go, .drain = blkback_drain,
	.detach = blkback_detach, .changed = changed, .retired = retired,
};

/* ---- life ---------------------------------------------------------------- */

static int fill_config(const struct pvb_blkback_ctl_config *c,
                       struct pvb_runner_config *out, struct pvb_err *e)
{
	*out = (struct pvb_runner_config){
		.log = c->log, .ops = &runner_ops, .role = PVB_BACK,
		.peer_domid = c->dev.front_domid,
	};
	(void)snprintf(out->name, sizeof(out->name), "domain %u device %u",
	               c->dev.front_domid, c->dev.number);
	if (pvb_xsdev_back_path(&c->dev, out->dir, sizeof(out->dir)) < 0 ||
	    pvb_xsdev_front_path(&c->dev, out->peer_dir,
	                         sizeof(out->peer_dir)) < 0)
		return pvb_err_set(e, -EINVAL, "no such device can be");
	return 0;
}

int pvb_blkback_ctl_create(struct pvb_watches *ws,
                           const struct pvb_blkback_ctl_config *c,
                           struct pvb_blkback_ctl **out, struct pvb_err *e)
{
	struct pvb_runner_config rc;
	struct pvb_blkback_ctl *b;
	int r = fill_config(c, &rc, e);

	if (r < 0)
		return r;
	b = calloc(1, sizeof(*b));
	if (!b)
		return pvb_err_set(e, -ENOMEM, "out of memory");
	b->c = *c;
	b->reports = (struct pvb_log_limit){
		.period_ns = UINT64_C(60000000000), .burst = 3,
	};
	b->pauses = b->reports;
	b->error.limit = (struct pvb_log_limit){
		.period_ns = UINT64_C(60000000000), .burst = 1,
	};
	pvb_blk_options_limits(&c->options, &b->limits);
	pvb_runner_init(&b->runner, ws, &rc);
	pvb_blk_halves_init(&b->halves, pvb_watches_loop(ws),
	                    &blkback_halves_ops);
	blkback_change_init(b);
	blkback_death_init(b);
	blkback_rest_init(b);
	*out = b;
	return 0;
}

int pvb_blkback_ctl_start(struct pvb_blkback_ctl *b, struct pvb_err *e)
{
	return blkback_begin(b, e);
}

void pvb_blkback_ctl_stop(struct pvb_blkback_ctl *b, bool force)
{
	pvb_runner_stop(&b->runner, force);
}

void pvb_blkback_ctl_set_spin(struct pvb_blkback_ctl *b, uint64_t spin_max_ns)
{
	b->c.spin_max_ns = spin_max_ns;
}

void pvb_blkback_ctl_destroy(struct pvb_blkback_ctl *b)
{
	if (!b)
		return;
	blkback_rest_fini(b);
	blkback_death_fini(b);
	blkback_change_fini(b);
	pvb_runner_fini(&b->runner);
	pvb_blk_halves_fini(&b->halves);
	pvb_disk_probe_fini(&b->disk);
	free(b);
}

/* ---- the disk ------------------------------------------------------------ */

/* Toolstacks wait for this node, and show the sentence. */
static void say_hotplug(struct pvb_blkback_ctl *b, const char *status,
                        const char *error)
{
	struct pvb_keys *k = calloc(1, sizeof(*k));
	int r = k ? pvb_keys_put_text(k, "hotplug-status", status) : -ENOMEM;

	if (r == 0)
		r = pvb_keys_put_text(k, "hotplug-error", error);
	if (r == 0)
		r = pvb_runner_put(&b->runner, k, NULL);
	if (r < 0)
		pvb_log(b->c.log, PVB_LOG_WARN,
		        "%s: cannot write hotplug-status: %s",
		        b->runner.c.name, strerror(-r));
	free(k);
}

void blkback_name_disk(const struct pvb_blkback_ctl *b, const char *text,
                       char line[PVB_RUNNER_TEXT_MAX + 1])
{
	static const char no_name[] = "the disk";
	const char *name = b->c.disk_name;

	if (strlen(name) + strlen(": ") + strlen(text) > PVB_RUNNER_TEXT_MAX)
		name = no_name;
	(void)snprintf(line, PVB_RUNNER_TEXT_MAX + 1, "%s: %.*s", name,
	               PVB_RUNNER_TEXT_MAX - (int)sizeof(no_name) - 1, text);
}

/* Who is connected already is told when nobody touches the disk any more. */
static void refuse(struct pvb_blkback_ctl *b, const char *text)
{
	char line[PVB_RUNNER_TEXT_MAX + 1];     /* a node holds no more */

	(void)snprintf(line, sizeof(line), "%.*s", PVB_RUNNER_TEXT_MAX, text);
	say_hotplug(b, "error", line);
	if (blkback_is_resuming(b)) {
		b->death.why = PVB_WHY_DISK;
		memcpy(b->death.text, line, sizeof(line));
	} else {
		pvb_runner_refuse(&b->runner, PVB_WHY_DISK, line);
	}
	b->death.no_disk = true;
	blkback_death_disk(b);
}

static const char is_lost[] =
	"what was in its memory is gone with the daemon that served it";

void pvb_blkback_ctl_disk(struct pvb_blkback_ctl *b,
                          const struct pvb_disk_ops *ops,
                          struct pvb_disk_probe *probe,
                          const struct pvb_err *e)
{
	char line[PVB_RUNNER_TEXT_MAX + 1];
	struct pvb_err bad = PVB_ERR_INIT;

	if (!probe) {
		refuse(b, e && e->text[0] ? e->text : "the disk cannot be had");
		return;
	}
	b->disk_ops = ops;
	b->disk = *probe;
	memset(probe, 0, sizeof(*probe));
	if (blkback_geometry(&b->disk.info, &b->c.options, &b->geometry,
	                     &bad) == 0 &&
	    b->disk.fleeting && blkback_is_resuming(b))
		(void)pvb_err_set(&bad, -ENODATA, "%s", is_lost);
	if (bad.code < 0) {
		blkback_name_disk(b, bad.text, line);
		refuse(b, line);
		return;
	}
	blkback_disk_is_known(b);
}

void blkback_disk_is_known(struct pvb_blkback_ctl *b)
{
	b->disk_known = true;
	b->medium = blkback_medium_of(b->c.disk_name);
	if (!blkback_is_resuming(b))
		say_hotplug(b, "connected", "");
	blkback_death_disk(b);
	pvb_runner_attach(&b->runner);
	pvb_runner_tell(&b->runner);
}

int blkback_promise(struct pvb_blkback_ctl *b, struct pvb_err *e)
{
	const struct pvb_disk_info *info = NULL;
	int r = 0;

	if (b->disk_ops) {
		info = &b->disk.info;
		if (b->disk_ops->reprobe)       /* it may have grown */
			r = b->disk_ops->reprobe(&b->disk, e);
	}
	if (r == 0)
		r = blkback_geometry(info, &b->c.options, &b->geometry, e);
	(void)pvb_blk_geometry_lose(&b->geometry, b->lost);
	return r;
}

int blkback_measure(struct pvb_blkback_ctl *b, struct pvb_err *e)
{
	struct pvb_blk_geometry now;
	int r = b->disk_ops->reprobe(&b->disk, e);

	if (r == 0)
		r = blkback_geometry(&b->disk.info, &b->c.options, &now, e);
	if (r < 0 || now.sectors == b->geometry.sectors)
		return r;
	b->geometry.sectors = now.sectors;
	return 1;
}

/* The halves carry it out before the front hears of it, so that none of them
   refuses what the front then asks for. */
int pvb_blkback_ctl_resize(struct pvb_blkback_ctl *b, struct pvb_err *e)
{
	int r;

	if (!b->disk_known)
		return pvb_err_set(e, -EAGAIN, "its disk is not open yet");
	if (b->change.step != BLKBACK_NO_CHANGE)
		return pvb_err_set(e, -EBUSY, "its medium is being changed");
	if (!b->disk_ops)
		return pvb_err_set(e, -ENOMEDIUM,
		                   "there is no medium in the drive");
	if (!b->disk_ops->reprobe)
		return pvb_err_set(e, -EOPNOTSUPP,
		                   "the size of such a disk never changes");
	r = blkback_measure(b, e);
	if (r <= 0)
		return r;
	pvb_blk_halves_resize(&b->halves, &b->geometry);
	return 0;
}

/* Unless it is connected nobody wants to know: not once it is closing, and not
   yet while it attaches. */
void blkback_resized(struct pvb_blk_halves *h)
{
	struct pvb_blkback_ctl *b =
		pvb_container(h, struct pvb_blkback_ctl, halves);
	int r;

	blkback_change_poke(b);
	if (!pvb_conn_is_live(&b->runner.conn) ||
	    b->runner.conn.mine != PVB_XB_CONNECTED)
		return;
	r = pvb_runner_republish(&b->runner, NULL);
	if (r < 0)
		pvb_log(b->c.log, PVB_LOG_WARN,
		        "%s: cannot tell the front of its size: %s",
		        b->runner.c.name, strerror(-r));
	pvb_runner_tell(&b->runner);
}

/* ---- what is shown ------------------------------------------------------- */

void pvb_blkback_ctl_status(const struct pvb_blkback_ctl *b,
                            struct pvb_blkback_status *out)
{
	const struct pvb_runner *r = &b->runner;
	const char *text = r->why != PVB_OK ? r->text : "";

	memset(out, 0, sizeof(*out));
	out->mine = r->conn.mine;
	out->peer = r->conn.peer;
	out->live = pvb_conn_is_live(&r->conn);
	out->terms_known = b->terms_known;
	out->disk_known = b->disk_known;
	out->waits = blkback_death_waits(b);
	out->deaths = b->death.deaths;
	out->disk_error = b->error.text;
	out->disk_error_ns = b->error.at_ns;
	out->why = r->why != PVB_OK ? r->why : r->conn.why;
	if (r->why == PVB_OK && out->why != PVB_OK)
		text = pvb_why_text(out->why);
	(void)snprintf(out->text, sizeof(out->text), "%s", text);
	out->terms = b->terms;
	out->terms.persistent = b->terms.persistent && b->limits.persistent;
	out->geometry = b->geometry;
	memcpy(out->refused, r->refused, sizeof(out->refused));
}
