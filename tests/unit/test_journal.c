/* SPDX-License-Identifier: MIT */
/*
 * test_journal.c - what a successor finds in the journal of an honest back
 * that died at this or that moment.
 */
#include "journal_fixture.h"

static int setup(void **state)
{
	static struct journal_fixture f;

	jf_init(&f, JF_BEGIN);
	*state = &f;
	return 0;
}

static int teardown(void **state)
{
	jf_fini(*state);
	return 0;
}

static void assert_found(const struct journal_fixture *f, uint32_t redo,
			 uint32_t uncommitted, uint32_t unpublished,
			 uint32_t published)
{
	assert_int_equal(f->found.redo, redo);
	assert_int_equal(f->found.uncommitted, uncommitted);
	assert_int_equal(f->found.unpublished, unpublished);
	assert_int_equal(f->found.published, published);
}

static void size_follows_from_the_shape(void **state)
{
	const struct pvb_journal_shape plain = { 32, 112, 0 };
	const struct pvb_journal_shape with = { 32, 112, 2048 };

	(void)state;
	assert_int_equal(pvb_journal_bytes(&plain),
			 sizeof(struct pvb_journal_area) + 32 * 128);
	assert_int_equal(pvb_journal_bytes(&with) - pvb_journal_bytes(&plain),
			 32 * 2048);
}

