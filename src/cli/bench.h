/* SPDX-License-Identifier: MIT */
/*
 * bench.h - a load on one disk, on one thread, as a program that embeds the
 * disk would make it; and what came of it, on standard output.
 */
#ifndef PVB_BENCH_H
#define PVB_BENCH_H

#include <stdbool.h>
#include <stdint.h>

struct pvb_load {                       /* what is asked for */
	bool     random, reads, writes, bounce, json;
	uint64_t block_bytes, depth, time_ms, spin_ns;
	const char *poll;               /* NULL: as the disk says */
	int      cpu;                   /* -1: any */
};

/* An exit status. */
int pvb_bench(const struct pvb_load *load, const char *uri);

#endif
