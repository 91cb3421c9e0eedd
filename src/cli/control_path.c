/* SPDX-License-Identifier: MIT */
#include "control_path.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <pvb/err.h>

#include "hyp/host.h"

void pvb_control_path(const struct pvb_host *h, char out[PVB_CONTROL_PATH_MAX])
{
	(void)snprintf(out, PVB_CONTROL_PATH_MAX, "%s/control",
	               pvb_host_run_dir(h));
}

/* A local machine's directory is there, or there is no machine. */
int pvb_control_dir(const struct pvb_host *h, struct pvb_err *e)
{
	const char *dir = pvb_host_run_dir(h);

	if (!h->xen || mkdir(dir, 0755) == 0 || errno == EEXIST)
		return 0;
	return pvb_err_set(e, -errno, "%s: %s", dir, strerror(errno));
}
