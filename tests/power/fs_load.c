/* SPDX-License-Identifier: MIT */
/*
 * fs_load.c - a load on a file system that counts on fsync, and says on the
 * disk, behind the file system, what was promised to it.
 *
 *	fs_load DIRECTORY DISK MARKS-AT SECONDS SEED
 *
 * It goes on for SECONDS, and until there are MARKS marks.
 *
 * A *mark* is a sector of "MARK NUMBER ..." at MARKS-AT or behind; when it is
 * written the disk's own log has it.  Before a name is changed, and after that
 * is on stable storage, there is one:
 *
 *	try NAME CRC	from now on NAME may have this content, too
 *	is NAME CRC	NAME has it and no other; CRC -: there is none
 *	log NAME N	the first N records of NAME are there
 *
 * Needs nothing but libc: it also runs in guests.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
	WORKERS = 4, NAMES = 12, BYTES_MAX = 40000, TEXT = 128,
	RECORD = 100, RECORDS_MAX = 60,         /* of a log; in one append */
	MARK_BYTES = 4096, MARKS = 128,
	NOISE_BYTES = 16384, NOISES = 64,
};

struct worker {
	pthread_t thread;
	int       number;
	uint64_t  random;
	unsigned  records;              /* of its log */
	unsigned char content[BYTES_MAX];
};

static const char *directory;
static int disk;
static long long marks_at;
static time_t end_s;
static pthread_mutex_t marks_lock = PTHREAD_MUTEX_INITIALIZER;
static atomic_uint marks;                /* written */
static struct worker workers[WORKERS];

static void fail(const char *what)
{
	fprintf(stderr, "fs_load: %s: %s\n", what, strerror(errno));
	exit(1);
}

static bool is_over(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec >= end_s && atomic_load(&marks) >= MARKS;
}

static uint64_t below(struct worker *w, uint64_t n)
{
	uint64_t z = w->random += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return (z ^ z >> 31) % n;
}

/* zlib's. */
static uint32_t crc32(const unsigned char *p, size_t bytes)
{
	uint32_t crc = ~UINT32_C(0);

	while (bytes--) {
		crc ^= *p++;
		for (int i = 0; i < 8; i++)
			crc = crc >> 1 ^ (crc & 1 ? UINT32_C(0xedb88320) : 0);
	}
	return ~crc;
}

__attribute__((format(printf, 1, 2)))
static void mark(const char *format, ...)
{
	static _Alignas(MARK_BYTES) char sector[MARK_BYTES];
	unsigned number;
	va_list args;
	int n;

	pthread_mutex_lock(&marks_lock);
	number = atomic_load(&marks);
	memset(sector, 0, sizeof(sector));
	n = snprintf(sector, TEXT, "MARK %u ", number);
	va_start(args, format);
	n += vsnprintf(sector + n, TEXT, format, args);
	va_end(args);
	sector[n] = '\n';
	if (pwrite(disk, sector, sizeof(sector),
		   marks_at + number % MARKS * MARK_BYTES) != sizeof(sector))
		fail("mark");
	atomic_store(&marks, number + 1);
	pthread_mutex_unlock(&marks_lock);
}

/* ---- files --------------------------------------------------------------- */

/* Of a worker's file; NULL: its directory. */
static const char *path(const struct worker *w, const char *name,
			char out[TEXT])
{
	(void)snprintf(out, TEXT, "%s/d%d%s%s", directory, w->number,
		       name ? "/" : "", name ? name : "");
	return out;
}

static void sync_path(const char *p)
{
	int fd = open(p, O_RDONLY);

	if (fd < 0 || fsync(fd) < 0 || close(fd) < 0)
		fail(p);
}

static void write_file(const char *p, const void *content, size_t bytes,
		       int flags, bool sync)
{
	int fd = open(p, O_WRONLY | O_CREAT | flags, 0644);

	if (fd < 0 || write(fd, content, bytes) != (ssize_t)bytes ||
	    (sync && fsync(fd) < 0) || close(fd) < 0)
		fail(p);
}

static size_t fill(struct worker *w)
{
	size_t bytes = below(w, BYTES_MAX);

	for (size_t i = 0; i < bytes; i++)
		w->content[i] = (unsigned char)below(w, 256);
	return bytes;
}

