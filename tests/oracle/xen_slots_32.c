/* SPDX-License-Identifier: MIT */
/* xen_slots_32.c - Xen's structs as i386 has them: nothing is aligned to more
   than 4, which is what packing to 4 says. */
#include <stdint.h>
#include <stddef.h>
#include <string.h>

#include "xen_slots.h"

#define XEN_SLOTS xen_slots_32
#pragma pack(push, 4)
#include "xen_slots_body.h"
#pragma pack(pop)
