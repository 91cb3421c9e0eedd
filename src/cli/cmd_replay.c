/* SPDX-License-Identifier: MIT */
/*
 * pvb replay: what record: has kept of a disk, and an image that the disk might
 * have held if the power had failed somewhere in it.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include <pvb/disk.h>
#include <pvb/err.h>

#include "cmd.h"
#include "disk/record_crash.h"

enum { CHUNK_BYTES = 1 << 20 };

struct replay {
	const char *log, *image;
	bool list, json;
	struct pvb_record_crash crash;
	int log_fd, image_fd;
	struct pvb_record_index index;
	unsigned char *chunk;           /* owned, CHUNK_BYTES */
	const char *failed;             /* the file that an error is of */
};

/* ---- the list ------------------------------------------------------------ */

static const char *op_name(const struct pvb_record_op *op)
{
	switch (op->asked.op) {
	case PVB_IO_WRITE:
		return "write";
	case PVB_IO_FLUSH:
		return "flush";
	case PVB_IO_DISCARD:
		return "discard";
	default:
		return "zero";
	}
}

/* What is not there is null. */
static json_t *number(bool there, uint64_t n)
{
	return there ? json_integer((json_int_t)n) : json_null();
}

static json_t *to_json(const struct pvb_record_op *op)
{
	const struct pvb_record_entry *x = &op->asked;
	bool is_write = x->op == PVB_IO_WRITE;

	return json_pack("{s:s, s:I, s:I, s:b, s:I, s:o, s:b, s:o}",
	                 "op", op_name(op),
	                 "offset", (json_int_t)x->offset_bytes,
	                 "length", (json_int_t)x->length_bytes,
	                 "fua", (x->flags & PVB_IO_FUA) &&
	                 x->op != PVB_IO_DISCARD,
	                 "begin", (json_int_t)op->begin,
	                 "end", number(op->end != PVB_RECORD_NEVER, op->end),
	                 "done", op->done,
	                 "data_at", number(is_write, op->data_at));
}

static void print(const struct pvb_record_op *op)
{
	const struct pvb_record_entry *x = &op->asked;
	char end[24] = "never";

	if (op->end != PVB_RECORD_NEVER)
		(void)snprintf(end, sizeof(end), "%" PRIu64, op->end);
	printf("%8" PRIu64 " %8s  %s%s", op->begin, end, op_name(op),
	       op->done ? "" : " (not done)");
	if (x->op != PVB_IO_FLUSH)
		printf(" %" PRIu64 " at %" PRIu64 "%s", x->length_bytes,
		       x->offset_bytes, x->op != PVB_IO_DISCARD &&
		       (x->flags & PVB_IO_FUA) ? " fua" : "");
	putchar('\n');
}

static int list(const struct replay *p)
{
	json_t *array = p->json ? json_array() : NULL;

	for (size_t i = 0; i < p->index.count; i++) {
		if (array)
			json_array_append_new(array,
			                      to_json(&p->index.ops[i]));
		else
			print(&p->index.ops[i]);
	}
	if (array) {
		json_dumpf(array, stdout, JSON_COMPACT);
		putchar('\n');
		json_decref(array);
	} else {
		printf("%" PRIu64 " entries\n", p->index.entries);
	}
	return pvb_finish_output();
}

/* ---- an image ------------------------------------------------------------ */

static int write_image(const struct replay *p, size_t bytes, uint64_t at)
{
	ssize_t n = 0;

	for (size_t done = 0; done < bytes; done += (size_t)n) {
		n = pwrite(p->image_fd, p->chunk + done, bytes - done,
		           (off_t)(at + done));
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
	}
	return 0;
}

static int read_log(const struct replay *p, size_t bytes, uint64_t at)
{
	ssize_t n = pread(p->log_fd, p->chunk, bytes, (off_t)at);

	if (n < 0)
		return -errno;
	return (size_t)n == bytes ? 0 : -EIO;
}

static int put(void *arg, const struct pvb_record_op *op,
               uint64_t offset_bytes, uint64_t length_bytes)
{
	struct replay *p = arg;
	uint64_t from = op->data_at + (offset_bytes - op->asked.offset_bytes);
	int r = 0;

	for (uint64_t done = 0; done < length_bytes && r == 0;) {
		size_t n = length_bytes - done < CHUNK_BYTES
			? (size_t)(length_bytes - done) : CHUNK_BYTES;

		p->failed = p->log;
		if (op->asked.op == PVB_IO_WRITE)
			r = read_log(p, n, from + done);
		else
			memset(p->chunk, 0, n);
		if (r == 0) {
			p->failed = p->image;
			r = write_image(p, n, offset_bytes + done);
		}
		done += n;
	}
	return r;
}

static int report(const struct replay *p, const struct pvb_record_tally *t)
{
	json_t *o;

	if (!p->json) {
		printf("after %" PRIu64 " of %" PRIu64 " entries: %" PRIu64
		       " kept, of %" PRIu64 " others %" PRIu64 " lost, %" PRIu64
		       " torn (seed %" PRIu64 ")\n",
		       p->crash.until, p->index.entries, t->kept,
		       t->lucky + t->lost + t->torn, t->lost, t->torn,
		       p->crash.seed);
		return pvb_finish_output();
	}
	o = json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I}",
	              "entries", (json_int_t)p->index.entries,
	              "until", (json_int_t)p->crash.until,
	              "kept", (json_int_t)t->kept,
	              "lucky", (json_int_t)t->lucky,
	              "lost", (json_int_t)t->lost,
	              "torn", (json_int_t)t->torn,
	              "seed", (json_int_t)p->crash.seed);
	json_dumpf(o, stdout, JSON_COMPACT);
	putchar('\n');
	json_decref(o);
	return pvb_finish_output();
}

