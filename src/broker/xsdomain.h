/* SPDX-License-Identifier: MIT */
/*
 * xsdomain.h - the store's view of domains: which are introduced, whom they
 * target, and what they hold, against the limits of unprivileged ones.
 *
 * A record exists while the domain is introduced or holds anything.  Counts
 * are kept for domain 0 as well, but it has no limits.
 */
#ifndef PVB_BROKER_XSDOMAIN_H
#define PVB_BROKER_XSDOMAIN_H

#include <stdbool.h>
#include <stdint.h>

#include "xsperms.h"

struct pvb_xslimits {                   /* of one unprivileged domain */
	uint32_t nodes;                 /* owned */
	uint32_t node_bytes;            /* one node's record, see below */
	uint32_t perms;                 /* entries of one node */
	uint32_t watches;
	uint32_t transactions;          /* open at once */
	uint32_t tx_nodes;              /* touched by one transaction */
};
/* Those of xenstored 4.17. */
extern const struct pvb_xslimits pvb_xslimits_default;

/* Bytes that a node counts for, beside its value and its children's names
   (each with a NUL): a fixed part, and each permission. */
enum { PVB_XS_NODE_BYTES = 24, PVB_XS_PERM_BYTES = 8 };

struct pvb_xsdomain {
	struct pvb_xswho who;
	bool     introduced;
	bool     halted;                /* introduced, but nothing runs there */
	uint32_t nodes, watches, transactions, clients;
};

struct pvb_xsdomains {                  /* caller's storage; zero: none */
	struct pvb_xsdomain **domain;   /* owned, sorted by number */
	uint32_t count, cap;
};

void pvb_xsdomains_fini(struct pvb_xsdomains *d);
/* Borrowed, or NULL. */
struct pvb_xsdomain *pvb_xsdomains_find(const struct pvb_xsdomains *d,
                                        uint16_t domid);
/* The same, made if it is not there; NULL: no memory. */
struct pvb_xsdomain *pvb_xsdomains_need(struct pvb_xsdomains *d,
                                        uint16_t domid);
/* Forget the record if nothing keeps it. */
void pvb_xsdomains_trim(struct pvb_xsdomains *d, uint16_t domid);
/* Nobody targets `domid` any more. */
void pvb_xsdomains_untarget(struct pvb_xsdomains *d, uint16_t domid);

#endif
