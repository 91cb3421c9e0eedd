/* SPDX-License-Identifier: MIT */
/* Values of nodes as pvb explain prints them, in a table or as JSON. */
#include "explain.h"

#include <string.h>

#include "base/escape.h"

const char *pvb_explain_value(const struct pvb_keys *k, const char *name,
                              char *out, size_t cap)
{
	size_t bytes;
	const void *value = pvb_keys_value(k, name, &bytes);

	if (!value)
		return NULL;
	(void)pvb_escape(out, cap, value, bytes);
	return out;
}

const char *pvb_explain_note_value(const struct pvb_explain *x,
                                   const struct pvb_blk_note *n, char *out,
                                   size_t cap)
{
	const struct pvb_blk_look *l = x->look;

	if (n->node)
		return pvb_explain_value(n->in_front ? &l->front : &l->back,
		                         n->node, out, cap);
	if (n->odd != PVB_BLK_ODD_TOOLSTACK)
		return NULL;
	(void)pvb_escape(out, cap, l->toolstack, strlen(l->toolstack));
	return out;
}
