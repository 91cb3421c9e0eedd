/* SPDX-License-Identifier: MIT */
/*
 * disk_fault.h - what fault:URI is told to do wrong, and when.
 *
 * A plan is plain bytes: it travels in the probe's blob.  Rules are tried on
 * each request in the order in which they were written; each counts for
 * itself the requests that it applies to.
 */
#ifndef PVB_DISK_FAULT_H
#define PVB_DISK_FAULT_H

#include <pvb/disk.h>

struct pvb_err;
struct pvb_uri;

enum {
	FAULT_RULES_MAX = 6, FAULT_REORDER_MAX = 64, FAULT_VERSION = 2,
	FAULT_OPEN_MS_MAX = 600000,
	FAULT_LIE = 1,                  /* no error: not done, answered well */
};

struct fault_rule {
	uint32_t delay_ms;              /* a delay, or 0: a failure */
	int32_t  error;                 /* negative errno, FAULT_LIE, or 0: a
	                                   delay */
	uint32_t ops;                   /* 1 << op; 0: any */
	uint32_t after, every, times;   /* of those it applies to */
	uint64_t from_bytes, to_bytes;  /* touches [from, to); to 0: any */
};

struct fault_plan {
	uint32_t version, rules;
	uint32_t reorder;               /* window, or 0 */
	uint32_t die_after, die_ms;     /* requests, time; or 0 */
	uint32_t open_ms;               /* until probe answers */
	uint32_t seed;
	struct fault_rule rule[FAULT_RULES_MAX];
};

struct fault_count { uint32_t seen, hit; };

struct fault_verdict {
	int      error;                 /* as above; 0: let it through */
	uint32_t delay_ms;              /* before it is answered */
};

/* 0, or -EINVAL with *e. */
int  fault_plan_parse(struct pvb_uri *uri, struct fault_plan *plan,
                      struct pvb_err *e);
/* What becomes of this request.  Counts it: once for each. */
struct fault_verdict fault_judge(const struct fault_plan *plan,
                                 struct fault_count count[FAULT_RULES_MAX],
                                 const struct pvb_io *io);

#endif
