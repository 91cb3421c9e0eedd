/* SPDX-License-Identifier: MIT */
/* xsdomain.c - the store's view of domains; see xsdomain.h. */
#include "xsdomain.h"

#include <stdlib.h>
#include <string.h>

const struct pvb_xslimits pvb_xslimits_default = {
	.nodes = 1000,
	.node_bytes = 2048,
	.perms = 5,
	.watches = 128,
	.transactions = 10,
	.tx_nodes = 1024,
};

void pvb_xsdomains_fini(struct pvb_xsdomains *d)
{
	for (uint32_t i = 0; i < d->count; i++)
		free(d->domain[i]);
	free(d->domain);
	memset(d, 0, sizeof(*d));
}

/* Where `domid` is, or would have to be put. */
static bool locate(const struct pvb_xsdomains *d, uint16_t domid, uint32_t *at)
{
	uint32_t low = 0, high = d->count, middle;

	while (low < high) {
		middle = low + (high - low) / 2;
		if (d->domain[middle]->who.domid < domid)
			low = middle + 1;
		else
			high = middle;
	}
	*at = low;
	return low < d->count && d->domain[low]->who.domid == domid;
}

struct pvb_xsdomain *pvb_xsdomains_find(const struct pvb_xsdomains *d,
                                        uint16_t domid)
{
	uint32_t at;

	return locate(d, domid, &at) ? d->domain[at] : NULL;
}

struct pvb_xsdomain *pvb_xsdomains_need(struct pvb_xsdomains *d,
                                        uint16_t domid)
{
	struct pvb_xsdomain *one, **grown;
	uint32_t at, cap;

	if (locate(d, domid, &at))
		return d->domain[at];
	if (d->count == d->cap) {
		cap = d->cap ? d->cap * 2 : 8;
		grown = realloc(d->domain, cap * sizeof(*grown));
		if (!grown)
			return NULL;
		d->domain = grown;
		d->cap = cap;
	}
	one = calloc(1, sizeof(*one));
	if (!one)
		return NULL;
	one->who.domid = domid;
	memmove(d->domain + at + 1, d->domain + at,
	        (d->count - at) * sizeof(*d->domain));
	d->domain[at] = one;
	d->count++;
	return one;
}

void pvb_xsdomains_trim(struct pvb_xsdomains *d, uint16_t domid)
{
	struct pvb_xsdomain *one;
	uint32_t at;

	if (!locate(d, domid, &at))
		return;
	one = d->domain[at];
	if (one->introduced || one->who.has_target || one->nodes ||
	    one->watches || one->transactions || one->clients)
		return;
	free(one);
	d->count--;
	memmove(d->domain + at, d->domain + at + 1,
	        (d->count - at) * sizeof(*d->domain));
}

void pvb_xsdomains_untarget(struct pvb_xsdomains *d, uint16_t domid)
{
	struct pvb_xswho *who;

	for (uint32_t i = 0; i < d->count; i++) {
		who = &d->domain[i]->who;
		if (who->has_target && who->target == domid)
			who->has_target = false;
	}
}
