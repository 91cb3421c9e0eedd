/* SPDX-License-Identifier: MIT */
#include "handover.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <pvb/err.h>

#include "base/log.h"
#include "base/loop.h"
#include "control.h"
#include "devices.h"
#include "proto/journal.h"

enum { TIMEOUT_MS = 60000, TIMEOUT_MAX_MS = 24 * 3600 * 1000 };

struct pvb_handover {
	struct pvb_handover_config c;
	char                *program;   /* owned */
	bool                 readable;  /* our journals, by it */
	bool                 over;
	struct pvb_loop_task end;
	struct pvb_loop_timer late;
	struct pvb_err       why;       /* code < 0: it cannot be */
	struct pvb_control_call *call;
};

/* ---- its end ------------------------------------------------------------- */

static void answer(struct pvb_handover *h)
{
	json_t *result = NULL;

	if (!h->call)
		return;
	if (h->why.code == 0)
		result = json_pack("{s:s}", "journals",
		                   h->readable ? "kept" : "empty");
	pvb_control_answer(h->call, result, &h->why);
	h->call = NULL;
}

static void end(struct pvb_loop_task *t)
{
	struct pvb_handover *h = pvb_container(t, struct pvb_handover, end);

	if (h->why.code == 0)
		pvb_log(h->c.log, PVB_LOG_INFO, "%s takes over, %s",
		        h->program, h->readable ? "with the journals"
		                                : "with every ring at rest");
	else
		pvb_log(h->c.log, PVB_LOG_ERROR, "%s does not take over: %s",
		        h->program, h->why.text);
	answer(h);
	h->c.execute(h->c.arg, h->why.code == 0 ? h->program : NULL);
}

static void finish(struct pvb_handover *h)
{
	if (!h->over)
		pvb_loop_defer(h->c.loop, &h->end);
	h->over = true;
	pvb_loop_disarm(&h->late);
}

static void at_rest(void *arg, int code)
{
	struct pvb_handover *h = arg;

	if (!h->over && code < 0)
		pvb_err_set(&h->why, code, "it cannot be kept that a device is "
		            "at rest: %s", strerror(-code));
	finish(h);
}

static void too_late(struct pvb_loop_timer *t)
{
	struct pvb_handover *h = pvb_container(t, struct pvb_handover, late);

	pvb_err_set(&h->why, -ETIMEDOUT,
	            "not all devices have come to rest in time");
	finish(h);
}

/* ---- its beginning ------------------------------------------------------- */

static bool takes_ours(const json_t *versions)
{
	size_t i;
	json_t *v;

	json_array_foreach(versions, i, v)
		if (json_integer_value(v) == PVB_JOURNAL_VERSION)
			return true;
	return false;
}

static int check(const struct pvb_handover_config *c, const json_t *request,
                 struct pvb_err *e)
{
	const char *program = json_string_value(json_object_get(request,
	                                                        "program"));
	json_int_t ms = json_integer_value(json_object_get(request,
	                                                   "timeout_ms"));

	if (!c->execute)
		return pvb_err_set(e, -EOPNOTSUPP,
		                   "this daemon cannot be replaced so");
	if (!program || program[0] != '/' ||
	    !json_is_array(json_object_get(request, "journals")))
		return pvb_err_set(e, -EINVAL, "upgrade: a program's path and "
		                   "the journals that it reads are needed");
	if (ms < 0 || ms > TIMEOUT_MAX_MS)
		return pvb_err_set(e, -EINVAL, "upgrade: no such time");
	if (access(program, X_OK) < 0)
		return pvb_err_set(e, -EACCES, "%s: %s", program,
		                   strerror(errno));
	return 0;
}

static void come_to_rest(struct pvb_handover *h, json_int_t ms)
{
	pvb_log(h->c.log, PVB_LOG_INFO, "%s cannot read our journals: every "
	        "ring comes to rest first", h->program);
	pvb_loop_arm(h->c.loop, &h->late, pvb_loop_now_ns(h->c.loop) +
	             (uint64_t)(ms ? ms : TIMEOUT_MS) * UINT64_C(1000000));
	pvb_devices_rest(h->c.devices, at_rest, h);
}

int pvb_handover_begin(const struct pvb_handover_config *c,
                       const json_t *request, struct pvb_handover **out,
                       struct pvb_err *e)
{
	struct pvb_handover *h;
	int r = check(c, request, e);

	if (r < 0)
		return r;
	h = calloc(1, sizeof(*h));
	if (h)
		h->program = strdup(json_string_value(
			json_object_get(request, "program")));
	if (!h || !h->program) {
		free(h);
		return pvb_err_set(e, -ENOMEM, "out of memory");
	}
	h->c = *c;
	h->end.run = end;
	h->late.fired = too_late;
	h->readable = takes_ours(json_object_get(request, "journals"));
	if (h->readable)
		finish(h);
	else
		come_to_rest(h, json_integer_value(
			json_object_get(request, "timeout_ms")));
	*out = h;
	return 0;
}

void pvb_handover_answer(struct pvb_handover *h, struct pvb_control_call *call)
{
	h->call = call;
}

bool pvb_handover_is_over(const struct pvb_handover *h)
{
	return h && h->over;
}

void pvb_handover_destroy(struct pvb_handover *h)
{
	struct pvb_err e = PVB_ERR_INIT;

	if (!h)
		return;
	pvb_loop_undefer(h->c.loop, &h->end);
	pvb_loop_disarm(&h->late);
	if (h->call) {
		pvb_err_set(&e, -ECANCELED, "the daemon ends");
		pvb_control_answer(h->call, NULL, &e);
	}
	free(h->program);
	free(h);
}
