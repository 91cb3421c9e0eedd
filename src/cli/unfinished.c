/* SPDX-License-Identifier: MIT */
#include "unfinished.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <unistd.h>

/* A person who has it ignored (nohup) means that. */
static void add_unless_ignored(sigset_t *set, int number)
{
	struct sigaction now;

	if (sigaction(number, NULL, &now) == 0 && now.sa_handler != SIG_IGN)
		sigaddset(set, number);
}

static void *watch(void *arg)
{
	struct pvb_unfinished *u = arg;
	sigset_t one;
	int number, state;

	if (sigwait(&u->set, &number) != 0)
		return NULL;
	(void)pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
	/* Never given back: what strikes now must find nothing new. */
	pthread_mutex_lock(&u->lock);
	if (u->path)
		unlink(u->path);
	/* And then what the signal does by itself. */
	sigemptyset(&one);
	sigaddset(&one, number);
	pthread_sigmask(SIG_UNBLOCK, &one, NULL);
	raise(number);
	_exit(128 + number);
}

int pvb_unfinished_init(struct pvb_unfinished *u)
{
	int r;

	u->path = NULL;
	sigemptyset(&u->set);
	add_unless_ignored(&u->set, SIGINT);
	add_unless_ignored(&u->set, SIGTERM);
	add_unless_ignored(&u->set, SIGHUP);
	pthread_mutex_init(&u->lock, NULL);
	pthread_sigmask(SIG_BLOCK, &u->set, &u->before);
	r = pthread_create(&u->thread, NULL, watch, u);
	if (r == 0)
		return 0;
	pthread_sigmask(SIG_SETMASK, &u->before, NULL);
	pthread_mutex_destroy(&u->lock);
	return -r;
}

int pvb_unfinished_create(struct pvb_unfinished *u, const char *path,
                          mode_t mode)
{
	int fd;

	pthread_mutex_lock(&u->lock);
	fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, mode);
	if (fd < 0)
		fd = -errno;
	else
		u->path = path;
	pthread_mutex_unlock(&u->lock);
	return fd;
}

void pvb_unfinished_keep(struct pvb_unfinished *u)
{
	pthread_mutex_lock(&u->lock);
	u->path = NULL;
	pthread_mutex_unlock(&u->lock);
}

void pvb_unfinished_fini(struct pvb_unfinished *u)
{
	/* Waits for good if the thread is about to end the process. */
	pthread_cancel(u->thread);
	pthread_join(u->thread, NULL);
	if (u->path)
		unlink(u->path);
	pthread_mutex_destroy(&u->lock);
	pthread_sigmask(SIG_SETMASK, &u->before, NULL);
}
