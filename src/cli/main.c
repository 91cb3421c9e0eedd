/* SPDX-License-Identifier: MIT */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "cmd.h"

static const struct pvb_cmd *const commands[] = {
	&pvb_cmd_loop, &pvb_cmd_local, &pvb_cmd_serve, &pvb_cmd_upgrade,
	&pvb_cmd_attach,
	&pvb_cmd_detach, &pvb_cmd_resize, &pvb_cmd_insert, &pvb_cmd_eject,
	&pvb_cmd_list, &pvb_cmd_explain, &pvb_cmd_stat,
	&pvb_cmd_copy, &pvb_cmd_replay, &pvb_cmd_bench, &pvb_cmd_vdev,
	&pvb_cmd_worker, NULL,
};

static int say_all(void)
{
	puts("usage: pvb COMMAND [OPTION...] [ARGUMENT...]\n\n"
	     "The Xen paravirtual block device in user space.\n");
	for (const struct pvb_cmd *const *c = commands; *c; c++)
		if ((*c)->summary)
			printf("  %-8s %s\n", (*c)->name, (*c)->summary);
	puts("\n'pvb COMMAND --help' tells more; pvb(1) tells all.\n"
	     "To see it work: pvb loop DISK --run 'nbdinfo $uri'");
	return pvb_finish_output();
}

static const struct pvb_cmd *find(const char *name)
{
	for (const struct pvb_cmd *const *c = commands; *c; c++)
		if (strcmp((*c)->name, name) == 0)
			return *c;
	return NULL;
}

int main(int argc, char **argv)
{
	const struct pvb_cmd *cmd;

	/* A reader that goes away is an error of write, not a death. */
	signal(SIGPIPE, SIG_IGN);
	if (argc < 2) {
		fputs("pvb: no command\nTry 'pvb --help'.\n", stderr);
		return PVB_EXIT_USAGE;
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0)
		return say_all();
	if (strcmp(argv[1], "--version") == 0) {
		puts("pvb " PVB_VERSION);
		return pvb_finish_output();
	}
	cmd = find(argv[1]);
	if (!cmd) {
		fprintf(stderr, "pvb: %s: unknown command\nTry 'pvb --help'.\n",
		        argv[1]);
		return PVB_EXIT_USAGE;
	}
	return cmd->run(cmd, argc - 1, argv + 1);
}
