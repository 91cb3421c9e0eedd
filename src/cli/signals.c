/* SPDX-License-Identifier: MIT */
#include "signals.h"

#include <errno.h>
#include <sys/signalfd.h>
#include <unistd.h>

int pvb_signals_init(struct pvb_signals *s)
{
	struct sigaction hup;
	sigset_t set;
	int code;

	s->caught = 0;
	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	/* Under nohup it means nothing. */
	if (sigaction(SIGHUP, NULL, &hup) == 0 && hup.sa_handler != SIG_IGN)
		sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, &s->before);
	s->fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (s->fd >= 0)
		return 0;
	code = -errno;
	sigprocmask(SIG_SETMASK, &s->before, NULL);
	return code;
}

int pvb_signals_take(struct pvb_signals *s)
{
	struct signalfd_siginfo info;

	if (read(s->fd, &info, sizeof(info)) != (ssize_t)sizeof(info))
		return 0;
	if (!s->caught)
		s->caught = (int)info.ssi_signo;
	return (int)info.ssi_signo;
}

void pvb_signals_fini(struct pvb_signals *s)
{
	close(s->fd);
	sigprocmask(SIG_SETMASK, &s->before, NULL);
}
