/* SPDX-License-Identifier: MIT */
/*
 * machine.h - a local machine for a test: a broker on a thread of its own, in
 * a directory that nobody else has.
 */
#ifndef PVB_TEST_MACHINE_H
#define PVB_TEST_MACHINE_H

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#include <pvb/err.h>

#include "base/loop.h"
#include "broker/broker.h"
#include "proto/hypwire.h"

struct machine {
	char dir[64];                   /* exists; holds `run` and no more */
	char run[80];                   /* the broker's */
	struct pvb_loop *loop;
	struct pvb_broker *broker;
	pthread_t thread;
	struct pvb_loop_task call;
	void (*fn)(struct machine *m, void *arg);
	void *arg;
	sem_t done;
};

static inline void machine_run_call(struct pvb_loop_task *t)
{
	struct machine *m = pvb_container(t, struct machine, call);

	m->fn(m, m->arg);
	sem_post(&m->done);
}

/* Run `fn` on the broker's thread, and wait for it. */
static inline void machine_call(struct machine *m,
                                void (*fn)(struct machine *m, void *arg),
                                void *arg)
{
	m->fn = fn;
	m->arg = arg;
	pvb_loop_post(m->loop, &m->call);
	while (sem_wait(&m->done) < 0)
		assert_int_equal(errno, EINTR);
}

static inline void *machine_main(void *arg)
{
	struct machine *m = arg;

	(void)pvb_loop_run(m->loop);
	return NULL;
}

static inline void machine_start(struct machine *m)
{
	struct pvb_broker_config c = { .dir = m->run };
	struct pvb_err e = PVB_ERR_INIT;

	memset(m, 0, sizeof(*m));
	strcpy(m->dir, "/tmp/pvb-test-XXXXXX");
	assert_non_null(mkdtemp(m->dir));
	snprintf(m->run, sizeof(m->run), "%s/run", m->dir);
	m->call.run = machine_run_call;
	assert_int_equal(sem_init(&m->done, 0, 0), 0);
	m->loop = pvb_loop_create(NULL, &e);
	assert_non_null(m->loop);
	m->broker = pvb_broker_create(&c, m->loop, &e);
	if (!m->broker)
		fail_msg("%s", e.text);
	assert_int_equal(pthread_create(&m->thread, NULL, machine_main, m), 0);
}

static inline void machine_end_broker(struct machine *m, void *arg)
{
	(void)arg;
	pvb_broker_destroy(m->broker);
	m->broker = NULL;
}

static inline void machine_end_loop(struct machine *m, void *arg)
{
	(void)arg;
	pvb_loop_stop(m->loop);
}

/* The hypervisor dies; what it made is removed, so the directory is empty. */
static inline void machine_stop(struct machine *m)
{
	machine_call(m, machine_end_broker, NULL);
	machine_call(m, machine_end_loop, NULL);
	assert_int_equal(pthread_join(m->thread, NULL), 0);
	pvb_loop_destroy(m->loop);
	sem_destroy(&m->done);
	if (rmdir(m->dir) < 0)
		fail_msg("%s is not empty", m->dir);
}

struct machine_domain { uint16_t domid; int result; };

static inline void machine_do_introduce(struct machine *m, void *arg)
{
	struct machine_domain *d = arg;

	d->result = pvb_broker_introduce(m->broker, d->domid);
}

static inline void machine_do_release(struct machine *m, void *arg)
{
	struct machine_domain *d = arg;

	d->result = pvb_broker_release(m->broker, d->domid);
}

static inline int machine_introduce(struct machine *m, uint16_t domid)
{
	struct machine_domain d = { domid, 0 };

	machine_call(m, machine_do_introduce, &d);
	return d.result;
}

static inline int machine_release(struct machine *m, uint16_t domid)
{
	struct machine_domain d = { domid, 0 };

	machine_call(m, machine_do_release, &d);
	return d.result;
}

static inline void machine_do_counts(struct machine *m, void *arg)
{
	pvb_broker_counts(m->broker, arg);
}

static inline struct pvb_hyp_counts machine_counts(struct machine *m)
{
	struct pvb_hyp_counts c;

	machine_call(m, machine_do_counts, &c);
	return c;
}

static inline bool machine_counts_are(struct machine *m,
                                      const struct pvb_hyp_counts *want)
{
	struct pvb_hyp_counts now = machine_counts(m);

	return memcmp(&now, want, sizeof(now)) == 0;
}

/* Closed sockets are noticed one by one: ask until it is as it was. */
static inline void machine_await_counts(struct machine *m,
                                        const struct pvb_hyp_counts *want)
{
	time_t end = time(NULL) + 20;
	struct pvb_hyp_counts now;

	while (!machine_counts_are(m, want))
		if (time(NULL) > end) {
			now = machine_counts(m);
			assert_memory_equal(&now, want, sizeof(now));
			fail_msg("never settled");
		}
}

#endif
