/* SPDX-License-Identifier: MIT */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/bytes.h"

#include "guest_back.h"

static size_t bounce_bytes(const struct pvb_guest_back *g)
{
	return (size_t)g->c.bounce_pages * PVB_MEM_PAGE_BYTES;
}

/* Reference 0 is never a guest's; so this only asks for the window. */
static bool has_window(const struct pvb_guest_back_config *c)
{
	void *page;

	return c->mem->ops->window(c->mem, c->peer, 0, false, &page) !=
	       -EOPNOTSUPP;
}

static int make_bounce(struct pvb_guest_back *g)
{
	/* Addresses only: what is not used is never touched. */
	void *p = mmap(NULL, bounce_bytes(g), PROT_READ | PROT_WRITE,
	               MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	g->bounce = p == MAP_FAILED ? NULL : p;
	g->bounce_free = calloc(g->c.bounce_pages, sizeof(*g->bounce_free));
	g->copy = calloc(PVB_GUEST_COPIES_MAX, sizeof(*g->copy));
	g->whose = calloc(PVB_GUEST_COPIES_MAX,
	                  sizeof(struct pvb_guest_pages *));
	return g->bounce && g->bounce_free && g->copy && g->whose ? 0
	                                                          : -ENOMEM;
}

int pvb_guest_back_init(struct pvb_guest_back *g,
                        const struct pvb_guest_back_config *c)
{
	int r;

	assert(c->bounce_pages > 0);
	*g = (struct pvb_guest_back){
		.c = *c, .iov_bytes_max = PVB_MEM_PAGE_BYTES,
		.copies = !has_window(c),
	};
	g->maps = g->copies && c->persistent;
	r = make_bounce(g);
	if (r == 0 && g->maps)
		r = pvb_grant_cache_init(&g->cache, c->mem, c->peer);
	if (r < 0)
		pvb_guest_back_fini(g);
	return r;
}

static void count_mapped(const struct pvb_guest_back *g)
{
	pvb_counters_set(g->c.counters, PVB_COUNT(mapped_pages),
	                 g->cache.pages);
}

void pvb_guest_back_fini(struct pvb_guest_back *g)
{
	assert(g->free_count == g->bounce_fresh && g->copy_count == 0);
	pvb_grant_cache_fini(&g->cache);
	count_mapped(g);
	if (g->bounce)
		(void)munmap(g->bounce, bounce_bytes(g));
	free(g->bounce_free);
	free(g->copy);
	free(g->whose);
	*g = (struct pvb_guest_back){ 0 };
}

void pvb_guest_back_limit(struct pvb_guest_back *g, uint64_t iov_bytes_max)
{
	assert(iov_bytes_max >= PVB_MEM_PAGE_BYTES);
	g->iov_bytes_max = iov_bytes_max;
}

/* ---- through the window -------------------------------------------------- */

static uint32_t seg_bytes(const struct pvb_seg *s)
{
	return (s->last - s->first + UINT32_C(1)) * PVB_BLK_SECTOR_BYTES;
}

static uint32_t seg_offset(const struct pvb_seg *s)
{
	return s->first * (uint32_t)PVB_BLK_SECTOR_BYTES;
}

/* Neighbours in our address space become one vector. */
static void add_iov(const struct pvb_guest_back *g, struct pvb_guest_pages *p,
                    void *base, uint32_t bytes)
{
	struct iovec *last = p->iovcnt > 0 ? p->iov + p->iovcnt - 1 : NULL;

	if (last && (char *)last->iov_base + last->iov_len == base &&
	    last->iov_len + bytes <= g->iov_bytes_max)
		last->iov_len += bytes;
	else
		p->iov[p->iovcnt++] = (struct iovec){ base, bytes };
}

static int get_window(struct pvb_guest_back *g, const struct pvb_seg *seg,
                      uint32_t n, bool to_peer, struct pvb_guest_pages *out)
{
	for (uint32_t i = 0; i < n; i++) {
		void *page;

		if (g->c.mem->ops->window(g->c.mem, g->c.peer, seg[i].gref,
		                          to_peer, &page) < 0)
			return -EACCES;
		add_iov(g, out, (char *)page + seg_offset(&seg[i]),
		        seg_bytes(&seg[i]));
	}
	return 0;
}

/* ---- by mappings that are kept ------------------------------------------- */

void pvb_guest_back_want(struct pvb_guest_back *g, const struct pvb_seg *seg,
                         uint32_t n)
{
	for (uint32_t i = 0; g->maps && i < n; i++)
		pvb_grant_cache_want(&g->cache, seg[i].gref);
}

void pvb_guest_back_map(struct pvb_guest_back *g)
{
	pvb_grant_cache_map(&g->cache);
	count_mapped(g);
}

void pvb_guest_back_copy_all(struct pvb_guest_back *g)
{
	g->maps = false;
	pvb_grant_cache_trim(&g->cache);
	count_mapped(g);
}

static void put_mapped(struct pvb_guest_back *g, const struct pvb_seg *seg,
                       uint32_t n)
{
	while (n > 0)
		pvb_grant_cache_unuse(&g->cache, seg[--n].gref);
}

/* False: not all of them are mapped, and none is held.  Neighbours stay apart:
   they are frames of another domain that have nothing to do with each other. */
static bool get_mapped(struct pvb_guest_back *g, const struct pvb_seg *seg,
                       uint32_t n, struct pvb_guest_pages *out)
{
	if (!g->maps)
		return false;
	for (uint32_t i = 0; i < n; i++) {
		unsigned char *page = pvb_grant_cache_use(&g->cache,
		                                          seg[i].gref);

		if (!page) {
			put_mapped(g, seg, i);
			return false;
		}
		out->iov[i] = (struct iovec){ page + seg_offset(&seg[i]),
		                              seg_bytes(&seg[i]) };
	}
	out->iovcnt = n;
	out->mapped = true;
	return true;
}

/* ---- by bounce pages ----------------------------------------------------- */

static uint32_t bounce_room(const struct pvb_guest_back *g)
{
	return g->free_count + g->c.bounce_pages - g->bounce_fresh;
}

/* Last in, first out: the page that is still in the cache. */
static void *bounce_get(struct pvb_guest_back *g)
{
	uint32_t page = g->free_count > 0 ? g->bounce_free[--g->free_count]
	                                  : g->bounce_fresh++;

	if (page >= g->bounce_touched)
		g->bounce_touched = page + 1;
	return g->bounce + (size_t)page * PVB_MEM_PAGE_BYTES;
}

static void bounce_put(struct pvb_guest_back *g, const void *at)
{
	size_t offset = (size_t)((const unsigned char *)at - g->bounce);

	assert(offset < bounce_bytes(g) && offset % PVB_MEM_PAGE_BYTES == 0);
	g->bounce_free[g->free_count++] =
		(uint32_t)(offset / PVB_MEM_PAGE_BYTES);
}

static int get_bounce(struct pvb_guest_back *g, const struct pvb_seg *seg,
                      uint32_t n, struct pvb_guest_pages *out)
{
	if (n > bounce_room(g))
		return -EAGAIN;
	for (uint32_t i = 0; i < n; i++)
		out->iov[i] = (struct iovec){ bounce_get(g),
		                              seg_bytes(&seg[i]) };
	out->iovcnt = n;
	out->bounced = true;
	return 0;
}

int pvb_guest_back_get(struct pvb_guest_back *g, const struct pvb_seg *seg,
                       uint32_t n, bool to_peer, struct pvb_guest_pages *out)
{
	out->iovcnt = 0;
	out->bounced = false;
	out->mapped = false;
	out->failed = false;
	if (!g->copies)
		return get_window(g, seg, n, to_peer, out);
	return get_mapped(g, seg, n, out) ? 0 : get_bounce(g, seg, n, out);
}

void pvb_guest_back_put(struct pvb_guest_back *g, struct pvb_guest_pages *p,
                        const struct pvb_seg *seg)
{
	if (p->mapped)
		put_mapped(g, seg, p->iovcnt);
	for (uint32_t i = p->iovcnt; p->bounced && i > 0; i--)
		bounce_put(g, p->iov[i - 1].iov_base);
	p->iovcnt = 0;
	p->bounced = false;
	p->mapped = false;
}

/* ---- giving back --------------------------------------------------------- */

static bool is_bounce_fat(const struct pvb_guest_back *g)
{
	return g->bounce_touched > PVB_GUEST_KEEP_BOUNCE;
}

uint32_t pvb_guest_back_idle_ms(const struct pvb_guest_back *g)
{
	if (is_bounce_fat(g))
		return PVB_GUEST_BOUNCE_MS;
	return g->cache.pages > 0 ? PVB_GUEST_MAPPED_MS : 0;
}

static void trim_bounce(struct pvb_guest_back *g)
{
	size_t keep = (size_t)PVB_GUEST_KEEP_BOUNCE * PVB_MEM_PAGE_BYTES;
	size_t end = (size_t)g->bounce_touched * PVB_MEM_PAGE_BYTES;

	assert(g->free_count == g->bounce_fresh);
	/* Else it stays, which only costs some memory. */
	(void)madvise(g->bounce + keep, end - keep, MADV_DONTNEED);
	g->bounce_touched = PVB_GUEST_KEEP_BOUNCE;
}

void pvb_guest_back_trim(struct pvb_guest_back *g)
{
	if (is_bounce_fat(g)) {
		trim_bounce(g);
		return;
	}
	pvb_grant_cache_trim(&g->cache);
	count_mapped(g);
}

/* ---- copies -------------------------------------------------------------- */

static void add_copy(struct pvb_guest_back *g, struct pvb_guest_pages *p,
                     const struct pvb_gcopy *c)
{
	if (g->copy_count == PVB_GUEST_COPIES_MAX)
		pvb_guest_back_flush(g);
	g->whose[g->copy_count] = p;
	g->copy[g->copy_count++] = *c;
}

void pvb_guest_back_copy(struct pvb_guest_back *g, struct pvb_guest_pages *p,
                         const struct pvb_seg *seg, bool to_peer)
{
	for (uint32_t i = 0; p->bounced && i < p->iovcnt; i++) {
		const struct pvb_gcopy c = {
			.local = p->iov[i].iov_base,
			.gref = seg[i].gref,
			.offset = (uint16_t)seg_offset(&seg[i]),
			.length = (uint16_t)seg_bytes(&seg[i]),
			.to_peer = to_peer,
		};

		add_copy(g, p, &c);
	}
}

void pvb_guest_back_flush(struct pvb_guest_back *g)
{
	uint32_t n = g->copy_count;

	if (n == 0)
		return;
	g->copy_count = 0;
	pvb_counters_add(g->c.counters, PVB_COUNT(copies), n);
	if (g->c.mem->ops->copy(g->c.mem, g->c.peer, g->copy, n) == 0)
		return;
	for (uint32_t i = 0; i < n; i++)
		if (g->copy[i].result < 0)
			g->whose[i]->failed = true;
}

void pvb_guest_back_fetch(struct pvb_guest_back *g, struct pvb_guest_pages *p,
                          uint32_t gref, void *to, uint32_t bytes)
{
	const struct pvb_gcopy c = {
		.local = to, .gref = gref, .length = (uint16_t)bytes,
	};
	void *page;

	assert(bytes <= PVB_MEM_PAGE_BYTES);
	if (g->copies)
		add_copy(g, p, &c);
	else if (g->c.mem->ops->window(g->c.mem, g->c.peer, gref, false,
	                               &page) == 0)
		pvb_copy_out(to, page, bytes);
	else
		p->failed = true;
}
