/* SPDX-License-Identifier: MIT */
#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <pvb/err.h>

#include "base/loop.h"
#include "blkfront_disk_probe.h"
#include "disk/options.h"
#include "hyp/store.h"
#include "proto/blkneg.h"
#include "proto/conn.h"
#include "proto/keys.h"
#include "proto/vdev.h"
#include "proto/xspath.h"

enum {
	TIMEOUT_S        = 30,
	RECONNECT_S      = 60,
	TIMEOUT_MAX_S    = 86400,
	SPIN_ADAPTIVE_NS = 50000,
	DOMID_OWN        = 0xffff,      /* until the store says which */
};

static_assert(sizeof(struct vbd_blob) <= PVB_DISK_BLOB_MAX,
              "what probe tells must fit");

bool vbd_blob_get(const struct pvb_disk_probe *p, struct vbd_blob *out)
{
	if (p->blob_bytes != sizeof(*out))
		return false;
	memcpy(out, p->blob, sizeof(*out));
	return memchr(out->host.dir, '\0', sizeof(out->host.dir)) &&
	       out->ring_order <= PVB_RING_ORDER_MAX &&
	       out->queues >= 1 && out->queues <= PVB_BLK_QUEUES_MAX &&
	       out->abi < PVB_ABI_COUNT && out->units < PVB_BLK_UNITS_COUNT;
}

/* ---- the URI ------------------------------------------------------------- */

/* DOMAIN/VDEV.  On Xen we are one domain and no other, so VDEV will do. */
static int parse_body(const char *body, struct vbd_blob *b, struct pvb_err *e)
{
	const char *slash = strchr(body, '/'), *name = slash ? slash + 1 : body;
	uint64_t domid = DOMID_OWN, min = b->host.xen ? 0 : 1;
	enum pvb_vdev_why why;
	struct pvb_vdev vdev;

	if (!slash && !b->host.xen)
		return pvb_err_set(e, -EINVAL,
		                   "\"%s\" is not DOMAIN/VDEV", body);
	if (slash &&
	    (pvb_parse_u64(body, (size_t)(slash - body), PVB_XS_DOMID_MAX,
	                   &domid) != PVB_OK || domid < min))
		return pvb_err_set(e, -EINVAL,
		                   "\"%.*s\" is no domain (%d to %d)",
		                   (int)(slash - body), body, (int)min,
		                   PVB_XS_DOMID_MAX);
	why = pvb_vdev_parse(name, &vdev);
	if (why != PVB_VDEV_OK)
		return pvb_err_set(e, -EINVAL, "\"%s\" is no device: %s",
		                   name, pvb_vdev_why_text(why));
	b->domid = (uint16_t)domid;
	b->number = vdev.number;
	return 0;
}

static int parse_host(struct pvb_uri *uri, struct vbd_blob *b,
                      struct pvb_err *e)
{
	const char *host = pvb_uri_option(uri, "host");
	int r = pvb_host_parse(host, &b->host, e);

	if (r == -ENOENT && !host)
		return pvb_err_set(e, -EINVAL, "which machine? Say "
		                   "host=local:DIR (there is no Xen here)");
	return r;
}

static int parse_number(struct pvb_uri *uri, const char *name, uint64_t min,
                        uint64_t max, uint64_t *out, struct pvb_err *e)
{
	const char *text = pvb_uri_option(uri, name);
	uint64_t v = 0;

	if (!text)
		return 0;
	if (pvb_parse_u64(text, strlen(text), max, &v) != PVB_OK || v < min)
		return pvb_err_set(e, -EINVAL, "option %s=%s is no number from "
		                   "%" PRIu64 " to %" PRIu64, name, text, min,
		                   max);
	*out = v;
	return 0;
}

/* Another layout than ours: to try a back with. */
static int parse_abi(struct pvb_uri *uri, struct vbd_blob *b, struct pvb_err *e)
{
	const char *names[PVB_ABI_COUNT + 1] = { NULL };
	uint32_t abi = pvb_abi_native();
	int r;

	for (uint32_t i = 0; i < PVB_ABI_COUNT; i++)
		names[i] = pvb_abi_name((enum pvb_abi)i);
	r = pvb_disk_opt_choice(uri, "protocol", names, &abi, e);
	b->abi = (uint8_t)abi;
	return r;
}

static int parse_units(struct pvb_uri *uri, struct vbd_blob *b,
                       struct pvb_err *e)
{
	const char *names[PVB_BLK_UNITS_COUNT + 1] = { NULL };
	uint32_t units = PVB_BLK_UNITS_SPEC;
	int r;

