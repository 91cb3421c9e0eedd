/* SPDX-License-Identifier: MIT */
/*
 * ring.c - see ring.h.
 *
 * The shared header is two lanes, requests and responses.  The producer of a
 * lane owns `prod`; its consumer owns `event`, the index at whose passing it
 * wants to be notified.  A front produces on lane 0 and a back on lane 1, and
 * that, with `lead`, is all the difference there is.
 *
 * Hold-off is a race by design: one end stores prod and then looks at event,
 * the other stores event and then looks at prod.  With a full fence between
 * store and load on both ends at least one of them sees the other's store:
 * either the producer rings the bell or the consumer does not sleep.
 *
 * Kept in the common subset of C and C++: model/ compiles this very file.
 */
#include "ring.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/bytes.h"
#include "crash_point.h"
#include "ring_atomic.h"

struct ring_lane { pvb_ring_index prod, event; };

struct pvb_sring {
	struct ring_lane lane[2];       /* requests, responses */
	uint8_t reserved[48];
};

static_assert(sizeof(struct pvb_sring) == PVB_RING_HEADER_BYTES,
	      "the header's layout is fixed");
static_assert(PVB_FRONT == 0 && PVB_BACK == 1, "a role is a lane");

static struct ring_lane *out_lane(const struct pvb_ring *r)
{
	return &r->shared->lane[r->role];
}

static struct ring_lane *in_lane(const struct pvb_ring *r)
{
	return &r->shared->lane[1 - r->role];
}

static uint8_t *slot_at(const struct pvb_ring *r, uint32_t index)
{
	uint8_t *first = (uint8_t *)r->shared + PVB_RING_HEADER_BYTES;

	return first + (size_t)(index & (r->size - 1)) * r->slot_bytes;
}

/* A front's death is its guest's: only a back has a successor on the ring. */
static void crash_point(const struct pvb_ring *r, int at)
{
	(void)at;
	if (r->role == PVB_BACK)
		PVB_CRASH_POINT(at);
}

/* Also right on a dead ring: what was taken may still be answered, unseen. */
static uint32_t space(const struct pvb_ring *r)
{
	return r->in_cons + r->lead - r->out_prod;
}

uint32_t pvb_ring_size(size_t bytes, uint32_t slot_bytes)
{
	uint32_t size = 1;
	size_t fit;

	if (slot_bytes == 0 || bytes < PVB_RING_HEADER_BYTES)
		return 0;
	fit = (bytes - PVB_RING_HEADER_BYTES) / slot_bytes;
	if (fit == 0)
		return 0;
	while (size <= fit / 2 && size < UINT32_C(1) << 30)
		size *= 2;
	return size;
}

void pvb_ring_format(void *mem, size_t bytes)
{
	struct pvb_sring *s = (struct pvb_sring *)mem;
	int i;

	assert(bytes >= PVB_RING_HEADER_BYTES);
	/* The slots too: the page is about to be the peer's to read. */
	memset(mem, 0, bytes);
	for (i = 0; i < 2; i++) {
		pvb_ring_store_relaxed(&s->lane[i].prod, 0);
		pvb_ring_store_relaxed(&s->lane[i].event, 1);
	}
}

/* A ring that says "dead" to everybody until attaching has succeeded. */
static int ring_init(struct pvb_ring *r, enum pvb_role role,
		     void *mem, size_t bytes, uint32_t slot_bytes)
{
	memset(r, 0, sizeof(*r));
	r->dead = true;
	r->role = role;
	r->slot_bytes = slot_bytes;
	r->size = pvb_ring_size(bytes, slot_bytes);
	if (r->size == 0 || (uintptr_t)mem % PVB_RING_PAGE_BYTES != 0)
		return -EINVAL;
	r->shared = (struct pvb_sring *)mem;
	r->lead = role == PVB_FRONT ? r->size : 0;
	return 0;
}

static void ring_start(struct pvb_ring *r, uint32_t out_prod, uint32_t in_cons)
{
	r->out_prod = out_prod;
	r->out_pub = out_prod;
	r->in_cons = in_cons;
	r->in_seen = in_cons;
	r->dead = false;
}

