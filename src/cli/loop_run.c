/* SPDX-License-Identifier: MIT */
/*
 * While `pvb loop` is up: its command runs, or it waits to be told to end.
 * Both watch the parts, for a client of one that has died waits for ever.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "loop_parts.h"

enum { PARTS_MAX = DISKS_MAX + 2, LOOK_MS = 100 };

static struct pvb_child *part(struct loop *l, int i)
{
	return i == 0 ? &l->local : i == 1 ? &l->serve : &l->export[i - 2];
}

static void say_ended(struct loop *l, int i)
{
	char how[PVB_CHILD_END_MAX];

	pvb_child_end_text(part(l, i), how);
	if (i < 2)
		pvb_say_error("loop: %s", how);
	else
		pvb_say_error("loop: %s: %s is exported no more", how,
		              l->disk[i - 2]);
}

/* Until a signal has come, a part has ended, or the process of `fd` (-1: none)
   has.  How many parts have ended that had not; each is said once. */
static int look(struct loop *l, int fd, int timeout_ms)
{
	struct pollfd p[PARTS_MAX + 2] = {
		{ .fd = l->signals.fd, .events = POLLIN },
		{ .fd = fd, .events = POLLIN },
	};
	int ended = 0;

	for (int i = 0; i < l->disks + 2; i++) {
		p[i + 2].fd = part(l, i)->has_ended ? -1 : part(l, i)->end_fd;
		p[i + 2].events = POLLIN;
	}
	if (poll(p, (nfds_t)l->disks + 4, timeout_ms) <= 0)
		return 0;
	for (int i = 0; i < l->disks + 2; i++) {
		if (!p[i + 2].revents)
			continue;
		part(l, i)->has_ended = true;
		say_ended(l, i);
		ended++;
	}
	return ended;
}

/* ---- with a command ------------------------------------------------------ */

static void set_environment(struct loop *l)
{
	char text[PVB_LOOP_PATH_MAX], name[16];

	for (int i = 0; i < l->disks; i++) {
		snprintf(name, sizeof(name), i ? "uri%d" : "uri", i);
		pvb_loop_uri(&l->names, i, text);
		setenv(name, text, 1);
		snprintf(name, sizeof(name), i ? "vbd%d" : "vbd", i);
		pvb_loop_vbd(&l->names, i, text);
		setenv(name, text, 1);
	}
	setenv("host", l->names.host, 1);
}

/* The interrupt of a terminal goes to CMD as well; the others only come to
   us.  What CMD then does, and when it ends, is its own. */
static void pass_on_signals(struct loop *l, pid_t pid)
{
	int n;

	while ((n = pvb_signals_take(&l->signals)))
		if (n != SIGINT)
			kill(pid, n);
}

static int wait_for_command(struct loop *l, pid_t pid)
{
	int fd = (int)syscall(SYS_pidfd_open, pid, 0);
	int status = 0, ended = 0;

	while (waitpid(pid, &status, WNOHANG) == 0) {
		ended += look(l, fd, fd < 0 ? LOOK_MS : -1);
		pass_on_signals(l, pid);
	}
	ended += look(l, -1, 0);
	if (fd >= 0)
		close(fd);
	if (WIFSIGNALED(status))
		return 128 + WTERMSIG(status);
	return WEXITSTATUS(status) || !ended ? WEXITSTATUS(status)
	                                     : PVB_EXIT_FAILED;
}

int loop_run_command(struct loop *l)
{
	pid_t pid;

	set_environment(l);
	pid = fork();
	if (pid == 0) {
		sigprocmask(SIG_SETMASK, &l->signals.before, NULL);
		signal(SIGPIPE, SIG_DFL);
		execl("/bin/sh", "sh", "-c", l->run, (char *)NULL);
		_exit(127);
	}
	if (pid < 0)
		return pvb_say_error("cannot run a shell: %s", strerror(errno));
	return wait_for_command(l, pid);
}

/* ---- without ------------------------------------------------------------- */

int loop_wait_for_signal(struct loop *l)
{
	char text[PVB_LOOP_PATH_MAX];

	for (int i = 0; i < l->disks; i++) {
		pvb_loop_uri(&l->names, i, text);
		printf("%s  %s", l->disk[i], text);
		pvb_loop_vbd(&l->names, i, text);
		printf("  %s\n", text);
	}
	fflush(stdout);
	while (!pvb_signals_take(&l->signals))
		if (look(l, -1, -1) > 0)
			return PVB_EXIT_FAILED;
	return PVB_EXIT_DONE;
}
