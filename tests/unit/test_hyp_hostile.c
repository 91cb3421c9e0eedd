/* SPDX-License-Identifier: MIT */
/* The socket of pages and doorbells against a process that does not keep to
   the protocol: it is refused, and nobody else notices. */
#include "machine.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "broker/hypserver.h"

enum { BACK = 0, FRONT = 3 };

static struct machine machine;
static struct pvb_hyp_counts at_start;

static int setup(void **state)
{
	(void)state;
	machine_start(&machine);
	assert_int_equal(machine_introduce(&machine, FRONT), 0);
	at_start = machine_counts(&machine);
	return 0;
}

static int teardown(void **state)
{
	struct pvb_hyp_counts want = at_start;

	(void)state;
	while (machine_counts(&machine).connections > 0)
		;
	/* The front's domain has halted if it was ever joined. */
	want.introduced = machine_counts(&machine).introduced;
	machine_await_counts(&machine, &want);
	machine_stop(&machine);
	return 0;
}

static void connect_to(int fd, uint16_t domid)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };

	if (domid)
		snprintf(a.sun_path, sizeof(a.sun_path), "%s/dom%u/hyp",
		         machine.run, domid);
	else
		snprintf(a.sun_path, sizeof(a.sun_path), "%s/hyp", machine.run);
	assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof(a)), 0);
}

static int make_socket(void)
{
	struct timeval t = { .tv_sec = 20 };
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof(t));
	return fd;
}

static int join(uint16_t domid)
{
	int fd = make_socket();

	connect_to(fd, domid);
	return fd;
}

static void tell(int fd, uint32_t op, uint32_t peer, uint32_t arg)
{
	struct pvb_hyp_request q = { op, peer, arg, 0 };

	assert_int_equal(send(fd, &q, sizeof(q), MSG_NOSIGNAL), sizeof(q));
}

/* The next answer; what descriptors come along is closed.  False: over. */
static bool hear(int fd, struct pvb_hyp_reply *a)
{
	union { struct cmsghdr c; char b[CMSG_SPACE(16)]; } control;
	struct iovec v = { a, sizeof(*a) };
	struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1,
		.msg_control = &control, .msg_controllen = sizeof(control) };
	ssize_t n = recvmsg(fd, &m, MSG_CMSG_CLOEXEC);
	int fds[4];

	if (n <= 0) {
		assert_true(n == 0 || errno == ECONNRESET || errno == EAGAIN);
		return false;
	}
	assert_int_equal(n, sizeof(*a));
	if (CMSG_FIRSTHDR(&m)) {
		assert_int_equal(control.c.cmsg_len, CMSG_LEN(a->fds * 4));
		memcpy(fds, CMSG_DATA(&control.c), a->fds * 4);
		for (uint32_t i = 0; i < a->fds; i++)
			close(fds[i]);
	} else {
		assert_int_equal(a->fds, 0);
	}
	return true;
}

static int ask(int fd, uint32_t op, uint32_t peer, uint32_t arg)
{
	struct pvb_hyp_reply a;

	tell(fd, op, peer, arg);
	assert_true(hear(fd, &a));
	assert_int_equal(a.op, op);
	return a.result;
}

/* ---- messages ----------------------------------------------------------- */

static void a_message_of_the_wrong_size_ends_the_connection(void **state)
{
	static const size_t size[] = { 1, 15, 17, 32, 4096, 100000 };
	static char bytes[100000];
	struct pvb_hyp_reply a;
	int fd, other = join(BACK);

	(void)state;
	bytes[0] = PVB_HYP_HELLO;
	for (size_t i = 0; i < sizeof(size) / sizeof(size[0]); i++) {
		fd = join(BACK);
		assert_int_equal(send(fd, bytes, size[i], MSG_NOSIGNAL),
		                 size[i]);
		assert_false(hear(fd, &a));
		close(fd);
	}
	fd = join(BACK);
	assert_int_equal(send(fd, bytes, 0, MSG_NOSIGNAL), 0);
	assert_false(hear(fd, &a));
	close(fd);
	assert_int_equal(ask(other, PVB_HYP_HELLO, 0, 0), 0);
	close(other);
}

static void an_operation_that_is_none_is_refused(void **state)
{
	static const uint32_t op[] = { 0, PVB_HYP_OP_COUNT, 255, 0x10000 + 1,
	                               INT32_MAX, 0x80000000, UINT32_MAX };
	int fd = join(BACK);

	(void)state;
	for (size_t i = 0; i < sizeof(op) / sizeof(op[0]); i++)
		assert_int_equal(ask(fd, op[i], 0, 0), -EOPNOTSUPP);
	assert_int_equal(ask(fd, PVB_HYP_HELLO, 0, 0), 0);
	close(fd);
}

