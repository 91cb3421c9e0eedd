/* SPDX-License-Identifier: MIT */
/*
 * pool.h - a fixed set of equal objects, sized once; getting and putting
 * never allocates.
 *
 * Each object has an id of slot number (low 32 bits) and generation (high
 * 32 bits).  Putting an object back makes its old id stale, so an id that a
 * peer repeats, keeps or invents finds nothing.  One thread.
 */
#ifndef PVB_POOL_H
#define PVB_POOL_H

#include <stddef.h>
#include <stdint.h>

struct pvb_pool {                       /* caller's storage */
	unsigned char *memory;          /* owned */
	uint32_t      *generation;      /* owned; odd: in use */
	uint32_t      *free_slots;      /* owned; a stack */
	uint32_t       count, free_count;
	size_t         stride;
};

/* 0, -EINVAL (count or size 0, or too much) or -ENOMEM.  Objects are zeroed
   once, here; memory is touched only when an object is first used. */
int pvb_pool_init(struct pvb_pool *p, uint32_t count, size_t object_bytes);
/* Every object must be back (asserted).  An all-zero pool is fine. */
void pvb_pool_fini(struct pvb_pool *p);

/* A free object and its id, or NULL when all are out.  Last in, first out. */
void *pvb_pool_get(struct pvb_pool *p, uint64_t *id);
/* The object with this id, or NULL: stale, free or never given out. */
void *pvb_pool_find(const struct pvb_pool *p, uint64_t id);
/* `object` must come from get (asserted). */
void pvb_pool_put(struct pvb_pool *p, void *object);
uint64_t pvb_pool_id(const struct pvb_pool *p, const void *object);
/* The object in slot `i` if it is in use, else NULL: to walk what is out. */
void *pvb_pool_at(const struct pvb_pool *p, uint32_t i);
uint32_t pvb_pool_used(const struct pvb_pool *p);

#endif
