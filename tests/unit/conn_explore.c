/* SPDX-License-Identifier: MIT */
/* conn_explore.c - see conn_explore.h. */
#include "conn_explore.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WORLDS_MAX = 1 << 24, ROOM_FIRST = 1 << 12, NOBODY = -1, WAY_MAX = 500 };

struct record {
	struct world w;
	int32_t from;                   /* the world that it came out of */
	const char *what;               /* and by what */
	uint32_t first_step;            /* those up to the next world's */
};

/* A step from a world: where it leads, and its kind. */
enum { KIND_BITS = 3 };

struct exploration {
	struct rules rules;
	struct record *world;
	int32_t *slot;                  /* hash table: numbers of worlds */
	uint32_t count, room;           /* twice as many slots as room */
	uint32_t *step;                 /* in the order of the worlds */
	uint32_t steps, steps_room;
	const char *wrong, *what;
	int32_t where;                  /* wrong is what came out of this */
};

/* ---- the worlds that are known ------------------------------------------- */

static uint32_t hash(const struct world *w)
{
	const uint8_t *bytes = (const uint8_t *)w;
	uint64_t h = 0, word;

	for (size_t i = 0; i < sizeof(*w); i += sizeof(word)) {
		size_t n = sizeof(*w) - i;

		word = 0;
		memcpy(&word, bytes + i, n < sizeof(word) ? n : sizeof(word));
		h = (h ^ word) * UINT64_C(0x9e3779b97f4a7c15);
		h ^= h >> 32;
	}
	return (uint32_t)h;
}

/* Its slot: taken by it, or free for it. */
static uint32_t find(const struct exploration *x, const struct world *w)
{
	uint32_t mask = x->room * 2 - 1, i = hash(w) & mask;

	while (x->slot[i] != NOBODY &&
	       memcmp(&x->world[x->slot[i]].w, w, sizeof(*w)) != 0)
		i = (i + 1) & mask;
	return i;
}

static bool grow(struct exploration *x, uint32_t room)
{
	size_t slots = (size_t)room * 2;
	void *world = realloc(x->world, room * sizeof(*x->world));
	void *slot;

	if (!world)
		return false;
	x->world = world;
	slot = realloc(x->slot, slots * sizeof(*x->slot));
	if (!slot)
		return false;
	x->slot = slot;
	x->room = room;
	memset(x->slot, 0xff, slots * sizeof(*x->slot));
	for (uint32_t i = 0; i < x->count; i++)
		x->slot[find(x, &x->world[i].w)] = (int32_t)i;
	return true;
}

/* The number of that world. */
static uint32_t add(struct exploration *x, const struct world *w, int32_t from,
                    const char *what)
{
	uint32_t i = find(x, w);

	if (x->slot[i] != NOBODY)
		return (uint32_t)x->slot[i];
	if (x->count == x->room) {
		if (x->room == WORLDS_MAX || !grow(x, x->room * 2)) {
			x->wrong = "model: too many worlds";
			return 0;
		}
		i = find(x, w);
	}
	x->slot[i] = (int32_t)x->count;
	x->world[x->count] = (struct record){ *w, from, what, 0 };
	return x->count++;
}

static void add_step(struct exploration *x, uint32_t to, enum kind kind)
{
	uint32_t room = x->steps_room ? x->steps_room * 2 : ROOM_FIRST;
	uint32_t *step = x->step;

	if (x->steps == x->steps_room) {
		step = realloc(x->step, room * sizeof(*step));
		if (!step) {
			x->wrong = "model: too many steps";
			return;
		}
		x->step = step;
		x->steps_room = room;
	}
	step[x->steps++] = to << KIND_BITS | (uint32_t)kind;
}

/* ---- forward ------------------------------------------------------------- */

static void expand(struct exploration *x)
{
	struct next next[NEXT_MAX];

	for (uint32_t i = 0; i < x->count && !x->wrong; i++) {
		uint32_t n = world_next(&x->world[i].w, &x->rules, next);

		x->where = (int32_t)i;
		x->world[i].first_step = x->steps;
		for (uint32_t k = 0; k < n && !x->wrong; k++) {
			x->wrong = next[k].wrong;
			x->what = next[k].what;
			add_step(x, add(x, &next[k].world, (int32_t)i,
					next[k].what), next[k].kind);
		}
	}
}

struct exploration *explore(const struct rules *r)
{
	uint8_t first = r->found ? 0 : PVB_XB_INITIALISING;
	uint8_t last = r->found ? PVB_XB_COUNT - 1 : PVB_XB_INITIALISING;
	struct exploration *x = calloc(1, sizeof(*x));
	struct world w;

	if (!x)
		return NULL;
	x->rules = *r;
	if (!grow(x, ROOM_FIRST)) {
		exploration_free(x);
		return NULL;
	}
	for (uint8_t front = first; front <= last; front++) {
		for (uint8_t back = first; back <= last; back++) {
			world_init(&w, r, front, back);
			(void)add(x, &w, NOBODY, "the beginning");
		}
	}
	expand(x);
	return x;
}

void exploration_free(struct exploration *x)
{
	if (!x)
		return;
	free(x->world);
	free(x->slot);
	free(x->step);
	free(x);
}

uint32_t exploration_count(const struct exploration *x)
{
	return x->count;
}

const char *exploration_wrong(const struct exploration *x)
{
	return x->wrong;
}

void exploration_print(const struct exploration *x)
{
	int32_t way[WAY_MAX];
	char line[400];
	int n = 0;

	for (int32_t i = x->where; i != NOBODY && n < WAY_MAX;
	     i = x->world[i].from)
		way[n++] = i;
	while (n-- > 0) {
		const struct record *r = &x->world[way[n]];

		world_print(&r->w, line, sizeof(line));
		printf("# %-24s %s\n", r->what, line);
	}
	if (x->wrong)
		printf("# %s: %s\n", x->what, x->wrong);
}

/* ---- backward ------------------------------------------------------------ */

/* One pass from the last world to the first, as most steps lead to worlds that
   were found later.  How many were newly marked. */
static uint32_t mark_back(const struct exploration *x, uint8_t *good,
                          unsigned int kinds)
{
	uint32_t marked = 0, end = x->steps;

	for (uint32_t i = x->count; i-- > 0; end = x->world[i].first_step) {
		uint32_t at = x->world[i].first_step;

		if (good[i])
			continue;
		for (; at < end && !good[i]; at++)
			if (kinds >> (x->step[at] % (1U << KIND_BITS)) & 1)
				good[i] = good[x->step[at] >> KIND_BITS];
		marked += good[i];
	}
	return marked;
}

bool exploration_stuck(struct exploration *x, unsigned int kinds,
                       bool (*is_good)(const struct world *w),
                       bool (*is_exempt)(const struct world *w))
{
	uint8_t *good = calloc(x->count, 1);
	uint32_t i;

	if (!good)
		abort();
	for (i = 0; i < x->count; i++)
		good[i] = is_good(&x->world[i].w) ||
			  (is_exempt && is_exempt(&x->world[i].w));
	while (mark_back(x, good, kinds) > 0)
		;
	for (i = 0; i < x->count && good[i]; i++)
		;
	free(good);
	x->where = (int32_t)i;
	return i < x->count;
}
