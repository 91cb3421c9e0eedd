/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <pvb/err.h>

#include "blk_nodes.h"
#include "bus/complain.h"
#include "hyp/store.h"
#include "proto/conn.h"
#include "proto/keys.h"
#include "proto/vdev.h"

enum { DIR_MAX = 128 };         /* a device's directory, with room */

/* A device and its two directories, as the bodies of transactions get it. */
struct job {
	const struct pvb_xsdev *dev;
	const char *uri;
	const struct pvb_blk_options *options;
	const char *text;               /* of a refusal */
	char back[DIR_MAX], front[DIR_MAX];
	struct pvb_keys keys;
	int  result;
};

void pvb_blk_nodes_name(struct pvb_xsdev *d, uint16_t back_domid,
                        uint16_t front_domid, uint32_t number)
{
	*d = (struct pvb_xsdev){
		.back_domid = back_domid, .front_domid = front_domid,
		.number = number, .kind = "pvb", .front_kind = "vbd",
	};
}

static void job_init(struct job *j, const struct pvb_xsdev *d)
{
	memset(j, 0, sizeof(*j));
	j->dev = d;
	/* Numbers and a kind of 15 bytes fit. */
	(void)pvb_xsdev_back_path(d, j->back, sizeof(j->back));
	(void)pvb_xsdev_front_path(d, j->front, sizeof(j->front));
}

/* ---- create -------------------------------------------------------------- */

static bool is_there(struct pvb_store *s, uint32_t tx, const char *path, int *r)
{
	char value[16];

	*r = s->ops->read(s, tx, path, value, sizeof(value));
	if (*r == -ENOENT) {
		*r = 0;
		return false;
	}
	return *r >= 0 || *r == -E2BIG;
}

static int make_dir(struct pvb_store *s, uint32_t tx, const char *path,
                    uint16_t owner, uint16_t reader)
{
	const struct pvb_store_perm perm[2] = {
		{ owner, 0 }, { reader, PVB_STORE_READ },
	};
	int r = s->ops->mkdir(s, tx, path);

	return r < 0 ? r : s->ops->set_perms(s, tx, path, perm, 2);
}

/* A directory that whoever built the domain has normally made. */
static int need_dir(struct pvb_store *s, uint32_t tx, const char *path,
                    uint16_t owner, uint16_t reader)
{
	int r;

	if (is_there(s, tx, path, &r))
		return 0;
	return r < 0 ? r : make_dir(s, tx, path, owner, reader);
}

/* A domain's home, and in it `device`, which is for reading, or `backend`,
   and `error`, which are its own. */
static int need_home(struct pvb_store *s, uint32_t tx, uint16_t domid,
                     bool is_front)
{
	char path[DIR_MAX];
	int r;

	(void)snprintf(path, sizeof(path), "/local/domain/%u", domid);
	r = need_dir(s, tx, path, 0, domid);
	(void)snprintf(path, sizeof(path), "/local/domain/%u/error", domid);
	if (r == 0)
		r = need_dir(s, tx, path, domid, domid);
	(void)snprintf(path, sizeof(path), "/local/domain/%u/%s", domid,
	               is_front ? "device" : "backend");
	if (r == 0)
		r = need_dir(s, tx, path, is_front ? 0 : domid, domid);
	return r;
}

static int put_back_keys(struct job *j)
{
	const struct pvb_xsdev *d = j->dev;
	char name[PVB_VDEV_NAME_MAX] = "";
	struct pvb_keys *k = &j->keys;
	struct pvb_vdev v;
	int r;

	memset(k, 0, sizeof(*k));
	if (pvb_vdev_from_number(d->number, &v) == PVB_VDEV_OK)
		pvb_vdev_name(&v, name);
	r = pvb_keys_put_text(k, "frontend", j->front);
	if (r == 0)
		r = pvb_keys_put_u64(k, "frontend-id", d->front_domid);
	if (r == 0)
		r = pvb_keys_put_u64(k, "virtual-device", d->number);
	if (r == 0)
		r = pvb_keys_put_text(k, "dev", name);
	if (r == 0)
		r = pvb_keys_put_text(k, "type", d->kind);
	if (r == 0)
		r = pvb_keys_put_u64(k, "bootable", 1);
	if (r == 0)
		r = pvb_blk_options_put(j->options, k);
	if (r == 0)
		r = pvb_keys_put_u64(k, "online", 1);
	if (r == 0)
		r = pvb_keys_put_u64(k, "state", PVB_XB_INITIALISING);
	return r;
}

