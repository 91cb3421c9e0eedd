/* SPDX-License-Identifier: MIT */
/* Ways to a handle: by directory, limited to one peer, all in one process;
   and a hypervisor that answers nonsense. */
#include "mem_fixture.h"

#include <dirent.h>
#include <sys/socket.h>
#include <sys/un.h>

/* ---- by directory ------------------------------------------------------- */

static void assert_refused(const char *dir, uint16_t domid, int code,
                           const char *says)
{
	struct pvb_err e = PVB_ERR_INIT;

	assert_null(pvb_mem_open_local(dir, domid, NULL, &e));
	assert_int_equal(e.code, code);
	if (!strstr(e.text, says) || !strstr(e.text, dir))
		fail_msg("unclear: %s", e.text);
	e.code = 0;
	assert_int_equal(pvb_mem_local_limited(dir, domid, FRONT, &e), code);
	assert_int_equal(e.code, code);
}

static void no_machine_and_no_domain_are_two_errors(void **state)
{
	char elsewhere[200];

	(void)state;
	snprintf(elsewhere, sizeof(elsewhere), "%s/none", machine.dir);
	assert_refused(elsewhere, 0, -ENOENT, "no local hypervisor");
	assert_refused(elsewhere, FRONT, -ENOENT, "no local hypervisor");
	assert_refused(machine.run, 77, -ENXIO, "no domain 77");
	assert_int_equal(machine_release(&machine, OTHER), 0);
	assert_refused(machine.run, OTHER, -ENXIO, "no domain 5");
	assert_int_equal(machine_introduce(&machine, OTHER), 0);
}

static void a_socket_that_nobody_serves_is_no_machine(void **state)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int s = socket(AF_UNIX, SOCK_SEQPACKET, 0);

	(void)state;
	snprintf(a.sun_path, sizeof(a.sun_path), "%s/hyp", machine.dir);
	assert_int_equal(bind(s, (struct sockaddr *)&a, sizeof(a)), 0);
	close(s);
	assert_refused(machine.dir, 0, -ENOENT, "no local hypervisor");
	assert_int_equal(unlink(a.sun_path), 0);
}

static void a_path_too_long_for_a_socket_is_named(void **state)
{
	char dir[200] = "/tmp/";

	(void)state;
	memset(dir + 5, 'x', 120);
	assert_refused(dir, 0, -ENAMETOOLONG, "too long");
}

/* ---- limited ------------------------------------------------------------ */

static struct pvb_mem *join_limited(uint16_t domid, uint16_t peer)
{
	struct pvb_err e = PVB_ERR_INIT;
	int fd = pvb_mem_local_limited(machine.run, domid, peer, &e);
	struct pvb_mem *m;

	if (fd < 0)
		fail_msg("%s", e.text);
	m = pvb_mem_open_local_fd(fd, NULL, &e);
	if (!m)
		fail_msg("%s", e.text);
	return m;
}

static void a_limited_handle_maps_and_binds_for_its_peer(void **state)
{
	struct pvb_mem *f = join(FRONT), *w = join_limited(BACK, FRONT);
	uint32_t gref, remote, port;
	char *p = share(f, 1, false, &gref), *q;

	(void)state;
	assert_int_equal(f->ops->offer(f, BACK, &remote), 0);
	assert_int_equal(window(w, gref, true, &q), 0);
	strcpy(q, "worker");
	assert_string_equal(p, "worker");
	assert_int_equal(w->ops->bind(w, FRONT, remote, &port), 0);
	w->ops->notify(w, port);
	assert_int_equal(f->ops->clear(f, remote), 1);
	w->ops->unbind(w, port);
	assert_int_equal(machine_counts(&machine).ports, 1);
	pvb_mem_close(w);
	pvb_mem_close(f);
	await_start(1);
}

