/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "pair_death.h"

struct pair_moment {
	size_t journal_bytes;
	unsigned char *journal;
	unsigned char ring[PVB_BLK_RING_PAGES_MAX][PVB_RING_PAGE_BYTES];
};

static uint32_t pages(const struct pair *p)
{
	return UINT32_C(1) << p->options.ring_order;
}

static void *page(struct pair *p, uint32_t i)
{
	void *at = mem_direct_page(p->machine, p->attached.ring_ref[i]);

	assert_non_null(at);
	return at;
}

uint32_t *pair_ring(struct pair *p)
{
	return page(p, 0);
}

struct pair_moment *pair_moment(struct pair *p)
{
	struct pair_moment *m = calloc(1, sizeof(*m));

	assert_non_null(m);
	for (uint32_t i = 0; i < pages(p); i++)
		memcpy(m->ring[i], page(p, i), PVB_RING_PAGE_BYTES);
	m->journal_bytes = p->journal_bytes;
	m->journal = malloc(m->journal_bytes);
	assert_non_null(m->journal);
	memcpy(m->journal, p->journal, m->journal_bytes);
	return m;
}

void pair_moment_free(struct pair_moment *m)
{
	if (m)
		free(m->journal);
	free(m);
}

static void restore(struct pair *p, const struct pair_moment *m)
{
	for (uint32_t i = 0; i < pages(p); i++)
		memcpy(page(p, i), m->ring[i], PVB_RING_PAGE_BYTES);
	memcpy(p->journal, m->journal, m->journal_bytes);
}

void pair_kill(struct pair *p, struct pair_moment *m, void (*fence)(void))
{
	assert_true(p->options.own_loop);
	if (!m)
		m = pair_moment(p);
	control_fini(&p->back);
	if (fence)
		fence();
	pvb_blkback_io_destroy(p->back_io);
	p->back_io = NULL;
	restore(p, m);
	pair_moment_free(m);
	pair_make_back(p);
}

void pair_resume_msg(struct pair *p, struct pvb_blk_msg *m)
{
	pair_back_attach_msg(p, m);
	m->u.back_attach.resume = true;
}

struct pvb_journal_found pair_resume(struct pair *p)
{
	struct pvb_blk_msg m;

	pair_resume_msg(p, &m);
	pair_send_back_attach(p, &m);
	return control_wait(&p->back, PVB_BLK_MSG_ATTACHED).u.found;
}

enum pvb_why pair_resume_fails(struct pair *p, const struct pvb_blk_msg *m)
{
	pair_send_back_attach(p, m);
	return control_wait(&p->back, PVB_BLK_MSG_FAILED).u.failed.why;
}
