/* SPDX-License-Identifier: MIT */
/* conn_model.c - what may happen next; see conn_model.h. */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "conn_model_parts.h"

struct list { struct next *out; uint32_t count; };

static struct future *begin(struct future *f, const struct world *w,
                            const struct rules *r)
{
	*f = (struct future){ *w, r, NULL };
	return f;
}

static void emit(struct list *l, const struct future *f, enum kind kind,
                 const char *what)
{
	assert(l->count < NEXT_MAX);
	l->out[l->count++] = (struct next){ f->w, kind, what, f->wrong };
}

/* The same side of a world and of one that came out of it. */
static struct side *at(struct future *f, bool front)
{
	return front ? &f->w.front : &f->w.back;
}

static const char *name(bool front, const char *of_front, const char *of_back)
{
	return front ? of_front : of_back;
}

/* The next action, done or (where it can) failed. */
static void act(const struct world *w, const struct rules *r, bool front,
                struct list *l)
{
	enum { CAN_FAIL = PVB_DO_READ_PEER | PVB_DO_PUBLISH |
			  PVB_DO_GEOMETRY };
	const struct side *was = front ? &w->front : &w->back;
	uint32_t action = was->pend & (~(uint32_t)was->pend + 1);
	struct future f;
	struct side *s = at(begin(&f, w, r), front);
	bool done = model_act(&f, s);

	if (done)
		emit(l, &f, PROGRESS, name(front, "front acts", "back acts"));
	if (done && !(r->fail && action & CAN_FAIL))
		return;
	s = at(begin(&f, w, r), front);
	s->pend = 0;
	model_step(&f, s, PVB_EV_FAIL, action);
	emit(l, &f, done ? MISHAP : PROGRESS,
	     name(front, "front's action fails", "back's action fails"));
}

static void answer_attach(const struct world *w, const struct rules *r,
                          bool front, struct list *l)
{
	bool can = front || w->mapped != 0;
	struct future f;
	struct side *s;

	if (can) {
		s = at(begin(&f, w, r), front);
		s->data = ATTACHED;
		model_step(&f, s, PVB_EV_ATTACHED, 0);
		emit(l, &f, PROGRESS,
		     name(front, "front attached", "back attached"));
	}
	if (can && !r->fail)
		return;
	s = at(begin(&f, w, r), front);
	s->data = NOTHING;
	if (front)
		f.w.shared = 0;
	else
		f.w.mapped = f.w.journal = 0;
	model_step(&f, s, PVB_EV_FAIL, PVB_DO_ATTACH);
	emit(l, &f, can ? MISHAP : PROGRESS,
	     name(front, "front cannot attach", "back cannot attach"));
}

static void answer(const struct world *w, const struct rules *r, bool front,
                   struct list *l)
{
	const struct side *was = front ? &w->front : &w->back;
	struct future f;
	struct side *s = at(begin(&f, w, r), front);

	if (was->data == ATTACHING) {
		answer_attach(w, r, front, l);
	} else if (was->data == CUTTING ||
		   (was->data == DRAINING && !(front && w->request))) {
		s->data = DRAINED;
		model_step(&f, s, PVB_EV_DRAINED, 0);
		emit(l, &f, PROGRESS,
		     name(front, "front drained", "back drained"));
	} else if (was->data == DETACHING) {
		s->data = NOTHING;
		if (!front && r->fault != BACK_FORGETS_DETACH)
			f.w.mapped = f.w.journal = 0;
		model_step(&f, s, PVB_EV_DETACHED, 0);
		emit(l, &f, PROGRESS,
		     name(front, "front detached", "back detached"));
	}
}

/* Read the peer's node: into the mail, to be fed later. */
static void read_peer(const struct world *w, const struct rules *r, bool front,
                      struct list *l)
{
	const struct side *was = front ? &w->front : &w->back;
	const struct side *peer = front ? &w->back : &w->front;
	bool ready = peer->node == PVB_XB_INITIALISED ||
		     peer->node == PVB_XB_CONNECTED;
	struct future f;
	struct side *s;

	if (was->look || r->repeat) {
		s = at(begin(&f, w, r), front);
		s->look = 0;
		s->mail = PVB_EV_PEER;
		s->mail_arg = peer->node;
		if (!front && ready && w->read != 0 && w->read != w->terms)
			s->mail = PVB_EV_PEER_NEW;
		emit(l, &f, was->look ? PROGRESS : MISHAP,
		     name(front, "front reads", "back reads"));
	}
	if (peer->life == DEAD) {
		s = at(begin(&f, w, r), front);
		s->look = 0;
		s->mail = PVB_EV_PEER_GONE;
		s->mail_arg = 0;
		emit(l, &f, MISHAP,
		     name(front, "front reads that the back is gone",
			  "back reads that the front is gone"));
	}
}

static void feed(const struct world *w, const struct rules *r, bool front,
                 struct list *l)
{
	struct future f;
	struct side *s = at(begin(&f, w, r), front);
	enum pvb_ev ev = s->mail;
	uint32_t arg = s->mail_arg;

