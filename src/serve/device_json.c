/* SPDX-License-Identifier: MIT */
#include "device_json.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/printable.h"
#include "blk/blk_nodes.h"
#include "proto/vdev.h"

static json_t *identity(const struct pvb_xsdev *dev)
{
	char name[PVB_VDEV_NAME_MAX] = "";
	struct pvb_vdev v;

	if (pvb_vdev_from_number(dev->number, &v) == PVB_VDEV_OK)
		pvb_vdev_name(&v, name);
	return json_pack("{s:i, s:s, s:I, s:s, s:s}",
	                 "domain", (int)dev->front_domid, "vdev", name,
	                 "number", (json_int_t)dev->number,
	                 "protocol", strcmp(dev->front_kind, "vscsi") == 0
	                             ? "vscsi" : "blkif",
	                 "kind", dev->kind);
}

/* What the two agreed on; null where there is no agreement yet. */
static json_t *terms(const struct pvb_blkback_status *s)
{
	const struct pvb_blk_terms *t = &s->terms;

	if (!s->terms_known)
		return json_pack("{s:n, s:n, s:n, s:n, s:n, s:n}", "abi",
		                 "ring_pages", "queues", "indirect_segments",
		                 "block_segments", "persistent");
	return json_pack("{s:s?, s:i, s:i, s:i, s:i, s:b}",
	                 "abi", pvb_abi_name(t->abi),
	                 "ring_pages", 1 << t->ring_order,
	                 "queues", (int)t->queues,
	                 "indirect_segments", (int)t->indirect_max,
	                 "block_segments", (int)t->blocks.segs_max,
	                 "persistent", (int)t->persistent);
}

static json_t *geometry(const struct pvb_blkback_status *s)
{
	const struct pvb_blk_geometry *g = &s->geometry;

	if (!s->disk_known)
		return json_pack("{s:n, s:n, s:n, s:n}", "sector_size",
		                 "sector_units", "sectors", "readonly");
	return json_pack("{s:I, s:s, s:I, s:b}",
	                 "sector_size", (json_int_t)g->sector_size_bytes,
	                 "sector_units", pvb_blk_units_name(g->units),
	                 "sectors", (json_int_t)g->sectors,
	                 "readonly", (int)g->read_only);
}

/* A toolstack gives us any bytes. */
static json_t *disk(const char *uri)
{
	char text[PVB_BLK_NODES_URI_MAX + 1];

	if (!uri[0])
		return json_null();
	(void)snprintf(text, sizeof(text), "%s", uri);
	pvb_printable(text);
	return json_string(text);
}

json_t *pvb_device_json(const struct pvb_xsdev *dev, const char *type,
                        const char *uri, const struct pvb_blkback_status *s,
                        pid_t worker)
{
	json_t *o = identity(dev);
	int bad = json_object_set_new(o, "device_type", json_string(type));

	bad |= json_object_set_new(o, "backend_state",
	                           json_string(pvb_xb_name(s->mine)));
	bad |= json_object_set_new(o, "frontend_state",
	                           json_string(pvb_xb_name(s->peer)));
	bad |= json_object_update_new(o, terms(s));
	bad |= json_object_update_new(o, geometry(s));
	bad |= json_object_set_new(o, "disk", disk(uri));
	bad |= json_object_set_new(o, "worker_pid", worker
	                           ? json_integer(worker) : json_null());
	bad |= json_object_set_new(o, "worker_deaths",
	                           json_integer(s->deaths));
	bad |= json_object_set_new(o, "waits", s->waits
	                           ? json_string(s->waits) : json_null());
	if (s->why != PVB_OK) {
		bad |= json_object_set_new(o, "reason",
		                           json_string(pvb_why_name(s->why)));
		bad |= json_object_set_new(o, "error", json_string(s->text));
	}
	if (bad) {
		json_decref(o);
		return NULL;
	}
	return o;
}

/* A worker may have written any moment. */
static json_t *seconds_since(uint64_t ns, uint64_t now_ns)
{
	return json_real(now_ns > ns ? (double)(now_ns - ns) / 1e9 : 0);
}

