/* SPDX-License-Identifier: MIT */
/*
 * slow_disk.c - a file system (FUSE, spoken with the kernel directly) of one
 * file, "disk", whose writes take effect late when they ask for it.
 *
 *	slow_disk DIR BYTES MS
 *
 * A write that begins with the eight bytes "SLOWPOKE" is carried out, and
 * answered, MS milliseconds after it came; whatever comes meanwhile is done at
 * once, also such a write to where one is late already.  A line of standard
 * input: all that are late are due.  Prints "ready" when it has mounted DIR;
 * unmounts it when that input ends, or it is told to.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum {
	NODE_DISK = 2, WRITE_MAX = 128 << 10, BUFFER = WRITE_MAX + 4096,
	LATE_MAX = 256,
};

struct late {                           /* a write that waits */
	uint64_t due_ms, unique, offset;
	uint32_t bytes;
	unsigned char *data;            /* owned */
};

static int fuse;
static unsigned char *content;
static uint64_t content_bytes;
static uint32_t delay_ms;
static struct late late[LATE_MAX];
static uint32_t late_count;

static uint64_t now_ms(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* ---- answers ------------------------------------------------------------- */

static void answer(uint64_t unique, int error, const void *body, size_t bytes)
{
	struct fuse_out_header h = {
		.len = (uint32_t)(sizeof(h) + bytes), .error = error,
		.unique = unique,
	};
	struct iovec iov[2] = {
		{ &h, sizeof(h) }, { (void *)(uintptr_t)body, bytes },
	};

	/* ENOENT: who asked is gone. */
	if (writev(fuse, iov, bytes > 0 ? 2 : 1) < 0 && errno != ENOENT)
		perror("slow_disk: answer");
}

static struct fuse_attr attr_of(uint64_t node)
{
	bool disk = node == NODE_DISK;

	return (struct fuse_attr){
		.ino = node, .size = disk ? content_bytes : 0,
		.blocks = disk ? content_bytes / 512 : 0,
		.mode = disk ? S_IFREG | 0600 : S_IFDIR | 0700,
		.nlink = 1, .blksize = 4096,
	};
}

static void look_up(const struct fuse_in_header *in, const char *name)
{
	struct fuse_entry_out e = { .nodeid = NODE_DISK };

	if (in->nodeid != FUSE_ROOT_ID || strcmp(name, "disk") != 0) {
		answer(in->unique, -ENOENT, NULL, 0);
		return;
	}
	e.attr = attr_of(NODE_DISK);
	answer(in->unique, 0, &e, sizeof(e));
}

static void begin(const struct fuse_in_header *in,
                  const struct fuse_init_in *asked)
{
	struct fuse_init_out o = {
		.major = FUSE_KERNEL_VERSION,
		.minor = FUSE_KERNEL_MINOR_VERSION,
		.max_readahead = 0, .max_background = LATE_MAX,
		.congestion_threshold = LATE_MAX, .max_write = WRITE_MAX,
		.flags = FUSE_ASYNC_READ | FUSE_BIG_WRITES | FUSE_ASYNC_DIO,
		.time_gran = 1,
	};

	o.flags &= asked->flags;
	answer(in->unique, 0, &o, sizeof(o));
}

static void read_from(const struct fuse_in_header *in,
                      const struct fuse_read_in *r)
{
	uint64_t n = r->offset < content_bytes ? content_bytes - r->offset : 0;

	answer(in->unique, 0, content + (n > 0 ? r->offset : 0),
	       r->size < n ? r->size : n);
}

/* ---- writes -------------------------------------------------------------- */

static void apply(uint64_t unique, uint64_t offset, const void *data,
                  uint32_t bytes)
{
	struct fuse_write_out o = { .size = bytes };

	if (offset > content_bytes || bytes > content_bytes - offset) {
		answer(unique, -ENOSPC, NULL, 0);
		return;
	}
	memcpy(content + offset, data, bytes);
	answer(unique, 0, &o, sizeof(o));
}

static bool is_late(uint64_t offset)
{
	for (uint32_t i = 0; i < late_count; i++)
		if (late[i].offset == offset)
			return true;
	return false;
}

static void write_to(const struct fuse_in_header *in,
                     const struct fuse_write_in *w)
{
	const unsigned char *data = (const unsigned char *)(w + 1);
	struct late *l;

	if (w->size < 8 || memcmp(data, "SLOWPOKE", 8) != 0 ||
	    late_count == LATE_MAX || is_late(w->offset)) {
		apply(in->unique, w->offset, data, w->size);
		return;
	}
	l = &late[late_count++];
	*l = (struct late){
		.due_ms = now_ms() + delay_ms, .unique = in->unique,
		.offset = w->offset, .bytes = w->size, .data = malloc(w->size),
	};
	if (!l->data)
		abort();
	memcpy(l->data, data, w->size);
}

/* All have the same delay, so the first is the oldest.  How long until the
   next is due; -1: none. */
static int apply_late(void)
{
	uint32_t n = 0;

	while (n < late_count && late[n].due_ms <= now_ms()) {
		apply(late[n].unique, late[n].offset, late[n].data,
		      late[n].bytes);
		free(late[n].data);
		n++;
	}
	late_count -= n;
	memmove(late, late + n, late_count * sizeof(late[0]));
	return late_count > 0 ? (int)(late[0].due_ms - now_ms()) : -1;
}

static void all_are_due(void)
{
	for (uint32_t i = 0; i < late_count; i++)
		late[i].due_ms = 0;
}

/* ---- requests ------------------------------------------------------------ */

static void serve(const unsigned char *message)
{
	const struct fuse_in_header *in = (const void *)message;
	const void *body = message + sizeof(*in);
	struct fuse_attr_out attr = { .attr = attr_of(in->nodeid) };
	struct fuse_open_out opened = { .fh = 0 };
	struct fuse_statfs_out fs = { .st = { .bsize = 4096, .namelen = 255 } };

	switch (in->opcode) {
	case FUSE_INIT:
		begin(in, body);
		break;
	case FUSE_LOOKUP:
		look_up(in, body);
		break;
	case FUSE_GETATTR:
	case FUSE_SETATTR:
		answer(in->unique, 0, &attr, sizeof(attr));
		break;
	case FUSE_OPEN:
	case FUSE_OPENDIR:
		answer(in->unique, 0, &opened, sizeof(opened));
		break;
	case FUSE_READ:
		read_from(in, body);
		break;
	case FUSE_WRITE:
		write_to(in, body);
		break;
	case FUSE_STATFS:
		answer(in->unique, 0, &fs, sizeof(fs));
		break;
	case FUSE_FLUSH:
	case FUSE_FSYNC:
	case FUSE_RELEASE:
	case FUSE_RELEASEDIR:
		answer(in->unique, 0, NULL, 0);
		break;
	case FUSE_FORGET:
	case FUSE_BATCH_FORGET:
	case FUSE_INTERRUPT:
		break;                  /* no answer is due */
	default:
		answer(in->unique, -ENOSYS, NULL, 0);
		break;
	}
}

static void run(int told)
{
	static unsigned char message[BUFFER] __attribute__((aligned(8)));
	struct pollfd p[] = {
		{ .fd = fuse, .events = POLLIN },
		{ .fd = told, .events = POLLIN },
		{ .fd = STDIN_FILENO, .events = POLLIN },
	};

	while (poll(p, 3, apply_late()) >= 0 || errno == EINTR) {
		char line[64];
		ssize_t n;

		if (p[1].revents ||
		    (p[2].revents && read(STDIN_FILENO, line,
		                          sizeof(line)) <= 0))
			return;
		if (p[2].revents)
			all_are_due();
		if (!p[0].revents)
			continue;
		n = read(fuse, message, sizeof(message));
		if (n > 0)
			serve(message);
		else if (n < 0 && errno == ENODEV)
			return;         /* unmounted by somebody else */
	}
}

/* ---- life ---------------------------------------------------------------- */

static int mount_at(const char *dir)
{
	char options[128];

	fuse = open("/dev/fuse", O_RDWR | O_CLOEXEC | O_NONBLOCK);
	if (fuse < 0)
		return -1;
	(void)snprintf(options, sizeof(options),
	               "fd=%d,rootmode=40000,user_id=%u,group_id=%u", fuse,
	               (unsigned int)getuid(), (unsigned int)getgid());
	return mount("slow_disk", dir, "fuse", MS_NOSUID | MS_NODEV, options);
}

int main(int argc, char **argv)
{
	sigset_t ends;

	if (argc != 4)
		return 2;
	content_bytes = strtoull(argv[2], NULL, 10);
	delay_ms = (uint32_t)strtoul(argv[3], NULL, 10);
	content = calloc(1, content_bytes);
	(void)sigemptyset(&ends);
	(void)sigaddset(&ends, SIGTERM);
	(void)sigaddset(&ends, SIGINT);
	(void)sigprocmask(SIG_BLOCK, &ends, NULL);
	if (!content || mount_at(argv[1]) < 0) {
		perror("slow_disk");
		return 1;
	}
	(void)printf("ready\n");
	(void)fflush(stdout);
	run(signalfd(-1, &ends, SFD_CLOEXEC));
	(void)umount2(argv[1], MNT_DETACH);
	return 0;
}
