/* SPDX-License-Identifier: MIT */
/*
 * queue.h - intrusive first-in first-out queue.  Pure, no allocation.
 *
 * A node is in at most one queue.  An all-zero queue is empty and valid.
 */
#ifndef PVB_QUEUE_H
#define PVB_QUEUE_H

#include <stdbool.h>
#include <stddef.h>

struct pvb_qnode { struct pvb_qnode *next; };
struct pvb_queue { struct pvb_qnode *head, *tail; };

/* The struct that holds node `p` as its member `m`. */
#define pvb_container(p, type, m) \
	((type *)(void *)((char *)(p) - offsetof(type, m)))

static inline bool pvb_queue_is_empty(const struct pvb_queue *q)
{
	return q->head == NULL;
}

static inline void pvb_queue_push(struct pvb_queue *q, struct pvb_qnode *n)
{
	n->next = NULL;
	if (q->tail)
		q->tail->next = n;
	else
		q->head = n;
	q->tail = n;
}

/* Put back at the front: for a node that could not be served yet. */
static inline void pvb_queue_push_front(struct pvb_queue *q,
                                        struct pvb_qnode *n)
{
	n->next = q->head;
	q->head = n;
	if (!q->tail)
		q->tail = n;
}

/* The oldest node, or NULL. */
static inline struct pvb_qnode *pvb_queue_pop(struct pvb_queue *q)
{
	struct pvb_qnode *n = q->head;

	if (!n)
		return NULL;
	q->head = n->next;
	if (!q->head)
		q->tail = NULL;
	n->next = NULL;
	return n;
}

#endif
