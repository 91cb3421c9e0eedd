/* SPDX-License-Identifier: MIT */
/*
 * Reading what blk_nodes.c has written: for a back that begins, and for
 * whoever lists devices.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <pvb/err.h>

#include "base/printable.h"
#include "blk_nodes.h"
#include "bus/complain.h"
#include "hyp/store.h"
#include "proto/conn.h"
#include "proto/keys.h"

enum { DIR_MAX = 128 };         /* a device's directory, with room */

static int read_options(struct pvb_store *s, const char *dir,
                        struct pvb_blk_options *o, struct pvb_err *e)
{
	struct pvb_keys *k = calloc(1, sizeof(*k));
	const char *bad = "";
	enum pvb_why why;
	int r;

	if (!k)
		return pvb_err_set(e, -ENOMEM, "out of memory");
	r = pvb_store_read_keys(s, PVB_STORE_NO_TX, dir, pvb_blk_options_names,
	                        k);
	if (r < 0) {
		(void)pvb_err_set(e, r, "cannot read the device's options: %s",
		                  strerror(-r));
	} else {
		why = pvb_blk_options_get(o, k, &bad);
		if (why != PVB_OK)
			r = pvb_err_set(e, -EINVAL, "node \"%s\": %s", bad,
			                pvb_why_text(why));
	}
	free(k);
	return r;
}

int pvb_blk_nodes_read(struct pvb_store *s, const struct pvb_xsdev *d,
                       char uri[PVB_BLK_NODES_URI_MAX + 1],
                       struct pvb_blk_options *o, struct pvb_err *e)
{
	char dir[DIR_MAX];
	int n;

	(void)pvb_xsdev_back_path(d, dir, sizeof(dir));
	n = pvb_store_read_at(s, PVB_STORE_NO_TX, dir, "params", uri,
	                      PVB_BLK_NODES_URI_MAX);
	if (n < 0)
		return pvb_err_set(e, n, "cannot read node \"params\": %s",
		                   strerror(-n));
	uri[n] = '\0';
	if (strlen(uri) != (size_t)n)
		return pvb_err_set(e, -EINVAL, "node \"params\" names no disk");
	return read_options(s, dir, o, e);
}

static uint32_t read_state(struct pvb_store *s, const char *dir, int *r)
{
	uint64_t v = PVB_XB_UNKNOWN;

	*r = pvb_store_read_u64_at(s, PVB_STORE_NO_TX, dir, "state",
	                           PVB_XB_COUNT - 1, &v);
	return (uint32_t)v;
}

/* As it is told to the front, in words alone; else what was left last. */
static void read_error(struct pvb_store *s, const char *dir,
                       struct pvb_blk_nodes_state *out)
{
	int n = pvb_store_read_at(s, PVB_STORE_NO_TX, dir, "hotplug-error",
	                          out->error, sizeof(out->error) - 1);

	if (n <= 0)
		pvb_complaint_get(s, dir, out->error, sizeof(out->error));
	pvb_printable(out->error);
}

int pvb_blk_nodes_front_is_ours(struct pvb_store *s, uint32_t tx,
                                const char *front, const char *back)
{
	char text[DIR_MAX];
	int n = pvb_store_read_at(s, tx, front, "backend", text,
	                          sizeof(text) - 1);

	if (n < 0)
		return n == -EIO ? n : n == -ENOENT;
	text[n] = '\0';
	return strcmp(text, back) == 0;
}

int pvb_blk_nodes_state(struct pvb_store *s, const struct pvb_xsdev *d,
                        struct pvb_blk_nodes_state *out)
{
	char back[DIR_MAX], front[DIR_MAX];
	char hotplug[16] = "";
	uint64_t online = 0;
	int r, back_r;

	memset(out, 0, sizeof(*out));
	(void)pvb_xsdev_back_path(d, back, sizeof(back));
	(void)pvb_xsdev_front_path(d, front, sizeof(front));
	out->back = read_state(s, back, &back_r);
	if (back_r < 0 && back_r != -EINVAL && back_r != -ENOENT)
		return back_r;
	out->front = read_state(s, front, &r);
	if (r == -EIO)
		return r;
	out->front_there = r != -ENOENT;
	out->front_hidden = r == -EACCES;
	out->front_ours = out->front_there &&
	                  pvb_blk_nodes_front_is_ours(s, PVB_STORE_NO_TX, front,
	                                              back) == 1;
	if (back_r == -ENOENT)
		return back_r;
	(void)pvb_store_read_u64_at(s, PVB_STORE_NO_TX, back, "online", 1,
	                            &online);
	out->online = online == 1;
	r = pvb_store_read_at(s, PVB_STORE_NO_TX, back, "hotplug-status",
	                      hotplug, sizeof(hotplug) - 1);
	out->disk_known = r > 0 && strcmp(hotplug, "connected") == 0;
	out->disk_refused = r > 0 && strcmp(hotplug, "error") == 0;
	read_error(s, back, out);
	return 0;
}

