/* SPDX-License-Identifier: MIT */
/* What is left of pages and doorbells when one of the three that use them
   dies: nothing that the others need is missing, nothing else stays. */
#include "mem_fixture.h"

#include <poll.h>
#include <signal.h>
#include <sys/wait.h>

static void a_front_s_death_ends_its_grants_and_not_the_back(void **state)
{
	struct pvb_mem *f = join(FRONT), *b = join(BACK);
	struct pvb_hyp_counts now;
	uint32_t gref[2];
	char *p = share(f, 2, false, gref), *w, *v;

	(void)state;
	strcpy(p, "last words");
	assert_int_equal(window(b, gref[0], true, &w), 0);
	pvb_mem_close(f);
	while (window(b, gref[0], true, &v) == 0)
		;
	assert_int_equal(window(b, gref[0], true, &v), -ENOENT);
	assert_int_equal(window(b, gref[1], false, &v), -ENOENT);
	assert_string_equal(w, "last words");
	w[0] = 'L';
	now = machine_counts(&machine);
	assert_int_equal(now.areas, 1);
	assert_int_equal(now.areas_held, 1);
	pvb_mem_close(b);
	await_start(1);
}

static void a_back_s_death_leaves_the_front_its_pages(void **state)
{
	struct pvb_mem *f = join(FRONT), *b = join(BACK);
	uint32_t gref;
	char *p = share(f, 1, false, &gref), *w;

	(void)state;
	assert_int_equal(window(b, gref, true, &w), 0);
	strcpy(w, "answered");
	pvb_mem_close(b);
	assert_string_equal(p, "answered");
	b = join(BACK);
	assert_int_equal(window(b, gref, true, &w), 0);
	assert_string_equal(w, "answered");
	pvb_mem_close(b);
	pvb_mem_close(f);
	await_start(1);
}

/* A front process that shares, says so with a byte and then sleeps. */
static pid_t spawn_front(uint32_t *gref, uint32_t *port)
{
	int say[2];
	uint32_t told[2] = { 0, 0 };
	pid_t child;

	assert_int_equal(pipe(say), 0);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		struct pvb_mem *f = pvb_mem_open_local(machine.run, FRONT,
		                                       NULL, NULL);
		void *p;

		if (!f || f->ops->share(f, BACK, 1, false, &p, &told[0]) < 0 ||
		    f->ops->offer(f, BACK, &told[1]) < 0)
			_exit(1);
		strcpy(p, "child");
		if (write(say[1], told, sizeof(told)) != sizeof(told))
			_exit(1);
		for (;;)
			pause();
	}
	close(say[1]);
	assert_int_equal(read(say[0], told, sizeof(told)), sizeof(told));
	close(say[0]);
	*gref = told[0];
	*port = told[1];
	return child;
}

static void a_front_process_can_be_killed_at_any_time(void **state)
{
	uint32_t gref, remote, port;
	struct pvb_mem *b;
	pid_t child;
	char *w;

	(void)state;
	for (int step = 0; step < 4; step++) {
		b = join(BACK);
		child = spawn_front(&gref, &remote);
		if (step > 0)
			assert_int_equal(window(b, gref, true, &w), 0);
		if (step > 1)
			assert_int_equal(b->ops->bind(b, FRONT, remote, &port),
			                 0);
		if (step > 2)
			b->ops->notify(b, port);
		kill(child, SIGKILL);
		assert_int_equal(waitpid(child, NULL, 0), child);
		if (step > 0)
			assert_string_equal(w, "child");
		if (step > 1)
			b->ops->notify(b, port);
		if (step > 2)
			b->ops->unbind(b, port);
		pvb_mem_close(b);
		await_start(1);
	}
}

static void the_hypervisor_s_death_leaves_what_is_mapped(void **state)
{
	struct pvb_mem *f = join(FRONT), *b = join(BACK);
	uint32_t gref, other;
	char *p = share(f, 1, false, &gref), *w;
	void *v;

	(void)state;
	assert_int_equal(window(b, gref, true, &w), 0);
	machine_call(&machine, machine_end_broker, NULL);
	strcpy(p, "still here");
	assert_string_equal(w, "still here");
	assert_int_equal(window(b, pvb_hyp_gref(99, 0), true, &w), -EIO);
	assert_int_equal(b->ops->share(b, FRONT, 1, false, &v, &other), -EIO);
	assert_int_equal(b->ops->offer(b, FRONT, &other), -EIO);
	pvb_mem_close(f);
	pvb_mem_close(b);
}

