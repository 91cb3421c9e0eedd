/* SPDX-License-Identifier: MIT */
/*
 * pages.h - who granted which area of memory to whom.
 *
 * The broker makes an area's files and decides which domain gets descriptors
 * of them; what is granted inside an area stands in its table, which the
 * owner writes and the grantee checks.  Nothing here maps or reads a page.
 *
 * An area is sealed at its full size: its owner cannot cut it off under a
 * grantee that has it mapped.  It outlives its owner for as long as somebody
 * holds it, as a number that is not given out again; nothing in it is
 * granted any more.  Pages that an owner takes back are its own to use
 * again, so it takes back only what the grantee has answered for.
 */
#ifndef PVB_BROKER_PAGES_H
#define PVB_BROKER_PAGES_H

#include <stdint.h>

enum {
	PVB_PAGES_PER_DOMAIN_MAX = 1024,        /* areas with a living owner */
	PVB_PAGES_BUCKETS        = 64,
};

struct pvb_area {
	struct pvb_area *next;          /* in its bucket */
	uint16_t owner, grantee, id;
	uint32_t holds;
	int area_fd, table_fd;          /* owned; -1: the owner is gone */
};

struct pvb_pages {                      /* caller's storage; zero is empty */
	struct pvb_area *bucket[PVB_PAGES_BUCKETS];
	uint32_t areas, holds;
	uint16_t last_id;
};

/* Every area must be gone (asserted). */
void pvb_pages_fini(struct pvb_pages *p);

/* A new area, owned by the caller until retire.  0, -ENOSPC (quota, or no
   number free), -ENOMEM, or -errno of a file that could not be made. */
int  pvb_pages_create(struct pvb_pages *p, uint16_t owner, uint16_t grantee,
                      struct pvb_area **out);
/* The owner is gone: nothing of the area is granted any more. */
void pvb_pages_retire(struct pvb_pages *p, struct pvb_area *a);

/* Hold area `id` of `owner` for domain `who`.  0, -ENOENT (none such, or its
   owner is gone), -EACCES (it is for another domain). */
int  pvb_pages_hold(struct pvb_pages *p, uint16_t owner, uint32_t id,
                    uint16_t who, struct pvb_area **out);
void pvb_pages_unhold(struct pvb_pages *p, struct pvb_area *a);

/* Owned descriptors: area and table to write; area to read, area to write,
   table to read.  0, -ENOENT (the owner is gone), -errno. */
int  pvb_area_owner_fds(const struct pvb_area *a, int fds[2]);
int  pvb_area_grantee_fds(const struct pvb_area *a, int fds[3]);

#endif
