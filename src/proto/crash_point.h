/* SPDX-License-Identifier: MIT */
/*
 * crash_point.h - where a back may be killed between two stores that its
 * successor will look at: each has a number, and docs/crash.md says for each
 * what is found then and done about it.
 *
 * A point stands right before its store.  It is nothing at all, unless the
 * build has -Dcrash-points=true (or a test compiles the file so); then it calls
 * pvb_crash_point, which may not return.  scripts/check_crash_points compares
 * this list, the stores and the table in docs/crash.md.
 */
#ifndef PVB_CRASH_POINT_H
#define PVB_CRASH_POINT_H

enum pvb_crash_at {
	/* a journal begins */
	PVB_AT_HEAD = 1,                /* journal: all of its head but magic */
	PVB_AT_MAGIC = 2,               /* journal: magic */
	/* a batch is taken */
	PVB_AT_SLOT = 3,                /* journal: a request's bytes */
	PVB_AT_TAKE = 4,                /* journal: the rest of its record */
	PVB_AT_TAKEN = 5,               /* journal: its state */
	PVB_AT_COMMIT = 6,              /* journal: req_cons, for the batch */
	/* a list of segments is fetched */
	PVB_AT_LIST = 7,                /* journal: its bytes */
	PVB_AT_LISTED = 8,              /* journal: its length */
	/* a batch is answered */
	PVB_AT_ANSWER = 9,              /* journal: rsp_idx */
	PVB_AT_ANSWERING = 10,          /* journal: its state */
	PVB_AT_RESPONSE = 11,           /* ring: the response's bytes */
	PVB_AT_RSP_NEW = 12,            /* journal: rsp_new */
	PVB_AT_RSP_PROD = 13,           /* ring: rsp_prod */
	PVB_AT_BELL = 14,               /* the event channel */
	PVB_AT_RSP_PUB = 15,            /* journal: rsp_pub */
	PVB_AT_FREE = 16,               /* journal: its state */
	/* asleep */
	PVB_AT_REQ_EVENT = 17,          /* ring: req_event */
	/* a successor recovers */
	PVB_AT_RECOVER_FREE = 18,       /* journal: a state */
	PVB_AT_RECOVER_TAKEN = 19,      /* journal: a state */
	PVB_AT_RECOVER_PUB = 20,        /* journal: rsp_pub */
	PVB_AT_RECOVER_NEW = 21,        /* journal: rsp_new */
	PVB_AT_RECOVER_BELL = 22,       /* the event channel */
	/* by the way */
	PVB_AT_REVOKED = 23,            /* journal: revoked */
	PVB_AT_MEDIUM = 24,             /* journal: medium */
	PVB_AT_COUNT
};

#ifdef PVB_CRASH_POINTS
void pvb_crash_point(int at);
#define PVB_CRASH_POINT(at) pvb_crash_point(at)
#else
#define PVB_CRASH_POINT(at) ((void)0)
#endif

#endif
