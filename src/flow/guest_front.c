/* SPDX-License-Identifier: MIT */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "hyp/mem.h"

#include "guest_front.h"

enum { AREA_WORDS = PVB_GUEST_AREA_PAGES_MAX / 64 };

struct pvb_guest_area {
	unsigned char *at;              /* owned: shared */
	uint32_t pages, free_pages;
	uint64_t used[AREA_WORDS];      /* a bit a page; beyond `pages`: set */
	uint64_t touched[AREA_WORDS];   /* may be in memory */
	uint32_t gref[];
};

/* ---- areas --------------------------------------------------------------- */

static uint32_t count_bits(const uint64_t *words)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < AREA_WORDS; i++)
		n += (uint32_t)__builtin_popcountll(words[i]);
	return n;
}

static void area_end(struct pvb_guest_front *g, uint32_t i)
{
	struct pvb_guest_area *a = g->area[i];

	g->touched_pages -= count_bits(a->touched);
	g->mem->ops->unshare(g->mem, a->at, a->pages);
	g->pages -= a->pages;
	g->free_pages -= a->free_pages;
	free(a);
	g->area[i] = g->area[--g->area_count];
}

static int area_add(struct pvb_guest_front *g, uint32_t pages)
{
	struct pvb_guest_area *a;
	void *at;
	int r;

	if (g->area_count == PVB_GUEST_AREAS_MAX)
		return -ENOSPC;
	a = calloc(1, sizeof(*a) + pages * sizeof(a->gref[0]));
	if (!a)
		return -ENOMEM;
	r = g->mem->ops->share(g->mem, g->peer, pages, g->read_only, &at,
	                       a->gref);
	if (r < 0) {
		/* Do not ask the hypervisor again for each request. */
		g->refused = true;
		free(a);
		return r;
	}
	a->at = at;
	a->pages = a->free_pages = pages;
	for (uint32_t i = pages; i < PVB_GUEST_AREA_PAGES_MAX; i++)
		a->used[i / 64] |= UINT64_C(1) << i % 64;
	g->area[g->area_count++] = a;
	g->pages += pages;
	g->free_pages += pages;
	return 0;
}

/* As many as there are already, so areas are few; at least `pages`. */
static int grow(struct pvb_guest_front *g, uint32_t pages)
{
	uint32_t want = g->pages, left;

	if (!g->open || g->refused || g->pages >= g->pages_max)
		return -ENOSPC;
	left = g->pages_max - g->pages;
	if (pages > left)
		return -ENOSPC;
	if (want < PVB_GUEST_AREA_PAGES_MIN)
		want = PVB_GUEST_AREA_PAGES_MIN;
	if (want > PVB_GUEST_AREA_PAGES_MAX)
		want = PVB_GUEST_AREA_PAGES_MAX;
	if (want > left)
		want = left;
	if (want < pages)
		want = pages;
	return area_add(g, want);
}

static struct pvb_guest_area *area_of(const struct pvb_guest_front *g,
                                      const void *at, uint32_t *page)
{
	for (uint32_t i = 0; i < g->area_count; i++) {
		struct pvb_guest_area *a = g->area[i];
		size_t offset = (size_t)((const unsigned char *)at - a->at);

		if ((const unsigned char *)at < a->at ||
		    offset / PVB_MEM_PAGE_BYTES >= a->pages)
			continue;
		*page = (uint32_t)(offset / PVB_MEM_PAGE_BYTES);
		return a;
	}
	return NULL;
}

/* ---- life ---------------------------------------------------------------- */