static int put_front_keys(struct job *j)
{
	const struct pvb_xsdev *d = j->dev;
	struct pvb_keys *k = &j->keys;
	int r;

	memset(k, 0, sizeof(*k));
	r = pvb_keys_put_text(k, "backend", j->back);
	if (r == 0)
		r = pvb_keys_put_u64(k, "backend-id", d->back_domid);
	if (r == 0)
		r = pvb_keys_put_u64(k, "virtual-device", d->number);
	if (r == 0)
		r = pvb_keys_put_text(k, "device-type",
		                      pvb_blk_options_type(j->options));
	if (r == 0)
		r = pvb_keys_put_u64(k, "state", PVB_XB_INITIALISING);
	return r;
}

/* The directories above it are the back's, so that its domain can remove them
   when they are empty. */
static int make_back_dir(struct pvb_store *s, uint32_t tx, const struct job *j)
{
	const struct pvb_xsdev *d = j->dev;
	char path[DIR_MAX];
	int r;

	(void)snprintf(path, sizeof(path), "/local/domain/%u/backend/%s",
	               d->back_domid, d->kind);
	r = need_dir(s, tx, path, d->back_domid, d->back_domid);
	(void)snprintf(path, sizeof(path), "/local/domain/%u/backend/%s/%u",
	               d->back_domid, d->kind, d->front_domid);
	if (r == 0)
		r = need_dir(s, tx, path, d->back_domid, d->back_domid);
	if (r == 0)
		r = make_dir(s, tx, j->back, d->back_domid, d->front_domid);
	return r;
}

static int create_back(struct pvb_store *s, uint32_t tx, struct job *j)
{
	const struct pvb_xsdev *d = j->dev;
	int r = need_home(s, tx, d->back_domid, false);

	if (r == 0)
		r = make_back_dir(s, tx, j);
	if (r == 0)
		r = put_back_keys(j);
	/* Longer than a set of keys holds. */
	if (r == 0)
		r = pvb_store_write_at(s, tx, j->back, "params", j->uri);
	if (r == 0)
		r = pvb_store_write_keys(s, tx, j->back, &j->keys);
	return r;
}

static int create_front(struct pvb_store *s, uint32_t tx, struct job *j)
{
	const struct pvb_xsdev *d = j->dev;
	int r = need_home(s, tx, d->front_domid, true);

	if (r == 0)
		r = make_dir(s, tx, j->front, d->front_domid, d->back_domid);
	if (r == 0)
		r = put_front_keys(j);
	if (r == 0)
		r = pvb_store_write_keys(s, tx, j->front, &j->keys);
	return r;
}

static int create_both(struct pvb_store *s, uint32_t tx, void *arg)
{
	struct job *j = arg;
	int r;

	if (is_there(s, tx, j->front, &r) || is_there(s, tx, j->back, &r))
		return r < 0 ? r : -EEXIST;
	if (r < 0)
		return r;
	r = create_back(s, tx, j);
	return r < 0 ? r : create_front(s, tx, j);
}

static int check_domain(struct pvb_store *s, uint16_t domid, struct pvb_err *e)
{
	int r = s->ops->domain_exists(s, domid);

	if (r < 0)
		return pvb_err_set(e, r, "cannot ask for domain %u: %s", domid,
		                   strerror(-r));
	if (r == 0)
		return pvb_err_set(e, -ENXIO, "there is no domain %u", domid);
	return 0;
}

int pvb_blk_nodes_create(struct pvb_store *s, const struct pvb_xsdev *d,
                         const char *uri, const struct pvb_blk_options *o,
                         struct pvb_err *e)
{
	struct pvb_vdev v;
	struct job *j;
	int r;

	if (pvb_vdev_from_number(d->number, &v) != PVB_VDEV_OK)
		return pvb_err_set(e, -EINVAL, "%u is no device number",
		                   d->number);
	if (strlen(uri) > PVB_BLK_NODES_URI_MAX)
		return pvb_err_set(e, -EINVAL, "the disk's name is too long");
	if (!uri[0] && !o->value[PVB_BLK_OPT_CDROM] &&
	    !o->value[PVB_BLK_OPT_FLOPPY])
		return pvb_err_set(e, -EINVAL, "the disk's name is empty");
	r = check_domain(s, d->back_domid, e);
	if (r == 0)
		r = check_domain(s, d->front_domid, e);
	if (r < 0)
		return r;
	j = malloc(sizeof(*j));
	if (!j)
		return pvb_err_set(e, -ENOMEM, "out of memory");
	job_init(j, d);
	j->uri = uri;
	j->options = o;
	r = pvb_store_transact(s, create_both, j);
	free(j);
	if (r == -EEXIST)
		return pvb_err_set(e, r, "domain %u has a device %u already",
		                   d->front_domid, d->number);
	if (r < 0)
		return pvb_err_set(e, r, "cannot write the device's nodes: %s",
		                   strerror(-r));
	return 0;
}

