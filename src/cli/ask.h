/* SPDX-License-Identifier: MIT */
/*
 * ask.h - one question to a host's daemon over its control socket.
 */
#ifndef PVB_ASK_H
#define PVB_ASK_H

#include <jansson.h>

#include "cmd.h"

struct pvb_ask_options {                /* what every asking command takes */
	const char *host, *control;
	bool        json;
	bool        quiet;              /* about what goes wrong */
	uint64_t    timeout_ms;         /* for the answer; 0: as usual */
};

/* getopt entries for them, and the lines of --help. */
#define PVB_ASK_OPTIONS \
	{ "host", required_argument, NULL, 'H' }, \
	{ "control", required_argument, NULL, 'C' }, \
	{ "json", no_argument, NULL, 'j' }, \
	{ "help", no_argument, NULL, 'h' }
#define PVB_ASK_OPTIONS_HELP(json) \
"  --host HOST       xen or local:DIR (xen, where there is one)\n" \
"  --control PATH    the daemon's control socket, if not the host's own\n" \
"  --json            " json "\n" \
"  --help            this text\n"

/* True if `opt` was one of them (not 'h'). */
bool pvb_ask_option(struct pvb_ask_options *o, int opt, const char *value);

/* The answer (owned), or NULL after the error was said.  Takes `request`. */
json_t *pvb_ask(const struct pvb_ask_options *o, json_t *request);

#endif
