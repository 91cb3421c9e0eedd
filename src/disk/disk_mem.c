/* SPDX-License-Identifier: MIT */
/*
 * disk_mem.c - mem:SIZE, a disk in memory that keeps only what was written.
 *
 * The memory is a memfd: probe makes it, each lane maps it, so lanes in
 * several threads and processes see one disk, which ends with the last of
 * its descriptors.  Its size is sealed; a mapping cannot fault.
 *
 * Data is moved by memcpy.  But reading a page of a hole through the mapping
 * would allocate it; so a lane remembers in a bitmap which chunks hold data,
 * and reads from the others through the descriptor, which allocates nothing.
 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <pvb/err.h>

#include "base/checked.h"

#include "disk.h"
#include "extents.h"
#include "options.h"
#include "outbox.h"

enum {
	MEM_DEPTH = 512,
	MEM_CHUNK_BYTES = 2 << 20,      /* the least that one bit stands for */
	MEM_CHUNKS_MAX = 1 << 19,
	MEM_SLICE_BYTES = 16 << 20,     /* cleared in one turn of the loop */
};

struct mem_lane {
	struct pvb_disk disk;
	struct pvb_outbox outbox;
	struct pvb_loop_task clear_task;
	struct pvb_iolist clearing;     /* discard and zero; scratch[1]: done */
	uint32_t clearing_count;
	int fd;                         /* owned */
	unsigned char *memory;          /* owned mapping of the whole disk */
	uint8_t *has_data;              /* owned; a bit a chunk, only a hint */
	uint64_t chunk_bytes;
};

/* ---- control -------------------------------------------------------- */

static int make_memory(uint64_t size_bytes, struct pvb_err *e)
{
	int fd = memfd_create("pvb-mem", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	int r;

	if (fd < 0)
		goto fail;
	if (ftruncate(fd, (off_t)size_bytes) < 0)
		goto fail;
	if (fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL))
		goto fail;
	return fd;
fail:
	r = pvb_err_set(e, -errno, "cannot get the memory: %s",
	                strerror(errno));
	if (fd >= 0)
		(void)close(fd);        /* empty: nothing to lose */
	return r;
}

static int mem_probe(struct pvb_uri *uri, uint32_t flags,
                     struct pvb_disk_probe *out, struct pvb_err *e)
{
	struct pvb_disk_info *info = &out->info;
	int r;

	info->read_only = flags & PVB_DISK_READ_ONLY;
	info->flush = info->fua = info->discard = info->zero = true;
	info->discard_secure = true;    /* the pages go */
	info->depth_max = MEM_DEPTH;
	r = pvb_disk_opt_memory_geometry(uri, info, e);
	if (r < 0)
		return r;
	r = make_memory(info->size_bytes, e);
	if (r < 0)
		return r;
	out->fds[0] = r;
	out->nfds = 1;
	out->fleeting = true;
	return 0;
}

static int mem_reopen(const struct pvb_disk_probe *p,
                      int fds[PVB_DISK_FDS_MAX], struct pvb_err *e)
{
	char path[32];

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", p->fds[0]);
	fds[0] = open(path, (p->info.read_only ? O_RDONLY : O_RDWR) |
	              O_CLOEXEC);
	if (fds[0] < 0)
		return pvb_err_set(e, -errno, "cannot open its memory anew: %s",
		                   strerror(errno));
	return 1;
}

/* ---- which chunks hold data ----------------------------------------- */

static bool is_marked(const struct mem_lane *m, uint64_t chunk)
{
	return m->has_data[chunk / 8] & (1 << chunk % 8);
}

static void mark(struct mem_lane *m, uint64_t offset, uint64_t length)
{
	uint64_t last = (offset + length - 1) / m->chunk_bytes;

	for (uint64_t c = offset / m->chunk_bytes; c <= last; c++)
		m->has_data[c / 8] |= (uint8_t)(1 << c % 8);
}

