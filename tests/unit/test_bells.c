/* SPDX-License-Identifier: MIT */
/* Event channels: who may bind, what stays when an end goes, and what one
   end can do to the other. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>
#include <cmocka.h>

#include "broker/bells.h"
#include "broker/reopen.h"

enum { FRONT = 4, BACK = 0, OTHER = 9, WAIT = 0, RING = 1 };

static struct pvb_bells bells;

static int setup(void **state)
{
	(void)state;
	bells = (struct pvb_bells){ 0 };
	return 0;
}

struct end { struct pvb_port *port; int fd[2]; };

static struct end offer(uint16_t who, uint16_t peer)
{
	struct end e;

	assert_int_equal(pvb_bells_offer(&bells, who, peer, &e.port), 0);
	assert_int_equal(pvb_port_fds(e.port, e.fd), 0);
	return e;
}

static struct end bind_to(uint16_t who, uint16_t peer, uint32_t number)
{
	struct end e;

	assert_int_equal(pvb_bells_bind(&bells, who, peer, number, &e.port), 0);
	assert_int_equal(pvb_port_fds(e.port, e.fd), 0);
	return e;
}

static void drop(struct end *e)
{
	pvb_close_all(e->fd, 2);
	pvb_bells_close(&bells, e->port);
}

static void ring(const struct end *e)
{
	assert_int_equal(write(e->fd[RING], "", 1), 1);
}

static int waits(const struct end *e)
{
	struct pollfd p = { .fd = e->fd[WAIT], .events = POLLIN };

	assert_in_range(poll(&p, 1, 0), 0, 1);
	return p.revents;
}

/* Was it rung?  Takes the ring. */
static bool heard(const struct end *e)
{
	char b[4096];

	return read(e->fd[WAIT], b, sizeof(b)) > 0;
}

static void each_end_rings_the_other_and_not_itself(void **state)
{
	struct end f = offer(FRONT, BACK);
	struct end b = bind_to(BACK, FRONT, f.port->number);

	(void)state;
	(void)heard(&b);
	ring(&f);
	assert_false(heard(&f));
	assert_true(heard(&b));
	assert_false(heard(&b));
	ring(&b);
	assert_false(heard(&b));
	assert_true(heard(&f));
	assert_false(heard(&f));
	drop(&f);
	drop(&b);
	pvb_bells_fini(&bells);
}

static void a_bound_end_is_rung_once_and_has_lost_nothing(void **state)
{
	struct end f = offer(FRONT, BACK), b;

	(void)state;
	b = bind_to(BACK, FRONT, f.port->number);
	assert_true(heard(&b));
	assert_false(heard(&b));
	assert_false(heard(&f));
	drop(&b);
	ring(&f);               /* to nobody */
	b = bind_to(BACK, FRONT, f.port->number);
	assert_true(heard(&b));
	drop(&f);
	drop(&b);
	pvb_bells_fini(&bells);
}

static void only_the_named_domain_may_bind_and_only_once(void **state)
{
	struct end f = offer(FRONT, BACK), b;
	uint32_t number = f.port->number;
	struct pvb_port *p;

	(void)state;
	assert_int_equal(pvb_bells_bind(&bells, OTHER, FRONT, number, &p),
	                 -EACCES);
	assert_int_equal(pvb_bells_bind(&bells, FRONT, FRONT, number, &p),
	                 -EACCES);
	assert_int_equal(pvb_bells_bind(&bells, BACK, FRONT, number + 1, &p),
	                 -ENOENT);
	assert_int_equal(pvb_bells_bind(&bells, BACK, FRONT, 0, &p), -ENOENT);
	assert_int_equal(pvb_bells_bind(&bells, BACK, OTHER, number, &p),
	                 -ENOENT);
	assert_int_equal(bells.bound, 0);
	b = bind_to(BACK, FRONT, number);
	assert_int_equal(bells.bound, 1);
	assert_int_equal(pvb_bells_bind(&bells, BACK, FRONT, number, &p),
	                 -ENOENT);
	assert_int_equal(pvb_bells_bind(&bells, OTHER, FRONT, number, &p),
	                 -EACCES);
	assert_int_equal(bells.ports, 2);
	drop(&f);
	drop(&b);
	pvb_bells_fini(&bells);
}

static void the_end_that_stays_can_be_bound_again_by_who_left(void **state)
{
	struct end f = offer(FRONT, BACK);
	uint32_t number = f.port->number;
	struct pvb_port *p;
	struct end b;

	(void)state;
	for (int i = 0; i < 100; i++) {
		b = bind_to(BACK, FRONT, number);
		(void)heard(&b);
		ring(&f);
		assert_true(heard(&b));
		ring(&b);
		assert_true(heard(&f));
		drop(&b);
		assert_int_equal(bells.bound, 0);
		assert_int_equal(f.port->number, number);
	}
	assert_int_equal(pvb_bells_bind(&bells, OTHER, FRONT, number, &p),
	                 -EACCES);
	drop(&f);
	assert_int_equal(pvb_bells_bind(&bells, BACK, FRONT, number, &p),
	                 -ENOENT);
	pvb_bells_fini(&bells);
}

static void when_the_offerer_leaves_it_may_bind_the_other_end(void **state)
{
	struct end f = offer(FRONT, BACK);
	struct end b = bind_to(BACK, FRONT, f.port->number);
	struct pvb_port *p;

	(void)state;
	drop(&f);
	(void)heard(&b);
	ring(&b);
	assert_int_equal(pvb_bells_bind(&bells, OTHER, BACK, b.port->number,
	                                &p), -EACCES);
	f = bind_to(FRONT, BACK, b.port->number);
	assert_true(heard(&f));
	ring(&f);
	assert_true(heard(&b));
	drop(&b);
	drop(&f);
	assert_int_equal(bells.ports, 0);
	pvb_bells_fini(&bells);
}

