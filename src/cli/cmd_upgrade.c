/* SPDX-License-Identifier: MIT */
/* pvb upgrade: this program takes the place of the daemon that runs. */
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <pvb/err.h>

#include "ask.h"
#include "proto/journal.h"

enum {
	TIMEOUT_S = 60, TIMEOUT_MAX_S = 86400,
	/* The daemon's own time has to end first. */
	MORE_MS = 10000,
	BEGIN_MS = 30000, LOOK_MS = 20,
};

static int own_path(char path[PATH_MAX])
{
	ssize_t n = readlink("/proc/self/exe", path, PATH_MAX - 1);

	if (n < 0)
		return pvb_say_error("upgrade: /proc/self/exe: %s",
		                     strerror(errno));
	path[n] = '\0';
	return PVB_EXIT_DONE;
}

/* Until the new one serves.  The old one answers no more. */
static int wait_for_it(const struct pvb_ask_options *ask)
{
	const struct timespec pause = { 0, LOOK_MS * 1000000L };
	struct pvb_ask_options quiet = *ask;
	json_t *answer = NULL;

	quiet.quiet = true;
	for (int ms = 0; !answer && ms < BEGIN_MS; ms += LOOK_MS) {
		(void)nanosleep(&pause, NULL);
		answer = pvb_ask(&quiet, json_pack("{s:s}", "command",
		                                   "list"));
	}
	json_decref(answer);
	return answer ? PVB_EXIT_DONE
	              : pvb_say_error("upgrade: the new daemon does not serve "
	                              "(its log says why)");
}

static int upgrade(struct pvb_ask_options *ask, uint64_t timeout_s)
{
	char path[PATH_MAX];
	json_t *answer;
	int status = own_path(path);

	if (status != PVB_EXIT_DONE)
		return status;
	ask->timeout_ms = timeout_s * 1000 + MORE_MS;
	answer = pvb_ask(ask, json_pack("{s:s, s:s, s:[i], s:I}", "command",
		"upgrade", "program", path, "journals",
		(int)PVB_JOURNAL_VERSION, "timeout_ms",
		(json_int_t)(timeout_s * 1000)));
	if (!answer)
		return PVB_EXIT_FAILED;
	ask->timeout_ms = 0;
	status = wait_for_it(ask);
	if (status == PVB_EXIT_DONE && ask->json) {
		json_dumpf(answer, stdout, JSON_INDENT(2));
		putchar('\n');
	}
	json_decref(answer);
	return status == PVB_EXIT_DONE ? pvb_finish_output() : status;
}

static int run(const struct pvb_cmd *cmd, int argc, char **argv)
{
	static const struct option options[] = {
		{ "timeout", required_argument, NULL, 't' },
		PVB_ASK_OPTIONS, { NULL, 0, NULL, 0 },
	};
	struct pvb_ask_options ask = { .json = false };
	uint64_t timeout_s = TIMEOUT_S;
	int opt;

	while ((opt = getopt_long(argc, argv, ":", options, NULL)) != -1) {
		if (opt == 'h')
			return pvb_say_help(cmd);
		if (opt == 't' && !pvb_parse_number(optarg, 1, TIMEOUT_MAX_S,
		                                    &timeout_s))
			return pvb_say_usage(cmd, "--timeout %s: seconds, "
			                     "from 1 to %d", optarg,
			                     TIMEOUT_MAX_S);
		if (opt != 't' && !pvb_ask_option(&ask, opt, optarg))
			return pvb_say_bad_option(cmd, argc, argv, opt);
	}
	if (optind != argc)
		return pvb_say_usage(cmd, "%s: one argument too many",
		                     argv[optind]);
	return upgrade(&ask, timeout_s);
}

const struct pvb_cmd pvb_cmd_upgrade = {
	.name = "upgrade",
	.summary = "put this program in the place of the daemon that runs",
	.run = run,
	.help =
"usage: pvb upgrade [--host HOST] [--timeout S]\n"
"\n"
"To be run from the new program.  The daemon executes it in its own place,\n"
"with the same options and process id; frontends see a pause.  If this\n"
"program cannot read the journals of that one, every device is drained first.\n"
"\n"
"  --timeout S       give up if that takes longer, in seconds (60)\n"
PVB_ASK_OPTIONS_HELP("{\"journals\": \"kept\"}, or \"empty\""),
};
