/* SPDX-License-Identifier: MIT */
/*
 * explain.h - what pvb explain has found out about a device, as a table for
 * people and as JSON.  Both only print; what a guest wrote they escape.
 */
#ifndef PVB_EXPLAIN_H
#define PVB_EXPLAIN_H

#include <jansson.h>

#include "blk/blk_nodes_look.h"
#include "proto/blkexplain.h"

struct pvb_explain {
	const struct pvb_blk_look *look;
	const struct pvb_blk_explained *found;
};

enum {
	PVB_EXPLAIN_CELL_MAX = 24,      /* of a value in the table */
	/* Any value of a set, whatever is in it. */
	PVB_EXPLAIN_VALUE_MAX = 4 * PVB_KEYS_VALUE_MAX + 1,
};

/* A node's value, escaped and cut to `cap`, in `out`; NULL: it is not there, or
   too long for a set. */
const char *pvb_explain_value(const struct pvb_keys *k, const char *name,
                              char *out, size_t cap);
/* What goes with a note, likewise; NULL: nothing. */
const char *pvb_explain_note_value(const struct pvb_explain *x,
                                   const struct pvb_blk_note *n, char *out,
                                   size_t cap);

/* To standard output. */
void pvb_explain_print(const struct pvb_explain *x);
/* An object, or NULL without memory. */
json_t *pvb_explain_json(const struct pvb_explain *x);

#endif
