/* SPDX-License-Identifier: MIT */
/*
 * test_journal_lies.c - a journal that is not what it should be: each of its
 * lies is refused for its own reason, before anything of it is changed.
 */
#include "journal_fixture.h"

/* Three requests: 0 of two slots, 1 and 2 of one; 2 is being answered. */
static int setup(void **state)
{
	static struct journal_fixture f;

	jf_init(&f, JF_BEGIN);
	jf_take(&f, 0, 2);
	jf_take(&f, 1, 1);
	jf_take(&f, 2, 1);
	pvb_journal_commit(&f.j);
	pvb_journal_answer(&f.j, 2);
	pvb_journal_publish(&f.j);
	*state = &f;
	return 0;
}

static int teardown(void **state)
{
	jf_fini(*state);
	return 0;
}

static struct pvb_journal_area *area(struct journal_fixture *f)
{
	return f->mem;
}

/* Refused for this, and not a byte of it has changed. */
static void assert_refused_at(struct journal_fixture *f, uint32_t rsp_prod,
			      enum pvb_why why)
{
	uint8_t *before = malloc(f->bytes);

	assert_non_null(before);
	memcpy(before, f->mem, f->bytes);
	assert_int_equal(jf_recover(f, rsp_prod), why);
	assert_memory_equal(before, f->mem, f->bytes);
	free(before);
}

static void assert_content(struct journal_fixture *f)
{
	assert_refused_at(f, JF_BEGIN, PVB_WHY_JOURNAL_CONTENT);
}

static void the_truth_is_taken(void **state)
{
	assert_int_equal(jf_recover(*state, JF_BEGIN), PVB_OK);
}

static void no_magic(void **state)
{
	struct journal_fixture *f = *state;

	area(f)->magic = PVB_JOURNAL_MAGIC ^ 1;
	assert_refused_at(f, JF_BEGIN, PVB_WHY_JOURNAL_FORMAT);
}

static void another_version(void **state)
{
	struct journal_fixture *f = *state;

	area(f)->version++;
	assert_refused_at(f, JF_BEGIN, PVB_WHY_JOURNAL_FORMAT);
}

static void another_head(void **state)
{
	struct journal_fixture *f = *state;

	area(f)->head_bytes--;
	assert_refused_at(f, JF_BEGIN, PVB_WHY_JOURNAL_FORMAT);
}

static void another_shape(void **state)
{
	struct journal_fixture *f = *state;

	area(f)->is.shape.slot_bytes--;
	assert_refused_at(f, JF_BEGIN, PVB_WHY_JOURNAL_FORMAT);
}

static void memory_that_does_not_fit_the_ring(void **state)
{
	struct journal_fixture *f = *state;

	assert_int_equal(pvb_journal_open(&f->j, f->mem, f->bytes - 1,
					  &f->terms), PVB_WHY_JOURNAL_FORMAT);
	assert_int_equal(pvb_journal_open(&f->j, f->mem, 8, &f->terms),
			 PVB_WHY_JOURNAL_FORMAT);
	f->terms.shape.slots = 16;
	assert_int_equal(pvb_journal_open(&f->j, f->mem, f->bytes, &f->terms),
			 PVB_WHY_JOURNAL_FORMAT);
}

/* Any bit of it, by bytes: there is no padding. */
static void another_connection(void **state)
{
	struct journal_fixture *f = *state;
	uint8_t *is = (uint8_t *)&area(f)->is.identity;

	for (size_t i = 0; i < sizeof(struct pvb_journal_identity); i++) {
		is[i] ^= 0x10;
		assert_refused_at(f, JF_BEGIN, PVB_WHY_JOURNAL_OTHER);
		is[i] ^= 0x10;
	}
	assert_int_equal(jf_recover(f, JF_BEGIN), PVB_OK);
}

static void other_terms(void **state)
{
	struct journal_fixture *f = *state;

	for (uint32_t i = 0; i < f->terms.terms_bytes; i++) {
		area(f)->is.terms[i] ^= 1;
		assert_refused_at(f, JF_BEGIN, PVB_WHY_JOURNAL_OTHER);
		area(f)->is.terms[i] ^= 1;
	}
	f->terms.terms_bytes--;
	assert_refused_at(f, JF_BEGIN, PVB_WHY_JOURNAL_OTHER);
	f->terms.terms_bytes += 2;
	assert_refused_at(f, JF_BEGIN, PVB_WHY_JOURNAL_OTHER);
}

static void a_length_of_terms_beyond_all_bounds(void **state)
{
	struct journal_fixture *f = *state;

	area(f)->is.terms_bytes = UINT32_MAX;
	assert_refused_at(f, JF_BEGIN, PVB_WHY_JOURNAL_OTHER);
}

