/* SPDX-License-Identifier: MIT */
/* xsperms.c - permissions of store nodes; see xsperms.h. */
#include "xsperms.h"

#include "proto/xspath.h"

static const char letters[] = { 'n', 'r', 'w', 'b' };   /* by rights */

uint8_t pvb_xsperms_rights(const struct pvb_xsperm *perm, uint32_t count,
                           const struct pvb_xswho *who)
{
	if (who->domid == 0 || who->domid == perm[0].domid)
		return PVB_XS_MAY_ALL;
	if (who->has_target && who->target == perm[0].domid)
		return PVB_XS_MAY_ALL;
	for (uint32_t i = 1; i < count; i++)
		if (perm[i].domid == who->domid ||
		    (who->has_target && perm[i].domid == who->target))
			return perm[i].rights;
	return perm[0].rights;
}

bool pvb_xsperms_parse(const char *text, struct pvb_xsperm *out)
{
	uint32_t domid = 0, rights = 0;

	while (rights < sizeof(letters) && letters[rights] != text[0])
		rights++;
	if (rights == sizeof(letters) || text[1] == '\0')
		return false;
	for (const char *p = text + 1; *p; p++) {
		if (*p < '0' || *p > '9')
			return false;
		domid = domid * 10 + (uint32_t)(*p - '0');
		if (domid > PVB_XS_DOMID_MAX)
			return false;
	}
	out->domid = (uint16_t)domid;
	out->rights = (uint8_t)rights;
	return true;
}

size_t pvb_xsperms_print(const struct pvb_xsperm *p, char out[8])
{
	char digits[5];
	uint32_t left = p->domid;
	size_t n = 0, at = 0;

	out[at++] = letters[p->rights & 3];
	do {
		digits[n++] = (char)('0' + left % 10);
		left /= 10;
	} while (left);
	while (n)
		out[at++] = digits[--n];
	out[at++] = '\0';
	return at;
}
