/* SPDX-License-Identifier: MIT */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "history.h"

enum { WORDS = HISTORY_BLOCK / sizeof(uint64_t), WRITERS_MAX = 3 };

#define MAGIC UINT64_C(0x6b636f7453000000)

/* ---- a block's bytes ----------------------------------------------------- */

/* A step of SplitMix64. */
static uint64_t mix(uint64_t x)
{
	x += UINT64_C(0x9e3779b97f4a7c15);
	x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
	return x ^ (x >> 31);
}

static void stamp(uint64_t *w, uint32_t disk, uint64_t block, uint64_t version)
{
	if (version == 0) {
		memset(w, 0, HISTORY_BLOCK);
		return;
	}
	w[0] = MAGIC + disk;
	w[1] = block;
	w[2] = version;
	w[3] = mix(mix(mix(w[0]) ^ block) ^ version);
	for (int i = 4; i < WORDS; i++)
		w[i] = w[3] ^ ((uint64_t)i * UINT64_C(0x9e3779b97f4a7c15));
}

/* Some block that somebody once wrote, as it was? */
static bool is_stamp(const uint64_t *w)
{
	uint64_t as_it_was[WORDS];

	stamp(as_it_was, (uint32_t)(w[0] - MAGIC), w[1], w[2]);
	return w[0] - MAGIC <= UINT32_MAX &&
	       memcmp(w, as_it_was, HISTORY_BLOCK) == 0;
}

static bool is_zero(const uint64_t *w)
{
	return w[0] == 0 && memcmp(w, w + 1, HISTORY_BLOCK - 8) == 0;
}

/* ---- what it may hold ---------------------------------------------------- */

static bool is_free(const struct history_block *b,
                    const struct history_value *v)
{
	return v->begun == 0 || (v->gone > 0 && b->readers == 0);
}

/* Over before the other began. */
static bool was_before(const struct history_value *v, uint64_t begun)
{
	return v->ended > 0 && v->ended < begun && v->gone == 0;
}

static struct history_value *free_value(struct history_block *b)
{
	for (int i = 0; i < HISTORY_VALUES; i++)
		if (is_free(b, &b->value[i]))
			return &b->value[i];
	return NULL;
}

bool history_may(const struct history *h, const struct history_span *s)
{
	assert(s->count > 0 && s->first < h->blocks &&
	       s->count <= h->blocks - s->first);
	for (uint64_t i = 0; i < s->count; i++) {
		struct history_block *b = &h->block[s->first + i];

		if (s->op != HISTORY_READ &&
		    (b->writers >= WRITERS_MAX || !free_value(b)))
			return false;
	}
	return true;
}

void history_begin(struct history *h, struct history_span *s, void *data)
{
	s->begun = ++h->now;
	s->version = s->op == HISTORY_WRITE ? ++h->version : 0;
	for (uint64_t i = 0; i < s->count; i++) {
		struct history_block *b = &h->block[s->first + i];

		if (s->op == HISTORY_READ) {
			b->readers++;
			continue;
		}
		*free_value(b) = (struct history_value){
			.version = s->version, .begun = s->begun,
		};
		b->writers++;
		b->seen = false;
		if (s->op == HISTORY_WRITE)
			stamp((uint64_t *)data + i * WORDS, h->disk,
			      s->first + i, s->version);
	}
}

static struct history_value *value_of(struct history_block *b, uint64_t begun)
{
	for (int i = 0; i < HISTORY_VALUES; i++)
		if (b->value[i].begun == begun && b->value[i].ended == 0)
			return &b->value[i];
	abort();
}

/* All that was over before it began is gone. */
static void overwritten(struct history_block *b, uint64_t begun, uint64_t now)
{
	for (int i = 0; i < HISTORY_VALUES; i++)
		if (was_before(&b->value[i], begun))
			b->value[i].gone = now;
}

/* Zeros that may have been there before, and may be so again, are one value,
   or discards alone would fill all the room. */
static void merge_zeros(struct history_block *b, struct history_value *v,
                        uint64_t now)
{
	for (int i = 0; i < HISTORY_VALUES; i++) {
		struct history_value *o = &b->value[i];

		if (o == v || o->begun == 0 || o->version != 0 ||
		    o->ended == 0 || o->gone > 0)
			continue;
		o->ended = now;
		*v = (struct history_value){ 0 };
		return;
	}
}

static void write_ended(struct history_block *b, const struct history_span *s,
                        uint64_t now)
{
	struct history_value *v = value_of(b, s->begun);

	b->writers--;
	v->ended = now;
	if (s->op == HISTORY_WRITE || s->zeros)
		overwritten(b, s->begun, now);
	else
		merge_zeros(b, v, now);
}

/* ---- what it holds ------------------------------------------------------- */

static bool may_be_read(const struct history_value *v, uint64_t begun)
{
	return v->begun > 0 && (v->gone == 0 || v->gone > begun);
}

/* The version that all of it is, of those that it may be; false: it is none. */
static bool is_one(const struct history_block *b, const uint64_t *w,
                   uint64_t begun, const struct history *h, uint64_t block,
                   uint64_t *version)
{
	uint64_t want[WORDS];

	for (int i = 0; i < HISTORY_VALUES; i++) {
		if (!may_be_read(&b->value[i], begun))
			continue;
		stamp(want, h->disk, block, b->value[i].version);
		if (memcmp(w, want, HISTORY_BLOCK) != 0)
			continue;
		*version = b->value[i].version;
		return true;
	}
	return false;
}

