/* SPDX-License-Identifier: MIT */
/*
 * kept.h - small files that outlive the daemon: what a device has in memory
 * that its next supervisor needs, journals and counters.
 *
 * They are in the folder `journal` of the host's directory, of mode 0700 and
 * its owner's alone.  On Xen that is in memory (/run); where it is not, it is
 * as good, only slower: what is kept is kept from the death of processes.  A
 * file's name says whose it is:
 *
 *     DOMAIN-KIND-NUMBER.QUEUE.WHAT          1-vbd-51712.0.journal
 */
#ifndef PVB_KEPT_H
#define PVB_KEPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/xspath.h"

struct pvb_err;
struct pvb_host;

struct pvb_kept { int dir; };           /* caller's storage; -1: there is no
                                           folder, nothing can be kept */

/* Make the folder, if it is not there.  0, or -errno with *e: -EPERM (it is
   somebody else's), -ENOTDIR ...; *k is valid then too. */
int  pvb_kept_open(struct pvb_kept *k, const struct pvb_host *host,
                   struct pvb_err *e);
void pvb_kept_close(struct pvb_kept *k);

/* A file of so many zero bytes, for which there is room, in place of the one
   that had its name: a descriptor (owned) for reading and writing, or -errno:
   -ENOENT (there is no folder), -ENOSPC ... */
int  pvb_kept_make(const struct pvb_kept *k, const struct pvb_xsdev *dev,
                   uint32_t queue, const char *what, size_t bytes);
/* One that was made, likewise; -ENOENT, -EPERM (it is not as we make them). */
int  pvb_kept_find(const struct pvb_kept *k, const struct pvb_xsdev *dev,
                   uint32_t queue, const char *what);
/* Whether or not there is one. */
void pvb_kept_remove(const struct pvb_kept *k, const struct pvb_xsdev *dev,
                     uint32_t queue, const char *what);

/* Remove those of this kind that belong to none of the devices that `is_there`
   knows. */
void pvb_kept_sweep(const struct pvb_kept *k, const char *kind,
                    bool (*is_there)(void *arg, uint16_t front_domid,
                                     uint32_t number), void *arg);

#endif
