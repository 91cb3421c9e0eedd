/* SPDX-License-Identifier: MIT */
#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <pvb/disk.h>
#include <pvb/err.h>

#include "record_index.h"

enum { FIRST_OPS = 1024 };

/* ---- one entry after the other ------------------------------------------- */

struct walk {
	int      fd;
	struct pvb_record_head head;
	uint64_t at, size;              /* in the file */
	uint64_t number;                /* of the entry at `at` */
};

/* Bytes that are there unless somebody cuts the file meanwhile. */
static int read_at(int fd, void *to, size_t bytes, uint64_t at,
                   struct pvb_err *e)
{
	ssize_t n = pread(fd, to, bytes, (off_t)at);

	if (n < 0)
		return pvb_err_set(e, -errno, "cannot be read: %s",
		                   strerror(errno));
	if ((size_t)n < bytes)
		return pvb_err_set(e, -EINVAL, "it ends while it is read");
	return 0;
}

static int walk_begin(struct walk *w, int fd, struct pvb_err *e)
{
	unsigned char head[PVB_RECORD_HEAD_BYTES];
	struct stat st;
	int r;

	*w = (struct walk){ .fd = fd, .at = sizeof(head) };
	if (fstat(fd, &st) < 0)
		return pvb_err_set(e, -errno, "%s", strerror(errno));
	w->size = (uint64_t)st.st_size;
	if (w->size < sizeof(head))
		return pvb_err_set(e, -EINVAL, "it is no log of a disk");
	r = read_at(fd, head, sizeof(head), 0, e);
	if (r == 0 && !pvb_record_get_head(head, &w->head))
		r = pvb_err_set(e, -EINVAL, "it is no log of a disk, or of "
		                "another version");
	return r;
}

/* 1: an entry, with its bytes whole, and `at` is behind it; 0: no more. */
static int walk_next(struct walk *w, struct pvb_record_entry *x,
                     struct pvb_err *e)
{
	unsigned char entry[PVB_RECORD_ENTRY_BYTES];
	int r;

	if (w->size - w->at < sizeof(entry))
		return 0;
	r = read_at(w->fd, entry, sizeof(entry), w->at, e);
	if (r < 0)
		return r;
	if (!pvb_record_get_entry(entry, &w->head, x))
		return pvb_err_set(e, -EINVAL, "it is damaged at byte "
		                   "%" PRIu64, w->at);
	if (w->size - w->at - sizeof(entry) < pvb_record_data_bytes(x))
		return 0;
	w->at += sizeof(entry) + pvb_record_data_bytes(x);
	w->number++;
	return 1;
}

int pvb_record_whole_bytes(int fd, uint64_t *out, struct pvb_err *e)
{
	struct pvb_record_entry x;
	struct walk w;
	int r = walk_begin(&w, fd, e);

	if (r == 0)
		do
			r = walk_next(&w, &x, e);
		while (r > 0);
	if (r == 0)
		*out = w.at;
	return r;
}

/* ---- whose end is whose -------------------------------------------------- */

/* An END or an OPEN. */
struct mark { uint64_t lane, number, at; int32_t result; bool taken; };

struct marks { struct mark *v; size_t count, cap; };

/* Room for one more, or NULL. */
static void *grow(void *v, size_t count, size_t *cap, size_t each)
{
	size_t more = *cap ? *cap * 2 : FIRST_OPS;

	if (count < *cap)
		return v;
	v = reallocarray(v, more, each);
	if (v)
		*cap = more;
	return v;
}

static int by_request(const void *a, const void *b)
{
	const struct mark *x = a, *y = b;

	if (x->lane != y->lane)
		return x->lane < y->lane ? -1 : 1;
	return x->number < y->number ? -1 : x->number > y->number;
}

static uint32_t process_of(uint64_t lane)
{
	return (uint32_t)(lane >> 32);
}

/* Requests without an end were over when a lane of another process opened:
   the next of `opens` that is so.  Both are by number of entry. */
