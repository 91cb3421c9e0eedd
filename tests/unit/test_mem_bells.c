/* SPDX-License-Identifier: MIT */
/* Doorbells of the local machine, through handles and a real broker. */
#include "mem_fixture.h"

#include <poll.h>

static bool is_readable(struct pvb_mem *m, uint32_t port)
{
	struct pollfd p = { .fd = m->ops->fd(m, port), .events = POLLIN };

	assert_in_range(poll(&p, 1, 0), 0, 1);
	assert_int_equal(p.revents & ~POLLIN, 0);
	return p.revents != 0;
}

struct pair { struct pvb_mem *f, *b; uint32_t offered, bound; };

static struct pair make_pair(void)
{
	struct pair p = { .f = join(FRONT), .b = join(BACK) };

	assert_int_equal(p.f->ops->offer(p.f, BACK, &p.offered), 0);
	assert_int_equal(p.b->ops->bind(p.b, FRONT, p.offered, &p.bound), 0);
	return p;
}

static void drop_pair(struct pair *p)
{
	pvb_mem_close(p->f);
	pvb_mem_close(p->b);
	await_start(1);
}

static void the_back_is_rung_when_it_binds(void **state)
{
	struct pair p = make_pair();

	(void)state;
	assert_true(is_readable(p.b, p.bound));
	assert_int_equal(p.b->ops->clear(p.b, p.bound), 1);
	assert_false(is_readable(p.b, p.bound));
	assert_int_equal(p.b->ops->clear(p.b, p.bound), 0);
	assert_false(is_readable(p.f, p.offered));
	drop_pair(&p);
}

static void rings_are_heard_once_however_many_there_were(void **state)
{
	struct pair p = make_pair();

	(void)state;
	(void)p.b->ops->clear(p.b, p.bound);
	for (int i = 0; i < 5000; i++)
		p.f->ops->notify(p.f, p.offered);
	assert_true(is_readable(p.b, p.bound));
	assert_false(is_readable(p.f, p.offered));
	assert_int_equal(p.b->ops->clear(p.b, p.bound), 1);
	assert_int_equal(p.b->ops->clear(p.b, p.bound), 0);
	p.b->ops->notify(p.b, p.bound);
	assert_int_equal(p.f->ops->clear(p.f, p.offered), 1);
	drop_pair(&p);
}

static void *wait_for_ring(void *arg)
{
	struct pair *p = arg;
	struct pollfd w = { .events = POLLIN };

	w.fd = p->b->ops->fd(p->b, p->bound);
	return poll(&w, 1, 20000) == 1 ? p : NULL;
}

static void a_ring_wakes_who_sleeps(void **state)
{
	struct pair p = make_pair();
	pthread_t sleeper;
	void *woken;

	(void)state;
	(void)p.b->ops->clear(p.b, p.bound);
	assert_int_equal(pthread_create(&sleeper, NULL, wait_for_ring, &p), 0);
	p.f->ops->notify(p.f, p.offered);
	assert_int_equal(pthread_join(sleeper, &woken), 0);
	assert_ptr_equal(woken, &p);
	drop_pair(&p);
}

static void only_the_named_domain_may_bind(void **state)
{
	struct pair p = make_pair();
	struct pvb_mem *o = join(OTHER);
	uint32_t port, mine;

	(void)state;
	assert_int_equal(p.f->ops->offer(p.f, BACK, &port), 0);
	assert_int_equal(o->ops->bind(o, FRONT, port, &mine), -EACCES);
	assert_int_equal(p.b->ops->bind(p.b, FRONT, p.offered, &mine), -ENOENT);
	assert_int_equal(p.b->ops->bind(p.b, FRONT, 4711, &mine), -ENOENT);
	assert_int_equal(p.b->ops->bind(p.b, OTHER, port, &mine), -ENOENT);
	assert_int_equal(o->ops->fd(o, 1), -ENOENT);
	pvb_mem_close(o);
	pvb_mem_close(p.f);
	pvb_mem_close(p.b);
	await_start(2);
}

static void a_port_that_was_left_can_be_bound_again_by_number(void **state)
{
	struct pair p = make_pair();
	struct pvb_hyp_counts now;

	(void)state;
	p.b->ops->unbind(p.b, p.bound);
	p.f->ops->notify(p.f, p.offered);       /* nobody there */
	now = machine_counts(&machine);
	assert_int_equal(now.ports, 1);
	assert_int_equal(now.channels_bound, 0);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(p.b->ops->bind(p.b, FRONT, p.offered,
		                                &p.bound), 0);
		assert_int_equal(p.b->ops->clear(p.b, p.bound), 1);
		p.b->ops->notify(p.b, p.bound);
		assert_int_equal(p.f->ops->clear(p.f, p.offered), 1);
		pvb_mem_close(p.b);
		while (machine_counts(&machine).channels_bound)
			;
		p.b = join(BACK);
	}
	drop_pair(&p);
}

static void the_front_s_death_leaves_the_back_a_silent_port(void **state)
{
	struct pair p = make_pair();

	(void)state;
	(void)p.b->ops->clear(p.b, p.bound);
	pvb_mem_close(p.f);
	while (machine_counts(&machine).ports > 1)
		;
	assert_false(is_readable(p.b, p.bound));
	p.b->ops->notify(p.b, p.bound);
	assert_int_equal(p.b->ops->clear(p.b, p.bound), 0);
	p.b->ops->unbind(p.b, p.bound);
	p.f = NULL;
	drop_pair(&p);
}

static void many_ports_of_one_handle_do_not_mix(void **state)
{
	enum { PORTS = 50 };
	struct pvb_mem *f = join(FRONT), *b = join(BACK);
	uint32_t offered[PORTS], bound[PORTS];

	(void)state;
	for (int i = 0; i < PORTS; i++) {
		assert_int_equal(f->ops->offer(f, BACK, &offered[i]), 0);
		assert_int_equal(b->ops->bind(b, FRONT, offered[i], &bound[i]),
		                 0);
		(void)b->ops->clear(b, bound[i]);
	}
	for (int i = 0; i < PORTS; i += 2) {
		f->ops->unbind(f, offered[i]);
		b->ops->unbind(b, bound[i]);
	}
	for (int i = 1; i < PORTS; i += 2) {
		f->ops->notify(f, offered[i]);
		for (int j = 1; j < PORTS; j += 2)
			assert_int_equal(is_readable(b, bound[j]), i == j);
		assert_int_equal(b->ops->clear(b, bound[i]), 1);
	}
	pvb_mem_close(f);
	pvb_mem_close(b);
	await_start(1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_back_is_rung_when_it_binds),
		TEST(rings_are_heard_once_however_many_there_were),
		TEST(a_ring_wakes_who_sleeps),
		TEST(only_the_named_domain_may_bind),
		TEST(a_port_that_was_left_can_be_bound_again_by_number),
		TEST(the_front_s_death_leaves_the_back_a_silent_port),
		TEST(many_ports_of_one_handle_do_not_mix),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
