/* SPDX-License-Identifier: MIT */
/* pvb detach: orderly removal of a device. */
#include <getopt.h>
#include <stdio.h>

#include <pvb/err.h>

#include "cmd.h"
#include "device_args.h"
#include "hyp/host.h"
#include "toolstack.h"

enum { TIMEOUT_MS = 10000 };

static int detach(struct pvb_detach *d, const char *host_name,
                  const char *vdev)
{
	struct pvb_err e = PVB_ERR_INIT;
	struct pvb_host host;

	if (pvb_host_parse(host_name, &host, &e) < 0)
		return pvb_say_err(NULL, &e);
	d->host = &host;
	if (pvb_toolstack_detach(d, &e) < 0)
		return pvb_say_error("detach %s from domain %u: %s", vdev,
		                     d->front_domid, e.text);
	if (e.text[0])
		(void)pvb_say_error("detach %s from domain %u: %s", vdev,
		                    d->front_domid, e.text);
	return PVB_EXIT_DONE;
}

static int run(const struct pvb_cmd *cmd, int argc, char **argv)
{
	static const struct option options[] = {
		{ "host", required_argument, NULL, 'H' },
		{ "backend-domain", required_argument, NULL, 'b' },
		{ "force", no_argument, NULL, 'f' },
		{ "timeout", required_argument, NULL, 't' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	struct pvb_detach d = { .timeout_ms = TIMEOUT_MS };
	const char *host = NULL;
	int opt, status = PVB_EXIT_DONE;

	while ((opt = getopt_long(argc, argv, ":", options, NULL)) != -1) {
		switch (opt) {
		case 'H':
			host = optarg;
			break;
		case 'b':
			status = pvb_arg_domain(cmd, optarg, &d.back_domid);
			break;
		case 'f':
			d.force = true;
			break;
		case 't':
			status = pvb_arg_seconds(cmd, "--timeout", optarg,
			                         &d.timeout_ms);
			break;
		case 'h':
			return pvb_say_help(cmd);
		default:
			return pvb_say_bad_option(cmd, argc, argv, opt);
		}
		if (status != PVB_EXIT_DONE)
			return status;
	}
	if (argc - optind != 2)
		return pvb_say_usage(cmd, "detach: DOMAIN and VDEV");
	status = pvb_arg_domain(cmd, argv[optind], &d.front_domid);
	if (status == PVB_EXIT_DONE)
		status = pvb_arg_vdev(cmd, argv[optind + 1], &d.number);
	if (status != PVB_EXIT_DONE)
		return status;
	return detach(&d, host, argv[optind + 1]);
}

const struct pvb_cmd pvb_cmd_detach = {
	.name = "detach",
	.summary = "take a disk away from a domain",
	.run = run,
	.help =
"usage: pvb detach [OPTION...] DOMAIN VDEV\n"
"\n"
"Asks both ends to close the device, waits, and removes it from the store.  A\n"
"disk that the domain does not let go of in time is left as it is, unless\n"
"--force is given: then its frontend sees errors.\n"
"\n"
"  --host HOST       xen or local:DIR (xen, where there is one)\n"
"  --backend-domain D  the domain that serves it (0)\n"
"  --force           take it away after the time-out\n"
"  --timeout S       wait so many seconds (10)\n"
"  --help            this text\n",
};