/* Each word is one that it may have. */
static bool is_mixture(const struct history_block *b, const uint64_t *w,
                       uint64_t begun, const struct history *h, uint64_t block)
{
	uint64_t want[HISTORY_VALUES][WORDS];
	int n = 0;

	for (int i = 0; i < HISTORY_VALUES; i++)
		if (may_be_read(&b->value[i], begun))
			stamp(want[n++], h->disk, block, b->value[i].version);
	for (int i = 0; i < WORDS; i++) {
		int k = 0;

		while (k < n && want[k][i] != w[i])
			k++;
		if (k == n)
			return false;
	}
	return true;
}

/* Others that were over before it was looked at are not there any more. */
static void is_seen(struct history_block *b, uint64_t version, uint64_t begun,
                    uint64_t now)
{
	uint64_t last = 0, begun_last = 0;

	for (int i = 0; i < HISTORY_VALUES; i++) {
		struct history_value *v = &b->value[i];

		if (v->version != version && was_before(v, begun))
			v->gone = now;
		if (v->gone > 0 || v->begun <= begun_last)
			continue;
		begun_last = v->begun;
		last = v->version;
	}
	b->seen |= last == version;
}

static enum history_verdict judge(const struct history *h,
                                  const struct history_block *b,
                                  uint64_t block, const uint64_t *w)
{
	uint64_t version = is_zero(w) ? 0 : w[2];
	bool own = is_zero(w) || (is_stamp(w) && w[0] == MAGIC + h->disk &&
	                          w[1] == block);

	if (!own || version > h->version)
		return HISTORY_WRONG;
	return b->seen ? HISTORY_CAME_AGAIN : HISTORY_LOST;
}

static size_t tell_values(const struct history_block *b, char *text,
                          size_t bytes)
{
	size_t n = 0;

	for (int i = 0; i < HISTORY_VALUES && n < bytes; i++)
		if (b->value[i].begun > 0 && b->value[i].gone == 0)
			n += (size_t)snprintf(text + n, bytes - n, " %llu%s",
				(unsigned long long)b->value[i].version,
				b->value[i].ended ? "" : " (in flight)");
	return n;
}

static void describe(const struct history_block *b, const uint64_t *w,
                     struct history_finding *f)
{
	char may[96] = " none";

	(void)tell_values(b, may, sizeof(may));
	if (is_zero(w))
		(void)snprintf(f->text, sizeof(f->text),
		               "zeros, not version%s", may);
	else if (is_stamp(w))
		(void)snprintf(f->text, sizeof(f->text), "disk %u block %llu "
		               "version %llu, not version%s",
		               (unsigned int)(w[0] - MAGIC),
		               (unsigned long long)w[1],
		               (unsigned long long)w[2], may);
	else
		(void)snprintf(f->text, sizeof(f->text), "%016llx %016llx "
		               "%016llx..., not version%s",
		               (unsigned long long)w[0],
		               (unsigned long long)w[1],
		               (unsigned long long)w[2], may);
}

/* A mixture stays in doubt. */
static bool read_ended(struct history *h, uint64_t at, const uint64_t *w,
                       uint64_t begun, struct history_finding *f)
{
	struct history_block *b = &h->block[at];
	uint64_t version;
	bool right = true;

	if (is_one(b, w, begun, h, at, &version)) {
		is_seen(b, version, begun, h->now);
	} else if (!is_mixture(b, w, begun, h, at)) {
		right = false;
		if (f->verdict == HISTORY_RIGHT) {
			f->verdict = judge(h, b, at, w);
			f->block = at;
			describe(b, w, f);
		}
	}
	b->readers--;
	return right;
}

uint64_t history_end(struct history *h, const struct history_span *s,
                     const void *data, struct history_finding *f)
{
	uint64_t bad = 0;

	h->now++;
	if (f)
		*f = (struct history_finding){ .verdict = HISTORY_RIGHT };
	for (uint64_t i = 0; i < s->count; i++) {
		if (s->op == HISTORY_READ)
			bad += !read_ended(h, s->first + i,
			                   (const uint64_t *)data + i * WORDS,
			                   s->begun, f);
		else
			write_ended(&h->block[s->first + i], s, h->now);
	}
	return bad;
}

/* ---- life ---------------------------------------------------------------- */

bool history_init(struct history *h, uint32_t disk, uint64_t blocks)
{
	*h = (struct history){ .blocks = blocks, .disk = disk, .now = 1 };
	h->block = calloc(blocks, sizeof(*h->block));
	if (!h->block)
		return false;
	for (uint64_t i = 0; i < blocks; i++)
		h->block[i].value[0] = (struct history_value){
			.begun = 1, .ended = 1,
		};
	return true;
}

void history_fini(struct history *h)
{
	free(h->block);
	h->block = NULL;
}

const char *history_verdict_name(enum history_verdict v)
{
	static const char *const names[HISTORY_VERDICTS] = {
		"right", "lost", "resurrected", "wrong",
	};

	return names[v];
}
