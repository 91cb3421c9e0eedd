/* SPDX-License-Identifier: MIT */
/* pvb serve: the backend daemon. */
#include <getopt.h>
#include <string.h>

#include "cmd.h"
#include "config.h"
#include "serve/device_deaths.h"
#include "serve_run.h"

struct serve {
	const struct pvb_cmd      *cmd;
	struct pvb_serve_settings  settings;
	struct pvb_config_file     file;        /* as it was read last */
	struct pvb_serve_again     again;
	bool                       help;
};

/* A switch: on the command line without a value. */
static int take_drain(const struct pvb_cmd *cmd, struct pvb_serve_settings *s,
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
	struct pvb_serve_settings *s = arg;

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

static int read_file(struct serve *s, struct pvb_config_file *file,
                     struct pvb_serve_settings *out)
{
	s->again.config = optarg;
	return pvb_config_read(s->cmd, optarg, file, take, out);
}

/* From the beginning: the last word on each counts. */
static int read_command_line(struct serve *s, struct pvb_config_file *file,
                             struct pvb_serve_settings *out)
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
	int argc = s->again.argc;
	char **argv = s->again.argv;
	int opt, index, status = PVB_EXIT_DONE;

	*out = (struct pvb_serve_settings){
		.level = PVB_LOG_INFO, .deaths_max = PVB_DEATHS_DEFAULT,
	};
	pvb_parse_poll("adaptive", &out->spin_max_ns);
	optind = 0;                     /* glibc: all anew */
	while (status == PVB_EXIT_DONE && !s->help &&
	       (opt = getopt_long(argc, argv, ":", options, &index)) != -1) {
		if (opt == 'h')
			s->help = true;
		else if (opt == 's')
			status = take(s->cmd, out, "--", options[index].name,
			              optarg);
		else if (opt == 'c')
			status = read_file(s, file, out);
		else
			status = pvb_say_bad_option(s->cmd, argc, argv, opt);
	}
	if (status == PVB_EXIT_DONE && !s->help && optind != argc)
		status = pvb_say_usage(s->cmd, "%s: one argument too many",
		                       argv[optind]);
	return status;
}

/* The strings of the first reading stay where they are. */
static int read_again(void *arg, struct pvb_serve_settings *out)
{
	struct serve *s = arg;

	pvb_config_free(&s->file);
	return read_command_line(s, &s->file, out);
}

static int run(const struct pvb_cmd *cmd, int argc, char **argv)
{
	struct serve s = {
		.cmd = cmd,
		.again = { .argc = argc, .argv = argv, .read = read_again,
		           .arg = &s },
	};
	struct pvb_config_file first = { NULL };
	int status = read_command_line(&s, &first, &s.settings);

	if (status == PVB_EXIT_DONE)
		status = s.help ? pvb_say_help(cmd)
		                : pvb_serve_run(&s.settings, &s.again);
	pvb_config_free(&first);
	pvb_config_free(&s.file);
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
"devices and their frontends are left as they are for the next daemon, unless\n"
"--drain is given.  SIGHUP: --config is read again.\n"
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
