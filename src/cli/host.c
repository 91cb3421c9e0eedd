/* SPDX-License-Identifier: MIT */
#include "host.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <pvb/err.h>

#include "hyp/store.h"

static bool xen_is_here(void)
{
	return access("/dev/xen/xenbus", F_OK) == 0 ||
	       access("/proc/xen/xenbus", F_OK) == 0;
}

static int parse_local(const char *dir, struct pvb_host *out,
                       struct pvb_err *e)
{
	int n = snprintf(out->dir, sizeof(out->dir), "%s", dir);

	if (*dir == '\0')
		return pvb_err_set(e, -EINVAL, "--host local:DIR needs a DIR");
	if (n < 0 || (size_t)n >= sizeof(out->dir))
		return pvb_err_set(e, -ENAMETOOLONG, "--host: DIR is too long");
	snprintf(out->name, sizeof(out->name), "local:%s", out->dir);
	snprintf(out->control, sizeof(out->control), "%s/control", out->dir);
	return 0;
}

int pvb_host_parse(const char *text, struct pvb_host *out, struct pvb_err *e)
{
	memset(out, 0, sizeof(*out));
	if (text && strncmp(text, "local:", 6) == 0)
		return parse_local(text + 6, out, e);
	if (text && strcmp(text, "xen") != 0)
		return pvb_err_set(e, -EINVAL,
			"--host %s: neither xen nor local:DIR", text);
	if (!xen_is_here())
		return pvb_err_set(e, -ENOENT, "no Xen on this machine; start "
			"'pvb local --dir DIR' and use --host local:DIR");
	return pvb_err_set(e, -EOPNOTSUPP,
		"this pvb was built without Xen; use --host local:DIR");
}

struct pvb_store *pvb_host_store(const struct pvb_host *h, struct pvb_err *e)
{
	return pvb_store_open_local(h->dir, 0, false, e);
}
