/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <pvb/err.h>

#include "blk_nodes.h"
#include "blk_nodes_look.h"
#include "bus/complain.h"
#include "hyp/store.h"
#include "proto/blkexplain.h"

enum { DIR_MAX = 128 };         /* a device's directory, with room */

struct job {
	const struct pvb_blk_look_for *what;
	struct pvb_blk_look *out;
	char front[DIR_MAX];
};

/* ---- which backend ------------------------------------------------------- */

/* A node's text; "" if it is not there, may not be read, or is none. */
static int read_text(struct pvb_store *s, uint32_t tx, const char *dir,
                     const char *name, char out[PVB_BLK_LOOK_PATH_MAX + 1])
{
	int n = pvb_store_read_at(s, tx, dir, name, out, PVB_BLK_LOOK_PATH_MAX);

	out[n > 0 ? n : 0] = '\0';
	return n == -EIO ? n : 0;
}

/* Is this the path of a backend's directory for our device? */
static bool names_device(const struct pvb_blk_look_for *what, const char *path,
                         struct pvb_xsdev *out)
{
	static const char home[] = "/local/domain/";
	const size_t length = sizeof(home) - 1;
	const char *rest;
	uint64_t domid;

	return strncmp(path, home, length) == 0 &&
	       pvb_parse_u64(path + length, strcspn(path + length, "/"),
	                     PVB_XS_DOMID_MAX, &domid) == PVB_OK &&
	       pvb_xsdev_parse_back(path, (uint16_t)domid, out, &rest) &&
	       *rest == '\0' && out->front_domid == what->front_domid &&
	       out->number == what->number &&
	       strcmp(out->front_kind, "vbd") == 0;
}

/* Does the directory say that it serves our front?  1; 0, also where there is
   none; -errno. */
static int serves_front(struct pvb_store *s, uint32_t tx, const struct job *j,
                        const char *dir)
{
	char text[PVB_BLK_LOOK_PATH_MAX + 1];
	uint64_t domid;
	int r = read_text(s, tx, dir, "frontend", text);

	if (r < 0 || strcmp(text, j->front) != 0)
		return r;
	r = pvb_store_read_u64_at(s, tx, dir, "frontend-id", PVB_XS_DOMID_MAX,
	                          &domid);
	if (r < 0)
		return r == -EIO ? r : 0;
	return domid == j->what->front_domid;
}

static int by_notes(const struct job *j, struct pvb_xsdev *d)
{
	return names_device(j->what, j->out->toolstack, d);
}

static int by_front(struct pvb_store *s, uint32_t tx, const struct job *j,
                    struct pvb_xsdev *d)
{
	char path[PVB_BLK_LOOK_PATH_MAX + 1];
	struct pvb_xsdev named;
	int r = read_text(s, tx, j->front, "backend", path);

	if (r < 0 || !names_device(j->what, path, &named))
		return r;
	r = serves_front(s, tx, j, path);
	if (r == 1)
		*d = named;
	return r;
}

/* Where they told us to look, or else at home. */
static int by_search(struct pvb_store *s, const struct pvb_blk_look_for *what,
                     struct pvb_xsdev *d)
{
	struct pvb_xsdev found = *d;
	int r;

	found.back_domid = what->back_given ? what->back_domid
	                                    : what->own_domid;
	if (what->kind)
		(void)snprintf(found.kind, sizeof(found.kind), "%s",
		               what->kind);
	r = what->kind ? 0 : pvb_blk_nodes_find(s, &found);
	if (r == 0)
		*d = found;
	return r == 0 ? 1 : r == -EIO ? r : 0;
}

/* What is left of a front names a back that is gone. */
static int by_memory(struct pvb_store *s, uint32_t tx, const struct job *j,
                     struct pvb_xsdev *d)
{
	char path[PVB_BLK_LOOK_PATH_MAX + 1], *names = NULL;
	struct pvb_xsdev named;
	int r = read_text(s, tx, j->front, "backend", path);

	if (r < 0 || !names_device(j->what, path, &named))
		return r;
	r = s->ops->list(s, tx, path, &names);
	free(names);
	if (r == -ENOENT)
		*d = named;
	return r == -EIO ? r : 0;
}

static int choose_back(struct pvb_store *s, uint32_t tx, const struct job *j)
{
	const struct pvb_blk_look_for *what = j->what;
	bool told = what->back_given || what->kind;
	struct pvb_xsdev *d = &j->out->dev;
	int r = told ? 0 : by_notes(j, d);

	if (r == 0 && !told)
		r = by_front(s, tx, j, d);
	if (r == 0)
		r = by_search(s, what, d);
	if (r == 0 && !told)
		r = by_memory(s, tx, j, d);
	return r < 0 ? r : 0;
}

/* ---- what is in a directory ---------------------------------------------- */

struct reading {
	struct pvb_store *store;
	uint32_t tx;
	const char *dir;
	struct pvb_keys *keys;
	bool *more;
};

/* A set that is full has what matters most. */
static int read_one(const struct reading *r, const char *name)
{
	char value[PVB_XS_PAYLOAD_MAX];
	int n;

	if (pvb_keys_has(r->keys, name))
		return 0;
	n = pvb_store_read_at(r->store, r->tx, r->dir, name, value,
	                      sizeof(value));
	if (n < 0)
		return n == -EIO ? n : 0;
	if (pvb_keys_put(r->keys, name, value, (size_t)n) < 0)
		*r->more = true;
	return 0;
}

