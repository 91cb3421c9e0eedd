/* SPDX-License-Identifier: MIT */
/* blkexplain.c - see blkexplain.h: the whole, and whether an end has spoken. */
#include "blkexplain_parts.h"

#include <string.h>

static uint32_t state_of(const struct pvb_keys *k)
{
	uint64_t state = PVB_XB_UNKNOWN;

	/* What is none leaves it unknown. */
	if (k)
		(void)pvb_keys_u64(k, "state", PVB_XB_COUNT - 1, &state);
	return (uint32_t)state;
}

static bool has_any(const struct pvb_keys *k, const char *const *names)
{
	for (; *names; names++)
		if (pvb_blk_said_has(k, *names))
			return true;
	return false;
}

/* Some say nothing at all, and go on to a state that comes after it. */
static bool has_offered(const struct pvb_blk_said *said, uint32_t state)
{
	return has_any(said->back, pvb_blk_offer_names) ||
	       (state >= PVB_XB_INIT_WAIT && state <= PVB_XB_CLOSING);
}

/* A toolstack may have written `protocol` before, and no more. */
static bool has_chosen(const struct pvb_blk_said *said, uint32_t state)
{
	return pvb_blk_said_has(said->front, "event-channel") ||
	       pvb_blk_said_has(said->front, "queue-0/event-channel") ||
	       state == PVB_XB_INITIALISED || state == PVB_XB_CONNECTED;
}

void pvb_blk_explain(const struct pvb_blk_said *said,
                     struct pvb_blk_explained *out)
{
	struct pvb_blk_explaining x = { .said = said, .out = out };

	memset(out, 0, sizeof(*out));
	out->back_state = state_of(said->back);
	out->front_state = state_of(said->front);
	x.offered = has_offered(said, out->back_state);
	x.promised = pvb_blk_said_has(said->back, "sectors") ||
		     out->back_state == PVB_XB_CONNECTED;
	x.chosen = has_chosen(said, out->front_state);
	pvb_blk_explain_drivers(&x);
	pvb_blk_explain_geometry(&x);
	pvb_blk_explain_terms(&x);
	pvb_blk_explain_odd(&x);
}
