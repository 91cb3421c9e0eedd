/* SPDX-License-Identifier: MIT */
/*
 * log.h - levels, one sink.  Never called per request on the data path.
 *
 * A log is an object that its owner hands down; there is no global one.  A
 * NULL log swallows everything.  A line has no newline; the sink adds what
 * its medium wants.
 */
#ifndef PVB_LOG_H
#define PVB_LOG_H

#include <stdbool.h>
#include <stdint.h>

enum pvb_log_level {
	PVB_LOG_ERROR,                  /* something is lost or refused */
	PVB_LOG_WARN,                   /* a peer or a file is at fault */
	PVB_LOG_INFO,                   /* a device came, went, changed */
	PVB_LOG_DEBUG,                  /* each step of a handshake */
};

struct pvb_log {                        /* caller's storage; thread-safe */
	enum pvb_log_level level;
	void (*sink)(const struct pvb_log *log, enum pvb_log_level level,
	             const char *line);
	void *arg;
};

void pvb_log(const struct pvb_log *log, enum pvb_log_level level,
             const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* A sink: "pvb: LEVEL: line" on standard error in one write(2). */
void pvb_log_to_stderr(const struct pvb_log *log, enum pvb_log_level level,
                       const char *line);
/* "error", "warn", "info", "debug" to a level: false if it is none. */
bool pvb_log_level_parse(const char *name, enum pvb_log_level *out);

/* A message that a peer can cause at will is said at most `burst` times and
   then once every `period_ns`, with how many were left out. */
struct pvb_log_limit {
	uint64_t period_ns, window_start_ns;
	uint32_t burst, said, left_out;
};
/* True: say it; *left_out (may be NULL) then holds how many were swallowed. */
bool pvb_log_limit_pass(struct pvb_log_limit *l, uint64_t now_ns,
                        uint32_t *left_out);

#endif
