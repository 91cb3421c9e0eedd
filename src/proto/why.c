/* SPDX-License-Identifier: MIT */
/* why.c - see why.h. */
#include "why.h"

static const struct { const char *name, *text; } reasons[] = {
	[PVB_OK] = { "ok", "nothing wrong" },
	[PVB_WHY_OP_UNKNOWN] = { "op-unknown",
		"operation number means nothing" },
	[PVB_WHY_OP_NOT_OFFERED] = { "op-not-offered",
		"operation was never offered" },
	[PVB_WHY_SEG_COUNT] = { "seg-count",
		"wrong number of segments for the operation" },
	[PVB_WHY_SEG_ORDER] = { "seg-order",
		"first sector after last in a segment" },
	[PVB_WHY_SEG_PAGE] = { "seg-page",
		"segment reaches beyond its page" },
	[PVB_WHY_SECTOR_ALIGN] = { "sector-align",
		"not a multiple of the disk's sector size" },
	[PVB_WHY_RANGE] = { "range", "outside the disk" },
	[PVB_WHY_READ_ONLY] = { "read-only",
		"change asked of a read-only disk" },
	[PVB_WHY_NO_MEDIUM] = { "no-medium",
		"there is no medium in the drive" },
	[PVB_WHY_INDIRECT_OP] = { "indirect-op",
		"indirect operation is neither read nor write" },
	[PVB_WHY_INDIRECT_COUNT] = { "indirect-count",
		"no indirect segments, or more than agreed" },
	[PVB_WHY_REQUEST_SIZE] = { "request-size",
		"more data in one request than was agreed" },
	[PVB_WHY_REQUEST_COUNT] = { "request-count",
		"more requests in flight than were agreed" },
	[PVB_WHY_DISCARD_FLAG] = { "discard-flag",
		"secure discard was never offered" },
	[PVB_WHY_GRANT] = { "grant", "page not granted for this use" },
	[PVB_WHY_RING_INDEX] = { "ring-index",
		"the peer's ring index is impossible" },
	[PVB_WHY_RING_BLOCKS] = { "ring-blocks",
		"a ring index parts a request's segment blocks" },
	[PVB_WHY_RSP_ID] = { "rsp-id", "response to nothing in flight" },
	[PVB_WHY_RSP_OP] = { "rsp-op",
		"response names another operation than its request" },
	[PVB_WHY_KEY_MISSING] = { "key-missing",
		"a required node is missing" },
	[PVB_WHY_KEY_SYNTAX] = { "key-syntax",
		"a node's value is not of its type" },
	[PVB_WHY_KEY_LIMIT] = { "key-limit",
		"a node's number is beyond what was offered" },
	[PVB_WHY_KEY_CONFLICT] = { "key-conflict",
		"two nodes contradict each other" },
	[PVB_WHY_ABI_UNKNOWN] = { "abi-unknown",
		"the protocol node names no known layout" },
	[PVB_WHY_SECTOR_SIZE] = { "sector-size",
		"sector size cannot be expressed in pages" },
	[PVB_WHY_ATTACH] = { "attach",
		"ring pages or event channel cannot be had" },
	[PVB_WHY_DISK] = { "disk", "the disk cannot be opened or locked" },
	[PVB_WHY_STATE] = { "state", "the peer went back or gave up" },
	[PVB_WHY_TIMEOUT] = { "timeout", "the peer took too long" },
	[PVB_WHY_JOURNAL_FORMAT] = { "journal-format",
		"the journal is of another version, or does not fit the ring" },
	[PVB_WHY_JOURNAL_OTHER] = { "journal-other",
		"the journal is of another connection, or of other terms" },
	[PVB_WHY_JOURNAL_CONTENT] = { "journal-content",
		"the journal says what cannot be" },
	[PVB_WHY_JOURNAL_RING] = { "journal-ring",
		"the ring is not where the journal left it" },
	[PVB_WHY_OTHER_DISK] = { "other-disk",
		"the disk is less than it was" },
	[PVB_WHY_WORKER] = { "worker",
		"the process that serves it dies again and again" },
};

_Static_assert(sizeof(reasons) / sizeof(reasons[0]) == PVB_WHY_COUNT,
	       "every reason has a name and a text");

const char *pvb_why_name(enum pvb_why why)
{
	return (unsigned int)why < PVB_WHY_COUNT ? reasons[why].name : "?";
}

const char *pvb_why_text(enum pvb_why why)
{
	return (unsigned int)why < PVB_WHY_COUNT ? reasons[why].text : "?";
}

enum pvb_why_scope pvb_why_scope(enum pvb_why why)
{
	if (why < PVB_WHY_RING_INDEX)
		return PVB_WHY_OF_REQUEST;
	return why < PVB_WHY_KEY_MISSING ? PVB_WHY_OF_RING
					 : PVB_WHY_OF_CONNECTION;
}