int pvb_guest_front_open(struct pvb_guest_front *g,
                         const struct pvb_guest_front_config *c)
{
	int r = 0;

	assert(!g->open && c->reserve > 0 && c->reserve <= c->pages_max);
	if (g->area_count > 0 &&
	    (g->mem != c->mem || g->peer != c->peer ||
	     g->read_only != c->read_only))
		return -EINVAL;
	g->mem = c->mem;
	g->peer = c->peer;
	g->read_only = c->read_only;
	g->pages_max = c->pages_max;
	g->reserve = c->reserve;
	g->open = true;
	g->refused = false;
	while (r == 0 && g->free_pages < g->reserve) {
		uint32_t missing = g->reserve - g->free_pages;

		if (missing > PVB_GUEST_AREA_PAGES_MAX)
			missing = PVB_GUEST_AREA_PAGES_MAX;
		r = grow(g, missing);
	}
	if (r < 0)
		pvb_guest_front_close(g);
	return r;
}

void pvb_guest_front_close(struct pvb_guest_front *g)
{
	g->open = false;
	g->recent_count = 0;
	for (uint32_t i = g->area_count; i > 0; i--)
		if (g->area[i - 1]->free_pages == g->area[i - 1]->pages)
			area_end(g, i - 1);
}

void pvb_guest_front_fini(struct pvb_guest_front *g)
{
	while (g->area_count > 0)
		area_end(g, g->area_count - 1);
	*g = (struct pvb_guest_front){ 0 };
}

/* ---- pages --------------------------------------------------------------- */

static bool is_used(const struct pvb_guest_area *a, uint32_t page)
{
	return a->used[page / 64] >> page % 64 & 1;
}

static void *take(struct pvb_guest_front *g, struct pvb_guest_area *a,
                  uint32_t page, uint32_t n)
{
	for (uint32_t i = page; i < page + n; i++) {
		uint64_t bit = UINT64_C(1) << i % 64;

		a->used[i / 64] |= bit;
		g->touched_pages += !(a->touched[i / 64] & bit);
		a->touched[i / 64] |= bit;
	}
	a->free_pages -= n;
	g->free_pages -= n;
	return a->at + (size_t)page * PVB_MEM_PAGE_BYTES;
}

void pvb_guest_front_run_put(struct pvb_guest_front *g, void *at, uint32_t n)
{
	uint32_t page = 0;
	struct pvb_guest_area *a = area_of(g, at, &page);

	assert(a && page + n <= a->pages);
	for (uint32_t i = page; i < page + n; i++) {
		assert(is_used(a, i));
		a->used[i / 64] &= ~(UINT64_C(1) << i % 64);
	}
	a->free_pages += n;
	g->free_pages += n;
	if (!g->open)
		pvb_guest_front_close(g);
}

/* The first place for n pages in a row; a->pages: none. */
static uint32_t find_run(const struct pvb_guest_area *a, uint32_t n)
{
	uint32_t run = 0;

	for (uint32_t i = 0; a->free_pages >= n && i < a->pages; i++) {
		run = is_used(a, i) ? 0 : run + 1;
		if (run == n)
			return i + 1 - n;
	}
	return a->pages;
}

static void *run_in_areas(struct pvb_guest_front *g, uint32_t n)
{
	for (uint32_t i = 0; i < g->area_count; i++) {
		uint32_t page = find_run(g->area[i], n);

		if (page < g->area[i]->pages)
			return take(g, g->area[i], page, n);
	}
	return NULL;
}

void *pvb_guest_front_run_get(struct pvb_guest_front *g, uint32_t n)
{
	void *at = NULL;

	if (!g->open || n == 0 || n > PVB_GUEST_AREA_PAGES_MAX)
		return NULL;
	if (g->free_pages >= n + g->reserve)
		at = run_in_areas(g, n);
	if (!at && grow(g, n) == 0 && g->free_pages >= n + g->reserve)
		at = run_in_areas(g, n);
	return at;
}

/* What came back last and is still free; NULL: there is nothing. */
static void *page_recent(struct pvb_guest_front *g, uint32_t *gref)
{
	struct pvb_guest_area *a;
	uint32_t page;

	while (g->recent_count > 0) {
		g->recent_count--;
		g->recent_next = (g->recent_next - 1) % PVB_GUEST_RECENT_MAX;
		a = area_of(g, g->recent[g->recent_next], &page);
		if (!a || is_used(a, page))
			continue;
		*gref = a->gref[page];
		return take(g, a, page, 1);
	}
	return NULL;
}

