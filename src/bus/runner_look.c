/* SPDX-License-Identifier: MIT */
/*
 * What the store says: our own directory, the peer's state, its domain.
 *
 * A watch only marks that there is something to look at; the look itself
 * happens once a turn, however often a peer has written.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "hyp/store.h"
#include "proto/keys.h"
#include "proto/xspath.h"
#include "runner_parts.h"

/* ---- our own directory --------------------------------------------------- */

static bool is_online(struct pvb_runner *r)
{
	uint64_t online = 0;

	(void)pvb_store_read_u64_at(r->store, PVB_STORE_NO_TX, r->c.dir,
	                            "online", 1, &online);
	return online == 1;
}

/* Only a toolstack says Initialising, when it makes the directory: that of the
   device that we are was removed before, and this one is for somebody else. */
bool runner_is_of_another(const struct pvb_runner *r, uint64_t found)
{
	return r->c.role == PVB_BACK && found == PVB_XB_INITIALISING &&
	       r->known > PVB_XB_INITIALISING;
}

/* Closed for a reason that no front can mend: until the toolstack takes the
   device away. */
static void look_while_lingering(struct pvb_runner *r, uint64_t found,
                                 bool is_gone)
{
	if (!is_gone && found != PVB_XB_CLOSED) {
		r->known = (uint32_t)found;
		(void)runner_write(r, PVB_DO_SAY);
	}
	if (is_gone || !is_online(r))
		pvb_loop_defer(r->loop, &r->last);
}

void runner_look_own(struct pvb_runner *r)
{
	uint64_t found = PVB_XB_UNKNOWN;
	int e;

	r->look_own = false;
	if (r->vanished || r->ended || (r->retired && !r->linger))
		return;
	e = pvb_store_read_u64_at(r->store, PVB_STORE_NO_TX, r->c.dir, "state",
	                          UINT32_MAX, &found);
	if (e == 0 && runner_is_of_another(r, found))
		e = -ENOENT;
	if (r->retired) {
		look_while_lingering(r, found, e == -ENOENT);
		return;
	}
	if (e == -ENOENT) {
		runner_vanished(r);
		return;
	}
	if (r->c.role != PVB_BACK || (e < 0 && e != -EINVAL))
		return;
	pvb_conn_set_stay(&r->conn, is_online(r));
	if (found == r->known && (r->conn.stay || r->conn.stopping ||
	                          (found != PVB_XB_CLOSED &&
	                           found != PVB_XB_CLOSING)))
		return;
	/* Somebody else wrote 5: the toolstack wants an end.  Or it said
	   online=0, and we had closed and were waiting for a new front; or were
	   closing, so that its 5 is nothing new, for a front that may stay. */
	r->known = (uint32_t)found;
	if (found == PVB_XB_CLOSING || found == PVB_XB_CLOSED)
		runner_event(r, PVB_EV_STOP, 0);
}

/* ---- the peer ------------------------------------------------------------ */

struct reading {
	struct pvb_runner *r;
	uint32_t action;
	struct pvb_keys keys;
};

static int read_keys(struct pvb_store *s, uint32_t tx, void *arg)
{
	struct reading *g = arg;

	(void)s;
	memset(&g->keys, 0, sizeof(g->keys));
	return g->r->c.ops->fetch(g->r, tx, g->action, &g->keys);
}

/* All of it at one moment, so a transaction.  Owned, or NULL with *e. */
static struct reading *fetch(struct pvb_runner *r, uint32_t action, int *e)
{
	struct reading *g = malloc(sizeof(*g));

	*e = -ENOMEM;
	if (!g)
		return NULL;
	g->r = r;
	g->action = action;
	*e = pvb_store_transact(r->store, read_keys, g);
	if (*e < 0) {
		free(g);
		return NULL;
	}
	return g;
}

static void blame_node(struct pvb_runner *r, enum pvb_why why, const char *bad)
{
	pvb_runner_blame(r, why, "%s in node \"%s/%s\"", pvb_why_text(why),
	                 r->c.peer_dir, bad ? bad : "?");
}

enum pvb_why runner_read_peer(struct pvb_runner *r, uint32_t action)
{
	const char *bad = NULL;
	enum pvb_why why;
	struct reading *g;
	int e;

	g = fetch(r, action, &e);
	if (!g) {
		pvb_runner_blame(r, PVB_WHY_STATE, "cannot read %s: %s",
		                 r->c.peer_dir, strerror(-e));
		return PVB_WHY_STATE;
	}
	why = r->c.ops->take(r, action, &g->keys, &bad);
	if (why != PVB_OK)
		blame_node(r, why, bad);
	else if (action == PVB_DO_READ_PEER)
		r->has_identity = true;
	free(g);
	return why;
}

/* Is this another incarnation than the one that take agreed to?  Keys that
   cannot be read are not those that could. */
static bool is_another(struct pvb_runner *r)
{
	struct reading *g;
	bool same;
	int e;

	if (!r->has_identity || !r->c.ops->is_same)
		return false;
	g = fetch(r, PVB_DO_READ_PEER, &e);
	if (!g)
		return true;
	same = r->c.ops->is_same(r, &g->keys);
	free(g);
	return !same;
}

static bool domain_is_there(struct pvb_runner *r)
{
	/* Who may not ask takes it to be there. */
	r->domain_gone = r->store->ops->domain_exists(r->store,
	                                              r->c.peer_domid) == 0;
	return !r->domain_gone;
}

