/* SPDX-License-Identifier: MIT */
/*
 * numbered_writes.c - a load on a disk that shows a write that was lost, and
 * an old one that came again.
 *
 * usage: numbered_writes DISK BLOCK_BYTES THREADS
 *
 * All of a block says which one it is, and how often it was written; at first,
 * it is all zero.  Each thread has blocks of its own.  Over and over it picks
 * one, reads it, must find what was last written there, and writes the next.
 * SIGTERM ends that; then each reads all of its blocks once more.  Printed is
 *
 *     COUNT written
 *
 * The numbers of all blocks on the disk add up to COUNT, now and for whoever
 * looks at it later.  It may go on where an earlier run was cut off.  A block
 * that is not as it should be: said on standard error, status 1.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { THREADS_MAX = 64, PAGE_BYTES = 4096 };

struct mark {                   /* a block is full of them */
	uint64_t block, number;
};

struct job {
	pthread_t thread;
	uint64_t  first;        /* this block, and every threads'th after it */
	uint64_t  random;
};

static int disk;
static size_t block_bytes;
static uint64_t blocks, threads;
static uint64_t *numbers;       /* of each block; its owner's alone */
static atomic_bool stopped, failed;

static void stop(int signal_number)
{
	(void)signal_number;
	atomic_store(&stopped, true);
}

static void wrong(uint64_t block, const char *what, int error)
{
	fprintf(stderr, "block %llu, number %llu: %s%s%s\n",
	        (unsigned long long)block, (unsigned long long)numbers[block],
	        what, error ? ": " : "", error ? strerror(error) : "");
	atomic_store(&failed, true);
}

static void fill(struct mark *at, uint64_t block, uint64_t number)
{
	struct mark m = { block, number };

	if (number == 0)
		m.block = 0;
	for (size_t i = 0; i < block_bytes / sizeof(m); i++)
		at[i] = m;
}

static bool load(uint64_t block, struct mark *to)
{
	ssize_t n = pread(disk, to, block_bytes, (off_t)(block * block_bytes));

	if (n != (ssize_t)block_bytes)
		wrong(block, "cannot be read", n < 0 ? errno : EIO);
	return n == (ssize_t)block_bytes;
}

static bool is_as_written(uint64_t block, struct mark *buffer,
                          struct mark *expected)
{
	char text[80];

	if (!load(block, buffer))
		return false;
	fill(expected, block, numbers[block]);
	if (memcmp(buffer, expected, block_bytes) == 0)
		return true;
	for (size_t i = 0; i < block_bytes / sizeof(*buffer); i++) {
		if (memcmp(&buffer[i], &expected[i], sizeof(*buffer)) == 0)
			continue;
		snprintf(text, sizeof(text), "at %zu: block %llu, number %llu",
		         i * sizeof(*buffer),
		         (unsigned long long)buffer[i].block,
		         (unsigned long long)buffer[i].number);
		wrong(block, text, 0);
		break;
	}
	return false;
}

static bool store_next(uint64_t block, struct mark *buffer)
{
	ssize_t n;

	fill(buffer, block, numbers[block] + 1);
	n = pwrite(disk, buffer, block_bytes, (off_t)(block * block_bytes));
	if (n != (ssize_t)block_bytes) {
		wrong(block, "cannot be written", n < 0 ? errno : EIO);
		return false;
	}
	numbers[block]++;
	return true;
}

static struct mark *buffers(void)
{
	void *p;

	if (posix_memalign(&p, PAGE_BYTES, 2 * block_bytes))
		abort();
	return p;
}

/* Marsaglia's xorshift. */
static uint64_t next_random(uint64_t *x)
{
	*x ^= *x << 13;
	*x ^= *x >> 7;
	*x ^= *x << 17;
	return *x;
}

static void write_on(struct job *j, struct mark *buffer, struct mark *expected)
{
	uint64_t mine = (blocks - j->first + threads - 1) / threads;

	while (!atomic_load(&stopped) && !atomic_load(&failed)) {
		uint64_t block = j->first +
			threads * (next_random(&j->random) % mine);

		if (is_as_written(block, buffer, expected))
			store_next(block, buffer);
	}
}

static void *work(void *arg)
{
	struct job *j = arg;
	struct mark *buffer = buffers();
	struct mark *expected = buffer + block_bytes / sizeof(*buffer);

	/* What an earlier run has left. */
	for (uint64_t b = j->first; b < blocks && load(b, buffer); b += threads)
		numbers[b] = buffer->number;
	write_on(j, buffer, expected);
	for (uint64_t b = j->first; b < blocks; b += threads)
		if (!is_as_written(b, buffer, expected))
			break;
	free(buffer);
	return NULL;
}

static void run(void)
{
	static struct job jobs[THREADS_MAX];

	for (uint64_t t = 0; t < threads; t++) {
		jobs[t].first = t;
		jobs[t].random = UINT64_C(0x9e3779b97f4a7c15) * (t + 1);
		if (pthread_create(&jobs[t].thread, NULL, work, &jobs[t]))
			abort();
	}
	for (uint64_t t = 0; t < threads; t++)
		pthread_join(jobs[t].thread, NULL);
}

static bool open_disk(char **argv)
{
	off_t size;

	disk = open(argv[1], O_RDWR | O_DIRECT);
	if (disk < 0) {
		perror(argv[1]);
		return false;
	}
	size = lseek(disk, 0, SEEK_END);
	block_bytes = strtoul(argv[2], NULL, 10);
	threads = strtoul(argv[3], NULL, 10);
	if (size < 0 || block_bytes == 0 || block_bytes % 512 ||
	    threads == 0 || threads > THREADS_MAX ||
	    (uint64_t)size / block_bytes < threads) {
		fprintf(stderr, "numbered_writes: not on such a disk\n");
		return false;
	}
	blocks = (uint64_t)size / block_bytes;
	numbers = calloc(blocks, sizeof(*numbers));
	return numbers != NULL;
}

int main(int argc, char **argv)
{
	struct sigaction a = { .sa_handler = stop };
	uint64_t written = 0;

	if (argc != 4 || !open_disk(argv))
		return 2;
	sigaction(SIGTERM, &a, NULL);
	run();
	if (atomic_load(&failed))
		return 1;
	for (uint64_t b = 0; b < blocks; b++)
		written += numbers[b];
	printf("%llu written\n", (unsigned long long)written);
	return 0;
}
