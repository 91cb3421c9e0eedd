/* SPDX-License-Identifier: MIT */
/* pvb local: the local hypervisor as a long-running machine. */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include <jansson.h>
#include <pvb/err.h>

#include "broker/broker.h"
#include "cmd.h"
#include "daemon.h"
#include "hyp/hypclient.h"
#include "proto/hypwire.h"

#define DEFAULT_DIR "/run/pvb/local"

static json_t *counts_to_json(const struct pvb_hyp_counts *c)
{
	return json_pack("{s:i, s:i, s:i, s:i, s:i, s:i, "
	                 "s:i, s:i, s:i, s:i, s:i}",
	                 "domains", (int)c->domains,
	                 "introduced", (int)c->introduced,
	                 "connections", (int)c->connections,
	                 "areas", (int)c->areas,
	                 "areas_held", (int)c->areas_held,
	                 "ports", (int)c->ports,
	                 "channels_bound", (int)c->channels_bound,
	                 "store_connections", (int)c->store_connections,
	                 "store_nodes", (int)c->store_nodes,
	                 "store_watches", (int)c->store_watches,
	                 "store_transactions", (int)c->store_transactions);
}

static int ask_counts(const char *dir, struct pvb_hyp_counts *out,
                      struct pvb_err *e)
{
	struct pvb_hypclient c;
	struct pvb_hyp_reply reply;
	int r = pvb_hypclient_open(&c, dir, 0, e);

	if (r < 0)
		return r;
	r = pvb_hypclient_ask(&c, PVB_HYP_COUNTS, 0, 0, &reply, NULL, 0);
	pvb_hypclient_close(&c);
	if (r < 0) {
		pvb_err_set(e, r, "%s: %s", dir, strerror(-r));
		return r;
	}
	*out = reply.u.counts;
	return 0;
}

/* What a running machine holds: tests of leaks compare two of these. */
static int print_counts(const char *dir, bool as_json)
{
	struct pvb_err e = PVB_ERR_INIT;
	struct pvb_hyp_counts c;
	const char *name;
	json_t *o, *value;

	if (ask_counts(dir, &c, &e) < 0)
		return pvb_say_err("local", &e);
	o = counts_to_json(&c);
	if (as_json) {
		json_dumpf(o, stdout, JSON_INDENT(2));
		putchar('\n');
	} else {
		json_object_foreach(o, name, value)
			printf("%-20s %lld\n", name,
			       (long long)json_integer_value(value));
	}
	json_decref(o);
	return pvb_finish_output();
}

static int serve(const char *dir, enum pvb_log_level level)
{
	struct pvb_broker_config config = { .dir = dir };
	struct pvb_err e = PVB_ERR_INIT;
	struct pvb_daemon d;
	struct pvb_broker *broker;
	int status = pvb_daemon_init(&d, level);

	if (status != PVB_EXIT_DONE)
		return status;
	config.log = &d.log;
	broker = pvb_broker_create(&config, d.loop, &e);
	if (broker) {
		pvb_daemon_say_ready(dir);
		status = pvb_daemon_run(&d);
		pvb_broker_destroy(broker);
	} else {
		status = pvb_say_err("local", &e);
	}
	pvb_daemon_fini(&d);
	return status;
}

static int run(const struct pvb_cmd *cmd, int argc, char **argv)
{
	static const struct option options[] = {
		{ "dir", required_argument, NULL, 'd' },
		{ "counts", no_argument, NULL, 'c' },
		{ "json", no_argument, NULL, 'j' },
		{ "log", required_argument, NULL, 'l' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	enum pvb_log_level level = PVB_LOG_INFO;
	const char *dir = DEFAULT_DIR;
	bool counts = false, as_json = false;
	int opt;

	while ((opt = getopt_long(argc, argv, ":", options, NULL)) != -1) {
		switch (opt) {
		case 'd':
			dir = optarg;
			break;
		case 'c':
			counts = true;
			break;
		case 'j':
			as_json = true;
			break;
		case 'l':
			if (!pvb_log_level_parse(optarg, &level))
				return pvb_say_usage(cmd,
					"--log %s: error, warn, info or debug",
					optarg);
			break;
		case 'h':
			return pvb_say_help(cmd);
		default:
			return pvb_say_bad_option(cmd, argc, argv, opt);
		}
	}
	if (optind != argc)
		return pvb_say_usage(cmd, "%s: one argument too many",
		                     argv[optind]);
	if (as_json && !counts)
		return pvb_say_usage(cmd, "--json: needs --counts");
	return counts ? print_counts(dir, as_json) : serve(dir, level);
}

const struct pvb_cmd pvb_cmd_local = {
	.name = "local",
	.summary = "run the local hypervisor, which other pvb processes join",
	.run = run,
	.help =
"usage: pvb local [--dir DIR] [--log LEVEL]\n"
"       pvb local [--dir DIR] --counts [--json]\n"
"\n"
"A machine of domains without Xen: a store, grants and event channels between\n"
"ordinary processes, which join it with --host local:DIR.  The Unix socket\n"
"DIR/store speaks the XenStore wire protocol as domain 0, DIR/domN/store as\n"
"domain N, so Xen's own tools work on it:\n"
"\n"
"    XENSTORED_PATH=DIR/store xenstore-ls -f\n"
"\n"
"Prints \"ready DIR\" when it serves; ends on SIGINT or SIGTERM and removes\n"
"what it made.\n"
"\n"
"  --dir DIR    where its sockets are (" DEFAULT_DIR ")\n"
"  --counts     print what a running machine holds, and end\n"
"  --json       the same as an object\n"
"  --log LEVEL  error, warn, info or debug (info)\n"
"  --help       this text\n",
};
