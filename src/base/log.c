/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "printable.h"

enum { LINE_BYTES = 1024 };             /* longer lines end in "..." */

static const char *const level_names[] = {
	[PVB_LOG_ERROR] = "error",
	[PVB_LOG_WARN] = "warn",
	[PVB_LOG_INFO] = "info",
	[PVB_LOG_DEBUG] = "debug",
};
enum { LEVELS = sizeof(level_names) / sizeof(level_names[0]) };

void pvb_log(const struct pvb_log *log, enum pvb_log_level level,
             const char *fmt, ...)
{
	char line[LINE_BYTES];
	va_list ap;
	int n;

	if (!log || level > log->level)
		return;
	va_start(ap, fmt);
	n = vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	if (n < 0)
		return;
	if ((size_t)n >= sizeof(line))
		memcpy(line + sizeof(line) - 4, "...", 4);
	pvb_printable(line);
	log->sink(log, level, line);
}

void pvb_log_to_stderr(const struct pvb_log *log, enum pvb_log_level level,
                       const char *line)
{
	char out[LINE_BYTES + 32];
	int saved_errno = errno;
	ssize_t wrote;
	int n;

	(void)log;
	n = snprintf(out, sizeof(out) - 1, "pvb: %s: %s", level_names[level],
	             line);
	if (n < 0)
		return;
	if ((size_t)n > sizeof(out) - 2)
		n = (int)sizeof(out) - 2;
	out[n] = '\n';
	/* One write keeps lines of several processes apart.  Where nobody
	   can be told, nobody is. */
	do
		wrote = write(STDERR_FILENO, out, (size_t)n + 1);
	while (wrote < 0 && errno == EINTR);
	errno = saved_errno;
}

bool pvb_log_level_parse(const char *name, enum pvb_log_level *out)
{
	for (unsigned int i = 0; i < LEVELS; i++) {
		if (strcmp(name, level_names[i]) == 0) {
			*out = (enum pvb_log_level)i;
			return true;
		}
	}
	return false;
}

/*
 * A bucket of `burst` permissions, of which one grows back per period.
 * `said` counts the missing ones, window_start_ns is since when the next
 * one has been growing.
 */
bool pvb_log_limit_pass(struct pvb_log_limit *l, uint64_t now_ns,
                        uint32_t *left_out)
{
	uint32_t burst = l->burst ? l->burst : 1;
	uint64_t grown = l->period_ns == 0 ? UINT64_MAX :
	                 (now_ns - l->window_start_ns) / l->period_ns;

	if (grown >= l->said) {
		l->said = 0;
		l->window_start_ns = now_ns;
	} else {
		l->said -= (uint32_t)grown;
		l->window_start_ns += grown * l->period_ns;
	}
	if (l->said >= burst) {
		l->left_out += l->left_out < UINT32_MAX;
		return false;
	}
	l->said++;
	if (left_out)
		*left_out = l->left_out;
	l->left_out = 0;
	return true;
}
