/* SPDX-License-Identifier: MIT */
/*
 * Pages that we share, from the kernel's gntalloc device.  They come zeroed.
 * A page whose grant the peer still has mapped when we end it is kept back by
 * the kernel until it lets go: it does not come to us or anybody again.
 */
#include "mem_xen.h"

#include <assert.h>
#include <errno.h>

int pvb_mem_xen_share(struct pvb_mem *m, uint16_t peer, uint32_t pages,
                      bool read_only, void **addr, uint32_t *grefs)
{
	struct pvb_mem_xen_front *f = &pvb_mem_xen_of(m)->front;
	void *at;

	assert(pages > 0 && pages <= INT32_MAX);
	if (!f->share)
		return -EACCES;
	if (f->has_peer && f->peer != peer)
		return -EINVAL;
	if (f->shared.count == PVB_MEM_XEN_AREAS_MAX)
		return -ENOSPC;
	at = xengntshr_share_pages(f->share, peer, (int)pages, grefs,
	                           !read_only);
	if (!at)        /* ENOSPC: gntalloc's parameter `limit` */
		return errno == ENOSPC || errno == ENOMEM ? -errno
		       : errno == EACCES || errno == EPERM ? -EACCES : -EIO;
	f->peer = peer;
	f->has_peer = true;
	pvb_mem_xen_add(&f->shared, at, pages);
	*addr = at;
	return 0;
}

void pvb_mem_xen_unshare(struct pvb_mem *m, void *addr, uint32_t pages)
{
	struct pvb_mem_xen_front *f = &pvb_mem_xen_of(m)->front;
	bool ours = pvb_mem_xen_drop(&f->shared, addr, pages);

	assert(ours);
	(void)ours;
	(void)xengntshr_unshare(f->share, addr, pages);
}

void pvb_mem_xen_front_close(struct pvb_mem_xen *x)
{
	struct pvb_mem_xen_front *f = &x->front;

	if (!f->share)
		return;
	while (f->shared.count > 0)
		pvb_mem_xen_unshare(&x->mem,
			f->shared.area[f->shared.count - 1].addr,
			f->shared.area[f->shared.count - 1].pages);
	(void)xengntshr_close(f->share);
}
