/* SPDX-License-Identifier: MIT */
#include "mem_direct.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { AREAS_MAX = 256, FIRST_GREF = 8 };

struct grant {
	_Atomic(unsigned char *) page;  /* NULL: none; published last */
	uint16_t owner, peer;
	bool read_only;
};

struct port {
	int fd;                         /* -1: free */
	uint16_t owner, peer;
	_Atomic int other;              /* a port's number; -1: nobody */
};

struct mem_direct {
	pthread_mutex_t lock;
	struct grant grant[MEM_DIRECT_GRANTS];
	uint32_t grants;                /* references are not used again */
	struct port port[MEM_DIRECT_PORTS];
	void *area[AREAS_MAX];          /* freed at the end: a window stays */
	uint32_t areas;
	struct mem_direct_faults faults;
	uint32_t shared, mapped, forgotten;
	_Atomic uint32_t copies, copy_calls, windows;
};

struct handle {
	struct pvb_mem mem;
	struct mem_direct *m;
	uint16_t domid;
	uint32_t held;                  /* shares, maps and ports */
};

static struct handle *handle_of(struct pvb_mem *mem)
{
	return (struct handle *)(void *)mem;
}

static void lock(struct mem_direct *m)
{
	pthread_mutex_lock(&m->lock);
}

static void unlock(struct mem_direct *m)
{
	pthread_mutex_unlock(&m->lock);
}

static void direct_close(struct pvb_mem *mem)
{
	assert(handle_of(mem)->held == 0);
	free(mem);
}

/* ---- pages --------------------------------------------------------------- */

static int direct_share(struct pvb_mem *mem, uint16_t peer, uint32_t pages,
                        bool read_only, void **addr, uint32_t *grefs)
{
	struct handle *h = handle_of(mem);
	struct mem_direct *m = h->m;
	size_t bytes = (size_t)pages * PVB_MEM_PAGE_BYTES;
	const struct mem_direct_faults *f = &m->faults;
	unsigned char *at;

	if (f->share < 0)
		return f->share;
	if (f->share_pages_max && m->shared + pages > f->share_pages_max)
		return -ENOSPC;
	lock(m);
	assert(m->areas < AREAS_MAX && m->grants + pages < MEM_DIRECT_GRANTS);
	at = aligned_alloc(PVB_MEM_PAGE_BYTES, bytes);
	assert(at);
	memset(at, 0, bytes);
	m->area[m->areas++] = at;
	for (uint32_t i = 0; i < pages; i++) {
		struct grant *g = &m->grant[m->grants];

		g->owner = h->domid;
		g->peer = peer;
		g->read_only = read_only;
		atomic_store_explicit(&g->page,
		                      at + (size_t)i * PVB_MEM_PAGE_BYTES,
		                      memory_order_release);
		grefs[i] = FIRST_GREF + m->grants++;
	}
	m->shared += pages;
	h->held++;
	unlock(m);
	*addr = at;
	return 0;
}

static void direct_unshare(struct pvb_mem *mem, void *addr, uint32_t pages)
{
	struct handle *h = handle_of(mem);
	struct mem_direct *m = h->m;
	uint32_t ended = 0;

	lock(m);
	for (uint32_t i = 0; i < m->grants; i++) {
		unsigned char *page = atomic_load(&m->grant[i].page);

		if (page < (unsigned char *)addr ||
		    page >= (unsigned char *)addr +
		            (size_t)pages * PVB_MEM_PAGE_BYTES)
			continue;
		assert(m->grant[i].owner == h->domid);
		atomic_store(&m->grant[i].page, NULL);
		ended++;
	}
	assert(ended == pages);
	m->shared -= pages;
	h->held--;
	unlock(m);
}

static void direct_forget(struct pvb_mem *mem, void *addr, uint32_t pages)
{
	memset(addr, 0, (size_t)pages * PVB_MEM_PAGE_BYTES);
	handle_of(mem)->m->forgotten += pages;
}