/* ---- find ---------------------------------------------------------------- */

/* Walk the names that list gives. */
static const char *next_name(const char *names, int bytes, const char *at)
{
	at = at ? at + strlen(at) + 1 : names;
	return at < names + bytes ? at : NULL;
}

static bool back_exists(struct pvb_store *s, const struct pvb_xsdev *d, int *r)
{
	char dir[DIR_MAX], value[16];

	*r = pvb_xsdev_back_path(d, dir, sizeof(dir));
	if (*r == 0)
		*r = pvb_store_read_at(s, PVB_STORE_NO_TX, dir, "state", value,
		                       sizeof(value));
	return *r >= 0 || *r == -E2BIG;
}

int pvb_blk_nodes_find(struct pvb_store *s, struct pvb_xsdev *d)
{
	char path[DIR_MAX], *names = NULL;
	const char *kind = NULL;
	int bytes, r = 0;

	(void)snprintf(path, sizeof(path), "/local/domain/%u/backend",
	               d->back_domid);
	bytes = s->ops->list(s, PVB_STORE_NO_TX, path, &names);
	if (bytes < 0)
		return bytes;
	while ((kind = next_name(names, bytes, kind))) {
		if (strlen(kind) >= sizeof(d->kind))
			continue;
		memcpy(d->kind, kind, strlen(kind) + 1);
		/* No other kind's numbers are those of disks. */
		if (strcmp(kind, "pvb") != 0 && strcmp(kind, "vbd") != 0 &&
		    strcmp(kind, "vbd3") != 0 && strcmp(kind, "qdisk") != 0)
			continue;
		if (back_exists(s, d, &r))
			break;
		if (r == -EIO)
			break;
	}
	free(names);
	memcpy(d->front_kind, "vbd", sizeof("vbd"));
	return kind && r >= 0 ? 0 : r == -EIO ? r : -ENOENT;
}

struct found {
	struct pvb_xsdev *dev;
	uint32_t count, cap;
};

static int list_domain(struct pvb_store *s, const char *dir, uint16_t domid,
                       uint16_t back_domid, const char *kind, struct found *f)
{
	char path[DIR_MAX], *names = NULL;
	const char *name = NULL;
	int bytes;

	(void)snprintf(path, sizeof(path), "%s/%u", dir, domid);
	bytes = s->ops->list(s, PVB_STORE_NO_TX, path, &names);
	if (bytes < 0)
		return bytes == -ENOENT ? 0 : bytes;
	while ((name = next_name(names, bytes, name))) {
		struct pvb_xsdev d = {
			.back_domid = back_domid, .front_domid = domid,
			.front_kind = "vbd",
		};
		uint64_t number;

		if (pvb_parse_u64(name, strlen(name), UINT32_MAX, &number) !=
		    PVB_OK)
			continue;
		(void)snprintf(d.kind, sizeof(d.kind), "%s", kind);
		d.number = (uint32_t)number;
		if (f->count < f->cap)
			f->dev[f->count] = d;
		f->count++;
	}
	free(names);
	return 0;
}

int pvb_blk_nodes_list(struct pvb_store *s, uint16_t back_domid,
                       const char *kind, struct pvb_xsdev *d, uint32_t cap)
{
	struct found found = { d, 0, cap };
	char dir[64], *names = NULL;
	const char *name = NULL;
	int bytes, r = 0;

	(void)snprintf(dir, sizeof(dir), "/local/domain/%u/backend/%.15s",
	               back_domid, kind);
	bytes = s->ops->list(s, PVB_STORE_NO_TX, dir, &names);
	if (bytes < 0)
		return bytes == -ENOENT ? 0 : bytes;
	while (r == 0 && (name = next_name(names, bytes, name))) {
		uint64_t domid;

		if (pvb_parse_u64(name, strlen(name), PVB_XS_DOMID_MAX,
		                  &domid) == PVB_OK)
			r = list_domain(s, dir, (uint16_t)domid, back_domid,
			                kind, &found);
	}
	free(names);
	return r < 0 ? r : (int)found.count;
}
