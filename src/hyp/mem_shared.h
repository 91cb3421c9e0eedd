/* SPDX-License-Identifier: MIT */
/*
 * mem_shared.h - areas that fronts in this very process have mapped, so that
 * backs in it use the same addresses.  The inside of struct
 * pvb_mem_local_shared (mem.h); thread-safe.
 */
#ifndef PVB_HYP_MEM_SHARED_H
#define PVB_HYP_MEM_SHARED_H

#include <stdint.h>

#include "mem.h"

struct pvb_mem_mapping {                /* one area; counted references */
	struct pvb_mem_mapping *next;
	uint64_t machine;
	uint32_t area, refs;
	uint16_t domid;
	uint8_t *pages, *table;         /* owned mappings, as the front's */
};

/* Enter what a front has mapped, which is taken over.  The front's reference,
   or NULL: no memory (nothing is taken over). */
struct pvb_mem_mapping *pvb_mem_shared_add(struct pvb_mem_local_shared *s,
                                           const struct pvb_mem_mapping *m);
/* A reference, or NULL: no front in this process has it. */
struct pvb_mem_mapping *pvb_mem_shared_get(struct pvb_mem_local_shared *s,
                                           uint64_t machine, uint16_t domid,
                                           uint32_t area);
/* With the last reference it is unmapped. */
void pvb_mem_shared_put(struct pvb_mem_local_shared *s,
                        struct pvb_mem_mapping *m);

#endif
