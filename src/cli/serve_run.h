/* SPDX-License-Identifier: MIT */
/*
 * serve_run.h - the backend daemon while it runs: until a signal ends it, with
 * its settings read again on SIGHUP, or until another program takes its place.
 */
#ifndef PVB_SERVE_RUN_H
#define PVB_SERVE_RUN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/log.h"

struct pvb_serve_settings {             /* strings are borrowed */
	const char        *host, *control;      /* only at its start */
	enum pvb_log_level level;
	uint64_t           spin_max_ns;
	uint64_t           deaths_max;
	bool               drain;
};

/* The command line, and how its settings are read from it once more. */
struct pvb_serve_again {
	int    argc;
	char **argv;                    /* from the command on */
	const char *config;             /* a file; NULL: none, and SIGHUP is not
	                                   heard */
	/* An exit status; what is wrong has been said.  Strings live until the
	   next call. */
	int  (*read)(void *arg, struct pvb_serve_settings *out);
	void  *arg;
};

/* An exit status. */
int pvb_serve_run(const struct pvb_serve_settings *s,
                  const struct pvb_serve_again *again);

#endif
