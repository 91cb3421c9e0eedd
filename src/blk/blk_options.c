/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>

#include "blk_options.h"
#include "proto/keys.h"

enum { SLOW_S = 10, SLOW_MAX_S = 86400 };

struct option {
	const char *name;
	const char *node;       /* NULL: said by a node of the field, below */
	uint32_t    min, max;
};

static const struct option table[PVB_BLK_OPT_COUNT] = {
	[PVB_BLK_OPT_READ_ONLY]   = { "readonly", NULL, 0, 1 },
	[PVB_BLK_OPT_SHARED]      = { "shared", "pvb-shared", 0, 1 },
	[PVB_BLK_OPT_CDROM]       = { "cdrom", NULL, 0, 1 },
	[PVB_BLK_OPT_FLOPPY]      = { "floppy", NULL, 0, 1 },
	[PVB_BLK_OPT_REMOVABLE]   = { "removable", "removable", 0, 1 },
	[PVB_BLK_OPT_SECTOR_SIZE] = { "sector-size", "pvb-sector-size",
	                              PVB_BLK_SECTOR_BYTES,
	                              PVB_BLK_PAGE_BYTES },
	[PVB_BLK_OPT_RING_ORDER]  = { "ring-order", "pvb-ring-order", 0,
	                              PVB_RING_ORDER_MAX },
	[PVB_BLK_OPT_QUEUES]      = { "queues", "pvb-queues", 1,
	                              PVB_BLK_QUEUES_MAX },
	[PVB_BLK_OPT_INDIRECT]    = { "indirect", "pvb-indirect", 0,
	                              PVB_BLK_SEGS_MAX },
	[PVB_BLK_OPT_PERSISTENT]  = { "persistent", "pvb-persistent", 0, 1 },
	[PVB_BLK_OPT_FLUSH]       = { "flush", "pvb-flush", 0, 1 },
	[PVB_BLK_OPT_BARRIER]     = { "barrier", "pvb-barrier", 0, 1 },
	[PVB_BLK_OPT_DISCARD]     = { "discard", "discard-enable", 0, 1 },
	[PVB_BLK_OPT_BLOCKS]      = { "segment-blocks", "pvb-segment-blocks",
	                              0, 1 },
	[PVB_BLK_OPT_UNITS]       = { "sector-units", "pvb-sector-units", 0,
	                              PVB_BLK_UNITS_COUNT - 1 },
	[PVB_BLK_OPT_ON_FULL]     = { "on-full", "pvb-on-full",
	                              PVB_BLK_ON_FULL_REPORT,
	                              PVB_BLK_ON_FULL_PAUSE },
	[PVB_BLK_OPT_SLOW]        = { "slow", "pvb-slow", 0, SLOW_MAX_S },
};

const char *const pvb_blk_options_names[] = {
	"mode", "device-type", "removable", "discard-enable", "pvb-shared",
	"pvb-sector-size", "pvb-ring-order", "pvb-queues", "pvb-indirect",
	"pvb-persistent", "pvb-flush", "pvb-barrier", "pvb-segment-blocks",
	"pvb-sector-units", "pvb-on-full", "pvb-slow", NULL
};

void pvb_blk_options_init(struct pvb_blk_options *o, uint32_t cpus)
{
	struct pvb_blk_limits l;

	memset(o, 0, sizeof(*o));
	pvb_blk_limits_back_default(&l, cpus);
	o->value[PVB_BLK_OPT_SECTOR_SIZE] = PVB_BLK_SECTOR_BYTES;
	o->value[PVB_BLK_OPT_RING_ORDER] = l.ring_order_max;
	o->value[PVB_BLK_OPT_QUEUES] = l.queues_max;
	o->value[PVB_BLK_OPT_INDIRECT] = l.indirect_max;
	o->value[PVB_BLK_OPT_PERSISTENT] = l.persistent;
	o->value[PVB_BLK_OPT_FLUSH] = l.flush;
	o->value[PVB_BLK_OPT_BARRIER] = l.barrier;
	o->value[PVB_BLK_OPT_DISCARD] = l.discard;
	o->value[PVB_BLK_OPT_BLOCKS] = l.segment_blocks;
	o->value[PVB_BLK_OPT_SLOW] = SLOW_S;
}

static bool is_legal(enum pvb_blk_opt opt, uint64_t value)
{
	if (opt == PVB_BLK_OPT_SECTOR_SIZE)
		return value == PVB_BLK_SECTOR_BYTES ||
		       value == PVB_BLK_PAGE_BYTES;
	return value >= table[opt].min && value <= table[opt].max;
}

int pvb_blk_options_set(struct pvb_blk_options *o, enum pvb_blk_opt opt,
                        uint64_t value)
{
	if (!is_legal(opt, value))
		return -ERANGE;
	o->value[opt] = (uint32_t)value;
	o->given |= 1u << opt;
	return 0;
}

const char *pvb_blk_opt_name(enum pvb_blk_opt opt)
{
	return table[opt].name;
}

void pvb_blk_opt_range(enum pvb_blk_opt opt, uint32_t *min, uint32_t *max)
{
	*min = table[opt].min;
	*max = table[opt].max;
}

const char *pvb_blk_opt_value_name(enum pvb_blk_opt opt, uint32_t i)
{
	static const char *const on_full[] = {
		[PVB_BLK_ON_FULL_REPORT] = "report",
		[PVB_BLK_ON_FULL_PAUSE] = "pause",
	};

	if (opt == PVB_BLK_OPT_UNITS && i < PVB_BLK_UNITS_COUNT)
		return pvb_blk_units_name((enum pvb_blk_units)i);
	if (opt == PVB_BLK_OPT_ON_FULL && i <= PVB_BLK_ON_FULL_PAUSE)
		return on_full[i];
	return NULL;
}

