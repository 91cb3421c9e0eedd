/* SPDX-License-Identifier: MIT */
/* Pages: shared, mapped, copied; see mem_direct.h. */
#include "mem_direct_parts.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* ---- what a front shares ------------------------------------------------- */

static void *map_file(void *at, size_t bytes, bool read_only, int fd,
                      off_t offset)
{
	void *p = mmap(at, bytes, read_only ? PROT_READ
	                                    : PROT_READ | PROT_WRITE,
	               at ? MAP_SHARED | MAP_FIXED : MAP_SHARED, fd, offset);

	assert(p != MAP_FAILED);
	return p;
}

/* Room for pages: on the heap, whose bounds are watched, or in a file of its
   own, of which there can be views. */
static struct direct_area *new_area(struct mem_direct *m, uint32_t pages)
{
	struct direct_area *a = &m->area[m->areas];
	size_t bytes = (size_t)pages * PVB_MEM_PAGE_BYTES;

	assert(m->areas < DIRECT_AREAS_MAX);
	m->areas++;
	a->pages = pages;
	a->fd = -1;
	if (!m->faults.views) {
		a->at = a->copier = aligned_alloc(PVB_MEM_PAGE_BYTES, bytes);
		assert(a->at);
		memset(a->at, 0, bytes);
		return a;
	}
	a->fd = memfd_create("direct", MFD_CLOEXEC);
	assert(a->fd >= 0 && ftruncate(a->fd, (off_t)bytes) == 0);
	a->at = map_file(NULL, bytes, false, a->fd, 0);
	a->copier = map_file(NULL, bytes, false, a->fd, 0);
	return a;
}

/* The area that a page lies in. */
static const struct direct_area *area_of(const struct mem_direct *m,
                                         const unsigned char *page)
{
	const struct direct_area *a = m->area;

	while (page < a->at ||
	       page >= a->at + (size_t)a->pages * PVB_MEM_PAGE_BYTES)
		a++;
	assert(a < m->area + m->areas);
	return a;
}

void direct_areas_free(struct mem_direct *m)
{
	for (struct direct_area *a = m->area; a < m->area + m->areas; a++) {
		if (a->fd < 0) {
			free(a->at);
			continue;
		}
		munmap(a->at, (size_t)a->pages * PVB_MEM_PAGE_BYTES);
		munmap(a->copier, (size_t)a->pages * PVB_MEM_PAGE_BYTES);
		close(a->fd);
	}
}

int direct_share(struct pvb_mem *mem, uint16_t peer, uint32_t pages,
                 bool read_only, void **addr, uint32_t *grefs)
{
	struct direct_handle *h = direct_handle_of(mem);
	struct mem_direct *m = h->m;
	const struct mem_direct_faults *f = &m->faults;
	unsigned char *at;

	if (f->share < 0)
		return f->share;
	if (f->share_pages_max && m->shared + pages > f->share_pages_max)
		return -ENOSPC;
	direct_lock(m);
	assert(m->grants + pages < MEM_DIRECT_GRANTS);
	at = new_area(m, pages)->at;
	for (uint32_t i = 0; i < pages; i++) {
		struct direct_grant *g = &m->grant[m->grants];

		g->owner = h->domid;
		g->peer = peer;
		g->read_only = read_only;
		atomic_store_explicit(&g->page,
		                      at + (size_t)i * PVB_MEM_PAGE_BYTES,
		                      memory_order_release);
		grefs[i] = DIRECT_FIRST_GREF + m->grants++;
	}
	m->shared += pages;
	h->held++;
	direct_unlock(m);
	*addr = at;
	return 0;
}

void direct_unshare(struct pvb_mem *mem, void *addr, uint32_t pages)
{
	struct direct_handle *h = direct_handle_of(mem);
	struct mem_direct *m = h->m;
	uint32_t ended = 0;

	direct_lock(m);
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
	direct_unlock(m);
}

void direct_forget(struct pvb_mem *mem, void *addr, uint32_t pages)
{
	memset(addr, 0, (size_t)pages * PVB_MEM_PAGE_BYTES);
	direct_handle_of(mem)->m->forgotten += pages;
}

/* A reference's entry, whatever is in it; NULL: there is none. */
static struct direct_grant *entry(struct mem_direct *m, uint32_t gref)
{
	if (gref < DIRECT_FIRST_GREF ||
	    gref >= DIRECT_FIRST_GREF + MEM_DIRECT_GRANTS)
		return NULL;
	return &m->grant[gref - DIRECT_FIRST_GREF];
}

static int find(const struct direct_handle *h, uint16_t peer, uint32_t gref,
                bool write, unsigned char **out)
{
	const struct direct_grant *g = entry(h->m, gref);
	unsigned char *page;

	if (!g)
		return -ENOENT;
	page = atomic_load_explicit(&g->page, memory_order_acquire);
	if (!page || g->owner != peer)
		return -ENOENT;
	write = write || h->m->faults.both_ways;
	if (g->peer != h->domid || (write && g->read_only))
		return -EACCES;
	*out = page;
	return 0;
}

