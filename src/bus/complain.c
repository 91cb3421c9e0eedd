/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "complain.h"
#include "hyp/store.h"
#include "proto/xspath.h"

static const char home[] = "/local/domain/";

int pvb_complaint_path(const char *device_dir, char *out, size_t cap)
{
	const char *rest;
	int domain_bytes, n;

	if (strncmp(device_dir, home, sizeof(home) - 1) != 0)
		return -EINVAL;
	rest = strchr(device_dir + sizeof(home) - 1, '/');
	if (!rest)
		return -EINVAL;
	domain_bytes = (int)(rest - device_dir);
	n = snprintf(out, cap, "%.*s/error%s", domain_bytes, device_dir, rest);
	return n < 0 || (size_t)n >= cap ? -ENAMETOOLONG : 0;
}

void pvb_complaint_put(struct pvb_store *s, const char *device_dir,
                       int code, const char *text)
{
	char path[PVB_XS_PATH_MAX + 1], line[300];

	if (pvb_complaint_path(device_dir, path, sizeof(path)) < 0)
		return;
	(void)snprintf(line, sizeof(line), "%d %s", code, text);
	/* A store that refuses it has had its say in the log. */
	(void)pvb_store_write_at(s, PVB_STORE_NO_TX, path, "error", line);
}

/* "CODE TEXT" to TEXT; what has no code stays. */
static void drop_code(char *line)
{
	size_t digits = strspn(line, "0123456789");

	if (digits > 0 && line[digits] == ' ')
		memmove(line, line + digits + 1, strlen(line + digits));
}

void pvb_complaint_get(struct pvb_store *s, const char *device_dir,
                       char *out, size_t cap)
{
	char path[PVB_XS_PATH_MAX + 1];
	int n = -ENOENT;

	if (pvb_complaint_path(device_dir, path, sizeof(path)) == 0)
		n = pvb_store_read_at(s, PVB_STORE_NO_TX, path, "error", out,
		                      cap - 1);
	out[n > 0 ? n : 0] = '\0';
	drop_code(out);
}

static int remove_it(struct pvb_store *s, uint32_t tx, void *arg)
{
	const char *path = arg;
	char stop[64];

	(void)snprintf(stop, sizeof(stop), "%.*serror",
	               (int)(strstr(path, "/error/") + 1 - path), path);
	return pvb_store_remove_up(s, tx, path, stop);
}

void pvb_complaint_remove(struct pvb_store *s, const char *device_dir)
{
	char path[PVB_XS_PATH_MAX + 1], text[4];
	int r;

	if (pvb_complaint_path(device_dir, path, sizeof(path)) < 0)
		return;
	/* There seldom is one. */
	r = pvb_store_read_at(s, PVB_STORE_NO_TX, path, "error", text,
	                      sizeof(text));
	if (r >= 0 || r == -E2BIG)
		(void)pvb_store_transact(s, remove_it, path);
}
