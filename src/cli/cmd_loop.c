/* SPDX-License-Identifier: MIT */
/*
 * pvb loop: the whole way on one machine without Xen.  Local hypervisor,
 * backend and frontends are processes of their own; this one only starts and
 * ends them.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <pvb/client.h>
#include <pvb/err.h>

#include "base/log.h"
#include "blk/blk_nodes.h"
#include "device_args.h"
#include "disk_options.h"
#include "disk/uri.h"
#include "loop_parts.h"
#include "toolstack.h"

enum { READY_MS = 10000, ATTACH_MS = 30000, STOP_MS = 5000 };

/* ---- going up ------------------------------------------------------------ */

static bool may_share(const struct loop *l)
{
	return l->options.value[PVB_BLK_OPT_READ_ONLY] ||
	       l->options.value[PVB_BLK_OPT_CDROM] ||
	       l->options.value[PVB_BLK_OPT_SHARED];
}

/* Two domains that write to one file would be refused, but late. */
static int look_for_twins(struct loop *l)
{
	struct { bool there; dev_t dev; ino_t ino; } seen[DISKS_MAX];
	struct stat st;

	for (int i = 0; i < l->disks; i++) {
		seen[i].there = pvb_arg_stat(l->disk[i], &st);
		if (!seen[i].there)
			continue;
		seen[i].dev = st.st_dev;
		seen[i].ino = st.st_ino;
		for (int k = 0; k < i; k++)
			if (seen[k].there && seen[k].dev == st.st_dev &&
			    seen[k].ino == st.st_ino)
				return pvb_say_error("loop: %s: the same file "
					"as %s (two may write to it with "
					"--shared)", l->disk[i], l->disk[k]);
	}
	return PVB_EXIT_DONE;
}

static int look_at_disks(struct loop *l)
{
	struct pvb_client_config c = { .size_bytes = sizeof(c),
		.read_only = l->options.value[PVB_BLK_OPT_READ_ONLY] ||
		             l->options.value[PVB_BLK_OPT_CDROM],
		.shared = l->options.value[PVB_BLK_OPT_SHARED] };
	struct pvb_err e = PVB_ERR_INIT;

	for (int i = 0; i < l->disks; i++)
		if (pvb_client_probe(l->disk[i], &c, NULL, &e) < 0)
			return pvb_say_err(NULL, &e);
	return may_share(l) ? PVB_EXIT_DONE : look_for_twins(l);
}

/* The sockets are made here, so that what is wrong with them is said before
   anything runs, and so that they listen when CMD begins. */
static int listen_on(const char *path)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd;

	if (strlen(path) >= sizeof(a.sun_path))
		return -ENAMETOOLONG;
	strcpy(a.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (bind(fd, (struct sockaddr *)&a, sizeof(a)) < 0 ||
	    listen(fd, 64) < 0) {
		int r = -errno;

		close(fd);
		return r;
	}
	return fd;
}

static int make_sockets(struct loop *l)
{
	for (int i = 0; i < l->disks; i++) {
		char path[PVB_LOOP_PATH_MAX];
		int fd;

		pvb_loop_socket(&l->names, i, path);
		fd = listen_on(path);
		if (fd == -ENAMETOOLONG)
			return pvb_say_error("%s: longer than a socket's path "
				"may be (%zu bytes)", path,
				sizeof((struct sockaddr_un){ 0 }.sun_path) - 1);
		if (fd == -EADDRINUSE)
			return pvb_say_error("%s: exists already", path);
		if (fd < 0)
			return pvb_say_error("%s: %s", path, strerror(-fd));
		l->listen_fd[i] = fd;
		l->bound[i] = true;
	}
	return PVB_EXIT_DONE;
}

static int start_daemons(struct loop *l, struct pvb_err *e)
{
	char *self = l->names.program;
	char *local[] = { self, "local", "--dir", l->names.dir, "--log",
		(char *)(uintptr_t)l->log, NULL };
	char *serve[] = { self, "serve", "--host", l->names.host, "--log",
		(char *)(uintptr_t)l->log, "--poll",
		(char *)(uintptr_t)l->poll, NULL };
	int r = pvb_child_start_daemon(&l->local, "pvb local", local, e);

	if (r == 0)
		r = pvb_child_wait_ready(&l->local, READY_MS, l->signals.fd, e);
	if (r == 0)
		r = pvb_child_start_daemon(&l->serve, "pvb serve", serve, e);
	if (r == 0)
		r = pvb_child_wait_ready(&l->serve, READY_MS, l->signals.fd, e);
	return r;
}