/* ---- what a back maps ---------------------------------------------------- */

/* One page of a view, at its place. */
static void view_page(const struct mem_direct *m, unsigned char *page,
                      unsigned char *at, bool read_only)
{
	const struct direct_area *a = area_of(m, page);

	assert(a->fd >= 0);
	(void)map_file(at, PVB_MEM_PAGE_BYTES, read_only, a->fd, page - a->at);
}

static unsigned char *view(const struct mem_direct *m, unsigned char **page,
                           uint32_t n, bool read_only)
{
	unsigned char *at = mmap(NULL, (size_t)n * PVB_MEM_PAGE_BYTES,
	                         PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	assert(at != MAP_FAILED);
	for (uint32_t i = 0; i < n; i++)
		view_page(m, page[i], at + (size_t)i * PVB_MEM_PAGE_BYTES,
		          read_only);
	return at;
}

/* All of them; else the reason of the first that is not to be had. */
static int find_all(struct direct_handle *h, uint16_t peer,
                    const uint32_t *grefs, uint32_t n, bool read_only,
                    unsigned char **page)
{
	for (uint32_t i = 0; i < n; i++) {
		int r = find(h, peer, grefs[i], !read_only, &page[i]);

		if (r < 0)
			return r;
		if (!h->m->faults.views &&
		    page[i] != page[0] + (size_t)i * PVB_MEM_PAGE_BYTES)
			return -EINVAL;
	}
	return 0;
}

int direct_map(struct pvb_mem *mem, uint16_t peer, const uint32_t *grefs,
               uint32_t n, bool read_only, void **addr)
{
	struct direct_handle *h = direct_handle_of(mem);
	unsigned char *page[PVB_MEM_MAP_MAX];
	int r;

	assert(n > 0 && n <= PVB_MEM_MAP_MAX);
	direct_lock(h->m);
	h->m->maps++;
	r = h->m->faults.map;
	if (r == 0)
		r = find_all(h, peer, grefs, n, read_only, page);
	if (r == 0) {
		assert(h->maps < DIRECT_VIEWS_MAX);
		*addr = h->m->faults.views ? view(h->m, page, n, read_only)
		                           : page[0];
		h->map[h->maps].at = *addr;
		h->map[h->maps++].pages = n;
		h->m->mapped += n;
		h->held++;
	}
	direct_unlock(h->m);
	return r;
}

void direct_unmap(struct pvb_mem *mem, void *addr, uint32_t n)
{
	struct direct_handle *h = direct_handle_of(mem);
	uint32_t i = 0;

	while (i < h->maps && h->map[i].at != addr)
		i++;
	assert(i < h->maps && h->map[i].pages == n);
	h->map[i] = h->map[--h->maps];
	direct_lock(h->m);
	if (h->m->faults.views)
		munmap(addr, (size_t)n * PVB_MEM_PAGE_BYTES);
	h->m->mapped -= n;
	direct_unlock(h->m);
	h->held--;
}

int direct_window(struct pvb_mem *mem, uint16_t peer, uint32_t gref,
                         bool write, void **addr)
{
	struct direct_handle *h = direct_handle_of(mem);
	unsigned char *page;
	int r;

	if (h->m->faults.no_window)
		return -EOPNOTSUPP;
	atomic_fetch_add_explicit(&h->m->windows, 1, memory_order_relaxed);
	r = find(h, peer, gref, write, &page);
	if (r == 0)
		*addr = page;
	return r;
}

static int copy_one(struct direct_handle *h, uint16_t peer,
                    struct pvb_gcopy *c)
{
	struct mem_direct *m = h->m;
	uint32_t nth = atomic_fetch_add(&m->copies, 1) + 1;
	unsigned char *page;
	int r;

	assert(c->offset + c->length <= PVB_MEM_PAGE_BYTES);
	if (m->faults.copies_until_bad && nth == m->faults.copies_until_bad)
		return -EIO;
	r = find(h, peer, c->gref, c->to_peer, &page);
	if (r < 0)
		return r;
	page += area_of(m, page)->copier - area_of(m, page)->at;
	if (c->to_peer)
		memcpy(page + c->offset, c->local, c->length);
	else
		memcpy(c->local, page + c->offset, c->length);
	return 0;
}

int direct_copy(struct pvb_mem *mem, uint16_t peer, struct pvb_gcopy *v,
                       uint32_t n)
{
	struct direct_handle *h = direct_handle_of(mem);
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
	struct direct_grant *g = entry(m, gref);

	return g ? atomic_load(&g->page) : NULL;
}

void mem_direct_regrant(struct mem_direct *m, uint32_t gref, void *page)
{
	atomic_store(&entry(m, gref)->page, page);
}
