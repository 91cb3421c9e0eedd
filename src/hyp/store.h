/* SPDX-License-Identifier: MIT */
/*
 * store.h - XenStore as a control half sees it.  One table, two
 * implementations: store_local.c (a Unix socket) and store_xen.c.
 *
 * Calls return >= 0 or a negative errno out of the set named beside them; an
 * implementation maps anything else to -EIO.  -EIO means that the store is
 * gone: every later call fails too and the handle is only good for close.
 * Calls wait for the answer, bounded by the handle's time-out (on Xen as long
 * as xenstored takes).  A handle belongs to one thread.  Data halves and
 * workers never hold one.
 */
#ifndef PVB_STORE_H
#define PVB_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pvb_err;
struct pvb_keys;                        /* proto/keys.h */
struct pvb_store { const struct pvb_store_ops *ops; };  /* first member of
                                                           each */

enum { PVB_STORE_NO_TX = 0 };

enum pvb_store_rights {                 /* bits; neither: none */
	PVB_STORE_READ = 1, PVB_STORE_WRITE = 2,
};
struct pvb_store_perm { uint16_t domid; uint8_t rights; };

struct pvb_store_event {
	uint64_t token;                 /* as given to watch */
	/* That fired, relative if so watched; or the watched path itself, if
	   more happened below it than was worth keeping apart. */
	char     path[3073];
};

struct pvb_store_ops {
	const char *name;               /* "xen", "local" */
	void (*close)(struct pvb_store *s);

	/* Nodes.  -ENOENT -EACCES -EINVAL -E2BIG -ENOSPC -EAGAIN -EIO */
	/* Length of the value; no NUL is added.  -E2BIG: over `cap`. */
	int  (*read)(struct pvb_store *s, uint32_t tx, const char *path,
	             char *value, size_t cap);
	int  (*write)(struct pvb_store *s, uint32_t tx, const char *path,
	              const void *value, size_t bytes);
	/* Children's names, each with its NUL, as many as there are: an owned
	   buffer in *names (free it), the length as the result. */
	int  (*list)(struct pvb_store *s, uint32_t tx, const char *path,
	             char **names);
	int  (*mkdir)(struct pvb_store *s, uint32_t tx, const char *path);
	/* With all that is below it.  Absent: 0. */
	int  (*remove)(struct pvb_store *s, uint32_t tx, const char *path);
	/* The first entry is the owner, its rights those of everybody else. */
	int  (*set_perms)(struct pvb_store *s, uint32_t tx, const char *path,
	                  const struct pvb_store_perm *perm, uint32_t count);
	/* How many there are; at most `cap` are filled in. */
	int  (*get_perms)(struct pvb_store *s, uint32_t tx, const char *path,
	                  struct pvb_store_perm *perm, uint32_t cap);

	/* Transactions.  commit, remove: -EAGAIN: somebody was faster, do all
	   again. */
	int  (*begin)(struct pvb_store *s, uint32_t *tx);
	int  (*commit)(struct pvb_store *s, uint32_t tx);
	void (*abort)(struct pvb_store *s, uint32_t tx);

	/* Watches.  One event comes at once.  -EEXIST -EINVAL -ENOSPC -EIO */
	int  (*watch)(struct pvb_store *s, const char *path, uint64_t token);
	void (*unwatch)(struct pvb_store *s, const char *path, uint64_t token);
	/* 1: *e is filled; 0: none waits; -EIO.  Never blocks. */
	int  (*next_event)(struct pvb_store *s, struct pvb_store_event *e);
	/* Readable when there may be an event.  Borrowed.  Call next_event
	   until it says 0 before waiting: events may sit in the handle. */
	int  (*fd)(struct pvb_store *s);

	/* Domains.  For domain 0 alone: -EACCES, as xenstored says. */
	int  (*domain_exists)(struct pvb_store *s, uint16_t domid);  /* 1, 0 */
	/* Make it known: create it.  -EEXIST; on Xen always -EACCES, there a
	   toolstack does that. */
	int  (*introduce)(struct pvb_store *s, uint16_t domid);
	/* Forget it: destroy it, with its nodes' watches.  Likewise; -ENOENT */
	int  (*release)(struct pvb_store *s, uint16_t domid);
};

/*
 * A handle on the local machine in directory `dir` as domain `domid`; a
 * domain that does not exist yet is introduced first, if `introduce`.  Owned,
 * or NULL with *e: code -ENOENT (no machine in dir), -EACCES, -ENXIO (no such
 * domain), -ENAMETOOLONG (socket path), -ETIMEDOUT, -EIO.
 */
struct pvb_store *pvb_store_open_local(const char *dir, uint16_t domid,
                                       bool introduce, struct pvb_err *e);
/* The same on any socket that speaks the wire protocol (xenstored's own). */
struct pvb_store *pvb_store_open_socket(const char *path, struct pvb_err *e);
/* As the domain that we run in, on Xen.  Owned, or NULL with *e: code -ENOENT
   (no Xen here, or no xenstored), -EACCES, -EOPNOTSUPP (built without Xen),
   -EIO. */
struct pvb_store *pvb_store_open_xen(struct pvb_err *e);
void pvb_store_close(struct pvb_store *s);       /* NULL is fine */

/* ---- on top of any table ----------------------------------------------- */
/* Run `body` in a transaction, again while the store says -EAGAIN, at most
   PVB_STORE_TRIES_MAX times (then -EAGAIN).  A body's error aborts it.  If the
   domain has too many open already, waits a second or so for a place, then
   -ENOSPC. */
enum { PVB_STORE_TRIES_MAX = 64 };
int pvb_store_transact(struct pvb_store *s,
                       int (*body)(struct pvb_store *s, uint32_t tx, void *arg),
                       void *arg);
/* DIR/NAME: -ENAMETOOLONG besides the table's own. */
int pvb_store_read_at(struct pvb_store *s, uint32_t tx, const char *dir,
                      const char *name, char *value, size_t cap);
int pvb_store_write_at(struct pvb_store *s, uint32_t tx, const char *dir,
                       const char *name, const char *value);
/* Remove `dir` and each directory above it that is empty then, up to `stop`,
   which stays. */
int pvb_store_remove_up(struct pvb_store *s, uint32_t tx, const char *dir,
                        const char *stop);
/* A decimal number; -ENOENT, -EINVAL if it is none or over max. */
int pvb_store_read_u64_at(struct pvb_store *s, uint32_t tx, const char *dir,
                          const char *name, uint64_t max, uint64_t *out);
/* Read those of `names` (NULL-terminated list) that exist below `dir` into
   `keys`, values over PVB_KEYS_VALUE_MAX as too long.  0 or -errno. */
int pvb_store_read_keys(struct pvb_store *s, uint32_t tx, const char *dir,
                        const char *const *names, struct pvb_keys *keys);
/* Write all of `keys` below `dir`. */
int pvb_store_write_keys(struct pvb_store *s, uint32_t tx, const char *dir,
                         const struct pvb_keys *keys);

#endif
