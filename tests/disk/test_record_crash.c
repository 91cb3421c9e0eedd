/* SPDX-License-Identifier: MIT */
/*
 * What a disk may hold after a power failure: by hand for what is plain, and
 * for random histories against the rule, sector by sector:
 *
 *   A sector holds what some write to it has brought (or what it held at
 *   first), unless another write to it, which began after that one had ended,
 *   is on stable storage.
 *
 * Nothing else is made, and all of that is.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include "disk/record_crash.h"
#include "record_fixture.h"
#include "requests.h"

enum {
	LANE = 1, SECTORS = 3, OPS_MAX = 7, HISTORIES = 500, IMAGES = 3000,
	AT_FIRST = OPS_MAX,             /* no write's number */
};

static struct log_file file;
static struct pvb_record_index x;

/* Whose bytes each sector holds. */
static int disk[SECTORS];

static int put(void *arg, const struct pvb_record_op *op, uint64_t offset,
               uint64_t length)
{
	int who = (int)(op - x.ops);

	(void)arg;
	assert_true(length > 0 && offset >= op->asked.offset_bytes &&
	            offset + length <= op->asked.offset_bytes +
	            op->asked.length_bytes);
	for (uint64_t i = 0; i < length / LOG_SECTOR; i++)
		disk[offset / LOG_SECTOR + i] = who;
	return 0;
}

static struct pvb_record_tally crash(struct pvb_record_crash c)
{
	struct pvb_record_tally t;

	for (int i = 0; i < SECTORS; i++)
		disk[i] = AT_FIRST;
	assert_int_equal(pvb_record_crash(&x, &c, put, NULL, &t), 0);
	return t;
}

static int setup(void **state)
{
	(void)state;
	log_begin(&file);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	pvb_record_index_fini(&x);
	return close(file.fd);
}

static void load(void)
{
	struct pvb_err e;

	if (log_load(&file, &x, &e) < 0)
		fail_msg("%s", e.text);
}

/* Two entries each. */
static void did(uint64_t number, enum pvb_io_op op, uint32_t flags,
                uint64_t at, uint64_t length)
{
	log_ask(&file, LANE, number, op, flags, at, length);
	log_end(&file, LANE, number, 0);
}

static void expect(int a, int b, int c)
{
	assert_int_equal(disk[0], a);
	assert_int_equal(disk[1], b);
	assert_int_equal(disk[2], c);
}

#define ALL .until = UINT64_MAX
#define LOSE(what) .lose = PVB_RECORD_LOSE_##what

static void a_flush_keeps_what_was_done_before_it(void **state)
{
	struct pvb_record_tally t;

	(void)state;
	did(1, PVB_IO_WRITE, 0, 0, 1);
	did(2, PVB_IO_FLUSH, 0, 0, 0);
	did(3, PVB_IO_WRITE, 0, 1, 1);
	load();
	t = crash((struct pvb_record_crash){ ALL, LOSE(ALL) });
	expect(0, AT_FIRST, AT_FIRST);
	assert_int_equal(t.kept, 1);
	assert_int_equal(t.lost, 1);
	/* The flush was not answered by then. */
	crash((struct pvb_record_crash){ .until = 3, LOSE(ALL) });
	expect(AT_FIRST, AT_FIRST, AT_FIRST);
	crash((struct pvb_record_crash){ ALL, LOSE(ALL), .lies = true });
	expect(AT_FIRST, AT_FIRST, AT_FIRST);
}

static void it_does_not_keep_what_ended_later(void **state)
{
	(void)state;
	log_ask(&file, LANE, 1, PVB_IO_WRITE, 0, 0, 1);
	log_ask(&file, LANE, 2, PVB_IO_FLUSH, 0, 0, 0);
	log_end(&file, LANE, 1, 0);
	log_end(&file, LANE, 2, 0);
	load();
	crash((struct pvb_record_crash){ ALL, LOSE(ALL) });
	expect(AT_FIRST, AT_FIRST, AT_FIRST);
}

static void fua_keeps_itself_and_nothing_else(void **state)
{
	(void)state;
	did(1, PVB_IO_WRITE, 0, 0, 1);
	did(2, PVB_IO_WRITE, PVB_IO_FUA, 1, 1);
	did(3, PVB_IO_ZERO, PVB_IO_FUA, 2, 1);
	load();
	crash((struct pvb_record_crash){ ALL, LOSE(ALL) });
	expect(AT_FIRST, 1, 2);
	crash((struct pvb_record_crash){ .until = 3, LOSE(ALL) });
	expect(AT_FIRST, AT_FIRST, AT_FIRST);
}

