/* SPDX-License-Identifier: MIT */
/*
 * wire_facts_list.h - the facts by name, for whatever headers came before it.
 * Included for each table: WIRE_NUMBERS, or LAYOUT(kind) to name its structs.
 */
#define NUMBER(name) { #name, (name) },
#define SIZE(kind)   { "sizeof " #kind, (long)sizeof(struct LAYOUT(kind)) },
#define AT(kind, field) \
	{ #kind "." #field, (long)offsetof(struct LAYOUT(kind), field) },

#ifdef WIRE_NUMBERS
	NUMBER(BLKIF_OP_READ)
	NUMBER(BLKIF_OP_WRITE)
	NUMBER(BLKIF_OP_WRITE_BARRIER)
	NUMBER(BLKIF_OP_FLUSH_DISKCACHE)
	NUMBER(BLKIF_OP_RESERVED_1)
	NUMBER(BLKIF_OP_DISCARD)
	NUMBER(BLKIF_OP_INDIRECT)
	NUMBER(BLKIF_RSP_OKAY)
	NUMBER(BLKIF_RSP_ERROR)
	NUMBER(BLKIF_RSP_EOPNOTSUPP)
	NUMBER(BLKIF_DISCARD_SECURE)
	NUMBER(BLKIF_MAX_SEGMENTS_PER_REQUEST)
	NUMBER(BLKIF_MAX_INDIRECT_PAGES_PER_REQUEST)
	NUMBER(VDISK_CDROM)
	NUMBER(VDISK_REMOVABLE)
	NUMBER(VDISK_READONLY)
	{ "sizeof blkif_vdev_t", (long)sizeof(blkif_vdev_t) },
	{ "sizeof blkif_sector_t", (long)sizeof(blkif_sector_t) },
	{ "sizeof segment", (long)sizeof(struct blkif_request_segment) },
	{ "gref", (long)offsetof(struct blkif_request_segment, gref) },
	{ "first", (long)offsetof(struct blkif_request_segment, first_sect) },
	{ "last", (long)offsetof(struct blkif_request_segment, last_sect) },
#else
	SIZE(request)
	AT(request, operation)
	AT(request, nr_segments)
	AT(request, handle)
	AT(request, id)
	AT(request, sector_number)
	AT(request, seg)
	SIZE(request_discard)
	AT(request_discard, operation)
	AT(request_discard, flag)
	AT(request_discard, handle)
	AT(request_discard, id)
	AT(request_discard, sector_number)
	AT(request_discard, nr_sectors)
	AT(request_indirect, operation)
	AT(request_indirect, indirect_op)
	AT(request_indirect, nr_segments)
	AT(request_indirect, id)
	AT(request_indirect, sector_number)
	AT(request_indirect, handle)
	AT(request_indirect, indirect_grefs)
	SIZE(response)
	AT(response, id)
	AT(response, operation)
	AT(response, status)
#endif
	{ NULL, 0 }
#undef NUMBER
#undef SIZE
#undef AT
