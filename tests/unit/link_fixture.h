/* SPDX-License-Identifier: MIT */
/*
 * link_fixture.h - two ends of a link on one loop, each noting what it is
 * told.
 */
#ifndef PVB_TEST_LINK_FIXTURE_H
#define PVB_TEST_LINK_FIXTURE_H

#include <fcntl.h>
#include <stdlib.h>

#include "loop_fixture.h"
#include "open_fds.h"
#include "base/link.h"

struct end {
	struct pvb_link k;
	int messages, closed;
	size_t bytes;                   /* of the last message, as */
	uint32_t nfds;                  /* the rest below */
	char last[PVB_LINK_MSG_MAX];
	int kept;
	void (*also)(struct end *e, int *fds);
};

static struct end ours, theirs;

static inline void note_message(struct pvb_link *k, const void *msg,
                                size_t bytes, int *fds, uint32_t nfds)
{
	struct end *e = pvb_container(k, struct end, k);

	assert_int_equal(e->closed, 0);
	e->messages++;
	e->bytes = bytes;
	e->nfds = nfds;
	memcpy(e->last, msg, bytes);
	if (e->also)
		e->also(e, fds);
}

static inline void note_closed(struct pvb_link *k)
{
	pvb_container(k, struct end, k)->closed++;
}

static const struct pvb_link_ops noting_ops = { note_message, note_closed };

static inline int join(void **state)
{
	int fds[2];

	memset(&ours, 0, sizeof(ours));
	memset(&theirs, 0, sizeof(theirs));
	if (make_loop(state) < 0 || pvb_link_pair(fds) < 0)
		return -1;
	if (pvb_link_init(&ours.k, loop, fds[0], &noting_ops) < 0 ||
	    pvb_link_init(&theirs.k, loop, fds[1], &noting_ops) < 0)
		return -1;
	return 0;
}

static inline int part(void **state)
{
	pvb_link_fini(&ours.k);
	pvb_link_fini(&theirs.k);
	return drop_loop(state);
}

#endif
