/* SPDX-License-Identifier: MIT */
/* pvb list: the devices that a daemon serves. */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "ask.h"
#include "progress.h"

static const char *text(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s ? s : "-";
}

static void print_worker(const json_t *o)
{
	const json_t *pid = json_object_get(o, "worker_pid");

	if (json_is_integer(pid))
		printf(" %7lld", (long long)json_integer_value(pid));
	else
		printf(" %7s", "-");
}

static void print_size(const json_t *o)
{
	const json_t *sectors = json_object_get(o, "sectors");
	char size[16] = "-";

	if (json_is_integer(sectors) && json_integer_value(sectors) == 0)
		strcpy(size, "empty");
	else if (json_is_integer(sectors))
		pvb_human_bytes((double)json_integer_value(sectors) * 512,
		                size);
	printf(" %9s", size);
}

static long long number(const json_t *o, const char *key)
{
	return (long long)json_integer_value(json_object_get(o, key));
}

/* "4 pages", and of several rings "2x4 pages". */
static void print_rings(const json_t *o)
{
	long long pages = number(o, "ring_pages");
	long long queues = number(o, "queues");
	char rings[32];

	(void)snprintf(rings, sizeof(rings), "%lldx%lld page%s", queues, pages,
	               pages == 1 ? "" : "s");
	printf(" %-10s", queues == 1 ? rings + 2 : rings);
}

enum {
	SEGMENTS_DIRECT = 11,           /* any request has so many */
	ERROR_SHOWN_S = 3600,           /* the disk's last, for so long */
};

/* In one request, at most. */
static void print_segments(const json_t *o)
{
	long long indirect = number(o, "indirect_segments");
	long long blocks = number(o, "block_segments");

	if (blocks > 0)
		printf(" %4lld blocks  ", blocks);
	else if (indirect > SEGMENTS_DIRECT)
		printf(" %4lld indirect", indirect);
	else
		printf(" %4d         ", SEGMENTS_DIRECT);
}

static void print_terms(const json_t *o)
{
	if (!json_is_integer(json_object_get(o, "ring_pages"))) {
		printf(" %-10s %-10s %-13s %-10s", "-", "-", "-", "-");
		return;
	}
	printf(" %-10s", text(o, "abi"));
	print_rings(o);
	print_segments(o);
	printf(" %-10s", json_is_true(json_object_get(o, "persistent"))
	                         ? "persistent" : "-");
}

static double real(const json_t *o, const char *key)
{
	return json_real_value(json_object_get(o, key));
}

static void print_troubles(const json_t *o)
{
	if (json_is_string(json_object_get(o, "paused")))
		printf("  (paused: no space)");
	if (number(o, "slow_requests") > 0)
		printf("  (slow: %lld requests, the oldest for %.0f s)",
		       number(o, "slow_requests"), real(o, "oldest_seconds"));
	if (json_is_string(json_object_get(o, "disk_error")) &&
	    real(o, "disk_error_seconds") < ERROR_SHOWN_S)
		printf("  (%.0f s ago: %s)", real(o, "disk_error_seconds"),
		       text(o, "disk_error"));
}

static void print_device(const json_t *o)
{
	printf("%6lld %-8s %-12s %-12s", number(o, "domain"), text(o, "vdev"),
	       text(o, "backend_state"), text(o, "frontend_state"));
	print_size(o);
	printf(" %-4s", json_is_true(json_object_get(o, "readonly")) ? "ro"
	                                                             : "rw");
	print_terms(o);
	print_worker(o);
	printf("  %s", text(o, "disk"));
	print_troubles(o);
	if (json_is_string(json_object_get(o, "waits")))
		printf("  (waits %s)", text(o, "waits"));
	if (json_object_get(o, "error"))
		printf("  (%s: %s)", text(o, "reason"), text(o, "error"));
	putchar('\n');
}

static int run(const struct pvb_cmd *cmd, int argc, char **argv)
{
	static const struct option options[] = {
		PVB_ASK_OPTIONS, { NULL, 0, NULL, 0 },
	};
	struct pvb_ask_options ask = { .json = false };
	json_t *answer, *device;
	size_t i;
	int opt;

	while ((opt = getopt_long(argc, argv, ":", options, NULL)) != -1) {
		if (opt == 'h')
			return pvb_say_help(cmd);
		if (!pvb_ask_option(&ask, opt, optarg))
			return pvb_say_bad_option(cmd, argc, argv, opt);
	}
	if (optind != argc)
		return pvb_say_usage(cmd, "%s: one argument too many",
		                     argv[optind]);
	answer = pvb_ask(&ask, json_pack("{s:s}", "command", "list"));
	if (!answer)
		return PVB_EXIT_FAILED;
	if (ask.json) {
		json_dumpf(answer, stdout, JSON_INDENT(2));
		putchar('\n');
	} else {
		printf("%6s %-8s %-12s %-12s %9s %-4s %-10s %-10s %-13s %-10s "
		       "%7s  %s\n", "DOMAIN", "VDEV", "BACKEND", "FRONTEND",
		       "SIZE", "MODE", "ABI", "RINGS", "SEGMENTS", "GRANTS",
		       "WORKER", "DISK");
		json_array_foreach(answer, i, device)
			print_device(device);
	}
	json_decref(answer);
	return pvb_finish_output();
}

const struct pvb_cmd pvb_cmd_list = {
	.name = "list",
	.summary = "devices with their states and what was negotiated",
	.run = run,
	.help =
"usage: pvb list [--host HOST] [--json]\n"
"\n"
"The devices that a host's daemon serves: states of both ends, size, what was\n"
"negotiated, the worker's process and the disk.\n"
"\n"
PVB_ASK_OPTIONS_HELP("an array of objects"),
};
