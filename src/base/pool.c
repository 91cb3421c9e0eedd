/* SPDX-License-Identifier: MIT */
#include <assert.h>
#include <errno.h>
#include <stdalign.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>

#include "pool.h"

int pvb_pool_init(struct pvb_pool *p, uint32_t count, size_t object_bytes)
{
	const size_t align = alignof(max_align_t);

	*p = (struct pvb_pool){ 0 };
	if (count == 0 || object_bytes == 0 ||
	    object_bytes > PTRDIFF_MAX - align)
		return -EINVAL;
	p->stride = (object_bytes + align - 1) / align * align;
	if (count > PTRDIFF_MAX / p->stride)
		return -EINVAL;
	p->count = count;
	p->free_count = count;
	/* calloc leaves large memory untouched, and it is zero all the same. */
	p->memory = calloc(count, p->stride);
	p->generation = calloc(count, sizeof(*p->generation));
	p->free_slots = calloc(count, sizeof(*p->free_slots));
	if (!p->memory || !p->generation || !p->free_slots) {
		pvb_pool_fini(p);
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < count; i++)
		p->free_slots[i] = count - 1 - i;
	return 0;
}

void pvb_pool_fini(struct pvb_pool *p)
{
	assert(p->free_count == p->count);
	free(p->memory);
	free(p->generation);
	free(p->free_slots);
	*p = (struct pvb_pool){ 0 };
}

static bool slot_used(const struct pvb_pool *p, uint32_t slot)
{
	return p->generation[slot] & 1;
}

static uint64_t slot_id(const struct pvb_pool *p, uint32_t slot)
{
	return (uint64_t)p->generation[slot] << 32 | slot;
}

static uint32_t object_slot(const struct pvb_pool *p, const void *object)
{
	const unsigned char *at = object;
	size_t offset = (size_t)(at - p->memory);

	assert(at >= p->memory && offset < p->count * p->stride);
	assert(offset % p->stride == 0);
	return (uint32_t)(offset / p->stride);
}

void *pvb_pool_get(struct pvb_pool *p, uint64_t *id)
{
	uint32_t slot;

	if (p->free_count == 0)
		return NULL;
	slot = p->free_slots[--p->free_count];
	p->generation[slot]++;
	assert(slot_used(p, slot));
	if (id)
		*id = slot_id(p, slot);
	return p->memory + slot * p->stride;
}

void *pvb_pool_find(const struct pvb_pool *p, uint64_t id)
{
	uint32_t slot = (uint32_t)id;

	if (slot >= p->count || !slot_used(p, slot) || slot_id(p, slot) != id)
		return NULL;
	return p->memory + slot * p->stride;
}

void pvb_pool_put(struct pvb_pool *p, void *object)
{
	uint32_t slot = object_slot(p, object);

	assert(slot_used(p, slot));
	p->generation[slot]++;
	p->free_slots[p->free_count++] = slot;
}

uint64_t pvb_pool_id(const struct pvb_pool *p, const void *object)
{
	uint32_t slot = object_slot(p, object);

	assert(slot_used(p, slot));
	return slot_id(p, slot);
}

void *pvb_pool_at(const struct pvb_pool *p, uint32_t i)
{
	if (i >= p->count || !slot_used(p, i))
		return NULL;
	return p->memory + i * p->stride;
}

uint32_t pvb_pool_used(const struct pvb_pool *p)
{
	return p->count - p->free_count;
}