/* A back process that maps and binds what it is told, says so and sleeps. */
static pid_t spawn_back(uint32_t gref, uint32_t remote)
{
	int say[2];
	char done;
	pid_t child;

	assert_int_equal(pipe(say), 0);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		struct pvb_mem *b = pvb_mem_open_local(machine.run, BACK,
		                                       NULL, NULL);
		uint32_t port;
		void *p;

		if (!b || b->ops->window(b, FRONT, gref, true, &p) < 0 ||
		    b->ops->bind(b, FRONT, remote, &port) < 0)
			_exit(1);
		b->ops->notify(b, port);
		strcpy(p, "was here");
		if (write(say[1], "", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	close(say[1]);
	assert_int_equal(read(say[0], &done, 1), 1);
	close(say[0]);
	return child;
}

static void a_back_process_can_be_killed_and_the_next_takes_over(void **state)
{
	struct pvb_mem *f = join(FRONT);
	struct pvb_hyp_counts alone, now;
	struct pollfd bell = { .events = POLLIN };
	uint32_t gref, port;
	char *p = share(f, 1, false, &gref);
	pid_t child;

	(void)state;
	assert_int_equal(f->ops->offer(f, BACK, &port), 0);
	bell.fd = f->ops->fd(f, port);
	alone = machine_counts(&machine);
	for (int i = 0; i < 5; i++) {
		p[0] = '\0';
		child = spawn_back(gref, port);
		assert_string_equal(p, "was here");
		assert_int_equal(poll(&bell, 1, 10000), 1);
		assert_int_equal(f->ops->clear(f, port), 1);
		now = machine_counts(&machine);
		assert_int_equal(now.channels_bound, 1);
		assert_int_equal(now.areas_held, 1);
		kill(child, SIGKILL);
		assert_int_equal(waitpid(child, NULL, 0), child);
		machine_await_counts(&machine, &alone);
		assert_int_equal(f->ops->clear(f, port), 0);
	}
	pvb_mem_close(f);
	await_start(1);
}

/* ---- any order ---------------------------------------------------------- */

enum { FRONTS = 6, BACKS = 6, STEPS = 4000 };

struct soak {
	struct pvb_mem *front[FRONTS], *back[BACKS];
	uint32_t gref[FRONTS], port[FRONTS];    /* 0: none */
	void *page[FRONTS];
	uint32_t bound[BACKS], seed;
};

static uint32_t roll(struct soak *s, uint32_t n)
{
	s->seed = s->seed * 1664525 + 1013904223;
	return (s->seed >> 16) % n;
}

static void close_front(struct soak *s, uint32_t i)
{
	pvb_mem_close(s->front[i]);
	s->front[i] = NULL;
	s->gref[i] = s->port[i] = 0;
}

static void front_step(struct soak *s, uint32_t i)
{
	struct pvb_mem *f = s->front[i];

	if (!f) {
		s->front[i] = join(FRONT);
		return;
	}
	switch (roll(s, 6)) {
	case 0:
		close_front(s, i);
		break;
	case 1: case 2:
		if (s->gref[i]) {
			f->ops->unshare(f, s->page[i], 1);
			s->gref[i] = 0;
			break;
		}
		assert_int_equal(f->ops->share(f, BACK, 1, roll(s, 2),
		                               &s->page[i], &s->gref[i]), 0);
		break;
	case 3: case 4:
		if (!s->port[i])
			assert_int_equal(f->ops->offer(f, BACK, &s->port[i]),
			                 0);
		else
			f->ops->notify(f, s->port[i]);
		break;
	default:
		if (s->port[i])
			f->ops->unbind(f, s->port[i]);
		s->port[i] = 0;
	}
}

static void back_step(struct soak *s, uint32_t i)
{
	struct pvb_mem *b = s->back[i];
	uint32_t j = roll(s, FRONTS);
	char *w;
	int r;

	if (!b) {
		s->back[i] = join(BACK);
		return;
	}
	switch (roll(s, 6)) {
	case 0:
		pvb_mem_close(b);
		s->back[i] = NULL;
		s->bound[i] = 0;
		break;
	case 1: case 2:
		r = window(b, s->gref[j], roll(s, 2), &w);
		assert_true(r == 0 || r == -ENOENT || r == -EACCES);
		assert_true(s->gref[j] || r == -ENOENT);
		if (r == 0)
			assert_in_range(w[0] + 1, 0, 2);
		break;
	case 3: case 4:
		if (s->bound[i])
			b->ops->notify(b, s->bound[i]);
		else if (b->ops->bind(b, FRONT, s->port[j], &s->bound[i]) < 0)
			s->bound[i] = 0;
		break;
	default:
		if (s->bound[i])
			b->ops->unbind(b, s->bound[i]);
		s->bound[i] = 0;
	}
}

static void any_order_of_coming_and_going_leaves_nothing(void **state)
{
	struct soak s = { .seed = 20 };

	(void)state;
	for (int i = 0; i < STEPS; i++)
		if (roll(&s, 2))
			front_step(&s, roll(&s, FRONTS));
		else
			back_step(&s, roll(&s, BACKS));
	for (uint32_t i = 0; i < FRONTS; i++)
		close_front(&s, i);
	for (uint32_t i = 0; i < BACKS; i++)
		pvb_mem_close(s.back[i]);
	await_start(1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_front_s_death_ends_its_grants_and_not_the_back),
		TEST(a_back_s_death_leaves_the_front_its_pages),
		TEST(a_front_process_can_be_killed_at_any_time),
		TEST(a_back_process_can_be_killed_and_the_next_takes_over),
		TEST(the_hypervisor_s_death_leaves_what_is_mapped),
		TEST(any_order_of_coming_and_going_leaves_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