static int attach_disk(struct loop *l, int i, struct pvb_err *e)
{
	char uri[PVB_BLK_NODES_URI_MAX + 1];
	struct pvb_attach a = { .host = &l->host,
		.front_domid = pvb_loop_domain(i), .number = PVB_LOOP_NUMBER,
		.disk = uri, .options = l->options, .timeout_ms = ATTACH_MS,
		.signals = &l->signals };
	int r;

	if (pvb_arg_disk(l->disk[i], uri, sizeof(uri)) != PVB_EXIT_DONE)
		return pvb_err_set(e, -ENAMETOOLONG, "path too long");
	r = pvb_toolstack_attach(&a, e);
	if (r < 0) {
		pvb_err_prefix(e, "%s", l->disk[i]);
		return r;
	}
	l->attached[i] = true;
	return 0;
}

static int export_disk(struct loop *l, int i, struct pvb_err *e)
{
	char disk[PVB_LOOP_PATH_MAX + 8], vbd[PVB_LOOP_PATH_MAX];
	char poll[32];
	int r;
	char *argv[] = { "nbdkit", "-f", "--exit-with-parent",
		l->names.plugin, disk, poll, NULL, NULL };

	pvb_loop_vbd(&l->names, i, vbd);
	snprintf(disk, sizeof(disk), "disk=%s", vbd);
	snprintf(poll, sizeof(poll), "poll=%s", l->poll);
	if (l->options.value[PVB_BLK_OPT_READ_ONLY])
		argv[6] = "-r";
	r = pvb_child_start_listening(&l->export[i], "nbdkit", argv,
	                              l->listen_fd[i], e);
	/* Its clients must see it when it dies: nobody else may listen. */
	close(l->listen_fd[i]);
	l->listen_fd[i] = -1;
	return r;
}

static int go_up(struct loop *l)
{
	struct pvb_err e = PVB_ERR_INIT;
	int r = pvb_host_parse(l->names.host, &l->host, &e);

	if (r == 0)
		r = start_daemons(l, &e);
	for (int i = 0; r == 0 && i < l->disks; i++)
		r = attach_disk(l, i, &e);
	for (int i = 0; r == 0 && i < l->disks; i++)
		r = export_disk(l, i, &e);
	pvb_signals_take(&l->signals);
	if (l->signals.caught)
		return 128 + l->signals.caught;
	return r < 0 ? pvb_say_err("loop", &e) : PVB_EXIT_DONE;
}

/* ---- going down ---------------------------------------------------------- */

static void go_down(struct loop *l)
{
	struct pvb_err e;

	for (int i = 0; i < l->disks; i++) {
		char path[PVB_LOOP_PATH_MAX];

		pvb_child_stop(&l->export[i], STOP_MS);
		if (l->listen_fd[i] >= 0)
			close(l->listen_fd[i]);
		if (!l->bound[i])
			continue;
		pvb_loop_socket(&l->names, i, path);
		unlink(path);
	}
	for (int i = 0; i < l->disks; i++) {
		struct pvb_detach d = { .host = &l->host, .force = true,
			.front_domid = pvb_loop_domain(i),
			.number = PVB_LOOP_NUMBER, .timeout_ms = STOP_MS };

		/* A backend that CMD has killed closes nothing any more. */
		if (l->attached[i] && pvb_child_is_running(&l->serve) &&
		    pvb_child_is_running(&l->local))
			pvb_toolstack_detach(&d, &e);
	}
	pvb_child_stop(&l->serve, STOP_MS);
	pvb_child_stop(&l->local, STOP_MS);
	pvb_loop_names_fini(&l->names);
}

/* ---- all of it ----------------------------------------------------------- */

static int loop(struct loop *l)
{
	struct pvb_err e = PVB_ERR_INIT;
	int r, status = look_at_disks(l);

	if (status != PVB_EXIT_DONE)
		return status;
	/* From here on there is something to tidy up. */
	r = pvb_signals_init(&l->signals);
	if (r < 0)
		return pvb_say_error("signals: %s", strerror(-r));
	if (pvb_loop_names_init(&l->names, l->nbd, &e) < 0)
		status = pvb_say_err("loop", &e);
	l->names.segment_blocks = l->options.value[PVB_BLK_OPT_BLOCKS];
	if (l->options.given & 1u << PVB_BLK_OPT_UNITS)
		l->names.sector_units = pvb_blk_opt_value_name(
			PVB_BLK_OPT_UNITS, l->options.value[PVB_BLK_OPT_UNITS]);
	if (status == PVB_EXIT_DONE)
		status = make_sockets(l);
	if (status == PVB_EXIT_DONE)
		status = go_up(l);
	if (status == PVB_EXIT_DONE)
		status = l->run ? loop_run_command(l) : loop_wait_for_signal(l);
	go_down(l);
	while (pvb_signals_take(&l->signals))
		;       /* told twice: it is all done */
	pvb_signals_fini(&l->signals);
	return status;
}

