/* SPDX-License-Identifier: MIT */
/*
 * torture_load.c - verified load on disks, and a hand on the trigger.
 *
 *	torture_load [-d DEPTH] [-s SEED] [-t SECONDS] [-z] [-c DIR] [-a] URI...
 *
 * Each disk, which must be all zero, gets reads, writes, flushes and discards
 * at random, DEPTH (32) of them in flight; what each block may hold is known
 * at all times.  A request that takes longer than SECONDS (5) is an error.
 * -z: what was discarded must read as zeros.  -c: in the end what disk N held
 * is written to DIR/N.
 *
 * It reads commands, and answers each with a line of JSON:
 *
 *	kill PID...	how many requests were in flight just then
 *	look		how it goes; pauses since the last kill
 *	end		finish, compare all blocks, and exit
 *
 * With -a it reads none, and goes on until SIGTERM.  Exit status: 0, 1 if
 * anything was wrong (then standard error says what), 2 if it could not begin.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "disk_load.h"

enum { DISKS_MAX = 16, LINE_MAX_BYTES = 512, PAUSES_TOLD = 64 };

static struct disk_load *load[DISKS_MAX];
static uint32_t loads;

/* ---- commands ------------------------------------------------------------ */

static void kill_some(char *pids)
{
	uint32_t in_flight[DISKS_MAX], killed = 0;

	for (uint32_t i = 0; i < loads; i++)
		in_flight[i] = disk_load_lock(load[i]);
	for (char *p = strtok(pids, " "); p; p = strtok(NULL, " "))
		killed += kill((pid_t)strtol(p, NULL, 10), SIGKILL) == 0;
	for (uint32_t i = 0; i < loads; i++)
		disk_load_unlock_and_reset(load[i]);
	printf("{\"killed\": %u, \"in_flight\": [", killed);
	for (uint32_t i = 0; i < loads; i++)
		printf("%s%u", i ? ", " : "", in_flight[i]);
	printf("]}\n");
}

static void look(void)
{
	struct disk_load_state s;

	printf("[");
	for (uint32_t i = 0; i < loads; i++) {
		disk_load_look(load[i], &s);
		printf("%s{\"in_flight\": %u, \"requests\": %llu, "
		       "\"pause_ms\": %.3f, \"failed\": %s}", i ? ", " : "",
		       s.in_flight, (unsigned long long)s.requests,
		       (double)s.pause_ns / 1e6, s.failed ? "true" : "false");
	}
	printf("]\n");
}

/* False: that was the last one. */
static bool command(char *line)
{
	line[strcspn(line, "\n")] = '\0';
	if (strncmp(line, "kill ", 5) == 0)
		kill_some(line + 5);
	else if (strcmp(line, "look") == 0)
		look();
	else
		return false;
	(void)fflush(stdout);
	return true;
}

static void follow_commands(void)
{
	char line[LINE_MAX_BYTES];

	while (fgets(line, sizeof(line), stdin) && command(line))
		continue;
}

static void wait_for_the_end(const sigset_t *term)
{
	int which;

	printf("begun\n");
	(void)fflush(stdout);
	(void)sigwait(term, &which);
}

/* ---- the end ------------------------------------------------------------- */

static void tell(const struct disk_load_state *s, struct disk_load *l)
{
	uint64_t pause[DISK_LOAD_PAUSES];
	uint32_t n = disk_load_pauses(l, pause);

	printf("{\"reads\": %llu, \"writes\": %llu, \"flushes\": %llu, "
	       "\"discards\": %llu, \"blocks\": %llu, \"pauses_ms\": [",
	       (unsigned long long)s->of[0], (unsigned long long)s->of[1],
	       (unsigned long long)s->of[2], (unsigned long long)s->of[3],
	       (unsigned long long)s->blocks);
	for (uint32_t i = 0; i < n && i < PAUSES_TOLD; i++)
		printf("%s%.3f", i ? ", " : "", (double)pause[i] / 1e6);
	printf("]}");
}

static bool finish(const char *copies)
{
	struct disk_load_state s;
	bool right = true;

	for (uint32_t i = 0; i < loads; i++)
		disk_load_stop(load[i]);
	printf("[");
	for (uint32_t i = 0; i < loads; i++) {
		char path[512];

		right &= disk_load_join(load[i]);
		disk_load_look(load[i], &s);
		printf("%s", i ? ", " : "");
		tell(&s, load[i]);
		(void)snprintf(path, sizeof(path), "%s/%u", copies, i);
		if (copies[0])
			right &= disk_load_save(load[i], path);
	}
	printf("]\n");
	return right;
}

static void usage(void)
{
	(void)fprintf(stderr, "usage: torture_load [-d DEPTH] [-s SEED] "
	              "[-t SECONDS] [-z] [-c DIR] [-a] URI...\n");
	exit(2);
}

static bool start(const struct disk_load_config *common, int count, char **uri)
{
	for (int i = 0; i < count; i++) {
		struct disk_load_config c = *common;

		c.uri = uri[i];
		c.number = (uint32_t)i;
		c.seed += (uint64_t)i;
		load[i] = disk_load_start(&c);
		if (!load[i])
			return false;
		loads++;
	}
	return true;
}

int main(int argc, char **argv)
{
	struct disk_load_config c = {
		.depth = 32, .hang_ns = UINT64_C(5000000000),
	};
	const char *copies = "";
	bool alone = false, right;
	sigset_t term;
	int opt;

	while ((opt = getopt(argc, argv, "d:s:t:zc:a")) != -1) {
		switch (opt) {
		case 'd': c.depth = (uint32_t)strtoul(optarg, NULL, 10); break;
		case 's': c.seed = strtoull(optarg, NULL, 10); break;
		case 't': c.hang_ns = strtoull(optarg, NULL, 10) * 1000000000;
			break;
		case 'z': c.zeros = true; break;
		case 'c': copies = optarg; break;
		case 'a': alone = true; break;
		default:  usage();
		}
	}
	if (optind == argc || argc - optind > DISKS_MAX)
		usage();
	(void)sigemptyset(&term);
	(void)sigaddset(&term, SIGTERM);
	if (alone)
		(void)sigprocmask(SIG_BLOCK, &term, NULL);
	if (!start(&c, argc - optind, argv + optind))
		return 2;
	if (alone)
		wait_for_the_end(&term);
	else
		follow_commands();
	right = finish(copies);
	for (uint32_t i = 0; i < loads; i++)
		disk_load_free(load[i]);
	return right ? 0 : 1;
}
