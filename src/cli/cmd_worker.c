/* SPDX-License-Identifier: MIT */
/* pvb worker: a worker process.  Started by the supervisor, by nobody else. */
#include <errno.h>
#include <fcntl.h>

#include <pvb/err.h>

#include "base/log.h"
#include "cmd.h"
#include "serve/worker.h"
#include "serve/worker_msg.h"

static int run(const struct pvb_cmd *cmd, int argc, char **argv)
{
	struct pvb_log log = { .level = PVB_LOG_INFO,
		.sink = pvb_log_to_stderr };
	struct pvb_err e = PVB_ERR_INIT;

	(void)argv;
	if (argc != 1 ||
	    fcntl(PVB_WORKER_BADGE_FD, F_SETFD, FD_CLOEXEC) < 0 ||
	    fcntl(PVB_WORKER_FD, F_SETFD, FD_CLOEXEC) < 0)
		return pvb_say_usage(cmd,
			"worker: only 'pvb serve' starts workers");
	if (pvb_worker_run(PVB_WORKER_FD, &log, &e) < 0)
		return pvb_say_err("worker", &e);
	return PVB_EXIT_DONE;
}

const struct pvb_cmd pvb_cmd_worker = {
	.name = "worker",
	.help = "usage: pvb serve starts it; it is of no use by itself\n",
	.run = run,
};
