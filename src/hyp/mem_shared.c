/* SPDX-License-Identifier: MIT */
#include "mem_shared.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "proto/hypwire.h"

struct pvb_mem_local_shared {
	pthread_mutex_t lock;           /* guards all below */
	struct pvb_mem_mapping *first;
};

struct pvb_mem_local_shared *pvb_mem_local_shared_create(void)
{
	struct pvb_mem_local_shared *s = calloc(1, sizeof(*s));

	if (s && pthread_mutex_init(&s->lock, NULL) != 0) {
		free(s);
		s = NULL;
	}
	return s;
}

void pvb_mem_local_shared_destroy(struct pvb_mem_local_shared *s)
{
	if (!s)
		return;
	assert(!s->first);
	(void)pthread_mutex_destroy(&s->lock);
	free(s);
}

struct pvb_mem_mapping *pvb_mem_shared_add(struct pvb_mem_local_shared *s,
                                           const struct pvb_mem_mapping *m)
{
	struct pvb_mem_mapping *n = malloc(sizeof(*n));

	if (!n)
		return NULL;
	*n = *m;
	n->refs = 1;
	(void)pthread_mutex_lock(&s->lock);
	n->next = s->first;
	s->first = n;
	(void)pthread_mutex_unlock(&s->lock);
	return n;
}

struct pvb_mem_mapping *pvb_mem_shared_get(struct pvb_mem_local_shared *s,
                                           uint64_t machine, uint16_t domid,
                                           uint32_t area)
{
	struct pvb_mem_mapping *m;

	(void)pthread_mutex_lock(&s->lock);
	for (m = s->first; m; m = m->next)
		if (m->machine == machine && m->domid == domid &&
		    m->area == area)
			break;
	if (m)
		m->refs++;
	(void)pthread_mutex_unlock(&s->lock);
	return m;
}

void pvb_mem_shared_put(struct pvb_mem_local_shared *s,
                        struct pvb_mem_mapping *m)
{
	struct pvb_mem_mapping **at = &s->first;
	bool last;

	(void)pthread_mutex_lock(&s->lock);
	last = --m->refs == 0;
	if (last) {
		while (*at != m)
			at = &(*at)->next;
		*at = m->next;
	}
	(void)pthread_mutex_unlock(&s->lock);
	if (!last)
		return;
	(void)munmap(m->pages, PVB_HYP_AREA_BYTES);
	(void)munmap(m->table, PVB_HYP_AREA_PAGES);
	free(m);
}
