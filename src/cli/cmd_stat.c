/* SPDX-License-Identifier: MIT */
/* pvb stat: counters and latency, once or again and again. */
#include <getopt.h>
#include <stdio.h>
#include <time.h>

#include "ask.h"
#include "device_args.h"

static const char *const operations[] = {
	"read", "write", "flush", "discard", "barrier", NULL
};

static long long number(const json_t *o, const char *key)
{
	return (long long)json_integer_value(json_object_get(o, key));
}

static double real(const json_t *o, const char *key)
{
	return json_real_value(json_object_get(o, key));
}

static void print_refused(const json_t *device)
{
	json_t *refused = json_object_get(device, "refused"), *count;
	const char *why;

	json_object_foreach(refused, why, count)
		printf("    refused %-16s %12lld\n", why,
		       (long long)json_integer_value(count));
}

static void print_no_space(const json_t *device)
{
	if (number(device, "no_space") > 0)
		printf("    no space %12lld times, paused %lld times, %lld "
		       "requests wait for it\n", number(device, "no_space"),
		       number(device, "pauses"), number(device, "kept"));
}

static void print_resumed(const json_t *device)
{
	const json_t *r = json_object_get(device, "resumed");

	if (number(r, "times") > 0)
		printf("    resumed  %12lld times, %lld requests done again, "
		       "%lld answered and still in the journal\n",
		       number(r, "times"), number(r, "redone"),
		       number(r, "published"));
}

static void print_slow(const json_t *device)
{
	if (number(device, "slow") > 0)
		printf("    slow     %12lld requests, %lld of them now, the "
		       "oldest for %.1f s\n", number(device, "slow"),
		       number(device, "slow_requests"),
		       real(device, "oldest_seconds"));
}

static void print_device(const json_t *device)
{
	printf("domain %lld %s: in flight %lld, notifications %lld sent %lld "
	       "received\n", number(device, "domain"),
	       json_string_value(json_object_get(device, "vdev")),
	       number(device, "in_flight"),
	       number(device, "notifications_sent"),
	       number(device, "notifications_received"));
	for (const char *const *op = operations; *op; op++) {
		const json_t *o = json_object_get(device, *op);

		if (number(o, "requests") == 0)
			continue;
		printf("    %-8s %12lld requests %16lld bytes %6lld errors  "
		       "p50 %.1f p99 %.1f p999 %.1f us\n", *op,
		       number(o, "requests"), number(o, "bytes"),
		       number(o, "errors"), real(o, "p50"), real(o, "p99"),
		       real(o, "p999"));
	}
	print_no_space(device);
	print_resumed(device);
	print_slow(device);
	print_refused(device);
}

static int show(const struct pvb_ask_options *ask)
{
	json_t *answer = pvb_ask(ask, json_pack("{s:s}", "command", "stat"));
	json_t *device;
	size_t i;

	if (!answer)
		return PVB_EXIT_FAILED;
	if (ask->json) {
		json_dumpf(answer, stdout, JSON_INDENT(2));
		putchar('\n');
	} else {
		json_array_foreach(answer, i, device)
			print_device(device);
	}
	json_decref(answer);
	return pvb_finish_output();
}

static int watch(const struct pvb_ask_options *ask, uint64_t every_ms)
{
	struct timespec pause = { (time_t)(every_ms / 1000),
		(long)(every_ms % 1000) * 1000000 };
	int status;

	while ((status = show(ask)) == PVB_EXIT_DONE) {
		if (!ask->json)
			putchar('\n');
		clock_nanosleep(CLOCK_MONOTONIC, 0, &pause, NULL);
	}
	return status;
}

static int run(const struct pvb_cmd *cmd, int argc, char **argv)
{
	static const struct option options[] = {
		{ "watch", optional_argument, NULL, 'w' },
		PVB_ASK_OPTIONS, { NULL, 0, NULL, 0 },
	};
	struct pvb_ask_options ask = { .json = false };
	uint64_t every_ms = 0;
	int opt, status;

	while ((opt = getopt_long(argc, argv, ":", options, NULL)) != -1) {
		if (opt == 'h')
			return pvb_say_help(cmd);
		if (opt == 'w') {
			every_ms = 1000;
			status = optarg ? pvb_arg_seconds(cmd, "--watch",
				optarg, &every_ms) : PVB_EXIT_DONE;
			if (status != PVB_EXIT_DONE)
				return status;
		} else if (!pvb_ask_option(&ask, opt, optarg)) {
			return pvb_say_bad_option(cmd, argc, argv, opt);
		}
	}
	if (optind != argc)
		return pvb_say_usage(cmd, "%s: one argument too many",
		                     argv[optind]);
	return every_ms ? watch(&ask, every_ms) : show(&ask);
}

const struct pvb_cmd pvb_cmd_stat = {
	.name = "stat",
	.summary = "counters and latencies of the devices",
	.run = run,
	.help =
"usage: pvb stat [--watch[=S]] [--host HOST] [--json]\n"
"\n"
"For each device and operation: requests answered, bytes, errors among them,\n"
"latency percentiles in microseconds, and what was refused, by reason.\n"
"\n"
"  --watch[=S]       again every S seconds (1), until interrupted\n"
PVB_ASK_OPTIONS_HELP("an array of objects"),
};
