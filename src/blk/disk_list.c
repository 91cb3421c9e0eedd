/* SPDX-License-Identifier: MIT */
#include <stddef.h>

#include "blkfront_disk.h"
#include "disk_list.h"

const struct pvb_disk_ops *const pvb_disk_all[] = {
	&pvb_disk_file, &pvb_disk_mem, &pvb_disk_null, &pvb_disk_fault,
	&pvb_disk_record, &pvb_disk_vbd, NULL
};