static void end_the_dead(struct pvb_record_index *x, const struct marks *opens)
{
	const struct mark *next = NULL, *other = NULL; /* not of its process */
	size_t o = opens->count;

	for (size_t i = x->count; i-- > 0;) {
		struct pvb_record_op *op = &x->ops[i];

		for (; o > 0 && opens->v[o - 1].at > op->begin; o--) {
			const struct mark *m = &opens->v[o - 1];

			if (next && process_of(next->lane) !=
			    process_of(m->lane))
				other = next;
			next = m;
		}
		if (op->end != PVB_RECORD_NEVER || !next)
			continue;
		if (process_of(next->lane) != process_of(op->asked.lane))
			op->end = next->at;
		else if (other)
			op->end = other->at;
	}
}

static int join_ends(struct pvb_record_index *x, struct marks *ends,
                     struct pvb_err *e)
{
	size_t taken = 0;

	if (ends->count == 0)
		return 0;
	qsort(ends->v, ends->count, sizeof(*ends->v), by_request);
	for (size_t i = 0; i < x->count; i++) {
		struct pvb_record_op *op = &x->ops[i];
		const struct mark key = { op->asked.lane, op->asked.number,
		                          0, 0, false };
		struct mark *m = bsearch(&key, ends->v, ends->count,
		                         sizeof(key), by_request);

		if (!m)
			continue;
		if (m->taken || m->at < op->begin)
			return pvb_err_set(e, -EINVAL, "entry %" PRIu64 " ends "
			                   "no request, or one too many",
			                   m->at);
		m->taken = true;
		taken++;
		op->end = m->at;
		op->done = m->result == 0;
	}
	if (taken < ends->count)
		return pvb_err_set(e, -EINVAL, "%zu entries end no request",
		                   ends->count - taken);
	return 0;
}

/* ---- all of it ----------------------------------------------------------- */

struct loading { struct marks ends, opens; size_t cap; };

static int keep_mark(struct marks *m, const struct pvb_record_entry *x,
                     uint64_t at)
{
	struct mark *v = grow(m->v, m->count, &m->cap, sizeof(*v));

	if (!v)
		return -ENOMEM;
	m->v = v;
	v[m->count++] = (struct mark){ x->lane, x->number, at, x->result,
	                               false };
	return 0;
}

/* The walk stands behind the entry. */
static int keep(struct pvb_record_index *out, struct loading *l,
                const struct walk *w, const struct pvb_record_entry *x)
{
	struct pvb_record_op *v;
	uint64_t at = w->number - 1;

	if (x->kind != PVB_RECORD_BEGIN)
		return keep_mark(x->kind == PVB_RECORD_END ? &l->ends
		                                           : &l->opens, x, at);
	v = grow(out->ops, out->count, &l->cap, sizeof(*v));
	if (!v)
		return -ENOMEM;
	out->ops = v;
	v[out->count++] = (struct pvb_record_op){
		.asked = *x, .data_at = w->at - pvb_record_data_bytes(x),
		.begin = at, .end = PVB_RECORD_NEVER,
	};
	return 0;
}

static int load(struct walk *w, struct pvb_record_index *out,
                struct loading *l, struct pvb_err *e)
{
	struct pvb_record_entry x;
	int r;

	while ((r = walk_next(w, &x, e)) > 0)
		if (keep(out, l, w, &x) < 0)
			return pvb_err_set(e, -ENOMEM, "out of memory");
	out->head = w->head;
	out->entries = w->number;
	out->bytes = w->at;
	out->cut = w->at < w->size;
	if (r == 0)
		r = join_ends(out, &l->ends, e);
	if (r == 0)
		end_the_dead(out, &l->opens);
	return r;
}

int pvb_record_index_load(int fd, struct pvb_record_index *out,
                          struct pvb_err *e)
{
	struct loading l = { .cap = 0 };
	struct walk w;
	int r;

	*out = (struct pvb_record_index){ .ops = NULL };
	r = walk_begin(&w, fd, e);
	if (r == 0)
		r = load(&w, out, &l, e);
	free(l.ends.v);
	free(l.opens.v);
	if (r < 0)
		pvb_record_index_fini(out);
	return r;
}

void pvb_record_index_fini(struct pvb_record_index *x)
{
	free(x->ops);
	*x = (struct pvb_record_index){ .ops = NULL };
}