static void a_limited_handle_can_do_nothing_else(void **state)
{
	struct pvb_mem *o = join(OTHER), *w = join_limited(BACK, FRONT);
	uint32_t gref, remote, port;
	void *p;

	(void)state;
	assert_int_equal(o->ops->share(o, BACK, 1, false, &p, &gref), 0);
	assert_int_equal(o->ops->offer(o, BACK, &remote), 0);
	/* Domain 0 may have these, but this worker is not for OTHER. */
	assert_int_equal(w->ops->window(w, OTHER, gref, false, &p), -EACCES);
	assert_int_equal(w->ops->map(w, OTHER, &gref, 1, false, &p), -EACCES);
	assert_int_equal(w->ops->bind(w, OTHER, remote, &port), -EACCES);
	/* Nor may it grant or offer, to its peer or to others. */
	assert_int_equal(w->ops->share(w, FRONT, 1, false, &p, &gref),
	                 -EACCES);
	assert_int_equal(w->ops->share(w, OTHER, 1, false, &p, &gref),
	                 -EACCES);
	assert_int_equal(w->ops->offer(w, FRONT, &port), -EACCES);
	pvb_mem_close(w);
	pvb_mem_close(o);
	await_start(1);
}

static void a_worker_of_a_dead_supervisor_goes_on(void **state)
{
	struct pvb_mem *f = join(FRONT), *b = join(BACK);
	struct pvb_mem *w = join_limited(BACK, FRONT);
	uint32_t gref;
	char *q;

	(void)state;
	(void)share(f, 1, false, &gref);
	pvb_mem_close(b);
	assert_int_equal(window(w, gref, true, &q), 0);
	pvb_mem_close(w);
	pvb_mem_close(f);
	await_start(1);
}

/* ---- one process -------------------------------------------------------- */

static void in_one_process_both_ends_see_one_address(void **state)
{
	struct pvb_mem_local_shared *s = pvb_mem_local_shared_create();
	struct pvb_mem *f, *b, *apart;
	uint32_t gref[2];
	char *p, *q;
	void *m;

	(void)state;
	f = pvb_mem_open_local(machine.run, FRONT, s, NULL);
	b = pvb_mem_open_local(machine.run, BACK, s, NULL);
	apart = join(BACK);
	p = share(f, 2, false, gref);
	assert_int_equal(window(b, gref[1], true, &q), 0);
	assert_ptr_equal(q, p + PAGE);
	assert_int_equal(b->ops->map(b, FRONT, gref, 2, false, &m), 0);
	assert_ptr_equal(m, p);
	b->ops->unmap(b, m, 2);
	assert_int_equal(window(apart, gref[1], true, &q), 0);
	assert_ptr_not_equal(q, p + PAGE);
	pvb_mem_close(apart);
	/* The front goes first: its pages stay for the back. */
	strcpy(p, "kept");
	pvb_mem_close(f);
	assert_string_equal(p, "kept");
	while (window(b, gref[0], true, &q) == 0)
		;
	pvb_mem_close(b);
	pvb_mem_local_shared_destroy(s);
	await_start(1);
}

static void in_one_process_a_grant_is_still_checked(void **state)
{
	struct pvb_mem_local_shared *s = pvb_mem_local_shared_create();
	struct pvb_mem *f, *b, *o;
	uint32_t gref;
	char *q;

	(void)state;
	f = pvb_mem_open_local(machine.run, FRONT, s, NULL);
	b = pvb_mem_open_local(machine.run, BACK, s, NULL);
	o = pvb_mem_open_local(machine.run, OTHER, s, NULL);
	(void)share(f, 1, true, &gref);
	assert_int_equal(window(o, gref, false, &q), -EACCES);
	assert_int_equal(window(b, gref, true, &q), -EACCES);
	assert_int_equal(window(b, gref + 1, false, &q), -ENOENT);
	assert_int_equal(window(b, gref, false, &q), 0);
	pvb_mem_close(b);
	pvb_mem_close(o);
	pvb_mem_close(f);
	pvb_mem_local_shared_destroy(s);
}

/* ---- a hypervisor that answers nonsense ---------------------------------- */

