/* SPDX-License-Identifier: MIT */
/* wire_facts_body.h - the tables of the headers that came before it, but that
   of i386, which is WIRE_X86_32; WIRE_FACTS is their name. */

static const struct wire_fact numbers[] = {
#define WIRE_NUMBERS
#include "wire_facts_list.h"
#undef WIRE_NUMBERS
};

static const struct wire_fact native[] = {
	{ "sizeof request_indirect", sizeof(struct blkif_request_indirect) },
#define LAYOUT(kind) blkif_##kind
#include "wire_facts_list.h"
#undef LAYOUT
};

const struct wire_facts WIRE_FACTS = {
	.numbers = numbers, .native = native, .x86_32 = WIRE_X86_32,
	.abi = { XEN_IO_PROTO_ABI_X86_32, XEN_IO_PROTO_ABI_X86_64,
	         XEN_IO_PROTO_ABI_ARM, XEN_IO_PROTO_ABI_NATIVE },
};
