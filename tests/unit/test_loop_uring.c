/* SPDX-License-Identifier: MIT */
/*
 * test_loop_uring.c - completions beside everything else that a loop waits
 * for.  The loop without an io_uring is in test_loop.c.
 */
#include <pthread.h>
#include <stdatomic.h>

#include "loop_fixture.h"
#include "skip_all.h"

#ifdef PVB_HAVE_URING
#include <liburing.h>

enum { ENTRIES = 8 };

static int make_ring_loop(void **state)
{
	const struct pvb_loop_config c = { .uring_entries = ENTRIES };

	(void)state;
	loop = pvb_loop_create(&c, NULL);
	if (!loop)
		return -1;
	return 0;
}

/* 0, or with which errno the kernel (or a sandbox) says no. */
static int refusal(void)
{
	int r;

	if (make_ring_loop(NULL) < 0)
		return EINVAL;
	r = pvb_loop_uring_refusal(loop);
	(void)drop_loop(NULL);
	return r;
}

struct request {
	struct pvb_loop_cqe cqe;
	int done;
	int32_t result;
	void (*also)(struct request *r);
};

static void complete(struct pvb_loop_cqe *c, int32_t result, uint32_t flags)
{
	struct request *r = pvb_container(c, struct request, cqe);

	(void)flags;
	r->done++;
	r->result = result;
	if (r->also)
		r->also(r);
}

#define REQUEST { .cqe = { .done = complete } }

/* A free place in the queue, submitting what is in the way. */
static struct io_uring_sqe *place(void)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(pvb_loop_uring(loop));

	if (!sqe) {
		pvb_loop_uring_submit(loop);
		sqe = io_uring_get_sqe(pvb_loop_uring(loop));
	}
	assert_non_null(sqe);
	return sqe;
}

static void queue_nop(struct request *r)
{
	struct io_uring_sqe *sqe = place();

	io_uring_prep_nop(sqe);
	io_uring_sqe_set_data(sqe, r ? &r->cqe : NULL);
	pvb_loop_uring_queued(loop);
}

static void queue_read(struct request *r, int fd, void *to, unsigned int bytes)
{
	struct io_uring_sqe *sqe = place();

	io_uring_prep_read(sqe, fd, to, bytes, 0);
	io_uring_sqe_set_data(sqe, &r->cqe);
	pvb_loop_uring_queued(loop);
}

static void one_turn_brings_completion_and_descriptor(void **state)
{
	struct request r = REQUEST;
	struct ear e;

	(void)state;
	add_ear(&e, 1, PVB_LOOP_IN);
	queue_nop(&r);
	turn_blocking();
	assert_int_equal(r.done, 1);
	assert_int_equal(r.result, 0);
	assert_int_equal(e.heard, 1);
	drop_ear(&e);
}

static void *write_later(void *fd)
{
	assert_int_equal(write(*(int *)fd, "late", 4), 4);
	return NULL;
}

static void blocked_loop_wakes_for_a_completion(void **state)
{
	struct request r = REQUEST;
	char got[8];
	pthread_t thread;
	int fds[2];

	(void)state;
	for (int i = 1; i <= 200; i++) {
		assert_int_equal(pipe(fds), 0);
		queue_read(&r, fds[0], got, sizeof(got));
		assert_int_equal(pthread_create(&thread, NULL, write_later,
		                                &fds[1]), 0);
		while (r.done < i)
			turn_blocking();
		assert_int_equal(r.result, 4);
		assert_memory_equal(got, "late", 4);
		(void)pthread_join(thread, NULL);
		(void)close(fds[0]);
		(void)close(fds[1]);
	}
}

static bool poll_nothing(struct pvb_loop_poller *p)
{
	(void)p;
	return false;
}

static atomic_bool written;

static void *write_and_say_so(void *fd)
{
	assert_int_equal(write(*(int *)fd, "spun", 4), 4);
	atomic_store(&written, true);
	return NULL;
}

/*
 * The kernel does not interrupt a spinning loop to finish a request; it
 * leaves a mark, which the very next turn must see.  Nothing here enters the
 * kernel after the write, and the clock stands, so that no look helps.
 */
