/* SPDX-License-Identifier: MIT */
/* wire_facts_xen_32.c - Xen's structs as i386 has them: nothing is aligned to
   more than 4, which is what packing to 4 says. */
#include <stddef.h>
#include <stdint.h>

#include "wire_facts.h"

#pragma pack(push, 4)
#define __XEN_INTERFACE_VERSION__ 0x00040d00
#include <xen/xen.h>
#include <xen/io/blkif.h>
#pragma pack(pop)

extern const struct wire_fact wire_facts_xen_32[];
const struct wire_fact wire_facts_xen_32[] = {
#define LAYOUT(kind) blkif_##kind
#include "wire_facts_list.h"
#undef LAYOUT
};