	for (uint32_t i = 0; i < PVB_BLK_UNITS_COUNT; i++)
		names[i] = pvb_blk_units_name((enum pvb_blk_units)i);
	r = pvb_disk_opt_choice(uri, "sector-units", names, &units, e);
	b->units = (uint8_t)units;
	return r;
}

static int parse_limits(struct pvb_uri *uri, struct vbd_blob *b,
                        struct pvb_err *e)
{
	uint64_t order, indirect, queues;
	struct pvb_blk_limits l;
	bool blocks = false;
	int r;

	pvb_blk_limits_front_default(&l);
	order = l.ring_order_max;
	indirect = l.indirect_max;
	queues = l.queues_max;
	r = parse_number(uri, "ring-order", 0, PVB_RING_ORDER_MAX, &order, e);
	if (r == 0)
		r = parse_number(uri, "indirect", 0, PVB_BLK_SEGS_MAX,
		                 &indirect, e);
	if (r == 0)
		r = parse_number(uri, "queues", 1, PVB_BLK_QUEUES_MAX,
		                 &queues, e);
	if (r == 0)
		r = pvb_disk_opt_bool(uri, "segment-blocks", &blocks, e);
	b->ring_order = (uint8_t)order;
	b->indirect_max = (uint16_t)indirect;
	b->queues = (uint8_t)queues;
	b->segment_blocks = blocks;
	return r;
}

static int parse_waiting(struct pvb_uri *uri, struct vbd_blob *b,
                         struct pvb_err *e)
{
	static const char *const polls[] = {
		"adaptive", "always", "never", NULL
	};
	static const uint64_t spins[] = {
		SPIN_ADAPTIVE_NS, PVB_LOOP_SPIN_ALWAYS, 0
	};
	uint64_t timeout = TIMEOUT_S, connect = TIMEOUT_S;
	uint64_t reconnect = RECONNECT_S;
	uint32_t poll = 0;
	int r;

	r = parse_number(uri, "timeout", 0, TIMEOUT_MAX_S, &timeout, e);
	if (r == 0)
		r = parse_number(uri, "connect-timeout", 1, TIMEOUT_MAX_S,
		                 &connect, e);
	if (r == 0)
		r = parse_number(uri, "reconnect", 0, TIMEOUT_MAX_S,
		                 &reconnect, e);
	if (r == 0)
		r = pvb_disk_opt_choice(uri, "poll", polls, &poll, e);
	b->timeout_s = (uint32_t)timeout;
	b->connect_timeout_s = (uint32_t)connect;
	b->reconnect_s = (uint32_t)reconnect;
	b->spin_max_ns = spins[poll];
	return r;
}

static int parse(struct pvb_uri *uri, struct vbd_blob *b, struct pvb_err *e)
{
	bool bounce = false;
	int r = parse_host(uri, b, e);

	if (r == 0)
		r = parse_body(uri->body, b, e);
	if (r == 0)
		r = parse_limits(uri, b, e);
	if (r == 0)
		r = parse_abi(uri, b, e);
	if (r == 0)
		r = parse_units(uri, b, e);
	if (r == 0)
		r = parse_waiting(uri, b, e);
	if (r == 0)
		r = pvb_disk_opt_bool(uri, "bounce", &bounce, e);
	b->bounce = bounce;
	return r;
}

/* ---- the machine --------------------------------------------------------- */

/* What a back has published before, if it has.  Best effort. */
static void look_at_geometry(struct pvb_store *s, const char *back_dir,
                             enum pvb_blk_units units,
                             struct pvb_disk_info *info)
{
	struct pvb_keys *k = calloc(1, sizeof(*k));
	struct pvb_blk_geometry g;

	if (k &&
	    pvb_store_read_keys(s, PVB_STORE_NO_TX, back_dir,
	                        pvb_blk_geometry_names, k) == 0 &&
	    pvb_blk_geometry_get(k, units, &g, NULL) == PVB_OK) {
		info->size_bytes = g.sectors * PVB_BLK_SECTOR_BYTES;
		info->sector_size_bytes = g.sector_size_bytes;
		info->physical_size_bytes = g.physical_size_bytes;
		info->read_only |= g.read_only;
		info->flush = info->fua = g.flush || g.barrier;
		info->discard = g.discard;
		info->discard_secure = g.discard && g.discard_secure;
		info->discard_granularity_bytes = g.discard_granularity_bytes;
		info->discard_alignment_bytes = g.discard_alignment_bytes;
	}
	free(k);
}

