/* SPDX-License-Identifier: MIT */
/*
 * journal.pml - the in-flight journal of src/proto/journal.c, for Spin.
 *
 * A front asks REQUESTS things over a ring of SIZE slots; a back takes them,
 * works, and answers in any order and in batches of any size.  It is killed up
 * to KILLS times, between any two of its stores, also while it recovers, and a
 * successor knows nothing but ring and journal.  Each store to these is one
 * step, in the order of docs/crash.md, whose numbers stand beside them.
 *
 * Asserted: nothing is answered twice, nor done again once its answer is
 * shown, and a recovery finds what adds up.  And nothing is forgotten: the
 * front would wait for ever, which is an end that is not valid.
 *
 * Taken out by name, for one of these must then fail: COMMIT_FIRST (6 before
 * 3), SHOW_FIRST (13 before 10), FREE_FIRST (16 before 13), NO_RSP_IDX (whether
 * an answer was shown is judged by rsp_pub and rsp_new), NO_FREE (what is not
 * committed stays).
 */

#ifndef SIZE
#define SIZE 2
#endif
#ifndef REQUESTS
#define REQUESTS 4
#endif
#ifndef KILLS
#define KILLS 2
#endif

#define FREE      0
#define TAKEN     1
#define ANSWERING 2
#define NOBODY    REQUESTS

/* The ring: requests and answers in the same slots. */
byte slot[SIZE];
byte req_prod, rsp_prod;

/* The journal. */
byte state[SIZE], request[SIZE], req_idx[SIZE], rsp_idx[SIZE];
byte req_cons, rsp_pub, rsp_new;

/* What the world knows. */
byte answers[REQUESTS];
bool shown[REQUESTS];
byte kills;
bool killed;

active proctype front()
{
	byte seen = 0;

	do
	:: atomic { req_prod < REQUESTS && req_prod - seen < SIZE ->
		slot[req_prod % SIZE] = req_prod;
		req_prod++
	   }
	:: atomic { seen < rsp_prod ->
		answers[slot[seen % SIZE]]++;
		assert(answers[slot[seen % SIZE]] == 1);
		slot[seen % SIZE] = NOBODY;
		seen++
	   }
	:: seen == REQUESTS -> break
	od
}

/* What the guest could see from now on. */
inline note_shown()
{
	r = rsp_prod;
	do
	:: r < new -> shown[slot[r % SIZE]] = true; r++
	:: else -> break
	od;
	r = 0
}

inline work(i)
{
	assert(request[i] < REQUESTS);
	assert(!shown[request[i]])
}

/* The first record that is FREE. */
inline find_free()
{
	i = 0;
	do
	:: state[i] == FREE -> break
	:: else -> i++
	od
}

/* One or several, as they are there. */
inline take()
{
	d_step { n = req_cons }
#ifdef COMMIT_FIRST
	req_cons = req_cons + 1;
#endif
	do
	:: n < req_prod && n - rsp_prod < SIZE ->
		d_step { find_free(); request[i] = slot[n % SIZE] }     /* 3 */
		req_idx[i] = n;                                         /* 4 */
		state[i] = TAKEN;                                       /* 5 */
		n++;
#ifdef COMMIT_FIRST
		break
#endif
	:: n > req_cons -> break
	od;
#ifndef COMMIT_FIRST
	req_cons = n;                                                   /* 6 */
#endif
	n = 0;
	i = 0;
	work_on_all()
}

/* The disk does all that is TAKEN, as often as it likes. */
inline work_on_all()
{
	d_step {
		i = 0;
		do
		:: i < SIZE ->
			if
			:: state[i] == TAKEN -> work(i)
			:: else
			fi;
			i++
		:: else -> break
		od;
		i = 0
	}
}

inline mark()
{
	rsp_idx[i] = new;                                               /* 9 */
	state[i] = ANSWERING;                                           /* 10 */
	new++
}

/* Those in `batch`, a bit for each record. */
inline mark_all()
{
	i = 0;
	do
	:: i < SIZE && (batch & (1 << i)) -> mark(); i++
	:: i < SIZE && !(batch & (1 << i)) -> i++
	:: i == SIZE -> break
	od;
	i = 0
}

inline write_all()
{
	d_step { r = rsp_prod; i = 0 }
	do
	:: i < SIZE && (batch & (1 << i)) ->
		d_step { slot[r % SIZE] = request[i]; r++; i++ }        /* 11 */
	:: i < SIZE && !(batch & (1 << i)) -> i++
	:: i == SIZE -> break
	od;
	i = 0;
	d_step { new = r; r = 0 }
}

inline free_all()
{
	i = 0;
	do
	:: i < SIZE && (batch & (1 << i)) -> state[i] = FREE; i++       /* 16 */
	:: i < SIZE && !(batch & (1 << i)) -> i++
	:: i == SIZE -> break
	od;
	i = 0
}

inline choose()
{
	d_step { batch = 0; i = 0 }
	do
	:: i < SIZE && state[i] == TAKEN -> batch = batch | (1 << i); i++
	:: i < SIZE -> i++
	:: i == SIZE -> break
	od;
	i = 0
}

inline answer()
{
	choose();
	if
	:: batch == 0
	:: else ->
		new = rsp_prod;
#ifndef SHOW_FIRST
		mark_all();
#endif
		write_all();
		rsp_new = new;                                          /* 12 */
#ifdef FREE_FIRST
		free_all();
#endif
		d_step { note_shown(); rsp_prod = new }                 /* 13 */
#ifdef SHOW_FIRST
		new = rsp_pub;
		mark_all();
#endif
		rsp_pub = new;                                          /* 15 */
#ifndef FREE_FIRST
		free_all();
#endif
		d_step { new = 0; batch = 0 }
	fi
}

#ifdef NO_RSP_IDX
#define WAS_SHOWN(i) (rsp_prod == rsp_new)
#else
#define WAS_SHOWN(i) (rsp_idx[i] < rsp_prod)
#endif

inline recover()
{
	assert(rsp_prod == rsp_pub || rsp_prod == rsp_new);
	i = 0;
	do
	:: i < SIZE && state[i] == TAKEN && req_idx[i] >= req_cons ->
#ifndef NO_FREE
		state[i] = FREE;                                        /* 18 */
#endif
		i++
	:: i < SIZE && state[i] == ANSWERING && WAS_SHOWN(i) ->
		state[i] = FREE;                                        /* 18 */
		i++
	:: i < SIZE && state[i] == ANSWERING && !WAS_SHOWN(i) ->
		state[i] = TAKEN;                                       /* 19 */
		n++;
		i++
	:: i < SIZE && state[i] == TAKEN && req_idx[i] < req_cons -> n++; i++
	:: i < SIZE && state[i] == FREE -> i++
	:: i == SIZE -> break
	od;
	assert(n == req_cons - rsp_prod);
	rsp_pub = rsp_prod;                                             /* 20 */
	rsp_new = rsp_prod;                                             /* 21 */
	d_step { i = 0; n = 0 }
	work_on_all()
}

#define HAS_TAKEN (req_cons > rsp_prod)

active proctype back()
{
	byte i, n, r, new, batch;

again:	{
		recover();
end_idle:	do
		:: req_prod > req_cons -> take()
		:: HAS_TAKEN -> answer()
		od
	} unless {
		atomic { killed ->
			killed = false;
			i = 0; n = 0; r = 0; new = 0; batch = 0
		}
	};
	goto again
}

active proctype killer()
{
end_done:
	do
	:: atomic { kills < KILLS && !killed -> killed = true; kills++ }
	od
}
