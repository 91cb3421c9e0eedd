/* SPDX-License-Identifier: MIT */
/*
 * How it begins: anew, or with a connection that somebody who is dead has left.
 */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include <pvb/err.h>

#include "complain.h"
#include "hyp/store.h"
#include "runner_parts.h"

static int read_own(struct pvb_runner *r, struct pvb_runner_found *out,
                    struct pvb_err *e)
{
	uint64_t mine = PVB_XB_UNKNOWN, online = 0;
	int n;

	n = pvb_store_read_u64_at(r->store, PVB_STORE_NO_TX, r->c.dir, "state",
	                          UINT32_MAX, &mine);
	if (n == -ENOENT)
		return pvb_err_set(e, n, "no device at %s", r->c.dir);
	if (n < 0 && n != -EINVAL)
		return pvb_err_set(e, n, "cannot read %s/state: %s", r->c.dir,
		                   strerror(-n));
	/* Absent counts as 0. */
	(void)pvb_store_read_u64_at(r->store, PVB_STORE_NO_TX, r->c.dir,
	                            "online", 1, &online);
	*out = (struct pvb_runner_found){
		.mine = (uint32_t)mine, .online = online == 1,
	};
	return 0;
}

static int watch(struct pvb_runner *r, uint32_t known, struct pvb_err *e)
{
	int n = runner_watch(r);

	r->known = known;
	r->started = n == 0;
	if (n == 0)
		return 0;
	runner_unwatch(r);
	return pvb_err_set(e, n, "cannot watch %s: %s", r->c.dir,
	                   strerror(-n));
}

int pvb_runner_start(struct pvb_runner *r, struct pvb_err *e)
{
	struct pvb_runner_found f;
	int n = read_own(r, &f, e);

	if (n < 0)
		return n;
	pvb_conn_init(&r->conn, r->c.role, f.mine,
	              r->c.role == PVB_BACK && f.online);
	n = watch(r, f.mine, e);
	if (n < 0)
		return n;
	/* What was wrong with somebody before us. */
	pvb_complaint_remove(r->store, r->c.dir);
	/* A toolstack that wrote 5 before we came still waits for our 6. */
	runner_event(r, r->c.role == PVB_BACK && f.mine == PVB_XB_CLOSING
	                        ? PVB_EV_STOP : PVB_EV_START, 0);
	return 0;
}

int pvb_runner_find(struct pvb_runner *r, struct pvb_runner_found *out,
                    struct pvb_err *e)
{
	int n = read_own(r, out, e);

	assert(r->c.role == PVB_BACK);
	if (n < 0)
		return n;
	return runner_find_peer(r, &out->peer) &&
	       (out->mine == PVB_XB_CONNECTED || out->mine == PVB_XB_CLOSING);
}

int pvb_runner_resume(struct pvb_runner *r, const struct pvb_runner_found *f,
                      struct pvb_err *e)
{
	pvb_conn_init_live(&r->conn, f->mine, f->peer, f->online);
	return watch(r, f->mine, e);
}
