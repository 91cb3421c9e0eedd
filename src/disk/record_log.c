/* SPDX-License-Identifier: MIT */
#include <string.h>

#include <pvb/disk.h>

#include "base/bytes.h"
#include "base/checked.h"

#include "record_log.h"

enum {
	MAGIC_BYTES = 16, HEAD_VERSION = 16, HEAD_SECTOR = 20, HEAD_SIZE = 24,
	HEAD_END = 32,
	KIND = 4, OP = 5, FLAGS = 6, LANE = 8, NUMBER = 16, OFFSET = 24,
	LENGTH = 32, RESULT = 40, ENTRY_END = 44,
	SECTOR_MIN = 512, SECTOR_MAX = 4096,
};

static const char magic[MAGIC_BYTES] = "pvb disk log\n";
#define ENTRY_MAGIC UINT32_C(0x7b2dc51a)

static bool all_zero(const unsigned char *from, const unsigned char *end)
{
	for (; from < end; from++)
		if (*from)
			return false;
	return true;
}

void pvb_record_put_head(const struct pvb_record_head *h,
                         unsigned char out[PVB_RECORD_HEAD_BYTES])
{
	memset(out, 0, PVB_RECORD_HEAD_BYTES);
	memcpy(out, magic, MAGIC_BYTES);
	pvb_store_u32(out + HEAD_VERSION, PVB_RECORD_VERSION);
	pvb_store_u32(out + HEAD_SECTOR, h->sector_size_bytes);
	pvb_store_u64(out + HEAD_SIZE, h->size_bytes);
}

bool pvb_record_get_head(const unsigned char in[PVB_RECORD_HEAD_BYTES],
                         struct pvb_record_head *h)
{
	uint32_t sector = pvb_load_u32(in + HEAD_SECTOR);

	h->sector_size_bytes = sector;
	h->size_bytes = pvb_load_u64(in + HEAD_SIZE);
	return memcmp(in, magic, MAGIC_BYTES) == 0 &&
	       pvb_load_u32(in + HEAD_VERSION) == PVB_RECORD_VERSION &&
	       (sector == SECTOR_MIN || sector == SECTOR_MAX) &&
	       h->size_bytes <= PVB_RECORD_DISK_MAX &&
	       h->size_bytes % sector == 0 &&
	       all_zero(in + HEAD_END, in + PVB_RECORD_HEAD_BYTES);
}

void pvb_record_put_entry(const struct pvb_record_entry *x,
                          unsigned char out[PVB_RECORD_ENTRY_BYTES])
{
	memset(out, 0, PVB_RECORD_ENTRY_BYTES);
	pvb_store_u32(out, ENTRY_MAGIC);
	out[KIND] = (unsigned char)x->kind;
	out[OP] = x->op;
	pvb_store_u16(out + FLAGS, x->flags);
	pvb_store_u64(out + LANE, x->lane);
	pvb_store_u64(out + NUMBER, x->number);
	pvb_store_u64(out + OFFSET, x->offset_bytes);
	pvb_store_u64(out + LENGTH, x->length_bytes);
	pvb_store_u32(out + RESULT, (uint32_t)x->result);
}

/* The disk may have grown since the head was written. */
static bool is_range(const struct pvb_record_entry *x, uint32_t sector)
{
	return ((x->offset_bytes | x->length_bytes) & (sector - 1)) == 0 &&
	       pvb_range_ok(x->offset_bytes, x->length_bytes,
	                    PVB_RECORD_DISK_MAX);
}

static bool is_begin(const struct pvb_record_entry *x, uint32_t sector)
{
	if (x->result != 0)
		return false;
	switch (x->op) {
	case PVB_IO_WRITE:
		return (x->flags & ~PVB_IO_FUA) == 0 &&
		       x->length_bytes <= PVB_RECORD_WRITE_MAX &&
		       is_range(x, sector);
	case PVB_IO_ZERO:
		return (x->flags & ~(PVB_IO_FUA | PVB_IO_NO_HOLE)) == 0 &&
		       is_range(x, sector);
	case PVB_IO_DISCARD:
		return (x->flags & ~PVB_IO_SECURE) == 0 && is_range(x, sector);
	case PVB_IO_FLUSH:
		return x->flags == 0 && x->offset_bytes == 0 &&
		       x->length_bytes == 0;
	default:
		return false;
	}
}

bool pvb_record_get_entry(const unsigned char in[PVB_RECORD_ENTRY_BYTES],
                          const struct pvb_record_head *h,
                          struct pvb_record_entry *x)
{
	*x = (struct pvb_record_entry){
		.kind = (enum pvb_record_kind)in[KIND],
		.op = in[OP],
		.flags = pvb_load_u16(in + FLAGS),
		.lane = pvb_load_u64(in + LANE),
		.number = pvb_load_u64(in + NUMBER),
		.offset_bytes = pvb_load_u64(in + OFFSET),
		.length_bytes = pvb_load_u64(in + LENGTH),
		.result = (int32_t)pvb_load_u32(in + RESULT),
	};
	if (pvb_load_u32(in) != ENTRY_MAGIC ||
	    !all_zero(in + ENTRY_END, in + PVB_RECORD_ENTRY_BYTES))
		return false;
	if (x->kind == PVB_RECORD_BEGIN)
		return is_begin(x, h->sector_size_bytes);
	if (!all_zero(in + OP, in + LANE) ||
	    !all_zero(in + OFFSET, in + RESULT))
		return false;
	return x->kind == PVB_RECORD_END ? x->result <= 0
	     : x->kind == PVB_RECORD_OPEN && x->result == 0 && x->number == 0;
}

uint64_t pvb_record_data_bytes(const struct pvb_record_entry *x)
{
	return x->kind == PVB_RECORD_BEGIN && x->op == PVB_IO_WRITE
		? x->length_bytes : 0;
}