static void a_peer_that_is_no_domain_is_refused(void **state)
{
	static const uint32_t peer[] = { 0x7ff0, 0xffff, 0x10000, 0x10003,
	                                 INT32_MAX, UINT32_MAX };
	static const uint32_t op[] = { PVB_HYP_AREA_CREATE, PVB_HYP_AREA_OPEN,
		PVB_HYP_OFFER, PVB_HYP_BIND, PVB_HYP_LIMITED };
	int fd = join(BACK);

	(void)state;
	for (size_t i = 0; i < sizeof(op) / sizeof(op[0]); i++)
		for (size_t j = 0; j < sizeof(peer) / sizeof(peer[0]); j++)
			assert_int_equal(ask(fd, op[i], peer[j], 0), -EINVAL);
	close(fd);
}

static void fields_that_mean_nothing_must_be_zero(void **state)
{
	struct pvb_hyp_request q = { .op = PVB_HYP_HELLO, .zero = 1 };
	struct pvb_hyp_reply a;
	int fd = join(BACK);

	(void)state;
	assert_int_equal(ask(fd, PVB_HYP_HELLO, 1, 0), -EINVAL);
	assert_int_equal(ask(fd, PVB_HYP_HELLO, 0, 1), -EINVAL);
	assert_int_equal(ask(fd, PVB_HYP_AREA_CREATE, 1, 1), -EINVAL);
	assert_int_equal(ask(fd, PVB_HYP_OFFER, 1, 1), -EINVAL);
	assert_int_equal(ask(fd, PVB_HYP_CLOSE_PORT, 1, 1), -EINVAL);
	assert_int_equal(ask(fd, PVB_HYP_COUNTS, 0, 1), -EINVAL);
	assert_int_equal(send(fd, &q, sizeof(q), 0), sizeof(q));
	assert_true(hear(fd, &a));
	assert_int_equal(a.result, -EINVAL);
	close(fd);
}

static void numbers_that_name_nothing_are_not_there(void **state)
{
	static const uint32_t arg[] = { 0, 1, 1025, 16383, 16384, 1 << 18,
	                                INT32_MAX, UINT32_MAX };
	int fd = join(BACK);

	(void)state;
	for (size_t i = 0; i < sizeof(arg) / sizeof(arg[0]); i++) {
		assert_int_equal(ask(fd, PVB_HYP_AREA_OPEN, FRONT, arg[i]),
		                 -ENOENT);
		assert_int_equal(ask(fd, PVB_HYP_BIND, FRONT, arg[i]),
		                 -ENOENT);
		assert_int_equal(ask(fd, PVB_HYP_CLOSE_PORT, 0, arg[i]),
		                 -ENOENT);
	}
	close(fd);
}

static void a_connection_has_one_area(void **state)
{
	int fd = join(FRONT);

	(void)state;
	assert_int_equal(ask(fd, PVB_HYP_AREA_CREATE, BACK, 0), 0);
	assert_int_equal(ask(fd, PVB_HYP_AREA_CREATE, BACK, 0), -EEXIST);
	assert_int_equal(ask(fd, PVB_HYP_AREA_CREATE, 9, 0), -EEXIST);
	assert_int_equal(machine_counts(&machine).areas, 1);
	close(fd);
}

static void a_port_is_closed_by_its_own_connection_only(void **state)
{
	int fd = join(FRONT), other = join(FRONT), back = join(BACK);

	(void)state;
	assert_int_equal(ask(fd, PVB_HYP_OFFER, BACK, 0), 0);
	assert_int_equal(ask(other, PVB_HYP_CLOSE_PORT, 0, 1), -ENOENT);
	assert_int_equal(ask(back, PVB_HYP_CLOSE_PORT, 0, 1), -ENOENT);
	assert_int_equal(ask(fd, PVB_HYP_CLOSE_PORT, 0, 1), 0);
	assert_int_equal(ask(fd, PVB_HYP_CLOSE_PORT, 0, 1), -ENOENT);
	close(fd);
	close(other);
	close(back);
}

