/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <pvb/client.h>

#include "disk_load.h"
#include "history.h"

enum {
	DEPTH_MAX = 256, TRIES = 8, ERRORS_TOLD = 20,
	JOB_BLOCKS = 512,               /* the largest request */
	HOT_BLOCKS = 256,               /* where requests meet */
	NOTABLE_PAUSE_MS = 5,
};

enum kind { READ, WRITE, FLUSH, DISCARD, KINDS };

struct job {
	struct pvb_io io;
	struct iovec iov;
	struct disk_load *load;
	struct history_span span;
	enum kind kind;
	bool from_client;               /* its memory */
	uint64_t began_ns;
	int result;
	struct job *next;               /* finished, or free */
};

struct disk_load {
	struct disk_load_config c;
	struct pvb_client *client;
	struct pvb_disk_info info;
	pthread_t thread;
	struct job job[DEPTH_MAX];

	struct history history;         /* from here on: the thread's */
	struct job *idle;
	uint64_t random;
	uint32_t told, busy;            /* errors; jobs */
	bool checking, no_discard;
	unsigned char *content;         /* as it was read in the end */

	pthread_mutex_t lock;           /* guards what follows */
	pthread_cond_t changed;
	struct job *finished;
	bool stopped;
	uint64_t answered_ns;           /* the last answer */
	struct disk_load_state state;
	uint64_t pause_ns[DISK_LOAD_PAUSES];
	uint32_t pauses;
};

static uint64_t now_ns(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static uint64_t dice(struct disk_load *l, uint64_t below)
{
	l->random ^= l->random << 13;
	l->random ^= l->random >> 7;
	l->random ^= l->random << 17;
	return l->random % below;
}

/* ---- errors -------------------------------------------------------------- */

__attribute__((format(printf, 2, 3)))
static void wrong(struct disk_load *l, const char *format, ...)
{
	va_list args;

	pthread_mutex_lock(&l->lock);
	l->state.failed = true;
	pthread_mutex_unlock(&l->lock);
	if (l->told++ >= ERRORS_TOLD)
		return;
	va_start(args, format);
	flockfile(stderr);
	(void)fprintf(stderr, "disk %u: ", l->c.number);
	(void)vfprintf(stderr, format, args);
	(void)fputc('\n', stderr);
	funlockfile(stderr);
	va_end(args);
}

static void wrong_job(struct disk_load *l, const struct job *j,
                      const char *what)
{
	static const char *const names[KINDS] = {
		"read", "write", "flush", "discard",
	};

	wrong(l, "%s of %llu blocks at %llu: %s", names[j->kind],
	      (unsigned long long)j->span.count,
	      (unsigned long long)j->span.first, what);
}

/* ---- answers ------------------------------------------------------------- */

static int longer_first(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x < *y) - (*x > *y);
}

/* Where there is no room the shorter half is forgotten. */
static void note_pause(struct disk_load *l, uint64_t ns)
{
	if (ns > l->state.pause_ns)
		l->state.pause_ns = ns;
	if (ns < NOTABLE_PAUSE_MS * UINT64_C(1000000))
		return;
	if (l->pauses == DISK_LOAD_PAUSES) {
		qsort(l->pause_ns, l->pauses, sizeof(*l->pause_ns),
		      longer_first);
		l->pauses /= 2;
	}
	l->pause_ns[l->pauses++] = ns;
}

/* On the client's thread. */
static void done(struct pvb_io *io, int result)
{
	struct job *j = io->arg;
	struct disk_load *l = j->load;
	uint64_t now = now_ns();

	j->result = result;
	pthread_mutex_lock(&l->lock);
	note_pause(l, now - l->answered_ns);
	l->answered_ns = now;
	l->state.in_flight--;
	l->state.requests++;
	l->state.of[j->kind]++;
	j->next = l->finished;
	l->finished = j;
	pthread_cond_signal(&l->changed);
	pthread_mutex_unlock(&l->lock);
}

static void compare(struct disk_load *l, struct job *j)
{
	struct history_finding f;
	uint64_t bad = history_end(&l->history, &j->span, j->iov.iov_base, &f);

	pthread_mutex_lock(&l->lock);
	l->state.blocks += j->kind == READ ? j->span.count : 0;
	pthread_mutex_unlock(&l->lock);
	if (bad > 0)
		wrong(l, "%s: block %llu (and %llu more): %s",
		      history_verdict_name(f.verdict),
		      (unsigned long long)f.block,
		      (unsigned long long)(bad - 1), f.text);
	if (l->content && j->kind == READ && l->checking)
		memcpy(l->content + j->span.first * HISTORY_BLOCK,
		       j->iov.iov_base, j->span.count * HISTORY_BLOCK);
}

