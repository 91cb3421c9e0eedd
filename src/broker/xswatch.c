/* SPDX-License-Identifier: MIT */
/* xswatch.c - watches and queues of events; see xswatch.h. */
#include "xswatch.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "proto/xspath.h"

enum { BUCKETS_MIN = 64 };

struct event {
	struct pvb_qnode node;          /* of the watcher's queue */
	struct pvb_qnode of_watch;      /* of the watch's, unless "whole" */
	struct pvb_xswatch *watch;
	uint32_t hash;                  /* of the path: a quick "no" */
	char *path;                     /* owned; NULL: the watch's own */
};

struct pvb_xswatch {
	struct pvb_xswatch *chain;      /* in the table */
	struct pvb_xswatch *next;       /* of the same watcher */
	struct pvb_xswatcher *watcher;
	struct event whole;             /* "look at all of it": no memory */
	bool whole_waits;
	struct pvb_queue waiting;       /* its other events, oldest first */
	size_t prefix;
	const char *token;              /* after the path's NUL */
	char path[];
};

static uint32_t hash(const char *path, size_t bytes)
{
	uint32_t h = 2166136261u;

	for (size_t i = 0; i < bytes; i++)
		h = (h ^ (uint8_t)path[i]) * 16777619u;
	return h;
}

/* ---- events ------------------------------------------------------------ */

static void push(struct pvb_xswatcher *w, struct event *e)
{
	bool first = pvb_queue_is_empty(&w->events);

	pvb_queue_push(&w->events, &e->node);
	if (first && w->waiting)
		w->waiting(w);
}

static void push_whole(struct pvb_xswatch *watch)
{
	if (watch->whole_waits)
		return;
	watch->whole_waits = true;
	push(watch->watcher, &watch->whole);
}

/* Forget an event that is out of the queue: its watch's oldest. */
static void retire(struct event *e)
{
	struct pvb_xswatch *watch = e->watch;
	struct pvb_qnode *n;

	if (e == &watch->whole) {
		watch->whole_waits = false;
		return;
	}
	n = pvb_queue_pop(&watch->waiting);
	assert(n == &e->of_watch);
	watch->watcher->event_bytes -= sizeof(*e) + strlen(e->path) + 1;
	free(e->path);
	free(e);
}

static bool waits_already(const struct pvb_xswatch *watch, const char *path,
                          uint32_t path_hash)
{
	const struct event *e;

	for (struct pvb_qnode *n = watch->waiting.head; n; n = n->next) {
		e = pvb_container(n, const struct event, of_watch);
		if (e->hash == path_hash && strcmp(e->path, path) == 0)
			return true;
	}
	return false;
}

/* A message holds path and token, both with a NUL. */
static bool fits(const struct pvb_xswatch *watch, const char *path)
{
	return strlen(path) - watch->prefix + strlen(watch->token) + 2 <=
	       PVB_XS_PAYLOAD_MAX;
}

static void queue_event(struct pvb_xswatch *watch, const char *path)
{
	struct pvb_xswatcher *w = watch->watcher;
	size_t bytes = sizeof(struct event) + strlen(path) + 1;
	uint32_t path_hash = hash(path, strlen(path));
	struct event *e = NULL;

	if (strcmp(path, watch->path) == 0) {
		push_whole(watch);
		return;
	}
	if (waits_already(watch, path, path_hash))
		return;
	if (fits(watch, path) &&
	    w->event_bytes + bytes <= w->event_bytes_max)
		e = calloc(1, sizeof(*e));
	if (e)
		e->path = strdup(path);
	if (!e || !e->path) {
		free(e);
		push_whole(watch);
		return;
	}
	e->watch = watch;
	e->hash = path_hash;
	w->event_bytes += bytes;
	pvb_queue_push(&watch->waiting, &e->of_watch);
	push(w, e);
}

bool pvb_xswatcher_peek(const struct pvb_xswatcher *w, const char **path,
                        const char **token)
{
	const struct event *e;

	if (pvb_queue_is_empty(&w->events))
		return false;
	e = pvb_container(w->events.head, const struct event, node);
	*path = (e->path ? e->path : e->watch->path) + e->watch->prefix;
	*token = e->watch->token;
	return true;
}

void pvb_xswatcher_drop(struct pvb_xswatcher *w)
{
	struct pvb_qnode *n = pvb_queue_pop(&w->events);

	assert(n);
	retire(pvb_container(n, struct event, node));
}

/* Take the waiting events of one watch out of the queue. */
static void drop_events_of(const struct pvb_xswatch *watch)
{
	struct pvb_xswatcher *w = watch->watcher;
	struct pvb_queue kept = { NULL, NULL };
	struct pvb_qnode *n;
	struct event *e;

	while ((n = pvb_queue_pop(&w->events))) {
		e = pvb_container(n, struct event, node);
		if (e->watch == watch)
			retire(e);
		else
			pvb_queue_push(&kept, n);
	}
	w->events = kept;
}

