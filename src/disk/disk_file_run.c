/* SPDX-License-Identifier: MIT */
/*
 * Carries out the calls of a request: at once, by io_uring, or in a thread.
 * Which of them is decided in one place, route_of.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#ifdef PVB_HAVE_URING
#include <liburing.h>
#endif

#include "disk_file.h"

enum route { ROUTE_NOW, ROUTE_RING, ROUTE_THREAD };
enum sent { SENT, WANTS_RING, WANTS_CHUNK };

/*
 * A buffered read is tried at once: when all of it is in the page cache that
 * is the cheapest way, and when it is not, the call says so without waiting.
 * A buffered write blocks now and then and cannot be told not to; io_uring
 * would hand it to a thread of the kernel's, which measured at half the rate
 * of a thread of ours or less.
 */
static enum route route_of(const struct file_lane *f,
                           const struct file_io *fio)
{
	bool writes = fio->call == FILE_WRITE || fio->call == FILE_WRITE_ZEROS;

	if (fio->call == FILE_READ && f->nowait && !fio->looked)
		return ROUTE_NOW;
	if (!f->ring || fio->call == FILE_DISCARD || fio->call == FILE_ERASE ||
	    (writes && !f->how.direct))
		return ROUTE_THREAD;
	return ROUTE_RING;
}

static int fallocate_mode(uint8_t call)
{
	return FALLOC_FL_KEEP_SIZE | (call == FILE_PUNCH
	       ? FALLOC_FL_PUNCH_HOLE : FALLOC_FL_ZERO_RANGE);
}

static int dsync(const struct file_io *fio)
{
	return fio->durable && fio->call != FILE_READ ? RWF_DSYNC : 0;
}

/* The call under way as a system call: a count or -errno.  Any thread. */
static ssize_t call_kernel(struct file_lane *f, struct pvb_io *io)
{
	struct file_io *fio = file_io(io);
	uint64_t range[2] = { io->offset_bytes, io->length_bytes };
	struct file_view v;
	ssize_t r = -1;

	switch ((enum file_call)fio->call) {
	case FILE_READ:
		file_view(f, io, &v);
		r = preadv2(f->fd, v.iov, (int)v.iovcnt, (off_t)v.offset_bytes,
		            0);
		break;
	case FILE_WRITE:
	case FILE_WRITE_ZEROS:
		file_view(f, io, &v);
		r = pwritev2(f->fd, v.iov, (int)v.iovcnt,
		             (off_t)v.offset_bytes, dsync(fio));
		break;
	case FILE_SYNC:
		r = fdatasync(f->fd);
		break;
	case FILE_PUNCH:
	case FILE_ZERO_RANGE:
		r = fallocate(f->fd, fallocate_mode(fio->call),
		              (off_t)range[0], (off_t)range[1]);
		break;
	case FILE_DISCARD:
		r = ioctl(f->fd, BLKDISCARD, range);
		break;
	case FILE_ERASE:
		r = ioctl(f->fd, BLKSECDISCARD, range);
		break;
	}
	return r < 0 ? -errno : r;
}

static void let_go(struct file_lane *f, struct pvb_io *io)
{
	struct file_io *fio = file_io(io);

	f->in_flight--;
	if (!fio->chunk)
		return;
	file_bounce_put(&f->bounce, fio->chunk);
	if (f->queued.head)             /* perhaps for want of a chunk */
		pvb_loop_defer(f->loop, &f->begin);
}

/* Ends a request where done() must not run yet. */
static void end_later(struct file_lane *f, struct pvb_io *io, int result)
{
	let_go(f, io);
	pvb_outbox_put(&f->outbox, io, result);
}

static enum sent send_off(struct file_lane *f, struct pvb_io *io);

/* From the loop: the call under way has returned. */
static void returned(struct file_lane *f, struct pvb_io *io, int32_t result)
{
	int end;

	f->measured = false;
	if (file_step_next(f, io, result, &end)) {
		let_go(f, io);
		io->done(io, end);      /* may close the lane */
	} else if (send_off(f, io) != SENT) {
		pvb_iolist_push_front(&f->queued, io);
		pvb_loop_defer(f->loop, &f->begin);
	}
}

