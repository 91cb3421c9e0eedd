/* SPDX-License-Identifier: MIT */
/*
 * xsperms.h - what a domain may do with a node: lists of permissions, their
 * text on the wire ("n0", "r5"), and the one function that judges them.
 *
 * The first entry names the owner, who may do everything; its letter holds
 * for every domain that has no entry of its own.  Domain 0 may do
 * everything everywhere.
 */
#ifndef PVB_BROKER_XSPERMS_H
#define PVB_BROKER_XSPERMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {                                  /* rights, bits */
	PVB_XS_MAY_READ  = 1,
	PVB_XS_MAY_WRITE = 2,
	PVB_XS_MAY_OWN   = 4,           /* change the permissions */
	PVB_XS_MAY_ALL   = 7,
};

struct pvb_xsperm { uint16_t domid; uint8_t rights; };  /* READ | WRITE */

/* Who asks.  `target`: a domain whose rights this one has as well. */
struct pvb_xswho { uint16_t domid, target; bool has_target; };

uint8_t pvb_xsperms_rights(const struct pvb_xsperm *perm, uint32_t count,
                           const struct pvb_xswho *who);

/* One entry out of its text.  False: not one of n r w b and a domain id. */
bool pvb_xsperms_parse(const char *text, struct pvb_xsperm *out);
/* Text with its NUL; 7 bytes at most.  The length, the NUL included. */
size_t pvb_xsperms_print(const struct pvb_xsperm *p, char out[8]);

#endif