static void counts_are_for_domain_0(void **state)
{
	int fd = join(FRONT), back = join(BACK);

	(void)state;
	assert_int_equal(ask(fd, PVB_HYP_COUNTS, 0, 0), -EACCES);
	assert_int_equal(ask(back, PVB_HYP_COUNTS, 0, 0), 0);
	close(fd);
	close(back);
}

/* ---- descriptors -------------------------------------------------------- */

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

static void descriptors_with_a_question_are_not_taken(void **state)
{
	union { struct cmsghdr c; char b[CMSG_SPACE(40)]; } control;
	struct pvb_hyp_request q = { .op = PVB_HYP_HELLO };
	struct iovec v = { &q, sizeof(q) };
	struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1,
		.msg_control = &control, .msg_controllen = sizeof(control) };
	struct pvb_hyp_reply a;
	int fd = join(BACK), fds[10] = { 0 };
	unsigned before;

	(void)state;
	assert_int_equal(ask(fd, PVB_HYP_HELLO, 0, 0), 0);
	before = open_fds();
	control.c.cmsg_level = SOL_SOCKET;
	control.c.cmsg_type = SCM_RIGHTS;
	control.c.cmsg_len = CMSG_LEN(sizeof(fds));
	memcpy(CMSG_DATA(&control.c), fds, sizeof(fds));
	for (int i = 0; i < 20; i++) {
		assert_int_equal(sendmsg(fd, &m, 0), sizeof(q));
		assert_true(hear(fd, &a));
	}
	assert_int_equal(open_fds(), before);
	close(fd);
}

/* One process runs out of descriptors: here, ours and the broker's. */
static void a_lack_of_descriptors_passes(void **state)
{
	struct rlimit was, none;
	int fd = make_socket(), spare = dup(fd);

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &was), 0);
	none = was;
	none.rlim_cur = 3;
	close(spare);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	connect_to(fd, BACK);
	tell(fd, PVB_HYP_HELLO, 0, 0);
	/* The broker has looked, and could not take it. */
	assert_int_equal(machine_counts(&machine).connections, 0);
	assert_int_equal(machine_counts(&machine).connections, 0);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &was), 0);
	assert_true(hear(fd, &(struct pvb_hyp_reply){ 0 }));
	close(fd);
}

static void offers_without_descriptors_leave_nothing(void **state)
{
	struct rlimit was, none;
	int fd = join(FRONT);

	(void)state;
	assert_int_equal(ask(fd, PVB_HYP_HELLO, 0, 0), 0);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &was), 0);
	/* From no descriptor to just too few. */
	for (int spare = 0; spare < 4; spare++) {
		none = was;
		none.rlim_cur = (rlim_t)dup(0);
		close((int)none.rlim_cur);
		none.rlim_cur += (rlim_t)spare;
		assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
		assert_int_equal(ask(fd, PVB_HYP_OFFER, BACK, 0), -EMFILE);
		assert_int_equal(ask(fd, PVB_HYP_AREA_CREATE, BACK, 0),
		                 -EMFILE);
		assert_int_equal(setrlimit(RLIMIT_NOFILE, &was), 0);
	}
	assert_int_equal(machine_counts(&machine).ports, 0);
	assert_int_equal(machine_counts(&machine).areas, 0);
	assert_int_equal(ask(fd, PVB_HYP_OFFER, BACK, 0), 0);
	close(fd);
}

/* ---- floods ------------------------------------------------------------- */

static void who_does_not_read_its_answers_is_not_served_more(void **state)
{
	struct pvb_hyp_request q = { .op = PVB_HYP_OFFER, .peer = BACK };
	int fd = join(FRONT), other = join(BACK);
	uint32_t sent = 0, heard = 0, ports;
	struct pvb_hyp_reply a;

	(void)state;
	while (send(fd, &q, sizeof(q), MSG_NOSIGNAL | MSG_DONTWAIT) > 0)
		sent++;
	assert_int_equal(errno, EAGAIN);
	assert_true(sent > 20);
	/* Others are served meanwhile. */
	assert_int_equal(ask(other, PVB_HYP_HELLO, 0, 0), 0);
	ports = machine_counts(&machine).ports;
	assert_in_range(ports, 1, 20);
	/* Nothing is lost: who reads gets all, in order. */
	while (heard < sent && hear(fd, &a)) {
		heard++;
		assert_int_equal(a.result, 0);
		assert_int_equal(a.value, heard);
	}
	assert_int_equal(heard, sent);
	close(fd);
	close(other);
}

