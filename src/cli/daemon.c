/* SPDX-License-Identifier: MIT */
#include "daemon.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <pvb/err.h>

#include "cmd.h"

static void signalled(struct pvb_loop_fd *w, uint32_t events)
{
	struct pvb_daemon *d = pvb_container(w, struct pvb_daemon, signals);
	struct signalfd_siginfo info;

	(void)events;
	if (read(w->fd, &info, sizeof(info)) != (ssize_t)sizeof(info))
		return;
	if (info.ssi_signo == SIGHUP)
		d->hup(d->hup_arg);
	else
		pvb_loop_stop(w->loop);
}

static void block(sigset_t *set, bool hup)
{
	sigemptyset(set);
	sigaddset(set, SIGINT);
	sigaddset(set, SIGTERM);
	if (hup)
		sigaddset(set, SIGHUP);
	sigprocmask(SIG_BLOCK, set, NULL);
}

static int watch_signals(struct pvb_daemon *d)
{
	sigset_t set;
	int r;

	block(&set, false);
	d->signals = (struct pvb_loop_fd){
		.fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK),
		.events = PVB_LOOP_IN, .ready = signalled,
	};
	if (d->signals.fd < 0)
		return -errno;
	r = pvb_loop_add_fd(d->loop, &d->signals);
	if (r < 0)
		close(d->signals.fd);
	return r;
}

/* A disk takes several descriptors in each daemon: as many as are allowed. */
static void raise_file_limit(void)
{
	struct rlimit l;

	if (getrlimit(RLIMIT_NOFILE, &l) < 0)
		return;
	l.rlim_cur = l.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &l);     /* the old one does for a few */
}

int pvb_daemon_init(struct pvb_daemon *d, enum pvb_log_level level)
{
	struct pvb_err e = PVB_ERR_INIT;
	int r;

	raise_file_limit();

	memset(d, 0, sizeof(*d));
	d->log.level = level;
	d->log.sink = pvb_log_to_stderr;
	d->loop = pvb_loop_create(NULL, &e);
	if (!d->loop)
		return pvb_say_err(NULL, &e);
	r = watch_signals(d);
	if (r < 0) {
		pvb_loop_destroy(d->loop);
		return pvb_say_error("signals: %s", strerror(-r));
	}
	return PVB_EXIT_DONE;
}

int pvb_daemon_hear_hup(struct pvb_daemon *d, void (*hup)(void *arg),
                        void *arg)
{
	sigset_t set;

	d->hup = hup;
	d->hup_arg = arg;
	block(&set, true);
	if (signalfd(d->signals.fd, &set, SFD_CLOEXEC | SFD_NONBLOCK) < 0)
		return pvb_say_error("signals: %s", strerror(errno));
	return PVB_EXIT_DONE;
}

void pvb_daemon_fini(struct pvb_daemon *d)
{
	pvb_loop_remove_fd(&d->signals);
	close(d->signals.fd);
	pvb_loop_destroy(d->loop);
}

void pvb_daemon_say_ready(const char *what)
{
	printf("ready %s\n", what);
	fflush(stdout);
}

int pvb_daemon_run(struct pvb_daemon *d)
{
	int r = pvb_loop_run(d->loop);

	if (r < 0)
		return pvb_say_error("event loop: %s", strerror(-r));
	return PVB_EXIT_DONE;
}
