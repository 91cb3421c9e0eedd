/* SPDX-License-Identifier: MIT */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "grant_cache.h"

enum {
	/*
	 * References are small numbers, given out from the lowest: the low bits
	 * spread them, and the few that a guest may have (32,768 by default)
	 * make no chain long, whatever it chooses.
	 */
	BUCKETS = 1024,
	AREAS   = PVB_GRANT_CACHE_AREAS_MAX,
	PLACES  = AREAS * PVB_MEM_MAP_MAX,
};

/* Numbers in links are one more than an index; 0 is the end. */
struct page {
	uint32_t gref;
	uint16_t next;                  /* in its bucket */
};

struct area {
	unsigned char *at;              /* NULL: none is here */
	uint32_t uses;
	uint16_t pages;
	uint16_t before, after;         /* when idle, or free (after) */
};

struct pvb_grant_cache_table {
	uint16_t bucket[BUCKETS];
	uint16_t free;                  /* areas: a stack */
	uint16_t oldest, newest;        /* the idle ones, by last use */
	struct area area[AREAS];
	struct page page[PLACES];       /* of area i: from i * MAP_MAX on */
};

/* ---- areas that are idle ------------------------------------------------- */

static void become_idle(struct pvb_grant_cache_table *t, struct area *a)
{
	uint16_t number = (uint16_t)(a - t->area + 1);

	a->before = t->newest;
	a->after = 0;
	if (t->newest)
		t->area[t->newest - 1].after = number;
	else
		t->oldest = number;
	t->newest = number;
}

static void leave_idle(struct pvb_grant_cache_table *t, struct area *a)
{
	if (a->before)
		t->area[a->before - 1].after = a->after;
	else
		t->oldest = a->after;
	if (a->after)
		t->area[a->after - 1].before = a->before;
	else
		t->newest = a->before;
}

/* ---- pages by reference -------------------------------------------------- */

/* The link that leads to it, or the one at the end. */
static uint16_t *link_of(struct pvb_grant_cache_table *t, uint32_t gref)
{
	uint16_t *at = &t->bucket[gref % BUCKETS];

	while (*at && t->page[*at - 1].gref != gref)
		at = &t->page[*at - 1].next;
	return at;
}

static void add_page(struct pvb_grant_cache_table *t, uint32_t place,
                     uint32_t gref)
{
	uint16_t *bucket = &t->bucket[gref % BUCKETS];

	t->page[place] = (struct page){ gref, *bucket };
	*bucket = (uint16_t)(place + 1);
}

static void drop_page(struct pvb_grant_cache_table *t, uint32_t place)
{
	uint16_t *at = link_of(t, t->page[place].gref);

	assert(*at == place + 1);
	*at = t->page[place].next;
}

/* ---- mapping and unmapping ----------------------------------------------- */

static uint32_t first_place(const struct pvb_grant_cache_table *t,
                            const struct area *a)
{
	return (uint32_t)(a - t->area) * PVB_MEM_MAP_MAX;
}

/* The one that has been idle for longest.  False: all are in use. */
static bool unmap_oldest(struct pvb_grant_cache *c)
{
	struct pvb_grant_cache_table *t = c->table;
	struct area *a;

	if (!t->oldest)
		return false;
	a = &t->area[t->oldest - 1];
	leave_idle(t, a);
	for (uint32_t i = 0; i < a->pages; i++)
		drop_page(t, first_place(t, a) + i);
	c->mem->ops->unmap(c->mem, a->at, a->pages);
	c->pages -= a->pages;
	a->at = NULL;
	a->after = t->free;
	t->free = (uint16_t)(a - t->area + 1);
	return true;
}

/* For n pages more.  What goes for it is paid for. */
static bool make_room(struct pvb_grant_cache *c, uint32_t n)
{
	uint32_t before = c->pages;
	bool room = true;

	while (room && (c->pages + n > PVB_GRANT_CACHE_PAGES_MAX ||
	                !c->table->free))
		room = unmap_oldest(c);
	c->passes += (before - c->pages) * PVB_GRANT_CACHE_PRICE;
	return room;
}