/* What a disk does not do after all may be refused; nothing is done then. */
static void end_job(struct disk_load *l, struct job *j)
{
	bool refused = j->kind == DISCARD && j->result == -EOPNOTSUPP;

	if (refused)
		l->no_discard = true;
	else if (j->result < 0)
		wrong_job(l, j, pvb_errno_text(j->result));
	if (now_ns() - j->began_ns > l->c.hang_ns)
		wrong_job(l, j, "took too long");
	if (refused)
		j->span.zeros = false;
	if (j->kind != FLUSH && (j->result == 0 || refused))
		compare(l, j);
	j->next = l->idle;
	l->idle = j;
	l->busy--;
}

/* ---- requests ------------------------------------------------------------ */

static void submit(struct disk_load *l, struct job *j)
{
	static const enum pvb_io_op op[KINDS] = {
		PVB_IO_READ, PVB_IO_WRITE, PVB_IO_FLUSH, PVB_IO_DISCARD,
	};
	uint64_t bytes = j->span.count * HISTORY_BLOCK;

	if (j->kind != FLUSH)
		history_begin(&l->history, &j->span, j->iov.iov_base);
	j->iov.iov_len = bytes;
	j->io = (struct pvb_io){
		.op = op[j->kind], .done = done, .arg = j,
		.offset_bytes = j->span.first * HISTORY_BLOCK,
		.length_bytes = bytes,
	};
	if (j->kind == READ || j->kind == WRITE) {
		j->io.iov = &j->iov;
		j->io.iovcnt = 1;
	}
	if (j->kind == WRITE && dice(l, 16) == 0)
		j->io.flags = PVB_IO_FUA;
	j->began_ns = now_ns();
	l->busy++;
	pthread_mutex_lock(&l->lock);
	if (l->state.in_flight++ == 0)
		l->answered_ns = j->began_ns;
	pthread_mutex_unlock(&l->lock);
	pvb_client_submit(l->client, &j->io);
}

static enum kind any_kind(struct disk_load *l)
{
	uint64_t d = dice(l, 100);

	if (d < 3)
		return FLUSH;
	if (d < 8 && l->info.discard && !l->no_discard)
		return DISCARD;
	return d < 58 ? WRITE : READ;
}

/* Most are small, some are as large as they can be; some are aligned to pages,
   and some to nothing; some where others are. */
static void any_span(struct disk_load *l, struct history_span *s)
{
	uint32_t sector = l->info.sector_size_bytes / HISTORY_BLOCK;
	uint32_t unit = dice(l, 2) ? 8 : sector;
	uint64_t most = dice(l, 10) == 0 ? JOB_BLOCKS
	                                 : dice(l, 4) == 0 ? 64 : 16;
	uint64_t room = dice(l, 5) == 0 && HOT_BLOCKS < l->history.blocks
	                ? HOT_BLOCKS : l->history.blocks;

	s->count = unit * (1 + dice(l, most / unit));
	if (s->count > room)
		s->count = room;
	s->first = dice(l, (room - s->count) / unit + 1) * unit;
}

static bool leaves_zeros(const struct disk_load *l,
                         const struct history_span *s)
{
	uint64_t granule = l->info.discard_granularity_bytes / HISTORY_BLOCK;

	return l->c.zeros && l->info.discard_alignment_bytes == 0 &&
	       (granule == 0 || (s->first % granule == 0 &&
	                         s->count % granule == 0));
}

static bool choose(struct disk_load *l, struct job *j)
{
	for (int i = 0; i < TRIES; i++) {
		j->span = (struct history_span){ .op = HISTORY_READ };
		j->kind = any_kind(l);
		if (j->kind == FLUSH)
			return true;
		if (j->kind != READ)
			j->span.op = j->kind == WRITE ? HISTORY_WRITE
			                              : HISTORY_DISCARD;
		any_span(l, &j->span);
		j->span.zeros = leaves_zeros(l, &j->span);
		if (history_may(&l->history, &j->span))
			return true;
	}
	return false;
}

/* ---- the thread ---------------------------------------------------------- */

/* In the order in which they were answered.  NULL: nothing is in flight. */
static struct job *wait_for_some(struct disk_load *l, bool *stopped)
{
	struct job *some = NULL, *j, *next;

	pthread_mutex_lock(&l->lock);
	while (!l->finished && l->state.in_flight > 0)
		pthread_cond_wait(&l->changed, &l->lock);
	for (j = l->finished; j; j = next) {
		next = j->next;
		j->next = some;
		some = j;
	}
	l->finished = NULL;
	*stopped = l->stopped;
	pthread_mutex_unlock(&l->lock);
	return some;
}

static void end_some(struct disk_load *l, struct job *some)
{
	while (some) {
		struct job *j = some;

		some = j->next;
		end_job(l, j);
	}
}

static void submit_more(struct disk_load *l)
{
	while (l->idle) {
		struct job *j = l->idle;

		if (!choose(l, j))
			return;
		l->idle = j->next;
		submit(l, j);
	}
}

static void load(struct disk_load *l)
{
	bool stopped = false;

	while (!stopped) {
		submit_more(l);
		end_some(l, wait_for_some(l, &stopped));
	}
	while (l->busy > 0)
		end_some(l, wait_for_some(l, &stopped));
}

