/* SPDX-License-Identifier: MIT */
/*
 * blkexplain.h - what the two ends of a blkif device have said to each other,
 * topic by topic: what there was to choose from, what came of it, and why; what
 * is unusual about either; and whose drivers they look like.  Pure: sets of
 * keys in, findings out, caller's storage.
 *
 * For any two ends, not only ours.  The functions that negotiate (blkneg.h)
 * decide each topic here as well, by itself: what is refused in one leaves the
 * others explained.  What the nodes do not tell is not made up: a front says
 * neither whether it flushes nor how many segments it puts into a request.
 *
 * Believes nothing: either directory may be a hostile domain's.
 */
#ifndef PVB_BLKEXPLAIN_H
#define PVB_BLKEXPLAIN_H

#include <stdbool.h>
#include <stdint.h>

#include "blkneg.h"
#include "conn.h"
#include "keys.h"
#include "xspath.h"

/* One device: what stands in its two directories. */
struct pvb_blk_said {
	const struct pvb_xsdev *dev;
	const struct pvb_keys *back, *front;    /* NULL: it is not there */
	/* Where the toolstack's own notes have the back's directory; NULL: it
	   keeps none. */
	const char *toolstack;
};
/* The nodes that are looked at, besides those that blkneg.h lists; other ones
   that are in a set are told as unknown. */
extern const char *const pvb_blk_said_back_names[];
extern const char *const pvb_blk_said_front_names[];

/* ---- what was agreed on ------------------------------------------------- */

enum pvb_blk_topic {                    /* unit of a row's `value` */
	PVB_BLK_TOPIC_ABI,              /* enum pvb_abi */
	PVB_BLK_TOPIC_RING_PAGES,
	PVB_BLK_TOPIC_QUEUES,
	PVB_BLK_TOPIC_RINGS,            /* grants of all of them */
	PVB_BLK_TOPIC_INDIRECT,         /* segments; 0: none are used */
	PVB_BLK_TOPIC_BLOCKS,           /* likewise */
	PVB_BLK_TOPIC_PERSISTENT,       /* truth */
	PVB_BLK_TOPIC_FLUSH,            /* truth */
	PVB_BLK_TOPIC_BARRIER,          /* truth */
	PVB_BLK_TOPIC_DISCARD,          /* truth */
	PVB_BLK_TOPIC_SECURE,           /* truth */
	PVB_BLK_TOPIC_SECTOR_SIZE,      /* bytes */
	PVB_BLK_TOPIC_PHYSICAL_SIZE,    /* bytes */
	PVB_BLK_TOPIC_UNITS,            /* enum pvb_blk_units: how this back
	                                   counts with this front */
	PVB_BLK_TOPIC_SECTORS,          /* of 512 bytes */
	PVB_BLK_TOPIC_READ_ONLY,        /* truth */
	PVB_BLK_TOPIC_MEDIUM,           /* enum pvb_blk_medium */
	PVB_BLK_TOPIC_COUNT
};
enum pvb_blk_medium {
	PVB_BLK_MEDIUM_FIXED, PVB_BLK_MEDIUM_REMOVABLE, PVB_BLK_MEDIUM_CDROM,
};

enum pvb_blk_because {
	PVB_BLK_BACK_SILENT = 0,        /* it has not said it, and may yet */
	PVB_BLK_FRONT_SILENT,
	PVB_BLK_REFUSED,                /* by pvb, for the row's `why` */
	PVB_BLK_HANGS,                  /* on what is refused in another row */
	PVB_BLK_BEYOND_PVB,             /* more rings or pages than we know */
	PVB_BLK_BACK_SAYS,
	PVB_BLK_FRONT_SAYS,
	PVB_BLK_DEFAULT,                /* the back says nothing else */
	PVB_BLK_ABI_OF_FIELD,           /* `protocol` is absent */
	PVB_BLK_ABI_OF_MACHINE,         /* likewise, and such a back ... */
	PVB_BLK_ONE_PAGE,
	PVB_BLK_ONE_QUEUE,
	PVB_BLK_ALL_OFFERED,
	PVB_BLK_LESS_THAN_OFFERED,
	PVB_BLK_NOT_OFFERED,
	PVB_BLK_NOT_ASKED,
	PVB_BLK_NO_GAIN,                /* indirect, and no more than direct */
	PVB_BLK_BLOCKS_INSTEAD,
	PVB_BLK_USE_UNKNOWN,            /* offered; the front does not tell */
	PVB_BLK_BOTH_SAY,
	PVB_BLK_BACK_ALONE,
	PVB_BLK_FRONT_ALONE,
	PVB_BLK_NEITHER_SAYS,
	PVB_BLK_FLUSH_FIRST,
	PVB_BLK_INSTEAD_OF_FLUSH,
	PVB_BLK_SWITCHED_OFF,
	PVB_BLK_UNITS_ALIKE,
	PVB_BLK_UNITS_TOLD,
	PVB_BLK_UNITS_OF_DRIVER,
	PVB_BLK_UNITS_OF_RULE,
	PVB_BLK_EMPTY_DRIVE,
	PVB_BLK_BECAUSE_COUNT
};

struct pvb_blk_row {
	enum pvb_blk_because because;
	bool     known;                 /* there is something agreed on */
	uint64_t value;                 /* what it is, by the topic's unit */
	uint64_t offered;               /* as much was to be had; 0: it is no
	                                   matter of more or less */
	enum pvb_why why;               /* with REFUSED: as a back of ours, or a
	                                   front for a back's nodes, names it */
	const char *bad;                /* with REFUSED: the node; static */
};

/* ---- what is unusual ---------------------------------------------------- */