static void spinning_loop_sees_a_completion_at_once(void **state)
{
	const struct pvb_loop_config c = { .uring_entries = ENTRIES,
	                                   .manual_clock = true };
	struct pvb_loop_poller p = { .poll = poll_nothing,
	                             .arm = poll_nothing };

	(void)state;
	pvb_loop_destroy(loop);
	loop = pvb_loop_create(&c, NULL);
	assert_non_null(loop);
	pvb_loop_set_spin(loop, PVB_LOOP_SPIN_ALWAYS);
	pvb_loop_add_poller(loop, &p);
	for (int i = 0; i < 30; i++) {
		struct request r = REQUEST;
		pthread_t thread;
		char got[4];
		int fds[2];

		assert_int_equal(pipe(fds), 0);
		queue_read(&r, fds[0], got, sizeof(got));
		turn_blocking();
		assert_int_equal(r.done, 0);
		atomic_store(&written, false);
		assert_int_equal(pthread_create(&thread, NULL,
		                                write_and_say_so, &fds[1]), 0);
		while (!atomic_load(&written))
			;
		turn_blocking();
		assert_int_equal(r.done, 1);
		assert_int_equal(r.result, 4);
		(void)pthread_join(thread, NULL);
		(void)close(fds[0]);
		(void)close(fds[1]);
	}
	pvb_loop_remove_poller(&p);
}

static void more_than_the_queues_hold_complete_once_each(void **state)
{
	enum { MANY = 50 * ENTRIES };
	static struct request requests[MANY];
	int done = 0;

	(void)state;
	for (int i = 0; i < MANY; i++) {
		requests[i] = (struct request)REQUEST;
		queue_nop(&requests[i]);
	}
	for (int turns = 0; done < MANY && turns < MANY; turns++) {
		turn_blocking();
		done = 0;
		for (int i = 0; i < MANY; i++)
			done += requests[i].done;
	}
	turn();
	for (int i = 0; i < MANY; i++)
		assert_int_equal(requests[i].done, 1);
}

static void completion_that_nobody_asked_for_is_ignored(void **state)
{
	struct request r = REQUEST;

	(void)state;
	queue_nop(NULL);
	queue_nop(&r);
	turn_blocking();
	assert_int_equal(r.done, 1);
}

static void queue_again(struct request *r)
{
	queue_nop(r);
}

static void request_made_by_a_completion_is_for_the_next_turn(void **state)
{
	struct request r = REQUEST;

	(void)state;
	r.also = queue_again;
	queue_nop(&r);
	for (int i = 1; i <= 5; i++) {
		turn_blocking();
		assert_int_equal(r.done, i);
	}
	r.also = NULL;
	turn_blocking();
	assert_int_equal(r.done, 6);
}

static void refused_request_is_a_completion_with_its_error(void **state)
{
	struct request bad = REQUEST, good = REQUEST;
	char got;

	(void)state;
	queue_read(&bad, -1, &got, 1);
	queue_nop(&good);
	while (!bad.done || !good.done)
		turn_blocking();
	assert_int_equal(bad.result, -EBADF);
	assert_int_equal(good.result, 0);
}

static struct request queued_by_arm;

static bool arm_queues(struct pvb_loop_poller *p)
{
	(void)p;
	if (!queued_by_arm.done)
		queue_nop(&queued_by_arm);
	return false;
}

static void what_arm_queues_is_submitted_before_the_sleep(void **state)
{
	struct pvb_loop_poller p = { .poll = poll_nothing, .arm = arm_queues };

	(void)state;
	queued_by_arm = (struct request)REQUEST;
	pvb_loop_add_poller(loop, &p);
	turn_blocking();
	turn_blocking();
	assert_int_equal(queued_by_arm.done, 1);
	pvb_loop_remove_poller(&p);
}

static void *run_elsewhere(void *arg)
{
	struct request r = REQUEST;

	(void)arg;
	queue_nop(&r);
	for (int i = 0; i < 3 && !r.done; i++)
		(void)pvb_loop_turn(loop, true);
	return r.done == 1 && r.result == 0 ? loop : NULL;
}

static void loop_made_here_may_run_in_another_thread(void **state)
{
	pthread_t thread;
	void *ok = NULL;

	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, run_elsewhere, NULL), 0);
	(void)pthread_join(thread, &ok);
	assert_non_null(ok);
}

#define RING(test) WITH(make_ring_loop, test)

int main(void)
{
	const struct CMUnitTest tests[] = {
		RING(one_turn_brings_completion_and_descriptor),
		RING(blocked_loop_wakes_for_a_completion),
		RING(spinning_loop_sees_a_completion_at_once),
		RING(more_than_the_queues_hold_complete_once_each),
		RING(completion_that_nobody_asked_for_is_ignored),
		RING(request_made_by_a_completion_is_for_the_next_turn),
		RING(refused_request_is_a_completion_with_its_error),
		RING(what_arm_queues_is_submitted_before_the_sleep),
		RING(loop_made_here_may_run_in_another_thread),
	};
	char why[100];
	int r = refusal();

	if (r != 0) {
		(void)snprintf(why, sizeof(why), "no io_uring here: %s",
		               strerror(r));
		return skip_all(why);
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}

#else

int main(void)
{
	return skip_all("built without liburing");
}

#endif
