/* SPDX-License-Identifier: MIT */
/*
 * One scripted front against pvb's backend: that which every front does, and
 * what only this one does.
 */
#include <assert.h>

#include "front.h"

static const struct front_script *const scripts[] = {
	&front_early, &front_freebsd, &front_freebsd_2012,
	&front_freebsd_2012_4k, &front_freebsd_9_0, &front_grub, &front_linux,
	&front_linux_2006, &front_linux_order, &front_mini_os, &front_mirage,
	&front_netbsd, &front_ovmf, &front_ovmf_cdrom, &front_windows,
	&front_windows_4k,
};
enum { SCRIPTS = sizeof(scripts) / sizeof(scripts[0]), TESTS_MAX = 16 };

static const struct front_script *script;
static struct stage stage;
static struct front front;

static int setup(void **state)
{
	(void)state;
	(void)alarm(120);
	stage_begin(&stage, &script->options);
	memset(&front, 0, sizeof(front));
	front.stage = &stage;
	front.script = script;
	end_open(&front.end, stage.machine.run, STAGE_FRONT, STAGE_BACK,
	         stage.front_dir, stage.back_dir);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	end_close(&front.end);
	stage_end(&stage);
	return 0;
}

/* It has left: the back has let go, and nothing was wrong. */
static void expect_left(void)
{
	assert_int_equal(front.grants, 0);
	assert_int_equal(machine_counts(&stage.machine).areas_held, 0);
	stage_expect_content(&stage);
	stage_expect_disk(&stage);
}

static void use_it(void)
{
	front_connect(&front);
	assert_true(machine_counts(&stage.machine).areas_held > 0);
	front_exercise(&front);
	script->leave(&front);
	expect_left();
}

/* ---- what every front does ----------------------------------------------- */

static void reads_and_writes(void **state)
{
	(void)state;
	stage_start_back(&stage);
	back_thread_wait(&stage.back, PVB_XB_INIT_WAIT);
	use_it();
}

static void is_there_before_its_back(void **state)
{
	(void)state;
	script->offer(&front);
	stage_start_back(&stage);
	script->join(&front);
	front_exercise(&front);
	script->leave(&front);
	expect_left();
}

static void comes_again(void **state)
{
	(void)state;
	stage_start_back(&stage);
	for (int i = 0; i < 4; i++)
		use_it();
}

/* What a boot loader is for. */
static void hands_over_to_linux(void **state)
{
	(void)state;
	stage_start_back(&stage);
	use_it();
	front.script = &front_linux;
	front_connect(&front);
	front_exercise(&front);
	front_linux.leave(&front);
	expect_left();
}

static void its_own(void **state)
{
	const struct front_test *t = *state;

	stage_start_back(&stage);
	t->run(&front);
	assert_int_equal(front.grants, 0);
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
	if (script->offer)
		add("reads and writes", reads_and_writes, NULL);
	if (script->offer && !script->waits)
		add("is there before its back", is_there_before_its_back, NULL);
	if (script->leaves_fresh) {
		add("comes again", comes_again, NULL);
		add("hands over to Linux", hands_over_to_linux, NULL);
	}
	for (const struct front_test *t = script->tests; t && t->name; t++)
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
	fprintf(stderr, "usage: test_fronts SCRIPT\n");
	return 2;
}