/* ---- at once -------------------------------------------------------- */

/* True: the request has ended. */
static bool read_now(struct file_lane *f, struct pvb_io *io)
{
	struct file_io *fio = file_io(io);
	struct file_view v;
	ssize_t r;
	int end;

	file_view(f, io, &v);
	r = preadv2(f->fd, v.iov, (int)v.iovcnt, (off_t)v.offset_bytes,
	            RWF_NOWAIT);
	fio->looked = true;
	if (r < 0) {
		/* Anything but "not now" is for the ordinary way to say. */
		if (errno == EOPNOTSUPP)
			f->nowait = false;
		return false;
	}
	if (!file_step_next(f, io, (int32_t)r, &end))
		return false;
	end_later(f, io, end);
	return true;
}

/* ---- by io_uring ---------------------------------------------------- */

#ifdef PVB_HAVE_URING

static void ring_returned(struct pvb_loop_cqe *c, int32_t result,
                          uint32_t flags)
{
	struct file_io *fio = pvb_container(c, struct file_io, via.cqe);

	(void)flags;
	returned(fio->lane, file_io_owner(fio), result);
}

static void prepare_transfer(struct file_lane *f, struct pvb_io *io,
                             struct io_uring_sqe *sqe)
{
	struct file_io *fio = file_io(io);
	bool reads = fio->call == FILE_READ;
	struct file_view v;

	/* One element goes by value: the view need not outlive this call. */
	file_view(f, io, &v);
	if (v.iovcnt == 1)
		io_uring_prep_rw(reads ? IORING_OP_READ : IORING_OP_WRITE, sqe,
		                 f->fd, v.iov->iov_base,
		                 (unsigned int)v.iov->iov_len, v.offset_bytes);
	else
		io_uring_prep_rw(reads ? IORING_OP_READV : IORING_OP_WRITEV,
		                 sqe, f->fd, v.iov, v.iovcnt, v.offset_bytes);
	sqe->rw_flags = dsync(fio);
}

/* False: the submission queue is full. */
static bool give_to_ring(struct file_lane *f, struct pvb_io *io)
{
	struct file_io *fio = file_io(io);
	struct io_uring_sqe *sqe = io_uring_get_sqe(f->ring);

	if (!sqe) {
		pvb_loop_uring_submit(f->loop);
		sqe = io_uring_get_sqe(f->ring);
		if (!sqe)
			return false;
	}
	switch ((enum file_call)fio->call) {
	case FILE_SYNC:
		io_uring_prep_fsync(sqe, f->fd, IORING_FSYNC_DATASYNC);
		break;
	case FILE_PUNCH:
	case FILE_ZERO_RANGE:
		io_uring_prep_fallocate(sqe, f->fd, fallocate_mode(fio->call),
		                        (off_t)io->offset_bytes,
		                        (off_t)io->length_bytes);
		break;
	default:
		prepare_transfer(f, io, sqe);
		break;
	}
	fio->via.cqe.done = ring_returned;
	io_uring_sqe_set_data(sqe, &fio->via.cqe);
	pvb_loop_uring_queued(f->loop);
	return true;
}

#else

static bool give_to_ring(struct file_lane *f, struct pvb_io *io)
{
	(void)f;
	(void)io;
	assert(!"a lane without io_uring has no ring");
	return false;
}

#endif

/* ---- in a thread ---------------------------------------------------- */

static void job_run(struct pvb_job *j)
{
	struct file_io *fio = pvb_container(j, struct file_io, via.job);

	fio->result = (int32_t)call_kernel(fio->lane, file_io_owner(fio));
}

static void job_done(struct pvb_job *j)
{
	struct file_io *fio = pvb_container(j, struct file_io, via.job);

	returned(fio->lane, file_io_owner(fio), fio->result);
}

static void give_to_thread(struct file_lane *f, struct pvb_io *io)
{
	struct file_io *fio = file_io(io);

	fio->via.job = (struct pvb_job){ .run = job_run, .done = job_done };
	pvb_jobs_start(&f->jobs, &fio->via.job);
}

