/* SPDX-License-Identifier: MIT */
/*
 * The loop's io_uring.  Its descriptor is in the epoll set, so a sleeping
 * loop is woken by a completion; an awake one takes completions straight
 * from memory, without a system call.
 *
 * The kernel is told that one thread submits and that it need not interrupt
 * us to finish a request (single issuer, cooperative task running); for the
 * latter it leaves a mark in the ring, which the peek below looks at.
 */
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>

#include "loop_state.h"

#ifdef PVB_HAVE_URING
#include <liburing.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { REAP_BATCH = 32 };

/* From the most we can use down to what the oldest kernel takes. */
static const unsigned int flag_sets[] = {
	IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_R_DISABLED |
	IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG |
	IORING_SETUP_SUBMIT_ALL | IORING_SETUP_CLAMP,
	IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG |
	IORING_SETUP_SUBMIT_ALL | IORING_SETUP_CLAMP,
	IORING_SETUP_CLAMP,
	0,
};
enum { FLAG_SETS = sizeof(flag_sets) / sizeof(flag_sets[0]) };

/* Readable says it all: each turn reaps, whoever woke it. */
static void ring_readable(struct pvb_loop_fd *w, uint32_t events)
{
	(void)w;
	(void)events;
}

static int ring_setup(struct loop_ring *g, uint32_t entries)
{
	int r = -EINVAL;

	for (int i = 0; i < FLAG_SETS && r == -EINVAL; i++) {
		struct io_uring_params p = { .flags = flag_sets[i] };

		r = io_uring_queue_init_params(entries, g->uring, &p);
		g->disabled = p.flags & IORING_SETUP_R_DISABLED;
	}
	return r;
}

void loop_ring_open(struct pvb_loop *l, uint32_t entries)
{
	struct loop_ring *g = &l->ring;
	int r;

	g->uring = calloc(1, sizeof(*g->uring));
	if (!g->uring) {
		g->refusal = ENOMEM;
		return;
	}
	r = ring_setup(g, entries);
	if (r < 0)
		goto fail_free;
	g->watch = (struct pvb_loop_fd){
		.fd = g->uring->ring_fd,
		.events = PVB_LOOP_IN,
		.ready = ring_readable,
	};
	r = loop_fds_add(l, &g->watch);
	if (r < 0)
		goto fail_exit;
	return;
fail_exit:
	io_uring_queue_exit(g->uring);
fail_free:
	free(g->uring);
	g->uring = NULL;
	g->refusal = -r;
}

void loop_ring_close(struct pvb_loop *l)
{
	if (!l->ring.uring)
		return;
	io_uring_queue_exit(l->ring.uring);
	free(l->ring.uring);
	l->ring.uring = NULL;
}

/* The ring is born disabled and belongs to the thread that enables it: the
   one that submits first, which need not be the one that made the loop.
   (By system call: the liburing.so of Debian 12 exports no function for it.) */
static int ring_enable(struct loop_ring *g)
{
	if (!g->disabled)
		return 0;
	if (syscall(SYS_io_uring_register, g->uring->ring_fd,
	            IORING_REGISTER_ENABLE_RINGS, NULL, 0) < 0)
		return -errno;
	g->disabled = false;
	return 0;
}

void pvb_loop_uring_submit(struct pvb_loop *l)
{
	struct loop_ring *g = &l->ring;
	unsigned int left;
	int r;

	if (!g->uring)
		return;
	r = ring_enable(g);
	/* A kernel without SUBMIT_ALL stops behind each SQE it refuses, so
	   a round may take only one; it never takes none and says all is
	   well. */
	for (left = io_uring_sq_ready(g->uring); r >= 0 && left > 0; left--) {
		if (io_uring_sq_ready(g->uring) == 0)
			break;
		r = io_uring_submit(g->uring);
	}
	g->queued = io_uring_sq_ready(g->uring) > 0;
	/* Out of memory, or completions pile up: the next turn reaps and
	   tries again.  Anything else will not get better. */
	if (r < 0 && r != -EAGAIN && r != -EBUSY && r != -EINTR)
		g->failed = r;
}

bool loop_ring_ready(const struct pvb_loop *l)
{
	return l->ring.uring && io_uring_cq_ready(l->ring.uring) > 0;
}

/* What is kept of a CQE when its place goes back to the kernel. */
struct completion {
	struct pvb_loop_cqe *whose;     /* NULL: nobody asked */
	int32_t  result;
	uint32_t flags;
};

static unsigned int take(struct io_uring *uring, struct completion *to)
{
	struct io_uring_cqe *cqes[REAP_BATCH];
	unsigned int n;

	/* Also asks the kernel for what it holds back, if it says so. */
	n = io_uring_peek_batch_cqe(uring, cqes, REAP_BATCH);
	for (unsigned int i = 0; i < n; i++)
		to[i] = (struct completion){ io_uring_cqe_get_data(cqes[i]),
		                             cqes[i]->res, cqes[i]->flags };
	io_uring_cq_advance(uring, n);
	return n;
}

/*
 * Takes about what is there when it begins; what callbacks add is for the
 * next turn.  Places are given back before anybody is called, for a
 * callback may submit.
 */
bool loop_ring_reap(struct pvb_loop *l)
{
	struct io_uring *uring = l->ring.uring;
	struct completion taken[REAP_BATCH];
	unsigned int n, limit, done = 0;

	if (!uring)
		return false;
	limit = io_uring_cq_ready(uring);
	do {
		n = take(uring, taken);
		for (unsigned int i = 0; i < n; i++)
			if (taken[i].whose)
				taken[i].whose->done(taken[i].whose,
				                     taken[i].result,
				                     taken[i].flags);
		done += n;
	} while (n > 0 && done < limit);
	return done > 0;
}

#else

void loop_ring_open(struct pvb_loop *l, uint32_t entries)
{
	(void)entries;
	l->ring.refusal = ENOSYS;
}

void loop_ring_close(struct pvb_loop *l)
{
	(void)l;
}

void pvb_loop_uring_submit(struct pvb_loop *l)
{
	(void)l;
}

bool loop_ring_ready(const struct pvb_loop *l)
{
	(void)l;
	return false;
}

bool loop_ring_reap(struct pvb_loop *l)
{
	(void)l;
	return false;
}

#endif

struct io_uring *pvb_loop_uring(struct pvb_loop *l)
{
	return l->ring.uring;
}

int pvb_loop_uring_refusal(const struct pvb_loop *l)
{
	return l->ring.refusal;
}

void pvb_loop_uring_queued(struct pvb_loop *l)
{
	l->ring.queued = true;
}
