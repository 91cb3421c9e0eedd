/* SPDX-License-Identifier: MIT */
/* pvb attach: make a device's nodes and wait until it is connected. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <pvb/client.h>
#include <pvb/err.h>

#include "blk/blk_nodes.h"
#include "cmd.h"
#include "device_args.h"
#include "disk_options.h"
#include "hyp/host.h"
#include "machine.h"
#include "signals.h"
#include "toolstack.h"

struct args {
	const char       *host;
	struct pvb_attach attach;
};

enum { TIMEOUT_MS = 30000 };

static int take_option(const struct pvb_cmd *cmd, struct args *a, int opt,
                       int argc, char **argv)
{
	if (pvb_is_disk_option(opt))
		return pvb_disk_option(cmd, opt, optarg, &a->attach.options);
	switch (opt) {
	case 'H':
		a->host = optarg;
		return PVB_EXIT_DONE;
	case 'b':
		return pvb_arg_domain(cmd, optarg, &a->attach.back_domid);
	case 't':
		return pvb_arg_seconds(cmd, "--timeout", optarg,
		                       &a->attach.timeout_ms);
	case 'n':
		a->attach.timeout_ms = 0;
		return PVB_EXIT_DONE;
	default:
		return pvb_say_bad_option(cmd, argc, argv, opt);
	}
}

/* A disk that this very machine would serve can be looked at beforehand. */
static int look_at_disk(const struct args *a, const char *disk)
{
	struct pvb_client_config c = { .size_bytes = sizeof(c),
		.read_only = a->attach.options.value[PVB_BLK_OPT_READ_ONLY] ||
		             a->attach.options.value[PVB_BLK_OPT_CDROM],
		.shared = a->attach.options.value[PVB_BLK_OPT_SHARED] };
	struct pvb_err e = PVB_ERR_INIT;

	if (a->attach.back_domid == 0 && disk[0] &&
	    pvb_client_probe(disk, &c, NULL, &e) < 0)
		return pvb_say_err(NULL, &e);
	return PVB_EXIT_DONE;
}

/* Told to end, it undoes what it has made; the status is as shells say it. */
static int attach_or_undo(struct args *a, const char *vdev)
{
	struct pvb_err e = PVB_ERR_INIT;
	struct pvb_signals signals;
	int r = pvb_signals_init(&signals);

	if (r < 0)
		return pvb_say_error("signals: %s", strerror(-r));
	a->attach.signals = &signals;
	r = pvb_toolstack_attach(&a->attach, &e);
	pvb_signals_fini(&signals);
	if (r == 0)
		return PVB_EXIT_DONE;
	pvb_say_error("attach %s to domain %u: %s", vdev,
	              a->attach.front_domid, e.text);
	return signals.caught ? 128 + signals.caught : PVB_EXIT_FAILED;
}

/* Whether a frontend takes the device by itself.  Guests have one; in this
   domain it can be a program that comes later. */
static bool has_driver(const struct pvb_host *host, uint16_t domid)
{
	return host->xen && (domid != 0 ||
	                     access("/sys/bus/xen/drivers/vbd", F_OK) == 0);
}

static int attach(const struct pvb_cmd *cmd, struct args *a, const char *vdev,
                  const char *disk)
{
	struct pvb_err e = PVB_ERR_INIT;
	struct pvb_host host;
	char uri[PVB_BLK_NODES_URI_MAX + 1];
	int status;

	if (pvb_host_parse(a->host, &host, &e) < 0)
		return pvb_say_err(NULL, &e);
	if (!host.xen && a->attach.front_domid == 0)
		return pvb_say_usage(cmd, "attach: domain 0 is the machine's "
			"own: a local domain is from 1");
	status = pvb_arg_disk(disk, uri, sizeof(uri));
	if (status == PVB_EXIT_DONE)
		status = look_at_disk(a, uri);
	if (status != PVB_EXIT_DONE)
		return status;
	a->attach.host = &host;
	a->attach.disk = uri;
	a->attach.need_front = has_driver(&host, a->attach.front_domid);
	pvb_machine_wait(&host);
	return attach_or_undo(a, vdev);
}

static bool is_drive(const struct args *a)
{
	const uint32_t *v = a->attach.options.value;

	return v[PVB_BLK_OPT_CDROM] || v[PVB_BLK_OPT_FLOPPY];
}

static int run(const struct pvb_cmd *cmd, int argc, char **argv)
{
	static const struct option options[] = {
		PVB_DISK_OPTIONS,
		{ "host", required_argument, NULL, 'H' },
		{ "backend-domain", required_argument, NULL, 'b' },
		{ "timeout", required_argument, NULL, 't' },
		{ "no-wait", no_argument, NULL, 'n' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	struct args a = { .attach.timeout_ms = TIMEOUT_MS };
	int opt, status;

	pvb_blk_options_init(&a.attach.options, 1);
	while ((opt = getopt_long(argc, argv, ":", options, NULL)) != -1) {
		if (opt == 'h')
			return pvb_say_help(cmd);
		status = take_option(cmd, &a, opt, argc, argv);
		if (status != PVB_EXIT_DONE)
			return status;
	}
	if (argc - optind != 3 && !(argc - optind == 2 && is_drive(&a)))
		return pvb_say_usage(cmd, "attach: DOMAIN, VDEV and DISK");
	status = pvb_arg_domain(cmd, argv[optind], &a.attach.front_domid);
	if (status == PVB_EXIT_DONE)
		status = pvb_arg_vdev(cmd, argv[optind + 1], &a.attach.number);
	if (status != PVB_EXIT_DONE)
		return status;
	return attach(cmd, &a, argv[optind + 1],
	              argc - optind == 3 ? argv[optind + 2] : "");
}

const struct pvb_cmd pvb_cmd_attach = {
	.name = "attach",
	.summary = "give a domain a disk",
	.run = run,
	.help =
"usage: pvb attach [OPTION...] DOMAIN VDEV DISK\n"
"       pvb attach --cdrom|--floppy [OPTION...] DOMAIN VDEV\n"
"\n"
"Makes device VDEV (xvda, hdb, 51712, ...) of domain DOMAIN out of DISK (a\n"
"path or a disk URI), as a toolstack does, and waits until a backend has\n"
"opened its disk and, where the domain runs, its frontend is connected.  A\n"
"CD-ROM or floppy drive without DISK is empty until 'pvb insert'.\n"
"\n"
"  --host HOST       xen or local:DIR (xen, where there is one)\n"
"  --backend-domain D  the domain that serves it (0)\n"
"  --timeout S       wait so many seconds (30), then undo it\n"
"  --no-wait         do not wait\n"
PVB_DISK_OPTIONS_HELP
"  --help            this text\n",
};