static int make_image(struct replay *p)
{
	struct pvb_record_tally tally;
	int r;

	if (p->crash.until > p->index.entries)
		p->crash.until = p->index.entries;
	p->chunk = malloc(CHUNK_BYTES);
	p->failed = p->image;
	r = p->chunk ? pvb_record_crash(&p->index, &p->crash, put, p, &tally)
	             : -ENOMEM;
	if (r < 0)
		return pvb_say_error("replay: %s: %s", p->failed, strerror(-r));
	return report(p, &tally);
}

/* ---- the command --------------------------------------------------------- */

static int replay(struct replay *p)
{
	struct pvb_err e = PVB_ERR_INIT;

	p->log_fd = open(p->log, O_RDONLY | O_CLOEXEC);
	if (p->log_fd < 0)
		return pvb_say_error("replay: %s: %s", p->log,
		                     strerror(errno));
	if (pvb_record_index_load(p->log_fd, &p->index, &e) < 0) {
		pvb_err_prefix(&e, "%s", p->log);
		return pvb_say_err("replay", &e);
	}
	if (p->list)
		return list(p);
	p->image_fd = open(p->image, O_RDWR | O_CLOEXEC);
	if (p->image_fd < 0)
		return pvb_say_error("replay: %s: %s", p->image,
		                     strerror(errno));
	return make_image(p);
}

static bool parse_lose(const char *text, enum pvb_record_lose *out)
{
	static const char *const names[] = {
		[PVB_RECORD_LOSE_RANDOM] = "random",
		[PVB_RECORD_LOSE_NONE] = "none",
		[PVB_RECORD_LOSE_ALL] = "all",
		[PVB_RECORD_LOSE_ONE] = "one",
		[PVB_RECORD_LOSE_BUT_LAST] = "but-last",
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		if (strcmp(names[i], text) == 0) {
			*out = (enum pvb_record_lose)i;
			return true;
		}
	}
	return false;
}

/* DONE, or USAGE and said. */
static int take_option(const struct pvb_cmd *cmd, struct replay *p, int opt)
{
	struct pvb_record_crash *c = &p->crash;

	switch (opt) {
	case 'i':
		p->list = true;
		break;
	case 'j':
		p->json = true;
		break;
	case 'x':
		c->lies = true;
		break;
	case 'u':
		if (!pvb_parse_number(optarg, 0, INT64_MAX, &c->until))
			return pvb_say_usage(cmd, "--until %s: not a number",
			                     optarg);
		break;
	case 's':
		if (!pvb_parse_number(optarg, 0, INT64_MAX, &c->seed))
			return pvb_say_usage(cmd, "--seed %s: not a number",
			                     optarg);
		break;
	default:
		if (!parse_lose(optarg, &c->lose))
			return pvb_say_usage(cmd, "--lose %s: random, none, "
			                     "all, one or but-last", optarg);
	}
	return PVB_EXIT_DONE;
}

static int run(const struct pvb_cmd *cmd, int argc, char **argv)
{
	static const struct option options[] = {
		{ "list", no_argument, NULL, 'i' },
		{ "json", no_argument, NULL, 'j' },
		{ "until", required_argument, NULL, 'u' },
		{ "lose", required_argument, NULL, 'l' },
		{ "seed", required_argument, NULL, 's' },
		{ "ignore-flushes", no_argument, NULL, 'x' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	struct replay p = { .crash = { .until = UINT64_MAX, .seed = 1 },
	                    .log_fd = -1, .image_fd = -1 };
	int opt, status;

	while ((opt = getopt_long(argc, argv, ":", options, NULL)) != -1) {
		if (opt == 'h')
			return pvb_say_help(cmd);
		if (opt == '?' || opt == ':')
			return pvb_say_bad_option(cmd, argc, argv, opt);
		status = take_option(cmd, &p, opt);
		if (status != PVB_EXIT_DONE)
			return status;
	}
	if (argc - optind != (p.list ? 1 : 2))
		return pvb_say_usage(cmd, "replay: a log%s",
		                     p.list ? "" : " and an image");
	p.log = argv[optind];
	p.image = p.list ? NULL : argv[optind + 1];
	status = replay(&p);
	if (p.image_fd >= 0 && close(p.image_fd) < 0)
		status = pvb_say_error("replay: %s: %s", p.image,
		                       strerror(errno));
	if (p.log_fd >= 0)
		(void)close(p.log_fd);          /* only read */
	pvb_record_index_fini(&p.index);
	free(p.chunk);
	return status;
}

const struct pvb_cmd pvb_cmd_replay = {
	.name = "replay",
	.summary = "what a recorded disk may hold after a power failure",
	.run = run,
	.help =
"usage: pvb replay [--until N] [--lose WHAT] [--seed N] [--ignore-flushes]\n"
"                  [--json] LOG IMAGE\n"
"       pvb replay --list [--json] LOG\n"
"\n"
"LOG is what a disk record:URI?log=LOG has kept.  IMAGE is a copy of that\n"
"disk as it was when the log began; it becomes what the disk may hold if the\n"
"power fails in the midst of it.  What was on stable storage by then is in\n"
"it: writes that were done before a flush was asked for that was done, and\n"
"writes with FUA that were done.  All others may be lost, or torn into\n"
"sectors.\n"
"\n"
"  --until N     the power fails after N entries of the log (all)\n"
"  --lose WHAT   of what may be lost: random (also torn, and what was under\n"
"                way together in any order), none, all, one, but-last\n"
"  --seed N      of what is random (1)\n"
"  --ignore-flushes\n"
"                a disk whose flush and FUA do nothing: to see a check fail\n"
"  --list        the requests: first and last entry, operation, bytes, place\n"
"  --json        print an object, or an array\n"
"  --help        this text\n",
};