/* A new content under an old name, as editors do it. */
static void replace(struct worker *w)
{
	char from[TEXT], to[TEXT], there[TEXT], name[8];
	size_t bytes = fill(w);
	uint32_t crc = crc32(w->content, bytes);

	(void)snprintf(name, sizeof(name), "f%u", (unsigned)below(w, NAMES));
	write_file(path(w, "new", from), w->content, bytes, O_TRUNC, true);
	mark("try d%d/%s %08x", w->number, name, crc);
	if (rename(from, path(w, name, to)) < 0)
		fail(to);
	sync_path(path(w, NULL, there));
	mark("is d%d/%s %08x", w->number, name, crc);
}

static void delete(struct worker *w)
{
	char p[TEXT], there[TEXT], name[8];

	(void)snprintf(name, sizeof(name), "f%u", (unsigned)below(w, NAMES));
	mark("try d%d/%s -", w->number, name);
	if (unlink(path(w, name, p)) < 0 && errno != ENOENT)
		fail(p);
	sync_path(path(w, NULL, there));
	mark("is d%d/%s -", w->number, name);
}

/* "NAME NUMBER ....\n", RECORD bytes. */
static void append(struct worker *w)
{
	unsigned count = 1 + (unsigned)below(w, RECORDS_MAX);
	char records[RECORDS_MAX * RECORD + 1], p[TEXT];

	memset(records, '.', sizeof(records));
	for (unsigned i = 0; i < count; i++) {
		char *r = records + i * RECORD;

		r[snprintf(r, RECORD, "d%d/log %u ", w->number,
			   w->records + i)] = '.';
		r[RECORD - 1] = '\n';
	}
	write_file(path(w, "log", p), records, count * RECORD, O_APPEND, true);
	w->records += count;
	mark("log d%d/log %u", w->number, w->records);
}

/* What nobody promises anything of. */
static void disturb(struct worker *w)
{
	char p[TEXT], name[8];
	size_t bytes = fill(w);

	(void)snprintf(name, sizeof(name), "x%u", (unsigned)below(w, NAMES));
	path(w, name, p);
	if (below(w, 2) == 0)
		write_file(p, w->content, bytes, O_TRUNC, false);
	else if (truncate(p, (off_t)bytes) < 0 && errno != ENOENT)
		fail(p);
}

static void *work(void *arg)
{
	static void (*const ways[])(struct worker *) = {
		replace, replace, replace, replace, append, append, append,
		delete, disturb, disturb,
	};
	struct worker *w = arg;

	while (!is_over())
		ways[below(w, sizeof(ways) / sizeof(*ways))](w);
	return NULL;
}

/* Writes that nobody waits for, past the page cache: there is always something
   under way that is not promised. */
static void *make_noise(void *arg)
{
	static _Alignas(4096) unsigned char block[NOISE_BYTES];
	char p[TEXT];
	int fd;

	(void)arg;
	(void)snprintf(p, sizeof(p), "%s/noise", directory);
	fd = open(p, O_WRONLY | O_CREAT | O_DIRECT, 0644);
	if (fd < 0)
		fail(p);
	for (unsigned n = 0; !is_over(); n++) {
		memset(block, (int)n, sizeof(block));
		if (pwrite(fd, block, sizeof(block), (off_t)(n * 7 % NOISES) *
			   NOISE_BYTES) != sizeof(block))
			fail(p);
	}
	(void)close(fd);
	return NULL;
}

static void begin(uint64_t seed, time_t seconds)
{
	struct timespec now;
	char p[TEXT];

	for (int i = 0; i < WORKERS; i++) {
		workers[i].number = i;
		workers[i].random = seed * WORKERS + (uint64_t)i;
		if (mkdir(path(&workers[i], NULL, p), 0755) < 0)
			fail(p);
	}
	sync_path(directory);
	mark("begin");
	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	end_s = now.tv_sec + seconds;
}

int main(int argc, char **argv)
{
	pthread_t noise;

	if (argc != 6)
		return 2;
	directory = argv[1];
	disk = open(argv[2], O_RDWR | O_DIRECT);
	if (disk < 0)
		fail(argv[2]);
	marks_at = atoll(argv[3]);
	begin(strtoull(argv[5], NULL, 10), atol(argv[4]));
	if (pthread_create(&noise, NULL, make_noise, NULL) != 0)
		fail("thread");
	for (int i = 0; i < WORKERS; i++)
		if (pthread_create(&workers[i].thread, NULL, work,
				   &workers[i]) != 0)
			fail("thread");
	for (int i = 0; i < WORKERS; i++)
		(void)pthread_join(workers[i].thread, NULL);
	(void)pthread_join(noise, NULL);
	mark("end");
	printf("%u marks\n", atomic_load(&marks));
	return 0;
}
