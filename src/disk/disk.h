/* SPDX-License-Identifier: MIT */
/*
 * disk.h - something that stores sectors: file, memory, null, wrappers that
 * fail on purpose or keep a log, a connected frontend.  One table.
 *
 * A disk is opened in two steps.  *Probe* (control half: may use paths, may
 * take time) turns a URI into descriptors and facts.  *Open* (data half: no
 * paths) turns copies of these descriptors into a *lane*, bound to one loop
 * and its thread; a disk with several queues has several lanes on the same
 * open file description.  All lanes see one disk: what is complete on one is
 * seen, and flushed, by another.
 */
#ifndef PVB_DISK_H
#define PVB_DISK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <pvb/disk.h>

#include "uri.h"

struct pvb_err;
struct pvb_log;
struct pvb_loop;
struct pvb_disk;

enum { PVB_DISK_FDS_MAX = 4, PVB_DISK_BLOB_MAX = 512 };

enum {                                  /* flags of probe */
	PVB_DISK_READ_ONLY = 1 << 0,
	PVB_DISK_SHARED    = 1 << 1,    /* others may write to it, too */
};

/*
 * What control knows of a disk and what a data half needs to open it: plain
 * bytes and descriptors, so it can be sent to another process as it is.
 */
struct pvb_disk_probe {
	char     scheme[16];
	uint32_t flags;
	/* Control's, once probed: names whose use of the disk this is, among
	   all users of it; see `fenced`.  0: nobody will ask. */
	uint64_t fence;
	/* What is on it goes with the last of these descriptors, so another
	   probe of the same URI is another disk. */
	bool     fleeting;
	struct pvb_disk_info info;
	uint32_t nfds;
	int      fds[PVB_DISK_FDS_MAX]; /* owned: pins, without locks */
	uint32_t blob_bytes;            /* the driver's own, fixed format */
	unsigned char blob[PVB_DISK_BLOB_MAX];
};

struct pvb_disk_extent { uint64_t length_bytes; bool hole, zero; };

struct pvb_disk_ops {
	const char *scheme;             /* "file", "mem", ... */
	const char *summary;            /* "file:PATH  a file or ..." */
	/* For --help, a line each ("direct=on|off|auto  ..."), NULL-ended. */
	const char *const *options;

	/* ---- control: with paths, may block ------------------------------ */
	/* 0, or -errno with *e: -ENOENT -EACCES -EISDIR -EINVAL (URI, size,
	   option) -ENOMEDIUM (of no size now) -EBUSY -EROFS -EIO ... */
	int  (*probe)(struct pvb_uri *uri, uint32_t flags,
	              struct pvb_disk_probe *out, struct pvb_err *e);
	/* Fresh descriptors for one attachment, opened through those of the
	   probe; to be sent or used, then closed by the caller.  The number.
	   -EBUSY: a block device that is mounted or otherwise claimed. */
	int  (*reopen)(const struct pvb_disk_probe *p,
	               int fds[PVB_DISK_FDS_MAX], struct pvb_err *e);
	/* Look at the size again.  0: info.size_bytes is up to date.  -EINVAL:
	   it shrank, or its size is no disk's; info stays.  May be NULL. */
	int  (*reprobe)(struct pvb_disk_probe *p, struct pvb_err *e);
	/* A process that had lanes open with this `fence` is dead, and its
	   parent has waited for it.  Is all over that these had begun, reads
	   too?  1; 0: not yet; or -errno with *e, when that cannot be told, and
	   will not be by waiting: -EOPNOTSUPP ...  Blocks no longer than an
	   open does.  NULL: death is the end of it. */
	int  (*fenced)(const struct pvb_disk_probe *p, struct pvb_err *e);

