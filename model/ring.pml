/* SPDX-License-Identifier: MIT */
/*
 * ring.pml - hold-off and sleep of src/proto/ring.c, for Spin.
 *
 * Two ends run for ever over a ring of two slots.  Each inline is named after
 * the function of ring.c that it stands for, and takes the same steps in the
 * same order.  Every store to a shared index goes through its end's store
 * buffer and reaches memory at some later time, as on x86; a fence waits for
 * the buffer to be empty.  Indices run modulo 8 as the real ones do modulo
 * 2^32.  What is in the slots is not modelled (the relacy run has that).
 *
 * Claimed: an end that sleeps while the peer has shown it something is woken.
 * Asserted: an honest peer is never refused.
 *
 * Taken out by name, for the claim must then fail: NO_PUBLISH_FENCE,
 * NO_SLEEP_FENCE, NO_LAST_LOOK (sleep_check does not look after asking).
 */

#define FRONT 0
#define BACK  1
#define SIZE  2
#ifndef MASK
#define MASK  7
#endif
#define LESS(a, b) (((a) - (b)) & MASK)

/* Shared memory: lane 0 is requests, lane 1 responses. */
byte prod[2];
byte event[2] = { 1, 1 };
bool bell[2];                           /* pending until its end takes it */

/* Stores under way: true for prod, false for event. */
chan buffer[2] = [2] of { bool, byte };

/* struct pvb_ring, one for each end. */
byte out_prod[2], out_pub[2], in_cons[2], in_seen[2];

#define LEAD(me)  ((1 - (me)) * SIZE)
#define ROOM(me)  LESS(in_cons[me] + LEAD(me), out_prod[me])

#define OUT_LANE(me) (me)
#define IN_LANE(me)  (1 - (me))

inline fence(me)
{
	empty(buffer[me])
}

inline store_prod(me, value)
{
	buffer[me]!true, value
}

inline store_event(me, value)
{
	buffer[me]!false, value
}

inline push(me, n)
{
	out_prod[me] = (out_prod[me] + n) & MASK
}

inline publish(me)
{
	d_step {
		old_pub = out_pub[me];
		new_pub = out_prod[me]
	}
	if
	:: new_pub == old_pub
	:: else ->
		atomic {
			store_prod(me, new_pub);
			out_pub[me] = new_pub
		}
#ifndef NO_PUBLISH_FENCE
		fence(me);
#endif
		/* One load, then a bell which the peer hears or not yet. */
		notify = LESS(new_pub, event[OUT_LANE(me)]) <
			 LESS(new_pub, old_pub);
		if
		:: notify -> bell[1 - me] = true
		:: else
		fi
	fi;
	d_step { old_pub = 0; new_pub = 0; notify = false }
}

inline waiting(me)
{
	d_step {
		assert(LESS(prod[IN_LANE(me)], in_seen[me]) <=
		       LESS(out_pub[me] + SIZE - LEAD(me), in_seen[me]));
		in_seen[me] = prod[IN_LANE(me)];
		n = LESS(in_seen[me], in_cons[me])
	}
}

inline commit(me, taken)
{
	in_cons[me] = (in_cons[me] + taken) & MASK
}

/* Leaves in n what waits: with 0 it is safe to sleep. */
inline sleep_check(me)
{
	waiting(me);
	if
	:: n != 0
	:: else ->
		store_event(me, (in_cons[me] + 1) & MASK);
#ifndef NO_SLEEP_FENCE
		fence(me);
#endif
#ifndef NO_LAST_LOOK
		waiting(me)
#endif
	fi
}

active proctype front()
{
	byte n, old_pub, new_pub;
	bool notify;

	do
	:: do
	   :: atomic { ROOM(FRONT) > 0 -> push(FRONT, 1) }
	   :: break
	   od;
	   publish(FRONT);
	   waiting(FRONT);
	   if
	   :: n > 0 -> atomic { commit(FRONT, n); n = 0 }
	   :: else ->
		sleep_check(FRONT);
		if
		:: n != 0
		:: else ->
end_asleep:		atomic { bell[FRONT] -> bell[FRONT] = false }
		fi
	   fi
	od
}

active proctype back()
{
	byte n, old_pub, new_pub, taken;
	bool notify;

	do
	:: waiting(BACK);
	   if
	   :: n > 0 ->
		atomic { commit(BACK, n); taken = n; n = 0 };
		/* Answers in one batch or one by one. */
		do
		:: atomic { taken > 0 -> push(BACK, 1); taken-- }
		:: atomic { taken > 0 -> push(BACK, 1); taken-- };
		   publish(BACK)
		:: taken == 0 -> break
		od;
		publish(BACK)
	   :: else ->
		sleep_check(BACK);
		if
		:: n != 0
		:: else ->
end_asleep:		atomic { bell[BACK] -> bell[BACK] = false }
		fi
	   fi
	od
}

/* The hardware: empties each end's store buffer, in order, sometime. */
active [2] proctype drain()
{
	bool is_prod;
	byte value;

end_drained:
	do
	:: atomic {
		buffer[_pid - 2]?is_prod, value ->
		if
		:: is_prod  -> prod[OUT_LANE(_pid - 2)] = value
		:: !is_prod -> event[IN_LANE(_pid - 2)] = value
		fi
	   }
	od
}

#define FRONT_OVERSLEEPS (front@end_asleep && prod[1] != in_cons[FRONT])
#define BACK_OVERSLEEPS  (back@end_asleep && prod[0] != in_cons[BACK])

ltl no_lost_wake_up {
	([] (FRONT_OVERSLEEPS -> <> !FRONT_OVERSLEEPS)) &&
	([] (BACK_OVERSLEEPS -> <> !BACK_OVERSLEEPS))
}