/* One is free. */
static void *page_lowest(struct pvb_guest_front *g, uint32_t *gref)
{
	struct pvb_guest_area *a;
	uint32_t i, word, page;

	for (i = 0; g->area[i]->free_pages == 0; i++)
		assert(i + 1 < g->area_count);
	a = g->area[i];
	for (word = 0; a->used[word] == UINT64_MAX; word++)
		assert(word + 1 < AREA_WORDS);
	page = word * 64 + (uint32_t)__builtin_ctzll(~a->used[word]);
	*gref = a->gref[page];
	return take(g, a, page, 1);
}

void *pvb_guest_front_page_get(struct pvb_guest_front *g, uint32_t *gref)
{
	void *page;

	if (!g->open || (g->free_pages == 0 && grow(g, 1) < 0))
		return NULL;
	page = page_recent(g, gref);
	return page ? page : page_lowest(g, gref);
}

void pvb_guest_front_page_put(struct pvb_guest_front *g, void *page)
{
	g->recent[g->recent_next] = page;
	g->recent_next = (g->recent_next + 1) % PVB_GUEST_RECENT_MAX;
	if (g->recent_count < PVB_GUEST_RECENT_MAX)
		g->recent_count++;
	pvb_guest_front_run_put(g, page, 1);
}

/* ---- giving memory back ----------------------------------------------- */

bool pvb_guest_front_is_fat(const struct pvb_guest_front *g)
{
	return g->touched_pages > PVB_GUEST_KEEP_PAGES;
}

static bool is_trimmable(const struct pvb_guest_area *a, uint32_t page)
{
	return a->touched[page / 64] >> page % 64 & 1 && !is_used(a, page);
}

static void area_trim(struct pvb_guest_front *g, struct pvb_guest_area *a,
                      uint32_t from)
{
	uint32_t end;

	for (; from < a->pages; from = end + 1) {
		for (end = from; end < a->pages && is_trimmable(a, end); end++)
			a->touched[end / 64] &= ~(UINT64_C(1) << end % 64);
		if (end == from)
			continue;
		g->touched_pages -= end - from;
		if (g->mem->ops->forget)
			g->mem->ops->forget(g->mem,
				a->at + (size_t)from * PVB_MEM_PAGE_BYTES,
				end - from);
	}
}

/* The first pages are those that are used first, from now on: they stay. */
void pvb_guest_front_trim(struct pvb_guest_front *g)
{
	g->recent_count = 0;
	for (uint32_t i = 0; i < g->area_count; i++)
		area_trim(g, g->area[i], i == 0 ? PVB_GUEST_KEEP_PAGES : 0);
}

void pvb_guest_front_renew(struct pvb_guest_front *g, void *at, size_t bytes)
{
	size_t before = -(uintptr_t)at % PVB_MEM_PAGE_BYTES;

	if (bytes < before || !pvb_guest_front_holds(g, at, bytes))
		return;
	bytes = (bytes - before) / PVB_MEM_PAGE_BYTES;
	if (bytes > 0 && g->mem->ops->forget)
		g->mem->ops->forget(g->mem, (char *)at + before,
		                    (uint32_t)bytes);
}

/* ---- what is where ----------------------------------------------------- */

bool pvb_guest_front_holds(const struct pvb_guest_front *g, const void *at,
                           size_t bytes)
{
	uint32_t page;
	const struct pvb_guest_area *a = area_of(g, at, &page);
	size_t before = a ? (size_t)((const unsigned char *)at - a->at) : 0;

	return a && bytes <= (size_t)a->pages * PVB_MEM_PAGE_BYTES - before;
}

uint32_t pvb_guest_front_gref(const struct pvb_guest_front *g, const void *at)
{
	uint32_t page = 0;
	const struct pvb_guest_area *a = area_of(g, at, &page);

	assert(a);
	return a->gref[page];
}
