/* SPDX-License-Identifier: MIT */
/*
 * Doorbells: each port has a pipe to wait on and a pipe to ring, both opened
 * for us alone and not blocking (broker/bells.h says why pipes).  The
 * hypervisor is asked to make and to end a port; ringing needs nobody.
 */
#include "mem_local.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

/* Enough to empty a bell in one read: one page is what the broker gives it. */
enum { BELL_BYTES = 4096 };

static struct pvb_mem_bell *find(struct pvb_mem_local *l, uint32_t port)
{
	for (uint32_t i = 0; i < l->bells.count; i++)
		if (l->bells.bell[i].port == port)
			return &l->bells.bell[i];
	return NULL;
}

/* Room for one more.  0, -ENOSPC. */
static int reserve(struct pvb_mem_bells *b)
{
	uint32_t cap = b->cap ? b->cap * 2 : 4;
	struct pvb_mem_bell *bell;

	if (b->count < b->cap)
		return 0;
	if (b->count >= PVB_MEM_LOCAL_BELLS_MAX)
		return -ENOSPC;
	bell = realloc(b->bell, cap * sizeof(*bell));
	if (!bell)
		return -ENOSPC;
	b->bell = bell;
	b->cap = cap;
	return 0;
}

static int new_port(struct pvb_mem *m, enum pvb_hyp_op op, uint16_t peer,
                    uint32_t remote_port, uint32_t *port)
{
	struct pvb_mem_local *l = pvb_mem_local_of(m);
	struct pvb_hyp_reply reply;
	int fds[2], r;

	r = reserve(&l->bells);
	if (r < 0)
		return r;
	r = pvb_hypclient_ask(&l->client, op, peer, remote_port, &reply,
	                      fds, 2);
	if (r < 0)
		return r == -ENOMEM || r == -EINVAL ? -EIO : r;
	l->bells.bell[l->bells.count++] = (struct pvb_mem_bell){
		.port = reply.value, .wait = fds[0], .ring = fds[1],
	};
	*port = reply.value;
	return 0;
}

int pvb_mem_local_offer(struct pvb_mem *m, uint16_t peer, uint32_t *port)
{
	return new_port(m, PVB_HYP_OFFER, peer, 0, port);
}

int pvb_mem_local_bind(struct pvb_mem *m, uint16_t peer, uint32_t remote_port,
                       uint32_t *port)
{
	return new_port(m, PVB_HYP_BIND, peer, remote_port, port);
}

void pvb_mem_local_unbind(struct pvb_mem *m, uint32_t port)
{
	struct pvb_mem_local *l = pvb_mem_local_of(m);
	struct pvb_mem_bell *b = find(l, port);
	struct pvb_hyp_reply reply;

	assert(b);
	(void)close(b->wait);
	(void)close(b->ring);
	*b = l->bells.bell[--l->bells.count];
	/* Refused only by a hypervisor that has gone, and the port with it. */
	(void)pvb_hypclient_ask(&l->client, PVB_HYP_CLOSE_PORT, 0, port,
	                        &reply, NULL, 0);
}

void pvb_mem_local_notify(struct pvb_mem *m, uint32_t port)
{
	struct pvb_mem_bell *b = find(pvb_mem_local_of(m), port);
	ssize_t n;

	assert(b);
	/* A full pipe rings already. */
	n = write(b->ring, "", 1);
	(void)n;
}

int pvb_mem_local_fd(struct pvb_mem *m, uint32_t port)
{
	const struct pvb_mem_bell *b = find(pvb_mem_local_of(m), port);

	return b ? b->wait : -ENOENT;
}

int pvb_mem_local_clear(struct pvb_mem *m, uint32_t port)
{
	const struct pvb_mem_bell *b = find(pvb_mem_local_of(m), port);
	char rings[BELL_BYTES];

	assert(b);
	return read(b->wait, rings, sizeof(rings)) > 0;
}

void pvb_mem_local_bells_close(struct pvb_mem_local *l)
{
	for (uint32_t i = 0; i < l->bells.count; i++) {
		(void)close(l->bells.bell[i].wait);
		(void)close(l->bells.bell[i].ring);
	}
	free(l->bells.bell);
	l->bells = (struct pvb_mem_bells){ 0 };
}
