/* SPDX-License-Identifier: MIT */
#include "device_worker.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "blk/blkback_ctl.h"
#include "flow/journal_memory.h"
#include "kept.h"

/* ---- a burial ------------------------------------------------------------ */

static uint64_t answered(const struct pvb_counts *c)
{
	uint64_t n = 0;

	for (uint32_t i = 0; i < PVB_COUNT_OP_COUNT; i++)
		n += c->op[i].requests;
	return n;
}

static enum pvb_deaths_verdict judge(struct pvb_device_worker *w)
{
	struct pvb_counts sum;
	struct pvb_death death;

	pvb_device_worker_sum(w, &sum);
	death = (struct pvb_death){
		.now_ns = pvb_loop_now_ns(w->c.loop),
		.answered = answered(&sum), .in_flight = sum.in_flight,
	};
	return pvb_deaths_count(&w->deaths, w->c.deaths_max, &death);
}

static void give_own(struct pvb_device_worker *w)
{
	if (!w->seat.alone)
		pvb_log(w->c.log, PVB_LOG_WARN,
		        "domain %u device %u: %u workers have died: the next "
		        "one is its own", w->c.dev.front_domid,
		        w->c.dev.number, w->deaths.count);
	w->seat.alone = true;
}

static void buried(struct pvb_seat *s)
{
	struct pvb_device_worker *w =
		pvb_container(s, struct pvb_device_worker, seat);
	char text[128] = "";
	enum pvb_why why = PVB_OK;
	bool ours = pvb_seat_take_served(s);

	switch (ours ? judge(w) : PVB_DEATHS_GO_ON) {
	case PVB_DEATHS_GO_ON:
		break;
	case PVB_DEATHS_ALONE:
		give_own(w);
		break;
	case PVB_DEATHS_ENOUGH:
		why = PVB_WHY_WORKER;
		(void)snprintf(text, sizeof(text), "%u workers have died of it "
		               "within %d s", w->deaths.count,
		               PVB_DEATHS_WITHIN_S);
		w->deaths = (struct pvb_deaths){ .count = 0 };
		break;
	}
	pvb_blkback_ctl_buried(w->mourner, why, text);
}

void pvb_device_worker_bury(struct pvb_device_worker *w,
                            struct pvb_blkback_ctl *b)
{
	w->mourner = b;
	pvb_seat_bury(&w->seat);
}

/* ---- what outlives it ---------------------------------------------------- */

static const char journal[] = "journal", counters[] = "counters",
                  rest[] = "rest";

static void drop(int *fd)
{
	if (*fd >= 0)
		(void)close(*fd);
	*fd = -1;
}

static void say_unkept(struct pvb_device_worker *w, int code)
{
	if (!w->unkept)
		pvb_log(w->c.log, PVB_LOG_WARN,
		        "domain %u device %u: not kept beyond this daemon's "
		        "end: %s", w->c.dev.front_domid, w->c.dev.number,
		        strerror(-code));
	w->unkept = true;
}

static int make_counters(struct pvb_device_worker *w, uint32_t queue)
{
	int fd = pvb_kept_make(w->c.kept, &w->c.dev, queue, counters,
	                       pvb_counters_bytes());
	int r = fd < 0 ? fd : pvb_counters_begin(fd);

	if (r == 0)
		return fd;
	drop(&fd);
	say_unkept(w, r);
	return pvb_counters_create();
}

int pvb_device_worker_counters(struct pvb_device_worker *w, uint32_t queue)
{
	int *fd = &w->counters_fd[queue];
	int r = *fd >= 0 ? *fd : make_counters(w, queue);

	if (r >= 0)
		*fd = r;
	return r;
}

int pvb_device_worker_journal(struct pvb_device_worker *w, uint32_t queue,
                              size_t bytes)
{
	int fd = pvb_kept_make(w->c.kept, &w->c.dev, queue, journal, bytes);

	if (fd < 0) {
		say_unkept(w, fd);
		fd = pvb_journal_memory_create(bytes);
	}
	if (fd < 0)
		return fd;
	drop(&w->journal_fd[queue]);
	w->journal_fd[queue] = fd;
	/* With the last of them it is not true any more. */
	if (queue + 1 == w->at_rest) {
		pvb_kept_remove(w->c.kept, &w->c.dev, 0, rest);
		w->at_rest = 0;
	}
	return fd;
}

