/* SPDX-License-Identifier: MIT */
/*
 * back_stage.h - what a scripted back stands on: a machine, the device's nodes
 * as libxl makes them, and pvb's front in it, used by a program.
 *
 * The program is another thread: what it is about, a call or many requests, it
 * tells by a descriptor, since the script serves meanwhile.
 */
#ifndef PVB_PEERS_BACK_STAGE_H
#define PVB_PEERS_BACK_STAGE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <pvb/client.h>

#include "end.h"

enum {
	STAGE_BACK = 0, STAGE_FRONT = 3,        /* domains */
	STAGE_VDEV = 51728,             /* xvdb */
	STAGE_BYTES = 4 << 20,          /* of the disk */
};

struct stage {
	struct machine machine;
	struct pvb_store *tools;        /* the toolstack's */
	char back_dir[96], front_dir[96];
	int fds_at_start;
	/* Our front, if it is open, and what it is about. */
	struct pvb_client *client;
	int told;                       /* readable: something is done */
	atomic_uint done;
	uint32_t begun;                 /* since the last stage_clear */
	struct stage_call {
		pthread_t thread;
		int  (*run)(struct stage *s, struct stage_call *c);
		char uri[256];
		uint64_t offset, bytes;
		int  result;
		struct pvb_err error;
		bool running;
	} call;
};

/* `kind` of backend. */
void stage_begin(struct stage *s, const char *kind);
void stage_end(struct stage *s);
/* As the toolstack or its hotplug script, in the back's directory. */
void stage_say(struct stage *s, const char *name, const char *value);
/* It wants the device gone. */
void stage_detach(struct stage *s);

/* The program, in the background; one call at a time.  The result is there
   when all that has begun is done. */
void stage_open(struct stage *s, const char *options);
void stage_close(struct stage *s);
void stage_flush(struct stage *s);
void stage_discard(struct stage *s, uint64_t offset, uint64_t bytes);
void stage_write(struct stage *s, uint64_t offset, uint64_t bytes);
void stage_submit(struct stage *s, struct pvb_io *io);
/* Of stage_submit: for io->done. */
void stage_io_done(struct pvb_io *io, int result);
bool stage_is_done(struct stage *s);
/* The last call's; to be asked for when all is done. */
int  stage_result(struct stage *s);

#endif