/* ---- all of them ---------------------------------------------------- */

/* 0, -EAGAIN (no chunk is free), or -EIO. */
static int bounce_if_needed(struct file_lane *f, struct pvb_io *io)
{
	struct file_io *fio = file_io(io);
	bool transfer = fio->call == FILE_READ || fio->call == FILE_WRITE;
	int r;

	if (!f->how.direct || !transfer)
		return 0;
	if (!fio->chunk) {
		if (file_is_aligned(f, io))
			return 0;
		r = file_bounce_get(&f->bounce, &fio->chunk);
		if (r < 0)
			return r == -EAGAIN ? r : -EIO;
	}
	if (fio->call == FILE_WRITE) {
		struct file_view v;

		file_view(f, io, &v);
		file_bounce_gather(io, fio->moved_bytes, fio->chunk,
		                   v.one.iov_len);
	}
	return 0;
}

/* A write past the end of a file makes it longer, and what is between the two
   reads as zeros then: of one that somebody has cut off nothing would tell the
   guest that its data is lost.  Looked at once for a batch. */
static bool is_past_end(struct file_lane *f, struct pvb_io *io)
{
	uint8_t call = file_io(io)->call;

	if (f->how.block_device ||
	    (call != FILE_WRITE && call != FILE_WRITE_ZEROS))
		return false;
	if (!f->measured && file_size(f->fd, &f->has_bytes) < 0)
		return false;           /* the write will say so */
	f->measured = true;
	return io->offset_bytes + io->length_bytes > f->has_bytes;
}

/* Unless it was sent, the request is as it was before. */
static enum sent send_off(struct file_lane *f, struct pvb_io *io)
{
	struct file_io *fio = file_io(io);
	int r;

	if (is_past_end(f, io)) {
		end_later(f, io, file_missing(f));
		return SENT;
	}
	r = bounce_if_needed(f, io);
	if (r == -EAGAIN)
		return WANTS_CHUNK;
	if (r < 0) {
		end_later(f, io, r);
		return SENT;
	}
	if (route_of(f, fio) == ROUTE_NOW && read_now(f, io))
		return SENT;
	if (route_of(f, fio) == ROUTE_RING)
		return give_to_ring(f, io) ? SENT : WANTS_RING;
	give_to_thread(f, io);
	return SENT;
}

void file_run_queued(struct file_lane *f)
{
	enum sent sent = SENT;
	struct pvb_io *io;

	f->measured = false;
	while (sent == SENT && (io = pvb_iolist_pop(&f->queued))) {
		sent = send_off(f, io);
		if (sent != SENT)
			pvb_iolist_push_front(&f->queued, io);
	}
	/* For a chunk, let_go() tries again: one that waits for it has none
	   itself.  For room in the ring, the loop has to turn. */
	if (sent == WANTS_RING)
		pvb_loop_defer(f->loop, &f->begin);
}

static void begin_again(struct pvb_loop_task *t)
{
	file_run_queued(pvb_container(t, struct file_lane, begin));
}

int file_run_init(struct file_lane *f)
{
	void *zeros;

	f->begin.run = begin_again;
	f->ring = pvb_loop_uring(f->loop);
	f->nowait = !f->how.direct;
	pvb_outbox_init(&f->outbox, f->loop);
	/* Only ever read: costs an address, not memory. */
	zeros = mmap(NULL, FILE_CHUNK_BYTES, PROT_READ,
	             MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (zeros == MAP_FAILED)
		return -errno;
	f->zeros = zeros;
	return pvb_jobs_init(&f->jobs, f->loop);
}

void file_run_fini(struct file_lane *f)
{
	assert(f->in_flight == 0);
	pvb_jobs_fini(&f->jobs);
	pvb_loop_undefer(f->loop, &f->begin);
	pvb_outbox_fini(&f->outbox);
	file_bounce_fini(&f->bounce);
	(void)munmap((void *)(uintptr_t)f->zeros, FILE_CHUNK_BYTES);
}
