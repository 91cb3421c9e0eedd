/* SPDX-License-Identifier: MIT */
#include "workers.h"

#include <errno.h>
#include <poll.h>
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
#include "workers_before.h"

enum { LOOK_FIRST_MS = 1, LOOK_MAX_MS = 50, END_MAX_MS = 10000 };

extern char **environ;

struct worker_process {
	struct worker_process *next;
	struct pvb_workers *workers;
	uint16_t            front_domid;
	bool                alone;      /* for one device */
	bool                killed;     /* and not waited for yet */
	pid_t               pid;
	struct pvb_link     link;
	struct pvb_loop_fd  death;      /* its pidfd */
};

struct pvb_workers {
	struct pvb_loop       *loop;
	const struct pvb_log  *log;
	char                  *program;
	struct worker_process *first;
	struct pvb_seat       *seats;
	struct pvb_workers_before before;
	struct pvb_loop_timer  look;    /* for those */
	uint32_t               pause_ms;
};

/* ---- death --------------------------------------------------------------- */

static void say_death(const struct worker_process *p, int status)
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

/* It has been waited for. */
static void forget(struct worker_process *p)
{
	struct worker_process **at = &p->workers->first;

	while (*at && *at != p)
		at = &(*at)->next;
	if (*at)
		*at = p->next;
	pvb_loop_remove_fd(&p->death);
	if (p->death.fd >= 0)
		(void)close(p->death.fd);
	pvb_link_fini(&p->link);
	free(p);
}

static bool is_used(const struct worker_process *p)
{
	const struct pvb_seat *s = p->workers->seats;

	while (s && s->process != p)
		s = s->next;
	return s;
}

/* Its queues' links have closed too: that is how control halves learn of it,
   if they have not yet. */
static void empty_seats(struct worker_process *p)
{
	for (struct pvb_seat *s = p->workers->seats; s; s = s->next) {
		if (s->process != p)
			continue;
		s->process = NULL;
		if (s->burying)
			pvb_loop_defer(p->workers->loop, &s->done);
	}
}

static void end_soon(struct worker_process *p)
{
	if (!p->killed)
		(void)kill(p->pid, SIGKILL);
	p->killed = true;
}

static void died(struct pvb_loop_fd *watch, uint32_t events)
{
	struct worker_process *p =
		pvb_container(watch, struct worker_process, death);
	int status = 0;

	(void)events;
	if (waitpid(p->pid, &status, WNOHANG) != p->pid)
		return;
	if (is_used(p))
		say_death(p, status);
	empty_seats(p);
	forget(p);
}

/* Waits for it, and so for what the kernel does for it; but not for a disk that
   does not answer: whoever serves that next waits for its fence. */
static void end(struct worker_process *p)
{
	struct pollfd dead = { .fd = p->death.fd, .events = POLLIN };

	(void)kill(p->pid, SIGKILL);
	if (dead.fd >= 0 && poll(&dead, 1, END_MAX_MS) == 0)
		pvb_log(p->workers->log, PVB_LOG_WARN,
		        "worker %d of domain %u does not end: its disk does "
		        "not answer; it is left", (int)p->pid, p->front_domid);
	else
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

static int spawn(const char *program, int link_fd, int badge_fd, pid_t *pid)
{
	char arg0[] = "pvb", arg1[] = "worker";
	char *argv[] = { arg0, arg1, NULL };
	posix_spawn_file_actions_t actions;
	int r;

	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, link_fd, PVB_WORKER_FD);
	posix_spawn_file_actions_adddup2(&actions, badge_fd,
	                                 PVB_WORKER_BADGE_FD);
	posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null",
	                                 0, 0);
	r = -posix_spawn(pid, program, &actions, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	return r;
}

/* Takes `link_fd` over. */
static int watch(struct worker_process *p, int link_fd)
{
	static const struct pvb_link_ops ops = { link_message, link_closed };
	struct pvb_loop *loop = p->workers->loop;
	int r = pvb_link_init(&p->link, loop, link_fd, &ops);

	if (r < 0)
		return r;
	p->death = (struct pvb_loop_fd){
		.fd = (int)syscall(SYS_pidfd_open, p->pid, 0),
		.events = PVB_LOOP_IN, .ready = died,
	};
	return p->death.fd < 0 ? -errno : pvb_loop_add_fd(loop, &p->death);
}

/* Our end of its link, or -errno. */
static int start_process(struct pvb_workers *w, uint16_t front_domid,
                         pid_t *pid)
{
	int badge = pvb_workers_before_badge(&w->before, front_domid);
	int ends[2];
	int r = badge < 0 ? badge : pvb_link_pair(ends);

	if (r == 0) {
		r = spawn(w->program, ends[1], badge, pid);
		(void)close(ends[1]);
		if (r < 0)
			(void)close(ends[0]);
	}
	if (badge >= 0)
		(void)close(badge);
	return r < 0 ? r : ends[0];
}

static int start(struct pvb_workers *w, const struct pvb_seat *s,
                 struct worker_process **out)
{
	struct worker_process *p = calloc(1, sizeof(*p));
	int r = p ? start_process(w, s->front_domid, &p->pid) : -ENOMEM;

