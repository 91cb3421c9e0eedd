/* SPDX-License-Identifier: MIT */
/*
 * iolist.h - requests in a line, linked through pvb_io.next.
 *
 * Inline and pure.  An all-zero list is empty and valid.
 */
#ifndef PVB_IOLIST_H
#define PVB_IOLIST_H

#include <stddef.h>

#include <pvb/disk.h>

struct pvb_iolist { struct pvb_io *head, *tail; };

static inline void pvb_iolist_push(struct pvb_iolist *q, struct pvb_io *io)
{
	io->next = NULL;
	if (q->head)
		q->tail->next = io;
	else
		q->head = io;
	q->tail = io;
}

static inline void pvb_iolist_push_front(struct pvb_iolist *q,
                                         struct pvb_io *io)
{
	io->next = q->head;
	if (!q->head)
		q->tail = io;
	q->head = io;
}

/* All of `more` behind, which is empty then. */
static inline void pvb_iolist_append(struct pvb_iolist *q,
                                     struct pvb_iolist *more)
{
	if (!more->head)
		return;
	if (q->head)
		q->tail->next = more->head;
	else
		q->head = more->head;
	q->tail = more->tail;
	more->head = NULL;
}

/* The oldest, or NULL. */
static inline struct pvb_io *pvb_iolist_pop(struct pvb_iolist *q)
{
	struct pvb_io *io = q->head;

	if (io)
		q->head = io->next;
	return io;
}

#endif
