/* SPDX-License-Identifier: MIT */
/*
 * requests.h - how tests drive a disk: requests with their own memory, which
 * watch that they are answered exactly once and never from inside submit.
 */
#ifndef PVB_TEST_REQUESTS_H
#define PVB_TEST_REQUESTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/loop.h"
#include "disk/disk.h"

enum { REQ_IOV_MAX = 64 };

struct rig {                            /* a disk and its loop */
	struct pvb_loop *loop;
	struct pvb_disk *disk;
	bool inside;                    /* a call into the disk is under way */
	uint32_t answers;               /* of all requests */
};

struct req {
	struct pvb_io io;
	struct rig *rig;
	struct iovec iov[REQ_IOV_MAX];
	unsigned char *memory;          /* owned, page aligned; reads, writes */
	size_t memory_bytes;
	uint32_t answers;
	int result;
	void (*then)(struct req *q);    /* after the answer; may be NULL */
	void *arg;
};

/* A request of one vector; reads and writes get memory of that length. */
void req_init(struct req *q, struct rig *rig, enum pvb_io_op op,
              uint64_t offset_bytes, uint64_t length_bytes);
void req_fini(struct req *q);
/* Move the data `by` bytes up in memory, so that it is aligned no more. */
void req_shift(struct req *q, size_t by);
/* Cut the vector into `pieces` of odd lengths, some of them perhaps empty. */
void req_split(struct req *q, uint32_t pieces, uint64_t *seed);
unsigned char *req_data(struct req *q);

int  req_submit(struct req *q);                 /* 0 or -EAGAIN */
void rig_kick(struct rig *rig);
void rig_turn(struct rig *rig);                 /* once; may block */
void req_wait(struct req *q);
/* Submit, kick, wait: the result. */
int  req_run(struct req *q);
/* Turn a few times more, and see that nothing is answered twice. */
void rig_settle(struct rig *rig);

/* One request with a result, and its end. */
int  rig_do(struct rig *rig, enum pvb_io_op op, uint32_t flags,
            uint64_t offset_bytes, uint64_t length_bytes);
/* Write the pattern of `seed`, or read and compare with it.  The result. */
int  rig_write(struct rig *rig, uint64_t offset_bytes, uint64_t length_bytes,
               uint64_t seed);
void rig_expect(struct rig *rig, uint64_t offset_bytes, uint64_t length_bytes,
                uint64_t seed);
void rig_expect_zeros(struct rig *rig, uint64_t offset_bytes,
                      uint64_t length_bytes);

uint64_t next_random(uint64_t *seed);
void fill_pattern(void *memory, size_t length, uint64_t seed);

#endif
