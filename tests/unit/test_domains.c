/* SPDX-License-Identifier: MIT */
/* The life of a domain: known by the toolstack's word, alive by its
   processes, and what the store says of it. */
#include "mem_fixture.h"

#include <poll.h>
#include <sys/stat.h>

#include "hyp/store.h"

enum { NEW = 11, RELEASED = 1, INTRODUCED = 2 };

static struct pvb_store *open_store(uint16_t domid)
{
	struct pvb_err e = PVB_ERR_INIT;
	struct pvb_store *s = pvb_store_open_local(machine.run, domid, false,
	                                           &e);

	if (!s)
		fail_msg("%s", e.text);
	return s;
}

/* Domain 0's store, watching who comes and goes; the first events are the
   ones that every watch begins with. */
static struct pvb_store *watch_domains(void)
{
	struct pvb_store *s = open_store(0);

	assert_int_equal(s->ops->watch(s, "@releaseDomain", RELEASED), 0);
	assert_int_equal(s->ops->watch(s, "@introduceDomain", INTRODUCED), 0);
	return s;
}

static uint64_t next_event(struct pvb_store *s)
{
	struct pollfd p = { .fd = s->ops->fd(s), .events = POLLIN };
	struct pvb_store_event e;
	int r;

	while ((r = s->ops->next_event(s, &e)) == 0)
		assert_int_equal(poll(&p, 1, 20000), 1);
	assert_int_equal(r, 1);
	return e.token;
}

static struct pvb_store *ready_to_see(void)
{
	struct pvb_store *s = watch_domains();

	assert_int_equal(next_event(s), RELEASED);
	assert_int_equal(next_event(s), INTRODUCED);
	return s;
}

static bool has_socket(uint16_t domid)
{
	char path[200];
	struct stat st;

	snprintf(path, sizeof(path), "%s/dom%u/hyp", machine.run, domid);
	return stat(path, &st) == 0;
}

static void a_domain_lives_before_its_first_process(void **state)
{
	struct pvb_store *s = ready_to_see();

	(void)state;
	assert_int_equal(s->ops->domain_exists(s, NEW), 0);
	assert_int_equal(s->ops->introduce(s, NEW), 0);
	assert_int_equal(next_event(s), INTRODUCED);
	assert_int_equal(s->ops->domain_exists(s, NEW), 1);
	assert_true(has_socket(NEW));
	assert_int_equal(s->ops->release(s, NEW), 0);
	assert_int_equal(next_event(s), RELEASED);
	assert_int_equal(s->ops->domain_exists(s, NEW), 0);
	assert_false(has_socket(NEW));
	pvb_store_close(s);
}

static void its_last_process_takes_it_along_and_the_next_boots_it(void **state)
{
	static const char path[] = "/local/domain/3/device";
	struct pvb_store *s = ready_to_see();
	struct pvb_mem *f, *g;
	char value[8];

	(void)state;
	assert_int_equal(s->ops->write(s, 0, path, "kept", 4), 0);
	for (int i = 0; i < 3; i++) {
		f = join(FRONT);
		g = join(FRONT);
		if (i > 0)
			assert_int_equal(next_event(s), INTRODUCED);
		assert_int_equal(s->ops->domain_exists(s, FRONT), 1);
		pvb_mem_close(f);
		assert_int_equal(s->ops->domain_exists(s, FRONT), 1);
		pvb_mem_close(g);
		assert_int_equal(next_event(s), RELEASED);
		assert_int_equal(s->ops->domain_exists(s, FRONT), 0);
		assert_true(has_socket(FRONT));
		assert_int_equal(s->ops->read(s, 0, path, value, 8), 4);
	}
	pvb_store_close(s);
}

static void a_process_in_the_store_alone_is_no_life(void **state)
{
	struct pvb_store *s = ready_to_see(), *theirs = open_store(FRONT);

	(void)state;
	pvb_store_close(theirs);
	assert_int_equal(s->ops->domain_exists(s, FRONT), 1);
	/* And it may look while nothing runs there. */
	pvb_mem_close(join(FRONT));
	assert_int_equal(next_event(s), RELEASED);
	theirs = open_store(FRONT);
	assert_int_equal(theirs->ops->write(theirs, 0, "/local", "", 0),
	                 -EACCES);
	pvb_store_close(theirs);
	assert_int_equal(s->ops->domain_exists(s, FRONT), 0);
	pvb_store_close(s);
}

