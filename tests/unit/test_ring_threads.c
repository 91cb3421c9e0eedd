/* SPDX-License-Identifier: MIT */
/*
 * test_ring_threads.c - front and back in two threads that really sleep.  A
 * bell is a semaphore; an end blocks on it whenever sleep_check allows it and
 * for no other reason, so one lost bell stops the run.  Under ThreadSanitizer
 * it also shows that the indices order the slots.
 */
#include <pthread.h>
#include <semaphore.h>
#include <stdbool.h>
#include <time.h>

#include "ring_pair.h"

enum { DEADLINE_S = 60, DEPTH_MAX = 32 };

/* What an end asserts: cmocka's own asserts are for the main thread. */
struct end {
	struct pvb_ring *ring;
	sem_t *bell, *peers_bell;
	uint64_t random, round_trips;
	uint64_t sleeps, bells;
	const char *failed;
};

/* 1: awake again, 0: the bell did not come. */
static int wait_bell(struct end *e)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += DEADLINE_S;
	e->sleeps++;
	if (sem_timedwait(e->bell, &until) == 0)
		return 1;
	e->failed = "slept, and no bell came";
	return 0;
}

static void publish(struct end *e)
{
	if (pvb_ring_publish(e->ring)) {
		e->bells++;
		sem_post(e->peers_bell);
	}
}

/* Take all that waits.  Each slot is id, ~id. */
static int32_t take(struct end *e, uint64_t *ids)
{
	int32_t i, n = pvb_ring_waiting(e->ring);

	for (i = 0; i < n; i++) {
		uint64_t slot[14];

		pvb_ring_copy(e->ring, (uint32_t)i, slot);
		if (slot[1] != ~slot[0])
			e->failed = "a slot was torn";
		ids[i] = slot[0];
	}
	if (n < 0)
		e->failed = "an honest peer was refused";
	else
		pvb_ring_commit(e->ring, (uint32_t)n);
	return n;
}

static void put(struct end *e, uint64_t id)
{
	uint64_t *slot = pvb_ring_out(e->ring, 0);

	slot[0] = id;
	slot[1] = ~id;
	pvb_ring_push(e->ring, 1);
}

/* Keeps a random number of requests in flight, each id in use once. */
static void *front_main(void *arg)
{
	struct end *e = arg;
	uint64_t ids[DEPTH_MAX], next = 0, done = 0;
	bool open[DEPTH_MAX] = { false };
	uint32_t depth = 1;

	while (done < e->round_trips && !e->failed) {
		int32_t i, n;

		while (next - done < depth && next < e->round_trips &&
		       pvb_ring_room(e->ring) > 0 && !open[next % DEPTH_MAX]) {
			open[next % DEPTH_MAX] = true;
			put(e, next++);
		}
		publish(e);
		n = take(e, ids);
		for (i = 0; i < n; i++) {
			if (!open[ids[i] % DEPTH_MAX])
				e->failed = "an answer to nothing";
			open[ids[i] % DEPTH_MAX] = false;
			done++;
		}
		if (n > 0)
			depth = ring_random(&e->random, DEPTH_MAX) + 1;
		else if (pvb_ring_sleep_check(e->ring) == 0 && !wait_bell(e))
			break;
	}
	return NULL;
}

/* Answers what it took last first, in batches of random size. */
static void *back_main(void *arg)
{
	struct end *e = arg;
	uint64_t ids[DEPTH_MAX], done = 0;

	while (done < e->round_trips && !e->failed) {
		int32_t n = take(e, ids);
		uint32_t batch = ring_random(&e->random, 8) + 1;

		done += n > 0 ? (uint64_t)n : 0;
		while (n-- > 0) {
			put(e, ids[n]);
			if (pvb_ring_unpublished(e->ring) >= batch)
				publish(e);
		}
		publish(e);
		if (done < e->round_trips &&
		    pvb_ring_sleep_check(e->ring) == 0 && !wait_bell(e))
			break;
	}
	return NULL;
}

static void no_bell_is_lost_between_two_sleepers(void **state)
{
	struct ring_pair p;
	sem_t bell[2];
	struct end front = { .random = 1, .round_trips = 250000 };
	struct end back = { .random = 2, .round_trips = 250000 };
	pthread_t threads[2];

	(void)state;
	ring_pair_init(&p, 0, 112, 0u - 1000);
	sem_init(&bell[0], 0, 0);
	sem_init(&bell[1], 0, 0);
	front.ring = &p.front;
	back.ring = &p.back;
	front.bell = back.peers_bell = &bell[0];
	back.bell = front.peers_bell = &bell[1];
	assert_int_equal(0, pthread_create(&threads[0], NULL, front_main,
					   &front));
	assert_int_equal(0, pthread_create(&threads[1], NULL, back_main,
					   &back));
	pthread_join(threads[0], NULL);
	pthread_join(threads[1], NULL);
	if (front.failed || back.failed)
		fail_msg("front: %s; back: %s",
			 front.failed ? front.failed : "well",
			 back.failed ? back.failed : "well");
	assert_int_equal(249000, p.words->rsp_prod);
	assert_int_equal(249000, p.front.in_cons);
	/* Both did sleep, and not every publish rang. */
	assert_true(front.sleeps > 100 && back.sleeps > 100);
	assert_true(front.bells > 0 && back.bells > 0);
	sem_destroy(&bell[0]);
	sem_destroy(&bell[1]);
	ring_pair_fini(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_bell_is_lost_between_two_sleepers),
	};

	return cmocka_run_group_tests_name("ring_threads", tests, NULL, NULL);
}