static void remove_journals(struct pvb_device_worker *w)
{
	for (uint32_t i = 0; i < PVB_BLK_QUEUES_MAX; i++) {
		drop(&w->journal_fd[i]);
		pvb_kept_remove(w->c.kept, &w->c.dev, i, journal);
	}
}

void pvb_device_worker_forget(struct pvb_device_worker *w)
{
	remove_journals(w);
	pvb_kept_remove(w->c.kept, &w->c.dev, 0, rest);
	w->at_rest = 0;
}

int pvb_device_worker_rest(struct pvb_device_worker *w)
{
	int fd = pvb_kept_make(w->c.kept, &w->c.dev, 0, rest, 1);

	if (fd < 0)
		return fd;
	(void)close(fd);                /* its name says it all */
	remove_journals(w);
	return 0;
}

/* They begin anew if they are none. */
static void find_counters(struct pvb_device_worker *w, uint32_t queue)
{
	struct pvb_counts unused;
	int fd = pvb_kept_find(w->c.kept, &w->c.dev, queue, counters);

	if (fd >= 0 && pvb_counters_fetch(fd, &unused) < 0)
		drop(&fd);
	w->counters_fd[queue] = fd < 0 ? -1 : fd;
}

static int find_journals(struct pvb_device_worker *w, uint32_t queues,
                         int *fds)
{
	for (uint32_t i = 0; i < queues; i++) {
		fds[i] = pvb_kept_find(w->c.kept, &w->c.dev, i, journal);
		if (fds[i] < 0)
			return fds[i];
		w->journal_fd[i] = fds[i];
	}
	return 0;
}

static bool is_at_rest(struct pvb_device_worker *w)
{
	int fd = pvb_kept_find(w->c.kept, &w->c.dev, 0, rest);

	if (fd < 0)
		return false;
	(void)close(fd);
	return true;
}

int pvb_device_worker_left(struct pvb_device_worker *w, uint32_t queues,
                           int *fds)
{
	int r = find_journals(w, queues, fds);

	/* Who came to rest, or went on from there, has got no further. */
	if (r == 0)
		pvb_kept_remove(w->c.kept, &w->c.dev, 0, rest);
	if (r < 0 && is_at_rest(w)) {
		w->at_rest = queues;
		r = 1;
	}
	for (uint32_t i = 0; r >= 0 && i < queues; i++)
		find_counters(w, i);
	return r;
}

void pvb_device_worker_sum(const struct pvb_device_worker *w,
                           struct pvb_counts *sum)
{
	struct pvb_counts one;

	memset(sum, 0, sizeof(*sum));
	for (uint32_t i = 0; i < PVB_BLK_QUEUES_MAX; i++) {
		if (w->counters_fd[i] >= 0 &&
		    pvb_counters_fetch(w->counters_fd[i], &one) == 0)
			pvb_counts_merge(sum, &one);
	}
}

int pvb_device_worker_queue(struct pvb_device_worker *w, uint32_t queue)
{
	return pvb_seat_queue(&w->seat, queue);
}

/* ---- life ---------------------------------------------------------------- */

void pvb_device_worker_init(struct pvb_device_worker *w,
                            const struct pvb_device_worker_config *c)
{
	*w = (struct pvb_device_worker){ .c = *c };
	for (uint32_t i = 0; i < PVB_BLK_QUEUES_MAX; i++)
		w->counters_fd[i] = w->journal_fd[i] = -1;
	w->seat.workers = c->workers;
	w->seat.front_domid = c->dev.front_domid;
	w->seat.number = c->dev.number;
	w->seat.buried = buried;
	pvb_seat_take(&w->seat);
}

void pvb_device_worker_fini(struct pvb_device_worker *w)
{
	if (!w->c.workers)
		return;
	pvb_seat_leave(&w->seat);
	for (uint32_t i = 0; i < PVB_BLK_QUEUES_MAX; i++) {
		drop(&w->counters_fd[i]);
		drop(&w->journal_fd[i]);
	}
}

void pvb_device_worker_end(struct pvb_device_worker *w)
{
	pvb_device_worker_forget(w);
	for (uint32_t i = 0; i < PVB_BLK_QUEUES_MAX; i++)
		pvb_kept_remove(w->c.kept, &w->c.dev, i, counters);
}
