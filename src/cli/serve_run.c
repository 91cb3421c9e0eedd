/* SPDX-License-Identifier: MIT */
#include "serve_run.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <pvb/err.h>

#include "cmd.h"
#include "control_path.h"
#include "daemon.h"
#include "hyp/host.h"
#include "machine.h"
#include "serve/supervisor.h"

static const char own_program[] = "/proc/self/exe";

struct serve {
	struct pvb_serve_settings now;
	const struct pvb_serve_again *again;
	struct pvb_daemon      daemon;
	struct pvb_supervisor *supervisor;
	bool                   xen, lost;
	bool                   is_back; /* the store that was lost */
	char                  *next;    /* program, owned; NULL: none */
	bool                   upgrades;
};

/* ---- what the supervisor tells ------------------------------------------- */

static void lost(void *arg)
{
	struct serve *s = arg;

	s->lost = true;
}

/* A local machine is gone with its store.  On Xen guests live on, and what is
   connected needs none; so it may take as long as it likes. */
static void tried(void *arg, bool back)
{
	struct serve *s = arg;

	s->is_back = back;
	if (back || !s->xen)
		pvb_loop_stop(s->daemon.loop);
}

static void drained(void *arg)
{
	struct serve *s = arg;

	pvb_loop_stop(s->daemon.loop);
}

static void upgrade(void *arg, const char *program)
{
	struct serve *s = arg;

	s->next = program ? strdup(program) : NULL;
	s->upgrades = true;
	pvb_loop_stop(s->daemon.loop);
}

/* ---- settings that are read again ---------------------------------------- */

static bool differ(const char *a, const char *b)
{
	return strcmp(a ? a : "", b ? b : "") != 0;
}

static void say_not_now(struct serve *s, const char *name)
{
	pvb_log(&s->daemon.log, PVB_LOG_WARN,
	        "%s: another %s needs another daemon: left as it is",
	        s->again->config, name);
}

/* The strings of the first reading stay. */
static void set_again(struct serve *s, const struct pvb_serve_settings *next)
{
	const struct pvb_supervisor_settings live = {
		.spin_max_ns = next->spin_max_ns,
		.deaths_max = (uint32_t)next->deaths_max,
	};

	if (differ(next->host, s->now.host))
		say_not_now(s, "host");
	if (differ(next->control, s->now.control))
		say_not_now(s, "control");
	s->now.level = s->daemon.log.level = next->level;
	s->now.drain = next->drain;
	s->now.spin_max_ns = next->spin_max_ns;
	s->now.deaths_max = next->deaths_max;
	pvb_supervisor_set(s->supervisor, &live);
	pvb_log(&s->daemon.log, PVB_LOG_INFO, "%s: read again",
	        s->again->config);
}

static void read_again(void *arg)
{
	struct serve *s = arg;
	struct pvb_serve_settings next;

	if (s->again->read(s->again->arg, &next) == PVB_EXIT_DONE)
		set_again(s, &next);
	else
		pvb_log(&s->daemon.log, PVB_LOG_ERROR,
		        "%s: all settings are left as they were",
		        s->again->config);
}

/* ---- it runs ------------------------------------------------------------- */

/* Until it is told to end, or has lost the store for good, or (is_back) for a
   while.  Who follows it takes over its guests. */
static int serve_once(struct serve *s, struct pvb_supervisor_config *c,
                      bool first)
{
	struct pvb_err e = PVB_ERR_INIT;
	int status;

	s->lost = s->is_back = false;
	c->spin_max_ns = s->now.spin_max_ns;
	c->deaths_max = (uint32_t)s->now.deaths_max;
	s->supervisor = pvb_supervisor_create(c, s->daemon.loop, &e);
	if (!s->supervisor)
		return pvb_say_err("serve", &e);
	if (first)
		pvb_daemon_say_ready(c->control_path);
	status = pvb_daemon_run(&s->daemon);
	if (status == PVB_EXIT_DONE && s->now.drain && !s->lost &&
	    !s->upgrades) {
		pvb_supervisor_drain(s->supervisor, drained, s);
		status = pvb_daemon_run(&s->daemon);
		s->is_back = false;
	}
	pvb_supervisor_destroy(s->supervisor);
	return s->lost && !s->is_back && !s->upgrades
		? pvb_say_error("serve: the store is gone") : status;
}

static int serve_until_told(struct serve *s, const struct pvb_host *host)
{
	char path[PVB_CONTROL_PATH_MAX];
	struct pvb_supervisor_config c = {
		.log = &s->daemon.log, .host = host,
		.control_path = s->now.control ? s->now.control : path,
		.lost = lost, .tried = tried, .upgrade = upgrade, .arg = s,
	};
	struct pvb_err e = PVB_ERR_INIT;
	int status;

	s->xen = host->xen;
	pvb_control_path(host, path);
	if (!s->now.control && pvb_control_dir(host, &e) < 0)
		return pvb_say_err("serve", &e);
	status = serve_once(s, &c, true);
	while (status == PVB_EXIT_DONE && s->is_back && !s->upgrades)
		status = serve_once(s, &c, false);
	return status;
}

/* With the same command line.  Returns only if there is no going on at all. */
static int execute(const struct serve *s)
{
	const struct pvb_serve_again *a = s->again;
	const char *program = s->next ? s->next : own_program;
	char name[] = "pvb";
	char **argv = calloc((size_t)a->argc + 2, sizeof(*argv));

	if (!argv)
		return pvb_say_error("serve: out of memory");
	argv[0] = name;
	memcpy(argv + 1, a->argv, (size_t)a->argc * sizeof(*argv));
	(void)execv(program, argv);
	pvb_say_error("%s: %s", program, strerror(errno));
	/* One that cannot be executed after all. */
	(void)execv(own_program, argv);
	free(argv);
	return pvb_say_error("%s: %s", own_program, strerror(errno));
}

int pvb_serve_run(const struct pvb_serve_settings *settings,
                  const struct pvb_serve_again *again)
{
	struct serve s = { .now = *settings, .again = again };
	struct pvb_err e = PVB_ERR_INIT;
	struct pvb_host host;
	int status;

	if (pvb_host_parse(s.now.host, &host, &e) < 0)
		return pvb_say_err(NULL, &e);
	pvb_machine_wait(&host);
	status = pvb_daemon_init(&s.daemon, s.now.level);
	if (status != PVB_EXIT_DONE)
		return status;
	if (again->config)
		status = pvb_daemon_hear_hup(&s.daemon, read_again, &s);
	if (status == PVB_EXIT_DONE)
		status = serve_until_told(&s, &host);
	pvb_daemon_fini(&s.daemon);
	if (s.upgrades && status == PVB_EXIT_DONE)
		status = execute(&s);
	free(s.next);
	return status;
}
