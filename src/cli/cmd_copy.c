/* SPDX-License-Identifier: MIT */
/*
 * pvb copy: any disk to any disk, holes as holes.
 *
 * A fixed set of pieces is in flight; each is read, looked at (all zeros?) and
 * written by callbacks on the two disks' threads.  The main thread only hands
 * out work and waits.
 */
#include <errno.h>
#include <getopt.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <pvb/client.h>

#include "base/log.h"
#include "cmd.h"
#include "device_args.h"
#include "progress.h"
#include "unfinished.h"

enum { PIECES = 32, PIECE_BYTES = 256 << 10 };
#define EXTENT_BYTES_MAX (UINT64_C(1) << 30)

struct copy;
struct piece {
	struct pvb_io  io;
	struct iovec   iov;
	struct copy   *copy;
	struct piece  *next_free;
	void          *buffer;
};

struct copy {
	const char *src_uri, *dst_uri;
	struct pvb_client *src, *dst;
	struct pvb_unfinished unfinished;       /* dst, if we have made it */
	enum pvb_log_level log_level;
	bool     has_log;
	uint64_t size_bytes;
	bool     dst_is_zero;           /* fresh file: what is not written is
	                                   0 */
	bool     dst_can_zero;

	pthread_mutex_t lock;           /* guards what follows */
	pthread_cond_t  changed;
	struct piece   *free;
	uint32_t        in_flight;
	uint64_t        done_bytes, written_bytes;
	int             code;           /* the first failure ... */
	const char     *failed_what, *failed_uri;
	uint64_t        failed_at;

	struct piece piece[PIECES];
};

static void note_failure(struct copy *c, const char *what, const char *uri,
                         uint64_t at, int code)
{
	if (c->code)
		return;
	c->code = code;
	c->failed_what = what;
	c->failed_uri = uri;
	c->failed_at = at;
}

/* The piece is finished, well or not. */
static void piece_over(struct piece *p, uint64_t written_bytes)
{
	struct copy *c = p->copy;

	c->done_bytes += p->io.length_bytes;
	c->written_bytes += written_bytes;
	c->in_flight--;
	p->next_free = c->free;
	c->free = p;
	pthread_cond_signal(&c->changed);
}

static void piece_written(struct pvb_io *io, int result)
{
	struct piece *p = io->arg;
	struct copy *c = p->copy;

	pthread_mutex_lock(&c->lock);
	if (result < 0)
		note_failure(c, "write", c->dst_uri, io->offset_bytes, result);
	piece_over(p, io->op == PVB_IO_WRITE ? io->length_bytes : 0);
	pthread_mutex_unlock(&c->lock);
}

static bool is_zero(const void *buffer, size_t bytes)
{
	const char *b = buffer;

	return b[0] == 0 && memcmp(b, b + 1, bytes - 1) == 0;
}

static void piece_read(struct pvb_io *io, int result)
{
	struct piece *p = io->arg;
	struct copy *c = p->copy;
	bool zero = result == 0 && is_zero(p->buffer, io->length_bytes);

	if (result < 0 || (zero && c->dst_is_zero)) {
		pthread_mutex_lock(&c->lock);
		if (result < 0)
			note_failure(c, "read", c->src_uri, io->offset_bytes,
			             result);
		piece_over(p, 0);
		pthread_mutex_unlock(&c->lock);
		return;
	}
	io->op = zero && c->dst_can_zero ? PVB_IO_ZERO : PVB_IO_WRITE;
	io->done = piece_written;
	pvb_client_submit(c->dst, io);
}

/* A free piece, or NULL when the copy has failed. */
static struct piece *take_piece(struct copy *c)
{
	struct piece *p = NULL;

	pthread_mutex_lock(&c->lock);
	while (!c->free && !c->code)
		pthread_cond_wait(&c->changed, &c->lock);
	if (!c->code) {
		p = c->free;
		c->free = p->next_free;
		c->in_flight++;
	}
	pthread_mutex_unlock(&c->lock);
	return p;
}

