/* SPDX-License-Identifier: MIT */
/* pvb serve: the backend daemon. */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include <pvb/err.h>

#include "cmd.h"
#include "config.h"
#include "daemon.h"
#include "control_path.h"
#include "hyp/host.h"
#include "machine.h"
#include "serve/device_deaths.h"
#include "serve/supervisor.h"

struct serve {                          /* options, then what runs */
	const char        *host, *control;
	enum pvb_log_level level;
	uint64_t           spin_max_ns;
	uint64_t           deaths_max;
	bool               drain;
	struct pvb_daemon  daemon;
	bool               xen, lost, again;
};

static void lost(void *arg)
{
	struct serve *s = arg;

	s->lost = true;
}

/* A local machine is gone with its store.  On Xen guests live on, and what is
   connected needs none; so it may take as long as it likes. */
static void tried(void *arg, bool back)
{
	struct serve *s = arg;

	s->again = back;
	if (back || !s->xen)
		pvb_loop_stop(s->daemon.loop);
}

static void drained(void *arg)
{
	struct serve *s = arg;

	pvb_loop_stop(s->daemon.loop);
}

/* Until it is told to end, or has lost the store for good, or (again) for a
   while.  Who follows it takes over its guests. */
static int serve_once(struct serve *s, const struct pvb_supervisor_config *c,
                      bool first)
{
	struct pvb_err e = PVB_ERR_INIT;
	struct pvb_supervisor *sup;
	int status;

	s->lost = s->again = false;
	sup = pvb_supervisor_create(c, s->daemon.loop, &e);
	if (!sup)
		return pvb_say_err("serve", &e);
	if (first)
		pvb_daemon_say_ready(c->control_path);
	status = pvb_daemon_run(&s->daemon);
	if (status == PVB_EXIT_DONE && s->drain && !s->lost) {
		pvb_supervisor_drain(sup, drained, s);
		status = pvb_daemon_run(&s->daemon);
		s->again = false;
	}
	pvb_supervisor_destroy(sup);
	return s->lost && !s->again
		? pvb_say_error("serve: the store is gone") : status;
}

static int serve_until_told(struct serve *s, const struct pvb_host *host)
{
	char path[PVB_CONTROL_PATH_MAX];
	struct pvb_supervisor_config c = {
		.log = &s->daemon.log, .host = host,
		.control_path = s->control ? s->control : path,
		.spin_max_ns = s->spin_max_ns,
		.deaths_max = (uint32_t)s->deaths_max, .lost = lost,
		.tried = tried, .arg = s,
	};
	struct pvb_err e = PVB_ERR_INIT;
	int status;

	s->xen = host->xen;
	pvb_control_path(host, path);
	if (!s->control && pvb_control_dir(host, &e) < 0)
		return pvb_say_err("serve", &e);
	status = serve_once(s, &c, true);
	while (status == PVB_EXIT_DONE && s->again)
		status = serve_once(s, &c, false);
	return status;
}

static int serve(struct serve *s)
{
	struct pvb_err e = PVB_ERR_INIT;
	struct pvb_host host;
	int status;

	if (pvb_host_parse(s->host, &host, &e) < 0)
		return pvb_say_err(NULL, &e);
	pvb_machine_wait(&host);
	status = pvb_daemon_init(&s->daemon, s->level);
	if (status != PVB_EXIT_DONE)
		return status;
	status = serve_until_told(s, &host);
	pvb_daemon_fini(&s->daemon);
	return status;
}

/* A switch: on the command line without a value. */
static int take_drain(const struct pvb_cmd *cmd, struct serve *s,
                      const char *where, const char *value)
{
	s->drain = !value || strcmp(value, "yes") == 0;
	if (!s->drain && strcmp(value, "no") != 0)
		return pvb_say_usage(cmd, "%sdrain %s: yes or no", where,
		                     value);
	return PVB_EXIT_DONE;
}

