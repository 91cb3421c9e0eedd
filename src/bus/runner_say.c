/* SPDX-License-Identifier: MIT */
/*
 * What we say: our state, our keys, and what is wrong.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/printable.h"
#include "complain.h"
#include "hyp/store.h"
#include "proto/keys.h"
#include "proto/xspath.h"
#include "runner_parts.h"

enum { NAME_BYTES = 32 };       /* of a reason's name, with room */

struct writing {
	struct pvb_runner *r;
	uint32_t actions, say;
	bool     asked_to_close;
	const struct pvb_runner_text *also;     /* or NULL */
	struct pvb_keys keys;
};

/* The state node has two writers: a back's toolstack asks for an orderly end
   by writing 5.  Nothing older may be written over that. */
static int write_state(struct pvb_store *s, uint32_t tx, struct writing *w,
                       uint64_t found)
{
	const struct pvb_runner *r = w->r;
	char text[16];

	w->asked_to_close = r->c.role == PVB_BACK && found == PVB_XB_CLOSING &&
	                    r->known != PVB_XB_CLOSING &&
	                    w->say < PVB_XB_CLOSING;
	if (w->asked_to_close)
		return 0;
	(void)snprintf(text, sizeof(text), "%u", w->say);
	return pvb_store_write_at(s, tx, r->c.dir, "state", text);
}

static int remove_keys(struct pvb_store *s, uint32_t tx,
                       const struct writing *w)
{
	const struct pvb_keys *k = &w->keys;
	int e = 0;

	for (uint32_t i = 0; e >= 0 && i < k->count; i++) {
		char path[PVB_XS_PATH_MAX + 1];

		e = pvb_xspath_print(path, sizeof(path), "%s/%s",
		                     w->r->c.dir, k->bytes + k->key[i].name_at);
		if (e == 0)
			e = s->ops->remove(s, tx, path);
	}
	return e;
}

static int write_also(struct pvb_store *s, uint32_t tx, const char *dir,
                      const struct pvb_runner_text *also)
{
	return also ? pvb_store_write_at(s, tx, dir, also->name, also->value)
	            : 0;
}

static int write_all(struct pvb_store *s, uint32_t tx, void *arg)
{
	struct writing *w = arg;
	const char *dir = w->r->c.dir;
	uint64_t found = PVB_XB_UNKNOWN;
	int e;

	/* Reading it first also makes the commit fail if the directory is
	   removed meanwhile: a late write would make it again. */
	e = pvb_store_read_u64_at(s, tx, dir, "state", UINT32_MAX, &found);
	if (e < 0 && e != -EINVAL)
		return e;
	if (e == 0 && runner_is_of_another(w->r, found))
		return -ENOENT;
	e = write_also(s, tx, dir, w->also);
	if (e >= 0 && w->actions & PVB_DO_PUBLISH)
		e = pvb_store_write_keys(s, tx, dir, &w->keys);
	if (e >= 0 && w->actions & PVB_DO_UNPUBLISH)
		e = remove_keys(s, tx, w);
	if (e >= 0 && w->actions & PVB_DO_SAY)
		e = write_state(s, tx, w, found);
	return e;
}

static int prepare(struct writing *w)
{
	struct pvb_runner *r = w->r;

	if (w->actions & PVB_DO_PUBLISH)
		return r->c.ops->publish(r, w->say, &w->keys);
	if (w->actions & PVB_DO_UNPUBLISH)
		return r->c.ops->unpublish(r, &w->keys);
	return 0;
}

static int write_prepared(struct writing *w)
{
	struct pvb_runner *r = w->r;
	int e = prepare(w);

	if (e == 0)
		e = pvb_store_transact(r->store, write_all, w);
	if (e == -ENOENT) {
		runner_vanished(r);
	} else if (e < 0) {
		pvb_runner_blame(r, PVB_WHY_STATE, "cannot write %s: %s",
		                 r->c.dir, strerror(-e));
	} else if (w->asked_to_close) {
		r->known = PVB_XB_CLOSING;
		runner_event(r, PVB_EV_STOP, 0);
	} else if (w->actions & PVB_DO_SAY) {
		r->known = w->say;
	}
	return e < 0 ? e : 0;
}

static int write_with(struct pvb_runner *r, uint32_t actions,
                      const struct pvb_runner_text *also)
{
	struct writing *w;
	int e;

	if (r->vanished)
		return -ENOENT;
	w = calloc(1, sizeof(*w));
	if (!w) {
		pvb_runner_blame(r, PVB_WHY_STATE, "out of memory");
		return -ENOMEM;
	}
	w->r = r;
	w->actions = actions;
	w->say = r->conn.mine;
	w->also = also;
	e = write_prepared(w);
	free(w);
	return e;
}

