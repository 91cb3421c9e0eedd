/* SPDX-License-Identifier: MIT */
#include "children.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <pvb/err.h>

enum { LISTEN_FD = 3 };

/* How the child's descriptors are to be. */
struct setup { int stdout_fd, listen_fd, report_fd; };

/* In the child: never returns.  What fails is reported as one errno. */
static void become(char *const argv[], const struct setup *s, pid_t parent)
{
	char pid[16];
	sigset_t none;
	int code;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	/* An interrupt at the terminal is for the parent, which ends us. */
	setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != parent)
		_exit(1);
	if (s->stdout_fd >= 0)
		dup2(s->stdout_fd, STDOUT_FILENO);
	if (s->listen_fd >= 0) {
		/* report_fd is above LISTEN_FD: the caller saw to it. */
		if (s->listen_fd == LISTEN_FD)
			fcntl(LISTEN_FD, F_SETFD, 0);
		else
			dup2(s->listen_fd, LISTEN_FD);
		snprintf(pid, sizeof(pid), "%d", (int)getpid());
		setenv("LISTEN_PID", pid, 1);
		setenv("LISTEN_FDS", "1", 1);
	}
	execvp(argv[0], argv);
	code = errno;
	(void)!write(s->report_fd, &code, sizeof(code));
	_exit(127);
}

/* Fork and exec; an exec that fails is told through a pipe. */
static int start(struct pvb_child *c, const char *name, char *const argv[],
                 struct setup *s, struct pvb_err *e)
{
	pid_t parent = getpid();
	int report[2], code = 0;

	if (pipe2(report, O_CLOEXEC) < 0)
		return pvb_err_set(e, -errno, "pipe: %s", strerror(errno));
	s->report_fd = fcntl(report[1], F_DUPFD_CLOEXEC, 10);
	close(report[1]);
	c->name = name;
	c->pid = s->report_fd < 0 ? -1 : fork();
	if (c->pid == 0)
		become(argv, s, parent);
	if (c->pid < 0)
		code = errno;
	close(s->report_fd);
	if (c->pid > 0 && read(report[0], &code, sizeof(code)) > 0)
		waitpid(c->pid, NULL, 0);
	close(report[0]);
	if (code == 0) {
		c->end_fd = (int)syscall(SYS_pidfd_open, c->pid, 0);
		c->has_ended = false;
		return 0;
	}
	c->pid = 0;
	return pvb_err_set(e, -code, "cannot run %s: %s", argv[0],
	                   strerror(code));
}

int pvb_child_start_daemon(struct pvb_child *c, const char *name,
                           char *const argv[], struct pvb_err *e)
{
	struct setup s = { -1, -1, -1 };
	int ready[2], r;

	if (pipe2(ready, O_CLOEXEC) < 0)
		return pvb_err_set(e, -errno, "pipe: %s", strerror(errno));
	s.stdout_fd = ready[1];
	r = start(c, name, argv, &s, e);
	close(ready[1]);
	if (r < 0)
		close(ready[0]);
	else
		c->ready_fd = ready[0];
	return r;
}

static void forget(struct pvb_child *c)
{
	if (c->end_fd >= 0)
		close(c->end_fd);
	c->end_fd = -1;
	c->pid = 0;
}

/* Its own words on standard error have said why. */
static int ended_early(struct pvb_child *c, struct pvb_err *e)
{
	int status = 0;

	waitpid(c->pid, &status, 0);
	forget(c);
	return pvb_err_set(e, -ECHILD, "%s ended before it was ready", c->name);
}

int pvb_child_wait_ready(struct pvb_child *c, int timeout_ms, int stop_fd,
                         struct pvb_err *e)
{
	struct pollfd p[2] = {
		{ .fd = c->ready_fd, .events = POLLIN },
		{ .fd = stop_fd, .events = POLLIN },
	};
	char line[600];
	ssize_t n = -1;
	int r = poll(p, 2, timeout_ms);

	if (r > 0 && p[0].revents)
		n = read(c->ready_fd, line, sizeof(line) - 1);
	close(c->ready_fd);
	if (r > 0 && p[1].revents)
		return pvb_err_set(e, -EINTR, "interrupted");
	if (r == 0)
		return pvb_err_set(e, -ETIMEDOUT, "%s is not ready after %d s",
		                   c->name, timeout_ms / 1000);
	if (n <= 0 || strncmp(line, "ready ", 6) != 0)
		return ended_early(c, e);
	return 0;
}

int pvb_child_start_listening(struct pvb_child *c, const char *name,
                              char *const argv[], int listen_fd,
                              struct pvb_err *e)
{
	struct setup s = { -1, listen_fd, -1 };

	return start(c, name, argv, &s, e);
}

/* How it ended, if it did; it stays a zombie, whose number nobody else gets. */
static bool has_ended(const struct pvb_child *c, siginfo_t *how)
{
	memset(how, 0, sizeof(*how));
	return waitid(P_PID, (id_t)c->pid, how, WEXITED | WNOHANG | WNOWAIT) ==
	       0 && how->si_pid == c->pid;
}

bool pvb_child_is_running(const struct pvb_child *c)
{
	siginfo_t how;

	return c->pid > 0 && !has_ended(c, &how);
}

void pvb_child_end_text(const struct pvb_child *c, char out[PVB_CHILD_END_MAX])
{
	siginfo_t how;

	if (c->pid <= 0 || !has_ended(c, &how))
		snprintf(out, PVB_CHILD_END_MAX, "%s ended", c->name);
	else
		snprintf(out, PVB_CHILD_END_MAX, "%s ended (%s %d)", c->name,
		         how.si_code == CLD_EXITED ? "status" : "signal",
		         how.si_status);
}

void pvb_child_stop(struct pvb_child *c, int timeout_ms)
{
	struct pollfd p = { .events = POLLIN };

	if (c->pid <= 0)
		return;
	p.fd = c->end_fd;
	kill(c->pid, SIGTERM);
	if (p.fd < 0 || poll(&p, 1, timeout_ms) <= 0)
		kill(c->pid, SIGKILL);
	while (waitpid(c->pid, NULL, 0) < 0 && errno == EINTR)
		;
	forget(c);
}