static void compare_all(struct disk_load *l)
{
	uint64_t at = 0;

	l->checking = true;
	while (at < l->history.blocks || l->busy > 0) {
		bool stopped;

		while (l->idle && at < l->history.blocks) {
			struct job *j = l->idle;
			uint64_t left = l->history.blocks - at;

			l->idle = j->next;
			j->kind = READ;
			j->span = (struct history_span){
				.op = HISTORY_READ, .first = at,
				.count = left < JOB_BLOCKS ? left : JOB_BLOCKS,
			};
			at += j->span.count;
			submit(l, j);
		}
		end_some(l, wait_for_some(l, &stopped));
	}
}

static void *run(void *arg)
{
	struct disk_load *l = arg;

	load(l);
	compare_all(l);
	return NULL;
}

/* ---- the owner's calls --------------------------------------------------- */

void disk_load_look(struct disk_load *l, struct disk_load_state *out)
{
	uint64_t lasts;

	pthread_mutex_lock(&l->lock);
	*out = l->state;
	lasts = now_ns() - l->answered_ns;
	pthread_mutex_unlock(&l->lock);
	if (out->in_flight > 0 && lasts > out->pause_ns)
		out->pause_ns = lasts;
	if (out->in_flight > 0 && lasts > l->c.hang_ns)
		out->failed = true;
}

uint32_t disk_load_lock(struct disk_load *l)
{
	pthread_mutex_lock(&l->lock);
	return l->state.in_flight;
}

void disk_load_unlock_and_reset(struct disk_load *l)
{
	l->state.pause_ns = 0;
	pthread_mutex_unlock(&l->lock);
}

void disk_load_stop(struct disk_load *l)
{
	pthread_mutex_lock(&l->lock);
	l->stopped = true;
	pthread_cond_signal(&l->changed);
	pthread_mutex_unlock(&l->lock);
}

bool disk_load_join(struct disk_load *l)
{
	(void)pthread_join(l->thread, NULL);
	return !l->state.failed;
}

uint32_t disk_load_pauses(struct disk_load *l, uint64_t ns[DISK_LOAD_PAUSES])
{
	memcpy(ns, l->pause_ns, sizeof(l->pause_ns));
	qsort(ns, l->pauses, sizeof(*ns), longer_first);
	return l->pauses;
}

bool disk_load_save(struct disk_load *l, const char *path)
{
	size_t bytes = l->history.blocks * HISTORY_BLOCK;
	FILE *f = fopen(path, "wb");
	bool written = f && fwrite(l->content, 1, bytes, f) == bytes;

	if (f && fclose(f) != 0)
		written = false;
	if (!written)
		perror(path);
	return written;
}

/* ---- life ---------------------------------------------------------------- */

/* Half of them in memory that needs no copies, if there is such. */
static bool give_memory(struct disk_load *l, struct job *j, uint32_t i)
{
	size_t bytes = JOB_BLOCKS * HISTORY_BLOCK;

	j->load = l;
	if (i % 2)
		j->iov.iov_base = pvb_client_buffer_get(l->client, bytes);
	j->from_client = j->iov.iov_base != NULL;
	if (!j->from_client &&
	    posix_memalign(&j->iov.iov_base, 4096, bytes) != 0)
		return false;
	j->next = l->idle;
	l->idle = j;
	return true;
}

static bool open_disk(struct disk_load *l)
{
	struct pvb_err e = PVB_ERR_INIT;

	if (pvb_client_open(l->c.uri, NULL, &l->client, &e) < 0) {
		(void)fprintf(stderr, "%s\n", e.text);
		return false;
	}
	pvb_client_info(l->client, &l->info);
	l->content = malloc(l->info.size_bytes);
	if (!l->content || !history_init(&l->history, l->c.number,
	                                 l->info.size_bytes / HISTORY_BLOCK))
		return false;
	for (uint32_t i = 0; i < l->c.depth; i++)
		if (!give_memory(l, &l->job[i], i))
			return false;
	return true;
}

struct disk_load *disk_load_start(const struct disk_load_config *c)
{
	struct disk_load *l = calloc(1, sizeof(*l));

	if (!l)
		return NULL;
	l->c = *c;
	if (l->c.depth > DEPTH_MAX)
		l->c.depth = DEPTH_MAX;
	l->random = (c->seed + 1) * UINT64_C(0x9e3779b97f4a7c15);
	(void)pthread_mutex_init(&l->lock, NULL);
	(void)pthread_cond_init(&l->changed, NULL);
	if (open_disk(l) && pthread_create(&l->thread, NULL, run, l) == 0)
		return l;
	disk_load_free(l);
	return NULL;
}

void disk_load_free(struct disk_load *l)
{
	for (uint32_t i = 0; i < l->c.depth; i++) {
		struct job *j = &l->job[i];

		if (j->from_client)
			pvb_client_buffer_put(l->client, j->iov.iov_base,
			                      JOB_BLOCKS * HISTORY_BLOCK);
		else
			free(j->iov.iov_base);
	}
	pvb_client_close(l->client);
	history_fini(&l->history);
	free(l->content);
	free(l);
}
