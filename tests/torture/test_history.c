/* SPDX-License-Identifier: MIT */
/* What is believed and what is not, of a disk of four blocks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "history.h"

enum { BLOCKS = 4, DISK = 7, WORDS = HISTORY_BLOCK / 8 };

static struct history h;
static struct history_finding found;

struct op {
	struct history_span span;
	uint64_t data[BLOCKS * WORDS];
};

static int setup(void **state)
{
	(void)state;
	assert_true(history_init(&h, DISK, BLOCKS));
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	history_fini(&h);
	return 0;
}

static void begin(struct op *o, enum history_op op, uint64_t first,
                  uint64_t count)
{
	o->span = (struct history_span){
		.op = op, .first = first, .count = count, .zeros = true,
	};
	assert_true(history_may(&h, &o->span));
	history_begin(&h, &o->span, o->data);
}

static void end(struct op *o)
{
	assert_int_equal(history_end(&h, &o->span, o->data, NULL), 0);
}

static void do_write(struct op *o, uint64_t first, uint64_t count)
{
	begin(o, HISTORY_WRITE, first, count);
	end(o);
}

static enum history_verdict end_read(struct op *o, const uint64_t *data)
{
	uint64_t bad;

	memcpy(o->data, data, o->span.count * HISTORY_BLOCK);
	bad = history_end(&h, &o->span, o->data, &found);
	assert_int_equal(bad > 0, found.verdict != HISTORY_RIGHT);
	return found.verdict;
}

static enum history_verdict read_block(uint64_t block, const uint64_t *data)
{
	struct op r;

	begin(&r, HISTORY_READ, block, 1);
	return end_read(&r, data);
}

static const uint64_t zeros[BLOCKS * WORDS];

/* ---- one after the other ------------------------------------------------- */

static void what_was_written_is_right(void **state)
{
	struct op w;

	(void)state;
	assert_int_equal(read_block(0, zeros), HISTORY_RIGHT);
	do_write(&w, 1, 2);
	assert_int_equal(read_block(1, w.data), HISTORY_RIGHT);
	assert_int_equal(read_block(2, w.data + WORDS), HISTORY_RIGHT);
	assert_int_equal(read_block(3, zeros), HISTORY_RIGHT);
}

static void a_write_that_is_not_there_was_lost(void **state)
{
	struct op a, b;

	(void)state;
	do_write(&a, 0, 1);
	do_write(&b, 0, 1);
	assert_int_equal(read_block(0, a.data), HISTORY_LOST);
	assert_int_equal(found.block, 0);
	assert_int_equal(read_block(0, zeros), HISTORY_LOST);
}

static void what_comes_after_newer_was_seen_has_come_again(void **state)
{
	struct op a, b;

	(void)state;
	do_write(&a, 0, 1);
	do_write(&b, 0, 1);
	assert_int_equal(read_block(0, b.data), HISTORY_RIGHT);
	assert_int_equal(read_block(0, a.data), HISTORY_CAME_AGAIN);
}

static void anything_else_is_wrong(void **state)
{
	struct op a, b;
	struct history other;

	(void)state;
	do_write(&a, 0, 2);
	assert_int_equal(read_block(0, a.data + WORDS), HISTORY_WRONG);
	do_write(&b, 0, 1);
	b.data[WORDS - 1] ^= 1;
	assert_int_equal(read_block(0, b.data), HISTORY_WRONG);
	b.data[WORDS - 1] ^= 1;
	/* The upper half is older. */
	memcpy(b.data + WORDS / 2, a.data + WORDS / 2, HISTORY_BLOCK / 2);
	assert_int_equal(read_block(0, b.data), HISTORY_WRONG);
	assert_true(history_init(&other, DISK + 1, BLOCKS));
	history_begin(&other, &b.span, b.data);
	assert_int_equal(read_block(0, b.data), HISTORY_WRONG);
	history_fini(&other);
}

/* ---- in flight ----------------------------------------------------------- */

static void in_flight_it_is_old_or_new_or_both(void **state)
{
	uint64_t both[WORDS];
	struct op a, b, r;

	(void)state;
	do_write(&a, 0, 1);
	begin(&r, HISTORY_READ, 0, 1);
	begin(&b, HISTORY_WRITE, 0, 1);
	assert_int_equal(read_block(0, a.data), HISTORY_RIGHT);
	memcpy(both, a.data, HISTORY_BLOCK);
	memcpy(both, b.data, HISTORY_BLOCK / 2);
	assert_int_equal(read_block(0, both), HISTORY_RIGHT);
	assert_int_equal(read_block(0, zeros), HISTORY_LOST);
	end(&b);
	/* A read that began before may have been carried out before. */
	assert_int_equal(end_read(&r, a.data), HISTORY_RIGHT);
	assert_int_equal(read_block(0, a.data), HISTORY_LOST);
	assert_int_equal(read_block(0, b.data), HISTORY_RIGHT);
	assert_int_equal(read_block(0, both), HISTORY_WRONG);
}

