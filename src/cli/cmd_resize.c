/* SPDX-License-Identifier: MIT */
/* pvb resize: grow a live disk to its backing's size. */
#include <getopt.h>
#include <stdio.h>

#include "ask.h"
#include "device_args.h"

static int run(const struct pvb_cmd *cmd, int argc, char **argv)
{
	static const struct option options[] = {
		PVB_ASK_OPTIONS, { NULL, 0, NULL, 0 },
	};
	struct pvb_ask_options ask = { .json = false };
	uint16_t domid;
	uint32_t number;
	json_t *answer;
	int opt, status;

	while ((opt = getopt_long(argc, argv, ":", options, NULL)) != -1) {
		if (opt == 'h')
			return pvb_say_help(cmd);
		if (!pvb_ask_option(&ask, opt, optarg))
			return pvb_say_bad_option(cmd, argc, argv, opt);
	}
	if (argc - optind != 2)
		return pvb_say_usage(cmd, "resize: DOMAIN and VDEV");
	status = pvb_arg_domain(cmd, argv[optind], &domid);
	if (status == PVB_EXIT_DONE)
		status = pvb_arg_vdev(cmd, argv[optind + 1], &number);
	if (status != PVB_EXIT_DONE)
		return status;
	answer = pvb_ask(&ask, json_pack("{s:s, s:i, s:I}", "command",
		"resize", "domain", (int)domid, "number",
		(json_int_t)number));
	if (!answer)
		return PVB_EXIT_FAILED;
	if (ask.json) {
		json_dumpf(answer, stdout, JSON_INDENT(2));
		putchar('\n');
	} else {
		printf("%s: %lld sectors of 512 bytes\n", argv[optind + 1],
		       (long long)json_integer_value(
			       json_object_get(answer, "sectors")));
	}
	json_decref(answer);
	return pvb_finish_output();
}

const struct pvb_cmd pvb_cmd_resize = {
	.name = "resize",
	.summary = "grow a live disk to its backing's size",
	.run = run,
	.help =
"usage: pvb resize [--host HOST] DOMAIN VDEV\n"
"\n"
"Looks at the size of the device's disk again and tells a connected frontend.\n"
"\n"
PVB_ASK_OPTIONS_HELP("the device as an object, as in 'pvb list'"),
};