static void a_worker_keeps_its_domain_alive(void **state)
{
	struct pvb_store *s = ready_to_see();
	struct pvb_mem *f = join(FRONT), *w;
	int fd = pvb_mem_local_limited(machine.run, FRONT, OTHER, NULL);

	(void)state;
	assert_true(fd >= 0);
	w = pvb_mem_open_local_fd(fd, NULL, NULL);
	assert_non_null(w);
	pvb_mem_close(f);
	while (machine_counts(&machine).connections > 1)
		;
	assert_int_equal(s->ops->domain_exists(s, FRONT), 1);
	pvb_mem_close(w);
	assert_int_equal(next_event(s), RELEASED);
	pvb_store_close(s);
}

static void domain_0_cannot_die(void **state)
{
	struct pvb_store *s = ready_to_see();

	(void)state;
	pvb_mem_close(join(BACK));
	while (machine_counts(&machine).connections > 0)
		;
	assert_int_equal(s->ops->domain_exists(s, 0), 1);
	assert_int_equal(machine_counts(&machine).introduced,
	                 at_start.introduced);
	pvb_store_close(s);
}

static void a_halted_domain_can_be_introduced_or_released(void **state)
{
	struct pvb_store *s = ready_to_see();

	(void)state;
	pvb_mem_close(join(FRONT));
	assert_int_equal(next_event(s), RELEASED);
	assert_int_equal(s->ops->introduce(s, FRONT), 0);
	assert_int_equal(next_event(s), INTRODUCED);
	assert_int_equal(s->ops->domain_exists(s, FRONT), 1);
	assert_int_equal(machine_counts(&machine).introduced,
	                 at_start.introduced);
	pvb_mem_close(join(FRONT));
	assert_int_equal(next_event(s), RELEASED);
	assert_int_equal(s->ops->release(s, FRONT), 0);
	assert_false(has_socket(FRONT));
	assert_int_equal(s->ops->release(s, FRONT), -ENOENT);
	pvb_store_close(s);
}

static void release_ends_its_connections_and_not_its_peers_memory(void **state)
{
	struct pvb_store *s = ready_to_see(), *theirs = open_store(FRONT);
	struct pvb_mem *f = join(FRONT), *b = join(BACK);
	struct pvb_hyp_counts now;
	uint32_t gref, port, remote;
	char *p = share(f, 1, false, &gref), *w, value[8];

	(void)state;
	assert_int_equal(f->ops->offer(f, BACK, &remote), 0);
	assert_int_equal(b->ops->bind(b, FRONT, remote, &port), 0);
	assert_int_equal(window(b, gref, true, &w), 0);
	strcpy(p, "mine");
	assert_int_equal(s->ops->release(s, FRONT), 0);
	assert_int_equal(next_event(s), RELEASED);
	now = machine_counts(&machine);
	assert_int_equal(now.domains, at_start.domains - 1);
	assert_int_equal(now.connections, 1);
	assert_int_equal(now.store_connections, 1);
	assert_int_equal(now.ports, 1);
	assert_int_equal(f->ops->offer(f, BACK, &remote), -EIO);
	assert_int_equal(theirs->ops->read(theirs, 0, "/x", value, 8), -EIO);
	assert_string_equal(w, "mine");
	assert_int_equal(window(b, gref, true, &p), -ENOENT);
	/* A new domain of the same number is another one. */
	assert_int_equal(s->ops->introduce(s, FRONT), 0);
	pvb_mem_close(f);
	f = join(FRONT);
	assert_int_equal(window(b, gref, true, &p), -ENOENT);
	pvb_mem_close(f);
	pvb_mem_close(b);
	pvb_store_close(theirs);
	pvb_store_close(s);
	await_start(1);
}

static void the_machine_s_end_ends_everybody(void **state)
{
	struct pvb_store *s = ready_to_see();
	struct pvb_mem *f = join(FRONT), *b = join(BACK);
	uint32_t port;

	(void)state;
	machine_call(&machine, machine_end_broker, NULL);
	assert_int_equal(s->ops->domain_exists(s, FRONT), -EIO);
	assert_int_equal(f->ops->offer(f, BACK, &port), -EIO);
	pvb_mem_close(f);
	pvb_mem_close(b);
	pvb_store_close(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_domain_lives_before_its_first_process),
		TEST(its_last_process_takes_it_along_and_the_next_boots_it),
		TEST(a_process_in_the_store_alone_is_no_life),
		TEST(a_worker_keeps_its_domain_alive),
		TEST(domain_0_cannot_die),
		TEST(a_halted_domain_can_be_introduced_or_released),
		TEST(release_ends_its_connections_and_not_its_peers_memory),
		TEST(the_machine_s_end_ends_everybody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