static void who_hangs_up_on_its_answers_takes_them_along(void **state)
{
	struct pvb_hyp_request q = { .op = PVB_HYP_OFFER, .peer = BACK };
	unsigned before = open_fds();
	int fd;

	(void)state;
	for (int i = 0; i < 10; i++) {
		fd = join(FRONT);
		while (send(fd, &q, sizeof(q), MSG_NOSIGNAL | MSG_DONTWAIT) > 0)
			;
		close(fd);
	}
	fd = join(BACK);
	assert_int_equal(ask(fd, PVB_HYP_HELLO, 0, 0), 0);
	close(fd);
	while (machine_counts(&machine).connections > 0)
		;
	assert_int_equal(open_fds(), before);
}

static void connections_are_bounded_and_come_free(void **state)
{
	enum { MAX = PVB_HYPSERVER_CONNS_PER_DOMAIN_MAX };
	struct rlimit was, more;
	struct pvb_hyp_reply a;
	static int fd[MAX + 1];

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &was), 0);
	more = was;
	more.rlim_cur = 2 * MAX + 100;
	if (was.rlim_max < more.rlim_cur) {
		print_message("# skipped: needs %d descriptors\n",
		              2 * MAX + 100);
		skip();
	}
	if (was.rlim_cur < more.rlim_cur)
		assert_int_equal(setrlimit(RLIMIT_NOFILE, &more), 0);
	for (int i = 0; i < MAX; i++) {
		fd[i] = join(FRONT);
		assert_int_equal(ask(fd[i], PVB_HYP_HELLO, 0, 0), 0);
	}
	assert_int_equal(ask(fd[0], PVB_HYP_LIMITED, BACK, 0), -ENOSPC);
	fd[MAX] = join(FRONT);
	assert_false(hear(fd[MAX], &a));
	/* Another domain has its own share. */
	close(fd[MAX]);
	fd[MAX] = join(BACK);
	assert_int_equal(ask(fd[MAX], PVB_HYP_HELLO, 0, 0), 0);
	for (int i = 0; i <= MAX; i++)
		close(fd[i]);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &was), 0);
}

/* ---- anything ----------------------------------------------------------- */

static uint32_t roll(uint32_t *seed, uint32_t n)
{
	*seed = *seed * 1664525 + 1013904223;
	return (*seed >> 16) % n;
}

static void random_questions_leave_nothing(void **state)
{
	static const uint32_t odd[] = { 0, 1, 2, 3, 4, 5, 16383, 16384,
	                                0x7fef, 0x7ff0, 0xffff, UINT32_MAX };
	const uint32_t odds = sizeof(odd) / sizeof(odd[0]);
	unsigned before = open_fds();
	uint32_t seed = 7, i;
	int fd[4] = { -1, -1, -1, -1 };

	(void)state;
	for (int step = 0; step < 20000; step++) {
		i = roll(&seed, 4);
		if (fd[i] >= 0 && roll(&seed, 50) == 0) {
			close(fd[i]);
			fd[i] = -1;
		}
		if (fd[i] < 0)
			fd[i] = join(i < 2 ? BACK : FRONT);
		(void)ask(fd[i], roll(&seed, PVB_HYP_OP_COUNT + 1),
		          roll(&seed, 3) ? (i < 2 ? FRONT : BACK)
		                         : odd[roll(&seed, odds)],
		          roll(&seed, 3) ? roll(&seed, 3)
		                         : odd[roll(&seed, odds)]);
	}
	for (i = 0; i < 4; i++)
		close(fd[i]);
	while (machine_counts(&machine).connections > 0)
		;
	assert_int_equal(open_fds(), before);
}

#define TEST(t) cmocka_unit_test_setup_teardown(t, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_message_of_the_wrong_size_ends_the_connection),
		TEST(an_operation_that_is_none_is_refused),
		TEST(a_peer_that_is_no_domain_is_refused),
		TEST(fields_that_mean_nothing_must_be_zero),
		TEST(numbers_that_name_nothing_are_not_there),
		TEST(a_connection_has_one_area),
		TEST(a_port_is_closed_by_its_own_connection_only),
		TEST(counts_are_for_domain_0),
		TEST(descriptors_with_a_question_are_not_taken),
		TEST(a_lack_of_descriptors_passes),
		TEST(offers_without_descriptors_leave_nothing),
		TEST(who_does_not_read_its_answers_is_not_served_more),
		TEST(who_hangs_up_on_its_answers_takes_them_along),
		TEST(connections_are_bounded_and_come_free),
		TEST(random_questions_leave_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
