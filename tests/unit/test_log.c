/* SPDX-License-Identifier: MIT */
/* test_log.c - levels, what peers may put into a line, rate limits. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/log.h"

static struct {
	int count;
	enum pvb_log_level level;
	char line[2048];
} heard;

static void hear(const struct pvb_log *log, enum pvb_log_level level,
                 const char *line)
{
	assert_ptr_equal(log->arg, &heard);
	heard.count++;
	heard.level = level;
	strncpy(heard.line, line, sizeof(heard.line) - 1);
}

static const struct pvb_log warn_log = { PVB_LOG_WARN, hear, &heard };

static int forget(void **state)
{
	(void)state;
	memset(&heard, 0, sizeof(heard));
	return 0;
}

static void says_what_is_grave_enough(void **state)
{
	(void)state;
	pvb_log(&warn_log, PVB_LOG_ERROR, "disk %s gone", "a.img");
	assert_int_equal(heard.count, 1);
	assert_int_equal(heard.level, PVB_LOG_ERROR);
	assert_string_equal(heard.line, "disk a.img gone");
	pvb_log(&warn_log, PVB_LOG_WARN, "w");
	assert_int_equal(heard.count, 2);
}

static void is_silent_about_the_rest(void **state)
{
	(void)state;
	pvb_log(&warn_log, PVB_LOG_INFO, "i");
	pvb_log(&warn_log, PVB_LOG_DEBUG, "d");
	assert_int_equal(heard.count, 0);
}

static void null_log_swallows_everything(void **state)
{
	(void)state;
	pvb_log(NULL, PVB_LOG_ERROR, "%s", "nobody hears");
	assert_int_equal(heard.count, 0);
}

static void peer_cannot_forge_a_line(void **state)
{
	(void)state;
	pvb_log(&warn_log, PVB_LOG_WARN, "key '%s'", "a\npvb: error: b\x1b[1m");
	assert_string_equal(heard.line, "key 'a?pvb: error: b?[1m'");
}

static void long_line_shows_that_it_was_cut(void **state)
{
	char text[4000];
	size_t length;

	(void)state;
	memset(text, 't', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	pvb_log(&warn_log, PVB_LOG_WARN, "%s", text);
	length = strlen(heard.line);
	assert_true(length > 500 && length < 2000);
	assert_string_equal(heard.line + length - 4, "t...");
}

/* What `line` became on standard error; not ended by a zero. */
static ssize_t written(enum pvb_log_level level, const char *line, char *out,
                       size_t bytes)
{
	int fds[2], saved = dup(STDERR_FILENO);
	ssize_t n;

	/* A pipe of packets: a read takes no more than one write gave. */
	assert_int_equal(pipe2(fds, O_DIRECT | O_CLOEXEC), 0);
	assert_int_equal(dup2(fds[1], STDERR_FILENO), STDERR_FILENO);
	pvb_log_to_stderr(&warn_log, level, line);
	(void)dup2(saved, STDERR_FILENO);
	(void)close(saved);
	(void)close(fds[1]);
	n = read(fds[0], out, bytes);
	(void)close(fds[0]);
	return n;
}

static void stderr_line_is_one_write(void **state)
{
	static const char expected[] = "pvb: warn: ring 3 is quiet\n";
	char out[200];

	(void)state;
	assert_int_equal(written(PVB_LOG_WARN, "ring 3 is quiet", out,
	                         sizeof(out)), sizeof(expected) - 1);
	assert_memory_equal(out, expected, sizeof(expected) - 1);
}