static int take_option(struct loop *l, int opt, int argc, char **argv)
{
	enum pvb_log_level level;
	uint64_t spin;

	if (pvb_is_disk_option(opt))
		return pvb_disk_option(l->cmd, opt, optarg, &l->options);
	switch (opt) {
	case 'n':
		l->nbd = optarg;
		return PVB_EXIT_DONE;
	case 'r':
		l->run = optarg;
		return PVB_EXIT_DONE;
	case 'p':
		l->poll = optarg;
		return pvb_parse_poll(optarg, &spin) ? PVB_EXIT_DONE
			: pvb_say_usage(l->cmd,
				"--poll %s: adaptive, always or never", optarg);
	case 'l':
		l->log = optarg;
		return pvb_log_level_parse(optarg, &level) ? PVB_EXIT_DONE
			: pvb_say_usage(l->cmd,
				"--log %s: error, warn, info or debug", optarg);
	default:
		return pvb_say_bad_option(l->cmd, argc, argv, opt);
	}
}

static int run(const struct pvb_cmd *cmd, int argc, char **argv)
{
	static const struct option options[] = {
		PVB_DISK_OPTIONS,
		{ "nbd", required_argument, NULL, 'n' },
		{ "run", required_argument, NULL, 'r' },
		{ "poll", required_argument, NULL, 'p' },
		{ "log", required_argument, NULL, 'l' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	struct loop *l = calloc(1, sizeof(*l));
	int opt, status = PVB_EXIT_DONE;

	if (!l)
		return pvb_say_error("loop: out of memory");
	l->cmd = cmd;
	l->log = "warn";
	l->poll = "adaptive";
	memset(l->listen_fd, -1, sizeof(l->listen_fd));
	pvb_blk_options_init(&l->options, 1);
	while (status == PVB_EXIT_DONE &&
	       (opt = getopt_long(argc, argv, ":", options, NULL)) != -1) {
		if (opt == 'h') {
			free(l);
			return pvb_say_help(cmd);
		}
		status = take_option(l, opt, argc, argv);
	}
	l->disks = argc - optind;
	l->disk = argv + optind;
	if (status == PVB_EXIT_DONE && l->disks == 0)
		status = pvb_say_usage(cmd, "loop: which disk?");
	if (status == PVB_EXIT_DONE && l->disks > DISKS_MAX)
		status = pvb_say_usage(cmd, "loop: at most %d disks",
		                       DISKS_MAX);
	if (status == PVB_EXIT_DONE)
		status = loop(l);
	free(l);
	return status;
}

const struct pvb_cmd pvb_cmd_loop = {
	.name = "loop",
	.summary = "serve disks over a real ring on this machine, without Xen",
	.run = run,
	.help =
"usage: pvb loop [OPTION...] DISK... [--nbd SOCKET] [--run CMD]\n"
"\n"
"Starts a local hypervisor, a backend that serves each DISK (a path or a disk\n"
"URI) to a domain of its own, and a frontend in each domain that exports its\n"
"disk over NBD (nbdkit with pvb's plugin).  Runs until interrupted or, with\n"
"--run, as long as CMD, and then exits with CMD's status.\n"
"\n"
"CMD is run by the shell with $uri (NBD URI of the first disk), $vbd (disk\n"
"URI of the same device) and $host (what --host takes); $uri1, $vbd1, ... are\n"
"those of the second disk and so on.  A frontend connects with its first NBD\n"
"client and leaves with its last, so $vbd is free while no NBD client is\n"
"connected.\n"
"\n"
"  --nbd SOCKET      the first disk's socket (the second: SOCKET.1, ...)\n"
"  --run CMD         run CMD, then end\n"
"  --poll adaptive|always|never  how rings wait for work (adaptive)\n"
"  --log LEVEL       what the daemons say: error, warn, info or debug (warn)\n"
PVB_DISK_OPTIONS_HELP
"  --help            this text\n"
"\n"
"example: pvb loop disk.img --run 'nbdcopy --progress $uri copy.img'\n",
};