static int last_error(json_t *o, const struct pvb_blkback_status *s,
                      uint64_t now_ns)
{
	bool any = s->disk_error[0];
	int bad = json_object_set_new(o, "disk_error", any
		? json_string(s->disk_error) : json_null());

	return bad | json_object_set_new(o, "disk_error_seconds", any
		? seconds_since(s->disk_error_ns, now_ns) : json_null());
}

int pvb_disk_json(json_t *o, const struct pvb_blkback_status *s,
                  const struct pvb_counts *c, uint64_t now_ns)
{
	bool slow = c->slow_now > 0 && c->slow_since_ns > 0;
	int bad = json_object_set_new(o, "paused", c->kept > 0
		? json_string("no-space") : json_null());

	bad |= json_object_set_new(o, "slow_requests",
	                           json_integer((json_int_t)c->slow_now));
	bad |= json_object_set_new(o, "oldest_seconds", slow
		? seconds_since(c->slow_since_ns, now_ns) : json_null());
	bad |= last_error(o, s, now_ns);
	return bad ? -ENOMEM : 0;
}

static json_t *microseconds(const struct pvb_op_counts *o, uint32_t per_mille)
{
	return json_real((double)pvb_counts_latency_ns(o, per_mille) / 1000);
}

static json_t *operation(const struct pvb_op_counts *o)
{
	return json_pack("{s:I, s:I, s:I, s:o, s:o, s:o}",
	                 "requests", (json_int_t)o->requests,
	                 "bytes", (json_int_t)o->bytes,
	                 "errors", (json_int_t)o->errors,
	                 "p50", microseconds(o, 500),
	                 "p99", microseconds(o, 990),
	                 "p999", microseconds(o, 999));
}

static json_t *resumed(const struct pvb_counts *c)
{
	return json_pack("{s:I, s:I, s:I, s:I, s:I}",
	                 "times", (json_int_t)c->resumed,
	                 "redone", (json_int_t)c->redone,
	                 "unpublished", (json_int_t)c->unpublished,
	                 "published", (json_int_t)c->published,
	                 "uncommitted", (json_int_t)c->uncommitted);
}

int pvb_counts_json(json_t *o, const struct pvb_counts *c)
{
	json_t *refused = json_object();
	int bad = 0;

	for (int i = 0; i < PVB_COUNT_OP_COUNT; i++)
		bad |= json_object_set_new(o,
			pvb_count_op_name((enum pvb_count_op)i),
			operation(&c->op[i]));
	for (int i = 1; i < PVB_WHY_COUNT; i++)
		if (c->refused[i])
			bad |= json_object_set_new(refused,
				pvb_why_name((enum pvb_why)i),
				json_integer((json_int_t)c->refused[i]));
	bad |= json_object_set_new(o, "refused", refused);
	bad |= json_object_set_new(o, "in_flight",
	                           json_integer((json_int_t)c->in_flight));
	bad |= json_object_set_new(o, "no_space",
	                           json_integer((json_int_t)c->no_space));
	bad |= json_object_set_new(o, "pauses",
	                           json_integer((json_int_t)c->pauses));
	bad |= json_object_set_new(o, "kept",
	                           json_integer((json_int_t)c->kept));
	bad |= json_object_set_new(o, "resumed", resumed(c));
	bad |= json_object_set_new(o, "slow",
	                           json_integer((json_int_t)c->slow));
	bad |= json_object_set_new(o, "notifications_sent",
	                           json_integer((json_int_t)c->bells_sent));
	bad |= json_object_set_new(o, "notifications_received",
	                           json_integer((json_int_t)c->bells_received));
	bad |= json_object_set_new(o, "sleeps",
	                           json_integer((json_int_t)c->sleeps));
	bad |= json_object_set_new(o, "mapped_pages",
	                           json_integer((json_int_t)c->mapped_pages));
	bad |= json_object_set_new(o, "copies",
	                           json_integer((json_int_t)c->copies));
	return bad ? -ENOMEM : 0;
}