static void a_ring_that_is_elsewhere(void **state)
{
	struct journal_fixture *f = *state;

	assert_refused_at(f, JF_BEGIN - 1, PVB_WHY_JOURNAL_RING);
	assert_refused_at(f, JF_BEGIN + 2, PVB_WHY_JOURNAL_RING);
}

static void a_state_that_is_none(void **state)
{
	struct journal_fixture *f = *state;

	jf_record(f, 1)->state = 3;
	assert_content(f);
	jf_record(f, 1)->state = 255;
	assert_content(f);
}

static void a_request_of_no_slots_or_too_many(void **state)
{
	struct journal_fixture *f = *state;

	jf_record(f, 0)->slots = 0;
	assert_content(f);
	jf_record(f, 0)->slots = JF_SLOTS + 1;
	assert_content(f);
}

static void extra_beyond_its_place(void **state)
{
	struct journal_fixture *f = *state;

	jf_record(f, 0)->extra_bytes = JF_EXTRA + 1;
	assert_content(f);
}

static void a_request_on_both_sides_of_req_cons(void **state)
{
	struct journal_fixture *f = *state;

	jf_record(f, 2)->req_idx = JF_BEGIN + 3;
	jf_record(f, 2)->slots = 2;
	assert_content(f);
}

static void a_request_far_beyond_req_cons(void **state)
{
	struct journal_fixture *f = *state;

	jf_record(f, 5)->slots = 1;
	jf_record(f, 5)->req_idx = JF_BEGIN + 4 + JF_SLOTS;
	jf_record(f, 5)->state = PVB_JOURNAL_TAKEN;
	assert_content(f);
	jf_record(f, 5)->req_idx = UINT64_MAX;
	assert_content(f);
}

static void an_answer_to_what_was_not_committed(void **state)
{
	struct journal_fixture *f = *state;

	jf_record(f, 5)->slots = 1;
	jf_record(f, 5)->req_idx = JF_BEGIN + 4;
	jf_record(f, 5)->rsp_idx = JF_BEGIN;
	jf_record(f, 5)->state = PVB_JOURNAL_ANSWERING;
	assert_content(f);
}

static void an_answer_far_away(void **state)
{
	struct journal_fixture *f = *state;

	jf_record(f, 2)->rsp_idx = JF_BEGIN + JF_SLOTS;
	assert_content(f);
	jf_record(f, 2)->rsp_idx = JF_BEGIN - JF_SLOTS - 1;
	assert_content(f);
}

static void an_answer_shown_in_part(void **state)
{
	struct journal_fixture *f = *state;

	jf_record(f, 0)->state = PVB_JOURNAL_ANSWERING;
	jf_record(f, 0)->rsp_idx = JF_BEGIN;
	area(f)->rsp_new = JF_BEGIN + 1;
	assert_refused_at(f, JF_BEGIN + 1, PVB_WHY_JOURNAL_CONTENT);
}

static void one_request_twice(void **state)
{
	struct journal_fixture *f = *state;

	jf_record(f, 1)->req_idx = jf_record(f, 2)->req_idx;
	assert_content(f);
}

static void requests_that_overlap(void **state)
{
	struct journal_fixture *f = *state;

	jf_record(f, 1)->req_idx = JF_BEGIN + 1;
	assert_content(f);
}

static void one_too_few(void **state)
{
	struct journal_fixture *f = *state;

	jf_record(f, 1)->state = PVB_JOURNAL_FREE;
	assert_content(f);
}

static void one_too_many(void **state)
{
	struct journal_fixture *f = *state;

	jf_record(f, 5)->slots = 1;
	jf_record(f, 5)->req_idx = JF_BEGIN - 3;
	jf_record(f, 5)->state = PVB_JOURNAL_TAKEN;
	assert_content(f);
}

static void more_requests_than_there_can_have_been(void **state)
{
	struct journal_fixture *f = *state;

	for (uint32_t i = 0; i < 3; i++)
		jf_record(f, i)->req_idx |= UINT64_C(1) << 63;
	area(f)->req_cons |= UINT64_C(1) << 63;
	assert_content(f);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_truth_is_taken),
		TEST(no_magic),
		TEST(another_version),
		TEST(another_head),
		TEST(another_shape),
		TEST(memory_that_does_not_fit_the_ring),
		TEST(another_connection),
		TEST(other_terms),
		TEST(a_length_of_terms_beyond_all_bounds),
		TEST(a_ring_that_is_elsewhere),
		TEST(a_state_that_is_none),
		TEST(a_request_of_no_slots_or_too_many),
		TEST(extra_beyond_its_place),
		TEST(a_request_on_both_sides_of_req_cons),
		TEST(a_request_far_beyond_req_cons),
		TEST(an_answer_to_what_was_not_committed),
		TEST(an_answer_far_away),
		TEST(an_answer_shown_in_part),
		TEST(one_request_twice),
		TEST(requests_that_overlap),
		TEST(one_too_few),
		TEST(one_too_many),
		TEST(more_requests_than_there_can_have_been),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
