/* SPDX-License-Identifier: MIT */
/* xstree.c - the store and its clients' ways in and out; see xstree.h. */
#include "xstree.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "proto/xspath.h"
#include "xstree_state.h"

enum {                                  /* watch events kept for one client */
	GUEST_EVENT_BYTES    = 64 << 10,
	DOMAIN_0_EVENT_BYTES = 256 << 10,
};

static const char *const special_paths[PVB_XS_SPECIALS] = {
	"@introduceDomain", "@releaseDomain",
};

struct pvb_xstree *pvb_xstree_create(const struct pvb_xslimits *limits)
{
	static const struct pvb_xsperm nobody = { 0, 0 };
	struct pvb_xstree *t = calloc(1, sizeof(*t));
	bool whole;

	if (!t)
		return NULL;
	t->limits = limits ? *limits : pvb_xslimits_default;
	t->root = pvb_xsnode_create("", 0, &nobody, 1);
	whole = t->root && pvb_xsdomains_need(&t->domains, 0);
	for (uint32_t i = 0; i < PVB_XS_SPECIALS; i++) {
		t->special[i] = pvb_xsnode_create("", 0, &nobody, 1);
		whole = whole && t->special[i];
	}
	if (!whole) {
		pvb_xstree_destroy(t);
		return NULL;
	}
	pvb_xsdomains_find(&t->domains, 0)->introduced = true;
	pvb_xsdomains_find(&t->domains, 0)->nodes = 1;
	return t;
}

void pvb_xstree_destroy(struct pvb_xstree *t)
{
	if (!t)
		return;
	assert(!t->clients);
	pvb_xsnode_put(t->root);
	for (uint32_t i = 0; i < PVB_XS_SPECIALS; i++)
		pvb_xsnode_put(t->special[i]);
	pvb_xswatches_fini(&t->watches);
	pvb_xsdomains_fini(&t->domains);
	free(t);
}

const struct pvb_xslimits *pvb_xstree_limits(const struct pvb_xstree *t)
{
	return &t->limits;
}

void pvb_xstree_counts(const struct pvb_xstree *t, struct pvb_xscounts *n)
{
	*n = (struct pvb_xscounts){ 0 };
	for (uint32_t i = 0; i < t->domains.count; i++) {
		const struct pvb_xsdomain *d = t->domains.domain[i];

		n->clients += d->clients;
		n->nodes += d->nodes;
		n->watches += d->watches;
		n->transactions += d->transactions;
	}
}

/* ---- clients ----------------------------------------------------------- */

static void on_waiting(struct pvb_xswatcher *w)
{
	struct pvb_xsclient *c = pvb_container(w, struct pvb_xsclient, watcher);

	if (c->waiting)
		c->waiting(c, c->arg);
}

struct pvb_xsclient *pvb_xsclient_create(struct pvb_xstree *t, uint16_t domid,
		void (*waiting)(struct pvb_xsclient *c, void *arg), void *arg)
{
	struct pvb_xsclient *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->domain = pvb_xsdomains_need(&t->domains, domid);
	if (!c->domain) {
		free(c);
		return NULL;
	}
	c->domain->clients++;
	c->tree = t;
	c->waiting = waiting;
	c->arg = arg;
	c->watcher.waiting = on_waiting;
	c->watcher.event_bytes_max = domid ? GUEST_EVENT_BYTES
	                                   : DOMAIN_0_EVENT_BYTES;
	c->next = t->clients;
	c->link = &t->clients;
	if (c->next)
		c->next->link = &c->next;
	t->clients = c;
	return c;
}

void pvb_xsclient_forget(struct pvb_xsclient *c, struct pvb_xsopen *o)
{
	struct pvb_xsopen **at = &c->open;

	while (*at != o)
		at = &(*at)->next;
	*at = o->next;
	pvb_xstx_fini(&o->tx);
	free(o);
	c->domain->transactions--;
}

void pvb_xsclient_reset(struct pvb_xsclient *c)
{
	while (c->open)
		pvb_xsclient_forget(c, c->open);
	c->domain->watches -= c->watcher.count;
	pvb_xswatches_clear(&c->tree->watches, &c->watcher);
}

void pvb_xsclient_destroy(struct pvb_xsclient *c)
{
	struct pvb_xstree *t;
	uint16_t domid;

	if (!c)
		return;
	t = c->tree;
	domid = c->domain->who.domid;
	pvb_xsclient_reset(c);
	*c->link = c->next;
	if (c->next)
		c->next->link = c->link;
	c->domain->clients--;
	free(c);
	pvb_xsdomains_trim(&t->domains, domid);
}

uint16_t pvb_xsclient_domid(const struct pvb_xsclient *c)
{
	return c->domain->who.domid;
}

/* ---- a request's way in ------------------------------------------------ */

/* Bytes of "/local/domain/N/" if `path` begins with that, else 0. */
static size_t home_bytes(const char *path)
{
	static const char homes[] = "/local/domain/";
	size_t digits;

	if (strncmp(path, homes, sizeof(homes) - 1) != 0)
		return 0;
	digits = strspn(path + sizeof(homes) - 1, "0123456789");
	if (digits == 0 || digits > 5 ||
	    path[sizeof(homes) - 1 + digits] != '/')
		return 0;
	return sizeof(homes) - 1 + digits + 1;
}

