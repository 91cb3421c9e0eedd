/* SPDX-License-Identifier: MIT */
/*
 * store_code.h - the errors of stores in the field as those of the table in
 * store.h, for whoever implements it.
 */
#ifndef PVB_HYP_STORE_CODE_H
#define PVB_HYP_STORE_CODE_H

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>

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

/*
 * Is that what xenstored says of a removal in a transaction which somebody has
 * crossed?  It keeps what the transaction has touched, and for the rest shows
 * the store of now: a directory that is gone there, with a child or without a
 * parent, it takes for its own mistake.  `rc` is its answer, no broken
 * connection.
 */
static inline bool pvb_store_is_crossed(uint32_t tx, int rc)
{
	return tx != 0 && (rc == -EIO || rc == -ENOMEM || rc == -EINVAL);
}

#endif