	s->mail = NO_MAIL;
	s->mail_arg = 0;
	model_step(&f, s, ev, arg);
	emit(l, &f, PROGRESS, name(front, "front is told", "back is told"));
}

/* What the owner, the clock and bad luck may do. */
static void disturb(const struct world *w, const struct rules *r, bool front,
                    struct list *l)
{
	const struct side *was = front ? &w->front : &w->back;
	struct pvb_conn c = model_thaw(was, front);
	struct future f;
	struct side *s;

	if (r->stop && !c.stopping && !pvb_conn_is_retired(&c)) {
		s = at(begin(&f, w, r), front);
		model_step(&f, s, PVB_EV_STOP, 0);
		emit(l, &f, OWNER,
		     name(front, "front is stopped", "back is stopped"));
	}
	if (r->offline && !front && c.stay) {
		s = at(begin(&f, w, r), front);
		pvb_conn_set_stay(&c, false);
		model_freeze(s, &c);
		emit(l, &f, OWNER, "back is not to stay");
	}
	if (r->timeout && pvb_conn_is_waiting(&c)) {
		s = at(begin(&f, w, r), front);
		model_step(&f, s, PVB_EV_TIMEOUT, 0);
		s->excused = front && s->pend & PVB_DO_DETACH;
		emit(l, &f, TIMER,
		     name(front, "front waits no more", "back waits no more"));
	}
	if (r->fail && was->data == RUNNING) {
		s = at(begin(&f, w, r), front);
		model_step(&f, s, PVB_EV_FAIL, 0);
		emit(l, &f, MISHAP,
		     name(front, "front's ring fails", "back's ring fails"));
	}
}

static void start(struct future *f, bool front)
{
	struct side *s = at(f, front);
	struct pvb_conn c;

	pvb_conn_init(&c, front ? PVB_FRONT : PVB_BACK, s->node,
		      front ? f->r->front_stay : f->r->back_stay);
	if (front)
		f->w.front_no++;
	else
		f->w.journal = 0;
	s->life = ALIVE;
	s->lives--;
	s->look = 1;            /* a watch fires when it is set */
	s->mail = NO_MAIL;
	model_freeze(s, &c);
	model_step(f, s, PVB_EV_START, 0);
}

/* As a back's control half sees it. */
static bool can_resume(const struct world *w, const struct rules *r)
{
	const uint8_t mine = w->back.node, peer = w->front.node;

	return r->resume && w->journal != 0 && w->journal == w->terms &&
	       w->front.life == ALIVE &&
	       (mine == PVB_XB_CONNECTED || mine == PVB_XB_CLOSING) &&
	       peer >= PVB_XB_INITIALISED && peer <= PVB_XB_CLOSING;
}

/* The data half attaches again, and finds out. */
static void go_on(struct future *f)
{
	struct side *s = &f->w.back;
	struct pvb_conn c;

	pvb_conn_init_live(&c, s->node, f->w.front.node, f->r->back_stay);
	s->life = ALIVE;
	s->lives--;
	s->look = 1;
	s->mail = NO_MAIL;
	s->data = RUNNING;
	model_freeze(s, &c);
	f->w.read = f->w.terms;
	if (f->w.shared == f->w.terms)
		f->w.mapped = f->w.shared;
	else
		model_step(f, s, PVB_EV_FAIL, 0);
}

/* All that was its own goes with it; its node stays. */
static void die(struct future *f, bool front)
{
	struct side *s = at(f, front);
	uint8_t lives = s->lives, node = s->node;

	*s = (struct side){ .life = DEAD, .lives = lives, .node = node,
			    .mail = NO_MAIL };
	if (front) {
		f->w.shared = 0;
		f->w.request = 0;
	} else {
		f->w.mapped = 0;
		f->w.read = 0;
	}
}

static void live_and_die(const struct world *w, const struct rules *r,
                         bool front, struct list *l)
{
	const struct side *was = front ? &w->front : &w->back;
	struct future f;

	if (was->life != ALIVE) {
		if (was->lives == 0)
			return;
		(void)begin(&f, w, r);
		if (!front && can_resume(w, r))
			go_on(&f);
		else
			start(&f, front);
		emit(l, &f, was->life == UNBORN ? PROGRESS : BIRTH,
		     name(front, "front starts", "back starts"));
		return;
	}
	if (r->front_lives == 1 && r->back_lives == 1)
		return;
	die(begin(&f, w, r), front);
	emit(l, &f, MISHAP, name(front, "front dies", "back dies"));
}

/* One request, while the front runs; answered while the back does. */
static void run(const struct world *w, const struct rules *r, struct list *l)
{
	bool serving = w->back.data == RUNNING && w->mapped == w->front_no;
	struct future f;

	if (r->fault == BACK_STOPS_EARLY && w->back.mine == PVB_XB_CLOSING)
		serving = false;
	if (w->front.data == RUNNING && !w->request) {
		begin(&f, w, r)->w.request = 1;
		emit(l, &f, MISHAP, "front asks");
	}
	if (w->request && serving) {
		begin(&f, w, r)->w.request = 0;
		emit(l, &f, PROGRESS, "back answers");
	}
}

