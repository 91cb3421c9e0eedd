/* SPDX-License-Identifier: MIT */
/*
 * disk_lazy.h - a disk that keeps what it was given, over the death of who used
 * it, and does what it was asked when it likes, in whatever order.  One lane at
 * a time.
 */
#ifndef PVB_TEST_DISK_LAZY_H
#define PVB_TEST_DISK_LAZY_H

#include <stddef.h>
#include <stdint.h>

#include "disk/disk.h"

enum { LAZY_BYTES = 2 << 20 };

extern const struct pvb_disk_ops *const disk_lazy_list[];

/* All zero; the URI is "lazy:" and nothing else. */
void lazy_reset(uint64_t seed);
/* Some of what it has; on the loop's next turn they are told. */
void lazy_work(void);
/* Its user is dead: what it has is done, or not. */
void lazy_fence(void);
uint32_t lazy_count(void);

#endif
