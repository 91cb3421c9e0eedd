/* SPDX-License-Identifier: MIT */
#include <pvb/blkif.h>

#include <stddef.h>

#include "wire_facts.h"

static const struct wire_fact x86_32[] = {
#define LAYOUT(kind) blkif_x86_32_##kind
#include "wire_facts_list.h"
#undef LAYOUT
};

#define WIRE_X86_32 x86_32
#define WIRE_FACTS wire_facts_pvb
#include "wire_facts_body.h"
