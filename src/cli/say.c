/* SPDX-License-Identifier: MIT */
#include "cmd.h"

#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <pvb/err.h>

#include "base/loop.h"
#include "proto/keys.h"

enum { SPIN_ADAPTIVE_NS = 50000 };

static void say(const char *fmt, va_list args)
{
	char line[1024];

	vsnprintf(line, sizeof(line), fmt, args);
	fprintf(stderr, "pvb: %s\n", line);
}

int pvb_say_error(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	say(fmt, args);
	va_end(args);
	return PVB_EXIT_FAILED;
}

int pvb_say_err(const char *what, const struct pvb_err *e)
{
	if (what)
		return pvb_say_error("%s: %s", what, e->text);
	return pvb_say_error("%s", e->text);
}

int pvb_say_usage(const struct pvb_cmd *cmd, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	say(fmt, args);
	va_end(args);
	fprintf(stderr, "Try 'pvb %s --help'.\n", cmd->name);
	return PVB_EXIT_USAGE;
}

int pvb_say_help(const struct pvb_cmd *cmd)
{
	fputs(cmd->help, stdout);
	return pvb_finish_output();
}

int pvb_say_bad_option(const struct pvb_cmd *cmd, int argc, char **argv,
                       int opt)
{
	const char *at = optind > 0 && optind <= argc ? argv[optind - 1] : "?";

	if (opt == ':')
		return pvb_say_usage(cmd, "%s: needs a value", at);
	if (optopt != 0 && at[0] == '-' && at[1] == '-')
		return pvb_say_usage(cmd, "%s: takes no value", at);
	return pvb_say_usage(cmd, "%s: unknown option", at);
}

int pvb_finish_output(void)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return PVB_EXIT_DONE;
	return pvb_say_error("standard output: %s", strerror(errno));
}

bool pvb_parse_number(const char *text, uint64_t min, uint64_t max,
                      uint64_t *out)
{
	uint64_t n;

	if (pvb_parse_u64(text, strlen(text), max, &n) != PVB_OK || n < min)
		return false;
	*out = n;
	return true;
}

bool pvb_parse_poll(const char *text, uint64_t *spin_ns)
{
	if (strcmp(text, "adaptive") == 0)
		*spin_ns = SPIN_ADAPTIVE_NS;
	else if (strcmp(text, "always") == 0)
		*spin_ns = PVB_LOOP_SPIN_ALWAYS;
	else if (strcmp(text, "never") == 0)
		*spin_ns = 0;
	else
		return false;
	return true;
}
