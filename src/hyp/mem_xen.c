/* SPDX-License-Identifier: MIT */
/*
 * mem_xen.c - life of a mem handle over Xen's libraries.
 *
 * Each handle has descriptors of its own: the libraries cannot adopt one, and
 * none may be used by two threads.  What is opened here is all that is ever
 * opened, so that a process may give up its file system afterwards.
 */
#include "mem_xen.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include <pvb/err.h>

/* ---- areas ------------------------------------------------------------- */

void pvb_mem_xen_add(struct pvb_mem_xen_areas *a, void *addr, uint32_t pages)
{
	assert(a->count < PVB_MEM_XEN_AREAS_MAX);
	a->area[a->count].addr = addr;
	a->area[a->count].pages = pages;
	a->count++;
}

bool pvb_mem_xen_drop(struct pvb_mem_xen_areas *a, const void *addr,
                      uint32_t pages)
{
	for (uint32_t i = 0; i < a->count; i++) {
		if (a->area[i].addr != addr || a->area[i].pages != pages)
			continue;
		a->area[i] = a->area[--a->count];
		return true;
	}
	return false;
}

/* ---- life -------------------------------------------------------------- */

static void xen_close(struct pvb_mem *m)
{
	struct pvb_mem_xen *x = pvb_mem_xen_of(m);

	pvb_mem_xen_bells_close(x);
	pvb_mem_xen_front_close(x);
	pvb_mem_xen_back_close(x);
	free(x);
}

static const struct pvb_mem_ops xen_ops = {
	.name = "xen",
	.close = xen_close,
	.share = pvb_mem_xen_share,
	.unshare = pvb_mem_xen_unshare,
	.map = pvb_mem_xen_map,
	.unmap = pvb_mem_xen_unmap,
	.window = pvb_mem_xen_window,
	.copy = pvb_mem_xen_copy,
	.offer = pvb_mem_xen_offer,
	.bind = pvb_mem_xen_bind,
	.unbind = pvb_mem_xen_unbind,
	.notify = pvb_mem_xen_notify,
	.fd = pvb_mem_xen_fd,
	.clear = pvb_mem_xen_clear,
};

static void say_nothing(xentoollog_logger *logger, xentoollog_level level,
                        int error, const char *context, const char *format,
                        va_list args)
{
	(void)logger;
	(void)level;
	(void)error;
	(void)context;
	(void)format;
	(void)args;
}

static void keep(xentoollog_logger *logger)
{
	(void)logger;           /* goes with the handle */
}

static int node_code(int error, const char *node, struct pvb_err *e)
{
	switch (error) {
	case ENOENT: case ENODEV: case ENXIO:
		return pvb_err_set(e, -ENOENT, "there is no /dev/xen/%s (not "
		                   "on Xen, or 'modprobe xen-%s' is missing)",
		                   node, node);
	case EACCES: case EPERM:
		return pvb_err_set(e, -EACCES, "no permission for /dev/xen/%s "
		                   "(only root has it)", node);
	default:
		return pvb_err_set(e, -EIO, "cannot open /dev/xen/%s: %s",
		                   node, strerror(error));
	}
}

/* A handle with its bells.  NULL with *e. */
static struct pvb_mem_xen *create(struct pvb_err *e)
{
	struct pvb_mem_xen *x = calloc(1, sizeof(*x));
	int fd;

	if (!x) {
		(void)pvb_err_set(e, -EIO, "out of memory");
		return NULL;
	}
	x->mem.ops = &xen_ops;
	x->quiet.vmessage = say_nothing;
	x->quiet.destroy = keep;
	x->bells.evtchn = xenevtchn_open(&x->quiet, 0);
	if (!x->bells.evtchn) {
		(void)node_code(errno, "evtchn", e);
		free(x);
		return NULL;
	}
	/* Looking whether somebody rang must not wait until somebody does. */
	fd = xenevtchn_fd(x->bells.evtchn);
	(void)fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
	return x;
}

struct pvb_mem *pvb_mem_open_xen_front(struct pvb_err *e)
{
	struct pvb_mem_xen *x = create(e);

	if (!x)
		return NULL;
	x->front.share = xengntshr_open(&x->quiet, 0);
	if (!x->front.share) {
		(void)node_code(errno, "gntalloc", e);
		xen_close(&x->mem);
		return NULL;
	}
	/* Unlike its sisters, this library leaves it to programs run later. */
	(void)fcntl(xengntshr_fd(x->front.share), F_SETFD, FD_CLOEXEC);
	return &x->mem;
}

static int open_back(struct pvb_mem_xen *x, uint16_t peer, struct pvb_err *e)
{
	struct pvb_mem_xen_back *b = &x->back;

	b->peer = peer;
	/* Kernels before 4.13 cannot: then the limit is ours alone. */
	(void)xenevtchn_restrict(x->bells.evtchn, peer);
	b->tab = xengnttab_open(&x->quiet, 0);
	if (!b->tab)
		return node_code(errno, "gntdev", e);
	b->copy = calloc(PVB_MEM_XEN_COPIES_MAX, sizeof(*b->copy));
	if (!b->copy)
		return pvb_err_set(e, -EIO, "out of memory");
	/* Old kernels set so much aside at once; newer ones ignore it. */
	(void)xengnttab_set_max_grants(b->tab, PVB_MEM_XEN_GRANTS_MAX);
	return 0;
}

struct pvb_mem *pvb_mem_open_xen_back(uint16_t peer, struct pvb_err *e)
{
	struct pvb_mem_xen *x = create(e);

	if (!x)
		return NULL;
	if (open_back(x, peer, e) < 0) {
		xen_close(&x->mem);
		return NULL;
	}
	return &x->mem;
}