/* Any bytes become a number; what is none becomes one that is no state. */
static int read_peer_state(struct pvb_runner *r, uint32_t *state)
{
	uint64_t v = PVB_XB_COUNT;
	int e = pvb_store_read_u64_at(r->store, PVB_STORE_NO_TX, r->c.peer_dir,
	                              "state", PVB_XB_COUNT - 1, &v);

	*state = (uint32_t)v;
	return e == -EINVAL || e == -E2BIG ? 0 : e;
}

bool runner_find_peer(struct pvb_runner *r, uint32_t *state)
{
	const char *bad;
	struct reading *g;
	int e;

	if (read_peer_state(r, state) < 0 || *state < PVB_XB_INITIALISED ||
	    *state > PVB_XB_CLOSING)
		return false;
	g = fetch(r, PVB_DO_READ_PEER, &e);
	if (!g)
		return false;
	/* Also of one that is dead: its word stands until another comes. */
	r->has_identity = r->c.ops->take(r, PVB_DO_READ_PEER, &g->keys,
	                                 &bad) == PVB_OK;
	free(g);
	return r->has_identity && domain_is_there(r);
}

/* True: said, or said again because it was asked for. */
static bool is_gone(struct pvb_runner *r, bool ordered,
                    struct pvb_runner_event *q)
{
	bool is_news = !r->peer_gone;

	/* Its domain may have gone first, and its directory later: to us that
	   is the same, to our owner perhaps not. */
	r->tell |= !is_news;
	r->peer_gone = true;
	*q = (struct pvb_runner_event){ PVB_EV_PEER_GONE, 0 };
	return is_news || ordered;
}

bool runner_look_peer(struct pvb_runner *r, struct pvb_runner_event *q)
{
	bool ordered = r->look_ordered, ready, another;
	uint32_t state;
	int e;

	r->look_peer = r->look_ordered = false;
	if (r->retired)
		return false;
	if (r->vanished)
		return is_gone(r, ordered, q);
	e = read_peer_state(r, &state);
	if (e == -EIO)
		return false;   /* the store is lost: the owner hears of it */
	/* A front that hides its state from us is as good as gone. */
	if (e < 0 || (r->domain_gone && !domain_is_there(r)))
		return is_gone(r, ordered, q);
	ready = state == PVB_XB_INITIALISED || state == PVB_XB_CONNECTED;
	another = ready && is_another(r);
	if (r->peer_gone && ready && !another && r->has_identity &&
	    r->c.ops->is_same)
		return false;   /* still a dead one's word */
	r->peer_gone = false;
	*q = (struct pvb_runner_event){
		another ? PVB_EV_PEER_NEW : PVB_EV_PEER, state,
	};
	return true;
}

/* ---- watches ------------------------------------------------------------- */

static void own_fired(struct pvb_watch *w, const char *path)
{
	struct pvb_runner *r = pvb_container(w, struct pvb_runner, own_watch);

	(void)path;
	r->look_own = true;
	pvb_loop_defer(r->loop, &r->turn);
}

static void look_at_peer(struct pvb_runner *r)
{
	r->look_peer = true;
	pvb_loop_defer(r->loop, &r->turn);
}

static void peer_fired(struct pvb_watch *w, const char *path)
{
	(void)path;
	look_at_peer(pvb_container(w, struct pvb_runner, peer_watch));
}

static void domain_died(struct pvb_watch *w, const char *path)
{
	struct pvb_runner *r = pvb_container(w, struct pvb_runner, died_watch);

	(void)path;
	if (!r->domain_gone && !domain_is_there(r))
		look_at_peer(r);
}

static void domain_born(struct pvb_watch *w, const char *path)
{
	struct pvb_runner *r = pvb_container(w, struct pvb_runner, born_watch);

	(void)path;
	if (r->domain_gone && domain_is_there(r))
		look_at_peer(r);
}

int runner_watch(struct pvb_runner *r)
{
	char path[PVB_XS_PATH_MAX + 1];
	int e;

	r->own_watch.fired = own_fired;
	r->peer_watch.fired = peer_fired;
	r->died_watch.fired = domain_died;
	r->born_watch.fired = domain_born;
	e = pvb_xspath_print(path, sizeof(path), "%s/state", r->c.peer_dir);
	if (e == 0)
		e = pvb_watches_add(r->watches, &r->own_watch, r->c.dir);
	if (e == 0)
		e = pvb_watches_add(r->watches, &r->peer_watch, path);
	/* Who may not ask about domains has no use for their coming and going,
	   and a guest may not watch much. */
	if (e < 0 || r->store->ops->domain_exists(r->store, r->c.peer_domid) ==
	                     -EACCES)
		return e;
	e = pvb_watches_add(r->watches, &r->died_watch, "@releaseDomain");
	if (e == 0)
		e = pvb_watches_add(r->watches, &r->born_watch,
		                    "@introduceDomain");
	return e;
}

void runner_unwatch(struct pvb_runner *r)
{
	pvb_watches_remove(r->watches, &r->own_watch);
	pvb_watches_remove(r->watches, &r->peer_watch);
	pvb_watches_remove(r->watches, &r->died_watch);
	pvb_watches_remove(r->watches, &r->born_watch);
}
