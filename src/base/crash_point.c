/* SPDX-License-Identifier: MIT */
/*
 * crash_point.c - a process that kills itself where it is told to; only in
 * builds with -Dcrash-points=true (proto/crash_point.h has the numbers).
 *
 * PVB_CRASH_AT=N[:K]   at the K-th passing (1) of point N
 */
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>

void pvb_crash_point(int at);

void pvb_crash_point(int at)
{
	static atomic_ulong passed;
	const char *text = getenv("PVB_CRASH_AT");
	unsigned long which = 1;
	char *end;

	if (!text || strtol(text, &end, 10) != at)
		return;
	if (*end == ':')
		which = strtoul(end + 1, NULL, 10);
	if (atomic_fetch_add(&passed, 1) + 1 == which)
		(void)raise(SIGKILL);   /* does not return */
}
