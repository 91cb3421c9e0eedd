/* SPDX-License-Identifier: MIT */
/*
 * cmd.h - the sub-commands of the program, and how each speaks to a person.
 *
 * A command parses its own options, does its work through the floors below
 * and returns an exit status.  Errors go to standard error as one line
 * "pvb: WHAT: WHY"; results go to standard output.
 */
#ifndef PVB_CMD_H
#define PVB_CMD_H

#include <stdbool.h>
#include <stdint.h>

struct pvb_err;

enum pvb_exit { PVB_EXIT_DONE = 0, PVB_EXIT_FAILED = 1, PVB_EXIT_USAGE = 2 };

struct pvb_cmd {
	const char *name;
	const char *summary;            /* one line; NULL: not listed */
	const char *help;               /* all of --help */
	int (*run)(const struct pvb_cmd *cmd, int argc, char **argv);
};

extern const struct pvb_cmd pvb_cmd_attach, pvb_cmd_bench, pvb_cmd_copy,
	pvb_cmd_detach, pvb_cmd_eject, pvb_cmd_explain, pvb_cmd_insert,
	pvb_cmd_list, pvb_cmd_local, pvb_cmd_loop, pvb_cmd_replay,
	pvb_cmd_resize, pvb_cmd_serve, pvb_cmd_stat, pvb_cmd_upgrade,
	pvb_cmd_vdev, pvb_cmd_worker;

/* "pvb: ..." and a newline on standard error; returns PVB_EXIT_FAILED. */
int pvb_say_error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* "pvb: WHAT: WHY" of an error; `what` may be NULL. */
int pvb_say_err(const char *what, const struct pvb_err *e);
/* The same with a hint at --help; returns PVB_EXIT_USAGE. */
int pvb_say_usage(const struct pvb_cmd *cmd, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/* --help: the text on standard output; returns PVB_EXIT_DONE. */
int pvb_say_help(const struct pvb_cmd *cmd);
/* What getopt_long could not take ('?' or ':'), said as usage. */
int pvb_say_bad_option(const struct pvb_cmd *cmd, int argc, char **argv,
                       int opt);
/* Standard output was written to the end?  DONE, or FAILED and said. */
int pvb_finish_output(void);

/* A number option within [min, max]; false: not one (nothing is said). */
bool pvb_parse_number(const char *text, uint64_t min, uint64_t max,
                      uint64_t *out);
/* "adaptive", "always", "never" to a loop's spin. */
bool pvb_parse_poll(const char *text, uint64_t *spin_ns);

#endif
