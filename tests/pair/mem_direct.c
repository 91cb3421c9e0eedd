/* SPDX-License-Identifier: MIT */
#include "mem_direct_parts.h"

#include <assert.h>
#include <stdlib.h>

static void direct_close(struct pvb_mem *mem)
{
	assert(direct_handle_of(mem)->held == 0);
	free(mem);
}

static const struct pvb_mem_ops direct_ops = {
	.name = "direct", .close = direct_close,
	.share = direct_share, .unshare = direct_unshare,
	.forget = direct_forget,
	.map = direct_map, .unmap = direct_unmap, .window = direct_window,
	.copy = direct_copy, .offer = direct_offer, .bind = direct_bind,
	.unbind = direct_unbind, .notify = direct_notify, .fd = direct_fd,
	.clear = direct_clear,
};

struct mem_direct *mem_direct_create(void)
{
	struct mem_direct *m = calloc(1, sizeof(*m));

	assert(m);
	pthread_mutex_init(&m->lock, NULL);
	for (uint32_t i = 0; i < MEM_DIRECT_PORTS; i++)
		m->port[i].fd = -1;
	return m;
}

void mem_direct_destroy(struct mem_direct *m)
{
	struct mem_direct_counts c;

	mem_direct_counts(m, &c);
	assert(c.shared == 0 && c.mapped == 0 && c.ports == 0);
	direct_areas_free(m);
	pthread_mutex_destroy(&m->lock);
	free(m);
}

struct mem_direct_faults *mem_direct_faults(struct mem_direct *m)
{
	return &m->faults;
}

void mem_direct_counts(struct mem_direct *m, struct mem_direct_counts *out)
{
	direct_lock(m);
	*out = (struct mem_direct_counts){
		.shared = m->shared, .mapped = m->mapped, .maps = m->maps,
		.copies = m->copies, .copy_calls = m->copy_calls,
		.windows = m->windows, .forgotten = m->forgotten,
	};
	for (uint32_t i = 0; i < MEM_DIRECT_PORTS; i++)
		out->ports += m->port[i].fd >= 0;
	direct_unlock(m);
}

struct pvb_mem *mem_direct_open(struct mem_direct *m, uint16_t domid)
{
	struct direct_handle *h = calloc(1, sizeof(*h));

	assert(h);
	h->mem.ops = &direct_ops;
	h->m = m;
	h->domid = domid;
	return &h->mem;
}