static void stderr_line_always_ends_in_newline(void **state)
{
	char text[4000], out[4096];
	ssize_t n;

	(void)state;
	memset(text, 't', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	n = written(PVB_LOG_ERROR, text, out, sizeof(out));
	assert_true(n > 1000 && n < 2000);
	assert_int_equal(out[n - 1], '\n');
	assert_int_equal(out[n - 2], 't');
}

static void stderr_sink_leaves_errno_alone(void **state)
{
	int saved = dup(STDERR_FILENO);

	(void)state;
	(void)close(STDERR_FILENO);
	errno = ENOTTY;
	pvb_log_to_stderr(&warn_log, PVB_LOG_WARN, "into the void");
	assert_int_equal(errno, ENOTTY);
	(void)dup2(saved, STDERR_FILENO);
	(void)close(saved);
}

static void levels_are_parsed_exactly(void **state)
{
	static const char *const names[] = { "error", "warn", "info", "debug" };
	enum pvb_log_level level;

	(void)state;
	for (int i = 0; i < 4; i++) {
		assert_true(pvb_log_level_parse(names[i], &level));
		assert_int_equal(level, i);
	}
	assert_false(pvb_log_level_parse("", &level));
	assert_false(pvb_log_level_parse("Error", &level));
	assert_false(pvb_log_level_parse("warning", &level));
	assert_int_equal(level, PVB_LOG_DEBUG);
}

static void limit_lets_a_burst_pass_then_one_a_period(void **state)
{
	struct pvb_log_limit l = { .period_ns = 1000, .burst = 3 };
	uint64_t now = 5000000;
	uint32_t left_out;

	(void)state;
	for (int i = 0; i < 3; i++) {
		assert_true(pvb_log_limit_pass(&l, now, &left_out));
		assert_int_equal(left_out, 0);
	}
	for (int i = 0; i < 7; i++)
		assert_false(pvb_log_limit_pass(&l, now + 999, &left_out));
	assert_true(pvb_log_limit_pass(&l, now + 1000, &left_out));
	assert_int_equal(left_out, 7);
	assert_false(pvb_log_limit_pass(&l, now + 1999, &left_out));
	assert_true(pvb_log_limit_pass(&l, now + 2000, &left_out));
	assert_int_equal(left_out, 1);
}

static void limit_holds_on_average_under_a_flood(void **state)
{
	struct pvb_log_limit l = { .period_ns = 1000, .burst = 4 };
	uint32_t said = 0, swallowed = 0, left_out;

	(void)state;
	for (uint64_t now = 1; now <= 100000; now += 7)
		if (pvb_log_limit_pass(&l, now, &left_out)) {
			said++;
			swallowed += left_out;
		}
	assert_in_range(said, 100, 104);
	assert_int_equal(said + swallowed + l.left_out, (100000 + 6) / 7);
}

static void limit_forgives_after_a_quiet_time(void **state)
{
	struct pvb_log_limit l = { .period_ns = 1000, .burst = 2 };

	(void)state;
	assert_true(pvb_log_limit_pass(&l, 10, NULL));
	assert_true(pvb_log_limit_pass(&l, 10, NULL));
	assert_false(pvb_log_limit_pass(&l, 10, NULL));
	assert_true(pvb_log_limit_pass(&l, 90000, NULL));
	assert_true(pvb_log_limit_pass(&l, 90000, NULL));
	assert_false(pvb_log_limit_pass(&l, 90000, NULL));
}

static void limit_of_zero_burst_still_says_one(void **state)
{
	struct pvb_log_limit l = { .period_ns = 1000 };

	(void)state;
	assert_true(pvb_log_limit_pass(&l, 10, NULL));
	assert_false(pvb_log_limit_pass(&l, 11, NULL));
	assert_true(pvb_log_limit_pass(&l, 1010, NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(says_what_is_grave_enough, forget),
		cmocka_unit_test_setup(is_silent_about_the_rest, forget),
		cmocka_unit_test_setup(null_log_swallows_everything, forget),
		cmocka_unit_test_setup(peer_cannot_forge_a_line, forget),
		cmocka_unit_test_setup(long_line_shows_that_it_was_cut, forget),
		cmocka_unit_test(stderr_line_is_one_write),
		cmocka_unit_test(stderr_line_always_ends_in_newline),
		cmocka_unit_test(stderr_sink_leaves_errno_alone),
		cmocka_unit_test(levels_are_parsed_exactly),
		cmocka_unit_test(limit_lets_a_burst_pass_then_one_a_period),
		cmocka_unit_test(limit_holds_on_average_under_a_flood),
		cmocka_unit_test(limit_forgives_after_a_quiet_time),
		cmocka_unit_test(limit_of_zero_burst_still_says_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
