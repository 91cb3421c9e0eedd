/* SPDX-License-Identifier: MIT */
/* xstree_watch.c - clients' watches and their events. */
#include "xstree_state.h"

#include <errno.h>
#include <string.h>

#include "proto/xspath.h"

/* What a watch is set on: absolute, or special.  *prefix is what its events
   leave out of their paths. */
static int watch_path(const struct pvb_xsclient *c, const char *path,
                      char *out, size_t *prefix)
{
	int rc;

	*prefix = 0;
	if (path[0] == '@') {
		if (c->dead)
			return -EACCES;
		if (!pvb_xspath_is_legal_watch(path))
			return -EINVAL;
		rc = pvb_xspath_print(out, PVB_XS_PATH_MAX + 1, "%s", path);
		return rc ? -EINVAL : 0;
	}
	rc = pvb_xstree_resolve(c, path, out);
	if (rc == 0 && path[0] != '/')
		*prefix = strlen(out) - strlen(path);
	return rc;
}

int pvb_xstree_watch(struct pvb_xsclient *c, const char *path,
                     const char *token)
{
	char at[PVB_XS_PATH_MAX + 1];
	size_t prefix;
	int rc;

	rc = watch_path(c, path, at, &prefix);
	if (rc)
		return rc;
	if (c->domain->who.domid != 0 &&
	    c->domain->watches >= c->tree->limits.watches)
		return -E2BIG;
	rc = pvb_xswatches_add(&c->tree->watches, &c->watcher, at, token,
	                       prefix);
	if (rc == 0)
		c->domain->watches++;
	return rc;
}

int pvb_xstree_unwatch(struct pvb_xsclient *c, const char *path,
                       const char *token)
{
	char at[PVB_XS_PATH_MAX + 1];
	size_t prefix;
	int rc;

	rc = watch_path(c, path, at, &prefix);
	if (rc == 0)
		rc = pvb_xswatches_remove(&c->tree->watches, &c->watcher, at,
		                          token);
	if (rc == 0)
		c->domain->watches--;
	return rc;
}

bool pvb_xsclient_peek_event(const struct pvb_xsclient *c, const char **path,
                             const char **token)
{
	return pvb_xswatcher_peek(&c->watcher, path, token);
}

void pvb_xsclient_drop_event(struct pvb_xsclient *c)
{
	pvb_xswatcher_drop(&c->watcher);
}