enum pvb_blk_odd {
	/* who is who */
	PVB_BLK_ODD_NO_BACK, PVB_BLK_ODD_NO_FRONT,
	PVB_BLK_ODD_TOOLSTACK, PVB_BLK_ODD_BACKEND, PVB_BLK_ODD_BACKEND_ID,
	PVB_BLK_ODD_FRONTEND, PVB_BLK_ODD_FRONTEND_ID, PVB_BLK_ODD_NUMBER,
	/* how far they are, if not connected both */
	PVB_BLK_ODD_STATE, PVB_BLK_ODD_NOT_TAKEN, PVB_BLK_ODD_BACK_WAITS,
	PVB_BLK_ODD_FRONT_WAITS, PVB_BLK_ODD_BACK_EARLY,
	PVB_BLK_ODD_FRONT_LOOKS, PVB_BLK_ODD_CLOSING, PVB_BLK_ODD_CLOSED,
	PVB_BLK_ODD_APART,
	PVB_BLK_ODD_OFFLINE, PVB_BLK_ODD_HOTPLUG,
	/* the ring */
	PVB_BLK_ODD_NO_PROTOCOL, PVB_BLK_ODD_OFFERS_DIFFER,
	PVB_BLK_ODD_OFFER_NOT_POW2, PVB_BLK_ODD_ORDER_ZERO,
	PVB_BLK_ODD_ONE_PAGE_SAID, PVB_BLK_ODD_PAGE_IN_REF0,
	PVB_BLK_ODD_FIRST_IN_REF,
	PVB_BLK_ODD_RING_PAGES, PVB_BLK_ODD_ONE_QUEUE_SAID,
	PVB_BLK_ODD_RING_AT_TOP,
	/* features and geometry */
	PVB_BLK_ODD_BLOCKS, PVB_BLK_ODD_BOTH_LARGE,
	PVB_BLK_ODD_PERSISTENT_BACK, PVB_BLK_ODD_PERSISTENT_FRONT,
	PVB_BLK_ODD_NO_FLUSH, PVB_BLK_ODD_MISSPELT, PVB_BLK_ODD_HALF_DISCARD,
	PVB_BLK_ODD_LARGE_SECTORS, PVB_BLK_ODD_UNITS, PVB_BLK_ODD_PHYSICAL,
	PVB_BLK_ODD_MODE, PVB_BLK_ODD_UNTRUSTED,
	PVB_BLK_ODD_UNKNOWN,
	PVB_BLK_ODD_COUNT
};

struct pvb_blk_note {
	enum pvb_blk_odd odd;
	bool in_front;                  /* whose node it is */
	const char *node;               /* static, or borrowed from the keys;
	                                   NULL: none in particular */
};
enum {
	PVB_BLK_NOTES_MAX = 64,
	PVB_BLK_NOTES_UNKNOWN_MAX = 12, /* of nodes that nobody knows */
};

/* ---- whose drivers ------------------------------------------------------ */

/* As docs/protocol.md calls them. */
enum pvb_blk_driver {
	PVB_BLK_BY_UNKNOWN, PVB_BLK_BY_PVB, PVB_BLK_BY_LINUX,
	PVB_BLK_BY_LINUX_OLD,           /* before it had several queues */
	PVB_BLK_BY_LINUX_2006, PVB_BLK_BY_FREEBSD, PVB_BLK_BY_FREEBSD_2012,
	PVB_BLK_BY_NETBSD, PVB_BLK_BY_QEMU, PVB_BLK_BY_TAPDISK, PVB_BLK_BY_EC2,
	PVB_BLK_BY_WINDOWS, PVB_BLK_BY_MIRAGE,
	PVB_BLK_BY_PLAIN,               /* a front that says no more than it
	                                   must: many do */
	PVB_BLK_BY_COUNT
};
struct pvb_blk_guess {
	enum pvb_blk_driver driver;
	const char *sign;               /* static: the node that tells, "" if it
	                                   is the kind of device, or what is not
	                                   there */
};

/* ---- all of it ---------------------------------------------------------- */

struct pvb_blk_explained {
	uint32_t back_state, front_state;       /* enum pvb_xb */
	struct pvb_blk_guess back, front;
	struct pvb_blk_row row[PVB_BLK_TOPIC_COUNT];
	struct pvb_blk_note note[PVB_BLK_NOTES_MAX];
	uint32_t notes;
	bool more_unknown;              /* than are noted */
};

/* Borrows what `said` points to as long as *out is used. */
void pvb_blk_explain(const struct pvb_blk_said *said,
                     struct pvb_blk_explained *out);

/* ---- in words: all static ----------------------------------------------- */

/* "ring_pages": a key of JSON; "ring size": for people. */
const char *pvb_blk_topic_key(enum pvb_blk_topic t);
const char *pvb_blk_topic_title(enum pvb_blk_topic t);
/* What a value counts, "page"; "" for a bare number; NULL: it is a truth or has
   a name, below. */
const char *pvb_blk_topic_unit(enum pvb_blk_topic t);
/* Of a topic whose values have names; NULL: it is not such a one. */
const char *pvb_blk_topic_value_name(enum pvb_blk_topic t, uint64_t value);
/* The i-th node of a topic in either directory, NULL behind the last.  (Of the
   rings: those of one queue and one page.) */
const char *pvb_blk_topic_back_node(enum pvb_blk_topic t, uint32_t i);
const char *pvb_blk_topic_front_node(enum pvb_blk_topic t, uint32_t i);

/* "all-offered", and a clause for a person. */
const char *pvb_blk_because_name(enum pvb_blk_because b);
const char *pvb_blk_because_text(enum pvb_blk_because b);
const char *pvb_blk_odd_name(enum pvb_blk_odd o);
const char *pvb_blk_odd_text(enum pvb_blk_odd o);
const char *pvb_blk_driver_name(enum pvb_blk_driver d);

#endif
