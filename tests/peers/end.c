/* SPDX-License-Identifier: MIT */
#include "end.h"

#include <poll.h>

/* ---- life ---------------------------------------------------------------- */

void end_open(struct end *e, const char *run, uint16_t domid, uint16_t peer,
              const char *mine, const char *other)
{
	struct pvb_err err = PVB_ERR_INIT;

	memset(e, 0, sizeof(*e));
	e->peer = peer;
	snprintf(e->mine, sizeof(e->mine), "%s", mine);
	snprintf(e->other, sizeof(e->other), "%s", other);
	e->store = pvb_store_open_local(run, domid, false, &err);
	if (!e->store)
		fail_msg("%s", err.text);
	e->mem = pvb_mem_open_local(run, domid, NULL, &err);
	if (!e->mem)
		fail_msg("%s", err.text);
	watch(e, "state");
}

void end_close(struct end *e)
{
	pvb_mem_close(e->mem);
	pvb_store_close(e->store);
	memset(e, 0, sizeof(*e));
}

/* ---- saying -------------------------------------------------------------- */

static const char *path_of(const char *dir, const char *name)
{
	static char path[256];

	snprintf(path, sizeof(path), "%s%s%s", dir, *name ? "/" : "", name);
	return path;
}

void begin(struct end *e)
{
	assert_int_equal(e->tx, 0);
	assert_int_equal(e->store->ops->begin(e->store, &e->tx), 0);
}

bool commit(struct end *e)
{
	uint32_t tx = e->tx;
	int r;

	e->tx = 0;
	r = e->store->ops->commit(e->store, tx);
	assert_true(r == 0 || r == -EAGAIN);
	return r == 0;
}

void say(struct end *e, const char *name, const char *format, ...)
{
	char value[256];
	va_list ap;
	int n;

	va_start(ap, format);
	n = vsnprintf(value, sizeof(value), format, ap);
	va_end(ap);
	assert_in_range(n, 0, sizeof(value) - 1);
	assert_int_equal(e->store->ops->write(e->store, e->tx,
	                                      path_of(e->mine, name), value,
	                                      (size_t)n), 0);
}

void say_state(struct end *e, int state)
{
	say(e, "state", "%d", state);
}

void unsay(struct end *e, const char *name)
{
	assert_int_equal(e->store->ops->remove(e->store, e->tx,
	                                       path_of(e->mine, name)), 0);
}

void complain(struct end *e, const char *text)
{
	char path[160];
	int domid, skip;

	assert_int_equal(sscanf(e->mine, "/local/domain/%d/%n", &domid, &skip),
	                 1);
	snprintf(path, sizeof(path), "/local/domain/%d/error/%s/error", domid,
	         e->mine + skip);
	assert_int_equal(e->store->ops->write(e->store, PVB_STORE_NO_TX, path,
	                                      text, strlen(text)), 0);
}

/* ---- hearing ------------------------------------------------------------- */

static const char *read_node(struct end *e, const char *dir, const char *name,
                             bool *there)
{
	static char value[8][512];
	static uint32_t turn;
	char *v = value[turn++ % 8];
	int n = e->store->ops->read(e->store, PVB_STORE_NO_TX,
	                            path_of(dir, name), v, sizeof(*value) - 1);

	assert_true(n >= 0 || n == -ENOENT || n == -EACCES);
	v[n > 0 ? n : 0] = '\0';
	if (there)
		*there = n >= 0;
	return v;
}

const char *hear(struct end *e, const char *name)
{
	return read_node(e, e->other, name, NULL);
}

const char *recall(struct end *e, const char *name)
{
	return read_node(e, e->mine, name, NULL);
}

bool is_said(struct end *e, const char *name)
{
	bool there;

	(void)read_node(e, e->other, name, &there);
	return there;
}

uint64_t hear_number(struct end *e, const char *name, uint64_t absent)
{
	bool there;
	const char *v = read_node(e, e->other, name, &there);
	char *end;
	uint64_t n;

	if (!there)
		return absent;
	n = strtoull(v, &end, 10);
	if (!*v || *end)
		fail_msg("%s/%s is no number: \"%s\"", e->other, name, v);
	return n;
}

int hear_state(struct end *e)
{
	return (int)hear_number(e, "state", 0);
}

/* ---- waiting ------------------------------------------------------------- */

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

int64_t end_deadline(void)
{
	return now_ms() + END_WAIT_S * 1000;
}

void end_wait(const int *fds, uint32_t n, int64_t end_ms, const char *what)
{
	struct pollfd p[8];
	int64_t left = end_ms - now_ms();
	int r = 0;

	assert_in_range(n, 1, 8);
	for (uint32_t i = 0; i < n; i++)
		p[i] = (struct pollfd){ .fd = fds[i], .events = POLLIN };
	if (left > 0)
		r = poll(p, n, (int)left);
	if (r == 0)
		fail_msg("did not come: %s", what);
	assert_true(r > 0 || errno == EINTR);
}

void watch(struct end *e, const char *name)
{
	assert_int_equal(e->store->ops->watch(e->store,
	                                      path_of(e->other, name), 1), 0);
}

void unwatch(struct end *e, const char *name)
{
	e->store->ops->unwatch(e->store, path_of(e->other, name), 1);
}

uint32_t end_news(struct end *e)
{
	static struct pvb_store_event event;
	uint32_t n = 0;

	while (e->store->ops->next_event(e->store, &event) == 1)
		n++;
	return n;
}

void await_news(struct end *e, const char *what)
{
	int64_t end = end_deadline();
	int fd = e->store->ops->fd(e->store);

	while (end_news(e) == 0)
		end_wait(&fd, 1, end, what);
}

void await_state(struct end *e, int state)
{
	char what[64];
	int found;

	while ((found = hear_state(e)) != state) {
		snprintf(what, sizeof(what), "state %d; it is %d", state,
		         found);
		await_news(e, what);
	}
}
