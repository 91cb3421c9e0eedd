/* SPDX-License-Identifier: MIT */
/*
 * fuzz_conn.c - any bytes as events of the handshake.
 *
 * The first byte chooses role, node and whether the driver is honest.  A
 * dishonest one answers what was never asked; each step must still keep the
 * laws.  After an honest one it must be possible to leave: a stop, answers
 * and deadlines alone lead to the end, in a bounded number of steps.
 */
#include "fuzz.h"

#include "conn_law.h"

enum { STEPS_TO_LEAVE = 16 };

struct run {
	struct pvb_conn conn;
	bool honest;
	uint32_t owed;                  /* ATTACH, DRAIN, DETACH not answered */
	uint32_t ordered;               /* by the last step */
};

static void feed(struct run *t, enum pvb_ev ev, uint32_t arg)
{
	struct pvb_conn before = t->conn;
	const char *broken;

	t->ordered = pvb_conn_step(&t->conn, ev, arg).actions;
	broken = conn_broken_law(&before, &t->conn, t->ordered);
	if (broken)
		fprintf(stderr, "%s\n", broken);
	FUZZ_CHECK(!broken);
	t->owed |= t->ordered &
		   (PVB_DO_ATTACH | PVB_DO_DRAIN | PVB_DO_DETACH);
}

/* An answer from the data half, if it owes one. */
static void answer(struct run *t, uint32_t action, enum pvb_ev ev)
{
	if (t->honest && !(t->owed & action))
		return;
	t->owed &= ~action;
	feed(t, ev, 0);
}

static void fail(struct run *t, uint32_t action)
{
	enum { AT_ONCE = PVB_DO_READ_PEER | PVB_DO_PUBLISH |
			 PVB_DO_GEOMETRY };

	if (!t->honest) {
		feed(t, PVB_EV_FAIL, action);
	} else if (action == PVB_DO_ATTACH) {
		if (!(t->owed & PVB_DO_ATTACH))
			return;
		t->owed &= ~(uint32_t)PVB_DO_ATTACH;
		feed(t, PVB_EV_FAIL, action);
	} else if (action & AT_ONCE & t->ordered) {
		/* What came after it in that step was not carried out. */
		action &= ~action + 1;
		t->owed &= ~(t->ordered & ~(action | (action - 1)));
		feed(t, PVB_EV_FAIL, action);
	} else if (action == 0 && pvb_conn_is_live(&t->conn)) {
		feed(t, PVB_EV_FAIL, 0);
	}
}

static void leave(struct run *t)
{
	feed(t, PVB_EV_STOP, 0);
	for (int i = 0; i < STEPS_TO_LEAVE; i++) {
		if (t->owed & PVB_DO_ATTACH)
			answer(t, PVB_DO_ATTACH, PVB_EV_ATTACHED);
		else if (t->owed & PVB_DO_DRAIN)
			answer(t, PVB_DO_DRAIN, PVB_EV_DRAINED);
		else if (t->owed & PVB_DO_DETACH)
			answer(t, PVB_DO_DETACH, PVB_EV_DETACHED);
		else
			feed(t, PVB_EV_TIMEOUT, 0);
	}
	FUZZ_CHECK(pvb_conn_is_retired(&t->conn));
	FUZZ_CHECK(pvb_conn_is_quiet(&t->conn));
	FUZZ_CHECK(t->owed == 0);
}

static void event(struct run *t, uint8_t what, uint8_t arg)
{
	switch (what % 12) {
	case PVB_EV_ATTACHED:
		answer(t, PVB_DO_ATTACH, PVB_EV_ATTACHED);
		break;
	case PVB_EV_DRAINED:
		answer(t, PVB_DO_DRAIN, PVB_EV_DRAINED);
		break;
	case PVB_EV_DETACHED:
		answer(t, PVB_DO_DETACH, PVB_EV_DETACHED);
		break;
	case PVB_EV_FAIL:
		fail(t, arg == 0 ? 0 : UINT32_C(1) << arg % 32);
		break;
	case PVB_EV_START:
	case PVB_EV_PEER:
	case PVB_EV_PEER_NEW:
	case PVB_EV_PEER_GONE:
	case PVB_EV_STOP:
	case PVB_EV_TIMEOUT:
		feed(t, (enum pvb_ev)(what % 12), arg);
		break;
	default:
		pvb_conn_set_stay(&t->conn, arg & 1);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	struct fuzz_input in = { bytes, length };
	uint8_t first = fuzz_u8(&in);
	struct run t = { .honest = first & 4 };

	pvb_conn_init(&t.conn, first & 1 ? PVB_FRONT : PVB_BACK, first >> 4,
		      first & 2);
	while (in.length > 0) {
		uint8_t what = fuzz_u8(&in);

		event(&t, what, fuzz_u8(&in));
	}
	if (t.honest)
		leave(&t);
	return 0;
}