static void what_failed_keeps_nothing(void **state)
{
	(void)state;
	did(1, PVB_IO_WRITE, 0, 0, 1);
	log_ask(&file, LANE, 2, PVB_IO_FLUSH, 0, 0, 0);
	log_end(&file, LANE, 2, -EIO);
	log_ask(&file, LANE, 3, PVB_IO_WRITE, PVB_IO_FUA, 1, 1);
	log_end(&file, LANE, 3, -EIO);
	load();
	crash((struct pvb_record_crash){ ALL, LOSE(ALL) });
	expect(AT_FIRST, AT_FIRST, AT_FIRST);
}

static void a_discard_may_be_undone(void **state)
{
	(void)state;
	did(1, PVB_IO_WRITE, 0, 0, 3);
	did(2, PVB_IO_DISCARD, 0, 1, 1);
	did(3, PVB_IO_FLUSH, 0, 0, 0);
	load();
	crash((struct pvb_record_crash){ ALL, LOSE(ALL) });
	expect(0, 0, 0);
	crash((struct pvb_record_crash){ ALL, LOSE(NONE) });
	expect(0, 1, 0);
}

static void the_plain_ways_lose_what_they_say(void **state)
{
	struct pvb_record_tally t;
	bool gone[SECTORS] = { false };

	(void)state;
	for (uint64_t i = 0; i < SECTORS; i++)
		did(i + 1, PVB_IO_WRITE, 0, i, 1);
	load();
	crash((struct pvb_record_crash){ ALL, LOSE(NONE) });
	expect(0, 1, 2);
	crash((struct pvb_record_crash){ .until = 3, LOSE(NONE) });
	expect(0, 1, AT_FIRST);
	t = crash((struct pvb_record_crash){ ALL, LOSE(BUT_LAST) });
	expect(AT_FIRST, AT_FIRST, 2);
	assert_int_equal(t.lucky, 1);
	assert_int_equal(t.lost, 2);
	for (uint64_t seed = 0; seed < 40; seed++) {
		t = crash((struct pvb_record_crash){ ALL, LOSE(ONE), seed });
		assert_int_equal(t.lost, 1);
		for (int i = 0; i < SECTORS; i++)
			gone[i] |= disk[i] == AT_FIRST;
	}
	assert_true(gone[0] && gone[1] && gone[2]);
}

static void a_write_is_torn_between_its_sectors(void **state)
{
	bool seen[1 << SECTORS] = { false };

	(void)state;
	did(1, PVB_IO_WRITE, 0, 0, SECTORS);
	load();
	for (uint64_t seed = 0; seed < 400; seed++) {
		int n = 0;

		crash((struct pvb_record_crash){ ALL, LOSE(RANDOM), seed });
		for (int i = 0; i < SECTORS; i++)
			n |= (disk[i] == 0) << i;
		seen[n] = true;
	}
	for (int n = 0; n < 1 << SECTORS; n++)
		assert_true(seen[n]);
}

static void a_seed_makes_one_image(void **state)
{
	int once[SECTORS];

	(void)state;
	for (uint64_t i = 1; i < OPS_MAX; i++)
		did(i, PVB_IO_WRITE, 0, i % 2, 2);
	load();
	for (uint64_t seed = 0; seed < 20; seed++) {
		crash((struct pvb_record_crash){ ALL, LOSE(RANDOM), seed });
		memcpy(once, disk, sizeof(once));
		crash((struct pvb_record_crash){ ALL, LOSE(RANDOM), seed });
		assert_memory_equal(once, disk, sizeof(once));
	}
}

static int refuse(void *arg, const struct pvb_record_op *op, uint64_t offset,
                  uint64_t length)
{
	(void)arg;
	(void)op;
	(void)offset;
	(void)length;
	return -ENOSPC;
}

static void what_cannot_be_put_ends_it(void **state)
{
	const struct pvb_record_crash c = { ALL, LOSE(NONE) };
	struct pvb_record_tally t;

	(void)state;
	did(1, PVB_IO_WRITE, 0, 0, 1);
	load();
	assert_int_equal(pvb_record_crash(&x, &c, refuse, NULL, &t), -ENOSPC);
}

/* The largest that a log may have: in bounded time. */
static void a_huge_one_is_torn_in_few_pieces(void **state)
{
	(void)state;
	log_entry(&file, (struct pvb_record_entry){ .kind = PVB_RECORD_BEGIN,
		.op = PVB_IO_ZERO, .lane = LANE, .number = 1,
		.length_bytes = PVB_RECORD_DISK_MAX });
	load();
	for (uint64_t seed = 0; seed < 50; seed++) {
		const struct pvb_record_crash c = { ALL, LOSE(RANDOM), seed };
		struct pvb_record_tally t;
		int r = pvb_record_crash(&x, &c, refuse, NULL, &t);

		assert_true(r == 0 || r == -ENOSPC);
	}
}

