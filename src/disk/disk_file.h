/* SPDX-License-Identifier: MIT */
/*
 * disk_file.h - the inside of the file driver, for the disk_file*.c files
 * alone.
 *
 * A request becomes a row of kernel calls (one, as a rule; more after a short
 * transfer, through a bounce chunk, or where zeros must be written out).
 * disk_file_step.c says which call comes next, disk_file_run.c carries it
 * out: at once, by io_uring, or in a thread.
 */
#ifndef PVB_DISK_FILE_H
#define PVB_DISK_FILE_H

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include "base/loop.h"

#include "disk.h"
#include "iolist.h"
#include "jobs.h"
#include "outbox.h"

struct io_uring;

enum {
	FILE_DEPTH = 256,
	FILE_IOV_MAX = 1024,            /* the kernel's own */
	FILE_IO_MAX_BYTES = 8 << 20,
	FILE_CHUNK_BYTES = 64 << 10,    /* bounced or zeroed by one call */
	FILE_CHUNKS = 8,
	FILE_RETRIES_MAX = 16,
};

/* What probe tells open: the blob. */
struct file_how {
	uint32_t version;
	uint8_t  block_device, direct, sync;
	uint8_t  remote;                /* on another machine */
	uint32_t memory_align, offset_align;    /* of O_DIRECT */
	uint64_t fixed_size_bytes;              /* "size=", or 0: follow it */
};
enum { FILE_HOW_VERSION = 1 };

/* The order of the first three is that in which ZERO tries them. */
enum file_call {
	FILE_PUNCH, FILE_ZERO_RANGE, FILE_WRITE_ZEROS,
	FILE_READ, FILE_WRITE, FILE_SYNC, FILE_DISCARD, FILE_ERASE,
};

/* Chunks that are aligned for O_DIRECT, for data that is not. */
struct file_bounce {
	unsigned char *memory;          /* owned; NULL before the first use */
	uint32_t used, touched;         /* a bit a chunk */
};

struct file_lane {
	struct pvb_disk disk;
	struct pvb_loop *loop;
	struct io_uring *ring;          /* the loop's; NULL: use threads */
	int fd;                         /* owned */
	struct file_how how;
	bool nowait;                    /* RWF_NOWAIT is worth a try */
	bool measured;                  /* in this batch: the file has */
	uint64_t has_bytes;
	uint32_t lacks;                 /* 1 << file_call: not to be had here */
	uint32_t in_flight;             /* queued or with the kernel */
	struct pvb_iolist queued;
	struct pvb_loop_task begin;     /* tries again with what is queued */
	struct pvb_outbox outbox;
	struct file_bounce bounce;
	const void *zeros;              /* owned, FILE_CHUNK_BYTES, or NULL */
	struct pvb_jobs jobs;
};

/* A request in flight: lives in pvb_io.scratch. */
struct file_io {
	union { struct pvb_loop_cqe cqe; struct pvb_job job; } via;
	struct file_lane *lane;
	uint64_t moved_bytes;
	unsigned char *chunk;           /* of the bounce, or NULL */
	int32_t  result;                /* of a job's call */
	uint8_t  call;                  /* enum file_call: the one under way */
	uint8_t  retries;
	bool     durable;               /* FUA, or "sync=on" */
	bool     looked;                /* RWF_NOWAIT found not all of it */
};
static_assert(sizeof(struct file_io) <= sizeof(((struct pvb_io *)0)->scratch),
              "a request's state fits in its scratch");

static inline struct file_io *file_io(struct pvb_io *io)
{
	return (struct file_io *)(void *)io->scratch;
}

static inline struct pvb_io *file_io_owner(struct file_io *fio)
{
	return pvb_container(fio, struct pvb_io, scratch);
}

/* The memory of the next transfer, and where it goes on the disk. */
struct file_view {
	struct iovec one;               /* iov may point here */
	const struct iovec *iov;
	uint32_t iovcnt;
	uint64_t offset_bytes;
};

/* disk_file_lock.c.  file_lock: 0 or -errno with *e. */
int  file_lock(const struct file_lane *f, const struct pvb_disk_probe *p,
               struct pvb_err *e);
int  file_fenced(const struct pvb_disk_probe *p, struct pvb_err *e);
/* Does another machine do the I/O?  Any descriptor. */
bool file_is_remote(int fd);

/* disk_file_step.c */
void file_step_first(struct file_lane *f, struct pvb_io *io);
/* `result` of the call under way: a count or -errno.  True: the request has
   ended with *out; false: its next call is set. */
bool file_step_next(struct file_lane *f, struct pvb_io *io, int32_t result,
                    int *out);
/* Why the disk has nothing at a place that is within its size: -ENODATA (it is
   shorter now), -ESHUTDOWN (it is gone), -EIO (it has). */
int  file_missing(const struct file_lane *f);
/* For a read or write (of zeros, too).  Any thread. */
void file_view(const struct file_lane *f, struct pvb_io *io,
               struct file_view *v);
bool file_is_aligned(const struct file_lane *f, const struct pvb_io *io);

/* disk_file_run.c */
int  file_run_init(struct file_lane *f);        /* 0 or -errno */
void file_run_fini(struct file_lane *f);
/* Begin what is queued. */
void file_run_queued(struct file_lane *f);

/* disk_file_bounce.c.  get: 0, -EAGAIN (all in use), -ENOMEM. */
int  file_bounce_get(struct file_bounce *b, unsigned char **chunk);
void file_bounce_put(struct file_bounce *b, unsigned char *chunk);
void file_bounce_fini(struct file_bounce *b);
/* Copy between a request's vector, from `skip` bytes on, and a chunk. */
void file_bounce_gather(const struct pvb_io *io, uint64_t skip,
                        unsigned char *chunk, size_t length);
void file_bounce_scatter(const struct pvb_io *io, uint64_t skip,
                         const unsigned char *chunk, size_t length);

/* disk_file_probe.c, disk_file_geometry.c: the control half. */
int  file_probe(struct pvb_uri *uri, uint32_t flags,
                struct pvb_disk_probe *out, struct pvb_err *e);
int  file_reopen(const struct pvb_disk_probe *p, int fds[PVB_DISK_FDS_MAX],
                 struct pvb_err *e);
int  file_reprobe(struct pvb_disk_probe *p, struct pvb_err *e);
/* Through the pinned descriptor.  The descriptor or -errno. */
int  file_open_pinned(const struct pvb_disk_probe *p, int flags);
/* Bytes of an open file or block device.  0 or -errno. */
int  file_size(int fd, uint64_t *out);
/* O_DIRECT's needs on `fd`, which was opened so.  False: it cannot be used. */
bool file_direct_alignment(int fd, struct file_how *how);
/* Of a block device, or of the one that a file lies on: a number of its
   sysfs directory ("queue/rotational"), or `otherwise`. */
uint64_t file_sysfs_number(dev_t device, const char *name,
                           uint64_t otherwise);

#endif
