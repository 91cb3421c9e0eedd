/* SPDX-License-Identifier: MIT */
/*
 * journal_fixture.h - a journal for a ring of eight slots, and somebody who
 * finds it after its writer's death.
 */
#ifndef PVB_TEST_JOURNAL_FIXTURE_H
#define PVB_TEST_JOURNAL_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "proto/journal.h"
#include "proto/journal_layout.h"

enum { JF_SLOTS = 8, JF_SLOT_BYTES = 24, JF_EXTRA = 40, JF_BEGIN = 1000 };

struct journal_fixture {
	struct pvb_journal j;
	struct pvb_journal_terms terms;
	size_t bytes;
	void *mem;
	/* What the last recovery said. */
	uint32_t redo[JF_SLOTS];
	struct pvb_journal_found found;
};

static inline struct pvb_journal_terms jf_terms(void)
{
	return (struct pvb_journal_terms){
		.shape = { JF_SLOTS, JF_SLOT_BYTES, JF_EXTRA },
		.identity = {
			.protocol = PVB_JOURNAL_BLKIF, .device = 51712,
			.front_domid = 5, .back_domid = 3,
			.queue = 1, .queues = 4, .port = 17, .ref_count = 2,
			.ring_ref = { 8, 9 },
		},
		.features = 3, .terms_bytes = 4, .terms = { 1, 2, 3, 4 },
	};
}

static inline void jf_init(struct journal_fixture *f, uint32_t index)
{
	memset(f, 0, sizeof(*f));
	f->terms = jf_terms();
	f->bytes = pvb_journal_bytes(&f->terms.shape);
	f->mem = aligned_alloc(PVB_JOURNAL_ALIGN, f->bytes);
	assert_non_null(f->mem);
	memset(f->mem, 0, f->bytes);
	assert_true(pvb_journal_is_blank(f->mem, f->bytes));
	pvb_journal_begin(&f->j, f->mem, &f->terms, index);
}

static inline void jf_fini(struct journal_fixture *f)
{
	free(f->mem);
}

static inline struct pvb_journal_record *jf_record(struct journal_fixture *f,
						   uint32_t i)
{
	return pvb_journal_record(&f->j, i);
}

static inline void jf_take(struct journal_fixture *f, uint32_t i,
			   uint32_t slots)
{
	memset(pvb_journal_slot(&f->j, i), (int)(0x40 + i), JF_SLOT_BYTES);
	pvb_journal_take(&f->j, i, slots, 0);
}

/* The writer is dead; its successor opens what is there. */
static inline enum pvb_why jf_open(struct journal_fixture *f)
{
	memset(&f->j, 0, sizeof(f->j));
	return pvb_journal_open(&f->j, f->mem, f->bytes, &f->terms);
}

static inline enum pvb_why jf_recover(struct journal_fixture *f,
				      uint32_t rsp_prod)
{
	enum pvb_why why = jf_open(f);

	if (why != PVB_OK)
		return why;
	memset(f->redo, 0xff, sizeof(f->redo));
	return pvb_journal_recover(&f->j, rsp_prod, f->redo, &f->found);
}

#endif
