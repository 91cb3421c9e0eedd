/* SPDX-License-Identifier: MIT */
/*
 * back_thread.h - a whole backend of one device on a thread of its own:
 * control and data halves, on the local machine of the test.
 */
#ifndef PVB_TEST_BACK_THREAD_H
#define PVB_TEST_BACK_THREAD_H

#include "unit/machine.h"

#include "blk/blk_nodes.h"
#include "blk/blkback_ctl.h"
#include "blk/blkback_io.h"

enum { BACK_THREAD_QUEUES = 16 };

struct back_thread {
	const struct machine *machine;
	struct pvb_xsdev dev;
	const char *uri;
	struct pvb_blk_options options;
	pthread_t thread;
	struct pvb_loop *loop;
	struct pvb_store *store;
	struct pvb_watches *watches;
	struct pvb_blkback_ctl *ctl;
	struct pvb_blkback_io *io[BACK_THREAD_QUEUES];
	int link[BACK_THREAD_QUEUES];   /* its end: io's, and io's to close */
	int counters[BACK_THREAD_QUEUES];
	bool retired;                   /* read it by back_thread_status */
	struct pvb_loop_task call;
	void (*fn)(struct back_thread *b, void *arg);
	void *arg;
	sem_t done;
};

/* The nodes must be there.  The disk is probed on the thread; `uri` may be ""
   for a drive that is empty. */
void back_thread_start(struct back_thread *b, const struct machine *m,
                       const struct pvb_xsdev *dev, const char *uri,
                       const struct pvb_blk_options *options);
/* As a crash: without a word to the front or the store. */
void back_thread_kill(struct back_thread *b);
/* Run it there, and wait. */
void back_thread_call(struct back_thread *b,
                      void (*fn)(struct back_thread *b, void *arg), void *arg);
struct pvb_blkback_status back_thread_status(struct back_thread *b);
/* 0 or -errno of pvb_blkback_ctl_resize. */
int  back_thread_resize(struct back_thread *b);
/* Until its own state is this. */
void back_thread_wait(struct back_thread *b, enum pvb_xb mine);

#endif
