/* SPDX-License-Identifier: MIT */
/* client_call.c - the blocking forms: submit, then wait. */
#include <pvb/client.h>

#include <errno.h>
#include <pthread.h>

#include "disk/disk.h"
#include "lib/client_errand.h"

struct wait {
	pthread_mutex_t lock;
	pthread_cond_t  changed;
	bool            done;
	int             result;
};

static void wait_done(struct pvb_io *io, int result)
{
	struct wait *w = io->arg;

	pthread_mutex_lock(&w->lock);
	w->done = true;
	w->result = result;
	pthread_cond_signal(&w->changed);
	pthread_mutex_unlock(&w->lock);
}

static int run_io(struct pvb_client *c, struct pvb_io *io)
{
	struct wait w = { .done = false };

	pthread_mutex_init(&w.lock, NULL);
	pthread_cond_init(&w.changed, NULL);
	io->done = wait_done;
	io->arg = &w;
	pvb_client_submit(c, io);
	pthread_mutex_lock(&w.lock);
	while (!w.done)
		pthread_cond_wait(&w.changed, &w.lock);
	pthread_mutex_unlock(&w.lock);
	pthread_cond_destroy(&w.changed);
	pthread_mutex_destroy(&w.lock);
	return w.result;
}

int pvb_client_read(struct pvb_client *c, void *buffer, size_t length_bytes,
                    uint64_t offset_bytes)
{
	struct iovec v = { buffer, length_bytes };
	struct pvb_io io = { .op = PVB_IO_READ, .offset_bytes = offset_bytes,
		.length_bytes = length_bytes, .iov = &v, .iovcnt = 1 };

	return run_io(c, &io);
}

int pvb_client_write(struct pvb_client *c, const void *buffer,
                     size_t length_bytes, uint64_t offset_bytes,
                     uint32_t flags)
{
	struct iovec v = { (void *)(uintptr_t)buffer, length_bytes };
	struct pvb_io io = { .op = PVB_IO_WRITE, .flags = flags,
		.offset_bytes = offset_bytes, .length_bytes = length_bytes,
		.iov = &v, .iovcnt = 1 };

	return run_io(c, &io);
}

int pvb_client_flush(struct pvb_client *c)
{
	struct pvb_io io = { .op = PVB_IO_FLUSH };

	return run_io(c, &io);
}

int pvb_client_discard(struct pvb_client *c, uint64_t length_bytes,
                       uint64_t offset_bytes, uint32_t flags)
{
	struct pvb_io io = { .op = PVB_IO_DISCARD, .flags = flags,
		.offset_bytes = offset_bytes, .length_bytes = length_bytes };

	return run_io(c, &io);
}

int pvb_client_zero(struct pvb_client *c, uint64_t length_bytes,
                    uint64_t offset_bytes, uint32_t flags)
{
	struct pvb_io io = { .op = PVB_IO_ZERO, .flags = flags,
		.offset_bytes = offset_bytes, .length_bytes = length_bytes };

	return run_io(c, &io);
}

static void do_extents(struct pvb_disk *lane, struct pvb_errand *e)
{
	e->result = lane->ops->extents
		? lane->ops->extents(lane, e->offset_bytes,
		                        e->length_bytes, e->extents, e->cap)
		: -EOPNOTSUPP;
}

int pvb_client_extents(struct pvb_client *c, uint64_t offset_bytes,
                       uint64_t length_bytes, struct pvb_client_extent *v,
                       uint32_t cap)
{
	enum { AT_ONCE = 64 };
	struct pvb_disk_extent found[AT_ONCE];
	struct pvb_errand e = { .run = do_extents, .offset_bytes = offset_bytes,
		.length_bytes = length_bytes, .extents = found,
		.cap = cap < AT_ONCE ? cap : AT_ONCE };

	pvb_client_run_errand(c, &e);
	for (int i = 0; i < e.result; i++) {
		v[i].length_bytes = found[i].length_bytes;
		v[i].hole = found[i].hole;
		v[i].zero = found[i].zero;
	}
	return e.result;
}

static void do_buffer_get(struct pvb_disk *lane, struct pvb_errand *e)
{
	e->buffer = lane->ops->buffer_get
		? lane->ops->buffer_get(lane, e->bytes) : NULL;
}

void *pvb_client_buffer_get(struct pvb_client *c, size_t bytes)
{
	struct pvb_errand e = { .run = do_buffer_get, .bytes = bytes };

	pvb_client_run_errand(c, &e);
	return e.buffer;
}

static void do_buffer_put(struct pvb_disk *lane, struct pvb_errand *e)
{
	lane->ops->buffer_put(lane, e->buffer, e->bytes);
}

void pvb_client_buffer_put(struct pvb_client *c, void *buffer, size_t bytes)
{
	struct pvb_errand e = { .run = do_buffer_put, .buffer = buffer,
		.bytes = bytes };

	if (buffer)
		pvb_client_run_errand(c, &e);
}
