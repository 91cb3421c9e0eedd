/* SPDX-License-Identifier: MIT */
/*
 * host.h - which machine a command speaks to: --host xen or local:DIR.
 */
#ifndef PVB_HOST_H
#define PVB_HOST_H

#include <stdbool.h>
#include <stdint.h>

struct pvb_err;
struct pvb_store;

struct pvb_host {                       /* caller's storage */
	bool xen;
	char name[512];                 /* as --host takes it */
	char dir[480];                  /* local: its directory */
	char control[512];              /* the daemon's socket */
};

/* `text` NULL: xen where there is one.  0 or -EINVAL, -ENOENT, -EOPNOTSUPP,
   -ENAMETOOLONG with *e. */
int pvb_host_parse(const char *text, struct pvb_host *out, struct pvb_err *e);
/* A store handle as domain 0, owned, or NULL with *e. */
struct pvb_store *pvb_host_store(const struct pvb_host *h, struct pvb_err *e);

#endif