/* Chunks wholly in a range that became a hole. */
static void unmark(struct mem_lane *m, uint64_t offset, uint64_t length)
{
	uint64_t first = (offset + m->chunk_bytes - 1) / m->chunk_bytes;
	uint64_t end = (offset + length) / m->chunk_bytes;

	for (uint64_t c = first; c < end; c++)
		m->has_data[c / 8] &= (uint8_t)~(1 << c % 8);
}

/* Do all chunks of the range hold something?  Another lane may have written
   them, so what is not marked is looked up. */
static bool has_data(struct mem_lane *m, uint64_t offset, uint64_t length)
{
	uint64_t last = (offset + length - 1) / m->chunk_bytes;

	for (uint64_t c = offset / m->chunk_bytes; c <= last; c++) {
		off_t at;

		if (is_marked(m, c))
			continue;
		at = lseek(m->fd, (off_t)(c * m->chunk_bytes), SEEK_DATA);
		if (at < 0 || (uint64_t)at >= (c + 1) * m->chunk_bytes)
			return false;
		m->has_data[c / 8] |= (uint8_t)(1 << c % 8);
	}
	return true;
}

/* ---- data ----------------------------------------------------------- */

static void mem_read(struct mem_lane *m, const struct pvb_io *io)
{
	const unsigned char *from = m->memory + io->offset_bytes;

	if (!has_data(m, io->offset_bytes, io->length_bytes) &&
	    preadv(m->fd, io->iov, (int)io->iovcnt,
	           (off_t)io->offset_bytes) == (ssize_t)io->length_bytes)
		return;
	for (uint32_t i = 0; i < io->iovcnt; i++) {
		memcpy(io->iov[i].iov_base, from, io->iov[i].iov_len);
		from += io->iov[i].iov_len;
	}
}

static void mem_write(struct mem_lane *m, const struct pvb_io *io)
{
	unsigned char *to = m->memory + io->offset_bytes;

	mark(m, io->offset_bytes, io->length_bytes);
	for (uint32_t i = 0; i < io->iovcnt; i++) {
		memcpy(to, io->iov[i].iov_base, io->iov[i].iov_len);
		to += io->iov[i].iov_len;
	}
}

/* Discard and zero alike leave zeros. */
static int clear_slice(struct mem_lane *m, const struct pvb_io *io,
                       uint64_t offset, uint64_t length)
{
	if (io->flags & PVB_IO_NO_HOLE) {
		mark(m, offset, length);
		memset(m->memory + offset, 0, length);
		return 0;
	}
	if (fallocate(m->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
	              (off_t)offset, (off_t)length) < 0)
		return errno == EINTR ? -EAGAIN : -EIO;
	unmark(m, offset, length);
	return 0;
}

static void clear_run(struct pvb_loop_task *t)
{
	struct mem_lane *m = pvb_container(t, struct mem_lane, clear_task);
	struct pvb_io *io = m->clearing.head;
	uint64_t left = io->length_bytes - io->scratch[1];
	uint64_t length = left < MEM_SLICE_BYTES ? left : MEM_SLICE_BYTES;
	int r = clear_slice(m, io, io->offset_bytes + io->scratch[1], length);

	if (r == 0)
		io->scratch[1] += length;
	if ((r < 0 && r != -EAGAIN) || io->scratch[1] == io->length_bytes) {
		(void)pvb_iolist_pop(&m->clearing);
		m->clearing_count--;
		pvb_outbox_put(&m->outbox, io, r);
	}
	if (m->clearing.head)
		pvb_loop_defer(m->outbox.loop, t);
}

static void start_clear(struct mem_lane *m, struct pvb_io *io)
{
	io->scratch[1] = 0;
	m->clearing_count++;
	pvb_iolist_push(&m->clearing, io);
	pvb_loop_defer(m->outbox.loop, &m->clear_task);
}

