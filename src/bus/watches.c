/* SPDX-License-Identifier: MIT */
/*
 * One slot a watched path, with all that watch it; one bounded batch of
 * events a turn.
 *
 * Any question to the store may bring events into the handle, where its
 * descriptor no longer shows them.  So this is a poller of the loop: before
 * the loop sleeps, it looks into the handle.
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <pvb/err.h>

#include "base/loop.h"
#include "hyp/store.h"
#include "watches.h"

enum {
	EVENTS_A_TURN = 256,
	SLOTS_FIRST = 16,
	/* A loop that never sleeps still looks into the handle so often. */
	LOOK_PERIOD_NS = 10000000,
};

struct slot {
	char    *path;                  /* owned; NULL: free */
	uint32_t generation;            /* makes the tokens of old ones stale */
	struct pvb_watch *first;
};

struct pvb_watches {
	struct pvb_loop  *loop;
	struct pvb_store *store;
	struct pvb_loop_fd     readable;
	struct pvb_loop_poller poller;
	void  (*on_lost)(void *arg);
	void   *arg;
	struct slot *slots;             /* owned */
	uint32_t slot_count;
	struct pvb_watch *pending, **pending_end;
	struct pvb_watch *calling;      /* of this turn, not yet called */
	uint64_t looked_ns;
	bool     due, lost, told;
	struct pvb_store_event event;   /* large: not on the stack */
};

struct pvb_loop *pvb_watches_loop(const struct pvb_watches *ws)
{
	return ws->loop;
}

bool pvb_watches_is_lost(const struct pvb_watches *ws)
{
	return ws->lost;
}

struct pvb_store *pvb_watches_store(const struct pvb_watches *ws)
{
	return ws->store;
}

/* ---- what has changed ---------------------------------------------------- */

/* Shorten `path` to the nearest node that is `other`, or above both. */
static void cut_to_common(char *path, const char *other)
{
	size_t common = 0, i = 0;

	for (; path[i] && path[i] == other[i]; i++)
		if (path[i] == '/')
			common = i;
	if ((!path[i] || path[i] == '/') && (!other[i] || other[i] == '/'))
		common = i;
	path[common] = '\0';
}

/* A change at `path`, which is at or below the watched one. */
static void note(struct pvb_watches *ws, struct pvb_watch *w, const char *path)
{
	size_t length = strlen(path);

	if (w->pending) {
		cut_to_common(w->path, path);
		return;
	}
	if (length > PVB_WATCH_PATH_MAX)
		length = PVB_WATCH_PATH_MAX;
	memcpy(w->path, path, length);
	w->path[length] = '\0';
	if (path[length])
		cut_to_common(w->path, path);
	w->pending = true;
	w->next_pending = NULL;
	*ws->pending_end = w;
	ws->pending_end = &w->next_pending;
	ws->due = true;
}

static void note_event(struct pvb_watches *ws)
{
	uint32_t at = (uint32_t)ws->event.token;
	struct slot *s = ws->slots + at;

	if (at >= ws->slot_count || !s->path ||
	    s->generation != (uint32_t)(ws->event.token >> 32))
		return;         /* was on its way when the watch ended */
	for (struct pvb_watch *w = s->first; w; w = w->next)
		note(ws, w, ws->event.path);
}

static void take_events(struct pvb_watches *ws)
{
	uint32_t n;
	int r = 0;

	ws->looked_ns = pvb_loop_now_ns(ws->loop);
	for (n = 0; n < EVENTS_A_TURN && !ws->lost; n++) {
		r = ws->store->ops->next_event(ws->store, &ws->event);
		if (r != 1)
			break;
		note_event(ws);
	}
	if (n == EVENTS_A_TURN)
		ws->due = true;
	if (r < 0) {
		ws->lost = true;
		ws->due = true;
		pvb_loop_remove_fd(&ws->readable);
	}
}

static void call_pending(struct pvb_watches *ws)
{
	struct pvb_watch *w;

	ws->calling = ws->pending;
	ws->pending = NULL;
	ws->pending_end = &ws->pending;
	while ((w = ws->calling)) {
		char path[PVB_WATCH_PATH_MAX + 1];

		ws->calling = w->next_pending;
		w->pending = false;
		memcpy(path, w->path, sizeof(path));
		w->fired(w, path);
	}
}

static bool poll_store(struct pvb_loop_poller *p)
{
	struct pvb_watches *ws =
		pvb_container(p, struct pvb_watches, poller);
	uint64_t now_ns = pvb_loop_now_ns(ws->loop);

	if (!ws->due && now_ns - ws->looked_ns < LOOK_PERIOD_NS)
		return false;
	ws->due = false;
	take_events(ws);
	/* The loss itself may have been found before the last sleep. */
	if (!ws->pending && !ws->due && (!ws->lost || ws->told))
		return false;
	call_pending(ws);
	if (ws->lost && !ws->told) {
		ws->told = true;
		if (ws->on_lost)
			ws->on_lost(ws->arg);
	}
	return true;
}

/* What was read on the way to an answer is not seen by epoll. */
static bool look_before_sleep(struct pvb_loop_poller *p)
{
	struct pvb_watches *ws =
		pvb_container(p, struct pvb_watches, poller);

	if (!ws->lost)
		take_events(ws);
	return ws->due;
}

