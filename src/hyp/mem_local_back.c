/* SPDX-License-Identifier: MIT */
/*
 * Pages of a peer's.  Each of its areas is mapped whole, once to read and
 * once to write, when its first page is asked for; from then on a grant is
 * looked up in the area's table, which the peer writes: one byte, read once.
 */
#include "mem_local.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "mem_shared.h"

static struct pvb_mem_window *find(struct pvb_mem_back *b, uint16_t peer,
                                   uint32_t area)
{
	struct pvb_mem_window *w = &b->window[b->last];

	if (b->last < b->count && w->peer == peer && w->area == area)
		return w;
	for (uint32_t i = 0; i < b->count; i++) {
		w = &b->window[i];
		if (w->peer == peer && w->area == area) {
			b->last = i;
			return w;
		}
	}
	return NULL;
}

/* `fds`: area to read, area to write, table to read. */
static int map_window(struct pvb_mem_local *l, struct pvb_mem_window *w,
                      const int fds[3])
{
	if (l->shared)
		w->mapping = pvb_mem_shared_get(l->shared,
		                                l->client.hello.machine,
		                                w->peer, w->area);
	if (w->mapping) {
		w->read = w->write = w->mapping->pages;
		w->table = w->mapping->table;
		return 0;
	}
	w->read = pvb_mem_local_map_file(fds[0], PVB_HYP_AREA_BYTES, PROT_READ);
	if (!w->read)
		return -ENOMEM;
	w->write = pvb_mem_local_map_file(fds[1], PVB_HYP_AREA_BYTES,
	                                  PROT_READ | PROT_WRITE);
	if (!w->write)
		goto fail_read;
	w->table = pvb_mem_local_map_file(fds[2], PVB_HYP_AREA_PAGES,
	                                  PROT_READ);
	if (w->table)
		return 0;
	(void)munmap(w->write, PVB_HYP_AREA_BYTES);
fail_read:
	(void)munmap(w->read, PVB_HYP_AREA_BYTES);
	return -ENOMEM;
}

static void unmap_window(struct pvb_mem_local *l, struct pvb_mem_window *w)
{
	if (w->mapping) {
		pvb_mem_shared_put(l->shared, w->mapping);
		return;
	}
	(void)munmap(w->read, PVB_HYP_AREA_BYTES);
	(void)munmap(w->write, PVB_HYP_AREA_BYTES);
	(void)munmap((void *)(uintptr_t)w->table, PVB_HYP_AREA_PAGES);
}

/* Descriptors of an area, from the broker, who says whether we may. */
static int open_area(struct pvb_mem_local *l, uint16_t peer, uint32_t area,
                     int fds[3])
{
	struct pvb_hyp_reply reply;
	int r;

	if (area == 0)
		return -ENOENT;
	r = pvb_hypclient_ask(&l->client, PVB_HYP_AREA_OPEN, peer, area,
	                      &reply, fds, 3);
	return r == -ENOSPC ? -ENOMEM : r;
}

static int need_window(struct pvb_mem_local *l, uint16_t peer, uint32_t area,
                       struct pvb_mem_window **out)
{
	struct pvb_mem_back *b = &l->back;
	struct pvb_mem_window w = { .peer = peer, .area = area };
	int fds[3], r;

	if (b->count == PVB_HYP_HELD_MAX)
		return -ENOMEM;
	r = open_area(l, peer, area, fds);
	if (r < 0)
		return r;
	r = map_window(l, &w, fds);
	pvb_mem_local_close_fds(fds, 3);
	if (r < 0)
		return r;
	b->last = b->count;
	b->window[b->count++] = w;
	*out = &b->window[b->last];
	return 0;
}

int pvb_mem_local_window(struct pvb_mem *m, uint16_t peer, uint32_t gref,
                         bool write, void **addr)
{
	struct pvb_mem_local *l = pvb_mem_local_of(m);
	uint32_t page = pvb_hyp_gref_page(gref);
	struct pvb_mem_window *w = find(&l->back, peer,
	                                pvb_hyp_gref_area(gref));
	uint8_t entry;
	int r;

	if (!w) {
		r = need_window(l, peer, pvb_hyp_gref_area(gref), &w);
		if (r < 0)
			return r;
	}
	entry = w->table[page];
	if (!(entry & PVB_HYP_GRANT_VALID))
		return -ENOENT;
	if (write && (entry & PVB_HYP_GRANT_READ_ONLY))
		return -EACCES;
	*addr = (write ? w->write : w->read) +
	        (size_t)page * PVB_HYP_PAGE_BYTES;
	return 0;
}