	/* ---- data: no paths, one thread ---------------------------------- */
	/* Takes the locks.  `fds` are reopen's; they become the lane's, also on
	   failure.  -EBUSY (somebody else writes it), -EIO, -ENOMEM ... */
	int  (*open)(struct pvb_loop *loop, const struct pvb_log *log,
	             const struct pvb_disk_probe *p, int *fds, uint32_t nfds,
	             struct pvb_disk **lane, struct pvb_err *e);
	/* Nothing may be in flight (asserted).  Legal inside a done(). */
	void (*close)(struct pvb_disk *d);
	/* Control says that the disk has grown.  0: info.size_bytes is that
	   now (changed() is not called).  -EINVAL: smaller than before, or the
	   descriptor is not so large.  May be NULL: it never grows. */
	int  (*resized)(struct pvb_disk *d, uint64_t size_bytes);
	/* 0: accepted, done() will run.  -EAGAIN: too many in flight, try
	   again after a done().  Nothing else: a bad request is done() with
	   -EINVAL. */
	int  (*submit)(struct pvb_disk *d, struct pvb_io *io);
	/* End of a batch: push on what submit only queued; nothing has to
	   begin before it.  May be NULL. */
	void (*kick)(struct pvb_disk *d);
	/* What is allocated from offset_bytes on: at most `cap` extents, the
	   number.  May block.  -EOPNOTSUPP (not known), -EINVAL (past the
	   end), -EIO.  May be NULL. */
	int  (*extents)(struct pvb_disk *d, uint64_t offset_bytes,
	                uint64_t length_bytes, struct pvb_disk_extent *v,
	                uint32_t cap);
	/* Memory that this disk does I/O in without a copy (a frontend's shared
	   pages); NULL: none left, or any memory is as good.  May be NULL. */
	void *(*buffer_get)(struct pvb_disk *d, size_t bytes);
	void  (*buffer_put)(struct pvb_disk *d, void *buffer, size_t bytes);
};

struct pvb_disk {                       /* first member of each driver's lane */
	const struct pvb_disk_ops *ops;
	struct pvb_disk_info info;
	/* The owner's: info has changed (size_bytes; or flush, fua, discard or
	   discard_secure is not to be had after all), or the disk is gone
	   (`gone` is a negative errno).  From the loop.  May be NULL. */
	void (*changed)(struct pvb_disk *d, void *arg, int gone);
	void *arg;
};

extern const struct pvb_disk_ops pvb_disk_file, pvb_disk_mem, pvb_disk_null,
                                 pvb_disk_fault, pvb_disk_record;
/* The drivers of this folder, NULL-ended.  Upper floors have longer lists. */
extern const struct pvb_disk_ops *const pvb_disk_basic[];

const struct pvb_disk_ops *pvb_disk_find(const struct pvb_disk_ops *const *list,
                                         const char *scheme);
/* Split the URI and probe it by the driver it names.  *e prefixed by the URI.
   -EPROTONOSUPPORT: unknown scheme (the sentence lists the known ones). */
int  pvb_disk_probe(const struct pvb_disk_ops *const *list, const char *uri,
                    uint32_t flags, struct pvb_disk_probe *out,
                    const struct pvb_disk_ops **ops, struct pvb_err *e);
void pvb_disk_probe_fini(struct pvb_disk_probe *p);   /* zeroed: fine */
/* Probe and open one lane here, in one step. */
int  pvb_disk_open(const struct pvb_disk_ops *const *list, const char *uri,
                   uint32_t flags, struct pvb_loop *loop,
                   const struct pvb_log *log, struct pvb_disk **lane,
                   struct pvb_err *e);
void pvb_disk_close(struct pvb_disk *d);              /* NULL is fine */

/* Legal for this disk?  0, -EINVAL, -EROFS, -EOPNOTSUPP.  Every driver calls
   it first, so all refuse alike.  Zero length is legal and does nothing.
   A FLUSH has neither offset nor length; flags that do not belong to the
   operation are -EINVAL. */
int  pvb_disk_check(const struct pvb_disk_info *info, const struct pvb_io *io);
/* What of a range the disk can discard: whole granules of its, counted from
   where its first begins.  False: nothing. */
bool pvb_disk_discard_round(const struct pvb_disk_info *info,
                            uint64_t *offset_bytes, uint64_t *length_bytes);

#endif
