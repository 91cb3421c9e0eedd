/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "conformance.h"

enum { CASES_MAX = 64, NAME_BYTES = 96 };

struct run {
	struct conformance c;
	const struct conformance_case *what;
	char name[NAME_BYTES];
};

static int open_disk(void **state)
{
	struct run *run = *state;
	const struct conformance_target *t = run->c.target;

	memset(&run->c.rig, 0, sizeof(run->c.rig));
	return t->open(t, run->what->flags, &run->c.rig);
}

static int close_disk(void **state)
{
	struct run *run = *state;

	run->c.target->close(run->c.target, &run->c.rig);
	return 0;
}

static void run_case(void **state)
{
	struct run *run = *state;

	run->what->run(&run->c);
	rig_settle(&run->c.rig);
}

static size_t add_cases(const struct conformance_target *t,
                        const struct conformance_case *list, struct run *runs,
                        struct CMUnitTest *tests, size_t n)
{
	for (; list->name; list++) {
		if (t->no_read_only && list->flags)
			continue;
		assert_true(n < CASES_MAX);
		runs[n].c.target = t;
		runs[n].what = list;
		(void)snprintf(runs[n].name, NAME_BYTES, "%s: %s", t->name,
		               list->name);
		tests[n] = (struct CMUnitTest){
			.name = runs[n].name,
			.test_func = run_case,
			.setup_func = open_disk,
			.teardown_func = close_disk,
			.initial_state = &runs[n],
		};
		n++;
	}
	return n;
}

int conformance_run(const struct conformance_target *t)
{
	struct CMUnitTest *tests = calloc(CASES_MAX, sizeof(*tests));
	struct run *runs = calloc(CASES_MAX, sizeof(*runs));
	size_t n = 0;
	int failed = 1;

	if (tests && runs) {
		n = add_cases(t, conformance_refusals, runs, tests, n);
		n = add_cases(t, conformance_data, runs, tests, n);
		n = add_cases(t, conformance_order, runs, tests, n);
		failed = _cmocka_run_group_tests(t->name, tests, n, NULL, NULL);
	}
	free(tests);
	free(runs);
	return failed;
}