/* Put page `gref` at `at`.  The grant has been checked. */
static int map_page_at(struct pvb_mem_local *l, uint16_t peer, uint32_t gref,
                       bool read_only, uint8_t *at)
{
	int prot = read_only ? PROT_READ : PROT_READ | PROT_WRITE;
	off_t offset = (off_t)pvb_hyp_gref_page(gref) * PVB_HYP_PAGE_BYTES;
	int fds[3], r;
	void *p;

	r = open_area(l, peer, pvb_hyp_gref_area(gref), fds);
	if (r < 0)
		return r;
	p = mmap(at, PVB_HYP_PAGE_BYTES, prot, MAP_SHARED | MAP_FIXED,
	         fds[read_only ? 0 : 1], offset);
	pvb_mem_local_close_fds(fds, 3);
	return p == MAP_FAILED ? -ENOMEM : 0;
}

/* A view of pages that do not lie side by side: rare, for our own fronts'
   always do. */
static int map_scattered(struct pvb_mem_local *l, uint16_t peer,
                         const uint32_t *grefs, uint32_t n, bool read_only,
                         void **addr)
{
	struct pvb_mem_back *b = &l->back;
	size_t bytes = (size_t)n * PVB_HYP_PAGE_BYTES;
	uint8_t *view;
	int r = 0;

	if (b->view_count == PVB_MEM_LOCAL_VIEWS_MAX)
		return -ENOMEM;
	view = mmap(NULL, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (view == MAP_FAILED)
		return -ENOMEM;
	for (uint32_t i = 0; i < n && r == 0; i++)
		r = map_page_at(l, peer, grefs[i], read_only,
		                view + (size_t)i * PVB_HYP_PAGE_BYTES);
	if (r < 0) {
		(void)munmap(view, bytes);
		return r;
	}
	b->view[b->view_count].addr = view;
	b->view[b->view_count].pages = n;
	b->view_count++;
	*addr = view;
	return 0;
}

int pvb_mem_local_map(struct pvb_mem *m, uint16_t peer, const uint32_t *grefs,
                      uint32_t n, bool read_only, void **addr)
{
	uint8_t *first = NULL;
	bool scattered = false;
	void *page;
	int r;

	if (n == 0 || n > PVB_MEM_MAP_MAX)
		return -EINVAL;
	for (uint32_t i = 0; i < n; i++) {
		r = pvb_mem_local_window(m, peer, grefs[i], !read_only, &page);
		if (r < 0)
			return r;
		if (i == 0)
			first = page;
		scattered |= (uint8_t *)page !=
		             first + (size_t)i * PVB_HYP_PAGE_BYTES;
	}
	if (scattered)
		return map_scattered(pvb_mem_local_of(m), peer, grefs, n,
		                     read_only, addr);
	*addr = first;
	return 0;
}

void pvb_mem_local_unmap(struct pvb_mem *m, void *addr, uint32_t n)
{
	struct pvb_mem_back *b = &pvb_mem_local_of(m)->back;
	uint32_t i = 0;

	while (i < b->view_count && b->view[i].addr != addr)
		i++;
	if (i == b->view_count)         /* in a window, which stays */
		return;
	assert(b->view[i].pages == n);
	(void)munmap(addr, (size_t)n * PVB_HYP_PAGE_BYTES);
	b->view[i] = b->view[--b->view_count];
}

int pvb_mem_local_copy(struct pvb_mem *m, uint16_t peer, struct pvb_gcopy *v,
                       uint32_t n)
{
	int failed = 0;

	for (uint32_t i = 0; i < n; i++) {
		struct pvb_gcopy *c = &v[i];
		void *page;
		uint8_t *at;

		assert(c->offset + c->length <= PVB_HYP_PAGE_BYTES);
		c->result = pvb_mem_local_window(m, peer, c->gref, c->to_peer,
		                                 &page);
		if (c->result < 0) {
			if (c->result == -ENOMEM)
				c->result = -EIO;
			failed++;
			continue;
		}
		at = (uint8_t *)page + c->offset;
		if (c->to_peer)
			memcpy(at, c->local, c->length);
		else
			memcpy(c->local, at, c->length);
	}
	return failed;
}

void pvb_mem_local_back_close(struct pvb_mem_local *l)
{
	struct pvb_mem_back *b = &l->back;

	while (b->view_count > 0) {
		b->view_count--;
		(void)munmap(b->view[b->view_count].addr,
		             (size_t)b->view[b->view_count].pages *
		             PVB_HYP_PAGE_BYTES);
	}
	while (b->count > 0)
		unmap_window(l, &b->window[--b->count]);
}
