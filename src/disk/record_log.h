/* SPDX-License-Identifier: MIT */
/*
 * record_log.h - the log that record: keeps of a disk: what was asked of it
 * and when it was done.
 *
 * A head, then entries in the order in which they happened, each of a fixed
 * size; the bytes that are written stand behind the entry that says so.
 * Numbers are little-endian, what is reserved is 0.
 *
 *   head, 64 bytes             entry, 48 bytes
 *    0  "pvb disk log\n\0\0\0"  0  u32 magic
 *   16  u32 version             4  u8 kind, 5 u8 op (enum pvb_io_op),
 *   20  u32 sector size         6  u16 flags (PVB_IO_...)
 *   24  u64 size of the disk    8  u64 lane     16  u64 number
 *                              24  u64 offset   32  u64 length
 *                              40  s32 result
 *
 *   kind 1, OPEN   a lane is opened; by then all is over that other processes
 *                  had begun
 *        2, BEGIN  asked, not yet given to the disk below; op, flags, offset,
 *                  length; a write: `length` bytes follow
 *        3, END    the disk below has done it, not yet answered; result
 *
 * A lane is a number that no other has, its process in the upper 32 bits.
 * Lane and number say which END is whose.  Reads are not in it.
 */
#ifndef PVB_RECORD_LOG_H
#define PVB_RECORD_LOG_H

#include <stdbool.h>
#include <stdint.h>

enum {
	PVB_RECORD_VERSION = 1,
	PVB_RECORD_HEAD_BYTES = 64,
	PVB_RECORD_ENTRY_BYTES = 48,
};
/* No disk is larger, nor one write. */
#define PVB_RECORD_DISK_MAX (UINT64_C(1) << 62)
#define PVB_RECORD_WRITE_MAX (UINT64_C(1) << 30)

struct pvb_record_head { uint32_t sector_size_bytes; uint64_t size_bytes; };

enum pvb_record_kind {
	PVB_RECORD_OPEN = 1, PVB_RECORD_BEGIN = 2, PVB_RECORD_END = 3,
};

struct pvb_record_entry {
	enum pvb_record_kind kind;
	uint8_t  op;                    /* BEGIN: enum pvb_io_op, no read */
	uint16_t flags;
	uint64_t lane, number;
	uint64_t offset_bytes, length_bytes;
	int32_t  result;                /* END: 0 or a negative errno */
};

void pvb_record_put_head(const struct pvb_record_head *h,
                         unsigned char out[PVB_RECORD_HEAD_BYTES]);
/* False: no log, or of another version. */
bool pvb_record_get_head(const unsigned char in[PVB_RECORD_HEAD_BYTES],
                         struct pvb_record_head *h);
void pvb_record_put_entry(const struct pvb_record_entry *x,
                          unsigned char out[PVB_RECORD_ENTRY_BYTES]);
/* False: none that could be written for such a disk. */
bool pvb_record_get_entry(const unsigned char in[PVB_RECORD_ENTRY_BYTES],
                          const struct pvb_record_head *h,
                          struct pvb_record_entry *x);
/* How many bytes follow it. */
uint64_t pvb_record_data_bytes(const struct pvb_record_entry *x);

#endif
