/* SPDX-License-Identifier: MIT */
#include <stddef.h>
#include <stdint.h>

#define __XEN_INTERFACE_VERSION__ 0x00040d00
#include <xen/xen.h>
#include <xen/io/blkif.h>
#include <xen/io/protocols.h>

#include "wire_facts.h"

extern const struct wire_fact wire_facts_xen_32[];
#define WIRE_X86_32 wire_facts_xen_32

#define WIRE_FACTS wire_facts_xen
#include "wire_facts_body.h"
