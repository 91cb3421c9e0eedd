/* SPDX-License-Identifier: MIT */
/*
 * main.c - runs a fuzz target without libFuzzer: on every seed of a folder,
 * then on so many changed seeds.  The same ones every time, on any compiler.
 *
 * usage: fuzz_NAME FOLDER CHANGES
 */
#include <dirent.h>
#include <errno.h>

#include "fuzz.h"

enum { SEEDS_MAX = 256, SEED_BYTES_MAX = 8192 };

static struct { uint8_t bytes[SEED_BYTES_MAX]; size_t length; }
	seeds[SEEDS_MAX];
static size_t nr_seeds;
static uint64_t random_state = 0x9e3779b97f4a7c15;

static uint32_t pick(size_t below)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (uint32_t)(random_state >> 32) % (uint32_t)below;
}

static void seed_load(const char *folder, const char *name)
{
	char path[4096];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	f = fopen(path, "rb");
	if (!f || nr_seeds == SEEDS_MAX) {
		fprintf(stderr, "%s: cannot be used\n", path);
		exit(1);
	}
	seeds[nr_seeds].length = fread(seeds[nr_seeds].bytes, 1,
				       SEED_BYTES_MAX, f);
	nr_seeds++;
	fclose(f);
}

/* Sorted, so that a run does not depend on the file system. */
static void seeds_load(const char *folder)
{
	struct dirent **entries;
	int i, n = scandir(folder, &entries, NULL, alphasort);

	if (n < 0) {
		fprintf(stderr, "%s: %s\n", folder, strerror(errno));
		exit(1);
	}
	for (i = 0; i < n; i++) {
		if (entries[i]->d_name[0] != '.')
			seed_load(folder, entries[i]->d_name);
		free(entries[i]);
	}
	free(entries);
}

/* A copy on the heap, exactly as long as it is: for ASan to guard. */
static void run(const uint8_t *bytes, size_t length)
{
	uint8_t *copy = malloc(length ? length : 1);

	if (!copy)
		exit(1);
	memcpy(copy, bytes, length);
	LLVMFuzzerTestOneInput(copy, length);
	free(copy);
}

/* A few bytes of one seed changed, sometimes shorter, sometimes two joined. */
static void run_changed(void)
{
	static uint8_t bytes[2 * SEED_BYTES_MAX];
	size_t a = pick(nr_seeds), length = seeds[a].length;
	uint32_t n;

	memcpy(bytes, seeds[a].bytes, length);
	if (pick(4) == 0) {
		size_t b = pick(nr_seeds);

		memcpy(bytes + length, seeds[b].bytes, seeds[b].length);
		length += seeds[b].length;
	}
	for (n = pick(12); n > 0 && length > 0; n--)
		bytes[pick(length)] = (uint8_t)(pick(3) ? pick(256) : pick(16));
	if (pick(8) == 0)
		length = pick(length + 1);
	run(bytes, length);
}

int main(int argc, char **argv)
{
	unsigned long changes, i;

	if (argc != 3) {
		fprintf(stderr, "usage: %s FOLDER CHANGES\n", argv[0]);
		return 2;
	}
	seeds_load(argv[1]);
	if (nr_seeds == 0) {
		fprintf(stderr, "%s: no seeds\n", argv[1]);
		return 1;
	}
	for (i = 0; i < nr_seeds; i++)
		run(seeds[i].bytes, seeds[i].length);
	changes = strtoul(argv[2], NULL, 10);
	for (i = 0; i < changes; i++)
		run_changed();
	printf("%zu seeds, %lu changes\n", nr_seeds, changes);
	return 0;
}