	if (r < 0) {
		free(p);
		return r;
	}
	p->workers = w;
	p->front_domid = s->front_domid;
	p->alone = s->alone;
	p->death.fd = -1;
	r = watch(p, r);
	if (r < 0) {
		end(p);
		return r;
	}
	p->next = w->first;
	w->first = p;
	pvb_log(w->log, PVB_LOG_INFO, "worker %d for domain %u%s", (int)p->pid,
	        p->front_domid, p->alone ? ", for one device of it" : "");
	*out = p;
	return 0;
}

/* ---- seats --------------------------------------------------------------- */

static void seat_done(struct pvb_loop_task *t)
{
	struct pvb_seat *s = pvb_container(t, struct pvb_seat, done);

	s->burying = false;
	s->buried(s);
}

void pvb_seat_take(struct pvb_seat *s)
{
	s->process = NULL;
	s->burying = false;
	s->done = (struct pvb_loop_task){ .run = seat_done };
	s->next = s->workers->seats;
	s->workers->seats = s;
}

void pvb_seat_leave(struct pvb_seat *s)
{
	struct worker_process *p = s->process;
	struct pvb_seat **at;

	if (!s->workers)
		return;
	for (at = &s->workers->seats; *at != s; at = &(*at)->next)
		;
	*at = s->next;
	pvb_loop_undefer(s->workers->loop, &s->done);
	s->process = NULL;
	if (p && !is_used(p))
		end_soon(p);
}

/* Its own, or that of its domain. */
static int sit_down(struct pvb_seat *s)
{
	struct worker_process *p = s->workers->first;

	if (pvb_workers_before_any(&s->workers->before, s->front_domid))
		return -EAGAIN;
	s->served = true;
	if (s->process)
		return s->process->killed ? -EAGAIN : 0;
	while (p && (s->alone || p->alone || p->killed ||
	             p->front_domid != s->front_domid))
		p = p->next;
	s->process = p;
	return p ? 0 : start(s->workers, s, &s->process);
}

int pvb_seat_queue(struct pvb_seat *s, uint32_t queue)
{
	struct pvb_worker_msg msg = { PVB_WORKER_QUEUE, s->number, queue };
	int ends[2];
	int r = sit_down(s);

	if (r == 0)
		r = pvb_link_pair(ends);
	if (r < 0)
		return r;
	r = pvb_link_send(&s->process->link, &msg, sizeof(msg), &ends[1], 1);
	(void)close(ends[1]);
	if (r < 0) {
		(void)close(ends[0]);
		return -EAGAIN;
	}
	return ends[0];
}

static void look_in(struct pvb_workers *w, uint32_t ms)
{
	w->pause_ms = ms < LOOK_MAX_MS ? ms : LOOK_MAX_MS;
	pvb_loop_arm(w->loop, &w->look, pvb_loop_now_ns(w->loop) +
	             w->pause_ms * UINT64_C(1000000));
}

/* For the workers of a supervisor before us. */
static void look(struct pvb_loop_timer *t)
{
	struct pvb_workers *w = pvb_container(t, struct pvb_workers, look);
	bool more = false;

	for (struct pvb_seat *s = w->seats; s; s = s->next) {
		if (!s->burying || s->process)
			continue;
		if (pvb_workers_before_any(&w->before, s->front_domid))
			more = true;
		else
			pvb_loop_defer(w->loop, &s->done);
	}
	if (more)
		look_in(w, w->pause_ms * 2);
}

void pvb_seat_bury(struct pvb_seat *s)
{
	struct worker_process *p = s->process;

	s->burying = true;
	if (p)
		end_soon(p);
	else if (pvb_workers_before_any(&s->workers->before, s->front_domid))
		look_in(s->workers, LOOK_FIRST_MS);
	else
		pvb_loop_defer(s->workers->loop, &s->done);
}

bool pvb_seat_take_served(struct pvb_seat *s)
{
	bool served = s->served;

	s->served = false;
	return served;
}

bool pvb_seat_is_alone(const struct pvb_seat *s)
{
	for (const struct pvb_seat *o = s->workers->seats; o; o = o->next)
		if (o != s && o->process == s->process)
			return false;
	return true;
}

pid_t pvb_seat_pid(const struct pvb_seat *s)
{
	return s->process ? s->process->pid : 0;
}

/* ---- all of them --------------------------------------------------------- */

int pvb_workers_create(struct pvb_loop *loop, const struct pvb_log *log,
                       const struct pvb_host *host, const char *program,
                       struct pvb_workers **out, struct pvb_err *e)
{
	struct pvb_workers *w = calloc(1, sizeof(*w));
	int r;

	if (w)
		w->program = strdup(program ? program : "/proc/self/exe");
	if (!w || !w->program) {
		free(w);
		return pvb_err_set(e, -ENOMEM, "out of memory");
	}
	w->loop = loop;
	w->log = log;
	w->look.fired = look;
	r = pvb_workers_before_init(&w->before, host, e);
	if (r < 0) {
		pvb_workers_destroy(w);
		return r;
	}
	*out = w;
	return 0;
}

void pvb_workers_destroy(struct pvb_workers *w)
{
	if (!w)
		return;
	while (w->first)
		end(w->first);
	pvb_loop_disarm(&w->look);
	pvb_workers_before_fini(&w->before);
	free(w->program);
	free(w);
}
