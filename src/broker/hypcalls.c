/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "hypconn.h"
#include "proto/xspath.h"
#include "reopen.h"

static int do_hello(struct pvb_hypconn *c)
{
	c->answer.u.hello = (struct pvb_hyp_hello){
		.version = PVB_HYP_VERSION, .domid = c->domid,
		.limit = c->limit, .machine = c->server->machine,
	};
	return 0;
}

static int do_area_create(struct pvb_hypconn *c, uint16_t peer)
{
	struct pvb_pages *pages = &c->server->pages;
	struct pvb_area *a;
	int r;

	if (c->area)
		return -EEXIST;
	r = pvb_pages_create(pages, c->domid, peer, &a);
	if (r < 0)
		return r;
	r = pvb_area_owner_fds(a, c->fds);
	if (r < 0) {
		pvb_pages_retire(pages, a);
		return r;
	}
	c->area = a;
	c->answer.value = a->id;
	c->answer.fds = 2;
	return 0;
}

static struct pvb_area *held(struct pvb_hypconn *c, uint16_t owner, uint32_t id)
{
	for (uint32_t i = 0; i < c->held_count; i++)
		if (c->held[i]->owner == owner && c->held[i]->id == id)
			return c->held[i];
	return NULL;
}

static int do_area_open(struct pvb_hypconn *c, uint16_t owner, uint32_t id)
{
	struct pvb_area *a = held(c, owner, id);
	int r;

	if (!a) {
		if (c->held_count == PVB_HYP_HELD_MAX)
			return -ENOSPC;
		r = pvb_pages_hold(&c->server->pages, owner, id, c->domid, &a);
		if (r < 0)
			return r;
		c->held[c->held_count++] = a;
	}
	/* A hold without descriptors does no harm: it goes with the
	   connection. */
	r = pvb_area_grantee_fds(a, c->fds);
	if (r == 0)
		c->answer.fds = 3;
	return r;
}

static int give_port(struct pvb_hypconn *c, struct pvb_port *p)
{
	int r = pvb_port_fds(p, c->fds);

	if (r < 0) {
		pvb_bells_close(&c->server->bells, p);
		return r;
	}
	p->next_owned = c->ports;
	c->ports = p;
	c->answer.value = p->number;
	c->answer.fds = 2;
	return 0;
}

static int do_offer(struct pvb_hypconn *c, uint16_t peer)
{
	struct pvb_port *p;
	int r = pvb_bells_offer(&c->server->bells, c->domid, peer, &p);

	return r < 0 ? r : give_port(c, p);
}

static int do_bind(struct pvb_hypconn *c, uint16_t peer, uint32_t number)
{
	struct pvb_port *p;
	int r = pvb_bells_bind(&c->server->bells, c->domid, peer, number, &p);

	return r < 0 ? r : give_port(c, p);
}

static int do_close_port(struct pvb_hypconn *c, uint32_t number)
{
	struct pvb_port **at = &c->ports;
	struct pvb_port *p;

	while (*at && (*at)->number != number)
		at = &(*at)->next_owned;
	p = *at;
	if (!p)
		return -ENOENT;
	*at = p->next_owned;
	pvb_bells_close(&c->server->bells, p);
	return 0;
}

static int do_limited(struct pvb_hypconn *c, uint16_t peer)
{
	int ends[2], r;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		return -errno;
	r = pvb_hypconn_create(c->server, c->domid, peer, ends[0]);
	if (r < 0) {
		pvb_close_all(&ends[1], 1);
		return r;
	}
	c->fds[0] = ends[1];
	c->answer.fds = 1;
	return 0;
}

static int do_counts(struct pvb_hypconn *c)
{
	if (c->domid != 0)
		return -EACCES;
	pvb_hypserver_counts(c->server, &c->answer.u.counts);
	return 0;
}

/* Which fields an operation uses, and whether a limited connection may. */
static const struct call {
	bool peer, arg, limited;
} calls[PVB_HYP_OP_COUNT] = {
	[PVB_HYP_HELLO]       = { false, false, true },
	[PVB_HYP_AREA_CREATE] = { true,  false, false },
	[PVB_HYP_AREA_OPEN]   = { true,  true,  true },
	[PVB_HYP_OFFER]       = { true,  false, false },
	[PVB_HYP_BIND]        = { true,  true,  true },
	[PVB_HYP_CLOSE_PORT]  = { false, true,  true },
	[PVB_HYP_LIMITED]     = { true,  false, false },
	[PVB_HYP_COUNTS]      = { false, false, false },
};

static int check(const struct pvb_hypconn *c, const struct pvb_hyp_request *q)
{
	const struct call *call;

	if (q->op == 0 || q->op >= PVB_HYP_OP_COUNT)
		return -EOPNOTSUPP;
	call = &calls[q->op];
	if (q->zero != 0 || (!call->arg && q->arg != 0) ||
	    q->peer > (call->peer ? PVB_XS_DOMID_MAX : 0))
		return -EINVAL;
	if (c->limit == PVB_HYP_NO_DOMAIN)
		return 0;
	return call->limited && (!call->peer || q->peer == c->limit)
		? 0 : -EACCES;
}

static int act(struct pvb_hypconn *c, const struct pvb_hyp_request *q)
{
	uint16_t peer = (uint16_t)q->peer;

	switch ((enum pvb_hyp_op)q->op) {
	case PVB_HYP_HELLO:       return do_hello(c);
	case PVB_HYP_AREA_CREATE: return do_area_create(c, peer);
	case PVB_HYP_AREA_OPEN:   return do_area_open(c, peer, q->arg);
	case PVB_HYP_OFFER:       return do_offer(c, peer);
	case PVB_HYP_BIND:        return do_bind(c, peer, q->arg);
	case PVB_HYP_CLOSE_PORT:  return do_close_port(c, q->arg);
	case PVB_HYP_LIMITED:     return do_limited(c, peer);
	case PVB_HYP_COUNTS:      return do_counts(c);
	case PVB_HYP_OP_COUNT:    break;
	}
	return -EOPNOTSUPP;
}

void pvb_hypconn_answer(struct pvb_hypconn *c, const struct pvb_hyp_request *q)
{
	int r;

	memset(&c->answer, 0, sizeof(c->answer));
	r = check(c, q);
	if (r == 0)
		r = act(c, q);
	c->answer.op = q->op;
	c->answer.result = r;
}

void pvb_hypconn_release(struct pvb_hypconn *c)
{
	struct pvb_hypserver *s = c->server;

	while (c->ports) {
		struct pvb_port *p = c->ports;

		c->ports = p->next_owned;
		pvb_bells_close(&s->bells, p);
	}
	while (c->held_count > 0)
		pvb_pages_unhold(&s->pages, c->held[--c->held_count]);
	if (c->area)
		pvb_pages_retire(&s->pages, c->area);
	c->area = NULL;
}
