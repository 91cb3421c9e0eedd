/* SPDX-License-Identifier: MIT */
/* rig.c - starting a store under test, its domains and their clients. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "client.h"
#include "rig.h"
#include "ring_guest.h"
#include "xen_stub.h"

enum { START_TRIES = 500 };

static const char *const where[] = { "/usr/lib/xen-4.17/bin",
                                     "/usr/libexec/xen/bin", "/usr/sbin" };

/* ---- processes --------------------------------------------------------- */

static bool find_daemon(const char *name, char *out, size_t cap)
{
	for (size_t i = 0; i < sizeof(where) / sizeof(where[0]); i++) {
		snprintf(out, cap, "%s/%s", where[i], name);
		if (access(out, X_OK) == 0)
			return true;
	}
	return false;
}

static void put_file(const struct rig *r, const char *name, const char *text,
                     size_t bytes)
{
	char path[128];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", r->dir, name);
	f = fopen(path, "w");
	assert_non_null(f);
	assert_int_equal(fwrite(text, 1, bytes, f), bytes);
	assert_int_equal(fclose(f), 0);
}

/* Files that stand for what a dom0 kernel shows. */
static void prepare_stub(const struct rig *r)
{
	static const char page[4096];
	char config[512];
	int n;

	put_file(r, "xsd_port", "2", 1);
	put_file(r, "dom0", page, sizeof(page));
	n = snprintf(config, sizeof(config),
	             "xenstored-port = %s/xsd_port\nxenstored-kva = %s/dom0\n"
	             "xenstored-log-file = /dev/null\n"
	             "xenstored-log-level = error\npersistent = false\n",
	             r->dir, r->dir);
	put_file(r, "oxenstored.conf", config, (size_t)n);
}

/* In the new process: become the daemon. */
static void run_daemon(const struct rig *r, const char *program, int input)
{
	char config[128];
	int null = open("/dev/null", O_RDWR);

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	dup2(input, 0);
	dup2(null, 1);
	if (r->kind == RIG_OWN) {
		execl(program, program, r->dir, (char *)NULL);
		_exit(127);
	}
	setenv("LD_PRELOAD", r->helper, 1);
	setenv("XEN_STUB_DIR", r->dir, 1);
	setenv("XENSTORED_RUNDIR", r->dir, 1);
	snprintf(config, sizeof(config), "--config-file=%s/oxenstored.conf",
	         r->dir);
	if (r->kind == RIG_XENSTORED)
		execl(program, program, "-N", (char *)NULL);
	else
		execl(program, program, "--no-fork", config, (char *)NULL);
	_exit(127);
}

/* Wait until the socket is there, or the daemon is not any more. */
static bool wait_for_door(struct rig *r)
{
	const struct timespec moment = { .tv_nsec = 10000000 };
	struct stat st;
	char path[128];

	rig_door(r, 0, path, sizeof(path));
	for (int i = 0; i < START_TRIES; i++) {
		if (stat(path, &st) == 0)
			return true;
		if (waitpid(r->daemon, NULL, WNOHANG) == r->daemon) {
			r->daemon = 0;
			return false;
		}
		nanosleep(&moment, NULL);
	}
	return false;
}

int rig_start(struct rig *r, enum rig_kind kind, const char *helper,
              const char **why)
{
	const char *name = kind == RIG_XENSTORED ? "xenstored" : "oxenstored";
	char program[256];
	int input[2];

	memset(r, 0, sizeof(*r));
	r->kind = kind;
	if (strcmp(helper, "-") == 0) {
		*why = "built without the headers of libxen-dev";
		return 1;
	}
	snprintf(r->helper, sizeof(r->helper), "%s", helper);
	snprintf(program, sizeof(program), "%s", helper);
	if (kind != RIG_OWN && !find_daemon(name, program, sizeof(program))) {
		*why = kind == RIG_XENSTORED
		       ? "xenstored is not installed (package xen-utils)"
		       : "oxenstored is not installed (package xen-utils)";
		return 1;
	}
	strcpy(r->dir, "/tmp/pvb-store-XXXXXX");
	assert_non_null(mkdtemp(r->dir));
	if (kind != RIG_OWN)
		prepare_stub(r);
	assert_int_equal(pipe2(input, O_CLOEXEC), 0);
	r->daemon = fork();
	if (r->daemon == 0)
		run_daemon(r, program, input[0]);
	close(input[0]);
	r->daemon_input = input[1];
	if (!wait_for_door(r)) {
		*why = "the store does not start";
		rig_stop(r);
		return -1;
	}
	return 0;
}

