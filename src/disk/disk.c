/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <pvb/err.h>

#include "base/checked.h"

#include "disk.h"

const struct pvb_disk_ops *const pvb_disk_basic[] = {
	&pvb_disk_file, &pvb_disk_mem, &pvb_disk_null, &pvb_disk_fault,
	&pvb_disk_record, NULL
};

const struct pvb_disk_ops *pvb_disk_find(const struct pvb_disk_ops *const *list,
                                         const char *scheme)
{
	for (; *list; list++)
		if (!strcmp((*list)->scheme, scheme))
			return *list;
	return NULL;
}

static bool is_scheme(const char *scheme, void *arg)
{
	return pvb_disk_find(arg, scheme) != NULL;
}

/* Add the known schemes to the sentence that says that this one is not. */
static void list_schemes(const struct pvb_disk_ops *const *list,
                         struct pvb_err *e)
{
	char known[128] = "";
	size_t used = 0;

	if (!e)
		return;
	for (; *list && used < sizeof(known); list++)
		used += (size_t)snprintf(known + used, sizeof(known) - used,
		                         "%s%s", used ? ", " : "",
		                         (*list)->scheme);
	used = strlen(e->text);
	(void)snprintf(e->text + used, sizeof(e->text) - used,
	               "; known are %s", known);
}

int pvb_disk_probe(const struct pvb_disk_ops *const *list, const char *uri,
                   uint32_t flags, struct pvb_disk_probe *out,
                   const struct pvb_disk_ops **ops, struct pvb_err *e)
{
	struct pvb_uri u;
	int r;

	memset(out, 0, sizeof(*out));
	r = pvb_uri_split(uri, is_scheme, (void *)(uintptr_t)list, &u, e);
	if (r == -EPROTONOSUPPORT)
		list_schemes(list, e);
	if (r < 0)
		goto fail;
	*ops = pvb_disk_find(list, u.scheme);
	if (!*ops) {
		r = pvb_err_set(e, -EPROTONOSUPPORT,
		                "paths of files are not taken here");
		goto fail;
	}
	(void)snprintf(out->scheme, sizeof(out->scheme), "%s", (*ops)->scheme);
	out->flags = flags;
	r = (*ops)->probe(&u, flags, out, e);
	if (r == 0)
		r = pvb_uri_all_used(&u, e);
	if (r < 0)
		goto fail;
	return 0;

fail:
	pvb_disk_probe_fini(out);
	pvb_err_prefix(e, "%s", uri);
	return r;
}

void pvb_disk_probe_fini(struct pvb_disk_probe *p)
{
	for (uint32_t i = 0; i < p->nfds; i++)
		if (p->fds[i] >= 0)
			(void)close(p->fds[i]); /* nothing was written by it */
	memset(p, 0, sizeof(*p));
}

int pvb_disk_open(const struct pvb_disk_ops *const *list, const char *uri,
                  uint32_t flags, struct pvb_loop *loop,
                  const struct pvb_log *log, struct pvb_disk **lane,
                  struct pvb_err *e)
{
	const struct pvb_disk_ops *ops;
	struct pvb_disk_probe probe;
	int fds[PVB_DISK_FDS_MAX];
	int r;

	r = pvb_disk_probe(list, uri, flags, &probe, &ops, e);
	if (r < 0)
		return r;
	r = ops->reopen(&probe, fds, e);
	if (r >= 0)
		r = ops->open(loop, log, &probe, fds, (uint32_t)r, lane, e);
	pvb_disk_probe_fini(&probe);
	if (r < 0)
		pvb_err_prefix(e, "%s", uri);
	return r;
}

void pvb_disk_close(struct pvb_disk *d)
{
	if (d)
		d->ops->close(d);
}

/* Is the operation offered, with these flags? */
static int check_offered(const struct pvb_disk_info *info,
                         const struct pvb_io *io)
{
	static const uint32_t flags_of[PVB_IO_OP_COUNT] = {
		[PVB_IO_WRITE] = PVB_IO_FUA,
		[PVB_IO_DISCARD] = PVB_IO_SECURE,
		[PVB_IO_ZERO] = PVB_IO_FUA | PVB_IO_NO_HOLE,
	};
	bool changes;

	if ((uint32_t)io->op >= PVB_IO_OP_COUNT ||
	    (io->flags & ~flags_of[io->op]))
		return -EINVAL;
	changes = io->op != PVB_IO_READ && io->op != PVB_IO_FLUSH;
	if (changes && info->read_only)
		return -EROFS;
	if ((io->op == PVB_IO_FLUSH && !info->flush) ||
	    (io->op == PVB_IO_DISCARD && !info->discard) ||
	    (io->op == PVB_IO_ZERO && !info->zero) ||
	    ((io->flags & PVB_IO_FUA) && !info->fua) ||
	    ((io->flags & PVB_IO_SECURE) && !info->discard_secure))
		return -EOPNOTSUPP;
	return 0;
}

/* Does the vector hold exactly what is to be moved? */
static int check_vector(const struct pvb_disk_info *info,
                        const struct pvb_io *io)
{
	uint64_t sum = 0;

	if (io->length_bytes > info->io_max_bytes ||
	    io->iovcnt > info->iov_max)
		return -EINVAL;
	for (uint32_t i = 0; i < io->iovcnt; i++)
		if (!pvb_add_u64(sum, io->iov[i].iov_len, &sum))
			return -EINVAL;
	return sum == io->length_bytes ? 0 : -EINVAL;
}

int pvb_disk_check(const struct pvb_disk_info *info, const struct pvb_io *io)
{
	uint32_t mask = info->sector_size_bytes - 1;
	int r = check_offered(info, io);

	if (r < 0 || io->op == PVB_IO_FLUSH)
		return r;
	if (((io->offset_bytes | io->length_bytes) & mask) ||
	    !pvb_range_ok(io->offset_bytes, io->length_bytes,
	                  info->size_bytes))
		return -EINVAL;
	if (io->op == PVB_IO_READ || io->op == PVB_IO_WRITE)
		return check_vector(info, io);
	return 0;
}

/* The first multiple of `granule`, counted from `begin`, that is not before
   `at`. */
static uint64_t granule_from(uint64_t at, uint64_t begin, uint64_t granule)
{
	uint64_t over = at > begin ? (at - begin) % granule : 0;

	if (at <= begin)
		return begin;
	return over > 0 ? at + (granule - over) : at;
}

bool pvb_disk_discard_round(const struct pvb_disk_info *info,
                            uint64_t *offset_bytes, uint64_t *length_bytes)
{
	uint64_t granule = info->discard_granularity_bytes;
	uint64_t begin = info->discard_alignment_bytes;
	uint64_t from = *offset_bytes, end = from + *length_bytes;

	/* Some say what cannot be: then they get all of it. */
	if (granule > 0 && granule % info->sector_size_bytes == 0 &&
	    begin % info->sector_size_bytes == 0) {
		begin %= granule;
		from = granule_from(from, begin, granule);
		end = end > begin ? end - (end - begin) % granule : 0;
	}
	if (from >= end)
		return false;
	*offset_bytes = from;
	*length_bytes = end - from;
	return true;
}
