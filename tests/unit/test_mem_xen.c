/* SPDX-License-Identifier: MIT */
/*
 * test_mem_xen.c - the mem table on Xen, over libraries that are played here:
 * each of their calls, every index at which a batch can fail, and what is
 * still open at the end.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>
#include <xenevtchn.h>
#include <xengnttab.h>

#include <pvb/err.h>

#include "hyp/mem.h"

enum { PEER = 5, OTHER = 6, REFS = 600, PAGE = PVB_MEM_PAGE_BYTES };

/* ---- the machine that is played ------------------------------------------ */

static struct fake {
	int open_errno;                 /* of the node `missing` */
	const char *missing;            /* "evtchn", "gntdev", "gntalloc" */
	int handles;                    /* open */
	int mapped, shared;             /* pages */
	int maps, unmaps, copies;       /* calls */
	uint32_t bad_ref;               /* 0: none */
	int16_t bad_status;
	int copy_errno, share_errno, unmap_errno;
	int restricted;                 /* to this domain; -1: not */
	int notified, unmasked, unbound;
	uint32_t next_port;
	int bell[2];                    /* a pipe with ports that were rung */
	unsigned char page[REFS][PAGE]; /* by reference */
} fake;

static int fake_reset(void **state)
{
	(void)state;
	memset(&fake, 0, sizeof(fake));
	fake.restricted = -1;
	fake.next_port = 40;
	assert_int_equal(pipe(fake.bell), 0);
	for (uint32_t i = 0; i < REFS; i++)
		memset(fake.page[i], (int)(i % 251), PAGE);
	return 0;
}

static int fake_is_clean(void **state)
{
	(void)state;
	close(fake.bell[0]);
	close(fake.bell[1]);
	return fake.handles == 0 && fake.mapped == 0 && fake.shared == 0
	       ? 0 : -1;
}

static void *open_node(const char *node)
{
	if (fake.missing && strcmp(fake.missing, node) == 0) {
		errno = fake.open_errno;
		return NULL;
	}
	fake.handles++;
	return &fake;
}

xengnttab_handle *xengnttab_open(struct xentoollog_logger *l, unsigned flags)
{
	assert_non_null(l);             /* or it prints by itself */
	assert_int_equal(flags, 0);
	return open_node("gntdev");
}

int xengnttab_close(xengnttab_handle *h)
{
	assert_ptr_equal(h, &fake);
	fake.handles--;
	return 0;
}

int xengnttab_set_max_grants(xengnttab_handle *h, uint32_t n)
{
	(void)h;
	(void)n;
	errno = ENOTTY;
	return -1;
}