static void shapes_that_cannot_be_have_no_size(void **state)
{
	const struct pvb_journal_shape bad[] = {
		{ 0, 112, 0 }, { 31, 112, 0 },
		{ PVB_JOURNAL_SLOTS_MAX * 2, 112, 0 }, { 32, 0, 0 },
		{ 32, PVB_JOURNAL_SLOT_MAX + 1, 0 },
		{ 32, 112, PVB_JOURNAL_EXTRA_MAX + 1 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(pvb_journal_bytes(&bad[i]), 0);
}

static void records_and_extras_are_apart(void **state)
{
	struct journal_fixture *f = *state;

	for (uint32_t i = 0; i < JF_SLOTS; i++) {
		memset(pvb_journal_slot(&f->j, i), (int)i, JF_SLOT_BYTES);
		memset(pvb_journal_extra(&f->j, i), (int)(100 + i), JF_EXTRA);
		pvb_journal_take(&f->j, i, 1, JF_EXTRA);
	}
	for (uint32_t i = 0; i < JF_SLOTS; i++) {
		const uint8_t *slot = pvb_journal_slot_at(&f->j, i);
		const uint8_t *extra = pvb_journal_extra_at(&f->j, i);

		for (int k = 0; k < JF_SLOT_BYTES; k++)
			assert_int_equal(slot[k], i);
		for (int k = 0; k < JF_EXTRA; k++)
			assert_int_equal(extra[k], 100 + i);
		assert_in_range((uintptr_t)(extra + JF_EXTRA), (uintptr_t)extra,
				(uintptr_t)f->mem + f->bytes);
	}
}

static void a_fresh_one_has_nothing(void **state)
{
	struct journal_fixture *f = *state;

	assert_false(pvb_journal_is_blank(f->mem, f->bytes));
	assert_int_equal(jf_recover(f, JF_BEGIN), PVB_OK);
	assert_found(f, 0, 0, 0, 0);
	assert_int_equal(pvb_journal_req_cons(&f->j), JF_BEGIN);
	assert_int_equal(pvb_journal_medium(&f->j), 0);
}

static void its_head_says_whose_it_is(void **state)
{
	struct journal_fixture *f = *state;
	struct pvb_journal_identity found;
	struct pvb_journal_area *area = f->mem;

	assert_true(f->bytes >= sizeof(*area));
	assert_true(pvb_journal_whose(f->mem, f->bytes, &found));
	assert_memory_equal(&found, &f->terms.identity, sizeof(found));
	assert_true(pvb_journal_whose(f->mem, sizeof(*area), &found));
	assert_false(pvb_journal_whose(f->mem, sizeof(*area) - 1, &found));
	area->version++;
	assert_false(pvb_journal_whose(f->mem, f->bytes, &found));
	area->version--;
	area->head_bytes++;
	assert_false(pvb_journal_whose(f->mem, f->bytes, &found));
	memset(f->mem, 0, f->bytes);
	assert_false(pvb_journal_whose(f->mem, f->bytes, &found));
}

static void what_is_taken_is_done_again_in_its_order(void **state)
{
	struct journal_fixture *f = *state;
	static const uint32_t order[] = { 5, 2, 7, 0 };

	for (int i = 0; i < 4; i++)
		jf_take(f, order[i], 1);
	pvb_journal_commit(&f->j);
	assert_int_equal(jf_recover(f, JF_BEGIN), PVB_OK);
	assert_found(f, 4, 0, 0, 0);
	assert_memory_equal(f->redo, order, sizeof(order));
	assert_int_equal(pvb_journal_req_cons(&f->j), JF_BEGIN + 4);
	for (int i = 0; i < 4; i++)
		assert_int_equal(*(const uint8_t *)
			pvb_journal_slot_at(&f->j, f->redo[i]),
			0x40 + order[i]);
}

static void order_stands_though_the_ring_goes_around(void **state)
{
	struct journal_fixture *f = *state;

	jf_take(f, 3, 1);               /* it is never answered */
	pvb_journal_commit(&f->j);
	/* As if the others had gone by so often. */
	f->j.next += UINT64_C(3) << 32;
	jf_take(f, 1, 1);
	pvb_journal_commit(&f->j);
	assert_int_equal(jf_recover(f, JF_BEGIN), PVB_OK);
	assert_found(f, 2, 0, 0, 0);
	assert_int_equal(f->redo[0], 3);
	assert_int_equal(f->redo[1], 1);
}

static void what_was_not_committed_is_still_on_the_ring(void **state)
{
	struct journal_fixture *f = *state;

	jf_take(f, 0, 1);
	pvb_journal_commit(&f->j);
	jf_take(f, 1, 2);
	jf_take(f, 2, 1);
	assert_int_equal(jf_recover(f, JF_BEGIN), PVB_OK);
	assert_found(f, 1, 2, 0, 0);
	assert_int_equal(f->redo[0], 0);
	assert_int_equal(pvb_journal_req_cons(&f->j), JF_BEGIN + 1);
	/* They are free now: nothing of them is found again. */
	assert_int_equal(jf_recover(f, JF_BEGIN), PVB_OK);
	assert_found(f, 1, 0, 0, 0);
}

static void what_was_not_shown_is_done_again(void **state)
{
	struct journal_fixture *f = *state;

	for (uint32_t i = 0; i < 3; i++)
		jf_take(f, i, 1);
	pvb_journal_commit(&f->j);
	pvb_journal_answer(&f->j, 2);
	pvb_journal_answer(&f->j, 0);
	pvb_journal_publish(&f->j);
	assert_int_equal(jf_recover(f, JF_BEGIN), PVB_OK);
	assert_found(f, 3, 0, 2, 0);
	assert_int_equal(f->redo[0], 0);
	assert_int_equal(f->redo[2], 2);
	/* They are as if never answered. */
	assert_int_equal(jf_recover(f, JF_BEGIN), PVB_OK);
	assert_found(f, 3, 0, 0, 0);
}

static void what_was_shown_is_not_done_again(void **state)
{
	struct journal_fixture *f = *state;

	for (uint32_t i = 0; i < 3; i++)
		jf_take(f, i, 1);
	pvb_journal_commit(&f->j);
	pvb_journal_answer(&f->j, 2);
	pvb_journal_answer(&f->j, 0);
	pvb_journal_publish(&f->j);
	assert_int_equal(jf_recover(f, JF_BEGIN + 2), PVB_OK);
	assert_found(f, 1, 0, 0, 2);
	assert_int_equal(f->redo[0], 1);
	assert_int_equal(jf_recover(f, JF_BEGIN + 2), PVB_OK);
	assert_found(f, 1, 0, 0, 0);
}

static void the_next_batch_is_not_mixed_up_with_the_last(void **state)
{
	struct journal_fixture *f = *state;

	for (uint32_t i = 0; i < 4; i++)
		jf_take(f, i, 1);
	pvb_journal_commit(&f->j);
	pvb_journal_answer(&f->j, 0);
	pvb_journal_publish(&f->j);
	pvb_journal_published(&f->j);
	pvb_journal_free(&f->j, 0);
	/* All three indices agree, and yet this was not shown. */
	pvb_journal_answer(&f->j, 1);
	assert_int_equal(jf_recover(f, JF_BEGIN + 1), PVB_OK);
	assert_found(f, 3, 0, 1, 0);
	assert_int_equal(f->redo[0], 1);
}

static void freed_in_part_is_all_answered(void **state)
{
	struct journal_fixture *f = *state;

	for (uint32_t i = 0; i < 3; i++)
		jf_take(f, i, 1);
	pvb_journal_commit(&f->j);
	for (uint32_t i = 0; i < 3; i++)
		pvb_journal_answer(&f->j, i);
	pvb_journal_publish(&f->j);
	pvb_journal_published(&f->j);
	pvb_journal_free(&f->j, 0);
	assert_int_equal(jf_recover(f, JF_BEGIN + 3), PVB_OK);
	assert_found(f, 0, 0, 0, 2);
}

static void slots_are_counted_not_requests(void **state)
{
	struct journal_fixture *f = *state;

	jf_take(f, 0, 3);
	jf_take(f, 1, 4);
	pvb_journal_commit(&f->j);
	assert_int_equal(pvb_journal_req_cons(&f->j), JF_BEGIN + 7);
	pvb_journal_answer(&f->j, 1);
	pvb_journal_publish(&f->j);
	assert_int_equal(jf_recover(f, JF_BEGIN + 4), PVB_OK);
	assert_found(f, 1, 0, 0, 1);
	assert_int_equal(f->redo[0], 0);
	assert_int_equal(pvb_journal_slots(&f->j, 0), 3);
}

static void a_list_is_there_once_its_length_is(void **state)
{
	struct journal_fixture *f = *state;

	jf_take(f, 0, 1);
	pvb_journal_commit(&f->j);
	memset(pvb_journal_list(&f->j, 0), 0x77, 16);
	assert_int_equal(jf_recover(f, JF_BEGIN), PVB_OK);
	assert_int_equal(pvb_journal_extra_bytes(&f->j, 0), 0);
	memset(pvb_journal_list(&f->j, 0), 0x78, 16);
	pvb_journal_listed(&f->j, 0, 16);
	assert_int_equal(jf_recover(f, JF_BEGIN), PVB_OK);
	assert_int_equal(pvb_journal_extra_bytes(&f->j, 0), 16);
	assert_int_equal(*(const uint8_t *)pvb_journal_extra_at(&f->j, 0),
			 0x78);
}

static void indices_wrap(void **state)
{
	struct journal_fixture f;

	(void)state;
	jf_init(&f, UINT32_MAX - 1);
	for (uint32_t i = 0; i < 4; i++)
		jf_take(&f, i, 1);
	pvb_journal_commit(&f.j);
	for (uint32_t i = 0; i < 3; i++)
		pvb_journal_answer(&f.j, i);
	pvb_journal_publish(&f.j);
	assert_int_equal(jf_recover(&f, 1), PVB_OK);
	assert_found(&f, 1, 0, 0, 3);
	assert_int_equal(f.redo[0], 3);
	assert_int_equal(pvb_journal_req_cons(&f.j), 2);
	jf_fini(&f);
}

static void a_successor_goes_on(void **state)
{
	struct journal_fixture *f = *state;

	for (uint32_t i = 0; i < 3; i++)
		jf_take(f, i, 1);
	pvb_journal_commit(&f->j);
	pvb_journal_answer(&f->j, 1);
	pvb_journal_publish(&f->j);
	assert_int_equal(jf_recover(f, JF_BEGIN), PVB_OK);
	jf_take(f, 6, 1);
	pvb_journal_commit(&f->j);
	pvb_journal_answer(&f->j, 0);
	pvb_journal_answer(&f->j, 6);
	pvb_journal_publish(&f->j);
	assert_int_equal(jf_recover(f, JF_BEGIN + 2), PVB_OK);
	assert_found(f, 2, 0, 0, 2);
	assert_int_equal(f->redo[0], 1);
	assert_int_equal(f->redo[1], 2);
}

static void what_was_revoked_stays_so(void **state)
{
	struct journal_fixture *f = *state;

	pvb_journal_revoke(&f->j, 2);
	assert_int_equal(jf_open(f), PVB_OK);           /* it never heard */
	assert_int_equal(pvb_journal_revoked(&f->j), 2);
	f->terms.features = 1;
	assert_int_equal(jf_open(f), PVB_OK);           /* it has */
	f->terms.features = 2;          /* from another queue's */
	assert_int_equal(jf_open(f), PVB_OK);
	assert_int_equal(pvb_journal_features(&f->j), 3);
	f->terms.features = 7;
	assert_int_equal(jf_open(f), PVB_WHY_JOURNAL_OTHER);
}

static void the_medium_is_kept(void **state)
{
	struct journal_fixture *f = *state;

	pvb_journal_set_medium(&f->j, UINT64_C(0x123456789a));
	assert_int_equal(jf_open(f), PVB_OK);
	assert_true(pvb_journal_medium(&f->j) == UINT64_C(0x123456789a));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(size_follows_from_the_shape),
		cmocka_unit_test(shapes_that_cannot_be_have_no_size),
		TEST(records_and_extras_are_apart),
		TEST(a_fresh_one_has_nothing),
		TEST(its_head_says_whose_it_is),
		TEST(what_is_taken_is_done_again_in_its_order),
		TEST(order_stands_though_the_ring_goes_around),
		TEST(what_was_not_committed_is_still_on_the_ring),
		TEST(what_was_not_shown_is_done_again),
		TEST(what_was_shown_is_not_done_again),
		TEST(the_next_batch_is_not_mixed_up_with_the_last),
		TEST(freed_in_part_is_all_answered),
		TEST(slots_are_counted_not_requests),
		TEST(a_list_is_there_once_its_length_is),
		cmocka_unit_test(indices_wrap),
		TEST(a_successor_goes_on),
		TEST(what_was_revoked_stays_so),
		TEST(the_medium_is_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