/* Every step down costs every request a little, and a guest chooses how many;
   nothing that is of use has a tenth of these. */
static bool is_too_deep(const char *path)
{
	uint32_t parts = 0;

	for (; *path; path++)
		parts += *path == '/';
	return parts > PVB_XS_DEPTH_MAX;
}

/*
 * xenstored has one limit for what is below a domain's home and for a path
 * elsewhere, so that a relative path is as good as its absolute form.
 */
int pvb_xstree_resolve(const struct pvb_xsclient *c, const char *path,
                       char *out)
{
	int rc;

	if (c->dead)
		return -EACCES;
	if (path[0] == '/')
		rc = pvb_xspath_print(out, PVB_XS_PATH_MAX + 1, "%s", path);
	else
		rc = pvb_xspath_print(out, PVB_XS_PATH_MAX + 1,
		                      "/local/domain/%u/%s",
		                      c->domain->who.domid, path);
	if (rc || !pvb_xspath_is_legal(out) || is_too_deep(out) ||
	    strlen(out) - home_bytes(out) > PVB_XS_RELATIVE_MAX)
		return -EINVAL;
	return 0;
}

struct pvb_xsnode **pvb_xstree_special(struct pvb_xstree *t, const char *path)
{
	for (uint32_t i = 0; i < PVB_XS_SPECIALS; i++)
		if (strcmp(path, special_paths[i]) == 0)
			return &t->special[i];
	return NULL;
}

static struct pvb_xsopen *find_open(const struct pvb_xsclient *c, uint32_t id)
{
	struct pvb_xsopen *o = c->open;

	while (o && o->id != id)
		o = o->next;
	return o;
}

int pvb_xstree_version(struct pvb_xsclient *c, uint32_t tx,
                       const struct pvb_xsnode **root, struct pvb_xstx **set)
{
	struct pvb_xsopen *o;

	*set = NULL;
	*root = c->tree->root;
	if (tx == 0)
		return 0;
	o = find_open(c, tx);
	if (!o)
		return -ENOENT;
	*set = &o->tx;
	*root = o->tx.root;
	return 0;
}

int pvb_xstree_enter(struct pvb_xsclient *c, uint32_t tx, struct pvb_xstx *own,
                     struct pvb_xstx **set)
{
	struct pvb_xsopen *o;

	if (tx == 0) {
		pvb_xstx_init(own, c->tree->root, &c->tree->gen,
		              c->domain->who.domid, 0);
		*set = own;
		return 0;
	}
	o = find_open(c, tx);
	if (!o)
		return -ENOENT;
	/* What to go back to if the request fails half way. */
	memset(own, 0, sizeof(*own));
	own->root = pvb_xsnode_get(o->tx.root);
	own->owned_more = o->tx.owned_more;
	*set = &o->tx;
	return 0;
}

int pvb_xstree_leave(struct pvb_xsclient *c, struct pvb_xstx *own,
                     struct pvb_xstx *set, int rc)
{
	struct pvb_xsnode *failed = set->root;

	if (set == own) {
		if (rc == 0)
			rc = pvb_xstree_publish(c->tree, own);
	} else if (rc) {
		set->root = own->root;
		set->owned_more = own->owned_more;
		own->root = failed;
	}
	pvb_xstx_fini(own);
	return rc;
}

/* ---- transactions ------------------------------------------------------ */

int pvb_xstree_begin(struct pvb_xsclient *c, uint32_t *tx)
{
	const struct pvb_xslimits *limits = &c->tree->limits;
	bool limited = c->domain->who.domid != 0;
	struct pvb_xsopen *o;

	if (c->dead)
		return -EACCES;
	if (limited && c->domain->transactions >= limits->transactions)
		return -ENOSPC;
	o = calloc(1, sizeof(*o));
	if (!o)
		return -ENOMEM;
	do
		c->last_tx++;
	while (c->last_tx == 0 || find_open(c, c->last_tx));
	o->id = c->last_tx;
	pvb_xstx_init(&o->tx, c->tree->root, &c->tree->gen,
	              c->domain->who.domid, limited ? limits->tx_nodes : 0);
	o->next = c->open;
	c->open = o;
	c->domain->transactions++;
	*tx = o->id;
	return 0;
}

static int commit(struct pvb_xsclient *c, struct pvb_xstx *set)
{
	struct pvb_xstree *t = c->tree;
	int64_t nodes = (int64_t)c->domain->nodes + set->owned_more;
	int rc;

	if (pvb_xstx_conflicts(set, t->root))
		return -EAGAIN;
	if (c->domain->who.domid != 0 && set->owned_more > 0 &&
	    nodes > t->limits.nodes)
		return -ENOSPC;
	rc = pvb_xstx_rebase(set, t->root);
	return rc ? rc : pvb_xstree_publish(t, set);
}

int pvb_xstree_end(struct pvb_xsclient *c, uint32_t tx, bool commit_it)
{
	struct pvb_xsopen *o = find_open(c, tx);
	int rc;

	if (!o)
		return -ENOENT;
	rc = commit_it ? commit(c, &o->tx) : 0;
	pvb_xsclient_forget(c, o);
	return rc;
}
