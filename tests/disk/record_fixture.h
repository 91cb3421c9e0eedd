/* SPDX-License-Identifier: MIT */
/*
 * record_fixture.h - a log of record: written entry by entry into memory.
 */
#ifndef PVB_TEST_RECORD_FIXTURE_H
#define PVB_TEST_RECORD_FIXTURE_H

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <pvb/disk.h>
#include <pvb/err.h>

#include "disk/record_index.h"

enum { LOG_SECTOR = 512 };
#define LANE_OF(process, n) ((uint64_t)(process) << 32 | (n))

struct log_file { int fd; };

static inline void log_append(struct log_file *l, const void *p, size_t bytes)
{
	assert_int_equal(write(l->fd, p, bytes), bytes);
}

static inline void log_begin(struct log_file *l)
{
	const struct pvb_record_head h = { LOG_SECTOR, 64 * LOG_SECTOR };
	unsigned char head[PVB_RECORD_HEAD_BYTES];

	l->fd = memfd_create("log", 0);
	assert_true(l->fd >= 0);
	pvb_record_put_head(&h, head);
	log_append(l, head, sizeof(head));
}

static inline void log_entry(struct log_file *l, struct pvb_record_entry x)
{
	static const unsigned char zeros[64 * LOG_SECTOR];
	unsigned char entry[PVB_RECORD_ENTRY_BYTES];

	pvb_record_put_entry(&x, entry);
	log_append(l, entry, sizeof(entry));
	log_append(l, zeros, pvb_record_data_bytes(&x));
}

static inline void log_open(struct log_file *l, uint64_t lane)
{
	log_entry(l, (struct pvb_record_entry){ .kind = PVB_RECORD_OPEN,
	                                        .lane = lane });
}

/* In sectors. */
static inline void log_ask(struct log_file *l, uint64_t lane, uint64_t number,
                           enum pvb_io_op op, uint32_t flags, uint64_t at,
                           uint64_t length)
{
	log_entry(l, (struct pvb_record_entry){
		.kind = PVB_RECORD_BEGIN, .op = (uint8_t)op,
		.flags = (uint16_t)flags, .lane = lane, .number = number,
		.offset_bytes = at * LOG_SECTOR,
		.length_bytes = length * LOG_SECTOR });
}

static inline void log_end(struct log_file *l, uint64_t lane, uint64_t number,
                           int result)
{
	log_entry(l, (struct pvb_record_entry){ .kind = PVB_RECORD_END,
		.lane = lane, .number = number, .result = result });
}

/* What it says, or an empty sentence. */
static inline int log_load(const struct log_file *l,
                           struct pvb_record_index *x, struct pvb_err *e)
{
	*e = (struct pvb_err)PVB_ERR_INIT;
	return pvb_record_index_load(l->fd, x, e);
}

#endif
