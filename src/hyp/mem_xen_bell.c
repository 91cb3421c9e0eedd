/* SPDX-License-Identifier: MIT */
/*
 * Doorbells: event channels of one handle of the evtchn device, which all
 * share its descriptor.
 *
 * Reading from it takes the ports that were rung, of any of them, and each is
 * then silent until it is unmasked.  So what is read is noted, and a port is
 * unmasked when its own ring is taken: a peer that rings in a loop is heard
 * once for each time that we look.
 */
#include "mem_xen.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

static struct pvb_mem_xen_bell *find(struct pvb_mem_xen_bells *b,
                                     uint32_t port)
{
	for (uint32_t i = 0; i < b->count; i++)
		if (b->bell[i].port == port)
			return &b->bell[i];
	return NULL;
}

/* Room for one more.  0, -ENOSPC. */
static int reserve(struct pvb_mem_xen_bells *b)
{
	uint32_t cap = b->cap ? b->cap * 2 : 4;
	struct pvb_mem_xen_bell *bell;

	if (b->count < b->cap)
		return 0;
	if (b->count >= PVB_MEM_XEN_BELLS_MAX)
		return -ENOSPC;
	bell = realloc(b->bell, cap * sizeof(*bell));
	if (!bell)
		return -ENOSPC;
	b->bell = bell;
	b->cap = cap;
	return 0;
}

static int port_code(int error)
{
	switch (error) {
	case ENOSPC: case ENOMEM:
		return -ENOSPC;
	case EACCES: case EPERM:
		return -EACCES;
	/* No such port there, or none that is for us. */
	case EINVAL: case ENOENT: case ESRCH:
		return -ENOENT;
	default:
		return -EIO;
	}
}

static int add(struct pvb_mem_xen_bells *b, xenevtchn_port_or_error_t port,
               uint32_t *out)
{
	if (port < 0)
		return port_code(errno);
	b->bell[b->count++] = (struct pvb_mem_xen_bell){
		.port = (uint32_t)port,
	};
	*out = (uint32_t)port;
	return 0;
}

int pvb_mem_xen_offer(struct pvb_mem *m, uint16_t peer, uint32_t *port)
{
	struct pvb_mem_xen_bells *b = &pvb_mem_xen_of(m)->bells;
	int r = reserve(b);

	return r < 0 ? r
	     : add(b, xenevtchn_bind_unbound_port(b->evtchn, peer), port);
}

int pvb_mem_xen_bind(struct pvb_mem *m, uint16_t peer, uint32_t remote_port,
                     uint32_t *port)
{
	struct pvb_mem_xen_bells *b = &pvb_mem_xen_of(m)->bells;
	int r = reserve(b);

	return r < 0 ? r
	     : add(b, xenevtchn_bind_interdomain(b->evtchn, peer, remote_port),
	           port);
}

void pvb_mem_xen_unbind(struct pvb_mem *m, uint32_t port)
{
	struct pvb_mem_xen_bells *b = &pvb_mem_xen_of(m)->bells;
	struct pvb_mem_xen_bell *bell = find(b, port);

	assert(bell);
	*bell = b->bell[--b->count];
	(void)xenevtchn_unbind(b->evtchn, port);
}

void pvb_mem_xen_notify(struct pvb_mem *m, uint32_t port)
{
	struct pvb_mem_xen_bells *b = &pvb_mem_xen_of(m)->bells;

	assert(find(b, port));
	(void)xenevtchn_notify(b->evtchn, port);
}

int pvb_mem_xen_fd(struct pvb_mem *m, uint32_t port)
{
	struct pvb_mem_xen_bells *b = &pvb_mem_xen_of(m)->bells;

	return find(b, port) ? xenevtchn_fd(b->evtchn) : -ENOENT;
}

/* Until `wanted` was among them, for then the descriptor still shows what is
   left.  At most one ring of each port waits: it was not unmasked since. */
static void read_rings(struct pvb_mem_xen_bells *b,
                       const struct pvb_mem_xen_bell *wanted)
{
	for (uint32_t i = 0; i < PVB_MEM_XEN_BELLS_MAX && !wanted->rung; i++) {
		int port = xenevtchn_pending(b->evtchn);
		struct pvb_mem_xen_bell *bell;

		if (port < 0)
			return;
		bell = find(b, (uint32_t)port);
		if (bell)       /* else of one that is unbound */
			bell->rung = true;
	}
}

int pvb_mem_xen_clear(struct pvb_mem *m, uint32_t port)
{
	struct pvb_mem_xen_bells *b = &pvb_mem_xen_of(m)->bells;
	struct pvb_mem_xen_bell *bell = find(b, port);

	assert(bell);
	read_rings(b, bell);
	if (!bell->rung)
		return 0;
	bell->rung = false;
	(void)xenevtchn_unmask(b->evtchn, port);
	return 1;
}

void pvb_mem_xen_bells_close(struct pvb_mem_xen *x)
{
	struct pvb_mem_xen_bells *b = &x->bells;

	/* Which closes its ports. */
	if (b->evtchn)
		(void)xenevtchn_close(b->evtchn);
	free(b->bell);
}
