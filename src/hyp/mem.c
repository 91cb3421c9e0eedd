/* SPDX-License-Identifier: MIT */
#include "mem.h"

void pvb_mem_close(struct pvb_mem *m)
{
	if (m)
		m->ops->close(m);
}
