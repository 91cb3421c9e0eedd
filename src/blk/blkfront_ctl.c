/* SPDX-License-Identifier: MIT */
/*
 * A front's control half as its owner sees it: life, the claim, what is shown.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <pvb/err.h>

#include "base/printable.h"
#include "blkfront_claim_ctl.h"
#include "blkfront_ctl_parts.h"
#include "hyp/store.h"

static void changed(struct pvb_runner *r)
{
	struct pvb_blkfront_ctl *f =
		pvb_container(r, struct pvb_blkfront_ctl, runner);

	if (f->c.changed)
		f->c.changed(f, f->c.arg);
}

/* Where the back has left a sentence, that tells more than what we saw. */
static void ask_back(struct pvb_blkfront_ctl *f)
{
	const struct pvb_runner *r = &f->runner;
	char said[128];
	int n;

	if (r->conn.why != PVB_WHY_STATE && r->conn.why != PVB_WHY_TIMEOUT)
		return;
	n = pvb_store_read_at(r->store, PVB_STORE_NO_TX, r->c.peer_dir,
	                      "hotplug-error", said, sizeof(said) - 1);
	if (n <= 0)
		return;
	said[n] = '\0';
	pvb_printable(said);
	(void)snprintf(f->said, sizeof(f->said), "the backend closed it: %s",
	               said);
}

/* The owner may destroy it in here. */
static void retire(struct pvb_blkfront_ctl *f)
{
	if (f->claimed)
		pvb_blkfront_unclaim(pvb_watches_store(f->watches), f->dir,
		                     true);
	f->claimed = false;
	f->c.retired(f, f->c.arg);
}

static void retired(struct pvb_runner *r)
{
	struct pvb_blkfront_ctl *f =
		pvb_container(r, struct pvb_blkfront_ctl, runner);

	if (blkfront_begin_again(f))
		return;
	ask_back(f);
	retire(f);
}

static const struct pvb_runner_ops runner_ops = {
	.publish = blkfront_publish, .unpublish = blkfront_unpublish,
	.fetch = blkfront_fetch, .take = blkfront_take,
	.attach = blkfront_attach, .go = blkfront_go, .drain = blkfront_drain,
	.detach = blkfront_detach, .changed = changed, .retired = retired,
};

static void retire_unbegun(struct pvb_loop_task *t);
static void pause_over(struct pvb_loop_timer *t);

int pvb_blkfront_ctl_create(struct pvb_watches *ws,
                            const struct pvb_blkfront_ctl_config *c,
                            struct pvb_blkfront_ctl **out, struct pvb_err *e)
{
	struct pvb_blkfront_ctl *f = calloc(1, sizeof(*f));
	const struct pvb_xsdev dev = {
		.front_domid = c->front_domid, .number = c->number,
		.front_kind = "vbd",
	};

	if (!f)
		return pvb_err_set(e, -ENOMEM, "out of memory");
	f->c = *c;
	f->watches = ws;
	/* Two numbers: it fits. */
	(void)pvb_xsdev_front_path(&dev, f->dir, sizeof(f->dir));
	f->pause.fired = pause_over;
	f->give_up.run = retire_unbegun;
	pvb_blk_halves_init(&f->halves, pvb_watches_loop(ws),
	                    &blkfront_halves_ops);
	*out = f;
	return 0;
}

/* ---- start --------------------------------------------------------------- */

static bool is_back_path(const char *path, uint16_t domid)
{
	char prefix[40];
	size_t n = (size_t)snprintf(prefix, sizeof(prefix),
	                            "/local/domain/%u/backend/", domid);

	return pvb_xspath_is_legal(path) && strncmp(path, prefix, n) == 0;
}

/* Where our own nodes say that the back is. */
static int find_back(struct pvb_blkfront_ctl *f, struct pvb_runner_config *rc,
                     struct pvb_err *e)
{
	struct pvb_store *s = pvb_watches_store(f->watches);
	uint64_t domid = 0;
	int n, r;

	n = pvb_store_read_at(s, PVB_STORE_NO_TX, f->dir, "backend",
	                      rc->peer_dir, sizeof(rc->peer_dir) - 1);
	if (n == -ENOENT)
		return pvb_err_set(e, n, "domain %u has no device %u",
		                   f->c.front_domid, f->c.number);
	if (n < 0 && n != -E2BIG)
		return pvb_err_set(e, n, "cannot read %s/backend: %s", f->dir,
		                   strerror(-n));
	rc->peer_dir[n < 0 ? 0 : n] = '\0';
	r = pvb_store_read_u64_at(s, PVB_STORE_NO_TX, f->dir, "backend-id",
	                          PVB_XS_DOMID_MAX, &domid);
	if (r < 0 || !is_back_path(rc->peer_dir, (uint16_t)domid))
		return pvb_err_set(e, -EINVAL, "%s names no backend", f->dir);
	rc->peer_domid = f->back_domid = (uint16_t)domid;
	return 0;
}

