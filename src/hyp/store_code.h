/* SPDX-License-Identifier: MIT */
/*
 * store_code.h - the errors of stores in the field as those of the table in
 * store.h, for whoever implements it.
 */
#ifndef PVB_HYP_STORE_CODE_H
#define PVB_HYP_STORE_CODE_H

#include <errno.h>

/* What a store says, as a negative errno; 0 and what needs no change stay. */
static inline int pvb_store_code(int rc)
{
	switch (rc) {
	case -EPERM: case -EROFS:
		return -EACCES;
	case -ENOMEM: case -EDQUOT:
		return -ENOSPC;
	case -EISDIR: case -ENOTEMPTY: case -ENOSYS: case -EBUSY:
		return -EINVAL;
	case -EISCONN:
		return -EEXIST;
	default:
		return rc;
	}
}

#endif