static void add_area(struct pvb_grant_cache *c, void *at)
{
	struct pvb_grant_cache_table *t = c->table;
	struct area *a = &t->area[t->free - 1];

	t->free = a->after;
	*a = (struct area){
		.at = at, .pages = (uint16_t)c->wanted_count,
	};
	for (uint32_t i = 0; i < a->pages; i++)
		add_page(t, first_place(t, a) + i, c->wanted[i]);
	c->pages += a->pages;
	become_idle(t, a);
}

/*
 * All that are wanted, or none.  Who is to blame for a failure is not said; so
 * the next ones are tried fewer at a time, and a bad one does not keep the same
 * good ones out for ever.
 */
void pvb_grant_cache_map(struct pvb_grant_cache *c)
{
	uint32_t n = c->wanted_count;
	void *at;

	if (n > 0 && make_room(c, n)) {
		if (c->mem->ops->map(c->mem, c->peer, c->wanted, n, false,
		                     &at) < 0) {
			c->passes += n * PVB_GRANT_CACHE_PRICE;
			c->batch_max = 1;
		} else {
			add_area(c, at);
			if (c->batch_max < PVB_MEM_MAP_MAX)
				c->batch_max *= 2;
		}
	}
	c->wanted_count = 0;
}

void pvb_grant_cache_want(struct pvb_grant_cache *c, uint32_t gref)
{
	if (!c->table || *link_of(c->table, gref))
		return;
	if (c->passes > 0) {
		c->passes--;
		return;
	}
	for (uint32_t i = 0; i < c->wanted_count; i++)
		if (c->wanted[i] == gref)
			return;
	c->wanted[c->wanted_count++] = gref;
	if (c->wanted_count == c->batch_max)
		pvb_grant_cache_map(c);
}

void pvb_grant_cache_trim(struct pvb_grant_cache *c)
{
	while (c->table && unmap_oldest(c))
		;
}

/* ---- use ----------------------------------------------------------------- */

void *pvb_grant_cache_use(struct pvb_grant_cache *c, uint32_t gref)
{
	struct pvb_grant_cache_table *t = c->table;
	uint32_t place;
	struct area *a;

	if (!t || !*link_of(t, gref))
		return NULL;
	place = *link_of(t, gref) - UINT32_C(1);
	a = &t->area[place / PVB_MEM_MAP_MAX];
	if (a->uses++ == 0)
		leave_idle(t, a);
	return a->at + (size_t)(place % PVB_MEM_MAP_MAX) * PVB_MEM_PAGE_BYTES;
}

void pvb_grant_cache_unuse(struct pvb_grant_cache *c, uint32_t gref)
{
	struct pvb_grant_cache_table *t = c->table;
	uint32_t number = *link_of(t, gref);
	struct area *a;

	assert(number > 0);
	a = &t->area[(number - 1) / PVB_MEM_MAP_MAX];
	assert(a->uses > 0);
	if (--a->uses == 0)
		become_idle(t, a);
}

/* ---- life ---------------------------------------------------------------- */

int pvb_grant_cache_init(struct pvb_grant_cache *c, struct pvb_mem *mem,
                         uint16_t peer)
{
	struct pvb_grant_cache_table *t = calloc(1, sizeof(*t));

	_Static_assert(PLACES < UINT16_MAX, "a link is of 16 bits");
	_Static_assert((int)AREAS < (int)PVB_MEM_MAPS_MAX,
	               "there is the ring, too");
	if (!t)
		return -ENOMEM;
	*c = (struct pvb_grant_cache){
		.mem = mem, .peer = peer, .table = t,
		.batch_max = PVB_MEM_MAP_MAX,
	};
	for (uint16_t i = 0; i < AREAS; i++)
		t->area[i].after = i;   /* the one before it */
	t->free = AREAS;
	return 0;
}

void pvb_grant_cache_fini(struct pvb_grant_cache *c)
{
	pvb_grant_cache_trim(c);
	assert(c->pages == 0);
	free(c->table);
	*c = (struct pvb_grant_cache){ 0 };
}