static int begin(struct pvb_blkfront_ctl *f, struct pvb_err *e)
{
	struct pvb_runner_config rc = {
		.log = f->c.log, .ops = &runner_ops, .role = PVB_FRONT,
		.connect_timeout_ns = blkfront_patience_ns(f),
		.close_timeout_ns = f->c.close_timeout_ns,
	};
	int r = find_back(f, &rc, e);

	if (r < 0)
		return r;
	if (!f->claimed)
		r = pvb_blkfront_claim(pvb_watches_store(f->watches), f->dir,
		                       e);
	if (r < 0)
		return r;
	f->claimed = true;
	(void)snprintf(rc.dir, sizeof(rc.dir), "%s", f->dir);
	(void)snprintf(rc.name, sizeof(rc.name), "device %u", f->c.number);
	pvb_runner_init(&f->runner, f->watches, &rc);
	return pvb_runner_start(&f->runner, e);
}

/* ---- while somebody else has it ------------------------------------------ */

static void wait_no_more(struct pvb_blkfront_ctl *f)
{
	f->waiting = f->pausing = false;
	pvb_loop_disarm(&f->pause);
	pvb_watches_remove(f->watches, &f->dir_watch);
	pvb_loop_disarm(&f->patience);
}

static void retire_unbegun(struct pvb_loop_task *t)
{
	retire(pvb_container(t, struct pvb_blkfront_ctl, give_up));
}

static void try_again(struct pvb_blkfront_ctl *f, bool is_last)
{
	int r;

	f->refused = (struct pvb_err)PVB_ERR_INIT;
	r = begin(f, &f->refused);
	if (r == -EBUSY && !is_last)
		return;
	wait_no_more(f);
	if (r < 0)
		pvb_loop_defer(pvb_watches_loop(f->watches), &f->give_up);
}

/* Our directory: there is the claim, and a driver's state. */
static void dir_fired(struct pvb_watch *w, const char *path)
{
	(void)path;
	try_again(pvb_container(w, struct pvb_blkfront_ctl, dir_watch), false);
}

/* A holder that has died says so nowhere: hence one more look. */
static void out_of_patience(struct pvb_loop_timer *t)
{
	try_again(pvb_container(t, struct pvb_blkfront_ctl, patience), true);
}

/* 0, or why it could not begin. */
static int wait_for_it(struct pvb_blkfront_ctl *f)
{
	struct pvb_loop *loop = pvb_watches_loop(f->watches);

	f->dir_watch.fired = dir_fired;
	f->patience.fired = out_of_patience;
	if (f->c.claim_timeout_ns == 0 ||
	    pvb_watches_add(f->watches, &f->dir_watch, f->dir) < 0)
		return -EBUSY;
	f->waiting = true;
	pvb_loop_arm(loop, &f->patience,
	             pvb_loop_now_ns(loop) + f->c.claim_timeout_ns);
	return 0;
}

/* ---- while a back is waited for ------------------------------------------ */

static void pause_over(struct pvb_loop_timer *t)
{
	struct pvb_blkfront_ctl *f =
		pvb_container(t, struct pvb_blkfront_ctl, pause);

	f->pausing = false;
	f->refused = (struct pvb_err)PVB_ERR_INIT;
	if (begin(f, &f->refused) < 0)
		retire(f);
}

int pvb_blkfront_ctl_start(struct pvb_blkfront_ctl *f, struct pvb_err *e)
{
	int r = begin(f, e);

	return r == -EBUSY ? wait_for_it(f) : r;
}

/* ---- the end ------------------------------------------------------------- */

void pvb_blkfront_ctl_stop(struct pvb_blkfront_ctl *f, bool force)
{
	if (!f->waiting && !f->pausing) {
		pvb_runner_stop(&f->runner, force);
		return;
	}
	wait_no_more(f);
	f->refused = (struct pvb_err)PVB_ERR_INIT;
	pvb_loop_defer(pvb_watches_loop(f->watches), &f->give_up);
}

void pvb_blkfront_ctl_destroy(struct pvb_blkfront_ctl *f)
{
	if (!f)
		return;
	wait_no_more(f);
	pvb_loop_undefer(pvb_watches_loop(f->watches), &f->give_up);
	pvb_runner_fini(&f->runner);
	pvb_blk_halves_fini(&f->halves);
	if (f->claimed)
		pvb_blkfront_unclaim(pvb_watches_store(f->watches), f->dir,
		                     false);
	free(f);
}

void pvb_blkfront_ctl_status(const struct pvb_blkfront_ctl *f,
                             struct pvb_blkfront_status *out)
{
	const struct pvb_runner *r = &f->runner;
	const char *text = r->why != PVB_OK ? r->text : "";

	memset(out, 0, sizeof(*out));
	out->mine = r->conn.mine;
	out->peer = r->conn.peer;
	out->live = r->started && pvb_conn_is_live(&r->conn);
	out->why = r->why != PVB_OK ? r->why : r->conn.why;
	if (r->why == PVB_OK && out->why != PVB_OK)
		text = pvb_why_text(out->why);
	if (f->said[0])
		text = f->said;
	if (f->refused.code < 0 && !f->waiting) {
		out->code = f->refused.code;
		text = f->refused.text;
	}
	(void)snprintf(out->text, sizeof(out->text), "%.*s",
	               PVB_RUNNER_TEXT_MAX, text);
	out->terms = f->terms;
	out->geometry = f->geometry;
}
