/* SPDX-License-Identifier: MIT */
/* cases.h - the list of store tests, by theme; each runs on every store. */
#ifndef PVB_TESTS_STORE_CASES_H
#define PVB_TESTS_STORE_CASES_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "client.h"
#include "rig.h"

typedef void store_case(struct rig *r);
struct case_entry { const char *name; store_case *run; };
#define CASE(f) { #f, f }

extern const struct case_entry node_cases[], perm_cases[], tx_cases[],
	watch_cases[], quota_cases[], wire_cases[], domain_cases[],
	table_cases[], library_cases[]; /* a NULL name ends each */

#endif
