/* SPDX-License-Identifier: MIT */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "counters.h"

/*
 * Latencies are counted in units of 32 ns: up to 8 units a bucket each, from
 * there on 8 buckets to each power of two, up to some nine minutes.
 */
enum { UNIT_SHIFT = 5, STEP_BITS = 3, STEPS = 1 << STEP_BITS };

#define MAGIC   UINT64_C(0x31746e636f627670)
#define VERSION UINT64_C(5)

enum { WORDS = sizeof(struct pvb_counts) / sizeof(uint64_t) };

struct pvb_counters {
	uint64_t magic, version, bytes; /* written once, by create */
	_Atomic uint64_t word[WORDS];
};

_Static_assert(sizeof(struct pvb_counts) % sizeof(uint64_t) == 0,
               "nothing but words");
_Static_assert((int)PVB_WHY_COUNT <= (int)PVB_COUNT_WHYS,
               "a place for each reason");

const char *pvb_count_op_name(enum pvb_count_op op)
{
	static const char *const names[PVB_COUNT_OP_COUNT] = {
		"read", "write", "flush", "discard", "barrier",
	};

	return (uint32_t)op < PVB_COUNT_OP_COUNT ? names[op] : "?";
}

/* ---- the area ------------------------------------------------------------ */

enum { HEAD_BYTES = offsetof(struct pvb_counters, word) };

size_t pvb_counters_bytes(void)
{
	return sizeof(struct pvb_counters);
}

/* The rest stays a hole until something is counted. */
int pvb_counters_begin(int fd)
{
	const struct pvb_counters head = {
		.magic = MAGIC, .version = VERSION, .bytes = sizeof(head),
	};
	ssize_t n = pwrite(fd, &head, HEAD_BYTES, 0);

	return n == HEAD_BYTES ? 0 : n < 0 ? -errno : -EIO;
}

int pvb_counters_create(void)
{
	int fd = memfd_create("pvb-counters", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	int r;

	if (fd < 0)
		return -errno;
	r = ftruncate(fd, sizeof(struct pvb_counters)) < 0 ? -errno
	                                                   : 0;
	if (r == 0)
		r = pvb_counters_begin(fd);
	if (r == 0 && fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW |
	                    F_SEAL_SEAL) < 0)
		r = -errno;
	if (r == 0)
		return fd;
	(void)close(fd);                /* nothing in it to lose */
	return r;
}

static bool is_ours(const struct pvb_counters *c)
{
	return c->magic == MAGIC && c->version == VERSION &&
	       c->bytes == sizeof(*c);
}

int pvb_counters_map(int fd, bool read_only, struct pvb_counters **out)
{
	int prot = read_only ? PROT_READ : PROT_READ | PROT_WRITE;
	struct pvb_counters *c;
	struct stat st;

	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) ||
	    st.st_size != (off_t)sizeof(*c))
		return -EINVAL;
	c = mmap(NULL, sizeof(*c), prot, MAP_SHARED, fd, 0);
	if (c == MAP_FAILED)
		return errno == EACCES ? -EACCES : -ENOMEM;
	if (!is_ours(c)) {
		pvb_counters_unmap(c);
		return -EINVAL;
	}
	*out = c;
	return 0;
}

void pvb_counters_unmap(struct pvb_counters *c)
{
	if (c)
		(void)munmap(c, sizeof(*c));
}

/* ---- the writer ---------------------------------------------------------- */

/* One writer: it need not be an atomic addition, only whole words. */
static void bump(_Atomic uint64_t *w, uint64_t n)
{
	uint64_t v = atomic_load_explicit(w, memory_order_relaxed);

	atomic_store_explicit(w, v + n, memory_order_relaxed);
}

static _Atomic uint64_t *word_at(struct pvb_counters *c, size_t offset)
{
	assert(offset < sizeof(struct pvb_counts));
	return &c->word[offset / sizeof(uint64_t)];
}

void pvb_counters_add(struct pvb_counters *c, size_t offset, uint64_t n)
{
	if (c)
		bump(word_at(c, offset), n);
}

