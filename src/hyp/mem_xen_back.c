/* SPDX-License-Identifier: MIT */
/*
 * A peer's pages: mapped for the ring, copied for data.  One call to the
 * kernel maps, unmaps or copies a whole batch, and each copy has a result of
 * its own: what a guest grants wrongly is the failure of that copy alone.
 */
#include "mem_xen.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

/* The kernel says EINVAL of whatever the hypervisor refused. */
static int map_code(int error)
{
	switch (error) {
	case EINVAL: case ENOENT: case EACCES: case EPERM:
		return -EACCES;
	case ENOMEM: case ENOSPC: case EAGAIN:
		return -ENOMEM;
	default:
		return -EIO;
	}
}

int pvb_mem_xen_map(struct pvb_mem *m, uint16_t peer, const uint32_t *grefs,
                    uint32_t n, bool read_only, void **addr)
{
	struct pvb_mem_xen_back *b = &pvb_mem_xen_of(m)->back;
	uint32_t refs[PVB_MEM_MAP_MAX];
	void *at;

	if (n == 0 || n > PVB_MEM_MAP_MAX)
		return -EINVAL;
	if (!b->tab || peer != b->peer)
		return -EACCES;
	if (b->mapped.count == PVB_MEM_XEN_AREAS_MAX)
		return -ENOMEM;
	for (uint32_t i = 0; i < n; i++)
		refs[i] = grefs[i];
	/* All of them, or none: what was mapped before one failed, the library
	   has undone. */
	at = xengnttab_map_domain_grant_refs(b->tab, n, peer, refs,
	                                     read_only ? PROT_READ
	                                     : PROT_READ | PROT_WRITE);
	if (!at)
		return map_code(errno);
	pvb_mem_xen_add(&b->mapped, at, n);
	*addr = at;
	return 0;
}

void pvb_mem_xen_unmap(struct pvb_mem *m, void *addr, uint32_t n)
{
	struct pvb_mem_xen_back *b = &pvb_mem_xen_of(m)->back;
	bool ours = pvb_mem_xen_drop(&b->mapped, addr, n);

	assert(ours);
	(void)ours;
	/* If it fails, the addresses stay taken, so nobody gets them again,
	   and go with the process. */
	(void)xengnttab_unmap(b->tab, addr, n);
}

int pvb_mem_xen_window(struct pvb_mem *m, uint16_t peer, uint32_t gref,
                       bool write, void **addr)
{
	(void)m;
	(void)peer;
	(void)gref;
	(void)write;
	(void)addr;
	return -EOPNOTSUPP;
}

/* ---- copies ------------------------------------------------------------ */

static int copy_code(int16_t status)
{
	switch (status) {
	case GNTST_okay:
		return 0;
	case GNTST_bad_gntref:
		return -ENOENT;
	case GNTST_permission_denied: case GNTST_bad_domain:
	case GNTST_bad_page:
		return -EACCES;
	default:
		return -EIO;
	}
}

static void fill(xengnttab_grant_copy_segment_t *s, uint16_t peer,
                 const struct pvb_gcopy *c)
{
	const union xengnttab_copy_ptr here = { .virt = c->local };
	const union xengnttab_copy_ptr there = {
		.foreign = { c->gref, c->offset, peer },
	};

	assert(c->offset + c->length <= PVB_MEM_PAGE_BYTES);
	s->source = c->to_peer ? here : there;
	s->dest = c->to_peer ? there : here;
	s->flags = c->to_peer ? GNTCOPY_dest_gref : GNTCOPY_source_gref;
	s->len = c->length;
	s->status = GNTST_general_error;
}

/* At most as many as one call takes; how many failed. */
static int copy_batch(struct pvb_mem_xen_back *b, uint16_t peer,
                      struct pvb_gcopy *v, uint32_t n)
{
	int failed = 0, r;

	for (uint32_t i = 0; i < n; i++)
		fill(&b->copy[i], peer, &v[i]);
	r = xengnttab_grant_copy(b->tab, n, b->copy);
	for (uint32_t i = 0; i < n; i++) {
		/* Of a call that failed as such no status can be believed. */
		v[i].result = r < 0 ? -EIO : copy_code(b->copy[i].status);
		failed += v[i].result < 0;
	}
	return failed;
}

int pvb_mem_xen_copy(struct pvb_mem *m, uint16_t peer, struct pvb_gcopy *v,
                     uint32_t n)
{
	struct pvb_mem_xen_back *b = &pvb_mem_xen_of(m)->back;
	int failed = 0;

	if (!b->tab || peer != b->peer) {
		for (uint32_t i = 0; i < n; i++)
			v[i].result = -EACCES;
		return (int)n;
	}
	while (n > 0) {
		uint32_t now = n < PVB_MEM_XEN_COPIES_MAX
		               ? n : PVB_MEM_XEN_COPIES_MAX;

		failed += copy_batch(b, peer, v, now);
		v += now;
		n -= now;
	}
	return failed;
}

/* ---- the end ----------------------------------------------------------- */

void pvb_mem_xen_back_close(struct pvb_mem_xen *x)
{
	struct pvb_mem_xen_back *b = &x->back;

	if (!b->tab)
		return;
	while (b->mapped.count > 0)
		pvb_mem_xen_unmap(&x->mem,
			b->mapped.area[b->mapped.count - 1].addr,
			b->mapped.area[b->mapped.count - 1].pages);
	(void)xengnttab_close(b->tab);
	free(b->copy);
}