static void an_end_that_dies_shows_neither_hang_up_nor_signal(void **state)
{
	struct end f = offer(FRONT, BACK);
	struct end b = bind_to(BACK, FRONT, f.port->number);

	(void)state;
	(void)heard(&b);
	drop(&f);
	assert_int_equal(waits(&b), 0);
	ring(&b);
	/* The hypervisor is gone as well: all that is left is our end. */
	pvb_bells_close(&bells, b.port);
	assert_int_equal(waits(&b), 0);
	ring(&b);
	assert_false(heard(&b));
	pvb_close_all(b.fd, 2);
	pvb_bells_fini(&bells);
}

static void fill(int fd)
{
	char bytes[512] = "";

	assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
	while (write(fd, bytes, sizeof(bytes)) > 0)
		;
	while (write(fd, bytes, 1) > 0)
		;
}

/* Would hang if a flag that one end sets reached the other. */
static void one_end_cannot_make_the_other_wait(void **state)
{
	struct end f = offer(FRONT, BACK);
	struct end b = bind_to(BACK, FRONT, f.port->number);

	(void)state;
	fill(f.fd[WAIT]);
	fill(f.fd[RING]);
	assert_int_equal(fcntl(f.fd[WAIT], F_SETFL, 0), 0);
	assert_int_equal(fcntl(f.fd[RING], F_SETFL, 0), 0);

	assert_int_equal(write(b.fd[RING], "", 1), -1);
	assert_int_equal(errno, EAGAIN);
	assert_true(heard(&b));
	while (heard(&b))
		;
	assert_int_equal(errno, EAGAIN);
	/* The hypervisor rings when somebody binds: neither may it wait. */
	fill(f.fd[RING]);
	assert_int_equal(fcntl(f.fd[RING], F_SETFL, 0), 0);
	drop(&b);
	b = bind_to(BACK, FRONT, f.port->number);
	assert_true(heard(&b));
	drop(&f);
	drop(&b);
	pvb_bells_fini(&bells);
}

static void any_number_of_rings_is_one_page(void **state)
{
	struct end f = offer(FRONT, BACK);
	struct end b = bind_to(BACK, FRONT, f.port->number);
	ssize_t n = 1;

	(void)state;
	for (int i = 0; i < 10000; i++)
		n = write(f.fd[RING], "", 1);
	assert_int_equal(n, -1);
	assert_int_equal(errno, EAGAIN);
	assert_true(heard(&b));
	assert_false(heard(&b));
	drop(&f);
	drop(&b);
	pvb_bells_fini(&bells);
}

static void numbers_start_at_one_and_the_lowest_free_is_next(void **state)
{
	struct end a = offer(FRONT, BACK), b = offer(FRONT, BACK);
	struct end c = offer(OTHER, BACK);

	(void)state;
	assert_int_equal(a.port->number, 1);
	assert_int_equal(b.port->number, 2);
	assert_int_equal(c.port->number, 1);
	drop(&a);
	a = offer(FRONT, BACK);
	assert_int_equal(a.port->number, 1);
	drop(&a);
	drop(&b);
	drop(&c);
	pvb_bells_fini(&bells);
}

static void a_domain_has_a_quota_of_ports(void **state)
{
	enum { OFFERS = 8 };
	static struct pvb_port bulk[PVB_BELLS_PER_DOMAIN_MAX - OFFERS];
	struct end made[OFFERS];
	struct pvb_port **last, *p;

	(void)state;
	for (int i = 0; i < OFFERS; i++)
		made[i] = offer(FRONT, BACK);
	/* As if opened, with no pipes of their own. */
	last = &bells.bucket[FRONT % PVB_BELLS_BUCKETS];
	while (*last)
		last = &(*last)->next;
	for (uint32_t i = 0; i < PVB_BELLS_PER_DOMAIN_MAX - OFFERS; i++)
		bulk[i] = (struct pvb_port){ .domid = FRONT,
			.number = OFFERS + 1 + i,
			.next = i ? &bulk[i - 1] : NULL };
	*last = &bulk[PVB_BELLS_PER_DOMAIN_MAX - OFFERS - 1];
	assert_int_equal(pvb_bells_offer(&bells, FRONT, BACK, &p), -ENOSPC);
	*last = NULL;
	for (int i = 0; i < OFFERS; i++)
		drop(&made[i]);
	pvb_bells_fini(&bells);
}

static void a_domain_may_ring_itself(void **state)
{
	struct end a = offer(FRONT, FRONT);
	struct end b = bind_to(FRONT, FRONT, a.port->number);

	(void)state;
	assert_int_not_equal(a.port->number, b.port->number);
	ring(&b);
	assert_true(heard(&a));
	drop(&a);
	drop(&b);
	pvb_bells_fini(&bells);
}

#define TEST(t) cmocka_unit_test_setup(t, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(each_end_rings_the_other_and_not_itself),
		TEST(a_bound_end_is_rung_once_and_has_lost_nothing),
		TEST(only_the_named_domain_may_bind_and_only_once),
		TEST(the_end_that_stays_can_be_bound_again_by_who_left),
		TEST(when_the_offerer_leaves_it_may_bind_the_other_end),
		TEST(an_end_that_dies_shows_neither_hang_up_nor_signal),
		TEST(one_end_cannot_make_the_other_wait),
		TEST(any_number_of_rings_is_one_page),
		TEST(numbers_start_at_one_and_the_lowest_free_is_next),
		TEST(a_domain_has_a_quota_of_ports),
		TEST(a_domain_may_ring_itself),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