void pvb_blk_options_limits(const struct pvb_blk_options *o,
                            struct pvb_blk_limits *out)
{
	const uint32_t *v = o->value;

	*out = (struct pvb_blk_limits){
		.ring_order_max = (uint8_t)v[PVB_BLK_OPT_RING_ORDER],
		.queues_max = (uint16_t)v[PVB_BLK_OPT_QUEUES],
		.indirect_max = (uint16_t)v[PVB_BLK_OPT_INDIRECT],
		.persistent = v[PVB_BLK_OPT_PERSISTENT],
		.flush = v[PVB_BLK_OPT_FLUSH],
		.barrier = v[PVB_BLK_OPT_BARRIER],
		.discard = v[PVB_BLK_OPT_DISCARD],
		.segment_blocks = v[PVB_BLK_OPT_BLOCKS],
		.units = (enum pvb_blk_units)v[PVB_BLK_OPT_UNITS],
	};
}

const char *pvb_blk_options_type(const struct pvb_blk_options *o)
{
	return o->value[PVB_BLK_OPT_CDROM]    ? "cdrom"
	       : o->value[PVB_BLK_OPT_FLOPPY] ? "floppy"
	                                      : "disk";
}

/* A drive is what its medium can be taken out of. */
static uint32_t value_to_put(const struct pvb_blk_options *o, uint32_t opt)
{
	const uint32_t *v = o->value;

	if (opt != PVB_BLK_OPT_REMOVABLE)
		return v[opt];
	return v[opt] || v[PVB_BLK_OPT_CDROM] || v[PVB_BLK_OPT_FLOPPY];
}

static int put_one(const struct pvb_blk_options *o, uint32_t opt,
                   struct pvb_keys *k)
{
	uint32_t value = value_to_put(o, opt);
	const char *name = pvb_blk_opt_value_name(opt, value);

	return name ? pvb_keys_put_text(k, table[opt].node, name)
	            : pvb_keys_put_u64(k, table[opt].node, value);
}

int pvb_blk_options_put(const struct pvb_blk_options *o, struct pvb_keys *k)
{
	uint32_t given = o->given | 1u << PVB_BLK_OPT_REMOVABLE;
	int r;

	r = pvb_keys_put_text(k, "mode",
	                      o->value[PVB_BLK_OPT_READ_ONLY] ||
	                      o->value[PVB_BLK_OPT_CDROM] ? "r" : "w");
	if (r == 0)
		r = pvb_keys_put_text(k, "device-type",
		                      pvb_blk_options_type(o));
	for (uint32_t i = 0; r == 0 && i < PVB_BLK_OPT_COUNT; i++)
		if (table[i].node && given & 1u << i)
			r = put_one(o, i, k);
	return r;
}

/* `mode` as Linux has it: writable if there is a w in it. */
static void get_mode(struct pvb_blk_options *o, const struct pvb_keys *k)
{
	const char *mode = pvb_keys_text(k, "mode");

	o->value[PVB_BLK_OPT_READ_ONLY] = !mode || !strchr(mode, 'w');
	o->given |= 1u << PVB_BLK_OPT_READ_ONLY;
}

static void get_type(struct pvb_blk_options *o, const struct pvb_keys *k)
{
	const char *type = pvb_keys_text(k, "device-type");

	if (!type)
		return;
	o->value[PVB_BLK_OPT_CDROM] = strcmp(type, "cdrom") == 0;
	o->value[PVB_BLK_OPT_FLOPPY] = strcmp(type, "floppy") == 0;
	o->given |= 1u << PVB_BLK_OPT_CDROM | 1u << PVB_BLK_OPT_FLOPPY;
}

static enum pvb_why get_named(const char *text, uint32_t opt, uint64_t *out)
{
	const char *name;

	for (uint32_t i = 0; (name = pvb_blk_opt_value_name(opt, i)); i++) {
		if (text && strcmp(name, text) == 0) {
			*out = i;
			return PVB_OK;
		}
	}
	return PVB_WHY_KEY_SYNTAX;
}

static enum pvb_why get_one(const struct pvb_keys *k, uint32_t opt,
                            uint64_t *out)
{
	const char *node = table[opt].node;
	enum pvb_why why;

	if (pvb_blk_opt_value_name(opt, 0))
		return get_named(pvb_keys_text(k, node), opt, out);
	why = pvb_keys_u64(k, node, table[opt].max, out);
	return why == PVB_OK && !is_legal(opt, *out) ? PVB_WHY_KEY_LIMIT : why;
}

enum pvb_why pvb_blk_options_get(struct pvb_blk_options *o,
                                 const struct pvb_keys *k, const char **bad)
{
	get_mode(o, k);
	get_type(o, k);
	for (uint32_t i = 0; i < PVB_BLK_OPT_COUNT; i++) {
		const char *node = table[i].node;
		enum pvb_why why;
		uint64_t v;

		if (!node || !pvb_keys_has(k, node))
			continue;
		why = get_one(k, i, &v);
		if (why != PVB_OK) {
			if (bad)
				*bad = node;
			return why;
		}
		(void)pvb_blk_options_set(o, i, v);     /* checked above */
	}
	return PVB_OK;
}