/* ---- close and remove ---------------------------------------------------- */

/* State 5 only asks.  6 says that it is closed already, and must stand. */
static int ask_to_close(struct pvb_store *s, uint32_t tx, void *arg)
{
	struct job *j = arg;
	uint64_t state = PVB_XB_UNKNOWN;
	int r;

	r = pvb_store_read_u64_at(s, tx, j->back, "state", PVB_XB_COUNT - 1,
	                          &state);
	if (r < 0 && r != -EINVAL)
		return r;
	j->result = state == PVB_XB_CLOSED;
	r = pvb_store_write_at(s, tx, j->back, "online", "0");
	if (r == 0 && !j->result)
		r = pvb_store_write_at(s, tx, j->back, "state", "5");
	return r;
}

static int remove_back(struct pvb_store *s, uint32_t tx, void *arg)
{
	struct job *j = arg;
	char stop[DIR_MAX], path[PVB_XS_PATH_MAX + 1];
	int r;

	(void)snprintf(stop, sizeof(stop), "/local/domain/%u/backend",
	               j->dev->back_domid);
	r = pvb_store_remove_up(s, tx, j->back, stop);
	/* The directories above belong to a toolstack. */
	if (r == 0 || r == -EACCES)
		r = pvb_complaint_path(j->back, path, sizeof(path));
	(void)snprintf(stop, sizeof(stop), "/local/domain/%u/error",
	               j->dev->back_domid);
	if (r == 0)
		r = pvb_store_remove_up(s, tx, path, stop);
	return r;
}

/* Under the same number there may be another back's device by now. */
static int remove_front(struct pvb_store *s, uint32_t tx, void *arg)
{
	struct job *j = arg;
	char stop[DIR_MAX];
	int r = pvb_blk_nodes_front_is_ours(s, tx, j->front, j->back);

	(void)snprintf(stop, sizeof(stop), "/local/domain/%u/device",
	               j->dev->front_domid);
	return r != 1 ? r : pvb_store_remove_up(s, tx, j->front, stop);
}

static int remove_both(struct pvb_store *s, uint32_t tx, void *arg)
{
	int r = remove_front(s, tx, arg);

	return r < 0 ? r : remove_back(s, tx, arg);
}

/* Reading first, as in everything that is written late: the directory must
   not be made again. */
static int say_refused(struct pvb_store *s, uint32_t tx, void *arg)
{
	struct job *j = arg;
	uint64_t state;
	int r = pvb_store_read_u64_at(s, tx, j->back, "state",
	                              PVB_XB_COUNT - 1, &state);

	if (r == 0)
		r = pvb_store_write_at(s, tx, j->back, "hotplug-error",
		                       j->text);
	if (r == 0)
		r = pvb_store_write_at(s, tx, j->back, "hotplug-status",
		                       "error");
	return r;
}

static int run_job(struct pvb_store *s, const struct pvb_xsdev *d,
                   int (*body)(struct pvb_store *s, uint32_t tx, void *arg))
{
	struct job *j = malloc(sizeof(*j));
	int r;

	if (!j)
		return -ENOMEM;
	job_init(j, d);
	r = pvb_store_transact(s, body, j);
	if (r >= 0)
		r = j->result;
	free(j);
	return r;
}

void pvb_blk_nodes_refuse(struct pvb_store *s, const struct pvb_xsdev *d,
                          const char *text)
{
	struct job *j = malloc(sizeof(*j));
	char value[16];

	if (!j)
		return;
	job_init(j, d);
	j->text = text;
	/* Whoever watches the device looks for the sentence then. */
	if (pvb_store_read_at(s, PVB_STORE_NO_TX, j->back, "state", value,
	                      sizeof(value)) >= 0) {
		pvb_complaint_put(s, j->back, EINVAL, text);
		(void)pvb_store_transact(s, say_refused, j);
	}
	free(j);
}

int pvb_blk_nodes_stop(struct pvb_store *s, const struct pvb_xsdev *d)
{
	return run_job(s, d, ask_to_close);
}

int pvb_blk_nodes_cut(struct pvb_store *s, const struct pvb_xsdev *d)
{
	return run_job(s, d, remove_front);
}

int pvb_blk_nodes_remove(struct pvb_store *s, const struct pvb_xsdev *d)
{
	return run_job(s, d, remove_both);
}

int pvb_blk_nodes_remove_back(struct pvb_store *s, const struct pvb_xsdev *d)
{
	return run_job(s, d, remove_back);
}
