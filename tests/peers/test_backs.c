/* SPDX-License-Identifier: MIT */
/*
 * One scripted back under pvb's front: that which every back does, and what
 * only this one does.
 */
#include <assert.h>

#include "back.h"
#include "disk/requests.h"

static const struct back_script *const scripts[] = {
	&back_ec2, &back_ec2_odd, &back_freebsd, &back_freebsd_2012,
	&back_freebsd_2012_32, &back_freebsd_2012_4k, &back_freebsd_9_0,
	&back_linux, &back_linux_2_6, &back_linux_order, &back_mirage,
	&back_netbsd, &back_qemu, &back_qemu_4k, &back_tapdisk,
};
enum { SCRIPTS = sizeof(scripts) / sizeof(scripts[0]), TESTS_MAX = 16 };

static const struct back_script *script;
static struct stage stage;
static struct back back;

static int setup(void **state)
{
	(void)state;
	(void)alarm(120);
	stage_begin(&stage, script->kind);
	memset(&back, 0, sizeof(back));
	back.stage = &stage;
	back.script = script;
	back.bytes = STAGE_BYTES;
	back.disk = malloc(back.bytes);
	back.expected = malloc(back.bytes);
	assert_true(back.disk && back.expected);
	fill_pattern(back.disk, back.bytes, 19);
	memcpy(back.expected, back.disk, back.bytes);
	end_open(&back.end, stage.machine.run, STAGE_BACK, STAGE_FRONT,
	         stage.back_dir, stage.front_dir);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	end_close(&back.end);
	stage_end(&stage);
	free(back.disk);
	free(back.expected);
	return 0;
}

/* ---- what every back does ------------------------------------------------ */

static void use_it(void)
{
	back_open(&back, "");
	back_exercise(&back);
	back_close(&back);
	back_expect_disk(&back);
}

static void is_read_and_written(void **state)
{
	(void)state;
	script->found(&back);
	use_it();
}

/* The program is there before the device's driver. */
static void is_waited_for(void **state)
{
	(void)state;
	stage_open(&stage, script->options ? script->options : "");
	await_state(&back.end, INITIALISING);
	script->found(&back);
	script->connect(&back);
	if (back_result(&back) < 0)
		fail_msg("%s", stage.call.error.text);
	back_exercise(&back);
	back_close(&back);
}

static void serves_another_after_that(void **state)
{
	(void)state;
	script->found(&back);
	for (int i = 0; i < 3; i++)
		use_it();
}

static void its_own(void **state)
{
	const struct back_test *t = *state;

	t->run(&back);
}

/* ---- the program --------------------------------------------------------- */

static struct CMUnitTest tests[TESTS_MAX];
static char names[TESTS_MAX][96];
static uint32_t count;

static void add(const char *name, CMUnitTestFunction run, const void *arg)
{
	assert(count < TESTS_MAX);
	snprintf(names[count], sizeof(names[count]), "%s %s", script->name,
	         name);
	tests[count] = (struct CMUnitTest){
		.name = names[count], .test_func = run, .setup_func = setup,
		.teardown_func = teardown, .initial_state = (void *)arg,
	};
	count++;
}

static int run(void)
{
	if (script->leave) {
		add("is read and written", is_read_and_written, NULL);
		add("is waited for", is_waited_for, NULL);
	}
	if (script->comes_again)
		add("serves another after that", serves_another_after_that,
		    NULL);
	for (const struct back_test *t = script->tests; t && t->name; t++)
		add(t->name, its_own, t);
	return _cmocka_run_group_tests(script->name, tests, count, NULL, NULL);
}

int main(int argc, char **argv)
{
	for (uint32_t i = 0; argc == 2 && i < SCRIPTS; i++) {
		script = scripts[i];
		if (strcmp(argv[1], script->name) == 0)
			return run();
	}
	fprintf(stderr, "usage: test_backs SCRIPT\n");
	return 2;
}
