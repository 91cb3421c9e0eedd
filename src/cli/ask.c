/* SPDX-License-Identifier: MIT */
#include "ask.h"

#include <pvb/err.h>

#include "host.h"
#include "serve/control.h"

enum { TIMEOUT_MS = 10000 };

bool pvb_ask_option(struct pvb_ask_options *o, int opt, const char *value)
{
	switch (opt) {
	case 'H':
		o->host = value;
		return true;
	case 'C':
		o->control = value;
		return true;
	case 'j':
		o->json = true;
		return true;
	default:
		return false;
	}
}

json_t *pvb_ask(const struct pvb_ask_options *o, json_t *request)
{
	struct pvb_err e = PVB_ERR_INIT;
	const char *path = o->control;
	struct pvb_host host;
	json_t *answer = NULL;

	if (!path && pvb_host_parse(o->host, &host, &e) == 0)
		path = host.control;
	if (path)
		answer = pvb_control_ask(path, request, TIMEOUT_MS, &e);
	if (!answer)
		pvb_say_err(NULL, &e);
	json_decref(request);
	return answer;
}
