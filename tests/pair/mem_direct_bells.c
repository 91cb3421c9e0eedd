/* SPDX-License-Identifier: MIT */
/* Ports, and eventfds that are their bells; see mem_direct.h. */
#include "mem_direct_parts.h"

#include <assert.h>
#include <errno.h>
#include <sys/eventfd.h>
#include <unistd.h>

static int new_port(struct direct_handle *h, uint16_t peer, uint32_t *port)
{
	for (uint32_t i = 1; i < MEM_DIRECT_PORTS; i++) {
		struct direct_port *p = &h->m->port[i];

		if (p->fd >= 0)
			continue;
		p->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		assert(p->fd >= 0);
		p->owner = h->domid;
		p->peer = peer;
		atomic_store(&p->other, -1);
		h->held++;
		*port = i;
		return 0;
	}
	return -ENOSPC;
}

int direct_offer(struct pvb_mem *mem, uint16_t peer, uint32_t *port)
{
	struct direct_handle *h = direct_handle_of(mem);
	int r;

	if (h->m->faults.offer < 0)
		return h->m->faults.offer;
	direct_lock(h->m);
	r = new_port(h, peer, port);
	direct_unlock(h->m);
	return r;
}

static void ring(const struct direct_port *p)
{
	const uint64_t one = 1;

	/* Full means that it was rung, which is all there is to say. */
	ssize_t n = write(p->fd, &one, sizeof(one));

	(void)n;
}

static int join(struct direct_handle *h, uint16_t peer, uint32_t remote,
                uint32_t *port)
{
	struct direct_port *there;
	int r;

	if (remote == 0 || remote >= MEM_DIRECT_PORTS)
		return -ENOENT;
	there = &h->m->port[remote];
	if (there->fd < 0 || there->owner != peer)
		return -ENOENT;
	if (there->peer != h->domid || atomic_load(&there->other) >= 0)
		return -EACCES;
	r = new_port(h, peer, port);
	if (r < 0)
		return r;
	atomic_store(&h->m->port[*port].other, (int)remote);
	atomic_store(&there->other, (int)*port);
	ring(&h->m->port[*port]);
	return 0;
}

int direct_bind(struct pvb_mem *mem, uint16_t peer, uint32_t remote,
                       uint32_t *port)
{
	struct direct_handle *h = direct_handle_of(mem);
	int r;

	if (h->m->faults.bind < 0)
		return h->m->faults.bind;
	direct_lock(h->m);
	r = join(h, peer, remote, port);
	direct_unlock(h->m);
	return r;
}

void direct_unbind(struct pvb_mem *mem, uint32_t port)
{
	struct direct_handle *h = direct_handle_of(mem);
	struct direct_port *p = &h->m->port[port];
	int other;

	direct_lock(h->m);
	assert(p->fd >= 0 && p->owner == h->domid);
	other = atomic_load(&p->other);
	if (other >= 0)
		atomic_store(&h->m->port[other].other, -1);
	(void)close(p->fd);
	p->fd = -1;
	h->held--;
	direct_unlock(h->m);
}

void direct_notify(struct pvb_mem *mem, uint32_t port)
{
	struct direct_handle *h = direct_handle_of(mem);
	int other = atomic_load_explicit(&h->m->port[port].other,
	                                 memory_order_relaxed);

	if (other >= 0)
		ring(&h->m->port[other]);
}

int direct_fd(struct pvb_mem *mem, uint32_t port)
{
	return direct_handle_of(mem)->m->port[port].fd;
}

int direct_clear(struct pvb_mem *mem, uint32_t port)
{
	uint64_t times;

	return read(direct_handle_of(mem)->m->port[port].fd, &times,
	            sizeof(times)) == sizeof(times);
}
