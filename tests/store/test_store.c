/* SPDX-License-Identifier: MIT */
/*
 * test_store.c - one list of tests, on one of three stores.
 *
 * Usage: test_store own OWN_STORED | xenstored STUB | oxenstored STUB, and a
 * pattern of names if not all are to run.  A STUB of "-" was not built.
 * "libxenstore STUB": the tests of the table, by Xen's library on xenstored.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cases.h"

enum { CASES_MAX = 200 };

static struct rig rig;

static void run_case(void **state)
{
	const struct case_entry *entry = *state;

	entry->run(&rig);
}

static int clean_up(void **state)
{
	(void)state;
	rig_clean(&rig);
	return 0;
}

static size_t collect(struct CMUnitTest *out)
{
	static const struct case_entry *const all[] = {
		node_cases, perm_cases, tx_cases, watch_cases, quota_cases,
		wire_cases, domain_cases, table_cases, NULL,
	};
	static const struct case_entry *const library[] = {
		table_cases, library_cases, NULL,
	};
	const struct case_entry *const *lists = rig.by_library ? library : all;
	size_t n = 0;

	for (size_t i = 0; lists[i]; i++)
		for (const struct case_entry *c = lists[i]; c->name; c++) {
			if (n == CASES_MAX)
				abort();
			out[n++] = (struct CMUnitTest){
				c->name, run_case, NULL, clean_up, (void *)c };
		}
	return n;
}

static bool is_library(const char *name)
{
	return strcmp(name, "libxenstore") == 0;
}

static enum rig_kind kind_of(const char *name)
{
	if (strcmp(name, "own") == 0)
		return RIG_OWN;
	if (strcmp(name, "xenstored") == 0 || is_library(name))
		return RIG_XENSTORED;
	if (strcmp(name, "oxenstored") == 0)
		return RIG_OXENSTORED;
	return 0;
}

int main(int argc, char **argv)
{
	struct CMUnitTest tests[CASES_MAX];
	const char *why = NULL;
	size_t n;
	int rc;

	if ((argc != 3 && argc != 4) || kind_of(argv[1]) == 0) {
		fprintf(stderr, "usage: test_store own|xenstored|oxenstored|"
		        "libxenstore HELPER [PATTERN]\n");
		return 2;
	}
	rc = rig_start(&rig, kind_of(argv[1]), argv[2], &why);
	if (rc > 0) {                   /* as TAP says it */
		printf("1..0 # SKIP %s\n", why);
		return 0;
	}
	if (rc) {
		fprintf(stderr, "%s: %s\n", argv[1], why);
		return 1;
	}
	rig.by_library = is_library(argv[1]);
	n = collect(tests);
	if (argc == 4)
		cmocka_set_test_filter(argv[3]);
	rc = _cmocka_run_group_tests(argv[1], tests, n, NULL, NULL);
	if (argc == 3 && !rig.by_library)
		rc += rig_differences_not_met(&rig);
	rig_stop(&rig);
	return rc ? 1 : 0;
}