static unsigned open_fds(void)
{
	DIR *d = opendir("/proc/self/fd");
	unsigned n = 0;

	assert_non_null(d);
	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

/* A hypervisor that has answered before it was asked: `bytes` of `answer`
   with `nfds` descriptors; no bytes: it hangs up. */
static int open_on(const void *answer, size_t bytes, uint32_t nfds)
{
	char control[CMSG_SPACE(4 * sizeof(int))] = { 0 };
	int ends[2], fd[4] = { 0, 0, 0, 0 };
	struct iovec v = { (void *)(uintptr_t)answer, bytes };
	struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1 };
	struct pvb_err e = PVB_ERR_INIT;
	struct pvb_mem *mem;

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends), 0);
	if (nfds) {
		m.msg_control = control;
		m.msg_controllen = CMSG_SPACE(nfds * sizeof(int));
		CMSG_FIRSTHDR(&m)->cmsg_level = SOL_SOCKET;
		CMSG_FIRSTHDR(&m)->cmsg_type = SCM_RIGHTS;
		CMSG_FIRSTHDR(&m)->cmsg_len = CMSG_LEN(nfds * sizeof(int));
		memcpy(CMSG_DATA(CMSG_FIRSTHDR(&m)), fd, nfds * sizeof(int));
	}
	if (bytes)
		assert_int_equal(sendmsg(ends[0], &m, 0), bytes);
	else
		assert_int_equal(shutdown(ends[0], SHUT_WR), 0);
	mem = pvb_mem_open_local_fd(ends[1], NULL, &e);
	pvb_mem_close(mem);
	close(ends[0]);
	return mem ? 0 : e.code;
}

static void an_answer_that_is_wrong_is_no_connection(void **state)
{
	struct pvb_hyp_reply right = { .op = PVB_HYP_HELLO }, wrong;
	char longer[sizeof(right) + 1] = { 0 };
	unsigned before = open_fds();

	(void)state;
	right.u.hello.version = PVB_HYP_VERSION;
	assert_int_equal(open_on(&right, sizeof(right), 0), 0);
	assert_int_equal(open_on(&right, 0, 0), -EIO);
	assert_int_equal(open_on(&right, sizeof(right) - 1, 0), -EIO);
	memcpy(longer, &right, sizeof(right));
	assert_int_equal(open_on(longer, sizeof(longer), 0), -EIO);
	wrong = right;
	wrong.op = PVB_HYP_BIND;
	assert_int_equal(open_on(&wrong, sizeof(wrong), 0), -EIO);
	wrong = right;
	wrong.u.hello.version++;
	assert_int_equal(open_on(&wrong, sizeof(wrong), 0), -EIO);
	wrong = right;
	wrong.result = -EACCES;
	assert_int_equal(open_on(&wrong, sizeof(wrong), 0), -EIO);
	wrong = right;
	wrong.fds = 1;
	assert_int_equal(open_on(&wrong, sizeof(wrong), 0), -EIO);
	assert_int_equal(open_fds(), before);
}

static void descriptors_that_were_not_asked_for_are_closed(void **state)
{
	struct pvb_hyp_reply a = { .op = PVB_HYP_HELLO };
	unsigned before = open_fds();

	(void)state;
	a.u.hello.version = PVB_HYP_VERSION;
	assert_int_equal(open_on(&a, sizeof(a), 2), -EIO);
	a.fds = 2;
	assert_int_equal(open_on(&a, sizeof(a), 2), 0);
	assert_int_equal(open_fds(), before);
	/* More than there is room for: the kernel closes the rest (and
	   qemu-user does not). */
	assert_int_equal(open_on(&a, sizeof(a), 4), -EIO);
	a.fds = 4;
	assert_int_equal(open_on(&a, sizeof(a), 4), -EIO);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(no_machine_and_no_domain_are_two_errors),
		TEST(a_socket_that_nobody_serves_is_no_machine),
		TEST(a_path_too_long_for_a_socket_is_named),
		TEST(a_limited_handle_maps_and_binds_for_its_peer),
		TEST(a_limited_handle_can_do_nothing_else),
		TEST(a_worker_of_a_dead_supervisor_goes_on),
		TEST(in_one_process_both_ends_see_one_address),
		TEST(in_one_process_a_grant_is_still_checked),
		TEST(an_answer_that_is_wrong_is_no_connection),
		TEST(descriptors_that_were_not_asked_for_are_closed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
