/* SPDX-License-Identifier: MIT */
/*
 * progress.h - a bar with time left on standard error, if that is a terminal;
 * otherwise silent.  Of bytes, with their rate, or of milliseconds.
 */
#ifndef PVB_PROGRESS_H
#define PVB_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct pvb_progress {                   /* caller's storage */
	const char *what;
	uint64_t total;
	uint64_t start_ns, shown_ns;
	bool     visible, is_time;
};

void pvb_progress_start(struct pvb_progress *p, const char *what,
                        uint64_t total_bytes);
void pvb_progress_start_time(struct pvb_progress *p, const char *what,
                             uint64_t total_ms);
/* In the unit of the total.  Redraws at most ten times a second. */
void pvb_progress_show(struct pvb_progress *p, uint64_t done);
/* Wipes the line. */
void pvb_progress_end(struct pvb_progress *p);
/* "1.2 GB" and the like, powers of 1000. */
void pvb_human_bytes(double bytes, char out[16]);

#endif
