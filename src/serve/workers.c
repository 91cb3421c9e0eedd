/* SPDX-License-Identifier: MIT */
#include "workers.h"

#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <pvb/err.h>

#include "base/link.h"
#include "base/log.h"
#include "base/loop.h"
#include "worker_msg.h"

extern char **environ;

struct process {                        /* one frontend domain's worker */
	struct process     *next;
	struct pvb_workers *workers;
	uint16_t            front_domid;
	uint32_t            devices;
	pid_t               pid;        /* 0: does not run */
	struct pvb_link     link;
	struct pvb_loop_fd  death;      /* its pidfd */
};

struct pvb_workers {
	struct pvb_loop      *loop;
	const struct pvb_log *log;
	char                 *program;
	struct process       *first;
};

static struct process *find(const struct pvb_workers *w, uint16_t domid)
{
	struct process *p = w->first;

	while (p && p->front_domid != domid)
		p = p->next;
	return p;
}

/* ---- death --------------------------------------------------------------- */

static void say_death(const struct process *p, int status)
{
	const struct pvb_log *log = p->workers->log;

	if (WIFSIGNALED(status))
		pvb_log(log, PVB_LOG_WARN,
		        "worker %d of domain %u was killed by signal %d (%s)",
		        (int)p->pid, p->front_domid, WTERMSIG(status),
		        strsignal(WTERMSIG(status)));
	else
		pvb_log(log, PVB_LOG_WARN,
		        "worker %d of domain %u ended with status %d",
		        (int)p->pid, p->front_domid, WEXITSTATUS(status));
}

static void forget(struct process *p)
{
	pvb_loop_remove_fd(&p->death);
	close(p->death.fd);
	pvb_link_fini(&p->link);
	p->pid = 0;
}

/* Its queues' links have closed too: that is how control halves learn of it. */
static void died(struct pvb_loop_fd *watch, uint32_t events)
{
	struct process *p = pvb_container(watch, struct process, death);
	int status = 0;

	(void)events;
	if (waitpid(p->pid, &status, WNOHANG) != p->pid)
		return;
	say_death(p, status);
	forget(p);
}

/* Closing the link is what ends a worker; a stuck one is killed. */
static void end(struct process *p)
{
	if (p->pid == 0)
		return;
	kill(p->pid, SIGKILL);
	while (waitpid(p->pid, NULL, 0) < 0 && errno == EINTR)
		;
	forget(p);
}

/* ---- life ---------------------------------------------------------------- */

static void link_message(struct pvb_link *k, const void *msg, size_t bytes,
                         int *fds, uint32_t nfds)
{
	/* A worker has nothing to say here; what it says is dropped. */
	(void)k;
	(void)msg;
	(void)bytes;
	(void)fds;
	(void)nfds;
}

static void link_closed(struct pvb_link *k)
{
	(void)k;                /* the pidfd tells the whole story */
}

static int spawn(const char *program, int link_fd, pid_t *pid)
{
	char arg0[] = "pvb", arg1[] = "worker";
	char *argv[] = { arg0, arg1, NULL };
	posix_spawn_file_actions_t actions;
	int r;

	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, link_fd, PVB_WORKER_FD);
	posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null",
	                                 0, 0);
	r = -posix_spawn(pid, program, &actions, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	return r;
}

static int start(struct process *p)
{
	static const struct pvb_link_ops ops = { link_message, link_closed };
	struct pvb_workers *w = p->workers;
	int ends[2], pidfd;
	int r = pvb_link_pair(ends);

	if (r < 0)
		return r;
	r = spawn(w->program, ends[1], &p->pid);
	close(ends[1]);
	if (r < 0) {
		close(ends[0]);
		p->pid = 0;
		return r;
	}
	pidfd = (int)syscall(SYS_pidfd_open, p->pid, 0);
	p->death = (struct pvb_loop_fd){ .fd = pidfd, .events = PVB_LOOP_IN,
		.ready = died };
	r = pvb_link_init(&p->link, w->loop, ends[0], &ops);
	if (r == 0)
		r = pvb_loop_add_fd(w->loop, &p->death);
	if (r < 0) {
		end(p);
		return r;
	}
	pvb_log(w->log, PVB_LOG_INFO, "worker %d for domain %u", (int)p->pid,
	        p->front_domid);
	return 0;
}

int pvb_workers_queue(struct pvb_workers *w, uint16_t front_domid,
                      uint32_t number, uint32_t queue)
{
	struct pvb_worker_msg msg = { PVB_WORKER_QUEUE, number, queue };
	struct process *p = find(w, front_domid);
	int ends[2], r;

	if (!p)
		return -ENOENT;
	r = p->pid == 0 ? start(p) : 0;
	if (r == 0)
		r = pvb_link_pair(ends);
	if (r < 0)
		return r;
	r = pvb_link_send(&p->link, &msg, sizeof(msg), &ends[1], 1);
	close(ends[1]);
	if (r < 0) {
		close(ends[0]);
		return r;
	}
	return ends[0];
}

pid_t pvb_workers_pid(const struct pvb_workers *w, uint16_t front_domid)
{
	struct process *p = find(w, front_domid);

	return p ? p->pid : 0;
}

void pvb_workers_hold(struct pvb_workers *w, uint16_t front_domid)
{
	struct process *p = find(w, front_domid);

	if (!p) {
		p = calloc(1, sizeof(*p));
		if (!p)
			return;         /* queue then says -ENOENT */
		p->workers = w;
		p->front_domid = front_domid;
		p->next = w->first;
		w->first = p;
	}
	p->devices++;
}

static void remove_process(struct pvb_workers *w, struct process *p)
{
	struct process **at = &w->first;

	while (*at != p)
		at = &(*at)->next;
	*at = p->next;
	end(p);
	free(p);
}

void pvb_workers_release(struct pvb_workers *w, uint16_t front_domid)
{
	struct process *p = find(w, front_domid);

	if (p && --p->devices == 0)
		remove_process(w, p);
}

int pvb_workers_create(struct pvb_loop *loop, const struct pvb_log *log,
                       const char *program, struct pvb_workers **out,
                       struct pvb_err *e)
{
	struct pvb_workers *w = calloc(1, sizeof(*w));

	if (w)
		w->program = strdup(program ? program : "/proc/self/exe");
	if (!w || !w->program) {
		free(w);
		return pvb_err_set(e, -ENOMEM, "out of memory");
	}
	w->loop = loop;
	w->log = log;
	*out = w;
	return 0;
}

void pvb_workers_destroy(struct pvb_workers *w)
{
	if (!w)
		return;
	while (w->first)
		remove_process(w, w->first);
	free(w->program);
	free(w);
}
