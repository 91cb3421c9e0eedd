/* SPDX-License-Identifier: MIT */
/*
 * host.h - which machine of domains a process speaks to, Xen or a local one,
 * and how to get handles there.  The only place that asks which of the two it
 * is; everybody else passes this on.
 */
#ifndef PVB_HYP_HOST_H
#define PVB_HYP_HOST_H

#include <stdbool.h>
#include <stdint.h>

struct pvb_err;
struct pvb_mem;
struct pvb_store;

enum {
	PVB_HOST_DIR_MAX  = 255,
	PVB_HOST_NAME_MAX = PVB_HOST_DIR_MAX + 6,
};

struct pvb_host {                       /* plain bytes, to be copied */
	bool xen;
	char dir[PVB_HOST_DIR_MAX + 1]; /* local: the machine's */
};

/* "xen" or "local:DIR"; NULL: xen where there is one.  0, or -errno with *e:
   -EINVAL (neither), -ENOENT (no Xen here), -ENAMETOOLONG. */
int  pvb_host_parse(const char *text, struct pvb_host *out, struct pvb_err *e);
/* What parse takes. */
void pvb_host_name(const struct pvb_host *h, char out[PVB_HOST_NAME_MAX + 1]);

/* Where the host's daemons keep their sockets and locks.  A local machine's is
   there, or there is no machine.  Borrowed. */
const char *pvb_host_run_dir(const struct pvb_host *h);

/* As domain `domid`; on Xen as the domain that we run in, whatever it says.
   Owned, or NULL with *e: codes of store.h and mem.h. */
struct pvb_store *pvb_host_store(const struct pvb_host *h, uint16_t domid,
                                 struct pvb_err *e);
struct pvb_mem *pvb_host_front_mem(const struct pvb_host *h, uint16_t domid,
                                   struct pvb_err *e);
/* Which domain serves when nobody says so: 0 locally, on Xen our own, as the
   store `s` has it.  0 or -errno with *e. */
int  pvb_host_own_domid(const struct pvb_host *h, struct pvb_store *s,
                        uint16_t *out, struct pvb_err *e);
/* Can a data half have pages and ports here?  0 or -errno with *e, which says
   what is missing. */
int  pvb_host_check_back(const struct pvb_host *h, struct pvb_err *e);

#endif
