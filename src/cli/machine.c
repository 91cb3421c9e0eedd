/* SPDX-License-Identifier: MIT */
#include "machine.h"

#include <errno.h>
#include <time.h>

#include <pvb/err.h>

#include "hyp/host.h"
#include "hyp/store.h"

enum { TRIES = 100, PAUSE_NS = 20000000 };

void pvb_machine_wait(const struct pvb_host *h)
{
	static const struct timespec pause = { .tv_nsec = PAUSE_NS };
	struct pvb_err e = { .code = -ENOENT };

	if (h->xen)
		return;
	for (int i = 0; i < TRIES && e.code == -ENOENT; i++) {
		struct pvb_store *s = pvb_host_store(h, 0, &e);

		if (s) {
			pvb_store_close(s);
			return;
		}
		nanosleep(&pause, NULL);
	}
}
