/* SPDX-License-Identifier: MIT */
/* pvb explain: what two ends have said to each other, and what came of it. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include <pvb/err.h>

#include "cmd.h"
#include "device_args.h"
#include "explain.h"
#include "hyp/host.h"
#include "hyp/store.h"

struct args {
	const char *host, *vdev;
	bool        json;
	struct pvb_blk_look_for what;
};

struct room {                           /* too much for a stack */
	struct pvb_blk_look look;
	struct pvb_blk_explained found;
};

static int print(const struct args *a, struct room *r)
{
	const struct pvb_blk_look *l = &r->look;
	const struct pvb_blk_said said = {
		.dev = &l->dev,
		.back = l->back_there ? &l->back : NULL,
		.front = l->front_there ? &l->front : NULL,
		.toolstack = l->toolstack[0] ? l->toolstack : NULL,
	};
	const struct pvb_explain x = { l, &r->found };
	json_t *o;

	pvb_blk_explain(&said, &r->found);
	if (!a->json) {
		pvb_explain_print(&x);
		return pvb_finish_output();
	}
	o = pvb_explain_json(&x);
	if (!o)
		return pvb_say_error("out of memory");
	json_dumpf(o, stdout, JSON_INDENT(2));
	putchar('\n');
	json_decref(o);
	return pvb_finish_output();
}

static int look(struct args *a, struct pvb_store *s,
                const struct pvb_host *host, struct room *r)
{
	struct pvb_err e = PVB_ERR_INIT;

	if (pvb_host_own_domid(host, s, &a->what.own_domid, &e) < 0)
		return pvb_say_err(NULL, &e);
	if (pvb_blk_nodes_look(s, &a->what, &r->look, &e) < 0)
		return pvb_say_error("explain %s of domain %u: %s", a->vdev,
		                     a->what.front_domid, e.text);
	return print(a, r);
}

static int explain(struct args *a)
{
	struct pvb_err e = PVB_ERR_INIT;
	struct room *r = malloc(sizeof(*r));
	struct pvb_host host;
	struct pvb_store *s;
	int status;

	if (!r)
		return pvb_say_error("out of memory");
	s = pvb_host_parse(a->host, &host, &e) == 0
	            ? pvb_host_store(&host, 0, &e) : NULL;
	status = s ? look(a, s, &host, r) : pvb_say_err(NULL, &e);
	pvb_store_close(s);
	free(r);
	return status;
}

static int take_option(const struct pvb_cmd *cmd, struct args *a, int opt,
                       int argc, char **argv)
{
	switch (opt) {
	case 'H':
		a->host = optarg;
		return PVB_EXIT_DONE;
	case 'b':
		a->what.back_given = true;
		return pvb_arg_domain(cmd, optarg, &a->what.back_domid);
	case 'k':
		a->what.kind = optarg;
		return PVB_EXIT_DONE;
	case 'j':
		a->json = true;
		return PVB_EXIT_DONE;
	default:
		return pvb_say_bad_option(cmd, argc, argv, opt);
	}
}

static int run(const struct pvb_cmd *cmd, int argc, char **argv)
{
	static const struct option options[] = {
		{ "host", required_argument, NULL, 'H' },
		{ "backend-domain", required_argument, NULL, 'b' },
		{ "kind", required_argument, NULL, 'k' },
		{ "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	struct args a = { .json = false };
	int opt, status;

	while ((opt = getopt_long(argc, argv, ":", options, NULL)) != -1) {
		if (opt == 'h')
			return pvb_say_help(cmd);
		status = take_option(cmd, &a, opt, argc, argv);
		if (status != PVB_EXIT_DONE)
			return status;
	}
	if (argc - optind != 2)
		return pvb_say_usage(cmd, "explain: DOMAIN and VDEV");
	a.vdev = argv[optind + 1];
	status = pvb_arg_domain(cmd, argv[optind], &a.what.front_domid);
	if (status == PVB_EXIT_DONE)
		status = pvb_arg_vdev(cmd, a.vdev, &a.what.number);
	return status == PVB_EXIT_DONE ? explain(&a) : status;
}

const struct pvb_cmd pvb_cmd_explain = {
	.name = "explain",
	.summary = "what both ends of a device have said, and why so",
	.run = run,
	.help =
"usage: pvb explain [OPTION...] DOMAIN VDEV\n"
"\n"
"What the two ends of device VDEV of domain DOMAIN have offered and chosen,\n"
"what came of it and why, what is unusual, and whose drivers they look like.\n"
"Reads the store only: for any backend's devices, and without a daemon.\n"
"\n"
"  --host HOST       xen or local:DIR (xen, where there is one)\n"
"  --backend-domain D  look for its backend in this domain alone\n"
"  --kind KIND       and for this kind alone: pvb, vbd, vbd3, qdisk, ...\n"
"  --json            an object\n"
"  --help            this text\n",
};
