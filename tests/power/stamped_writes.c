/* SPDX-License-Identifier: MIT */
/*
 * stamped_writes.c - writes whose every sector says which write it is of, and
 * a diary of what the disk has promised.
 *
 *	stamped_writes URI WRITES SEED
 *
 * DEPTH requests are in flight: writes of random places and lengths, some with
 * FUA, and flushes.  No two of the writes in flight overlap, so a sector's
 * writes come one after the other.  Standard output, a line each:
 *
 *	w N OFFSET BYTES	write N is asked for; d N: it is done
 *	f K			flush K is asked for; F K: it is done
 *	u K N			write N, with FUA, is done; it is promise K
 *
 * When promise K has been given, a *mark* K is written behind the data (at
 * MARKS_AT): it says in the disk's own log that the promise was given before.
 * Exit status 1: a request failed.
 */
#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <pvb/client.h>

enum {
	DEPTH = 16, SECTOR = 512, UNITS_MAX = 32, TRIES = 8,
	DATA_BYTES = 2 << 20, MARKS_AT = DATA_BYTES, MARKS = 256,
	FLUSH_EACH = 8, FUA_EACH = 10,  /* one of so many */
};
#define STAMP UINT64_C(0x5441535f62767021)

struct job {
	struct pvb_io io;
	struct iovec  iov;
	enum { IDLE, WRITE, FLUSH, MARK } what;
	uint64_t number;                /* of the write, or the promise */
};

/* All of it is the client's thread's, but `over`. */
static struct job jobs[DEPTH];
static struct pvb_client *client;
static uint64_t unit, writes_left, writes, promises, seed, marks_due;
static uint64_t due[DEPTH * 2];         /* promises whose mark is not asked */
static int failed;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static uint32_t idle = DEPTH;
static int over;

static uint64_t next_random(void)
{
	uint64_t z = seed += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

static int overlaps(uint64_t at, uint64_t bytes)
{
	for (int i = 0; i < DEPTH; i++) {
		const struct pvb_io *io = &jobs[i].io;

		if (jobs[i].what == WRITE && at < io->offset_bytes +
		    io->length_bytes && io->offset_bytes < at + bytes)
			return 1;
	}
	return 0;
}

static void stamp(struct job *j, uint64_t at, uint64_t bytes)
{
	uint64_t *words = j->iov.iov_base;

	for (uint64_t n = 0; n < bytes; n += SECTOR) {
		*words++ = STAMP;
		*words++ = (at + n) / SECTOR;
		for (int i = 2; i < SECTOR / 8; i++)
			*words++ = j->number;
	}
}

static void submit(struct job *j, enum pvb_io_op op, uint32_t flags,
		   uint64_t at, uint64_t bytes)
{
	j->iov.iov_len = bytes;
	j->io.op = op;
	j->io.flags = flags;
	j->io.offset_bytes = at;
	j->io.length_bytes = bytes;
	j->io.iov = bytes ? &j->iov : NULL;
	j->io.iovcnt = bytes != 0;
	pvb_client_submit(client, &j->io);
}

static void begin_mark(struct job *j)
{
	j->what = MARK;
	j->number = due[--marks_due];
	memset(j->iov.iov_base, 0, unit);
	(void)sprintf(j->iov.iov_base, "MARK %llu\n",
		      (unsigned long long)j->number);
	submit(j, PVB_IO_WRITE, 0, MARKS_AT + j->number % MARKS * unit, unit);
}

static void begin_flush(struct job *j)
{
	j->what = FLUSH;
	j->number = ++promises;
	printf("f %llu\n", (unsigned long long)j->number);
	submit(j, PVB_IO_FLUSH, 0, 0, 0);
}

/* 0: no place was free. */
static int begin_write(struct job *j)
{
	uint64_t at, bytes, tries = TRIES;

	do {
		bytes = (1 + next_random() % UNITS_MAX) * unit;
		if (bytes > UNITS_MAX * SECTOR)
			bytes = UNITS_MAX * SECTOR;
		at = next_random() % ((DATA_BYTES - bytes) / unit) * unit;
	} while (overlaps(at, bytes) && --tries > 0);
	if (tries == 0)
		return 0;
	j->what = WRITE;
	j->number = ++writes;
	writes_left--;
	stamp(j, at, bytes);
	printf("w %llu %llu %llu\n", (unsigned long long)j->number,
	       (unsigned long long)at, (unsigned long long)bytes);
	submit(j, PVB_IO_WRITE, next_random() % FUA_EACH ? 0 : PVB_IO_FUA, at,
	       bytes);
	return 1;
}

static void begin_some(void)
{
	for (int i = 0; i < DEPTH && !failed; i++) {
		struct job *j = &jobs[i];
		int begun = 1;

		if (j->what != IDLE)
			continue;
		if (marks_due > 0)
			begin_mark(j);
		else if (writes_left > 0 && next_random() % FLUSH_EACH == 0)
			begin_flush(j);
		else
			begun = writes_left > 0 && begin_write(j);
		idle -= (uint32_t)begun;
	}
}

static void promised(uint64_t k)
{
	assert(marks_due < sizeof(due) / sizeof(*due));
	due[marks_due++] = k;
}

static void done(struct pvb_io *io, int result)
{
	struct job *j = io->arg;
	unsigned long long n = j->number;

	if (result < 0 && !failed)
		failed = result;
	if (j->what == WRITE)
		printf("d %llu\n", n);
	if (j->what == WRITE && (io->flags & PVB_IO_FUA)) {
		promised(++promises);
		printf("u %llu %llu\n", (unsigned long long)promises, n);
	}
	if (j->what == FLUSH) {
		promised(n);
		printf("F %llu\n", n);
	}
	j->what = IDLE;
	idle++;
	begin_some();
	if (idle < DEPTH)
		return;
	pthread_mutex_lock(&lock);
	over = 1;
	pthread_cond_signal(&changed);
	pthread_mutex_unlock(&lock);
}

/* The first is a flush, which begins all the others. */
static void run(void)
{
	jobs[0].what = FLUSH;
	jobs[0].number = ++promises;
	idle--;
	printf("f 1\n");
	submit(&jobs[0], PVB_IO_FLUSH, 0, 0, 0);
	pthread_mutex_lock(&lock);
	while (!over)
		pthread_cond_wait(&changed, &lock);
	pthread_mutex_unlock(&lock);
}

int main(int argc, char **argv)
{
	struct pvb_err e = PVB_ERR_INIT;
	struct pvb_disk_info info;

	if (argc != 4)
		return 2;
	writes_left = strtoull(argv[2], NULL, 10);
	seed = strtoull(argv[3], NULL, 10);
	if (pvb_client_open(argv[1], NULL, &client, &e) < 0) {
		fprintf(stderr, "stamped_writes: %s\n", e.text);
		return 2;
	}
	pvb_client_info(client, &info);
	unit = info.sector_size_bytes;
	for (int i = 0; i < DEPTH; i++) {
		jobs[i].io.done = done;
		jobs[i].io.arg = &jobs[i];
		if (posix_memalign(&jobs[i].iov.iov_base, 4096,
				   UNITS_MAX * SECTOR) != 0)
			return 2;
	}
	run();
	pvb_client_close(client);
	if (failed)
		fprintf(stderr, "stamped_writes: %s\n", strerror(-failed));
	for (int i = 0; i < DEPTH; i++)
		free(jobs[i].iov.iov_base);
	return failed ? 1 : 0;
}
