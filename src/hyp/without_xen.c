/* SPDX-License-Identifier: MIT */
/* without_xen.c - stands for store_xen.c and mem_xen*.c in a build that has
   none of Xen's libraries. */
#include <errno.h>
#include <stddef.h>

#include <pvb/err.h>

#include "mem.h"
#include "store.h"

static void refuse(struct pvb_err *e)
{
	pvb_err_set(e, -EOPNOTSUPP, "this pvb was built without Xen");
}

struct pvb_store *pvb_store_open_xen(struct pvb_err *e)
{
	refuse(e);
	return NULL;
}

struct pvb_mem *pvb_mem_open_xen_front(struct pvb_err *e)
{
	refuse(e);
	return NULL;
}

struct pvb_mem *pvb_mem_open_xen_back(uint16_t peer, struct pvb_err *e)
{
	(void)peer;
	refuse(e);
	return NULL;
}
