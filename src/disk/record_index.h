/* SPDX-License-Identifier: MIT */
/*
 * record_index.h - a log of record: read as a whole: each request, where its
 * bytes are, between which entries it was under way.
 */
#ifndef PVB_RECORD_INDEX_H
#define PVB_RECORD_INDEX_H

#include <stddef.h>

#include "record_log.h"

struct pvb_err;

#define PVB_RECORD_NEVER UINT64_MAX

struct pvb_record_op {
	struct pvb_record_entry asked;
	uint64_t data_at;               /* of a write: in the log's file */
	/* Numbers of entries.  `end`: its END, or the OPEN before which it was
	   over without one; NEVER. */
	uint64_t begin, end;
	bool     done;                  /* END says: well */
};

struct pvb_record_index {               /* caller's storage */
	struct pvb_record_head head;
	struct pvb_record_op *ops;      /* owned; by `begin` */
	size_t   count;
	uint64_t entries;
	uint64_t bytes;                 /* of the log, whole entries */
	bool     cut;                   /* the last entry is not whole */
};

/* 0, or with *e: -EINVAL (no log, damaged), -ENOMEM, -errno. */
int  pvb_record_index_load(int fd, struct pvb_record_index *out,
                           struct pvb_err *e);
void pvb_record_index_fini(struct pvb_record_index *x); /* zeroed: fine */
/* How much of the log is whole entries; it may end in part of one, when
   somebody was killed.  0, or as above. */
int  pvb_record_whole_bytes(int fd, uint64_t *out, struct pvb_err *e);

#endif
