/* SPDX-License-Identifier: MIT */
/*
 * fuzz_record.c - any bytes as the log of a disk, and any crash in it.
 *
 * What is taken can be read; what is put lies within its request, and what is
 * kept for certain is put whole.
 *
 * Input: a byte (low bits: what is lost; bit 7: the disk lies), until and seed
 * of 32 bits, the log.
 */
#include "fuzz.h"

#include <stdbool.h>
#include <sys/mman.h>
#include <unistd.h>

#include <pvb/disk.h>
#include <pvb/err.h>

#include "disk/record_crash.h"

enum { PUTS_MAX = 10000 };

struct seen {
	const struct pvb_record_index *x;
	uint64_t until, puts;
};

static int put(void *arg, const struct pvb_record_op *op,
	       uint64_t offset_bytes, uint64_t length_bytes)
{
	struct seen *s = arg;
	uint64_t begin = op->asked.offset_bytes;
	uint64_t end = begin + op->asked.length_bytes;

	FUZZ_CHECK(op >= s->x->ops && op < s->x->ops + s->x->count);
	FUZZ_CHECK(op->begin < s->until && op->asked.op != PVB_IO_FLUSH);
	FUZZ_CHECK(length_bytes > 0 && offset_bytes >= begin &&
		   offset_bytes < end && length_bytes <= end - offset_bytes);
	return ++s->puts < PUTS_MAX ? 0 : -1;
}

static void check_index(const struct pvb_record_index *x, uint64_t bytes)
{
	FUZZ_CHECK(x->bytes <= bytes && x->cut == (x->bytes < bytes));
	for (size_t i = 0; i < x->count; i++) {
		const struct pvb_record_op *op = &x->ops[i];

		FUZZ_CHECK(op->begin < x->entries && op->begin < op->end);
		FUZZ_CHECK(op->end < x->entries ||
			   op->end == PVB_RECORD_NEVER);
		FUZZ_CHECK(i == 0 || x->ops[i - 1].begin < op->begin);
		FUZZ_CHECK(!op->done || op->end != PVB_RECORD_NEVER);
		FUZZ_CHECK(op->data_at + pvb_record_data_bytes(&op->asked) <=
			   x->bytes);
	}
}

static void check_crash(const struct pvb_record_index *x, uint8_t how,
			uint32_t until, uint32_t seed)
{
	const struct pvb_record_crash c = {
		.until = until, .seed = seed, .lies = how & 0x80,
		.lose = (how & 0x7f) % (PVB_RECORD_LOSE_BUT_LAST + 1),
	};
	struct seen s = { x, until, 0 };
	struct pvb_record_tally t;
	uint64_t changes = 0;

	if (pvb_record_crash(x, &c, put, &s, &t) < 0)
		return;
	for (size_t i = 0; i < x->count; i++)
		changes += x->ops[i].begin < until &&
			   x->ops[i].asked.op != PVB_IO_FLUSH;
	FUZZ_CHECK(t.kept + t.lucky + t.lost + t.torn == changes);
	FUZZ_CHECK(!c.lies || t.kept == 0);
	FUZZ_CHECK(c.lose != PVB_RECORD_LOSE_NONE || t.lost + t.torn == 0);
	FUZZ_CHECK(c.lose != PVB_RECORD_LOSE_ALL || t.lucky + t.torn == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t length)
{
	struct fuzz_input in = { input, length };
	uint8_t how = fuzz_u8(&in);
	uint32_t until = fuzz_u32(&in), seed = fuzz_u32(&in);
	struct pvb_err e = PVB_ERR_INIT;
	struct pvb_record_index x;
	uint64_t whole = 0;
	int fd = memfd_create("log", 0), r;
	bool good;

	FUZZ_CHECK(fd >= 0);
	FUZZ_CHECK(write(fd, in.bytes, in.length) == (ssize_t)in.length);
	r = pvb_record_index_load(fd, &x, &e);
	if (r == 0) {
		check_index(&x, in.length);
		check_crash(&x, how, until, seed);
	}
	/* An END without its request is read, and joined to none. */
	good = pvb_record_whole_bytes(fd, &whole, NULL) == 0;
	FUZZ_CHECK(r < 0 || (good && whole == x.bytes));
	FUZZ_CHECK(r == 0 || (e.code == r && e.text[0] != '\0'));
	pvb_record_index_fini(&x);
	close(fd);
	return 0;
}
