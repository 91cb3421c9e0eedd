/* SPDX-License-Identifier: MIT */
#include "loop_names.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <pvb/err.h>

#include "broker/rundir.h"
#include "disk/uri.h"

#define PLUGIN "plugins/nbdkit/nbdkit-pvb-plugin.so"

/* The plugin beside a program in its build directory, else the installed. */
static int find_program(struct pvb_loop_names *n, struct pvb_err *e)
{
	ssize_t length = readlink("/proc/self/exe", n->program,
	                          sizeof(n->program) - sizeof(PLUGIN) - 1);
	char *slash;

	if (length < 0)
		return pvb_err_set(e, -errno, "/proc/self/exe: %s",
		                   strerror(errno));
	n->program[length] = '\0';
	slash = strrchr(n->program, '/');
	snprintf(n->plugin, sizeof(n->plugin), "%.*s" PLUGIN,
	         (int)(slash + 1 - n->program), n->program);
	if (access(n->plugin, R_OK) < 0)
		strcpy(n->plugin, "pvb");
	return 0;
}

static int make_dir(struct pvb_loop_names *n, struct pvb_err *e)
{
	const char *tmp = getenv("TMPDIR");
	int k = snprintf(n->dir, sizeof(n->dir), "%s/pvb-loop.XXXXXX",
	                 tmp && *tmp == '/' ? tmp : "/tmp");

	if (k < 0 || (size_t)k >= sizeof(n->dir) || !mkdtemp(n->dir)) {
		int code = errno ? -errno : -ENAMETOOLONG;

		pvb_err_set(e, code, "%s: %s", n->dir, strerror(-code));
		n->dir[0] = '\0';
		return code;
	}
	snprintf(n->host, sizeof(n->host), "local:%s", n->dir);
	return 0;
}

/* nbd+unix URIs want an absolute path. */
static int place_nbd(struct pvb_loop_names *n, const char *nbd,
                     struct pvb_err *e)
{
	char cwd[2048] = "";
	int k;

	if (!nbd)
		return 0;
	if (*nbd != '/' && !getcwd(cwd, sizeof(cwd)))
		return pvb_err_set(e, -errno, "current directory: %s",
		                   strerror(errno));
	k = snprintf(n->nbd, sizeof(n->nbd), *cwd ? "%s/%s" : "%s%s", cwd, nbd);
	if (k < 0 || (size_t)k >= sizeof(n->nbd))
		return pvb_err_set(e, -ENAMETOOLONG, "--nbd: path too long");
	return 0;
}

int pvb_loop_names_init(struct pvb_loop_names *n, const char *nbd,
                        struct pvb_err *e)
{
	int r;

	memset(n, 0, sizeof(*n));
	r = find_program(n, e);
	if (r == 0)
		r = place_nbd(n, nbd, e);
	return r < 0 ? r : make_dir(n, e);
}

void pvb_loop_names_fini(struct pvb_loop_names *n)
{
	static const char *const of_serve[] = { "control", "serve.lock" };
	char path[sizeof(n->dir) + sizeof("/serve.lock")];
	struct pvb_rundir left;

	if (!n->dir[0])
		return;
	/* A machine that was killed has removed nothing: take its place. */
	if (pvb_rundir_open(&left, n->dir, NULL) == 0)
		pvb_rundir_close(&left);
	/* So has a daemon. */
	for (int i = 0; i < 2; i++) {
		snprintf(path, sizeof(path), "%s/%s", n->dir, of_serve[i]);
		unlink(path);
	}
	rmdir(n->dir);
}

uint16_t pvb_loop_domain(int i)
{
	return (uint16_t)(i + 1);
}

void pvb_loop_socket(const struct pvb_loop_names *n, int i,
                     char out[PVB_LOOP_PATH_MAX])
{
	if (!n->nbd[0])
		snprintf(out, PVB_LOOP_PATH_MAX, "%s/nbd%d", n->dir, i);
	else if (i == 0)
		snprintf(out, PVB_LOOP_PATH_MAX, "%s", n->nbd);
	else
		snprintf(out, PVB_LOOP_PATH_MAX, "%s.%d", n->nbd, i);
}

void pvb_loop_uri(const struct pvb_loop_names *n, int i,
                  char out[PVB_LOOP_PATH_MAX])
{
	char path[PVB_LOOP_PATH_MAX], encoded[PVB_LOOP_PATH_MAX - 32];

	pvb_loop_socket(n, i, path);
	if (pvb_uri_encode(path, encoded, sizeof(encoded)) < 0)
		encoded[0] = '\0';
	snprintf(out, PVB_LOOP_PATH_MAX, "nbd+unix:///?socket=%s", encoded);
}

void pvb_loop_vbd(const struct pvb_loop_names *n, int i,
                  char out[PVB_LOOP_PATH_MAX])
{
	char encoded[PVB_LOOP_PATH_MAX - 64];

	if (pvb_uri_encode(n->host, encoded, sizeof(encoded)) < 0)
		encoded[0] = '\0';
	snprintf(out, PVB_LOOP_PATH_MAX, "vbd:%u/xvda?host=%s%s%s%s",
	         pvb_loop_domain(i), encoded, n->segment_blocks
	         ? "&segment-blocks=on&indirect=0" : "",
	         n->sector_units ? "&sector-units=" : "",
	         n->sector_units ? n->sector_units : "");
}