/* ---- table ------------------------------------------------------------- */

/* The chain on which watches of these `bytes` of `path` are. */
static struct pvb_xswatch **chain_of(const struct pvb_xswatches *t,
                                     const char *path, size_t bytes)
{
	return &t->bucket[hash(path, bytes) & (t->buckets - 1)];
}

static void hook(struct pvb_xswatches *t, struct pvb_xswatch *watch)
{
	struct pvb_xswatch **at = chain_of(t, watch->path,
	                                   strlen(watch->path));

	watch->chain = *at;
	*at = watch;
}

static bool grow(struct pvb_xswatches *t)
{
	struct pvb_xswatches bigger = { NULL, BUCKETS_MIN, t->count };
	struct pvb_xswatch *watch;

	if (t->buckets)
		bigger.buckets = t->buckets * 2;
	bigger.bucket = calloc(bigger.buckets, sizeof(struct pvb_xswatch *));
	if (!bigger.bucket)
		return false;
	for (uint32_t i = 0; i < t->buckets; i++) {
		while ((watch = t->bucket[i])) {
			t->bucket[i] = watch->chain;
			hook(&bigger, watch);
		}
	}
	free(t->bucket);
	*t = bigger;
	return true;
}

void pvb_xswatches_fini(struct pvb_xswatches *t)
{
	assert(t->count == 0);
	free(t->bucket);
	memset(t, 0, sizeof(*t));
}

/* Where the watcher's list points at the watch, or at its end. */
static struct pvb_xswatch **find(struct pvb_xswatcher *w, const char *path,
                                 const char *token)
{
	struct pvb_xswatch **at = &w->first;

	while (*at && (strcmp((*at)->path, path) != 0 ||
	               strcmp((*at)->token, token) != 0))
		at = &(*at)->next;
	return at;
}

int pvb_xswatches_add(struct pvb_xswatches *t, struct pvb_xswatcher *w,
                      const char *path, const char *token, size_t prefix)
{
	size_t path_bytes = strlen(path) + 1, token_bytes = strlen(token) + 1;
	struct pvb_xswatch **end = find(w, path, token), *watch;

	if (*end)
		return -EEXIST;
	/* One watch a bucket; a failure to grow matters only at first. */
	if (t->count >= t->buckets && !grow(t) && t->buckets == 0)
		return -ENOMEM;
	watch = calloc(1, sizeof(*watch) + path_bytes + token_bytes);
	if (!watch)
		return -ENOMEM;
	memcpy(watch->path, path, path_bytes);
	memcpy(watch->path + path_bytes, token, token_bytes);
	watch->token = watch->path + path_bytes;
	watch->prefix = prefix;
	watch->watcher = w;
	watch->whole.watch = watch;
	hook(t, watch);
	*end = watch;
	t->count++;
	w->count++;
	push_whole(watch);
	return 0;
}

/* Unhook and free the watch at *at of its watcher's list. */
static void destroy(struct pvb_xswatches *t, struct pvb_xswatch **at)
{
	struct pvb_xswatch *watch = *at, **chain;

	drop_events_of(watch);
	*at = watch->next;
	chain = chain_of(t, watch->path, strlen(watch->path));
	while (*chain != watch)
		chain = &(*chain)->chain;
	*chain = watch->chain;
	t->count--;
	watch->watcher->count--;
	free(watch);
}

int pvb_xswatches_remove(struct pvb_xswatches *t, struct pvb_xswatcher *w,
                         const char *path, const char *token)
{
	struct pvb_xswatch **at = find(w, path, token);

	if (!*at)
		return -ENOENT;
	destroy(t, at);
	return 0;
}

void pvb_xswatches_clear(struct pvb_xswatches *t, struct pvb_xswatcher *w)
{
	while (w->first)
		destroy(t, &w->first);
}

/* Watches on just the first `bytes` of `path`. */
static void fire_at(struct pvb_xswatches *t, const char *path, size_t bytes,
                    const struct pvb_xsaudience *who)
{
	struct pvb_xswatch *watch = *chain_of(t, path, bytes);

	for (; watch; watch = watch->chain)
		if (strncmp(watch->path, path, bytes) == 0 &&
		    watch->path[bytes] == '\0' &&
		    who->allowed(who->arg, watch->watcher))
			queue_event(watch, path);
}

void pvb_xswatches_fire(struct pvb_xswatches *t, const char *path, bool exact,
                        const struct pvb_xsaudience *who)
{
	size_t bytes = strlen(path);

	if (t->count == 0)
		return;
	fire_at(t, path, bytes, who);
	if (exact || path[0] != '/')
		return;
	while (bytes > 1) {
		while (path[--bytes] != '/')
			;
		fire_at(t, path, bytes ? bytes : 1, who);
	}
}
