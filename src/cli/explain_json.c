/* SPDX-License-Identifier: MIT */
/*
 * What pvb explain prints as JSON.  Strings of others are escaped, so that any
 * bytes make one; what was agreed on has the names of pvb list.
 */
#include "explain.h"

#include <string.h>

#include "base/escape.h"
#include "proto/vdev.h"

static json_t *text_of(const char *bytes)
{
	char text[PVB_EXPLAIN_VALUE_MAX];

	(void)pvb_escape(text, sizeof(text), bytes, strlen(bytes));
	return json_string(text);
}

static json_t *value_of(const struct pvb_keys *k, const char *name)
{
	char text[PVB_EXPLAIN_VALUE_MAX];

	return pvb_explain_value(k, name, text, sizeof(text))
	               ? json_string(text)
	               : json_null();
}

static json_t *agreed(enum pvb_blk_topic t, const struct pvb_blk_row *row)
{
	const char *name = pvb_blk_topic_value_name(t, row->value);

	if (!row->known)
		return json_null();
	if (name)
		return json_string(name);
	return pvb_blk_topic_unit(t) ? json_integer((json_int_t)row->value)
	                             : json_boolean(row->value != 0);
}

static json_t *why(enum pvb_blk_topic t, const struct pvb_blk_row *row)
{
	bool refused = row->because == PVB_BLK_REFUSED;

	return json_pack("{s:o, s:o, s:s, s:s, s:s*, s:s*}",
	                 "agreed", agreed(t, row),
	                 "offered", row->offered
	                         ? json_integer((json_int_t)row->offered)
	                         : json_null(),
	                 "reason", pvb_blk_because_name(row->because),
	                 "text", refused ? pvb_why_text(row->why)
	                                 : pvb_blk_because_text(row->because),
	                 "refused", refused ? pvb_why_name(row->why) : NULL,
	                 "node", refused ? row->bad : NULL);
}

/* All topics twice: what was agreed on, and why. */
static int put_topics(json_t *o, const struct pvb_explain *x)
{
	json_t *reasons = json_object();
	int bad = 0;

	for (int i = 0; i < PVB_BLK_TOPIC_COUNT; i++) {
		enum pvb_blk_topic t = (enum pvb_blk_topic)i;
		const struct pvb_blk_row *row = &x->found->row[t];

		bad |= json_object_set_new(o, pvb_blk_topic_key(t),
		                           agreed(t, row));
		bad |= json_object_set_new(reasons, pvb_blk_topic_key(t),
		                           why(t, row));
	}
	return bad | json_object_set_new(o, "explained", reasons);
}

static json_t *note(const struct pvb_explain *x, const struct pvb_blk_note *n)
{
	char text[PVB_EXPLAIN_VALUE_MAX];

	return json_pack("{s:s, s:s, s:s?, s:o, s:s?}",
	                 "name", pvb_blk_odd_name(n->odd),
	                 "text", pvb_blk_odd_text(n->odd),
	                 "end", !n->node      ? NULL
	                        : n->in_front ? "frontend"
	                                      : "backend",
	                 "node", n->node ? text_of(n->node) : json_null(),
	                 "value", pvb_explain_note_value(x, n, text,
	                                                 sizeof(text)));
}

static json_t *unusual(const struct pvb_explain *x)
{
	json_t *all = json_array();
	int bad = 0;

	for (uint32_t i = 0; i < x->found->notes; i++)
		bad |= json_array_append_new(all, note(x, &x->found->note[i]));
	if (!bad)
		return all;
	json_decref(all);
	return NULL;
}

static json_t *nodes(const struct pvb_keys *k, bool there)
{
	json_t *all = there ? json_object() : json_null();
	char name[4 * PVB_KEYS_NAME_MAX + 1];

	for (uint32_t i = 0; there && i < k->count; i++) {
		const char *at = k->bytes + k->key[i].name_at;

		(void)pvb_escape(name, sizeof(name), at, strlen(at));
		if (json_object_set_new(all, name, value_of(k, at)) < 0) {
			json_decref(all);
			return NULL;
		}
	}
	return all;
}

static json_t *looks_like(const struct pvb_blk_guess *g)
{
	return json_pack("{s:s?, s:s?}",
	                 "driver", g->driver == PVB_BLK_BY_UNKNOWN
	                         ? NULL : pvb_blk_driver_name(g->driver),
	                 "sign", g->sign[0] ? g->sign : NULL);
}

static json_t *end(const struct pvb_keys *k, bool there, const char *error,
                   const struct pvb_blk_guess *g)
{
	return json_pack("{s:o, s:o, s:o}",
	                 "looks_like", looks_like(g),
	                 "error", error[0] ? text_of(error) : json_null(),
	                 "nodes", nodes(k, there));
}

static json_t *identity(const struct pvb_explain *x)
{
	const struct pvb_blk_look *l = x->look;
	char name[PVB_VDEV_NAME_MAX] = "";
	struct pvb_vdev v;

	if (pvb_vdev_from_number(l->dev.number, &v) == PVB_VDEV_OK)
		pvb_vdev_name(&v, name);
	return json_pack("{s:i, s:s, s:I, s:s, s:s?, s:o, s:s, s:s, s:o}",
	                 "domain", (int)l->dev.front_domid, "vdev", name,
	                 "number", (json_int_t)l->dev.number,
	                 "protocol", "blkif",
	                 "kind", l->dev.kind[0] ? l->dev.kind : NULL,
	                 "backend_domain", l->dev.kind[0]
	                         ? json_integer(l->dev.back_domid)
	                         : json_null(),
	                 "backend_state", pvb_xb_name(x->found->back_state),
	                 "frontend_state", pvb_xb_name(x->found->front_state),
	                 "disk", value_of(&l->back, "params"));
}

json_t *pvb_explain_json(const struct pvb_explain *x)
{
	const struct pvb_blk_look *l = x->look;
	json_t *o = identity(x);
	int bad = put_topics(o, x);

	bad |= json_object_set_new(o, "unusual", unusual(x));
	bad |= json_object_set_new(o, "backend", end(&l->back, l->back_there,
		l->back_error, &x->found->back));
	bad |= json_object_set_new(o, "frontend", end(&l->front,
		l->front_there, l->front_error, &x->found->front));
	bad |= json_object_set_new(o, "more_nodes",
		json_boolean(l->more || x->found->more_unknown));
	if (!bad)
		return o;
	json_decref(o);
	return NULL;
}
