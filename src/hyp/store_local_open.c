/* SPDX-License-Identifier: MIT */
/* store_local_open.c - finding the store of a local machine's domain. */
#include "store.h"

#include <errno.h>
#include <stdio.h>

#include <pvb/err.h>

#include "proto/xswire.h"

static struct pvb_store *open_door(const char *dir, uint16_t domid,
                                   struct pvb_err *e)
{
	char path[4096];
	int n;

	if (domid)
		n = snprintf(path, sizeof(path), "%s/dom%u/store", dir, domid);
	else
		n = snprintf(path, sizeof(path), "%s/store", dir);
	if (n < 0 || (size_t)n >= sizeof(path)) {
		pvb_err_set(e, -ENAMETOOLONG, "the path of the local machine's "
		            "directory is too long");
		return NULL;
	}
	return pvb_store_open_socket(path, e);
}

static void say_no_machine(const char *dir, struct pvb_err *e)
{
	pvb_err_set(e, -ENOENT, "there is no local machine in %s", dir);
}

/* Make the domain known, by the word of domain 0, if it is not yet. */
static int introduce(const char *dir, uint16_t domid, struct pvb_err *e)
{
	struct pvb_store *s = open_door(dir, 0, e);
	int rc;

	if (!s) {
		if (e->code == -ENOENT)
			say_no_machine(dir, e);
		return e->code;
	}
	rc = s->ops->introduce(s, domid);
	pvb_store_close(s);
	if (rc == 0 || rc == -EEXIST)
		return 0;
	return pvb_err_set(e, rc == -EACCES ? rc : -EIO, "the local machine in "
	                   "%s does not take domain %u (%s)", dir, domid,
	                   pvb_xs_error_name(rc));
}

/* Nobody is at the domain's socket: no machine, or just no such domain? */
static void say_what_is_missing(const char *dir, uint16_t domid,
                                struct pvb_err *e)
{
	struct pvb_store *s = domid ? open_door(dir, 0, e) : NULL;

	if (s)
		pvb_err_set(e, -ENXIO, "the local machine in %s has no domain "
		            "%u", dir, domid);
	else if (e->code == -ENOENT)
		say_no_machine(dir, e);
	pvb_store_close(s);
}

struct pvb_store *pvb_store_open_local(const char *dir, uint16_t domid,
                                       bool introduce_it, struct pvb_err *e)
{
	struct pvb_err unused = PVB_ERR_INIT;
	struct pvb_store *s;

	if (!e)
		e = &unused;
	if (domid && introduce_it && introduce(dir, domid, e))
		return NULL;
	s = open_door(dir, domid, e);
	if (!s && e->code == -ENOENT)
		say_what_is_missing(dir, domid, e);
	return s;
}
