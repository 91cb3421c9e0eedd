/* SPDX-License-Identifier: MIT */
#include "broker.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <pvb/err.h>

#include "base/log.h"
#include "domains.h"
#include "hypserver.h"
#include "proto/hypwire.h"
#include "rundir.h"
#include "xsconns.h"
#include "xsserver.h"

struct pvb_broker {
	const struct pvb_log *log;
	struct pvb_loop *loop;
	struct pvb_rundir dir;
	struct pvb_domains domains;
	struct pvb_hypserver *hyp;
	struct pvb_xstree *tree;
	struct pvb_xsconns store;
};

static void refused(const struct pvb_broker *b, uint16_t domid, int r)
{
	if (r < 0)
		pvb_log(b->log, PVB_LOG_WARN, "domain %u: a connection is "
		        "refused: %s", domid, strerror(-r));
}

static void hyp_connected(void *arg, uint16_t domid, int fd)
{
	struct pvb_broker *b = arg;

	refused(b, domid, pvb_hypserver_add(b->hyp, domid, fd));
}

static void store_connected(void *arg, uint16_t domid, int fd)
{
	struct pvb_broker *b = arg;

	refused(b, domid, pvb_xsconns_add(&b->store, domid, fd));
}

static void joined(void *arg, uint16_t domid)
{
	struct pvb_broker *b = arg;

	if (!pvb_domains_join(&b->domains, domid))
		return;
	/* It is there, halted, so there is nothing left to fail. */
	(void)pvb_xstree_introduce(b->tree, domid);
	pvb_log(b->log, PVB_LOG_INFO, "domain %u lives again", domid);
}

static void left(void *arg, uint16_t domid)
{
	struct pvb_broker *b = arg;

	if (!pvb_domains_leave(&b->domains, domid))
		return;
	(void)pvb_xstree_halt(b->tree, domid);
	pvb_log(b->log, PVB_LOG_INFO, "domain %u has died: its last process "
	        "has gone", domid);
}

static void add_counts(void *arg, struct pvb_hyp_counts *n)
{
	const struct pvb_broker *b = arg;
	struct pvb_xscounts store;

	n->domains = b->domains.count;
	n->introduced = 0;
	for (const struct pvb_domain *m = b->domains.first; m; m = m->next)
		n->introduced += m->alive;
	pvb_xstree_counts(b->tree, &store);
	n->store_connections = b->store.count;
	n->store_nodes = store.nodes;
	n->store_watches = store.watches;
	n->store_transactions = store.transactions;
}

static int introduce(void *arg, uint16_t domid)
{
	return pvb_broker_introduce(arg, domid);
}

static int release(void *arg, uint16_t domid)
{
	return pvb_broker_release(arg, domid);
}

static const struct pvb_xsserver_ops store_ops = {
	.introduce = introduce, .release = release,
};

static int start(struct pvb_broker *b, const char *dir, struct pvb_err *e)
{
	const struct pvb_hypserver_config hyp = {
		.loop = b->loop, .log = b->log, .joined = joined, .left = left,
		.counts = add_counts, .arg = b,
	};
	struct pvb_domains_config domains = {
		.loop = b->loop, .hyp = hyp_connected,
		.store = store_connected, .arg = b,
	};
	int r = pvb_rundir_open(&b->dir, dir, e);

	if (r < 0)
		return r;
	domains.dir = b->dir.path;
	pvb_domains_init(&b->domains, &domains);
	b->tree = pvb_xstree_create(NULL);
	b->store = (struct pvb_xsconns){
		.tree = b->tree, .loop = b->loop, .ops = &store_ops, .arg = b,
	};
	b->hyp = pvb_hypserver_create(&hyp);
	if (!b->tree || !b->hyp)
		return pvb_err_set(e, -ENOMEM, "out of memory");
	return pvb_domains_add(&b->domains, 0, e);
}

struct pvb_broker *pvb_broker_create(const struct pvb_broker_config *c,
                                     struct pvb_loop *loop, struct pvb_err *e)
{
	struct pvb_broker *b = calloc(1, sizeof(*b));

	if (!b) {
		(void)pvb_err_set(e, -ENOMEM, "out of memory");
		return NULL;
	}
	b->log = c->log;
	b->loop = loop;
	b->dir = (struct pvb_rundir){ .fd = -1, .lock = -1 };
	if (start(b, c->dir, e) == 0)
		return b;
	pvb_broker_destroy(b);
	return NULL;
}

void pvb_broker_destroy(struct pvb_broker *b)
{
	if (!b)
		return;
	/* No new connections, then no connections, then what they held. */
	pvb_domains_fini(&b->domains);
	pvb_hypserver_destroy(b->hyp);
	pvb_xsconns_fini(&b->store);
	pvb_xstree_destroy(b->tree);
	pvb_rundir_close(&b->dir);
	free(b);
}

int pvb_broker_introduce(struct pvb_broker *b, uint16_t domid)
{
	struct pvb_domain *m = pvb_domains_find(&b->domains, domid);
	int r = m ? 0 : pvb_domains_add(&b->domains, domid, NULL);

	if (r == 0)
		r = pvb_xstree_introduce(b->tree, domid);
	if (r == 0 && m)
		m->alive = true;
	else if (r < 0 && !m)
		(void)pvb_domains_remove(&b->domains, domid);
	if (r == 0)
		pvb_log(b->log, PVB_LOG_INFO, "domain %u is introduced", domid);
	return r;
}

int pvb_broker_release(struct pvb_broker *b, uint16_t domid)
{
	int r = domid == 0 ? -EINVAL : pvb_xstree_release(b->tree, domid);

	if (r < 0)
		return r;
	/* Before its connections, or their end would be its death. */
	(void)pvb_domains_remove(&b->domains, domid);
	pvb_hypserver_drop_domain(b->hyp, domid);
	pvb_xsconns_drop_domain(&b->store, domid);
	pvb_log(b->log, PVB_LOG_INFO, "domain %u is released", domid);
	return 0;
}

void pvb_broker_counts(const struct pvb_broker *b, struct pvb_hyp_counts *c)
{
	pvb_hypserver_counts(b->hyp, c);
}
