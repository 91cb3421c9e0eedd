/* SPDX-License-Identifier: MIT */
/*
 * xspath.h - XenStore paths: legal ones, and those of a device.  Pure.
 */
#ifndef PVB_XSPATH_H
#define PVB_XSPATH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	PVB_XS_PATH_MAX     = 3072,     /* absolute, without a NUL */
	PVB_XS_RELATIVE_MAX = 2048,
	PVB_XS_PAYLOAD_MAX  = 4096,
	PVB_XS_DOMID_MAX    = 0x7fef,   /* DOMID_FIRST_RESERVED - 1 */
};

/* Begins with a slash; characters, length, no empty part, no trailing slash
   but in "/". */
bool pvb_xspath_is_legal(const char *path);
/* Like that, or relative; or a special watch ("@introduceDomain"). */
bool pvb_xspath_is_legal_watch(const char *path);

/*
 * Print into `out` (cap bytes).  0, or -ENAMETOOLONG with out empty.
 * The formats know no more than %s %u.
 */
int pvb_xspath_print(char *out, size_t cap, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* A device's two ends. */
struct pvb_xsdev {
	uint16_t back_domid, front_domid;
	uint32_t number;                /* vdev number; the vscsi host number */
	char     kind[16];              /* back's: "pvb", "vbd", "vscsi" ... */
	char     front_kind[16];        /* front's: "vbd", "vscsi" */
};
/* "/local/domain/B/backend/KIND/F/NUMBER",
   "/local/domain/F/device/FRONT_KIND/NUMBER" */
int pvb_xsdev_back_path(const struct pvb_xsdev *d, char *out, size_t cap);
int pvb_xsdev_front_path(const struct pvb_xsdev *d, char *out, size_t cap);

/*
 * Take apart a path below ".../backend": "KIND/F/NUMBER[/REST]".  `path` is
 * absolute; `back_domid` must match.  False: it is none.  *rest points into
 * `path` behind the slash, at "" when there is none.  Sets front_kind to "vbd"
 * unless KIND is "vscsi".
 */
bool pvb_xsdev_parse_back(const char *path, uint16_t back_domid,
                          struct pvb_xsdev *out, const char **rest);

#endif
