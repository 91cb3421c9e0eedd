/* SPDX-License-Identifier: MIT */
/* store_events.c - see store_events.h. */
#include "store_events.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/xspath.h"
#include "store.h"

struct pvb_store_watch {
	struct pvb_store_watch *next;
	uint64_t token;
	bool     whole;                 /* an event of the path itself waits */
	char     path[];
};

struct event {
	struct pvb_qnode node;
	uint64_t token;
	char     path[];
};

void pvb_store_token(uint64_t token, char out[PVB_STORE_TOKEN_BYTES])
{
	snprintf(out, PVB_STORE_TOKEN_BYTES, "%" PRIu64, token);
}

/* Ours are decimal; anything else is nobody's. */
static bool parse_token(const char *text, uint64_t *out)
{
	char again[PVB_STORE_TOKEN_BYTES];

	*out = strtoull(text, NULL, 10);
	pvb_store_token(*out, again);
	return strcmp(text, again) == 0;
}

/* ---- watches ----------------------------------------------------------- */

static struct pvb_store_watch **find(struct pvb_store_events *q,
                                     const char *path, uint64_t token)
{
	struct pvb_store_watch **at = &q->watches;

	while (*at && ((*at)->token != token || strcmp((*at)->path, path) != 0))
		at = &(*at)->next;
	return at;
}

int pvb_store_events_expect(struct pvb_store_events *q, const char *path,
                            uint64_t token)
{
	struct pvb_store_watch **at = find(q, path, token), *watch;
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

static struct pvb_store_watch *who_expects(struct pvb_store_events *q,
                                           const char *path, uint64_t token)
{
	struct pvb_store_watch *watch = q->watches;

	while (watch && (watch->token != token ||
	                 !concerns(watch->path, path)))
		watch = watch->next;
	return watch;
}

void pvb_store_events_forget(struct pvb_store_events *q, const char *path,
                             uint64_t token)
{
	struct pvb_store_watch **at = find(q, path, token), *watch = *at;
	struct pvb_queue kept = { NULL, NULL };
	struct pvb_qnode *n;
	struct event *e;

	if (!watch)
		return;
	*at = watch->next;
	free(watch);
	while ((n = pvb_queue_pop(&q->events))) {
		e = pvb_container(n, struct event, node);
		if (who_expects(q, e->path, e->token)) {
			pvb_queue_push(&kept, n);
			continue;
		}
		q->bytes -= sizeof(*e) + strlen(e->path) + 1;
		free(e);
	}
	q->events = kept;
}

/* ---- events ------------------------------------------------------------ */

static bool is_kept(const struct pvb_store_events *q, const char *path,
                    uint64_t token)
{
	const struct event *e;

	for (struct pvb_qnode *n = q->events.head; n; n = n->next) {
		e = pvb_container(n, const struct event, node);
		if (e->token == token && strcmp(e->path, path) == 0)
			return true;
	}
	return false;
}

void pvb_store_events_keep(struct pvb_store_events *q, const char *path,
                           const char *text)
{
	struct pvb_store_watch *watch;
	struct event *e = NULL;
	size_t bytes;
	uint64_t token;

	if (strlen(path) > PVB_XS_PATH_MAX || !parse_token(text, &token))
		return;
	/* One that was under way when its watch was taken back. */
	watch = who_expects(q, path, token);
	if (!watch || watch->whole || is_kept(q, path, token))
		return;
	bytes = sizeof(*e) + strlen(path) + 1;
	if (q->bytes + bytes <= PVB_STORE_EVENT_BYTES)
		e = malloc(bytes);
	if (!e) {
		watch->whole = true;
		return;
	}
	e->token = token;
	strcpy(e->path, path);
	q->bytes += bytes;
	pvb_queue_push(&q->events, &e->node);
}

bool pvb_store_events_take(struct pvb_store_events *q,
                           struct pvb_store_event *out)
{
	struct pvb_qnode *n = pvb_queue_pop(&q->events);
	struct pvb_store_watch *watch = q->watches;
	struct event *e;

	if (n) {
		e = pvb_container(n, struct event, node);
		out->token = e->token;
		strcpy(out->path, e->path);
		q->bytes -= sizeof(*e) + strlen(e->path) + 1;
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

void pvb_store_events_drop(struct pvb_store_events *q)
{
	struct pvb_store_watch *watch;
	struct pvb_qnode *n;

	while ((n = pvb_queue_pop(&q->events)))
		free(pvb_container(n, struct event, node));
	while ((watch = q->watches)) {
		q->watches = watch->next;
		free(watch);
	}
	q->bytes = 0;
}
