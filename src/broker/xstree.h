/* SPDX-License-Identifier: MIT */
/*
 * xstree.h - the store of the local hypervisor: what XenStore is to the
 * domains of a Xen host, without any transport.
 *
 * A client is one connection's view of it: a domain's identity with its own
 * watches and transactions.  Rights, inheritance, conflicts, watches and
 * quotas are those of xenstored; errors are those that it puts on the wire.
 *
 * Paths may be relative to /local/domain/N of the client's domain.  `tx` is
 * 0 or an open transaction of this client; any other is -ENOENT.  Every call
 * may say -ENOMEM; a call that fails has changed nothing.  After its domain
 * was released a client gets -EACCES for everything.  One thread.
 */
#ifndef PVB_BROKER_XSTREE_H
#define PVB_BROKER_XSTREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "xsdomain.h"
#include "xsperms.h"

enum { PVB_XS_DEPTH_MAX = 64 };         /* parts of a path */

struct pvb_xstree;
struct pvb_xsclient;

/* Owned; `limits` are copied, NULL: those of xenstored.  NULL: no memory. */
struct pvb_xstree *pvb_xstree_create(const struct pvb_xslimits *limits);
/* No client may be left (asserted).  NULL is fine. */
void pvb_xstree_destroy(struct pvb_xstree *t);
const struct pvb_xslimits *pvb_xstree_limits(const struct pvb_xstree *t);

/* ---- domains: the broker's side ---------------------------------------- */
/* The domain exists from now on, or again after halt; @introduceDomain fires.
   0, -EEXIST. */
int pvb_xstree_introduce(struct pvb_xstree *t, uint16_t domid);
/* The domain's kernel has died: it is introduced no more, but what the
   toolstack wrote for it stays for the next.  @releaseDomain fires.
   0, -ENOENT (not introduced, or domain 0). */
int pvb_xstree_halt(struct pvb_xstree *t, uint16_t domid);
/*
 * The domain is gone: its clients lose their watches and transactions, the
 * nodes that it owns vanish with all below them (watches fire), permissions
 * that name it are taken out, so that a later domain of this number has none
 * of them.  @releaseDomain fires.  Its clients themselves stay until they
 * are destroyed.  0, -ENOENT (neither introduced nor halted, or domain 0).
 */
int pvb_xstree_release(struct pvb_xstree *t, uint16_t domid);
/* Domain 0 always is. */
bool pvb_xstree_is_introduced(const struct pvb_xstree *t, uint16_t domid);
/* `domid` has the rights of `target` as well (its device model).
   0, -ENOENT (either is not introduced), -EINVAL (target is 0 or itself). */
int pvb_xstree_set_target(struct pvb_xstree *t, uint16_t domid,
                          uint16_t target);

/* What it holds for all domains together. */
struct pvb_xscounts { uint32_t clients, nodes, watches, transactions; };
void pvb_xstree_counts(const struct pvb_xstree *t, struct pvb_xscounts *n);

/* ---- clients ----------------------------------------------------------- */
/* Owned, or NULL: no memory.  `waiting` (may be NULL) is called when an event
   waits where none did; it must not call back into the store. */
struct pvb_xsclient *pvb_xsclient_create(struct pvb_xstree *t, uint16_t domid,
		void (*waiting)(struct pvb_xsclient *c, void *arg), void *arg);
/* With its watches and transactions.  NULL is fine. */
void pvb_xsclient_destroy(struct pvb_xsclient *c);
uint16_t pvb_xsclient_domid(const struct pvb_xsclient *c);

/* ---- nodes ------------------------------------------------------------- */
/* All: -EINVAL (path), -EACCES, -ENOENT. */

/* Borrowed until the next call on the store; *value may be NULL if empty. */
int pvb_xstree_read(struct pvb_xsclient *c, uint32_t tx, const char *path,
                    const void **value, uint32_t *bytes);
/* Missing parents are made.  -ENOSPC: a quota. */
int pvb_xstree_write(struct pvb_xsclient *c, uint32_t tx, const char *path,
                     const void *value, uint32_t bytes);
int pvb_xstree_mkdir(struct pvb_xsclient *c, uint32_t tx, const char *path);
/* Absent is fine if the parent is there.  -EINVAL also for the root. */
int pvb_xstree_remove(struct pvb_xsclient *c, uint32_t tx, const char *path);

/* Children's names, each with its NUL: `bytes` of them in all, and a number
   that changes whenever they do.  Copies what fits of them after `skip`. */
struct pvb_xslist { uint32_t bytes, copied; uint64_t generation; };
int pvb_xstree_list(struct pvb_xsclient *c, uint32_t tx, const char *path,
                    uint32_t skip, char *out, uint32_t cap,
                    struct pvb_xslist *list);

/* Also of "@introduceDomain" and "@releaseDomain" (domain 0, no transaction):
   who hears them.  Borrowed until the next call. */
int pvb_xstree_get_perms(struct pvb_xsclient *c, uint32_t tx, const char *path,
                         const struct pvb_xsperm **perm, uint32_t *count);
/* Owner only.  -EPERM: an unprivileged one would give it away.  -ENOSPC. */
int pvb_xstree_set_perms(struct pvb_xsclient *c, uint32_t tx, const char *path,
                         const struct pvb_xsperm *perm, uint32_t count);

/* ---- transactions ------------------------------------------------------ */
/* 0 and its number, never 0; -ENOSPC: a quota. */
int pvb_xstree_begin(struct pvb_xsclient *c, uint32_t *tx);
/* The number is free again, whatever the result.  commit: 0; -EAGAIN: what
   it read or wrote was changed by others; -ENOSPC: a quota; -ENOENT. */
int pvb_xstree_end(struct pvb_xsclient *c, uint32_t tx, bool commit);

/* ---- watches ----------------------------------------------------------- */
/* -EINVAL, -EEXIST, -E2BIG (quota). */
int pvb_xstree_watch(struct pvb_xsclient *c, const char *path,
                     const char *token);
int pvb_xstree_unwatch(struct pvb_xsclient *c, const char *path,
                       const char *token);              /* -ENOENT */
/* All watches and transactions of this client. */
void pvb_xsclient_reset(struct pvb_xsclient *c);
/* The oldest waiting event, borrowed until the next call; false: none. */
bool pvb_xsclient_peek_event(const struct pvb_xsclient *c, const char **path,
                             const char **token);
void pvb_xsclient_drop_event(struct pvb_xsclient *c);

#endif
