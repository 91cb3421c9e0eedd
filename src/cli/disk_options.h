/* SPDX-License-Identifier: MIT */
/*
 * disk_options.h - the options of one disk's limits and features, which
 * attach, serve and loop share.
 */
#ifndef PVB_DISK_OPTIONS_H
#define PVB_DISK_OPTIONS_H

#include <getopt.h>

#include "blk/blk_options.h"
#include "cmd.h"

/* getopt_long values of these options; above those of any command. */
enum { PVB_DISK_OPTION_BASE = 1000, PVB_DISK_OPTION_COUNT = 17 };

/* To be put at the head of a command's own table. */
#define PVB_DISK_OPTIONS \
	{ "readonly", no_argument, NULL, PVB_DISK_OPTION_BASE }, \
	{ "shared", no_argument, NULL, PVB_DISK_OPTION_BASE + 1 }, \
	{ "cdrom", no_argument, NULL, PVB_DISK_OPTION_BASE + 2 }, \
	{ "floppy", no_argument, NULL, PVB_DISK_OPTION_BASE + 3 }, \
	{ "removable", no_argument, NULL, PVB_DISK_OPTION_BASE + 4 }, \
	{ "sector-size", required_argument, NULL, PVB_DISK_OPTION_BASE + 5 }, \
	{ "ring-order", required_argument, NULL, PVB_DISK_OPTION_BASE + 6 }, \
	{ "queues", required_argument, NULL, PVB_DISK_OPTION_BASE + 7 }, \
	{ "indirect", required_argument, NULL, PVB_DISK_OPTION_BASE + 8 }, \
	{ "no-persistent", no_argument, NULL, PVB_DISK_OPTION_BASE + 9 }, \
	{ "no-flush", no_argument, NULL, PVB_DISK_OPTION_BASE + 10 }, \
	{ "barrier", no_argument, NULL, PVB_DISK_OPTION_BASE + 11 }, \
	{ "no-discard", no_argument, NULL, PVB_DISK_OPTION_BASE + 12 }, \
	{ "segment-blocks", no_argument, NULL, PVB_DISK_OPTION_BASE + 13 }, \
	{ "sector-units", required_argument, NULL, \
	  PVB_DISK_OPTION_BASE + 14 }, \
	{ "on-full", required_argument, NULL, PVB_DISK_OPTION_BASE + 15 }, \
	{ "slow", required_argument, NULL, PVB_DISK_OPTION_BASE + 16 }

#define PVB_DISK_OPTIONS_HELP \
"  --readonly        the guest may not write\n" \
"  --shared          others may have the image open for writing\n" \
"  --cdrom, --floppy, --removable  how the guest sees the device\n" \
"  --sector-size N   logical sectors of 512 or 4096 bytes (512)\n" \
"  --ring-order N    at most 2^N ring pages, 0 to 4 (4)\n" \
"  --queues N        at most N rings (the number of processors)\n" \
"  --indirect N      at most N segments in an indirect request (256)\n" \
"  --no-persistent   do not offer persistent grants\n" \
"  --no-flush        do not offer cache flushes\n" \
"  --barrier         offer write barriers\n" \
"  --no-discard      do not offer discard\n" \
"  --segment-blocks  offer requests of several slots, as FreeBSD had them\n" \
"  --sector-units spec|all|freebsd|mini-os  how the guest counts sectors\n" \
"                    that are not 512 bytes (spec)\n" \
"  --on-full report|pause  what the disk has no room for fails, or waits\n" \
"                    until there is room (report)\n" \
"  --slow S          show requests that wait for S seconds; 0: none (10)\n"

/* Is this getopt value one of them? */
static inline bool pvb_is_disk_option(int opt)
{
	return opt >= PVB_DISK_OPTION_BASE &&
	       opt < PVB_DISK_OPTION_BASE + PVB_DISK_OPTION_COUNT;
}

/* Take it over into `o`.  DONE, or USAGE and said. */
int pvb_disk_option(const struct pvb_cmd *cmd, int opt, const char *value,
                    struct pvb_blk_options *o);

#endif
