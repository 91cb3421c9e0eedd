/* SPDX-License-Identifier: MIT */
#include "bench.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <jansson.h>
#include <pvb/err.h>

#include "base/log.h"
#include "base/loop.h"
#include "blk/disk_list.h"
#include "cmd.h"
#include "disk/disk.h"
#include "flow/counters.h"
#include "progress.h"

enum { URING_ENTRIES = 512, URI_MAX = 4096 };

struct bench;
struct slot {                           /* one request in flight */
	struct pvb_io   io;
	struct iovec    iov;
	uint64_t        start_ns;
	struct pvb_qnode node;
	struct bench   *bench;
};

struct bench {
	struct pvb_load          load;
	struct pvb_loop     *loop;
	struct pvb_disk     *disk;
	struct pvb_counters *counters;
	struct pvb_loop_task resubmit;
	struct pvb_queue     ready;
	struct slot         *slots;
	uint64_t             blocks, next_block, random_state;
	uint64_t             start_ns, end_ns, stopped_ns;
	uint32_t             in_flight;
	int                  code;      /* the first error */
	struct pvb_progress  bar;
};

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static uint64_t cpu_ns(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return ((uint64_t)u.ru_utime.tv_sec + (uint64_t)u.ru_stime.tv_sec) *
	       1000000000u +
	       ((uint64_t)u.ru_utime.tv_usec + (uint64_t)u.ru_stime.tv_usec) *
	       1000u;
}

/* ---- the load ------------------------------------------------------------ */

/* xorshift64: the same sequence in every run. */
static uint64_t next_random(struct bench *b)
{
	uint64_t x = b->random_state;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	return b->random_state = x;
}

static uint64_t next_offset(struct bench *b)
{
	uint64_t block;

	if (b->load.random) {
		block = next_random(b) % b->blocks;
	} else {
		block = b->next_block++;
		if (b->next_block == b->blocks)
			b->next_block = 0;
	}
	return block * b->load.block_bytes;
}

static void answered(struct pvb_io *io, int result)
{
	struct slot *s = pvb_container(io, struct slot, io);
	struct bench *b = s->bench;

	pvb_counters_answered(b->counters, io->op == PVB_IO_READ
		? PVB_COUNT_READ : PVB_COUNT_WRITE, io->length_bytes,
		now_ns() - s->start_ns, result < 0);
	if (result < 0 && !b->code)
		b->code = result;
	b->in_flight--;
	pvb_queue_push(&b->ready, &s->node);
	pvb_loop_defer(b->loop, &b->resubmit);
}

static bool submit_one(struct bench *b, struct slot *s, uint64_t now)
{
	bool write = b->load.writes &&
	             (!b->load.reads || (next_random(b) & 1));

	s->io.op = write ? PVB_IO_WRITE : PVB_IO_READ;
	s->io.offset_bytes = next_offset(b);
	s->start_ns = now;
	if (b->disk->ops->submit(b->disk, &s->io) < 0)
		return false;
	b->in_flight++;
	return true;
}

static void resubmit(struct pvb_loop_task *t)
{
	struct bench *b = pvb_container(t, struct bench, resubmit);
	uint64_t now = now_ns();
	struct pvb_qnode *n;

	if (now >= b->end_ns || b->code) {
		if (b->in_flight == 0) {
			b->stopped_ns = now;
			pvb_loop_stop(b->loop);
		}
		return;
	}
	while ((n = pvb_queue_pop(&b->ready)) != NULL) {
		if (!submit_one(b, pvb_container(n, struct slot, node), now)) {
			pvb_queue_push_front(&b->ready, n);
			break;
		}
	}
	if (b->disk->ops->kick)
		b->disk->ops->kick(b->disk);
	pvb_progress_show(&b->bar, (now - b->start_ns) / 1000000);
}

/* ---- set-up -------------------------------------------------------------- */

