/* SPDX-License-Identifier: MIT */
/*
 * Which kernel calls a request needs, one after the other.
 *
 *	READ     read  ... until all is moved
 *	WRITE    write ... until all is moved (synced by the call itself)
 *	FLUSH    sync
 *	DISCARD  punch a hole; a block device: its own calls
 *	ZERO     punch a hole, or zero a range, or write zeros: the first
 *	         that is to be had here; then sync if it must be durable
 */
#include <errno.h>

#include "disk_file.h"

static uint8_t zero_call(const struct file_lane *f, const struct pvb_io *io)
{
	uint8_t call = io->flags & PVB_IO_NO_HOLE ? FILE_ZERO_RANGE
	                                          : FILE_PUNCH;

	while (call != FILE_WRITE_ZEROS && (f->lacks & 1u << call))
		call++;
	return call;
}

void file_step_first(struct file_lane *f, struct pvb_io *io)
{
	struct file_io *fio = file_io(io);

	*fio = (struct file_io){ .lane = f };
	fio->durable = io->flags & PVB_IO_FUA || f->how.sync;
	switch (io->op) {
	case PVB_IO_READ:
		fio->call = FILE_READ;
		break;
	case PVB_IO_WRITE:
		fio->call = FILE_WRITE;
		break;
	case PVB_IO_DISCARD:
		fio->call = !f->how.block_device ? FILE_PUNCH
		            : io->flags & PVB_IO_SECURE ? FILE_ERASE
		                                        : FILE_DISCARD;
		break;
	case PVB_IO_ZERO:
		fio->call = zero_call(f, io);
		break;
	case PVB_IO_FLUSH:
	default:
		fio->call = FILE_SYNC;
		break;
	}
}

int file_missing(const struct file_lane *f)
{
	uint64_t has;

	if (file_size(f->fd, &has) < 0 || has >= f->disk.info.size_bytes)
		return -EIO;
	return has == 0 && f->how.block_device ? -ESHUTDOWN : -ENODATA;
}

/* Out of the kernel's many, those that a disk may answer with.  Past the end of
   a device is no room, to the kernel: to us that is no matter of room. */
static int disk_error(const struct file_lane *f, int32_t result)
{
	switch (result) {
	case -ENOSPC:
		if (f->how.block_device && file_missing(f) != -EIO)
			return file_missing(f);
		return -ENOSPC;
	case -EDQUOT: case -EFBIG:
		return -ENOSPC;
	case -EIO:
		return f->how.block_device ? file_missing(f) : -EIO;
	case -ENXIO: case -ENODEV:
		return -ESHUTDOWN;
	case -EROFS: case -EPERM:
		return -EROFS;
	case -EOPNOTSUPP:
		return -EOPNOTSUPP;
	default:
		return -EIO;
	}
}

static bool end(int result, int *out)
{
	*out = result;
	return true;
}

static bool moved(const struct file_lane *f, struct pvb_io *io, int32_t result,
                  int *out)
{
	struct file_io *fio = file_io(io);

	if (result <= 0)                /* within our size */
		return end(file_missing(f), out);
	if (fio->chunk && fio->call == FILE_READ)
		file_bounce_scatter(io, fio->moved_bytes, fio->chunk,
		                    (size_t)result);
	fio->moved_bytes += (uint32_t)result;
	if (fio->moved_bytes < io->length_bytes)
		return false;
	return end(0, out);
}

static bool zeroed(struct file_lane *f, struct pvb_io *io, int32_t result,
                   int *out)
{
	struct file_io *fio = file_io(io);

	if (result == -EOPNOTSUPP && io->op == PVB_IO_ZERO) {
		f->lacks |= 1u << fio->call;
		fio->call = zero_call(f, io);
		return false;
	}
	if (result < 0)
		return end(disk_error(f, result), out);
	if (io->op == PVB_IO_DISCARD || !fio->durable)
		return end(0, out);
	fio->call = FILE_SYNC;
	return false;
}

bool file_step_next(struct file_lane *f, struct pvb_io *io, int32_t result,
                    int *out)
{
	struct file_io *fio = file_io(io);

	if ((result == -EINTR || result == -EAGAIN) &&
	    fio->retries < FILE_RETRIES_MAX) {
		fio->retries++;
		return false;
	}
	switch ((enum file_call)fio->call) {
	case FILE_PUNCH:
	case FILE_ZERO_RANGE:
		return zeroed(f, io, result, out);
	case FILE_READ:
	case FILE_WRITE:
	case FILE_WRITE_ZEROS:
		if (result >= 0)
			return moved(f, io, result, out);
		break;
	case FILE_SYNC:
	case FILE_DISCARD:
	case FILE_ERASE:
		if (result >= 0)
			return end(0, out);
		break;
	}
	return end(disk_error(f, result), out);
}

void file_view(const struct file_lane *f, struct pvb_io *io,
               struct file_view *v)
{
	struct file_io *fio = file_io(io);
	uint64_t left = io->length_bytes - fio->moved_bytes;
	uint64_t skip = fio->moved_bytes;
	uint32_t i = 0;

	v->offset_bytes = io->offset_bytes + fio->moved_bytes;
	v->iov = &v->one;
	v->iovcnt = 1;
	if (fio->chunk || fio->call == FILE_WRITE_ZEROS) {
		v->one.iov_base = fio->chunk ? fio->chunk
		                             : (void *)(uintptr_t)f->zeros;
		v->one.iov_len = left < FILE_CHUNK_BYTES ? (size_t)left
		                                         : FILE_CHUNK_BYTES;
		return;
	}
	while (skip >= io->iov[i].iov_len)
		skip -= io->iov[i++].iov_len;
	if (skip == 0) {
		v->iov = io->iov + i;
		v->iovcnt = io->iovcnt - i;
		return;
	}
	/* A transfer ended inside an element: first what is left of that. */
	v->one.iov_base = (unsigned char *)io->iov[i].iov_base + skip;
	v->one.iov_len = io->iov[i].iov_len - (size_t)skip;
}

bool file_is_aligned(const struct file_lane *f, const struct pvb_io *io)
{
	uintptr_t memory = 0, length = 0;

	for (uint32_t i = 0; i < io->iovcnt; i++) {
		memory |= (uintptr_t)io->iov[i].iov_base;
		length |= io->iov[i].iov_len;
	}
	return !(memory & (f->how.memory_align - 1)) &&
	       !(length & (f->how.offset_align - 1));
}
