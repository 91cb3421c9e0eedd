/* SPDX-License-Identifier: MIT */
/* pvb insert, pvb eject: a medium into a CD-ROM or floppy drive, or out. */
#include <getopt.h>
#include <stdio.h>

#include "ask.h"
#include "blk/blk_nodes.h"
#include "device_args.h"

/* A disk that is slow to open, or busy with what is in flight. */
enum { TIMEOUT_MS = 30000 };

struct args {
	struct pvb_ask_options ask;
	uint16_t    domid;
	uint32_t    number;
	const char *vdev, *disk;        /* as they were given */
};

static int take_option(const struct pvb_cmd *cmd, struct args *a, int opt,
                       int argc, char **argv)
{
	if (opt == 't')
		return pvb_arg_seconds(cmd, "--timeout", optarg,
		                       &a->ask.timeout_ms);
	return pvb_ask_option(&a->ask, opt, optarg)
	               ? PVB_EXIT_DONE
	               : pvb_say_bad_option(cmd, argc, argv, opt);
}

/* DOMAIN, VDEV and, for insert, DISK. */
static int parse_rest(const struct pvb_cmd *cmd, int argc, char **argv,
                      bool insert, struct args *a)
{
	int status;

	if (argc - optind != (insert ? 3 : 2))
		return pvb_say_usage(cmd, "%s", insert
		                     ? "insert: DOMAIN, VDEV and DISK"
		                     : "eject: DOMAIN and VDEV");
	a->vdev = argv[optind + 1];
	a->disk = insert ? argv[optind + 2] : NULL;
	status = pvb_arg_domain(cmd, argv[optind], &a->domid);
	if (status == PVB_EXIT_DONE)
		status = pvb_arg_vdev(cmd, a->vdev, &a->number);
	return status;
}

static void print_answer(const struct args *a, const json_t *answer)
{
	const char *disk = json_string_value(json_object_get(answer, "disk"));

	if (a->ask.json) {
		json_dumpf(answer, stdout, JSON_INDENT(2));
		putchar('\n');
	} else if (disk) {
		printf("%s: %s, %lld sectors of 512 bytes\n", a->vdev, disk,
		       (long long)json_integer_value(
			       json_object_get(answer, "sectors")));
	} else {
		printf("%s: empty\n", a->vdev);
	}
}

/* `uri` NULL: to eject. */
static json_t *ask(const struct args *a, const char *uri)
{
	json_t *request = json_pack("{s:s, s:i, s:I, s:s*}",
		"command", uri ? "insert" : "eject",
		"domain", (int)a->domid, "number", (json_int_t)a->number,
		"disk", uri);

	if (request)
		return pvb_ask(&a->ask, request);
	(void)pvb_say_error("insert: a name that is no UTF-8 cannot be told to "
	                    "the daemon (a link to it can)");
	return NULL;
}

static int change(const struct pvb_cmd *cmd, int argc, char **argv,
                  bool insert)
{
	static const struct option options[] = {
		PVB_ASK_OPTIONS,
		{ "timeout", required_argument, NULL, 't' },
		{ NULL, 0, NULL, 0 },
	};
	struct args a = { .ask.timeout_ms = TIMEOUT_MS };
	char uri[PVB_BLK_NODES_URI_MAX + 1];
	json_t *answer;
	int opt, status;

	while ((opt = getopt_long(argc, argv, ":", options, NULL)) != -1) {
		if (opt == 'h')
			return pvb_say_help(cmd);
		status = take_option(cmd, &a, opt, argc, argv);
		if (status != PVB_EXIT_DONE)
			return status;
	}
	status = parse_rest(cmd, argc, argv, insert, &a);
	if (status == PVB_EXIT_DONE && insert)
		status = pvb_arg_disk(a.disk, uri, sizeof(uri));
	if (status != PVB_EXIT_DONE)
		return status;
	answer = ask(&a, insert ? uri : NULL);
	if (!answer)
		return PVB_EXIT_FAILED;
	print_answer(&a, answer);
	json_decref(answer);
	return pvb_finish_output();
}

static int insert(const struct pvb_cmd *cmd, int argc, char **argv)
{
	return change(cmd, argc, argv, true);
}

static int eject(const struct pvb_cmd *cmd, int argc, char **argv)
{
	return change(cmd, argc, argv, false);
}

#define TIMEOUT_HELP \
"  --timeout S       wait so many seconds for the daemon (30)\n"

const struct pvb_cmd pvb_cmd_insert = {
	.name = "insert",
	.summary = "put a medium into a CD-ROM or floppy drive",
	.run = insert,
	.help =
"usage: pvb insert [OPTION...] DOMAIN VDEV DISK\n"
"\n"
"Puts DISK (a path or a disk URI) into the empty drive VDEV of domain\n"
"DOMAIN.  Its frontend stays connected and is told the size.  A disk that\n"
"cannot be had changes nothing.\n"
"\n"
TIMEOUT_HELP
PVB_ASK_OPTIONS_HELP("the device as an object, as in 'pvb list'"),
};

const struct pvb_cmd pvb_cmd_eject = {
	.name = "eject",
	.summary = "take the medium out of a CD-ROM or floppy drive",
	.run = eject,
	.help =
"usage: pvb eject [OPTION...] DOMAIN VDEV\n"
"\n"
"Takes the medium out of drive VDEV of domain DOMAIN, when what is in\n"
"flight is done.  Its frontend stays connected, to a drive of no sectors,\n"
"and sees errors if it goes on.\n"
"\n"
TIMEOUT_HELP
PVB_ASK_OPTIONS_HELP("the device as an object, as in 'pvb list'"),
};
