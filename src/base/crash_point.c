/* SPDX-License-Identifier: MIT */
/*
 * crash_point.c - a process that kills itself where it is told to; only in
 * builds with -Dcrash-points=true (proto/crash_point.h has the numbers).
 *
 * PVB_CRASH_AT=N[:K]   at the K-th passing (1) of point N
 * PVB_CRASH_PLAN=FILE  as a file says, of at least the bytes of struct plan,
 *                      that all processes have in common and that a test
 *                      writes meanwhile: deaths one after the other, each of
 *                      another process
 */
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

enum { POINTS = 64, DEATHS = 8 };

struct plan {
	_Atomic uint64_t passed[POINTS], killed[POINTS];        /* by point */
	_Atomic uint64_t count;         /* deaths that are planned */
	_Atomic uint64_t next;          /* which of them is due */
	_Atomic uint64_t last_pid;      /* who has died last */
	/* At the so-many-th passing from when it is due. */
	struct { _Atomic uint64_t at, after; } death[DEATHS];
};

void pvb_crash_point(int at);

static void by_number(const char *text, int at)
{
	static atomic_ulong passed;
	unsigned long which = 1;
	char *end;

	if (strtol(text, &end, 10) != at)
		return;
	if (*end == ':')
		which = strtoul(end + 1, NULL, 10);
	if (atomic_fetch_add(&passed, 1) + 1 == which)
		(void)raise(SIGKILL);   /* does not return */
}

static struct plan *map(const char *path)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);
	void *p = fd < 0 ? MAP_FAILED
	                 : mmap(NULL, sizeof(struct plan),
	                        PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (p == MAP_FAILED)
		abort();                /* the test would show nothing */
	(void)close(fd);                /* the mapping stays */
	return p;
}

/* A thread that is still running while its process dies plans no more. */
static void by_plan(struct plan *p, int at)
{
	uint64_t pid = (uint64_t)getpid(), next;

	atomic_fetch_add(&p->passed[at], 1);
	next = atomic_load(&p->next);
	if (next >= atomic_load(&p->count) || next >= DEATHS ||
	    atomic_load(&p->death[next].at) != (uint64_t)at ||
	    atomic_load(&p->last_pid) == pid ||
	    atomic_fetch_sub(&p->death[next].after, 1) != 1)
		return;
	atomic_store(&p->last_pid, pid);
	atomic_fetch_add(&p->killed[at], 1);
	atomic_store(&p->next, next + 1);
	(void)raise(SIGKILL);           /* does not return */
}

void pvb_crash_point(int at)
{
	static struct plan *_Atomic plan;
	const char *text = getenv("PVB_CRASH_AT");
	const char *path = getenv("PVB_CRASH_PLAN");

	if (text)
		by_number(text, at);
	if (!path)
		return;
	/* Two threads may both map it: no harm. */
	if (!atomic_load(&plan))
		atomic_store(&plan, map(path));
	by_plan(atomic_load(&plan), at);
}
