/* SPDX-License-Identifier: MIT */
#include "ask.h"

#include <pvb/err.h>

#include "control_path.h"
#include "hyp/host.h"
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
	char own[PVB_CONTROL_PATH_MAX];
	struct pvb_host host;
	json_t *answer = NULL;

	if (!path && pvb_host_parse(o->host, &host, &e) == 0) {
		pvb_control_path(&host, own);
		path = own;
	}
	if (path)
		answer = pvb_control_ask(path, request,
		                         o->timeout_ms ? (int)o->timeout_ms
		                                       : TIMEOUT_MS, &e);
	if (!answer && !o->quiet)
		pvb_say_err(NULL, &e);
	json_decref(request);
	return answer;
}
