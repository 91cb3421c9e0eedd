/* SPDX-License-Identifier: MIT */
/*
 * A front whose back is lost at any moment, again and again, under a load whose
 * data is verified.
 */
#include "keep_bench.h"

enum { BLOCKS = 64, BLOCK = 8 * PAGE, ROUNDS = 40, FLIGHT = 16 };

struct history {
	struct scene *s;
	uint64_t seed[BLOCKS];          /* what each holds */
	uint64_t next, random;
	bool busy[BLOCKS];
};

static void begin_one(struct history *h, int i)
{
	struct req *q = &h->s->req[i];
	uint64_t block;

	do
		block = next_random(&h->random) % BLOCKS;
	while (h->busy[block]);
	h->busy[block] = true;
	req_init(q, &h->s->rig, next_random(&h->random) % 3 ? PVB_IO_WRITE
	                                                   : PVB_IO_READ,
	         block * BLOCK, BLOCK);
	if (q->io.op == PVB_IO_WRITE) {
		h->seed[block] = ++h->next;
		fill_pattern(q->memory, BLOCK, h->next);
	}
	assert_int_equal(req_submit(q), 0);
}

static void end_one(struct history *h, int i)
{
	static unsigned char want[BLOCK];
	struct req *q = &h->s->req[i];
	uint64_t block = q->io.offset_bytes / BLOCK;

	wait_for(h->s, q, 0);
	h->busy[block] = false;
	fill_pattern(want, BLOCK, h->seed[block]);
	if (q->io.op == PVB_IO_READ)
		assert_memory_equal(q->memory, want, BLOCK);
	req_fini(q);
}

static void vary_terms(struct history *h)
{
	struct pair *p = &h->s->pair;
	uint16_t indirect = (uint16_t)(next_random(&h->random) % 3 * 16);

	p->options.ring_order = (uint8_t)(next_random(&h->random) % 3);
	p->options.indirect = indirect;
	p->geometry.segs_indirect_max = indirect;
}

static void check_history(uint64_t random)
{
	struct history h = { .random = random };

	h.s = begin(&(struct pair_options){ .uri = "mem:4M" });
	for (int i = 0; i < BLOCKS; i++) {
		h.seed[i] = ++h.next;
		put(h.s, (uint64_t)i * BLOCK, BLOCK, h.next);
	}
	for (int round = 0; round < ROUNDS; round++) {
		uint64_t turns = next_random(&h.random) % 12;

		for (int i = 0; i < FLIGHT; i++)
			begin_one(&h, i);
		rig_kick(&h.s->rig);
		while (turns-- > 0)
			pair_turn(&h.s->pair);
		(void)lose(h.s);
		vary_terms(&h);
		another_back(h.s);
		for (int i = 0; i < FLIGHT; i++)
			end_one(&h, i);
	}
	end(h.s);
}

static void nothing_is_lost_however_often_it_happens(void **state)
{
	(void)state;
	for (uint64_t i = 1; i <= 8; i++)
		check_history(i);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_lost_however_often_it_happens),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