/* ---- any history --------------------------------------------------------- */

/* Entries in a random order: each request begins, and perhaps ends. */
static void write_history(uint64_t *seed)
{
	uint64_t open[OPS_MAX], began = 0;
	int under_way = 0;

	while (began < OPS_MAX || under_way > 0) {
		uint64_t dice = next_random(seed);
		uint64_t at = dice >> 8 & 1, n = dice >> 9 & 1;
		int which;

		if (began < OPS_MAX && (under_way == 0 || dice % 2)) {
			bool flush = dice >> 10 & 1;

			open[under_way++] = began;
			log_ask(&file, LANE, began++, flush ? PVB_IO_FLUSH
			        : PVB_IO_WRITE, !flush && (dice >> 11) % 6 == 0
			        ? PVB_IO_FUA : 0, flush ? 0 : at,
			        flush ? 0 : n + 1);
			continue;
		}
		which = (int)((dice >> 20) % (unsigned)under_way);
		if (dice >> 30 & 7)
			log_end(&file, LANE, open[which],
			        dice >> 33 & 7 ? 0 : -EIO);
		open[which] = open[--under_way];
	}
}

static bool touches(const struct pvb_record_op *op, int sector)
{
	uint64_t at = (uint64_t)sector * LOG_SECTOR;

	return op->asked.op == PVB_IO_WRITE && op->asked.offset_bytes <= at &&
	       at < op->asked.offset_bytes + op->asked.length_bytes;
}

/* By the words of the contract, flush by flush. */
static bool is_stable(const struct pvb_record_op *op, uint64_t until)
{
	if (!op->done || op->end >= until)
		return false;
	if (op->asked.flags & PVB_IO_FUA)
		return true;
	for (size_t i = 0; i < x.count; i++) {
		const struct pvb_record_op *f = &x.ops[i];

		if (f->asked.op == PVB_IO_FLUSH && f->done && f->end < until &&
		    op->end < f->begin)
			return true;
	}
	return false;
}

static bool may_hold(int sector, int who, uint64_t until)
{
	const struct pvb_record_op *op = &x.ops[who];

	if (who != AT_FIRST && (!touches(op, sector) || op->begin >= until))
		return false;
	for (size_t i = 0; i < x.count; i++) {
		const struct pvb_record_op *over = &x.ops[i];

		if (touches(over, sector) && is_stable(over, until) &&
		    (who == AT_FIRST || op->end < over->begin))
			return false;
	}
	return true;
}

static void try_history(uint64_t seed)
{
	uint64_t until, made = 0, legal = 0;
	bool seen[AT_FIRST + 1][AT_FIRST + 1] = { { false } };

	log_begin(&file);
	write_history(&seed);
	load();
	until = next_random(&seed) % (x.entries + 1);
	for (uint64_t i = 0; i < IMAGES; i++) {
		crash((struct pvb_record_crash){ until, LOSE(RANDOM), i });
		for (int s = 0; s < SECTORS; s++)
			if (!may_hold(s, disk[s], until))
				fail_msg("sector %d holds %d", s, disk[s]);
		made += !seen[disk[0]][disk[1]];
		seen[disk[0]][disk[1]] = true;
	}
	/* Sectors are lost one by one, so any two go together; but not where
	   the order of the same writes decides both. */
	for (int a = 0; a <= AT_FIRST; a++)
		for (int s = 0; s < 2; s++) {
			bool found = false;

			for (int b = 0; b <= AT_FIRST; b++)
				found |= s ? seen[b][a] : seen[a][b];
			legal += may_hold(s, a, until);
			if (found != may_hold(s, a, until))
				fail_msg("seed %llu: sector %d never holds %d",
				         (unsigned long long)seed, s, a);
		}
	assert_true(made > 0 && legal >= 2);
	pvb_record_index_fini(&x);
	(void)close(file.fd);
}

static void any_history_leaves_what_the_rule_allows(void **state)
{
	(void)state;
	for (uint64_t i = 0; i < HISTORIES; i++)
		try_history(i * 1000);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_flush_keeps_what_was_done_before_it),
		T(it_does_not_keep_what_ended_later),
		T(fua_keeps_itself_and_nothing_else),
		T(what_failed_keeps_nothing),
		T(a_discard_may_be_undone),
		T(the_plain_ways_lose_what_they_say),
		T(a_write_is_torn_between_its_sectors),
		T(a_seed_makes_one_image),
		T(what_cannot_be_put_ends_it),
		T(a_huge_one_is_torn_in_few_pieces),
		cmocka_unit_test(any_history_leaves_what_the_rule_allows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