void *xengnttab_map_domain_grant_refs(xengnttab_handle *h, uint32_t n,
                                      uint32_t domid, uint32_t *refs, int prot)
{
	void *at;

	(void)h;
	fake.maps++;
	assert_int_equal(domid, PEER);
	for (uint32_t i = 0; i < n; i++)
		if (refs[i] == fake.bad_ref || refs[i] >= REFS) {
			errno = EINVAL;
			return NULL;
		}
	at = mmap(NULL, (size_t)n * PAGE, prot | PROT_WRITE,
	          MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(at, MAP_FAILED);
	for (uint32_t i = 0; i < n; i++)
		memcpy((char *)at + i * PAGE, fake.page[refs[i]], PAGE);
	assert_int_equal(mprotect(at, (size_t)n * PAGE, prot), 0);
	fake.mapped += (int)n;
	return at;
}

int xengnttab_unmap(xengnttab_handle *h, void *at, uint32_t n)
{
	(void)h;
	fake.unmaps++;
	if (fake.unmap_errno) {
		errno = fake.unmap_errno;
		return -1;
	}
	fake.mapped -= (int)n;
	return munmap(at, (size_t)n * PAGE);
}

int xengnttab_grant_copy(xengnttab_handle *h, uint32_t n,
                         xengnttab_grant_copy_segment_t *s)
{
	(void)h;
	fake.copies++;
	if (fake.copy_errno) {
		errno = fake.copy_errno;
		return -1;
	}
	for (uint32_t i = 0; i < n; i++, s++) {
		bool out = s->flags & GNTCOPY_dest_gref;
		uint32_t ref = out ? s->dest.foreign.ref
		                   : s->source.foreign.ref;
		uint16_t at = out ? s->dest.foreign.offset
		                  : s->source.foreign.offset;

		assert_int_equal(out ? s->dest.foreign.domid
		                     : s->source.foreign.domid, PEER);
		assert_int_equal(s->flags, out ? GNTCOPY_dest_gref
		                               : GNTCOPY_source_gref);
		assert_true(at + s->len <= PAGE);
		s->status = ref == fake.bad_ref ? fake.bad_status : GNTST_okay;
		if (s->status != GNTST_okay)
			continue;
		if (out)
			memcpy(fake.page[ref] + at, s->source.virt, s->len);
		else
			memcpy(s->dest.virt, fake.page[ref] + at, s->len);
	}
	return 0;
}

xengntshr_handle *xengntshr_open(struct xentoollog_logger *l, unsigned flags)
{
	assert_non_null(l);
	assert_int_equal(flags, 0);
	return open_node("gntalloc");
}

int xengntshr_close(xengntshr_handle *h)
{
	(void)h;
	fake.handles--;
	return 0;
}

int xengntshr_fd(xengntshr_handle *h)
{
	(void)h;
	return fake.bell[1];
}

void *xengntshr_share_pages(xengntshr_handle *h, uint32_t domid, int n,
                            uint32_t *refs, int writable)
{
	void *at;

	(void)h;
	(void)domid;
	(void)writable;
	if (fake.share_errno) {
		errno = fake.share_errno;
		return NULL;
	}
	at = mmap(NULL, (size_t)n * PAGE, PROT_READ | PROT_WRITE,
	          MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(at, MAP_FAILED);
	for (int i = 0; i < n; i++)
		refs[i] = (uint32_t)(fake.shared + i + 8);
	fake.shared += n;
	return at;
}

int xengntshr_unshare(xengntshr_handle *h, void *at, uint32_t n)
{
	(void)h;
	fake.shared -= (int)n;
	return munmap(at, (size_t)n * PAGE);
}

xenevtchn_handle *xenevtchn_open(struct xentoollog_logger *l, unsigned flags)
{
	assert_non_null(l);
	assert_int_equal(flags, 0);
	return open_node("evtchn");
}

int xenevtchn_close(xenevtchn_handle *h)
{
	(void)h;
	fake.handles--;
	return 0;
}

int xenevtchn_restrict(xenevtchn_handle *h, domid_t domid)
{
	(void)h;
	fake.restricted = domid;
	return 0;
}

int xenevtchn_fd(xenevtchn_handle *h)
{
	(void)h;
	return fake.bell[0];
}

xenevtchn_port_or_error_t xenevtchn_bind_unbound_port(xenevtchn_handle *h,
                                                      uint32_t domid)
{
	(void)h;
	(void)domid;
	return (int)fake.next_port++;
}

xenevtchn_port_or_error_t xenevtchn_bind_interdomain(xenevtchn_handle *h,
                                                     uint32_t domid,
                                                     evtchn_port_t port)
{
	(void)h;
	(void)domid;
	if (port == 0) {
		errno = EINVAL;
		return -1;
	}
	return (int)fake.next_port++;
}

int xenevtchn_unbind(xenevtchn_handle *h, evtchn_port_t port)
{
	(void)h;
	(void)port;
	fake.unbound++;
	return 0;
}

int xenevtchn_notify(xenevtchn_handle *h, evtchn_port_t port)
{
	(void)h;
	(void)port;
	fake.notified++;
	errno = ENOTCONN;
	return -1;
}

xenevtchn_port_or_error_t xenevtchn_pending(xenevtchn_handle *h)
{
	evtchn_port_t port;

	(void)h;
	if (read(fake.bell[0], &port, sizeof(port)) != sizeof(port))
		return -1;
	return (int)port;
}

int xenevtchn_unmask(xenevtchn_handle *h, evtchn_port_t port)
{
	(void)h;
	(void)port;
	fake.unmasked++;
	return 0;
}

/* Somebody rings: the kernel shows the port until it is read. */
static void ring(uint32_t port)
{
	assert_int_equal(write(fake.bell[1], &port, sizeof(port)),
	                 sizeof(port));
}

static bool is_readable(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, 0) == 1;
}

static struct pvb_mem *open_back(void)
{
	struct pvb_err e = PVB_ERR_INIT;
	struct pvb_mem *m = pvb_mem_open_xen_back(PEER, &e);

	if (!m)
		fail_msg("%s", e.text);
	return m;
}

static struct pvb_mem *open_front(void)
{
	struct pvb_err e = PVB_ERR_INIT;
	struct pvb_mem *m = pvb_mem_open_xen_front(&e);

	if (!m)
		fail_msg("%s", e.text);
	return m;
}

/* ---- opening ------------------------------------------------------------- */

static void is_refused(const char *node, int error, bool front, int code,
                       const char *says)
{
	struct pvb_err e = PVB_ERR_INIT;

	fake.missing = node;
	fake.open_errno = error;
	assert_null(front ? pvb_mem_open_xen_front(&e)
	                  : pvb_mem_open_xen_back(PEER, &e));
	assert_int_equal(e.code, code);
	assert_non_null(strstr(e.text, says));
	assert_int_equal(fake.handles, 0);
}

static void a_missing_device_node_is_named(void **state)
{
	(void)state;
	is_refused("evtchn", ENOENT, false, -ENOENT, "modprobe xen-evtchn");
	is_refused("gntdev", ENOENT, false, -ENOENT, "/dev/xen/gntdev");
	is_refused("gntdev", ENODEV, false, -ENOENT, "modprobe xen-gntdev");
	is_refused("evtchn", ENXIO, true, -ENOENT, "/dev/xen/evtchn");
	is_refused("gntalloc", ENOENT, true, -ENOENT, "modprobe xen-gntalloc");
	is_refused("gntdev", EACCES, false, -EACCES, "no permission");
	is_refused("gntalloc", EPERM, true, -EACCES, "/dev/xen/gntalloc");
	is_refused("gntdev", EMFILE, false, -EIO, strerror(EMFILE));
}

static void a_backs_handle_is_for_one_peer(void **state)
{
	struct pvb_mem *m = open_back();
	const uint32_t ref = 9;
	struct pvb_gcopy c = { .local = &c, .gref = 9, .length = 1 };
	void *at;

	(void)state;
	assert_int_equal(fake.restricted, PEER);
	assert_int_equal(m->ops->map(m, OTHER, &ref, 1, false, &at), -EACCES);
	assert_int_equal(m->ops->copy(m, OTHER, &c, 1), 1);
	assert_int_equal(c.result, -EACCES);
	assert_int_equal(m->ops->share(m, PEER, 1, false, &at, &c.gref),
	                 -EACCES);
	assert_int_equal(fake.maps + fake.copies, 0);
	pvb_mem_close(m);
}

/* ---- mappings ------------------------------------------------------------ */

static void a_ring_is_mapped_and_unmapped_by_one_call(void **state)
{
	struct pvb_mem *m = open_back();
	uint32_t refs[PVB_MEM_MAP_MAX];
	unsigned char *at;

	(void)state;
	for (uint32_t i = 0; i < PVB_MEM_MAP_MAX; i++)
		refs[i] = 100 - i;
	assert_int_equal(m->ops->map(m, PEER, refs, PVB_MEM_MAP_MAX, false,
	                             (void **)&at), 0);
	for (uint32_t i = 0; i < PVB_MEM_MAP_MAX; i++)
		assert_int_equal(at[i * PAGE], refs[i] % 251);
	at[0] = 1;                      /* may be written */
	m->ops->unmap(m, at, PVB_MEM_MAP_MAX);
	assert_int_equal(fake.maps, 1);
	assert_int_equal(fake.unmaps, 1);
	pvb_mem_close(m);
}

static void a_map_that_fails_anywhere_maps_nothing(void **state)
{
	struct pvb_mem *m = open_back();
	uint32_t refs[PVB_MEM_MAP_MAX];
	void *at;

	(void)state;
	for (uint32_t i = 0; i < PVB_MEM_MAP_MAX; i++)
		refs[i] = 20 + i;
	for (uint32_t bad = 0; bad < PVB_MEM_MAP_MAX; bad++) {
		fake.bad_ref = refs[bad];
		assert_int_equal(m->ops->map(m, PEER, refs, PVB_MEM_MAP_MAX,
		                             false, &at), -EACCES);
		assert_int_equal(fake.mapped, 0);
	}
	assert_int_equal(m->ops->map(m, PEER, refs, 0, false, &at), -EINVAL);
	assert_int_equal(m->ops->map(m, PEER, refs, PVB_MEM_MAP_MAX + 1, false,
	                             &at), -EINVAL);
	pvb_mem_close(m);
}

static void closing_ends_what_is_mapped_and_shared(void **state)
{
	struct pvb_mem *back = open_back(), *front = open_front();
	uint32_t refs[4] = { 8, 9, 10, 11 };
	void *at;

	(void)state;
	for (int i = 0; i < 3; i++)
		assert_int_equal(back->ops->map(back, PEER, refs, 4, true,
		                                &at), 0);
	assert_int_equal(front->ops->share(front, 0, 4, false, &at, refs), 0);
	assert_int_equal(front->ops->share(front, 0, 2, true, &at, refs), 0);
	pvb_mem_close(back);
	pvb_mem_close(front);
	assert_int_equal(fake.mapped + fake.shared, 0);
}

/* A back that keeps its mappings has this many. */
static void there_is_an_end_to_mappings(void **state)
{
	struct pvb_mem *m = open_back();
	void *at[PVB_MEM_MAPS_MAX], *more;
	const uint32_t ref = 9;

	(void)state;
	for (int i = 0; i < PVB_MEM_MAPS_MAX; i++)
		assert_int_equal(m->ops->map(m, PEER, &ref, 1, false, &at[i]),
		                 0);
	assert_int_equal(m->ops->map(m, PEER, &ref, 1, false, &more), -ENOMEM);
	/* In any order. */
	for (int i = 0; i < PVB_MEM_MAPS_MAX; i++)
		m->ops->unmap(m, at[(i + 100) % PVB_MEM_MAPS_MAX], 1);
	assert_int_equal(fake.mapped, 0);
	assert_int_equal(m->ops->map(m, PEER, &ref, 1, false, &more), 0);
	pvb_mem_close(m);
}

static void addresses_that_stay_mapped_are_not_given_out_again(void **state)
{
	struct pvb_mem *m = open_back();
	const uint32_t ref = 9;
	unsigned char *stuck, *at;

	(void)state;
	assert_int_equal(m->ops->map(m, PEER, &ref, 1, false,
	                             (void **)&stuck), 0);
	fake.unmap_errno = EINVAL;
	m->ops->unmap(m, stuck, 1);
	fake.unmap_errno = 0;
	assert_int_equal(m->ops->map(m, PEER, &ref, 1, false, (void **)&at), 0);
	assert_ptr_not_equal(at, stuck);
	pvb_mem_close(m);
	/* Not tried twice: it is the kernel's to end with the process. */
	assert_int_equal(fake.unmaps, 2);
	assert_int_equal(fake.mapped, 1);
	fake.mapped = 0;
	munmap(stuck, PAGE);
}

static void there_is_no_window(void **state)
{
	struct pvb_mem *m = open_back();
	void *at;

	(void)state;
	assert_int_equal(m->ops->window(m, PEER, 9, false, &at), -EOPNOTSUPP);
	pvb_mem_close(m);
}

/* ---- copies -------------------------------------------------------------- */

static void fill(struct pvb_gcopy *v, uint32_t n, unsigned char *local)
{
	for (uint32_t i = 0; i < n; i++)
		v[i] = (struct pvb_gcopy){
			.local = local + i * 16, .gref = 8 + i,
			.offset = (uint16_t)(i * 4), .length = 16,
			.to_peer = i % 2, .result = 1,
		};
	memset(local, 0xee, n * 16);
}

static void one_call_copies_a_batch(void **state)
{
	struct pvb_mem *m = open_back();
	unsigned char local[256 * 16];
	struct pvb_gcopy v[256];

	(void)state;
	fill(v, 256, local);
	assert_int_equal(m->ops->copy(m, PEER, v, 256), 0);
	assert_int_equal(fake.copies, 1);
	for (uint32_t i = 0; i < 256; i++) {
		assert_int_equal(v[i].result, 0);
		if (i % 2)
			assert_int_equal(fake.page[8 + i][i * 4 + 15], 0xee);
		else
			assert_int_equal(local[i * 16], (8 + i) % 251);
	}
	pvb_mem_close(m);
}

static void what_fails_in_a_batch_fails_alone(void **state)
{
	static const struct { int16_t status; int result; } kinds[] = {
		{ GNTST_bad_gntref, -ENOENT },
		{ GNTST_permission_denied, -EACCES },
		{ GNTST_bad_page, -EACCES }, { GNTST_bad_domain, -EACCES },
		{ GNTST_general_error, -EIO }, { GNTST_eagain, -EIO },
		{ GNTST_bad_copy_arg, -EIO },
	};
	struct pvb_mem *m = open_back();
	unsigned char local[24 * 16];
	struct pvb_gcopy v[24];

	(void)state;
	for (size_t k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++)
		for (uint32_t bad = 0; bad < 24; bad++) {
			fill(v, 24, local);
			fake.bad_ref = 8 + bad;
			fake.bad_status = kinds[k].status;
			assert_int_equal(m->ops->copy(m, PEER, v, 24), 1);
			for (uint32_t i = 0; i < 24; i++)
				assert_int_equal(v[i].result, i == bad
				                 ? kinds[k].result : 0);
		}
	pvb_mem_close(m);
}

static void a_call_that_fails_fails_all_of_it(void **state)
{
	struct pvb_mem *m = open_back();
	unsigned char local[8 * 16];
	struct pvb_gcopy v[8];

	(void)state;
	fill(v, 8, local);
	fake.copy_errno = ENOMEM;
	assert_int_equal(m->ops->copy(m, PEER, v, 8), 8);
	for (uint32_t i = 0; i < 8; i++)
		assert_int_equal(v[i].result, -EIO);
	pvb_mem_close(m);
}

static void more_than_one_call_takes_goes_in_several(void **state)
{
	struct pvb_mem *m = open_back();
	unsigned char local[590 * 16];
	struct pvb_gcopy v[590];

	(void)state;
	fill(v, 590, local);
	fake.bad_ref = 8 + 589;
	fake.bad_status = GNTST_bad_gntref;
	assert_int_equal(m->ops->copy(m, PEER, v, 590), 1);
	assert_int_equal(fake.copies, 2);
	assert_int_equal(v[589].result, -ENOENT);
	assert_int_equal(m->ops->copy(m, PEER, v, 0), 0);
	assert_int_equal(fake.copies, 2);
	pvb_mem_close(m);
}

/* ---- shared pages -------------------------------------------------------- */

static void a_fronts_pages_are_for_one_peer(void **state)
{
	struct pvb_mem *m = open_front();
	uint32_t refs[3];
	unsigned char *at;
	void *other;

	(void)state;
	assert_int_equal(m->ops->share(m, 0, 3, false, (void **)&at, refs), 0);
	assert_int_equal(refs[2], refs[0] + 2);
	assert_int_equal(m->ops->share(m, 1, 1, false, &other, refs), -EINVAL);
	m->ops->unshare(m, at, 3);
	assert_int_equal(fake.shared, 0);
	assert_int_equal(m->ops->map(m, 0, refs, 1, false, &other), -EACCES);
	assert_int_equal(fcntl(fake.bell[1], F_GETFD) & FD_CLOEXEC,
	                 FD_CLOEXEC);
	pvb_mem_close(m);
}

static void the_limit_of_shared_pages_is_no_space(void **state)
{
	struct pvb_mem *m = open_front();
	uint32_t refs[3];
	void *at;

	(void)state;
	fake.share_errno = ENOSPC;
	assert_int_equal(m->ops->share(m, 0, 3, false, &at, refs), -ENOSPC);
	fake.share_errno = ENOMEM;
	assert_int_equal(m->ops->share(m, 0, 3, false, &at, refs), -ENOMEM);
	fake.share_errno = ENOTTY;
	assert_int_equal(m->ops->share(m, 0, 3, false, &at, refs), -EIO);
	fake.share_errno = 0;
	for (int i = 0; i < PVB_MEM_MAPS_MAX; i++)
		assert_int_equal(m->ops->share(m, 0, 1, false, &at, refs), 0);
	assert_int_equal(m->ops->share(m, 0, 1, false, &at, refs), -ENOSPC);
	pvb_mem_close(m);
}

/* ---- bells --------------------------------------------------------------- */

static void a_ring_is_taken_once_and_the_port_opened_again(void **state)
{
	struct pvb_mem *m = open_back();
	uint32_t port;
	int fd;

	(void)state;
	assert_int_equal(m->ops->bind(m, PEER, 7, &port), 0);
	fd = m->ops->fd(m, port);
	assert_int_equal(m->ops->clear(m, port), 0);
	assert_int_equal(fake.unmasked, 0);
	ring(port);
	assert_true(is_readable(fd));
	assert_int_equal(m->ops->clear(m, port), 1);
	assert_int_equal(fake.unmasked, 1);
	assert_false(is_readable(fd));
	assert_int_equal(m->ops->clear(m, port), 0);
	m->ops->notify(m, port);        /* nobody there: nothing happens */
	assert_int_equal(fake.notified, 1);
	m->ops->unbind(m, port);
	assert_int_equal(fake.unbound, 1);
	assert_int_equal(m->ops->fd(m, port), -ENOENT);
	pvb_mem_close(m);
}

static void ports_share_a_descriptor_and_lose_no_ring(void **state)
{
	struct pvb_mem *m = open_front();
	uint32_t a, b, c;

	(void)state;
	assert_int_equal(m->ops->offer(m, 0, &a), 0);
	assert_int_equal(m->ops->offer(m, 0, &b), 0);
	assert_int_equal(m->ops->offer(m, 0, &c), 0);
	assert_int_equal(m->ops->fd(m, a), m->ops->fd(m, b));
	ring(b);
	ring(a);
	ring(c);
	/* What is read on the way to a is kept for b; c is still shown. */
	assert_int_equal(m->ops->clear(m, a), 1);
	assert_int_equal(fake.unmasked, 1);
	assert_true(is_readable(m->ops->fd(m, c)));
	assert_int_equal(m->ops->clear(m, b), 1);
	assert_int_equal(m->ops->clear(m, c), 1);
	assert_int_equal(fake.unmasked, 3);
	assert_int_equal(m->ops->clear(m, a), 0);
	/* A ring of a port that has ended is nobody's. */
	m->ops->unbind(m, b);
	ring(b);
	assert_int_equal(m->ops->clear(m, a), 0);
	assert_false(is_readable(m->ops->fd(m, a)));
	pvb_mem_close(m);
}

static void a_port_that_nobody_offered_is_not_bound(void **state)
{
	struct pvb_mem *m = open_back();
	uint32_t port;

	(void)state;
	assert_int_equal(m->ops->bind(m, PEER, 0, &port), -ENOENT);
	pvb_mem_close(m);
}

static void ports_have_a_limit(void **state)
{
	struct pvb_mem *m = open_front();
	uint32_t port;

	(void)state;
	for (int i = 0; i < 1024; i++)
		assert_int_equal(m->ops->offer(m, 0, &port), 0);
	assert_int_equal(m->ops->offer(m, 0, &port), -ENOSPC);
	pvb_mem_close(m);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, fake_reset, fake_is_clean)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_missing_device_node_is_named),
		TEST(a_backs_handle_is_for_one_peer),
		TEST(a_ring_is_mapped_and_unmapped_by_one_call),
		TEST(a_map_that_fails_anywhere_maps_nothing),
		TEST(closing_ends_what_is_mapped_and_shared),
		TEST(there_is_an_end_to_mappings),
		TEST(addresses_that_stay_mapped_are_not_given_out_again),
		TEST(there_is_no_window),
		TEST(one_call_copies_a_batch),
		TEST(what_fails_in_a_batch_fails_alone),
		TEST(a_call_that_fails_fails_all_of_it),
		TEST(more_than_one_call_takes_goes_in_several),
		TEST(a_fronts_pages_are_for_one_peer),
		TEST(the_limit_of_shared_pages_is_no_space),
		TEST(a_ring_is_taken_once_and_the_port_opened_again),
		TEST(ports_share_a_descriptor_and_lose_no_ring),
		TEST(a_port_that_nobody_offered_is_not_bound),
		TEST(ports_have_a_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
