/* SPDX-License-Identifier: MIT */
#include "spy_store.h"

#include <stdio.h>
#include <string.h>

static struct spy_store *spy_of(struct pvb_store *s)
{
	return (struct spy_store *)s;
}

static struct pvb_store *real(struct pvb_store *s)
{
	return spy_of(s)->real;
}

static void spy_close(struct pvb_store *s)
{
	pvb_store_close(real(s));
}

static int spy_read(struct pvb_store *s, uint32_t tx, const char *path,
                    char *value, size_t cap)
{
	spy_of(s)->reads++;
	return real(s)->ops->read(real(s), tx, path, value, cap);
}

static int spy_write(struct pvb_store *s, uint32_t tx, const char *path,
                     const void *value, size_t bytes)
{
	struct spy_store *y = spy_of(s);
	struct spy_write *w = &y->write[y->writes++ % SPY_WRITES];

	w->tx = tx;
	snprintf(w->path, sizeof(w->path), "%s", path);
	snprintf(w->value, sizeof(w->value), "%.*s", (int)bytes,
	         (const char *)value);
	return real(s)->ops->write(real(s), tx, path, value, bytes);
}

static int spy_list(struct pvb_store *s, uint32_t tx, const char *path,
                    char **names)
{
	return real(s)->ops->list(real(s), tx, path, names);
}

static int spy_mkdir(struct pvb_store *s, uint32_t tx, const char *path)
{
	return real(s)->ops->mkdir(real(s), tx, path);
}

static int spy_remove(struct pvb_store *s, uint32_t tx, const char *path)
{
	return real(s)->ops->remove(real(s), tx, path);
}

static int spy_begin(struct pvb_store *s, uint32_t *tx)
{
	return real(s)->ops->begin(real(s), tx);
}

static int spy_commit(struct pvb_store *s, uint32_t tx)
{
	struct spy_store *y = spy_of(s);
	void (*before)(void) = y->before_commit;

	y->before_commit = NULL;
	if (before)
		before();
	return real(s)->ops->commit(real(s), tx);
}

static void spy_abort(struct pvb_store *s, uint32_t tx)
{
	real(s)->ops->abort(real(s), tx);
}

static int spy_watch(struct pvb_store *s, const char *path, uint64_t token)
{
	return real(s)->ops->watch(real(s), path, token);
}

static void spy_unwatch(struct pvb_store *s, const char *path, uint64_t token)
{
	real(s)->ops->unwatch(real(s), path, token);
}

static int spy_next_event(struct pvb_store *s, struct pvb_store_event *e)
{
	return real(s)->ops->next_event(real(s), e);
}

static int spy_fd(struct pvb_store *s)
{
	return real(s)->ops->fd(real(s));
}

static int spy_domain_exists(struct pvb_store *s, uint16_t domid)
{
	return real(s)->ops->domain_exists(real(s), domid);
}

void spy_store_init(struct spy_store *s, struct pvb_store *r)
{
	memset(s, 0, sizeof(*s));
	s->real = r;
	s->ops = (struct pvb_store_ops){
		.name = "spy", .close = spy_close, .read = spy_read,
		.write = spy_write, .list = spy_list, .mkdir = spy_mkdir,
		.remove = spy_remove, .begin = spy_begin,
		.commit = spy_commit, .abort = spy_abort, .watch = spy_watch,
		.unwatch = spy_unwatch, .next_event = spy_next_event,
		.fd = spy_fd, .domain_exists = spy_domain_exists,
	};
	s->store.ops = &s->ops;
}

static bool ends_so(const char *path, const char *end)
{
	size_t p = strlen(path), e = strlen(end);

	return p >= e && strcmp(path + p - e, end) == 0;
}

uint32_t spy_store_tx(const struct spy_store *s, const char *end,
                      const char *value)
{
	uint32_t n = s->writes < SPY_WRITES ? s->writes : SPY_WRITES;

	while (n-- > 0)
		if (ends_so(s->write[n].path, end) &&
		    (!value || strcmp(s->write[n].value, value) == 0))
			return s->write[n].tx;
	return UINT32_MAX;
}