int pvb_ring_attach(struct pvb_ring *r, enum pvb_role role,
		    void *mem, size_t bytes, uint32_t slot_bytes)
{
	int rc = ring_init(r, role, mem, bytes, slot_bytes);
	uint32_t req, rsp;

	if (rc < 0)
		return rc;
	req = pvb_ring_load_relaxed(&r->shared->lane[PVB_FRONT].prod);
	rsp = pvb_ring_load_relaxed(&r->shared->lane[PVB_BACK].prod);
	/* A front begins with nothing asked; a back may find a full ring. */
	if (req - rsp > (role == PVB_FRONT ? 0 : r->size))
		return -EPROTO;
	ring_start(r, rsp, rsp);
	return 0;
}

int pvb_ring_reattach(struct pvb_ring *r, void *mem, size_t bytes,
		      uint32_t slot_bytes, uint32_t in_cons)
{
	int rc = ring_init(r, PVB_BACK, mem, bytes, slot_bytes);
	uint32_t req, rsp;

	if (rc < 0)
		return rc;
	req = pvb_ring_load_relaxed(&r->shared->lane[PVB_FRONT].prod);
	rsp = pvb_ring_load_relaxed(&r->shared->lane[PVB_BACK].prod);
	/* Answered, taken, asked: in this order, and within one turn. */
	if (req - rsp > r->size || in_cons - rsp > req - rsp)
		return -EPROTO;
	ring_start(r, rsp, in_cons);
	return 0;
}

int32_t pvb_ring_waiting(struct pvb_ring *r)
{
	uint32_t limit = r->out_pub + r->size - r->lead;
	uint32_t prod;

	if (r->dead)
		return -EPROTO;
	/* Acquire: the slots are at least as new as the index over them. */
	prod = pvb_ring_load_acquire(&in_lane(r)->prod);
	if (prod - r->in_seen > limit - r->in_seen) {
		r->dead = true;
		return -EPROTO;
	}
	r->in_seen = prod;
	return (int32_t)(prod - r->in_cons);
}

uint32_t pvb_ring_seen(const struct pvb_ring *r)
{
	return r->in_seen - r->in_cons;
}

void pvb_ring_copy(const struct pvb_ring *r, uint32_t i, void *slot)
{
	assert(i < pvb_ring_seen(r));
	pvb_copy_out(slot, slot_at(r, r->in_cons + i), r->slot_bytes);
}

void pvb_ring_commit(struct pvb_ring *r, uint32_t n)
{
	assert(n <= pvb_ring_seen(r));
	r->in_cons += n;
}

int pvb_ring_sleep_check(struct pvb_ring *r)
{
	int32_t n = pvb_ring_waiting(r);

	/* Not even asked for: a busy end needs no bell. */
	if (n != 0)
		return n < 0 ? -EPROTO : 1;
	crash_point(r, PVB_AT_REQ_EVENT);
	pvb_ring_store_relaxed(&in_lane(r)->event, r->in_cons + 1);
	pvb_ring_fence();       /* pairs with the peer's in publish */
	n = pvb_ring_waiting(r);
	return n < 0 ? -EPROTO : n > 0;
}

uint32_t pvb_ring_room(const struct pvb_ring *r)
{
	return r->dead ? 0 : space(r);
}

void *pvb_ring_out(const struct pvb_ring *r, uint32_t i)
{
	assert(i < space(r));
	crash_point(r, PVB_AT_RESPONSE);
	return slot_at(r, r->out_prod + i);
}

void pvb_ring_push(struct pvb_ring *r, uint32_t n)
{
	assert(n <= space(r));
	r->out_prod += n;
}

bool pvb_ring_publish(struct pvb_ring *r)
{
	uint32_t old_pub = r->out_pub, new_pub = r->out_prod;
	uint32_t event;

	if (r->dead || new_pub == old_pub)
		return false;
	/* Release: the slots are written before the index that shows them. */
	crash_point(r, PVB_AT_RSP_PROD);
	pvb_ring_store_release(&out_lane(r)->prod, new_pub);
	r->out_pub = new_pub;
	pvb_ring_fence();       /* pairs with the peer's in sleep_check */
	event = pvb_ring_load_relaxed(&out_lane(r)->event);
	/* Did this step pass the index that the peer waits for? */
	return new_pub - event < new_pub - old_pub;
}

uint32_t pvb_ring_unpublished(const struct pvb_ring *r)
{
	return r->out_prod - r->out_pub;
}
