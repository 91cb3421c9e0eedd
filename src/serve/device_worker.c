/* SPDX-License-Identifier: MIT */
#include "device_worker.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "blk/blkback_ctl.h"
#include "flow/journal_memory.h"

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

	switch (judge(w)) {
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

int pvb_device_worker_counters(struct pvb_device_worker *w, uint32_t queue)
{
	int fd, r;

	if (w->counters_fd[queue] >= 0)
		return w->counters_fd[queue];
	fd = pvb_counters_create();
	if (fd < 0)
		return fd;
	r = pvb_counters_map(fd, true, &w->counters[queue]);
	if (r < 0) {
		(void)close(fd);
		return r;
	}
	w->counters_fd[queue] = fd;
	return fd;
}

int pvb_device_worker_journal(struct pvb_device_worker *w, uint32_t queue,
                              size_t bytes)
{
	int fd = pvb_journal_memory_create(bytes);

	if (fd < 0)
		return fd;
	if (w->journal_fd[queue] >= 0)
		(void)close(w->journal_fd[queue]);
	w->journal_fd[queue] = fd;
	return fd;
}

void pvb_device_worker_sum(const struct pvb_device_worker *w,
                           struct pvb_counts *sum)
{
	struct pvb_counts one;

	memset(sum, 0, sizeof(*sum));
	for (uint32_t i = 0; i < PVB_BLK_QUEUES_MAX; i++) {
		if (!w->counters[i])
			continue;
		pvb_counters_read(w->counters[i], &one);
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
		pvb_counters_unmap(w->counters[i]);
		if (w->counters_fd[i] >= 0)
			(void)close(w->counters_fd[i]);
		if (w->journal_fd[i] >= 0)
			(void)close(w->journal_fd[i]);
	}
}
