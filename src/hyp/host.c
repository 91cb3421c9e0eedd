/* SPDX-License-Identifier: MIT */
#include "host.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <pvb/err.h>

#include "mem.h"
#include "proto/keys.h"
#include "proto/xspath.h"
#include "store.h"

static const char local[] = "local:", xen_dir[] = "/run/pvb";

static bool xen_is_here(void)
{
	return getenv("XENSTORED_PATH") ||
	       access("/dev/xen/xenbus", F_OK) == 0 ||
	       access("/proc/xen/xenbus", F_OK) == 0;
}

static int parse_local(const char *dir, struct pvb_host *out,
                       struct pvb_err *e)
{
	if (*dir == '\0')
		return pvb_err_set(e, -EINVAL, "local:DIR needs a DIR");
	if (strlen(dir) > PVB_HOST_DIR_MAX)
		return pvb_err_set(e, -ENAMETOOLONG,
		                   "the directory's name is too long");
	(void)snprintf(out->dir, sizeof(out->dir), "%s", dir);
	return 0;
}

int pvb_host_parse(const char *text, struct pvb_host *out, struct pvb_err *e)
{
	memset(out, 0, sizeof(*out));
	if (text && strncmp(text, local, sizeof(local) - 1) == 0)
		return parse_local(text + sizeof(local) - 1, out, e);
	if (text && strcmp(text, "xen") != 0)
		return pvb_err_set(e, -EINVAL, "host %s: neither xen nor "
		                   "local:DIR", text);
	if (!xen_is_here())
		return pvb_err_set(e, -ENOENT, "no Xen on this machine; start "
		                   "'pvb local --dir DIR' and use --host "
		                   "local:DIR");
	out->xen = true;
	return 0;
}

void pvb_host_name(const struct pvb_host *h, char out[PVB_HOST_NAME_MAX + 1])
{
	(void)snprintf(out, PVB_HOST_NAME_MAX + 1, "%s%s",
	               h->xen ? "xen" : local, h->dir);
}

const char *pvb_host_run_dir(const struct pvb_host *h)
{
	return h->xen ? xen_dir : h->dir;
}

struct pvb_store *pvb_host_store(const struct pvb_host *h, uint16_t domid,
                                 struct pvb_err *e)
{
	return h->xen ? pvb_store_open_xen(e)
	              : pvb_store_open_local(h->dir, domid, false, e);
}

struct pvb_mem *pvb_host_front_mem(const struct pvb_host *h, uint16_t domid,
                                   struct pvb_err *e)
{
	return h->xen ? pvb_mem_open_xen_front(e)
	              : pvb_mem_open_local(h->dir, domid, NULL, e);
}

/* A path that is relative to the home of whoever reads it. */
static int read_own_domid(struct pvb_store *s, uint64_t *out)
{
	char text[24];
	int n = s->ops->read(s, PVB_STORE_NO_TX, "domid", text, sizeof(text));

	if (n >= 0 && pvb_parse_u64(text, (size_t)n, PVB_XS_DOMID_MAX, out) !=
	              PVB_OK)
		n = -EINVAL;
	return n < 0 ? n : 0;
}

int pvb_host_own_domid(const struct pvb_host *h, struct pvb_store *s,
                       uint16_t *out, struct pvb_err *e)
{
	uint64_t domid = 0;
	int r = h->xen ? read_own_domid(s, &domid) : 0;

	if (r < 0)
		return pvb_err_set(e, r, "the store does not say which domain "
		                   "this is (node \"domid\": %s)",
		                   strerror(-r));
	*out = (uint16_t)domid;
	return 0;
}

int pvb_host_check_back(const struct pvb_host *h, struct pvb_err *e)
{
	struct pvb_err why = PVB_ERR_INIT;
	struct pvb_mem *m;

	if (!h->xen)
		return 0;
	m = pvb_mem_open_xen_back(0, &why);
	if (!m)
		return pvb_err_set(e, why.code, "%s", why.text);
	pvb_mem_close(m);
	return 0;
}
