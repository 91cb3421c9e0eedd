/* SPDX-License-Identifier: MIT */
/*
 * Pages that we share.  Which pages are free stands in memory of our own;
 * the table that the peer reads is only ever written.
 */
#include "mem_local.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "mem_shared.h"

/* Hand the mappings to the registry of this process, if there is one. */
static int register_area(struct pvb_mem_local *l, uint8_t *table)
{
	struct pvb_mem_front *f = &l->front;
	const struct pvb_mem_mapping m = {
		.machine = l->client.hello.machine,
		.domid = (uint16_t)l->client.hello.domid,
		.area = f->area, .pages = f->pages, .table = table,
	};

	if (!l->shared)
		return 0;
	f->mapping = pvb_mem_shared_add(l->shared, &m);
	return f->mapping ? 0 : -ENOMEM;
}

static int map_area(struct pvb_mem_local *l, const int fds[2])
{
	struct pvb_mem_front *f = &l->front;
	const int prot = PROT_READ | PROT_WRITE;
	uint8_t *table;

	f->used = calloc(PVB_MEM_LOCAL_PAGE_WORDS, sizeof(*f->used));
	if (!f->used)
		return -ENOMEM;
	f->pages = pvb_mem_local_map_file(fds[0], PVB_HYP_AREA_BYTES, prot);
	if (!f->pages)
		goto fail_used;
	table = pvb_mem_local_map_file(fds[1], PVB_HYP_AREA_PAGES, prot);
	if (!table)
		goto fail_pages;
	f->table = table;
	if (register_area(l, table) == 0)
		return 0;
	(void)munmap(table, PVB_HYP_AREA_PAGES);
fail_pages:
	(void)munmap(f->pages, PVB_HYP_AREA_BYTES);
fail_used:
	free(f->used);
	return -ENOMEM;
}

/* Have an area for `peer`.  Of this handle it is the only one, ever: after a
   failure to map it the handle can share nothing. */
static int need_area(struct pvb_mem_local *l, uint16_t peer)
{
	struct pvb_mem_front *f = &l->front;
	struct pvb_hyp_reply reply;
	int fds[2], r;

	if (f->area)
		return f->peer == peer ? 0 : -EINVAL;
	r = pvb_hypclient_ask(&l->client, PVB_HYP_AREA_CREATE, peer, 0,
	                      &reply, fds, 2);
	if (r < 0)
		return r == -EEXIST ? -ENOMEM : r;
	f->area = reply.value;
	f->peer = peer;
	f->fd = fds[0];
	r = map_area(l, fds);
	(void)close(fds[1]);
	if (r < 0) {
		(void)close(fds[0]);
		*f = (struct pvb_mem_front){ 0 };
	}
	return r;
}

static bool is_used(const struct pvb_mem_front *f, uint32_t page)
{
	return f->used[page / 64] >> page % 64 & 1;
}

static void mark(struct pvb_mem_front *f, uint32_t page, uint32_t n, bool used)
{
	for (uint32_t i = page; i < page + n; i++)
		if (used)
			f->used[i / 64] |= 1ull << i % 64;
		else
			f->used[i / 64] &= ~(1ull << i % 64);
}

/* The first of `n` free pages in a row, the lowest there are, so that little
   memory and few page tables are touched.  -ENOSPC. */
static int64_t find_run(struct pvb_mem_front *f, uint32_t n)
{
	uint32_t run = 0;

	while (f->used_from < PVB_MEM_LOCAL_PAGE_WORDS &&
	       f->used[f->used_from] == UINT64_MAX)
		f->used_from++;
	for (uint32_t i = f->used_from * 64; i < PVB_HYP_AREA_PAGES; i++) {
		run = is_used(f, i) ? 0 : run + 1;
		if (run == n)
			return (int64_t)i - n + 1;
	}
	return -ENOSPC;
}

int pvb_mem_local_share(struct pvb_mem *m, uint16_t peer, uint32_t pages,
                        bool read_only, void **addr, uint32_t *grefs)
{
	struct pvb_mem_local *l = pvb_mem_local_of(m);
	struct pvb_mem_front *f = &l->front;
	uint8_t entry = PVB_HYP_GRANT_VALID;
	int64_t first;
	int r;

	assert(pages > 0);
	r = need_area(l, peer);
	if (r < 0)
		return r;
	first = find_run(f, pages);
	if (first < 0)
		return (int)first;
	if (read_only)
		entry |= PVB_HYP_GRANT_READ_ONLY;
	mark(f, (uint32_t)first, pages, true);
	for (uint32_t i = 0; i < pages; i++) {
		f->table[(uint32_t)first + i] = entry;
		grefs[i] = pvb_hyp_gref(f->area, (uint32_t)first + i);
	}
	*addr = f->pages + (size_t)first * PVB_HYP_PAGE_BYTES;
	return 0;
}

void pvb_mem_local_unshare(struct pvb_mem *m, void *addr, uint32_t pages)
{
	struct pvb_mem_front *f = &pvb_mem_local_of(m)->front;
	size_t offset = (size_t)((uint8_t *)addr - f->pages);
	uint32_t first = (uint32_t)(offset / PVB_HYP_PAGE_BYTES);
	int r;

	assert(f->area && offset % PVB_HYP_PAGE_BYTES == 0 &&
	       offset / PVB_HYP_PAGE_BYTES + pages <= PVB_HYP_AREA_PAGES);
	for (uint32_t i = 0; i < pages; i++) {
		assert(is_used(f, first + i));
		f->table[first + i] = 0;
	}
	/* What a dead back's kernel still writes to lands in a page that
	   nobody sees; the next use of this one starts from zeros. */
	r = fallocate(f->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
	              (off_t)offset, (off_t)pages * PVB_HYP_PAGE_BYTES);
	if (r < 0)              /* then not used again */
		return;
	mark(f, first, pages, false);
	if (first / 64 < f->used_from)
		f->used_from = first / 64;
}

void pvb_mem_local_forget(struct pvb_mem *m, void *addr, uint32_t pages)
{
	struct pvb_mem_front *f = &pvb_mem_local_of(m)->front;
	size_t offset = (size_t)((uint8_t *)addr - f->pages);

	assert(f->area && offset % PVB_HYP_PAGE_BYTES == 0);
	/* Else the memory stays, which only costs some. */
	(void)fallocate(f->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
	                (off_t)offset, (off_t)pages * PVB_HYP_PAGE_BYTES);
}

void pvb_mem_local_front_close(struct pvb_mem_local *l)
{
	struct pvb_mem_front *f = &l->front;

	if (!f->area)
		return;
	free(f->used);
	(void)close(f->fd);
	if (f->mapping) {
		pvb_mem_shared_put(l->shared, f->mapping);
		return;
	}
	(void)munmap(f->pages, PVB_HYP_AREA_BYTES);
	(void)munmap((void *)(uintptr_t)f->table, PVB_HYP_AREA_PAGES);
}