static void end_process(pid_t pid)
{
	if (pid <= 0)
		return;
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

void rig_kill_daemon(struct rig *r)
{
	end_process(r->daemon);
	r->daemon = 0;
	/* Nobody is left to be told of the domains. */
	while (r->guests)
		end_process(r->guest[--r->guests].bridge);
}

void rig_stop(struct rig *r)
{
	char command[128];
	int status;

	close(r->daemon_input);
	if (r->daemon && r->kind == RIG_OWN) {
		/* Ends by itself, and a sanitizer has its say. */
		waitpid(r->daemon, &status, 0);
		assert_true(WIFEXITED(status));
		assert_int_equal(WEXITSTATUS(status), 0);
	} else {
		end_process(r->daemon);
	}
	snprintf(command, sizeof(command), "rm -rf %s", r->dir);
	assert_int_equal(system(command), 0);
}

/* ---- domains and clients ----------------------------------------------- */

void rig_door(const struct rig *r, uint16_t domid, char *out, size_t cap)
{
	if (domid)
		snprintf(out, cap, "%s/door%u", r->dir, domid);
	else
		snprintf(out, cap, "%s/socket", r->dir);
}

struct client *rig_open(struct rig *r, uint16_t domid)
{
	struct client *c;
	char path[128];

	assert_true(r->clients < RIG_CLIENTS_MAX);
	rig_door(r, domid, path, sizeof(path));
	c = client_open(path, domid);
	r->client[r->clients++] = c;
	return c;
}

/* A word of the toolstack, on a connection of its own. */
static int tell(struct rig *r, uint32_t type, const void *payload,
                size_t bytes)
{
	struct client *c;
	char path[128];
	int rc;

	rig_door(r, 0, path, sizeof(path));
	c = client_open(path, 0);
	rc = client_call(c, type, 0, payload, bytes);
	client_close(c);
	return rc;
}

uint16_t rig_unused_domid(struct rig *r)
{
	return ++r->last_domid;
}

void rig_boot_as(struct rig *r, uint16_t domid)
{
	struct guest *g = &r->guest[r->guests++];
	char text[64];
	int n;

	assert_true(r->guests <= RIG_GUESTS_MAX);
	g->domid = domid;
	g->bridge = 0;
	if (r->kind != RIG_OWN) {
		g->bridge = ring_guest_start(r->dir, domid);
		assert_true(g->bridge > 0);
	}
	/* Frame number and event channel; ours takes no notice of them. */
	n = snprintf(text, sizeof(text), "%u%c0%c%u", domid, 0, 0, domid);
	assert_int_equal(tell(r, PVB_XS_INTRODUCE, text, (size_t)n + 1), 0);
}

uint16_t rig_boot(struct rig *r)
{
	uint16_t domid = rig_unused_domid(r);

	rig_boot_as(r, domid);
	return domid;
}

static int destroy(struct rig *r, struct guest *g)
{
	char text[128];
	int n;

	end_process(g->bridge);
	if (r->kind != RIG_OWN) {
		snprintf(text, sizeof(text), "%s/dom%u", r->dir, g->domid);
		unlink(text);
	}
	n = snprintf(text, sizeof(text), "%u", g->domid);
	*g = r->guest[--r->guests];
	return tell(r, PVB_XS_RELEASE, text, (size_t)n + 1);
}

void rig_destroy(struct rig *r, uint16_t domid)
{
	for (uint32_t i = 0; i < r->guests; i++) {
		if (r->guest[i].domid == domid) {
			assert_int_equal(destroy(r, &r->guest[i]), 0);
			return;
		}
	}
	fail_msg("no such guest");
}

void rig_clean(struct rig *r)
{
	while (r->clients)
		client_close(r->client[--r->clients]);
	if (!r->daemon)
		return;
	while (r->guests)
		destroy(r, &r->guest[r->guests - 1]);
	tell(r, PVB_XS_RM, "/t", 3);
	tell(r, PVB_XS_RM, "/local/domain", 14);
}