static int find(struct mem_direct *m, const struct handle *h, uint16_t peer,
                uint32_t gref, bool write, unsigned char **out)
{
	struct grant *g;
	unsigned char *page;

	if (gref < FIRST_GREF || gref >= FIRST_GREF + MEM_DIRECT_GRANTS)
		return -ENOENT;
	g = &m->grant[gref - FIRST_GREF];
	page = atomic_load_explicit(&g->page, memory_order_acquire);
	if (!page || g->owner != peer)
		return -ENOENT;
	write = write || m->faults.both_ways;
	if (g->peer != h->domid || (write && g->read_only))
		return -EACCES;
	*out = page;
	return 0;
}

static int direct_map(struct pvb_mem *mem, uint16_t peer, const uint32_t *grefs,
                      uint32_t n, bool read_only, void **addr)
{
	struct handle *h = handle_of(mem);
	unsigned char *first = NULL, *page;

	if (h->m->faults.map < 0)
		return h->m->faults.map;
	for (uint32_t i = 0; i < n; i++) {
		int r = find(h->m, h, peer, grefs[i], !read_only, &page);

		if (r < 0)
			return r;
		if (i == 0)
			first = page;
		if (page != first + (size_t)i * PVB_MEM_PAGE_BYTES)
			return -EINVAL;
	}
	lock(h->m);
	h->m->mapped += n;
	unlock(h->m);
	h->held++;
	*addr = first;
	return 0;
}

static void direct_unmap(struct pvb_mem *mem, void *addr, uint32_t n)
{
	struct handle *h = handle_of(mem);

	(void)addr;
	lock(h->m);
	h->m->mapped -= n;
	unlock(h->m);
	h->held--;
}

static int direct_window(struct pvb_mem *mem, uint16_t peer, uint32_t gref,
                         bool write, void **addr)
{
	struct handle *h = handle_of(mem);
	unsigned char *page;
	int r;

	if (h->m->faults.no_window)
		return -EOPNOTSUPP;
	atomic_fetch_add_explicit(&h->m->windows, 1, memory_order_relaxed);
	r = find(h->m, h, peer, gref, write, &page);
	if (r == 0)
		*addr = page;
	return r;
}

static int copy_one(struct handle *h, uint16_t peer, struct pvb_gcopy *c)
{
	struct mem_direct *m = h->m;
	uint32_t nth = atomic_fetch_add(&m->copies, 1) + 1;
	unsigned char *page;
	int r;

	assert(c->offset + c->length <= PVB_MEM_PAGE_BYTES);
	if (m->faults.copies_until_bad && nth == m->faults.copies_until_bad)
		return -EIO;
	r = find(m, h, peer, c->gref, c->to_peer, &page);
	if (r < 0)
		return r;
	if (c->to_peer)
		memcpy(page + c->offset, c->local, c->length);
	else
		memcpy(c->local, page + c->offset, c->length);
	return 0;
}

static int direct_copy(struct pvb_mem *mem, uint16_t peer, struct pvb_gcopy *v,
                       uint32_t n)
{
	struct handle *h = handle_of(mem);
	int failed = 0;

	atomic_fetch_add(&h->m->copy_calls, 1);
	for (uint32_t i = 0; i < n; i++) {
		v[i].result = copy_one(h, peer, &v[i]);
		failed += v[i].result < 0;
	}
	return failed;
}

void *mem_direct_page(struct mem_direct *m, uint32_t gref)
{
	if (gref < FIRST_GREF || gref >= FIRST_GREF + MEM_DIRECT_GRANTS)
		return NULL;
	return atomic_load(&m->grant[gref - FIRST_GREF].page);
}

/* ---- bells --------------------------------------------------------------- */

