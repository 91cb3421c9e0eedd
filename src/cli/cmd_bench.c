/* SPDX-License-Identifier: MIT */
/* pvb bench: the options of a load. */
#include <getopt.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

#include "bench.h"
#include "cmd.h"
#include "device_args.h"
#include "disk/uri.h"

enum { DEPTH_MAX = 1024 };

static bool set_pattern(struct pvb_load *l, const char *rw)
{
	static const struct {
		const char *name;
		bool random, r, w;
	} patterns[] = {
		{ "read", false, true, false }, { "write", false, false, true },
		{ "randread", true, true, false },
		{ "randwrite", true, false, true },
		{ "randrw", true, true, true },
	};

	for (size_t i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++) {
		if (strcmp(rw, patterns[i].name) != 0)
			continue;
		l->random = patterns[i].random;
		l->reads = patterns[i].r;
		l->writes = patterns[i].w;
		return true;
	}
	return false;
}

static int take_option(const struct pvb_cmd *cmd, struct pvb_load *l, int opt,
                       int argc, char **argv)
{
	uint64_t n;

	switch (opt) {
	case 'r':
		return set_pattern(l, optarg) ? PVB_EXIT_DONE
			: pvb_say_usage(cmd, "--rw %s: read, write, randread, "
				"randwrite or randrw", optarg);
	case 'b':
		if (!pvb_parse_size(optarg, &l->block_bytes) ||
		    l->block_bytes < 512 || l->block_bytes > (32 << 20) ||
		    l->block_bytes % 512)
			return pvb_say_usage(cmd, "--bs %s: not a multiple of "
				"512 up to 32M", optarg);
		return PVB_EXIT_DONE;
	case 'd':
		return pvb_parse_number(optarg, 1, DEPTH_MAX, &l->depth)
			? PVB_EXIT_DONE : pvb_say_usage(cmd,
			"--depth %s: not from 1 to %d", optarg, DEPTH_MAX);
	case 't':
		return pvb_arg_seconds(cmd, "--time", optarg, &l->time_ms);
	case 'p':
		l->poll = optarg;
		return pvb_parse_poll(optarg, &l->spin_ns) ? PVB_EXIT_DONE
			: pvb_say_usage(cmd,
				"--poll %s: adaptive, always or never", optarg);
	case 'B':
		l->bounce = true;
		return PVB_EXIT_DONE;
	case 'c':
		if (!pvb_parse_number(optarg, 0, CPU_SETSIZE - 1, &n))
			return pvb_say_usage(cmd, "--cpu %s: no processor",
			                     optarg);
		l->cpu = (int)n;
		return PVB_EXIT_DONE;
	case 'j':
		l->json = true;
		return PVB_EXIT_DONE;
	default:
		return pvb_say_bad_option(cmd, argc, argv, opt);
	}
}

static int run(const struct pvb_cmd *cmd, int argc, char **argv)
{
	static const struct option options[] = {
		{ "rw", required_argument, NULL, 'r' },
		{ "bs", required_argument, NULL, 'b' },
		{ "depth", required_argument, NULL, 'd' },
		{ "time", required_argument, NULL, 't' },
		{ "poll", required_argument, NULL, 'p' },
		{ "bounce", no_argument, NULL, 'B' },
		{ "cpu", required_argument, NULL, 'c' },
		{ "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	struct pvb_load l = { .block_bytes = 4096, .depth = 32, .time_ms = 5000,
		.cpu = -1 };
	int opt, status;

	set_pattern(&l, "randread");
	pvb_parse_poll("adaptive", &l.spin_ns);
	while ((opt = getopt_long(argc, argv, ":", options, NULL)) != -1) {
		if (opt == 'h')
			return pvb_say_help(cmd);
		status = take_option(cmd, &l, opt, argc, argv);
		if (status != PVB_EXIT_DONE)
			return status;
	}
	if (argc - optind != 1)
		return pvb_say_usage(cmd, "bench: which disk?");
	return pvb_bench(&l, argv[optind]);
}

const struct pvb_cmd pvb_cmd_bench = {
	.name = "bench",
	.summary = "a load with IOPS, latency percentiles and CPU per request",
	.run = run,
	.help =
"usage: pvb bench [OPTION...] DISK\n"
"\n"
"Loads DISK (a path or a disk URI) from one thread and prints requests and\n"
"bytes per second, latency percentiles and this process's CPU time for each.\n"
"Writes destroy what is on the disk.\n"
"\n"
"  --rw read|write|randread|randwrite|randrw   (randread)\n"
"  --bs SIZE         block size (4k)\n"
"  --depth N         requests in flight (32)\n"
"  --time SECONDS    how long (5)\n"
"  --poll adaptive|always|never  how to wait for answers (the URI's own,\n"
"                    else adaptive)\n"
"  --bounce          do not use the disk's own buffers\n"
"  --cpu N           run on that processor\n"
"  --json            an object\n"
"  --help            this text\n",
};
