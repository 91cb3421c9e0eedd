/* SPDX-License-Identifier: MIT */
/*
 * ring_relacy.cpp - the project's own ring.c under weak memory.
 *
 * A front and a back run the whole protocol over two slots: batches of random
 * size, both ends asleep whenever sleep_check allows it, every slot used more
 * than once.  relacy chooses the schedule and, for each load, which of the
 * stores that the C11 model allows it sees.  A lost notification is a
 * deadlock; a slot read or reused too early is a data race.
 *
 * usage: ring_relacy [EXECUTIONS]   prints one line a run, TAP-like; exits 0
 * if the ring as it is passes and each weakened one is found out.
 */
#include "ring_relacy.hpp"

#include "../src/proto/ring.c"

enum { REQUESTS = 5, ANSWER = 100 };

struct ring_test : rl::test_suite<ring_test, 2> {
	checked_page shared;
	rl::generic_event bell[2];
	pvb_ring end[2];

	void before()
	{
		page = &shared;
		pvb_ring_format(page_bytes, RING_BYTES);
		for (int role = PVB_FRONT; role <= PVB_BACK; role++) {
			bell[role].init(false, false, $);
			RL_ASSERT(0 == pvb_ring_attach(&end[role],
				(pvb_role)role, page_bytes, RING_BYTES,
				SLOT_BYTES));
		}
	}

	void after()
	{
		for (int role = PVB_FRONT; role <= PVB_BACK; role++)
			bell[role].deinit($);
	}

	void thread(unsigned role)
	{
		if (role == PVB_FRONT)
			front(&end[PVB_FRONT]);
		else
			back(&end[PVB_BACK]);
	}

	void put(pvb_ring *r, uint32_t value)
	{
		slot_write(pvb_ring_out(r, 0), value);
		pvb_ring_push(r, 1);
	}

	void publish(pvb_ring *r)
	{
		inside[r->role] = r->role == PVB_FRONT ? WEAK_FRONT_PUBLISH
						       : WEAK_BACK_PUBLISH;
		if (pvb_ring_publish(r))
			bell[1 - r->role].set($);
	}

	/* How many were taken; sleeps when there were none. */
	uint32_t take(pvb_ring *r, uint32_t *values)
	{
		int32_t n = pvb_ring_waiting(r);

		RL_ASSERT(n >= 0 && n <= SLOTS);
		for (int32_t i = 0; i < n; i++)
			pvb_ring_copy(r, (uint32_t)i, &values[i]);
		pvb_ring_commit(r, (uint32_t)n);
		if (n == 0) {
			inside[r->role] = r->role == PVB_FRONT
				? WEAK_FRONT_SLEEP : WEAK_BACK_SLEEP;
			int rc = pvb_ring_sleep_check(r);

			RL_ASSERT(rc >= 0);
			if (rc == 0)
				bell[r->role].wait(false, false, $);
		}
		return (uint32_t)n;
	}

	void front(pvb_ring *r)
	{
		uint32_t sent = 0, got = 0, values[SLOTS];

		while (got < REQUESTS) {
			while (sent < REQUESTS && pvb_ring_room(r) > 0) {
				put(r, sent++);
				if (rl::rand(2))
					break;
			}
			publish(r);
			uint32_t n = take(r, values);
			for (uint32_t i = 0; i < n; i++)
				RL_ASSERT(values[i] == ANSWER + got++);
		}
		RL_ASSERT(pvb_ring_room(r) == SLOTS);
	}

	void back(pvb_ring *r)
	{
		uint32_t done = 0, values[SLOTS];

		while (done < REQUESTS) {
			uint32_t n = take(r, values);
			for (uint32_t i = 0; i < n; i++) {
				RL_ASSERT(values[i] == done++);
				put(r, ANSWER + values[i]);
				if (rl::rand(2))
					publish(r);
			}
			publish(r);
		}
		RL_ASSERT(pvb_ring_room(r) == 0);
	}
};

struct variant {
	const char *name;
	weakness weak;
	rl::test_result_e expected;
};

static const variant variants[] = {
	{ "ring.c as it is", WEAK_NOTHING, rl::test_result_success },
	{ "no fence in the front's publish", WEAK_FRONT_PUBLISH,
	  rl::test_result_deadlock },
	{ "no fence in the front's sleep_check", WEAK_FRONT_SLEEP,
	  rl::test_result_deadlock },
	{ "no fence in the back's publish", WEAK_BACK_PUBLISH,
	  rl::test_result_deadlock },
	{ "no fence in the back's sleep_check", WEAK_BACK_SLEEP,
	  rl::test_result_deadlock },
	{ "with relaxed index stores", WEAK_RELEASE,
	  rl::test_result_data_race },
	{ "with relaxed index loads", WEAK_ACQUIRE,
	  rl::test_result_data_race },
};

static rl::test_params simulate(const variant &v, unsigned executions,
				std::ostream &told)
{
	rl::test_params p;

	p.iteration_count = executions;
	p.output_stream = &told;
	p.progress_stream = &told;
	weak = v.weak;
	rl::simulate<ring_test>(p);
	return p;
}

static bool run(const variant &v, unsigned executions)
{
	std::ostream silent(nullptr);
	rl::test_params p = simulate(v, executions, silent);
	bool ok = p.test_result == v.expected;

	std::cout << (ok ? "ok" : "not ok") << " - relacy: " << v.name << ": "
		  << rl::test_result_str(p.test_result) << ", executions: "
		  << p.stop_iteration << std::endl;
	if (!ok)        /* once more, with the steps that led there */
		simulate(v, executions, std::cout);
	return ok;
}

int main(int argc, char **argv)
{
	unsigned executions = argc > 1 ? (unsigned)std::stoul(argv[1]) : 200000;
	bool all = true;

	for (const variant &v : variants)
		all = run(v, executions) && all;
	return all ? 0 : 1;
}
