/* SPDX-License-Identifier: MIT */
#include "device_args.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "blk/disk_list.h"
#include "disk/disk.h"
#include "disk/uri.h"
#include "proto/vdev.h"
#include "proto/xspath.h"

int pvb_arg_domain(const struct pvb_cmd *cmd, const char *text, uint16_t *out)
{
	uint64_t n;

	if (!pvb_parse_number(text, 0, PVB_XS_DOMID_MAX, &n))
		return pvb_say_usage(cmd, "%s: not a domain's number", text);
	*out = (uint16_t)n;
	return PVB_EXIT_DONE;
}

int pvb_arg_vdev(const struct pvb_cmd *cmd, const char *text, uint32_t *out)
{
	struct pvb_vdev v;
	enum pvb_vdev_why why = pvb_vdev_parse(text, &v);

	if (why != PVB_VDEV_OK)
		return pvb_say_usage(cmd, "%s: not a virtual device: %s", text,
		                     pvb_vdev_why_text(why));
	*out = v.number;
	return PVB_EXIT_DONE;
}

/* The scheme of a text that has a known one, else "". */
static void scheme_of(const char *text, char out[16])
{
	size_t n = strcspn(text, ":");

	out[0] = '\0';
	if (text[n] != ':' || n >= 16)
		return;
	memcpy(out, text, n);
	out[n] = '\0';
	if (!pvb_disk_find(pvb_disk_all, out))
		out[0] = '\0';
}

const char *pvb_arg_file_path(const char *text)
{
	char scheme[16];

	scheme_of(text, scheme);
	if (strcmp(scheme, "file") == 0)
		return text + 5;
	return scheme[0] ? NULL : text;
}

static bool is_scheme(const char *scheme, void *arg)
{
	(void)arg;
	return pvb_disk_find(pvb_disk_all, scheme);
}

bool pvb_arg_stat(const char *text, struct stat *out)
{
	struct pvb_uri uri;

	return pvb_uri_split(text, is_scheme, NULL, &uri, NULL) == 0 &&
	       strcmp(uri.scheme, "file") == 0 && stat(uri.body, out) == 0;
}

int pvb_arg_disk(const char *text, char *out, size_t cap)
{
	const char *path = pvb_arg_file_path(text);
	char cwd[3000];
	int n;

	if (!path || *path == '/' || *path == '\0')
		n = snprintf(out, cap, "%s", text);
	else if (!getcwd(cwd, sizeof(cwd)))
		return pvb_say_error("current directory: %s", strerror(errno));
	else
		n = snprintf(out, cap, "%.*s%s/%s", (int)(path - text), text,
		             cwd, path);
	if (n < 0 || (size_t)n >= cap)
		return pvb_say_error("%.40s...: path too long", text);
	return PVB_EXIT_DONE;
}

int pvb_arg_seconds(const struct pvb_cmd *cmd, const char *option,
                    const char *text, uint64_t *out_ms)
{
	char *end;
	double seconds;

	errno = 0;
	seconds = strtod(text, &end);
	if (end == text || *end || errno || !(seconds > 0) || seconds > 1e6)
		return pvb_say_usage(cmd, "%s %s: not a number of seconds",
		                     option, text);
	*out_ms = (uint64_t)(seconds * 1000 + 0.5);
	return PVB_EXIT_DONE;
}
