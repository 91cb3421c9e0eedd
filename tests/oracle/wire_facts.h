/* SPDX-License-Identifier: MIT */
/*
 * wire_facts.h - what a header says of the wire, as a table: numbers, sizes,
 * offsets.  Headers that define the same names stand in files of their own.
 */
#ifndef TEST_WIRE_FACTS_H
#define TEST_WIRE_FACTS_H

struct wire_fact { const char *name; long value; };     /* NULL: no more */
struct wire_facts {
	const struct wire_fact *numbers, *native, *x86_32;
	const char *abi[4];             /* x86_32, x86_64, ARM, native */
};

extern const struct wire_facts wire_facts_xen;
extern const struct wire_facts wire_facts_pvb;
extern const struct wire_facts wire_facts_both; /* pvb's after Xen's */

#endif