static int look_at_device(struct pvb_store *s, const struct vbd_blob *b,
                          struct pvb_disk_info *info, struct pvb_err *e)
{
	char dir[128], back_dir[PVB_XS_PATH_MAX + 1];
	const struct pvb_xsdev dev = {
		.front_domid = b->domid, .number = b->number,
		.front_kind = "vbd",
	};
	int n;

	(void)pvb_xsdev_front_path(&dev, dir, sizeof(dir));
	n = pvb_store_read_at(s, PVB_STORE_NO_TX, dir, "backend", back_dir,
	                      sizeof(back_dir) - 1);
	if (n == -ENOENT)
		return pvb_err_set(e, n, "domain %u has no device %u",
		                   b->domid, b->number);
	if (n < 0)
		return pvb_err_set(e, n, "cannot read %s/backend: %s", dir,
		                   strerror(-n));
	back_dir[n] = '\0';
	look_at_geometry(s, back_dir, (enum pvb_blk_units)b->units, info);
	return 0;
}

static int find_domain(struct pvb_store *s, struct vbd_blob *b,
                       struct pvb_err *e)
{
	uint16_t own;
	int r;

	if (!b->host.xen)
		return 0;
	r = pvb_host_own_domid(&b->host, s, &own, e);
	if (r == 0 && b->domid != DOMID_OWN && b->domid != own)
		return pvb_err_set(e, -EACCES, "domain %u's devices can be "
		                   "used in that domain only, and this is %u",
		                   (unsigned int)b->domid, (unsigned int)own);
	b->domid = own;
	return r;
}

/* Linux's own frontend may have it, and waits for its backend. */
static int check_kernel(const struct vbd_blob *b, struct pvb_err *e)
{
	char path[80];

	(void)snprintf(path, sizeof(path), "/sys/bus/xen/devices/vbd-%u/driver",
	               b->number);
	if (b->host.xen && access(path, F_OK) == 0)
		return pvb_err_set(e, -EBUSY, "this kernel's frontend has the "
		                   "device (see %s)", path);
	return 0;
}

static int look(struct vbd_blob *b, struct pvb_disk_info *info,
                struct pvb_err *e)
{
	struct pvb_err ignored = PVB_ERR_INIT;
	struct pvb_store *s;
	int r;

	e = e ? e : &ignored;
	s = pvb_host_store(&b->host, b->domid, e);
	if (!s)
		return e->code;
	r = find_domain(s, b, e);
	if (r == 0)
		r = check_kernel(b, e);
	if (r == 0)
		r = look_at_device(s, b, info, e);
	pvb_store_close(s);
	return r;
}

/* ---- probe --------------------------------------------------------------- */

static void fill_defaults(struct pvb_disk_info *info, uint32_t flags)
{
	info->sector_size_bytes = info->physical_size_bytes =
		PVB_BLK_SECTOR_BYTES;
	info->read_only = flags & PVB_DISK_READ_ONLY;
	info->zero = true;
	info->depth_max = 1;
	info->iov_max = 1;
	info->io_max_bytes = PVB_BLK_PAGE_BYTES;
}

int vbd_probe(struct pvb_uri *uri, uint32_t flags, struct pvb_disk_probe *out,
              struct pvb_err *e)
{
	struct vbd_blob b;
	int r;

	memset(&b, 0, sizeof(b));
	r = parse(uri, &b, e);
	if (r < 0)
		return r;
	fill_defaults(&out->info, flags);
	r = look(&b, &out->info, e);
	if (r < 0)
		return r;
	memcpy(out->blob, &b, sizeof(b));
	out->blob_bytes = sizeof(b);
	return 0;
}

/* The machine is named, not held open: nothing to send. */
int vbd_reopen(const struct pvb_disk_probe *p, int fds[PVB_DISK_FDS_MAX],
               struct pvb_err *e)
{
	(void)p;
	(void)fds;
	(void)e;
	return 0;
}

int vbd_reprobe(struct pvb_disk_probe *p, struct pvb_err *e)
{
	struct pvb_disk_info info = p->info;
	struct vbd_blob b;
	int r;

	if (!vbd_blob_get(p, &b))
		return pvb_err_set(e, -EINVAL, "not what probe has told");
	r = look(&b, &info, e);
	if (r < 0)
		return r;
	if (info.size_bytes < p->info.size_bytes)
		return pvb_err_set(e, -EINVAL, "it has become smaller");
	p->info.size_bytes = info.size_bytes;
	return 0;
}