static void check_side(struct next *n, bool front)
{
	const struct side *s = front ? &n->world.front : &n->world.back;
	struct pvb_conn c = model_thaw(s, front);
	bool kept = front ? n->world.shared != 0 : n->world.mapped != 0;

	if (s->life != ALIVE || n->wrong)
		return;
	if (pvb_conn_is_quiet(&c) && s->pend == 0 &&
	    (kept || s->data != NOTHING))
		n->wrong = name(front, "a grant is left at the end",
				"a mapping is left at the end");
	if (!front && s->node == PVB_XB_CLOSED && kept)
		n->wrong = "back's node says Closed while it maps";
	if (c.attached && (s->data == NOTHING || s->data == ATTACHING))
		n->wrong = "the machine believes in a ring that is not there";
}

uint32_t world_next(const struct world *w, const struct rules *r,
                    struct next out[NEXT_MAX])
{
	struct list l = { out, 0 };

	for (int i = 0; i < 2; i++) {
		bool front = i == 0;
		const struct side *s = front ? &w->front : &w->back;

		live_and_die(w, r, front, &l);
		if (s->life != ALIVE)
			continue;
		if (s->pend != 0) {
			act(w, r, front, &l);
			continue;       /* all else waits until that is done */
		}
		read_peer(w, r, front, &l);
		answer(w, r, front, &l);
		disturb(w, r, front, &l);
		if (s->mail != NO_MAIL)
			feed(w, r, front, &l);
	}
	run(w, r, &l);
	for (uint32_t i = 0; i < l.count; i++) {
		check_side(&out[i], true);
		check_side(&out[i], false);
	}
	return l.count;
}

_Static_assert(sizeof(struct side) == 14 && sizeof(struct world) == 36,
	       "worlds are compared as bytes");

void world_init(struct world *w, const struct rules *r, uint8_t front_node,
                uint8_t back_node)
{
	memset(w, 0, sizeof(*w));
	w->front.node = front_node;
	w->back.node = back_node;
	w->front.lives = r->front_lives;
	w->back.lives = r->back_lives;
	w->front.mail = w->back.mail = NO_MAIL;
}

static bool is_at_rest(const struct side *s, bool front)
{
	struct pvb_conn c = model_thaw(s, front);

	if (s->life != ALIVE)
		return s->life == DEAD;
	return pvb_conn_is_quiet(&c) && s->pend == 0 && s->data == NOTHING;
}

bool world_is_over(const struct world *w)
{
	return is_at_rest(&w->front, true) && is_at_rest(&w->back, false) &&
	       w->shared == 0 && w->mapped == 0;
}

static bool is_live(const struct world *w)
{
	struct pvb_conn front = model_thaw(&w->front, true);
	struct pvb_conn back = model_thaw(&w->back, false);

	return w->front.pend == 0 && w->back.pend == 0 &&
	       pvb_conn_is_live(&front) && pvb_conn_is_live(&back) &&
	       w->mapped == w->front_no;
}

bool world_is_settled(const struct world *w)
{
	struct pvb_conn front = model_thaw(&w->front, true);

	if (w->front.life != ALIVE || w->back.life != ALIVE)
		return false;
	if (is_live(w))
		return true;
	return pvb_conn_is_retired(&front) && w->front.pend == 0 &&
	       w->shared == 0 && w->mapped == 0 && w->back.data == NOTHING;
}

bool world_is_bereft(const struct world *w)
{
	return (w->front.life == DEAD && w->front.lives == 0) ||
	       (w->back.life == DEAD && w->back.lives == 0);
}

bool world_has_no_back(const struct world *w)
{
	return is_at_rest(&w->back, false) && w->mapped == 0;
}

bool world_wants_front(const struct world *w)
{
	return w->front.life != ALIVE || !(w->front.flags & SELF_STOPPING);
}

bool world_wants_back(const struct world *w)
{
	return w->back.life != ALIVE || !(w->back.flags & SELF_STOPPING);
}

static int print_side(const struct side *s, bool front, char *out, size_t cap)
{
	static const char *const lives[] = { "unborn", "alive", "dead" };
	static const char *const datas[] = {
		"nothing", "attaching", "attached", "running", "draining",
		"cutting", "drained", "detaching",
	};

	return snprintf(out, cap,
			"%s %s node %s phase %u flags %x data %s pend %x%s%s",
			front ? "front" : "; back", lives[s->life],
			pvb_xb_name(s->node), s->phase, s->flags,
			datas[s->data], s->pend, s->look ? " look" : "",
			s->mail == NO_MAIL ? "" : " mail");
}

void world_print(const struct world *w, char *out, uint32_t cap)
{
	uint32_t at = (uint32_t)print_side(&w->front, true, out, cap);

	if (at < cap)
		at += (uint32_t)print_side(&w->back, false, out + at,
					   cap - at);
	if (at < cap)
		(void)snprintf(out + at, cap - at,
			       "; terms %u shared %u mapped %u request %u",
			       w->terms, w->shared, w->mapped, w->request);
}
