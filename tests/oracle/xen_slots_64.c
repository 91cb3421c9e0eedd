/* SPDX-License-Identifier: MIT */
/* xen_slots_64.c - Xen's structs as the machines have them that align u64 to
   8: x86_64 and ARM. */
#define XEN_SLOTS xen_slots_64
#include "xen_slots_body.h"

_Static_assert(_Alignof(uint64_t) == 8, "compile this on a 64-bit machine");
