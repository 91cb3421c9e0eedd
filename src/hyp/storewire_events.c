/* SPDX-License-Identifier: MIT */
/* storewire_events.c - watch events that wait to be taken. */
#include "storewire_events.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/xspath.h"
#include "store.h"

struct pvb_storewire_watch {
	struct pvb_storewire_watch *next;
	uint64_t token;
	bool     whole;                 /* an event of the path itself waits */
	char     path[];
};

struct event {
	struct pvb_qnode node;
	uint64_t token;
	char     path[];
};

void pvb_storewire_token(uint64_t token, char out[PVB_STOREWIRE_TOKEN_BYTES])
{
	snprintf(out, PVB_STOREWIRE_TOKEN_BYTES, "%" PRIu64, token);
}

/* Ours are decimal; anything else is nobody's. */
static bool parse_token(const char *text, uint64_t *out)
{
	char again[PVB_STOREWIRE_TOKEN_BYTES];

	*out = strtoull(text, NULL, 10);
	pvb_storewire_token(*out, again);
	return strcmp(text, again) == 0;
}

/* ---- watches ----------------------------------------------------------- */

static struct pvb_storewire_watch **find(struct pvb_storewire *w,
                                         const char *path, uint64_t token)
{
	struct pvb_storewire_watch **at = &w->watches;

	while (*at && ((*at)->token != token || strcmp((*at)->path, path) != 0))
		at = &(*at)->next;
	return at;
}

int pvb_storewire_expect(struct pvb_storewire *w, const char *path,
                         uint64_t token)
{
	struct pvb_storewire_watch **at = find(w, path, token), *watch;
	size_t bytes = strlen(path) + 1;

	if (*at)
		return -EEXIST;
	watch = calloc(1, sizeof(*watch) + bytes);
	if (!watch)
		return -ENOMEM;
	watch->token = token;
	memcpy(watch->path, path, bytes);
	*at = watch;
	return 0;
}

/* `path` is what a watch on `watched` may hear of. */
static bool concerns(const char *watched, const char *path)
{
	size_t n = strlen(watched);

	return strncmp(path, watched, n) == 0 &&
	       (path[n] == '\0' || path[n] == '/' || strcmp(watched, "/") == 0);
}

static struct pvb_storewire_watch *who_expects(struct pvb_storewire *w,
                                               const char *path,
                                               uint64_t token)
{
	struct pvb_storewire_watch *watch = w->watches;

	while (watch && (watch->token != token ||
	                 !concerns(watch->path, path)))
		watch = watch->next;
	return watch;
}

void pvb_storewire_forget(struct pvb_storewire *w, const char *path,
                          uint64_t token)
{
	struct pvb_storewire_watch **at = find(w, path, token), *watch = *at;
	struct pvb_queue kept = { NULL, NULL };
	struct pvb_qnode *n;
	struct event *e;

	if (!watch)
		return;
	*at = watch->next;
	free(watch);
	while ((n = pvb_queue_pop(&w->events))) {
		e = pvb_container(n, struct event, node);
		if (who_expects(w, e->path, e->token)) {
			pvb_queue_push(&kept, n);
			continue;
		}
		w->event_bytes -= sizeof(*e) + strlen(e->path) + 1;
		free(e);
	}
	w->events = kept;
}

/* ---- events ------------------------------------------------------------ */

static bool is_kept(const struct pvb_storewire *w, const char *path,
                    uint64_t token)
{
	const struct event *e;

	for (struct pvb_qnode *n = w->events.head; n; n = n->next) {
		e = pvb_container(n, const struct event, node);
		if (e->token == token && strcmp(e->path, path) == 0)
			return true;
	}
	return false;
}

void storewire_events_keep(struct pvb_storewire *w, const char *payload,
                           uint32_t length)
{
	struct pvb_storewire_watch *watch;
	const char *path, *text;
	struct event *e = NULL;
	size_t bytes;
	uint64_t token;
	int32_t at = 0;

	path = pvb_xs_next_string(payload, length, &at);
	text = pvb_xs_next_string(payload, length, &at);
	if (!path || !text || strlen(path) > PVB_XS_PATH_MAX ||
	    !parse_token(text, &token))
		return;
	/* One that was under way when its watch was taken back. */
	watch = who_expects(w, path, token);
	if (!watch || watch->whole || is_kept(w, path, token))
		return;
	bytes = sizeof(*e) + strlen(path) + 1;
	if (w->event_bytes + bytes <= PVB_STOREWIRE_EVENT_BYTES)
		e = malloc(bytes);
	if (!e) {
		watch->whole = true;
		return;
	}
	e->token = token;
	strcpy(e->path, path);
	w->event_bytes += bytes;
	pvb_queue_push(&w->events, &e->node);
}

bool storewire_events_take(struct pvb_storewire *w, struct pvb_store_event *out)
{
	struct pvb_qnode *n = pvb_queue_pop(&w->events);
	struct pvb_storewire_watch *watch = w->watches;
	struct event *e;

	if (n) {
		e = pvb_container(n, struct event, node);
		out->token = e->token;
		strcpy(out->path, e->path);
		w->event_bytes -= sizeof(*e) + strlen(e->path) + 1;
		free(e);
		return true;
	}
	while (watch && !watch->whole)
		watch = watch->next;
	if (!watch)
		return false;
	watch->whole = false;
	out->token = watch->token;
	strcpy(out->path, watch->path);
	return true;
}

void storewire_events_drop(struct pvb_storewire *w)
{
	struct pvb_storewire_watch *watch;
	struct pvb_qnode *n;

	while ((n = pvb_queue_pop(&w->events)))
		free(pvb_container(n, struct event, node));
	while ((watch = w->watches)) {
		w->watches = watch->next;
		free(watch);
	}
	w->event_bytes = 0;
}
