/* SPDX-License-Identifier: MIT */
#include "mem_local.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <pvb/err.h>

void *pvb_mem_local_map_file(int fd, size_t bytes, int prot)
{
	void *p = mmap(NULL, bytes, prot, MAP_SHARED | MAP_NORESERVE, fd, 0);

	return p == MAP_FAILED ? NULL : p;
}

void pvb_mem_local_close_fds(int *fds, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		(void)close(fds[i]);
}

static void close_local(struct pvb_mem *m)
{
	struct pvb_mem_local *l = pvb_mem_local_of(m);

	pvb_mem_local_bells_close(l);
	pvb_mem_local_back_close(l);
	pvb_mem_local_front_close(l);
	/* Last: until here the areas' numbers are not given out again. */
	pvb_hypclient_close(&l->client);
	free(l);
}

static const struct pvb_mem_ops local_ops = {
	.name = "local",
	.close = close_local,
	.share = pvb_mem_local_share,
	.unshare = pvb_mem_local_unshare,
	.forget = pvb_mem_local_forget,
	.map = pvb_mem_local_map,
	.unmap = pvb_mem_local_unmap,
	.window = pvb_mem_local_window,
	.copy = pvb_mem_local_copy,
	.offer = pvb_mem_local_offer,
	.bind = pvb_mem_local_bind,
	.unbind = pvb_mem_local_unbind,
	.notify = pvb_mem_local_notify,
	.fd = pvb_mem_local_fd,
	.clear = pvb_mem_local_clear,
};

/* On a connection, which is taken over, also on failure. */
static struct pvb_mem *create(const struct pvb_hypclient *client,
                              struct pvb_mem_local_shared *shared,
                              struct pvb_err *e)
{
	struct pvb_mem_local *l = calloc(1, sizeof(*l));

	if (!l) {
		struct pvb_hypclient c = *client;

		pvb_hypclient_close(&c);
		(void)pvb_err_set(e, -EIO, "out of memory");
		return NULL;
	}
	l->mem.ops = &local_ops;
	l->client = *client;
	l->shared = shared;
	return &l->mem;
}

struct pvb_mem *pvb_mem_open_local(const char *dir, uint16_t domid,
                                   struct pvb_mem_local_shared *shared,
                                   struct pvb_err *e)
{
	struct pvb_hypclient c;

	if (pvb_hypclient_open(&c, dir, domid, e) < 0)
		return NULL;
	return create(&c, shared, e);
}

struct pvb_mem *pvb_mem_open_local_fd(int fd,
                                      struct pvb_mem_local_shared *shared,
                                      struct pvb_err *e)
{
	struct pvb_hypclient c;

	if (pvb_hypclient_adopt(&c, fd, e) < 0)
		return NULL;
	return create(&c, shared, e);
}

int pvb_mem_local_limited(const char *dir, uint16_t domid, uint16_t peer,
                          struct pvb_err *e)
{
	struct pvb_hyp_reply reply;
	struct pvb_hypclient c;
	int fd, r;

	r = pvb_hypclient_open(&c, dir, domid, e);
	if (r < 0)
		return r;
	r = pvb_hypclient_ask(&c, PVB_HYP_LIMITED, peer, 0, &reply, &fd, 1);
	pvb_hypclient_close(&c);
	if (r < 0)
		return pvb_err_set(e, r, "%s: the local hypervisor refuses a "
		                   "connection for domain %u", dir, peer);
	return fd;
}
