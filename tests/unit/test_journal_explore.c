/* SPDX-License-Identifier: MIT */
/*
 * test_journal_explore.c - a back that is killed at each of its crash points,
 * alone and in pairs, whatever it was about to do; and backs that do something
 * in the wrong order, which must be found out.
 *
 * Never is a request answered twice, forgotten, done again after its answer was
 * shown, or not what the guest has asked.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "journal_world.h"
#include "proto/crash_point.h"

struct tally {
	uint64_t runs, killed[PVB_AT_COUNT];
	struct world_result sum;
	const char *wrong;              /* the first */
	struct world_script how;
};

/* The next way to choose; false: that was the last. */
static bool next_way(struct world_script *s)
{
	for (int i = 0; i < WORLD_CHOICES; i++) {
		if (++s->way[i] < WORLD_WAYS)
			return true;
		s->way[i] = 0;
	}
	return false;
}

static struct world_result run(struct tally *t, const struct world_script *s)
{
	struct world_result r;

	world_run(s, &r);
	t->runs++;
	if (r.killed > 0)
		t->killed[r.last_point]++;
	t->sum.redone += r.redone;
	t->sum.uncommitted += r.uncommitted;
	t->sum.unpublished += r.unpublished;
	t->sum.published += r.published;
	if (r.wrong && !t->wrong) {
		t->wrong = r.wrong;
		t->how = *s;
	}
	return r;
}

/* Kill at every point, and after each of these at every point again, until
   `depth` deaths. */
static void kill_everywhere(struct tally *t, struct world_script *s,
			    uint32_t depth)
{
	uint32_t last = s->kills++;
	struct world_result r;

	for (s->kill_at[last] = 0; !t->wrong; s->kill_at[last]++) {
		r = run(t, s);
		if (r.killed <= last)
			break;          /* it was through before */
		if (s->kills < depth)
			kill_everywhere(t, s, depth);
	}
	s->kills--;
}

static void explore(struct tally *t, enum world_fault fault, uint32_t depth)
{
	struct world_script s = { .fault = fault };

	memset(t, 0, sizeof(*t));
	do {
		(void)run(t, &s);
		kill_everywhere(t, &s, depth);
	} while (!t->wrong && next_way(&s));
}

static void assert_nothing_wrong(const struct tally *t)
{
	const struct world_script *s = &t->how;

	if (t->wrong)
		fail_msg("%s: ways %u %u %u, %u kills at %u, %u", t->wrong,
			 s->way[0], s->way[1], s->way[2], s->kills,
			 s->kill_at[0], s->kill_at[1]);
}

static void no_kill_is_noticed(void **state)
{
	struct tally t;

	(void)state;
	explore(&t, WORLD_HONEST, 2);
	assert_nothing_wrong(&t);
	print_message("# %llu runs: %u done again, %u uncommitted, "
		      "%u unpublished, %u published\n",
		      (unsigned long long)t.runs, t.sum.redone,
		      t.sum.uncommitted, t.sum.unpublished, t.sum.published);
	assert_true(t.sum.redone && t.sum.uncommitted && t.sum.unpublished &&
		    t.sum.published);
	/* What this back does not do is in tests/pair. */
	for (int at = 1; at < PVB_AT_COUNT; at++)
		if (at != PVB_AT_REVOKED && at != PVB_AT_MEDIUM &&
		    t.killed[at] == 0)
			fail_msg("never killed at %d", at);
}

static void three_kills_are_not_either(void **state)
{
	struct world_script s = {
		.fault = WORLD_HONEST, .way = { 4, 0, 1 },
	};
	struct tally t;

	(void)state;
	memset(&t, 0, sizeof(t));
	kill_everywhere(&t, &s, 3);
	assert_nothing_wrong(&t);
	assert_true(t.runs > 10000);
}

static void assert_found_out(enum world_fault fault)
{
	struct tally t;

	explore(&t, fault, 1);
	assert_non_null(t.wrong);
}

static void to_commit_first_forgets(void **state)
{
	(void)state;
	assert_found_out(WORLD_COMMITS_FIRST);
}

static void not_to_commit_is_found_out(void **state)
{
	(void)state;
	assert_found_out(WORLD_NEVER_COMMITS);
}

static void to_show_before_it_is_marked_answers_twice(void **state)
{
	(void)state;
	assert_found_out(WORLD_SHOWS_FIRST);
}

static void to_free_before_it_is_shown_forgets(void **state)
{
	(void)state;
	assert_found_out(WORLD_FREES_FIRST);
}

static void a_bell_that_is_not_rung_is_missed(void **state)
{
	(void)state;
	assert_found_out(WORLD_NO_BELL);
}

static void what_is_not_done_again_is_forgotten(void **state)
{
	(void)state;
	assert_found_out(WORLD_NO_REDO);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_kill_is_noticed),
		cmocka_unit_test(three_kills_are_not_either),
		cmocka_unit_test(to_commit_first_forgets),
		cmocka_unit_test(not_to_commit_is_found_out),
		cmocka_unit_test(to_show_before_it_is_marked_answers_twice),
		cmocka_unit_test(to_free_before_it_is_shown_forgets),
		cmocka_unit_test(a_bell_that_is_not_rung_is_missed),
		cmocka_unit_test(what_is_not_done_again_is_forgotten),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