static int mem_submit(struct pvb_disk *d, struct pvb_io *io)
{
	struct mem_lane *m = pvb_container(d, struct mem_lane, disk);
	int r;

	if (m->outbox.count + m->clearing_count == MEM_DEPTH)
		return -EAGAIN;
	r = pvb_disk_check(&d->info, io);
	if (r == 0 && io->op != PVB_IO_FLUSH && io->length_bytes > 0) {
		if (io->op == PVB_IO_READ) {
			mem_read(m, io);
		} else if (io->op == PVB_IO_WRITE) {
			mem_write(m, io);
		} else {
			start_clear(m, io);
			return 0;
		}
	}
	pvb_outbox_put(&m->outbox, io, r);
	return 0;
}

static int mem_extents(struct pvb_disk *d, uint64_t offset_bytes,
                       uint64_t length_bytes, struct pvb_disk_extent *v,
                       uint32_t cap)
{
	struct mem_lane *m = pvb_container(d, struct mem_lane, disk);

	if (!pvb_range_ok(offset_bytes, length_bytes, d->info.size_bytes))
		return -EINVAL;
	return pvb_disk_fd_extents(m->fd, offset_bytes, length_bytes,
	                           d->info.sector_size_bytes, v, cap);
}

/* ---- opening -------------------------------------------------------- */

static int map_memory(struct mem_lane *m, struct pvb_err *e)
{
	uint64_t size = m->disk.info.size_bytes, chunks;
	struct stat st;
	void *p;

	if (fstat(m->fd, &st) < 0 || (uint64_t)st.st_size < size)
		return pvb_err_set(e, -EINVAL,
		                   "its memory is smaller than the disk");
	m->chunk_bytes = MEM_CHUNK_BYTES;
	while ((chunks = (size - 1) / m->chunk_bytes + 1) > MEM_CHUNKS_MAX)
		m->chunk_bytes *= 2;
	m->has_data = calloc(1, (size_t)(chunks + 7) / 8);
	if (!m->has_data)
		return pvb_err_set(e, -ENOMEM, "out of memory");
	p = mmap(NULL, size, PROT_READ | (m->disk.info.read_only ? 0
	         : PROT_WRITE), MAP_SHARED | MAP_NORESERVE, m->fd, 0);
	if (p == MAP_FAILED)
		return pvb_err_set(e, -ENOMEM, "cannot map its memory: %s",
		                   strerror(errno));
	m->memory = p;
	return 0;
}

static void mem_close(struct pvb_disk *d)
{
	struct mem_lane *m = pvb_container(d, struct mem_lane, disk);

	assert(m->clearing_count == 0);
	pvb_loop_undefer(m->outbox.loop, &m->clear_task);
	pvb_outbox_fini(&m->outbox);
	if (m->memory)
		(void)munmap(m->memory, d->info.size_bytes);
	free(m->has_data);
	(void)close(m->fd);
	free(m);
}

static int mem_open(struct pvb_loop *loop, const struct pvb_log *log,
                    const struct pvb_disk_probe *p, int *fds, uint32_t nfds,
                    struct pvb_disk **lane, struct pvb_err *e)
{
	struct mem_lane *m = calloc(1, sizeof(*m));
	int r;

	(void)log;
	assert(nfds == 1);
	if (!m) {
		(void)close(fds[0]);
		return pvb_err_set(e, -ENOMEM, "out of memory");
	}
	m->disk.ops = &pvb_disk_mem;
	m->disk.info = p->info;
	m->fd = fds[0];
	m->clear_task.run = clear_run;
	pvb_outbox_init(&m->outbox, loop);
	r = map_memory(m, e);
	if (r < 0) {
		mem_close(&m->disk);
		return r;
	}
	*lane = &m->disk;
	return 0;
}

static const char *const mem_options[] = {
	"sector-size=512|4096    smallest unit of I/O (512)",
	NULL
};

const struct pvb_disk_ops pvb_disk_mem = {
	.scheme = "mem",
	.summary = "mem:SIZE  in memory, sparse, gone when closed",
	.options = mem_options,
	.probe = mem_probe,
	.reopen = mem_reopen,
	.open = mem_open,
	.close = mem_close,
	.submit = mem_submit,
	.extents = mem_extents,
};
