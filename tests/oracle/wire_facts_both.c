/* SPDX-License-Identifier: MIT */
/* wire_facts_both.c - a program that uses Xen's headers and ours. */
#include <stddef.h>
#include <stdint.h>

#define __XEN_INTERFACE_VERSION__ 0x00040d00
#include <xen/xen.h>
#include <xen/io/blkif.h>
#include <xen/io/protocols.h>

#include <pvb/blkif.h>

#include "wire_facts.h"

/* What Xen's header lacks. */
_Static_assert(BLKIF_MAX_SEGS_PER_REQUEST == 255 &&
	       BLKIF_SEGS_TO_BLOCKS(12) == 2 &&
	       sizeof(struct blkif_segment_block) <=
	       sizeof(struct blkif_request), "segment blocks");

static const struct wire_fact x86_32[] = {
#define LAYOUT(kind) blkif_x86_32_##kind
#include "wire_facts_list.h"
#undef LAYOUT
};

#define WIRE_X86_32 x86_32
#define WIRE_FACTS wire_facts_both
#include "wire_facts_body.h"
