/* SPDX-License-Identifier: MIT */
#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "disk_file.h"

int file_bounce_get(struct file_bounce *b, unsigned char **chunk)
{
	void *p;

	if (!b->memory) {
		p = mmap(NULL, FILE_CHUNKS * FILE_CHUNK_BYTES,
		         PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
		         -1, 0);
		if (p == MAP_FAILED)
			return -ENOMEM;
		b->memory = p;
	}
	for (uint32_t i = 0; i < FILE_CHUNKS; i++) {
		if (b->used & 1u << i)
			continue;
		b->used |= 1u << i;
		b->touched |= 1u << i;
		*chunk = b->memory + (size_t)i * FILE_CHUNK_BYTES;
		return 0;
	}
	return -EAGAIN;
}

void file_bounce_put(struct file_bounce *b, unsigned char *chunk)
{
	size_t i = (size_t)(chunk - b->memory) / FILE_CHUNK_BYTES;

	assert(i < FILE_CHUNKS && (b->used & 1u << i));
	b->used &= ~(1u << i);
	/* Idle: all but the first goes back to the system. */
	if (b->used || !(b->touched & ~1u))
		return;
	b->touched &= 1u;
	(void)madvise(b->memory + FILE_CHUNK_BYTES,
	              (FILE_CHUNKS - 1) * FILE_CHUNK_BYTES, MADV_DONTNEED);
}

void file_bounce_fini(struct file_bounce *b)
{
	assert(b->used == 0);
	if (b->memory)
		(void)munmap(b->memory, FILE_CHUNKS * FILE_CHUNK_BYTES);
	b->memory = NULL;
}

/* Walks the part of a vector that lies `skip` bytes in. */
struct walk { const struct iovec *at; size_t skip; };

static struct walk walk_to(const struct pvb_io *io, uint64_t skip)
{
	struct walk w = { io->iov, 0 };

	while (skip > 0 && skip >= w.at->iov_len)
		skip -= w.at++->iov_len;
	w.skip = (size_t)skip;
	return w;
}

/* The next piece of at most `length` bytes; *n is how long it is. */
static unsigned char *walk_piece(struct walk *w, size_t length, size_t *n)
{
	unsigned char *p = (unsigned char *)w->at->iov_base + w->skip;

	*n = w->at->iov_len - w->skip;
	if (*n > length) {
		*n = length;
		w->skip += length;
	} else {
		w->at++;
		w->skip = 0;
	}
	return p;
}

void file_bounce_gather(const struct pvb_io *io, uint64_t skip,
                        unsigned char *chunk, size_t length)
{
	struct walk w = walk_to(io, skip);
	unsigned char *from;
	size_t n;

	for (; length > 0; length -= n, chunk += n) {
		from = walk_piece(&w, length, &n);
		memcpy(chunk, from, n);
	}
}

void file_bounce_scatter(const struct pvb_io *io, uint64_t skip,
                         const unsigned char *chunk, size_t length)
{
	struct walk w = walk_to(io, skip);
	unsigned char *to;
	size_t n;

	for (; length > 0; length -= n, chunk += n) {
		to = walk_piece(&w, length, &n);
		memcpy(to, chunk, n);
	}
}