void pvb_counters_set(struct pvb_counters *c, size_t offset, uint64_t value)
{
	if (c)
		atomic_store_explicit(word_at(c, offset), value,
		                      memory_order_relaxed);
}

static uint32_t bucket_of(uint64_t ns)
{
	uint64_t units = ns >> UNIT_SHIFT;
	uint32_t top, bucket;

	if (units < STEPS)
		return (uint32_t)units;
	top = 63 - (uint32_t)__builtin_clzll(units);
	bucket = (top - STEP_BITS + 1) * STEPS +
	         (uint32_t)(units >> (top - STEP_BITS)) % STEPS;
	return bucket < PVB_COUNT_BUCKETS ? bucket : PVB_COUNT_BUCKETS - 1;
}

/* The middle of what a bucket holds. */
static uint64_t bucket_ns(uint32_t bucket)
{
	uint32_t shift = bucket < STEPS ? 0 : bucket / STEPS - 1;
	uint64_t first = bucket < STEPS ? bucket : bucket % STEPS + STEPS;

	return ((first << 1) + 1) << (shift + UNIT_SHIFT) >> 1;
}

void pvb_counters_answered(struct pvb_counters *c, enum pvb_count_op op,
                           uint64_t bytes, uint64_t latency_ns, bool error)
{
	_Atomic uint64_t *w;

	if (!c)
		return;
	w = word_at(c, PVB_COUNT(op) +
	            (size_t)op * sizeof(struct pvb_op_counts));
	bump(&w[0], 1);
	bump(&w[1], bytes);
	if (error)
		bump(&w[2], 1);
	bump(&w[3 + bucket_of(latency_ns)], 1);
}

_Static_assert(offsetof(struct pvb_op_counts, bytes) == 8 &&
               offsetof(struct pvb_op_counts, errors) == 16 &&
               offsetof(struct pvb_op_counts, latency) == 24,
               "the order that pvb_counters_answered counts in");

void pvb_counters_refused(struct pvb_counters *c, enum pvb_why why)
{
	assert((uint32_t)why < PVB_COUNT_WHYS);
	pvb_counters_add(c, PVB_COUNT(refused) + why * sizeof(uint64_t), 1);
}

/* ---- readers ------------------------------------------------------------- */

void pvb_counters_read(struct pvb_counters *c, struct pvb_counts *out)
{
	uint64_t *to = (uint64_t *)(void *)out;

	for (uint32_t i = 0; i < WORDS; i++)
		to[i] = atomic_load_explicit(&c->word[i], memory_order_relaxed);
}

int pvb_counters_fetch(int fd, struct pvb_counts *out)
{
	struct pvb_counters c;
	ssize_t n = pread(fd, &c, sizeof(c), 0);

	if (n < 0)
		return -errno;
	if (n != sizeof(c) || !is_ours(&c))
		return -EINVAL;
	pvb_counters_read(&c, out);
	return 0;
}

void pvb_counts_merge(struct pvb_counts *into, const struct pvb_counts *from)
{
	const uint64_t *more = (const uint64_t *)(const void *)from;
	uint64_t *sum = (uint64_t *)(void *)into;
	uint64_t a = into->slow_since_ns, b = from->slow_since_ns;

	for (uint32_t i = 0; i < WORDS; i++)
		sum[i] += more[i];
	into->slow_since_ns = a && (!b || a < b) ? a : b;
}

uint64_t pvb_counts_latency_ns(const struct pvb_op_counts *o,
                               uint32_t per_mille)
{
	uint64_t total = 0, rank, seen = 0;
	uint32_t i;

	for (i = 0; i < PVB_COUNT_BUCKETS; i++)
		total += o->latency[i];
	if (total == 0)
		return 0;
	/* In two steps: a liar's total may be as large as a word. */
	rank = total / 1000 * per_mille +
	       (total % 1000 * per_mille + 999) / 1000;
	for (i = 0; i < PVB_COUNT_BUCKETS - 1; i++) {
		seen += o->latency[i];
		if (seen >= rank && seen > 0)
			break;
	}
	return bucket_ns(i);
}