static int new_port(struct handle *h, uint16_t peer, uint32_t *port)
{
	for (uint32_t i = 1; i < MEM_DIRECT_PORTS; i++) {
		struct port *p = &h->m->port[i];

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

static int direct_offer(struct pvb_mem *mem, uint16_t peer, uint32_t *port)
{
	struct handle *h = handle_of(mem);
	int r;

	if (h->m->faults.offer < 0)
		return h->m->faults.offer;
	lock(h->m);
	r = new_port(h, peer, port);
	unlock(h->m);
	return r;
}

static void ring(const struct port *p)
{
	const uint64_t one = 1;

	/* Full means that it was rung, which is all there is to say. */
	ssize_t n = write(p->fd, &one, sizeof(one));

	(void)n;
}

static int join(struct handle *h, uint16_t peer, uint32_t remote,
                uint32_t *port)
{
	struct port *there;
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

static int direct_bind(struct pvb_mem *mem, uint16_t peer, uint32_t remote,
                       uint32_t *port)
{
	struct handle *h = handle_of(mem);
	int r;

	if (h->m->faults.bind < 0)
		return h->m->faults.bind;
	lock(h->m);
	r = join(h, peer, remote, port);
	unlock(h->m);
	return r;
}

static void direct_unbind(struct pvb_mem *mem, uint32_t port)
{
	struct handle *h = handle_of(mem);
	struct port *p = &h->m->port[port];
	int other;

	lock(h->m);
	assert(p->fd >= 0 && p->owner == h->domid);
	other = atomic_load(&p->other);
	if (other >= 0)
		atomic_store(&h->m->port[other].other, -1);
	(void)close(p->fd);
	p->fd = -1;
	h->held--;
	unlock(h->m);
}

static void direct_notify(struct pvb_mem *mem, uint32_t port)
{
	struct handle *h = handle_of(mem);
	int other = atomic_load_explicit(&h->m->port[port].other,
	                                 memory_order_relaxed);

	if (other >= 0)
		ring(&h->m->port[other]);
}

static int direct_fd(struct pvb_mem *mem, uint32_t port)
{
	return handle_of(mem)->m->port[port].fd;
}

static int direct_clear(struct pvb_mem *mem, uint32_t port)
{
	uint64_t times;

	return read(handle_of(mem)->m->port[port].fd, &times,
	            sizeof(times)) == sizeof(times);
}

/* ---- life ---------------------------------------------------------------- */

static const struct pvb_mem_ops direct_ops = {
	.name = "direct", .close = direct_close,
	.share = direct_share, .unshare = direct_unshare,
	.forget = direct_forget,
	.map = direct_map, .unmap = direct_unmap, .window = direct_window,
	.copy = direct_copy, .offer = direct_offer, .bind = direct_bind,
	.unbind = direct_unbind, .notify = direct_notify, .fd = direct_fd,
	.clear = direct_clear,
};

struct mem_direct *mem_direct_create(void)
{
	struct mem_direct *m = calloc(1, sizeof(*m));

	assert(m);
	pthread_mutex_init(&m->lock, NULL);
	for (uint32_t i = 0; i < MEM_DIRECT_PORTS; i++)
		m->port[i].fd = -1;
	return m;
}

void mem_direct_destroy(struct mem_direct *m)
{
	struct mem_direct_counts c;

	mem_direct_counts(m, &c);
	assert(c.shared == 0 && c.mapped == 0 && c.ports == 0);
	for (uint32_t i = 0; i < m->areas; i++)
		free(m->area[i]);
	pthread_mutex_destroy(&m->lock);
	free(m);
}

struct mem_direct_faults *mem_direct_faults(struct mem_direct *m)
{
	return &m->faults;
}

void mem_direct_counts(struct mem_direct *m, struct mem_direct_counts *out)
{
	lock(m);
	*out = (struct mem_direct_counts){
		.shared = m->shared, .mapped = m->mapped,
		.copies = m->copies, .copy_calls = m->copy_calls,
		.windows = m->windows, .forgotten = m->forgotten,
	};
	for (uint32_t i = 0; i < MEM_DIRECT_PORTS; i++)
		out->ports += m->port[i].fd >= 0;
	unlock(m);
}

struct pvb_mem *mem_direct_open(struct mem_direct *m, uint16_t domid)
{
	struct handle *h = calloc(1, sizeof(*h));

	assert(h);
	h->mem.ops = &direct_ops;
	h->m = m;
	h->domid = domid;
	return &h->mem;
}