int runner_write(struct pvb_runner *r, uint32_t actions)
{
	return write_with(r, actions, NULL);
}

int pvb_runner_republish(struct pvb_runner *r,
                         const struct pvb_runner_text *also)
{
	return write_with(r, PVB_DO_PUBLISH | PVB_DO_SAY, also);
}

struct putting {
	struct pvb_runner *r;
	const struct pvb_keys *keys;
	const struct pvb_runner_text *also;
};

static int put_keys(struct pvb_store *s, uint32_t tx, void *arg)
{
	const struct putting *p = arg;
	const char *dir = p->r->c.dir;
	char state[16];
	int e = pvb_store_read_at(s, tx, dir, "state", state, sizeof(state));

	if (e < 0 && e != -E2BIG)
		return e;
	e = write_also(s, tx, dir, p->also);
	return e < 0 || !p->keys ? e : pvb_store_write_keys(s, tx, dir,
	                                                    p->keys);
}

int pvb_runner_put(struct pvb_runner *r, const struct pvb_keys *k,
                   const struct pvb_runner_text *also)
{
	struct putting p = { r, k, also };

	return r->vanished ? -ENOENT
	                   : pvb_store_transact(r->store, put_keys, &p);
}

/* ---- what is wrong ------------------------------------------------------- */

static bool log_blame(struct pvb_runner *r, enum pvb_why why, const char *text)
{
	uint32_t left_out;

	if (!pvb_log_limit_pass(&r->limit[why], pvb_loop_now_ns(r->loop),
	                        &left_out))
		return false;
	if (left_out > 0)
		pvb_log(r->c.log, PVB_LOG_WARN,
		        "%s: %s (%s; %u alike left out)", r->c.name, text,
		        pvb_why_name(why), left_out);
	else
		pvb_log(r->c.log, PVB_LOG_WARN, "%s: %s (%s)", r->c.name, text,
		        pvb_why_name(why));
	return true;
}

/* Fronts cannot read complaints, but what stands in our directory; the name of
   the node is one that toolstacks know. */
static void explain(struct pvb_runner *r, const char *text)
{
	struct pvb_keys *k = calloc(1, sizeof(*k));

	/* Without it the front knows less, no more. */
	if (k && pvb_keys_put_text(k, "hotplug-error", text) == 0)
		(void)pvb_runner_put(r, k, NULL);
	free(k);
}

void runner_unexplain(struct pvb_runner *r)
{
	if (r->explained)
		explain(r, "");
	r->explained = false;
}

/* What a reader of the node takes for an errno. */
static int code_of(enum pvb_why why)
{
	switch (why) {
	case PVB_WHY_TIMEOUT:
		return ETIMEDOUT;
	case PVB_WHY_DISK:
	case PVB_WHY_ATTACH:
		return EIO;
	case PVB_WHY_KEY_MISSING:
		return ENOENT;
	case PVB_WHY_KEY_LIMIT:
		return ERANGE;
	default:
		return EINVAL;
	}
}

/* In words, and by the name that it has elsewhere. */
static void complain(struct pvb_runner *r, enum pvb_why why, const char *text)
{
	char named[PVB_RUNNER_TEXT_MAX + NAME_BYTES];

	(void)snprintf(named, sizeof(named), "%s (%s)", text,
	               pvb_why_name(why));
	r->complained = true;
	pvb_complaint_put(r->store, r->c.dir, code_of(why), named);
}

void pvb_runner_blame(struct pvb_runner *r, enum pvb_why why, const char *fmt,
                      ...)
{
	char text[PVB_RUNNER_TEXT_MAX + 1];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	pvb_printable(text);
	(void)log_blame(r, why, text);
	r->refused[why]++;
	if (r->why != PVB_OK)
		return;
	r->why = why;
	memcpy(r->text, text, sizeof(text));
	complain(r, why, text);
	r->explained = r->c.role == PVB_BACK;
	if (r->explained)
		explain(r, text);
}

bool pvb_runner_remark(struct pvb_runner *r, enum pvb_why why, const char *fmt,
                       ...)
{
	char text[PVB_RUNNER_TEXT_MAX + 1];
	bool logged;
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	pvb_printable(text);
	logged = log_blame(r, why, text);
	if (!r->complained && !r->vanished)
		complain(r, why, text);
	return logged;
}

void pvb_runner_mended(struct pvb_runner *r)
{
	if (r->why == PVB_OK && r->complained && !r->vanished)
		pvb_complaint_remove(r->store, r->c.dir);
	r->complained &= r->why != PVB_OK;
}

void runner_forgive(struct pvb_runner *r)
{
	r->why = PVB_OK;
	r->text[0] = '\0';
	if (r->complained)
		pvb_complaint_remove(r->store, r->c.dir);
	r->complained = false;
	runner_unexplain(r);
}
