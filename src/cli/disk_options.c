/* SPDX-License-Identifier: MIT */
#include "disk_options.h"

#include <stdio.h>
#include <string.h>

/* In the order of PVB_DISK_OPTIONS; a switch sets `value`. */
static const struct { enum pvb_blk_opt opt; uint32_t value; }
	order[PVB_DISK_OPTION_COUNT] = {
	{ PVB_BLK_OPT_READ_ONLY, 1 }, { PVB_BLK_OPT_SHARED, 1 },
	{ PVB_BLK_OPT_CDROM, 1 }, { PVB_BLK_OPT_FLOPPY, 1 },
	{ PVB_BLK_OPT_REMOVABLE, 1 }, { PVB_BLK_OPT_SECTOR_SIZE, 0 },
	{ PVB_BLK_OPT_RING_ORDER, 0 }, { PVB_BLK_OPT_QUEUES, 0 },
	{ PVB_BLK_OPT_INDIRECT, 0 }, { PVB_BLK_OPT_PERSISTENT, 0 },
	{ PVB_BLK_OPT_FLUSH, 0 }, { PVB_BLK_OPT_BARRIER, 1 },
	{ PVB_BLK_OPT_DISCARD, 0 }, { PVB_BLK_OPT_BLOCKS, 1 },
	{ PVB_BLK_OPT_UNITS, 0 }, { PVB_BLK_OPT_ON_FULL, 0 },
	{ PVB_BLK_OPT_SLOW, 0 },
};

/* A number, or one of the option's names. */
static int parse_value(const struct pvb_cmd *cmd, enum pvb_blk_opt which,
                       const char *text, uint64_t *out)
{
	char names[80] = "";
	const char *name;
	size_t n = 0;

	if (!pvb_blk_opt_value_name(which, 0)) {
		if (pvb_parse_number(text, 0, UINT32_MAX, out))
			return PVB_EXIT_DONE;
		return pvb_say_usage(cmd, "--%s %s: not a number",
		                     pvb_blk_opt_name(which), text);
	}
	for (uint32_t i = 0; (name = pvb_blk_opt_value_name(which, i)); i++) {
		*out = i;
		if (strcmp(name, text) == 0)
			return PVB_EXIT_DONE;
		if (n < sizeof(names))
			n += (size_t)snprintf(names + n, sizeof(names) - n,
			                      "%s%s", n ? ", " : "", name);
	}
	return pvb_say_usage(cmd, "--%s %s: none of %s",
	                     pvb_blk_opt_name(which), text, names);
}

int pvb_disk_option(const struct pvb_cmd *cmd, int opt, const char *value,
                    struct pvb_blk_options *o)
{
	enum pvb_blk_opt which = order[opt - PVB_DISK_OPTION_BASE].opt;
	uint64_t n = order[opt - PVB_DISK_OPTION_BASE].value;
	uint32_t min, max;
	int status;

	if (value) {
		status = parse_value(cmd, which, value, &n);
		if (status != PVB_EXIT_DONE)
			return status;
	}
	if (pvb_blk_options_set(o, which, n) == 0) {
		if (o->value[PVB_BLK_OPT_CDROM] &&
		    o->value[PVB_BLK_OPT_FLOPPY])
			return pvb_say_usage(cmd, "--cdrom and --floppy: "
				"one device is not both");
		return PVB_EXIT_DONE;
	}
	if (which == PVB_BLK_OPT_SECTOR_SIZE)
		return pvb_say_usage(cmd, "--sector-size %s: 512 or 4096",
		                     value);
	pvb_blk_opt_range(which, &min, &max);
	return pvb_say_usage(cmd, "--%s %s: not from %u to %u",
	                     pvb_blk_opt_name(which), value, min, max);
}