static void *get_buffer(struct bench *b)
{
	void *p = NULL;

	if (b->disk->ops->buffer_get && !b->load.bounce)
		p = b->disk->ops->buffer_get(b->disk, b->load.block_bytes);
	if (p)
		return p;
	if (posix_memalign(&p, 4096, b->load.block_bytes) != 0)
		return NULL;
	memset(p, 0x5a, b->load.block_bytes);
	return p;
}

/* Buffers are not given back: the disk is closed and the process ends. */
static int make_slots(struct bench *b)
{
	b->slots = calloc(b->load.depth, sizeof(*b->slots));
	if (!b->slots)
		return pvb_say_error("bench: out of memory");
	for (uint64_t i = 0; i < b->load.depth; i++) {
		struct slot *s = &b->slots[i];

		s->bench = b;
		s->iov = (struct iovec){ get_buffer(b), b->load.block_bytes };
		if (!s->iov.iov_base)
			return pvb_say_error("bench: out of memory");
		s->io = (struct pvb_io){ .iov = &s->iov, .iovcnt = 1,
			.length_bytes = b->load.block_bytes, .done = answered };
		pvb_queue_push(&b->ready, &s->node);
	}
	return PVB_EXIT_DONE;
}

static int make_counters(struct bench *b)
{
	int fd = pvb_counters_create();
	int r = fd < 0 ? fd : pvb_counters_map(fd, false, &b->counters);

	if (fd >= 0)
		close(fd);
	if (r < 0)
		return pvb_say_error("bench: counters: %s", strerror(-r));
	return PVB_EXIT_DONE;
}

static int fits(struct bench *b, const char *uri)
{
	const struct pvb_disk_info *i = &b->disk->info;

	b->blocks = i->size_bytes / b->load.block_bytes;
	if (b->blocks == 0)
		return pvb_say_error("%s: smaller than one block", uri);
	if (b->load.block_bytes % i->sector_size_bytes)
		return pvb_say_error("%s: --bs is not a multiple of its sector "
			"size, %u bytes", uri, i->sector_size_bytes);
	if (b->load.block_bytes > i->io_max_bytes)
		return pvb_say_error("%s: --bs is larger than one of its "
			"requests may be, %llu bytes", uri,
			(unsigned long long)i->io_max_bytes);
	if (b->load.writes && i->read_only)
		return pvb_say_error("%s: read-only", uri);
	return PVB_EXIT_DONE;
}

/* A frontend's own options carry what concerns its ring: what was said on the
   command line joins what the URI says. */
static int with_options(const struct pvb_load *l, const char *uri, char *out)
{
	bool front = strncmp(uri, "vbd:", 4) == 0;
	bool poll = front && l->poll, bounce = front && l->bounce;
	bool has_some = strchr(uri, '?');
	int n = snprintf(out, URI_MAX, "%s%s%s%s%s", uri,
		!poll && !bounce ? "" : has_some ? "&" : "?",
		poll ? "poll=" : "", poll ? l->poll : "",
		!bounce ? "" : poll ? "&bounce=on" : "bounce=on");

	return n >= 0 && n < URI_MAX ? 0 : -ENAMETOOLONG;
}

/* With the URI as it was typed, not as it was opened. */
static int say_open_error(const char *uri, const char *full,
                          const struct pvb_err *e)
{
	size_t length = strlen(full);

	if (strncmp(e->text, full, length) == 0)
		return pvb_say_error("%s%s", uri, e->text + length);
	return pvb_say_err(NULL, e);
}

static int open_disk(struct bench *b, const char *uri)
{
	static const struct pvb_log log = { .level = PVB_LOG_WARN,
		.sink = pvb_log_to_stderr };
	struct pvb_loop_config config = { .uring_entries = URING_ENTRIES };
	struct pvb_err e = PVB_ERR_INIT;
	char full[URI_MAX];

	if (with_options(&b->load, uri, full) < 0)
		return pvb_say_error("%.40s...: too long", uri);
	b->loop = pvb_loop_create(&config, &e);
	if (!b->loop)
		return pvb_say_err("bench", &e);
	pvb_loop_set_spin(b->loop, b->load.spin_ns);
	if (pvb_disk_open(pvb_disk_all, full,
	                  b->load.writes ? 0 : PVB_DISK_READ_ONLY, b->loop,
	                  &log, &b->disk, &e) < 0)
		return say_open_error(uri, full, &e);
	return fits(b, uri);
}

