/* SPDX-License-Identifier: MIT */
/* pvb vdev: device names to numbers and back. */
#include <getopt.h>
#include <stdio.h>

#include <jansson.h>

#include "cmd.h"
#include "proto/vdev.h"

static json_t *to_json(const char *given, const struct pvb_vdev *v)
{
	char name[PVB_VDEV_NAME_MAX], dp[PVB_VDEV_NAME_MAX];
	char linux_name[PVB_VDEV_NAME_MAX];
	bool in_linux = pvb_vdev_linux_name(v, linux_name);

	pvb_vdev_name(v, name);
	pvb_vdev_dp_name(v, dp);
	return json_pack("{s:s, s:I, s:s, s:s, s:s, s:I, s:I, s:s?}",
	                 "given", given, "number", (json_int_t)v->number,
	                 "name", name, "dp", dp,
	                 "scheme", pvb_vdev_scheme_name(v->scheme),
	                 "disk", (json_int_t)v->disk,
	                 "partition", (json_int_t)v->partition,
	                 "linux", in_linux ? linux_name : NULL);
}

static void print(const char *given, const struct pvb_vdev *v)
{
	char name[PVB_VDEV_NAME_MAX], dp[PVB_VDEV_NAME_MAX];
	char linux_name[PVB_VDEV_NAME_MAX];

	pvb_vdev_name(v, name);
	pvb_vdev_dp_name(v, dp);
	printf("%-10s number %-10u 0x%-8x name %-8s %-9s scheme %-8s", given,
	       v->number, v->number, name, dp, pvb_vdev_scheme_name(v->scheme));
	if (pvb_vdev_linux_name(v, linux_name))
		printf(" linux %s", linux_name);
	putchar('\n');
}

static int run(const struct pvb_cmd *cmd, int argc, char **argv)
{
	static const struct option options[] = {
		{ "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	json_t *array = NULL;
	int opt, status = PVB_EXIT_DONE;

	while ((opt = getopt_long(argc, argv, ":", options, NULL)) != -1) {
		if (opt == 'h')
			return pvb_say_help(cmd);
		if (opt != 'j')
			return pvb_say_bad_option(cmd, argc, argv, opt);
		if (!array)
			array = json_array();
	}
	if (optind == argc) {
		json_decref(array);
		return pvb_say_usage(cmd, "which device? NAME or NUMBER");
	}
	for (int i = optind; i < argc; i++) {
		struct pvb_vdev v;
		enum pvb_vdev_why why = pvb_vdev_parse(argv[i], &v);

		if (why != PVB_VDEV_OK)
			status = pvb_say_error("%s: %s", argv[i],
			                       pvb_vdev_why_text(why));
		else if (array)
			json_array_append_new(array, to_json(argv[i], &v));
		else
			print(argv[i], &v);
	}
	if (array) {
		json_dumpf(array, stdout, JSON_INDENT(2));
		putchar('\n');
		json_decref(array);
	}
	return pvb_finish_output() == PVB_EXIT_DONE ? status : PVB_EXIT_FAILED;
}

const struct pvb_cmd pvb_cmd_vdev = {
	.name = "vdev",
	.summary = "device names to numbers and back",
	.run = run,
	.help =
"usage: pvb vdev [--json] NAME|NUMBER...\n"
"\n"
"Virtual device names (xvda, xvda1, hda, sdb3, d0p1) and numbers (51712,\n"
"0xca00) in every numbering scheme, and the name under which Linux guests\n"
"see the device.\n"
"\n"
"  --json    an array of objects\n"
"  --help    this text\n",
};
