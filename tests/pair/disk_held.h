/* SPDX-License-Identifier: MIT */
/*
 * disk_held.h - a disk that answers when the test says so, and what the test
 * says: "held:SIZE".  One at a time, in one thread.
 */
#ifndef PVB_TEST_DISK_HELD_H
#define PVB_TEST_DISK_HELD_H

#include "disk/disk.h"

extern const struct pvb_disk_ops disk_held;
extern const struct pvb_disk_ops *const disk_held_list[];

/* What the next probe tells of itself; reset to the usual by held_reset. */
struct pvb_disk_info *held_info(void);
void held_reset(void);

struct pvb_disk *held_lane(void);       /* NULL: not open */
uint32_t held_count(void);              /* requests it has, oldest first */
struct pvb_io *held_at(uint32_t i);
/* Answer the i-th of them on the loop's next turn. */
void held_answer(uint32_t i, int result);
void held_answer_all(int result);
uint32_t held_kicks(void);
uint32_t held_again(void);              /* times it said -EAGAIN */

#endif
