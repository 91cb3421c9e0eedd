/* SPDX-License-Identifier: MIT */
#include "device_kinds.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "hyp/store.h"

enum { NODE_MAX = 4096 };

/* The hotplug script that stands for us in a toolstack's configuration. */
static const char script_name[] = "block-pvb";
static const char qdisk_prefix[] = "aio:pvb:";
static const char sysfs[] = "/sys/bus/xen-backend";

/* A node's text; "" if it is not there or too long.  0 or -errno. */
static int read_text(struct pvb_store *s, const char *dir, const char *name,
                     char text[NODE_MAX + 1])
{
	int n = pvb_store_read_at(s, PVB_STORE_NO_TX, dir, name, text,
	                          NODE_MAX);

	text[n > 0 ? n : 0] = '\0';
	return n < 0 && n != -ENOENT && n != -E2BIG ? n : 0;
}

static int every_one(struct pvb_store *s, const char *dir)
{
	(void)s;
	(void)dir;
	return 1;
}

/* xl ... script=block-pvb: with the directory that xl puts before it. */
static int has_our_script(struct pvb_store *s, const char *dir)
{
	char text[NODE_MAX + 1];
	const char *name;
	int r = read_text(s, dir, "script", text);

	name = strrchr(text, '/');
	return r < 0 ? r : strcmp(name ? name + 1 : text, script_name) == 0;
}

/* xl block-attach ... backendtype=qdisk,target=pvb:DISK */
static int has_our_target(struct pvb_store *s, const char *dir)
{
	char text[NODE_MAX + 1];
	int r = read_text(s, dir, "params", text);

	return r < 0 ? r : strncmp(text, qdisk_prefix,
	                           sizeof(qdisk_prefix) - 1) == 0;
}

const struct pvb_kind pvb_kinds[PVB_KINDS] = {
	{ .name = "pvb", .is_ours = every_one, .prefix = "", .orphans = true },
	{ .name = "vbd", .is_ours = has_our_script, .prefix = "",
	  .kernel = true },
	{ .name = "qdisk", .is_ours = has_our_target, .prefix = qdisk_prefix },
};

int pvb_kind_is_ours(const struct pvb_kind *k, struct pvb_store *s,
                     const struct pvb_xsdev *dev)
{
	char dir[128];

	(void)pvb_xsdev_back_path(dev, dir, sizeof(dir));
	return k->is_ours(s, dir);
}

bool pvb_kind_uri(const struct pvb_kind *k, char *params)
{
	size_t n = strlen(k->prefix);

	if (!params[0])
		return true;
	if (strncmp(params, k->prefix, n) != 0)
		return false;
	memmove(params, params + n, strlen(params + n) + 1);
	return true;
}

static bool is_there(const char *format, const struct pvb_kind *k,
                     const struct pvb_xsdev *dev)
{
	char path[160];
	int n = snprintf(path, sizeof(path), "%s/", sysfs);

	(void)snprintf(path + n, sizeof(path) - (size_t)n, format, k->name,
	               (unsigned int)dev->front_domid, dev->number);
	return access(path, F_OK) == 0;
}

/* The kernel makes its device a moment after we have seen the nodes, and then
   a driver that is there takes it. */
bool pvb_kind_is_kernels(const struct pvb_kind *k, const struct pvb_xsdev *dev)
{
	if (!k->kernel)
		return false;
	if (is_there("devices/%s-%u-%u", k, dev))
		return is_there("devices/%s-%u-%u/driver", k, dev);
	return is_there("drivers/%s", k, dev);
}