/* ---- what came of it ----------------------------------------------------- */

static void report(struct bench *b, uint64_t cpu)
{
	struct pvb_counts c;
	struct pvb_op_counts all;
	double seconds = (double)(b->stopped_ns - b->start_ns) / 1e9;
	double n, p[3];
	char rate[16];

	pvb_counters_read(b->counters, &c);
	all = c.op[PVB_COUNT_READ];
	all.requests += c.op[PVB_COUNT_WRITE].requests;
	all.bytes += c.op[PVB_COUNT_WRITE].bytes;
	for (int i = 0; i < PVB_COUNT_BUCKETS; i++)
		all.latency[i] += c.op[PVB_COUNT_WRITE].latency[i];
	n = (double)all.requests;
	for (int i = 0; i < 3; i++)
		p[i] = (double)pvb_counts_latency_ns(&all,
			(const uint32_t[]){ 500, 990, 999 }[i]) / 1000;
	if (b->load.json) {
		json_t *o = json_pack("{s:f, s:f, s:{s:f, s:f, s:f}, s:f, s:I}",
			"iops", n / seconds, "bytes_per_s",
			(double)all.bytes / seconds, "latency_us", "p50", p[0],
			"p99", p[1], "p999", p[2], "cpu_us_per_request",
			n > 0 ? (double)cpu / 1000 / n : 0.0, "requests",
			(json_int_t)all.requests);

		json_dumpf(o, stdout, JSON_INDENT(2));
		putchar('\n');
		json_decref(o);
		return;
	}
	pvb_human_bytes((double)all.bytes / seconds, rate);
	printf("%.0f IOPS, %s/s, latency p50 %.1f p99 %.1f p999 %.1f us, "
	       "%.2f us of CPU per request\n", n / seconds, rate, p[0], p[1],
	       p[2], n > 0 ? (double)cpu / 1000 / n : 0.0);
}

static int bench(struct bench *b, const char *uri)
{
	uint64_t cpu;
	int r;

	pvb_progress_start_time(&b->bar, "bench", b->load.time_ms);
	b->resubmit.run = resubmit;
	b->random_state = UINT64_C(0x9e3779b97f4a7c15);
	cpu = cpu_ns();
	b->start_ns = now_ns();
	b->end_ns = b->start_ns + b->load.time_ms * 1000000;
	pvb_loop_defer(b->loop, &b->resubmit);
	r = pvb_loop_run(b->loop);
	cpu = cpu_ns() - cpu;
	pvb_progress_end(&b->bar);
	if (r < 0)
		return pvb_say_error("event loop: %s", strerror(-r));
	if (b->code)
		return pvb_say_error("%s: %s", uri,
		                     pvb_errno_text(b->code));
	report(b, cpu);
	return pvb_finish_output();
}

static int pin(int cpu)
{
	cpu_set_t set;

	if (cpu < 0)
		return PVB_EXIT_DONE;
	CPU_ZERO(&set);
	CPU_SET((unsigned)cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set) < 0)
		return pvb_say_error("--cpu %d: %s", cpu, strerror(errno));
	return PVB_EXIT_DONE;
}

int pvb_bench(const struct pvb_load *load, const char *uri)
{
	struct bench b = { .load = *load };
	int status = pin(load->cpu);

	if (status == PVB_EXIT_DONE)
		status = make_counters(&b);
	if (status == PVB_EXIT_DONE)
		status = open_disk(&b, uri);
	if (status == PVB_EXIT_DONE)
		status = make_slots(&b);
	if (status == PVB_EXIT_DONE)
		status = bench(&b, uri);
	pvb_disk_close(b.disk);
	pvb_loop_destroy(b.loop);
	pvb_counters_unmap(b.counters);
	free(b.slots);
	return status;
}
