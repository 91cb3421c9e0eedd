/* SPDX-License-Identifier: MIT */
#include "progress.h"

#include <stdio.h>
#include <time.h>
#include <unistd.h>

enum { WIDTH = 30 };
#define SHOW_EVERY_NS UINT64_C(100000000)

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

void pvb_human_bytes(double bytes, char out[16])
{
	static const char *const units[] = {
		"B", "kB", "MB", "GB", "TB", "PB"
	};
	unsigned u = 0;

	while (bytes >= 999.5 && u + 1 < sizeof(units) / sizeof(units[0])) {
		bytes /= 1000;
		u++;
	}
	snprintf(out, 16, u == 0 || bytes >= 100 ? "%.0f %s" : "%.1f %s", bytes,
	         units[u]);
}

void pvb_progress_start(struct pvb_progress *p, const char *what,
                        uint64_t total_bytes)
{
	p->what = what;
	p->total = total_bytes;
	p->start_ns = now_ns();
	p->shown_ns = 0;
	p->visible = isatty(STDERR_FILENO) == 1;
	p->is_time = false;
}

void pvb_progress_start_time(struct pvb_progress *p, const char *what,
                             uint64_t total_ms)
{
	pvb_progress_start(p, what, total_ms);
	p->is_time = true;
}

static void show_time(const struct pvb_progress *p, const char *bar,
                      uint64_t done_ms)
{
	uint64_t left_ms = done_ms < p->total ? p->total - done_ms : 0;

	fprintf(stderr, "\r%s [%s] %.0f s done, %.0f s left \033[K", p->what,
	        bar, (double)done_ms / 1000, (double)left_ms / 1000);
}

static void show_bytes(const struct pvb_progress *p, const char *bar,
                       uint64_t done_bytes)
{
	double seconds = (double)(p->shown_ns - p->start_ns) / 1e9;
	double part, rate, left;
	char done[16], speed[16];

	part = p->total ? (double)done_bytes / (double)p->total : 1;
	rate = seconds > 0 ? (double)done_bytes / seconds : 0;
	left = rate > 0 ? (double)(p->total - done_bytes) / rate : 0;
	pvb_human_bytes((double)done_bytes, done);
	pvb_human_bytes(rate, speed);
	fprintf(stderr, "\r%s [%s] %3.0f%% %s %s/s %.0f s left \033[K", p->what,
	        bar, part * 100, done, speed, left);
}

void pvb_progress_show(struct pvb_progress *p, uint64_t done)
{
	uint64_t now = p->visible ? now_ns() : 0;
	double part;
	char bar[WIDTH + 1];

	if (!p->visible || now - p->shown_ns < SHOW_EVERY_NS)
		return;
	p->shown_ns = now;
	part = p->total ? (double)done / (double)p->total : 1;
	for (int i = 0; i < WIDTH; i++)
		bar[i] = i < (int)(part * WIDTH) ? '#' : '.';
	bar[WIDTH] = '\0';
	if (p->is_time)
		show_time(p, bar, done);
	else
		show_bytes(p, bar, done);
	fflush(stderr);
}

void pvb_progress_end(struct pvb_progress *p)
{
	if (p->visible)
		fputs("\r\033[K", stderr);
}