static void once_it_was_seen_the_old_is_gone(void **state)
{
	struct op a, b;

	(void)state;
	do_write(&a, 0, 1);
	begin(&b, HISTORY_WRITE, 0, 1);
	assert_int_equal(read_block(0, b.data), HISTORY_RIGHT);
	assert_int_equal(read_block(0, a.data), HISTORY_CAME_AGAIN);
	end(&b);
	assert_int_equal(read_block(0, b.data), HISTORY_RIGHT);
}

static void two_in_flight_together_have_no_order(void **state)
{
	struct op a, b;

	(void)state;
	begin(&a, HISTORY_WRITE, 0, 1);
	begin(&b, HISTORY_WRITE, 0, 1);
	end(&b);
	assert_int_equal(read_block(0, zeros), HISTORY_LOST);
	assert_int_equal(read_block(0, b.data), HISTORY_RIGHT);
	/* Done again by a successor. */
	assert_int_equal(read_block(0, a.data), HISTORY_RIGHT);
	end(&a);
	assert_int_equal(read_block(0, a.data), HISTORY_RIGHT);
	assert_int_equal(read_block(0, b.data), HISTORY_CAME_AGAIN);
}

static void what_began_later_wins(void **state)
{
	struct op a, b;

	(void)state;
	begin(&a, HISTORY_WRITE, 0, 1);
	end(&a);
	begin(&b, HISTORY_WRITE, 0, 1);
	assert_int_equal(read_block(0, a.data), HISTORY_RIGHT);
	end(&b);
	assert_int_equal(read_block(0, a.data), HISTORY_LOST);
}

/* ---- discards ------------------------------------------------------------ */

static void zeros_that_were_promised(void **state)
{
	struct op a, d;

	(void)state;
	do_write(&a, 0, 1);
	begin(&d, HISTORY_DISCARD, 0, 1);
	assert_int_equal(read_block(0, a.data), HISTORY_RIGHT);
	assert_int_equal(read_block(0, zeros), HISTORY_RIGHT);
	end(&d);
	assert_int_equal(read_block(0, zeros), HISTORY_RIGHT);
	assert_int_equal(read_block(0, a.data), HISTORY_CAME_AGAIN);
}

static void zeros_that_were_not_promised(void **state)
{
	struct op a, b, d;

	(void)state;
	do_write(&a, 0, 1);
	do_write(&b, 0, 1);
	for (int i = 0; i < 3 * HISTORY_VALUES; i++) {
		d.span = (struct history_span){
			.op = HISTORY_DISCARD, .count = 1,
		};
		assert_true(history_may(&h, &d.span));
		history_begin(&h, &d.span, NULL);
		end(&d);
	}
	assert_int_equal(read_block(0, a.data), HISTORY_LOST);
	assert_int_equal(read_block(0, b.data), HISTORY_RIGHT);
	/* It has been looked at: now it is that. */
	assert_int_equal(read_block(0, zeros), HISTORY_CAME_AGAIN);
}

static void there_is_only_so_much_to_remember(void **state)
{
	struct history_span s = { .op = HISTORY_WRITE, .count = 1 };
	struct op w[16];
	int n = 0;

	(void)state;
	while (history_may(&h, &s))
		begin(&w[n++], HISTORY_WRITE, 0, 1);
	assert_true(n >= 2 && n < 16);
	for (int i = 0; i < n; i++)
		end(&w[i]);
	for (int i = 0; i < 100; i++)
		do_write(&w[0], 0, 1);
	assert_int_equal(read_block(0, w[0].data), HISTORY_RIGHT);
}

#define TEST(t) cmocka_unit_test_setup_teardown(t, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_was_written_is_right),
		TEST(a_write_that_is_not_there_was_lost),
		TEST(what_comes_after_newer_was_seen_has_come_again),
		TEST(anything_else_is_wrong),
		TEST(in_flight_it_is_old_or_new_or_both),
		TEST(once_it_was_seen_the_old_is_gone),
		TEST(two_in_flight_together_have_no_order),
		TEST(what_began_later_wins),
		TEST(zeros_that_were_promised),
		TEST(zeros_that_were_not_promised),
		TEST(there_is_only_so_much_to_remember),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
