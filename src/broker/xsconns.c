/* SPDX-License-Identifier: MIT */
#include "xsconns.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "xsserver.h"

struct pvb_xsconn {
	struct pvb_xsconn *next;
	struct pvb_xsserver *server;    /* owned */
	uint16_t domid;
};

static void end(struct pvb_xsconns *x, struct pvb_xsconn **at)
{
	struct pvb_xsconn *c = *at;

	*at = c->next;
	x->count--;
	pvb_xsserver_destroy(c->server);
	free(c);
}

static void closed(struct pvb_xsserver *s, void *arg)
{
	struct pvb_xsconns *x = arg;
	struct pvb_xsconn **at = &x->first;

	while ((*at)->server != s)
		at = &(*at)->next;
	end(x, at);
}

static int pass_introduce(void *arg, uint16_t domid)
{
	struct pvb_xsconns *x = arg;

	return x->ops->introduce(x->arg, domid);
}

static int pass_release(void *arg, uint16_t domid)
{
	struct pvb_xsconns *x = arg;

	return x->ops->release(x->arg, domid);
}

/* The server has one argument for its ops and its end, which is ours. */
static const struct pvb_xsserver_ops passing_ops = {
	.introduce = pass_introduce, .release = pass_release,
};

static uint32_t count_of(const struct pvb_xsconns *x, uint16_t domid)
{
	uint32_t n = 0;

	for (const struct pvb_xsconn *c = x->first; c; c = c->next)
		n += c->domid == domid;
	return n;
}

int pvb_xsconns_add(struct pvb_xsconns *x, uint16_t domid, int fd)
{
	const struct pvb_xsserver_config config = {
		.tree = x->tree, .loop = x->loop, .ops = &passing_ops,
		.closed = closed, .arg = x, .domid = domid,
	};
	struct pvb_xsconn *c;
	int r = -ENOSPC;

	if (x->count >= PVB_XSCONNS_MAX ||
	    count_of(x, domid) >= PVB_XSCONNS_PER_DOMAIN_MAX)
		goto fail;
	r = -ENOMEM;
	c = calloc(1, sizeof(*c));
	if (!c)
		goto fail;
	c->server = pvb_xsserver_create(&config, fd, &r);
	if (!c->server) {
		free(c);
		return r;
	}
	c->domid = domid;
	c->next = x->first;
	x->first = c;
	x->count++;
	return 0;
fail:
	(void)close(fd);
	return r;
}

void pvb_xsconns_drop_domain(struct pvb_xsconns *x, uint16_t domid)
{
	struct pvb_xsconn **at = &x->first;

	while (*at)
		if ((*at)->domid == domid)
			end(x, at);
		else
			at = &(*at)->next;
}

void pvb_xsconns_fini(struct pvb_xsconns *x)
{
	while (x->first)
		end(x, &x->first);
}
