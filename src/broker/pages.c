/* SPDX-License-Identifier: MIT */
#include "pages.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "proto/hypwire.h"
#include "reopen.h"

static struct pvb_area **bucket_of(struct pvb_pages *p, uint16_t owner)
{
	return &p->bucket[owner % PVB_PAGES_BUCKETS];
}

static struct pvb_area *find(struct pvb_pages *p, uint16_t owner, uint32_t id)
{
	struct pvb_area *a = *bucket_of(p, owner);

	while (a && (a->owner != owner || a->id != id))
		a = a->next;
	return a;
}

void pvb_pages_fini(struct pvb_pages *p)
{
	assert(p->areas == 0 && p->holds == 0);
	(void)p;
}

/* A sparse memory file of `bytes` that nobody can make shorter or longer. */
static int sealed_file(const char *name, off_t bytes)
{
	int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	int err;

	if (fd < 0)
		return -errno;
	if (ftruncate(fd, bytes) == 0 &&
	    fcntl(fd, F_ADD_SEALS,
	          F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) == 0)
		return fd;
	err = -errno;
	(void)close(fd);
	return err;
}

static uint32_t owned_by(struct pvb_pages *p, uint16_t owner)
{
	uint32_t n = 0;

	for (struct pvb_area *a = *bucket_of(p, owner); a; a = a->next)
		n += a->owner == owner && a->area_fd >= 0;
	return n;
}

/* Numbers go round, so that a reference which outlived its area finds
   nothing, rather than the next area, for as long as can be. */
static uint16_t free_id(struct pvb_pages *p, uint16_t owner)
{
	uint16_t id = p->last_id;

	for (uint32_t i = 0; i < PVB_HYP_AREA_ID_MAX; i++) {
		id = id >= PVB_HYP_AREA_ID_MAX ? 1 : (uint16_t)(id + 1);
		if (!find(p, owner, id))
			return id;
	}
	return 0;
}

static int make_files(struct pvb_area *a)
{
	a->area_fd = sealed_file("pvb-area", PVB_HYP_AREA_BYTES);
	if (a->area_fd < 0)
		return a->area_fd;
	a->table_fd = sealed_file("pvb-grants", PVB_HYP_AREA_PAGES);
	if (a->table_fd >= 0)
		return 0;
	(void)close(a->area_fd);
	return a->table_fd;
}

int pvb_pages_create(struct pvb_pages *p, uint16_t owner, uint16_t grantee,
                     struct pvb_area **out)
{
	struct pvb_area **bucket = bucket_of(p, owner);
	struct pvb_area *a;
	uint16_t id;
	int r;

	if (owned_by(p, owner) >= PVB_PAGES_PER_DOMAIN_MAX)
		return -ENOSPC;
	id = free_id(p, owner);
	if (id == 0)
		return -ENOSPC;
	a = calloc(1, sizeof(*a));
	if (!a)
		return -ENOMEM;
	r = make_files(a);
	if (r < 0) {
		free(a);
		return r;
	}
	a->owner = owner;
	a->grantee = grantee;
	a->id = id;
	a->next = *bucket;
	*bucket = a;
	p->last_id = id;
	p->areas++;
	*out = a;
	return 0;
}

static void forget(struct pvb_pages *p, struct pvb_area *a)
{
	struct pvb_area **at = bucket_of(p, a->owner);

	while (*at != a)
		at = &(*at)->next;
	*at = a->next;
	p->areas--;
	free(a);
}

void pvb_pages_retire(struct pvb_pages *p, struct pvb_area *a)
{
	/* The grantee has the table mapped: now it reads zeros there. */
	int r = fallocate(a->table_fd,
	                  FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
	                  0, PVB_HYP_AREA_PAGES);

	assert(r == 0);
	(void)r;
	(void)close(a->area_fd);
	(void)close(a->table_fd);
	a->area_fd = a->table_fd = -1;
	if (a->holds == 0)
		forget(p, a);
}

int pvb_pages_hold(struct pvb_pages *p, uint16_t owner, uint32_t id,
                   uint16_t who, struct pvb_area **out)
{
	struct pvb_area *a = find(p, owner, id);

	if (!a || a->area_fd < 0)
		return -ENOENT;
	if (a->grantee != who)
		return -EACCES;
	a->holds++;
	p->holds++;
	*out = a;
	return 0;
}

void pvb_pages_unhold(struct pvb_pages *p, struct pvb_area *a)
{
	assert(a->holds > 0);
	a->holds--;
	p->holds--;
	if (a->holds == 0 && a->area_fd < 0)
		forget(p, a);
}

int pvb_area_owner_fds(const struct pvb_area *a, int fds[2])
{
	if (a->area_fd < 0)
		return -ENOENT;
	fds[0] = pvb_reopen(a->area_fd, O_RDWR);
	if (fds[0] < 0)
		return fds[0];
	fds[1] = pvb_reopen(a->table_fd, O_RDWR);
	if (fds[1] >= 0)
		return 0;
	pvb_close_all(fds, 1);
	return fds[1];
}

int pvb_area_grantee_fds(const struct pvb_area *a, int fds[3])
{
	int r;

	if (a->area_fd < 0)
		return -ENOENT;
	fds[0] = r = pvb_reopen(a->area_fd, O_RDONLY);
	if (r < 0)
		return r;
	fds[1] = r = pvb_reopen(a->area_fd, O_RDWR);
	if (r < 0)
		goto fail;
	fds[2] = r = pvb_reopen(a->table_fd, O_RDONLY);
	if (r >= 0)
		return 0;
fail:
	pvb_close_all(fds, 2);
	return r;
}
