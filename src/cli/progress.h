/* SPDX-License-Identifier: MIT */
/*
 * progress.h - a bar with rate and time left on standard error, if that is a
 * terminal; otherwise silent.
 */
#ifndef PVB_PROGRESS_H
#define PVB_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct pvb_progress {                   /* caller's storage */
	const char *what;
	uint64_t total_bytes;
	uint64_t start_ns, shown_ns;
	bool     visible;
};

void pvb_progress_start(struct pvb_progress *p, const char *what,
                        uint64_t total_bytes);
/* Redraws at most ten times a second. */
void pvb_progress_show(struct pvb_progress *p, uint64_t done_bytes);
/* Wipes the line. */
void pvb_progress_end(struct pvb_progress *p);
/* "1.2 GB" and the like, powers of 1000. */
void pvb_human_bytes(double bytes, char out[16]);

#endif
