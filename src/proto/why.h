/* SPDX-License-Identifier: MIT */
/*
 * why.h - the named reasons for which a request, a ring or a connection is
 * refused.  Tests assert them, counters are indexed by them, logs print them.
 *
 * A request is refused in exactly one place.  New reasons go before _COUNT;
 * the order is not part of any wire or file format.
 */
#ifndef PVB_WHY_H
#define PVB_WHY_H

enum pvb_why {
	PVB_OK = 0,
	/* one request */
	PVB_WHY_OP_UNKNOWN,             /* operation number means nothing */
	PVB_WHY_OP_NOT_OFFERED,         /* known, but this back never offered
	                                   it */
	PVB_WHY_SEG_COUNT,              /* none where some are due, or too
	                                   many */
	PVB_WHY_SEG_ORDER,              /* first_sect > last_sect */
	PVB_WHY_SEG_PAGE,               /* last_sect outside the page */
	PVB_WHY_SECTOR_ALIGN,           /* not a multiple of the sector size */
	PVB_WHY_RANGE,                  /* outside the disk, or overflow */
	PVB_WHY_READ_ONLY,              /* a change asked of a read-only disk */
	PVB_WHY_NO_MEDIUM,              /* anything asked of an empty drive */
	PVB_WHY_INDIRECT_OP,            /* inner operation is not read or
	                                   write */
	PVB_WHY_INDIRECT_COUNT,         /* more segments than agreed, or none */
	PVB_WHY_REQUEST_SIZE,           /* more data in one than agreed */
	PVB_WHY_REQUEST_COUNT,          /* more in flight than agreed */
	PVB_WHY_DISCARD_FLAG,           /* secure asked where it was not
	                                   offered */
	PVB_WHY_GRANT,                  /* page not granted to us, or not so */
	/* one ring: the connection ends */
	PVB_WHY_RING_INDEX,             /* the peer's index is impossible */
	PVB_WHY_RING_BLOCKS,            /* the peer's index parts the slots of
	                                   one request, or of its response */
	PVB_WHY_RSP_ID,                 /* a response to nothing in flight */
	PVB_WHY_RSP_OP,                 /* a response with another operation */
	/* one connection */
	PVB_WHY_KEY_MISSING,            /* a node that must be there is not */
	PVB_WHY_KEY_SYNTAX,             /* a node's value is not of its type */
	PVB_WHY_KEY_LIMIT,              /* a number beyond what we offered */
	PVB_WHY_KEY_CONFLICT,           /* two nodes contradict each other */
	PVB_WHY_ABI_UNKNOWN,            /* `protocol` names nothing we speak */
	PVB_WHY_SECTOR_SIZE,            /* sector size that no page can
	                                   express */
	PVB_WHY_ATTACH,                 /* ring pages or port cannot be had */
	PVB_WHY_DISK,                   /* the disk cannot be opened or
	                                   locked */
	PVB_WHY_STATE,                  /* the peer went back or gave up */
	PVB_WHY_TIMEOUT,
	PVB_WHY_JOURNAL_FORMAT,         /* what was in flight cannot be read */
	PVB_WHY_JOURNAL_OTHER,          /* that was another connection */
	PVB_WHY_JOURNAL_CONTENT,        /* no back can have left this */
	PVB_WHY_JOURNAL_RING,           /* the ring is elsewhere */
	PVB_WHY_OTHER_DISK,             /* who serves it again has less than
	                                   was promised */
	PVB_WHY_WORKER,                 /* who serves it dies, again and
	                                   again */
	PVB_WHY_COUNT
};

/* What is refused for it. */
enum pvb_why_scope {
	PVB_WHY_OF_REQUEST, PVB_WHY_OF_RING, PVB_WHY_OF_CONNECTION,
};
enum pvb_why_scope pvb_why_scope(enum pvb_why why);
/* Short lower-case name with dashes ("seg-order"): JSON keys, logs.  Static;
   "?" for a number that is none. */
const char *pvb_why_name(enum pvb_why why);
/* One clause for a person ("first sector after last in a segment"). */
const char *pvb_why_text(enum pvb_why why);

#endif