static int read_all(const struct reading *r, const char *const *names)
{
	int e = 0;

	for (; e == 0 && *names; names++)
		e = read_one(r, *names);
	return e;
}

static int read_queues(const struct reading *r)
{
	const char *name;
	uint64_t queues = 1;
	int e = 0;

	if (pvb_keys_u64(r->keys, "multi-queue-num-queues", PVB_BLK_QUEUES_MAX,
	                 &queues) != PVB_OK)
		return 0;
	for (uint32_t i = 0; e == 0 &&
	     (name = pvb_blk_terms_queue_name((uint32_t)queues, i)); i++)
		e = read_one(r, name);
	return e;
}

/* Nodes that are not ours to know, as many as are worth showing. */
static int read_others(const struct reading *r, const char *names, int bytes)
{
	uint32_t most = r->keys->count + PVB_BLK_LOOK_UNKNOWN_MAX;
	int e = 0;

	for (const char *name = names; e == 0 && name < names + bytes;
	     name += strlen(name) + 1) {
		if (strncmp(name, "queue-", 6) == 0 ||
		    pvb_keys_has(r->keys, name))
			continue;
		if (r->keys->count == most) {
			*r->more = true;
			break;
		}
		e = read_one(r, name);
	}
	return e;
}

static int read_known(const struct reading *r, bool is_front)
{
	int e;

	if (is_front) {
		e = read_all(r, pvb_blk_said_front_names);
		if (e == 0)
			e = read_all(r, pvb_blk_terms_names);
		return e == 0 ? read_queues(r) : e;
	}
	e = read_all(r, pvb_blk_said_back_names);
	if (e == 0)
		e = read_all(r, pvb_blk_offer_names);
	return e == 0 ? read_all(r, pvb_blk_geometry_names) : e;
}

/* 1, 0 (there is no such directory), -EACCES, -EIO. */
static int read_dir(const struct reading *r, bool is_front)
{
	char *names = NULL;
	int bytes = r->store->ops->list(r->store, r->tx, r->dir, &names);
	int e = 0;

	if (bytes < 0)
		return bytes == -ENOENT ? 0 : bytes;
	e = read_known(r, is_front);
	if (e == 0)
		e = read_others(r, names, bytes);
	free(names);
	return e == 0 ? 1 : e;
}

/* ---- both ---------------------------------------------------------------- */

static int read_front(const struct reading *r, struct pvb_blk_look *out)
{
	int e = read_dir(r, true);

	out->front_there = e == 1;
	out->front_hidden = e == -EACCES;
	return e < 0 && e != -EACCES ? e : 0;
}

static int read_back(struct reading *r, struct pvb_blk_look *out)
{
	char dir[DIR_MAX];
	int e;

	if (!out->dev.kind[0])
		return 0;
	/* Numbers and a kind of 15 bytes fit. */
	(void)pvb_xsdev_back_path(&out->dev, dir, sizeof(dir));
	r->dir = dir;
	e = read_dir(r, false);
	out->back_there = e == 1;
	return e < 0 ? e : 0;
}

static int look(struct pvb_store *s, uint32_t tx, void *arg)
{
	struct job *j = arg;
	struct pvb_blk_look *out = j->out;
	struct reading front = { s, tx, j->front, &out->front, &out->more };
	struct reading back = { s, tx, NULL, &out->back, &out->more };
	char notes[DIR_MAX];
	int r;

	memset(out, 0, sizeof(*out));
	out->dev = (struct pvb_xsdev){ .front_domid = j->what->front_domid,
		.number = j->what->number, .front_kind = "vbd" };
	(void)pvb_xsdev_front_path(&out->dev, j->front, sizeof(j->front));
	(void)snprintf(notes, sizeof(notes), "/libxl/%u/device/vbd/%u",
	               j->what->front_domid, j->what->number);
	r = read_text(s, tx, notes, "backend", out->toolstack);
	if (r == 0)
		r = choose_back(s, tx, j);
	if (r == 0)
		r = read_front(&front, out);
	return r == 0 ? read_back(&back, out) : r;
}

static void read_complaints(struct pvb_store *s, const struct job *j)
{
	struct pvb_blk_look *out = j->out;
	char back[DIR_MAX];

	pvb_complaint_get(s, j->front, out->front_error,
	                  sizeof(out->front_error));
	if (!out->dev.kind[0])
		return;
	(void)pvb_xsdev_back_path(&out->dev, back, sizeof(back));
	pvb_complaint_get(s, back, out->back_error, sizeof(out->back_error));
}

int pvb_blk_nodes_look(struct pvb_store *s, const struct pvb_blk_look_for *what,
                       struct pvb_blk_look *out, struct pvb_err *e)
{
	struct job j = { .what = what, .out = out };
	int r;

	if (what->kind && (!what->kind[0] || strchr(what->kind, '/') ||
	                   strlen(what->kind) >= sizeof(out->dev.kind)))
		return pvb_err_set(e, -EINVAL, "%s: no kind of backend",
		                   what->kind);
	r = pvb_store_transact(s, look, &j);
	/* A guest that never stops writing is seen as it is in between. */
	if (r == -EAGAIN)
		r = look(s, PVB_STORE_NO_TX, &j);
	if (r < 0)
		return pvb_err_set(e, r, "store: %s", strerror(-r));
	if (!out->back_there && !out->front_there && !out->front_hidden)
		return pvb_err_set(e, -ENOENT, "no such device is in the "
		                   "store");
	read_complaints(s, &j);
	return 0;
}