static uint64_t smaller(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static void copy_data(struct copy *c, uint64_t at, uint64_t end,
                      struct pvb_progress *bar)
{
	while (at < end) {
		struct piece *p = take_piece(c);
		uint64_t n = smaller(end - at, PIECE_BYTES);

		if (!p)
			return;
		p->iov.iov_base = p->buffer;
		p->iov.iov_len = n;
		p->io = (struct pvb_io){ .op = PVB_IO_READ, .offset_bytes = at,
			.length_bytes = n, .iov = &p->iov, .iovcnt = 1,
			.done = piece_read, .arg = p };
		pvb_client_submit(c->src, &p->io);
		at += n;
		pvb_progress_show(bar, at);
	}
}

/* A range that is known to be zero at the source. */
static void copy_zero(struct copy *c, uint64_t at, uint64_t bytes)
{
	int r = 0;

	if (!c->dst_is_zero)
		r = pvb_client_zero(c->dst, bytes, at, 0);
	pthread_mutex_lock(&c->lock);
	if (r < 0)
		note_failure(c, "zero", c->dst_uri, at, r);
	else
		c->done_bytes += bytes;
	pthread_mutex_unlock(&c->lock);
}

static bool has_failed(struct copy *c)
{
	bool failed;

	pthread_mutex_lock(&c->lock);
	failed = c->code != 0;
	pthread_mutex_unlock(&c->lock);
	return failed;
}

static void copy_all(struct copy *c, struct pvb_progress *bar)
{
	uint64_t at = 0;

	while (at < c->size_bytes && !has_failed(c)) {
		struct pvb_client_extent x;
		uint64_t n = smaller(c->size_bytes - at, EXTENT_BYTES_MAX);
		bool zero = false;

		if (pvb_client_extents(c->src, at, n, &x, 1) == 1) {
			n = x.length_bytes;
			zero = x.zero && (c->dst_is_zero || c->dst_can_zero);
		}
		if (zero)
			copy_zero(c, at, n);
		else
			copy_data(c, at, at + n, bar);
		at += n;
		pvb_progress_show(bar, at);
	}
	pthread_mutex_lock(&c->lock);
	while (c->in_flight)
		pthread_cond_wait(&c->changed, &c->lock);
	pthread_mutex_unlock(&c->lock);
}

/* ---- the two ends -------------------------------------------------------- */

/* A destination file that is not there yet is made, sparse. */
static int make_destination(struct copy *c, struct pvb_err *e)
{
	const char *path = pvb_arg_file_path(c->dst_uri);
	int fd;

	/* A URI with options or escapes needs a file that is: probe tells. */
	if (!path || (path != c->dst_uri && strpbrk(path, "?%")))
		return 0;
	fd = pvb_unfinished_create(&c->unfinished, path, 0666);
	if (fd == -EEXIST)
		return 0;
	if (fd < 0)
		return pvb_err_set(e, fd, "%s: %s", path, strerror(-fd));
	c->dst_is_zero = true;
	if (ftruncate(fd, (off_t)c->size_bytes) < 0) {
		int code = -errno;

		close(fd);
		return pvb_err_set(e, code, "%s: %s", path, strerror(-code));
	}
	close(fd);
	return 0;
}

static void log_line(void *arg, const char *level, const char *line)
{
	const struct copy *c = arg;
	enum pvb_log_level l;

	if (pvb_log_level_parse(level, &l) && l <= c->log_level)
		pvb_log_to_stderr(NULL, l, line);
}

static int open_ends(struct copy *c, struct pvb_err *e)
{
	struct pvb_client_config config = { .size_bytes = sizeof(config),
		.read_only = true, .log = c->has_log ? log_line : NULL,
		.log_arg = c };
	struct pvb_disk_info info;
	int r = pvb_client_open(c->src_uri, &config, &c->src, e);

	if (r < 0)
		return r;
	pvb_client_info(c->src, &info);
	c->size_bytes = info.size_bytes;
	r = make_destination(c, e);
	config.read_only = false;
	if (r == 0)
		r = pvb_client_open(c->dst_uri, &config, &c->dst, e);
	if (r < 0)
		return r;
	pvb_client_info(c->dst, &info);
	c->dst_can_zero = info.zero;
	if (info.read_only)
		return pvb_err_set(e, -EROFS, "%s: read-only", c->dst_uri);
	if (info.size_bytes < c->size_bytes)
		return pvb_err_set(e, -ENOSPC,
			"%s: smaller (%llu bytes) than the source (%llu bytes)",
			c->dst_uri, (unsigned long long)info.size_bytes,
			(unsigned long long)c->size_bytes);
	return 0;
}

static bool get_buffers(struct copy *c)
{
	for (int i = 0; i < PIECES; i++) {
		struct piece *p = &c->piece[i];

		if (posix_memalign(&p->buffer, 4096, PIECE_BYTES) != 0)
			return false;
		p->copy = c;
		p->next_free = c->free;
		c->free = p;
	}
	return true;
}

static int copy_run(struct copy *c)
{
	struct pvb_err e = PVB_ERR_INIT;
	struct pvb_progress bar;
	int r;

	if (open_ends(c, &e) < 0)
		return pvb_say_err("copy", &e);
	if (!get_buffers(c))
		return pvb_say_error("copy: out of memory");
	pvb_progress_start(&bar, "copy", c->size_bytes);
	copy_all(c, &bar);
	if (!c->code) {
		r = pvb_client_flush(c->dst);
		if (r < 0 && r != -EOPNOTSUPP)
			note_failure(c, "flush", c->dst_uri, 0, r);
	}
	pvb_progress_end(&bar);
	if (c->code)
		return pvb_say_error("copy: %s: %s at byte %llu: %s",
			c->failed_uri, c->failed_what,
			(unsigned long long)c->failed_at,
			pvb_errno_text(c->code));
	pvb_unfinished_keep(&c->unfinished);
	return PVB_EXIT_DONE;
}

static bool is_same_file(const char *a, const char *b)
{
	struct stat x, y;

	return pvb_arg_stat(a, &x) && pvb_arg_stat(b, &y) &&
	       x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

static int copy(struct copy *c)
{
	int r, status;

	if (is_same_file(c->src_uri, c->dst_uri))
		return pvb_say_error("copy: %s: source and destination are "
			"the same file", c->dst_uri);
	r = pvb_unfinished_init(&c->unfinished);
	if (r < 0)
		return pvb_say_error("copy: %s", strerror(-r));
	pthread_mutex_init(&c->lock, NULL);
	pthread_cond_init(&c->changed, NULL);
	status = copy_run(c);
	pvb_client_close(c->dst);
	pvb_client_close(c->src);
	for (int i = 0; i < PIECES; i++)
		free(c->piece[i].buffer);
	pthread_cond_destroy(&c->changed);
	pthread_mutex_destroy(&c->lock);
	pvb_unfinished_fini(&c->unfinished);
	return status;
}

static int run_with(const struct pvb_cmd *cmd, struct copy *c, int argc,
                    char **argv)
{
	static const struct option options[] = {
		{ "log", required_argument, NULL, 'l' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	int opt;

	while ((opt = getopt_long(argc, argv, ":", options, NULL)) != -1) {
		if (opt == 'h')
			return pvb_say_help(cmd);
		if (opt != 'l')
			return pvb_say_bad_option(cmd, argc, argv, opt);
		c->has_log = pvb_log_level_parse(optarg, &c->log_level);
		if (!c->has_log)
			return pvb_say_usage(cmd,
				"--log %s: error, warn, info or debug", optarg);
	}
	if (argc - optind != 2)
		return pvb_say_usage(cmd, "copy: a source and a destination");
	c->src_uri = argv[optind];
	c->dst_uri = argv[optind + 1];
	return copy(c);
}

static int run(const struct pvb_cmd *cmd, int argc, char **argv)
{
	struct copy *c = calloc(1, sizeof(*c));
	int status;

	if (!c)
		return pvb_say_error("copy: out of memory");
	status = run_with(cmd, c, argc, argv);
	free(c);
	return status;
}

const struct pvb_cmd pvb_cmd_copy = {
	.name = "copy",
	.summary = "copy a disk to a disk, holes as holes",
	.run = run,
	.help =
"usage: pvb copy [--log LEVEL] SRC DST\n"
"\n"
"SRC and DST are disk URIs (file:PATH or a bare path, mem:SIZE,\n"
"vbd:DOMAIN/VDEV?host=HOST, ...).  A DST that is a file and does not exist\n"
"is made, sparse, in the size of SRC, and removed again if the copy fails or\n"
"is interrupted; else DST must be at least as large.\n"
"What SRC knows or shows to be zero becomes a hole in DST where DST can.\n"
"On a terminal a bar shows progress, rate and time left.\n"
"\n"
"  --log LEVEL  what the two disks say meanwhile: error, warn, info (what a\n"
"               frontend and its backend have agreed on)\n"
"  --help       this text\n",
};