static void store_readable(struct pvb_loop_fd *f, uint32_t events)
{
	(void)events;
	pvb_container(f, struct pvb_watches, readable)->due = true;
}

/* ---- slots --------------------------------------------------------------- */

static uint64_t token_of(const struct pvb_watches *ws, uint32_t at)
{
	return (uint64_t)ws->slots[at].generation << 32 | at;
}

/* The slot of this path, else a free one, else slot_count. */
static uint32_t find_slot(const struct pvb_watches *ws, const char *path)
{
	uint32_t free_at = ws->slot_count;

	for (uint32_t i = ws->slot_count; i-- > 0; ) {
		if (!ws->slots[i].path)
			free_at = i;
		else if (strcmp(ws->slots[i].path, path) == 0)
			return i;
	}
	return free_at;
}

static int more_slots(struct pvb_watches *ws)
{
	uint32_t n = ws->slot_count ? 2 * ws->slot_count : SLOTS_FIRST;
	struct slot *s;

	if (n > PVB_WATCHES_MAX)
		return -ENOSPC;
	s = realloc(ws->slots, n * sizeof(*s));
	if (!s)
		return -ENOMEM;
	memset(s + ws->slot_count, 0, (n - ws->slot_count) * sizeof(*s));
	ws->slots = s;
	ws->slot_count = n;
	return 0;
}

static void free_slot(struct slot *s)
{
	free(s->path);
	s->path = NULL;
	s->generation++;
}

int pvb_watches_add(struct pvb_watches *ws, struct pvb_watch *w,
                    const char *path)
{
	uint32_t at = find_slot(ws, path);
	struct slot *s;
	bool is_first;
	int r;

	assert(!w->added && w->fired);
	if (strlen(path) > PVB_WATCH_PATH_MAX)
		return -ENAMETOOLONG;
	if (at == ws->slot_count && (r = more_slots(ws)) < 0)
		return r;
	s = ws->slots + at;
	is_first = !s->path;
	if (is_first) {
		s->path = strdup(path);
		if (!s->path)
			return -ENOMEM;
		r = ws->store->ops->watch(ws->store, path, token_of(ws, at));
		if (r < 0) {
			free_slot(s);
			return r;
		}
	}
	w->slot = at;
	w->added = true;
	w->pending = false;
	w->next = s->first;
	s->first = w;
	/* The first one hears of the beginning from the store. */
	if (!is_first)
		note(ws, w, path);
	return 0;
}

static void unlink_pending(struct pvb_watches *ws, struct pvb_watch *w)
{
	struct pvb_watch **at;

	for (at = &ws->calling; *at; at = &(*at)->next_pending)
		if (*at == w) {
			*at = w->next_pending;
			return;
		}
	for (at = &ws->pending; *at != w; at = &(*at)->next_pending)
		assert(*at);
	*at = w->next_pending;
	if (!*at)
		ws->pending_end = at;
}

void pvb_watches_remove(struct pvb_watches *ws, struct pvb_watch *w)
{
	struct pvb_watch **at;
	struct slot *s;

	if (!w->added)
		return;
	s = ws->slots + w->slot;
	for (at = &s->first; *at != w; at = &(*at)->next)
		assert(*at);
	*at = w->next;
	if (w->pending)
		unlink_pending(ws, w);
	w->added = w->pending = false;
	if (s->first)
		return;
	if (!ws->lost)
		ws->store->ops->unwatch(ws->store, s->path,
		                        token_of(ws, w->slot));
	free_slot(s);
}

/* ---- life ---------------------------------------------------------------- */

struct pvb_watches *pvb_watches_create(struct pvb_loop *loop,
                                       struct pvb_store *store,
                                       void (*lost)(void *arg), void *arg,
                                       struct pvb_err *e)
{
	struct pvb_watches *ws = calloc(1, sizeof(*ws));
	int r;

	if (!ws) {
		(void)pvb_err_set(e, -ENOMEM, "out of memory");
		return NULL;
	}
	ws->loop = loop;
	ws->store = store;
	ws->on_lost = lost;
	ws->arg = arg;
	ws->pending_end = &ws->pending;
	ws->readable = (struct pvb_loop_fd){
		.fd = store->ops->fd(store), .events = PVB_LOOP_IN,
		.ready = store_readable,
	};
	r = pvb_loop_add_fd(loop, &ws->readable);
	if (r < 0) {
		(void)pvb_err_set(e, r, "cannot wait for the store: %s",
		                  strerror(-r));
		free(ws);
		return NULL;
	}
	ws->poller = (struct pvb_loop_poller){
		.poll = poll_store, .arm = look_before_sleep,
	};
	pvb_loop_add_poller(loop, &ws->poller);
	return ws;
}

void pvb_watches_destroy(struct pvb_watches *ws)
{
	if (!ws)
		return;
	for (uint32_t i = 0; i < ws->slot_count; i++)
		assert(!ws->slots[i].path);
	pvb_loop_remove_poller(&ws->poller);
	pvb_loop_remove_fd(&ws->readable);
	free(ws->slots);
	free(ws);
}