/* One option, from the command line ("--") or from a configuration file. */
static int take(const struct pvb_cmd *cmd, void *arg, const char *where,
                const char *name, const char *value)
{
	struct serve *s = arg;

	if (strcmp(name, "host") == 0)
		s->host = value;
	else if (strcmp(name, "control") == 0)
		s->control = value;
	else if (strcmp(name, "drain") == 0)
		return take_drain(cmd, s, where, value);
	else if (strcmp(name, "log") == 0) {
		if (!pvb_log_level_parse(value, &s->level))
			return pvb_say_usage(cmd,
				"%slog %s: error, warn, info or debug", where,
				value);
	} else if (strcmp(name, "poll") == 0) {
		if (!pvb_parse_poll(value, &s->spin_max_ns))
			return pvb_say_usage(cmd,
				"%spoll %s: adaptive, always or never", where,
				value);
	} else if (strcmp(name, "worker-deaths") == 0) {
		if (!pvb_parse_number(value, 1, PVB_DEATHS_MAX, &s->deaths_max))
			return pvb_say_usage(cmd,
				"%sworker-deaths %s: a number from 1 to %d",
				where, value, PVB_DEATHS_MAX);
	} else {
		return pvb_say_usage(cmd, "%s%s: unknown setting", where,
		                     name);
	}
	return PVB_EXIT_DONE;
}

static int run(const struct pvb_cmd *cmd, int argc, char **argv)
{
	static const struct option options[] = {
		{ "host", required_argument, NULL, 's' },
		{ "control", required_argument, NULL, 's' },
		{ "log", required_argument, NULL, 's' },
		{ "poll", required_argument, NULL, 's' },
		{ "drain", no_argument, NULL, 's' },
		{ "worker-deaths", required_argument, NULL, 's' },
		{ "config", required_argument, NULL, 'c' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	struct serve s = {
		.level = PVB_LOG_INFO, .deaths_max = PVB_DEATHS_DEFAULT,
	};
	struct pvb_config_file file = { NULL };
	int opt, index, status = PVB_EXIT_DONE;

	pvb_parse_poll("adaptive", &s.spin_max_ns);
	while (status == PVB_EXIT_DONE &&
	       (opt = getopt_long(argc, argv, ":", options, &index)) != -1) {
		if (opt == 'h')
			return pvb_say_help(cmd);
		if (opt == 's')
			status = take(cmd, &s, "--", options[index].name,
			              optarg);
		else if (opt == 'c')
			status = pvb_config_read(cmd, optarg, &file, take, &s);
		else
			status = pvb_say_bad_option(cmd, argc, argv, opt);
	}
	if (status == PVB_EXIT_DONE && optind != argc)
		status = pvb_say_usage(cmd, "%s: one argument too many",
		                       argv[optind]);
	if (status == PVB_EXIT_DONE)
		status = serve(&s);
	pvb_config_free(&file);
	return status;
}

const struct pvb_cmd pvb_cmd_serve = {
	.name = "serve",
	.summary = "the backend daemon",
	.run = run,
	.help =
"usage: pvb serve [OPTION...]\n"
"\n"
"Serves every device of backend kind \"pvb\" that is, or comes to be, in the\n"
"host's store; one worker process for each frontend domain.  Prints \"ready\n"
"SOCKET\" when it listens on its control socket.  SIGTERM and SIGINT end it:\n"
"devices and their frontends are left as they are, unless --drain is given.\n"
"\n"
"  --host HOST       xen or local:DIR (xen, where there is one)\n"
"  --control PATH    its control socket (local: DIR/control)\n"
"  --drain           on SIGTERM, close every device in an orderly way first\n"
"  --worker-deaths N close a device when so many of its workers have died\n"
"                    within a minute (10)\n"
"  --poll adaptive|always|never  how queues wait for work (adaptive)\n"
"  --log LEVEL       error, warn, info or debug (info)\n"
"  --config FILE     read these settings, as \"name = value\" lines\n"
"  --help            this text\n",
};
