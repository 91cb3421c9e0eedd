/* SPDX-License-Identifier: MIT */
/* A vbd: disk and what may befall it: URIs, backs and fronts that are not
   there, refuse, die, or have had enough. */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>

#include "back_thread.h"

#include "blk/disk_list.h"
#include "bus/watches.h"
#include "disk/requests.h"
#include "hyp/store.h"
#include "open_fds.h"

enum { FRONT = 3, VDEV = 51728, MIB = 1 << 20 };

extern char **environ;

static struct machine machine;
static struct back_thread back;
static struct pvb_blk_options options;
static struct pvb_store *tools;
static struct pvb_xsdev dev;
static struct pvb_hyp_counts at_start;
static struct rig rig;
static int gone, changes, fds_at_start;

/* ---- the machine --------------------------------------------------------- */

static int setup(void **state)
{
	struct pvb_err e = PVB_ERR_INIT;

	(void)state;
	(void)alarm(60);
	fds_at_start = open_fds();
	machine_start(&machine);
	assert_int_equal(machine_introduce(&machine, FRONT), 0);
	tools = pvb_store_open_local(machine.run, 0, false, &e);
	assert_non_null(tools);
	pvb_blk_nodes_name(&dev, 0, FRONT, VDEV);
	pvb_blk_options_init(&options, 1);
	memset(&rig, 0, sizeof(rig));
	gone = changes = 0;
	return 0;
}

static void attach(const char *disk)
{
	struct pvb_err e = PVB_ERR_INIT;

	if (pvb_blk_nodes_create(tools, &dev, disk, &options, &e) < 0)
		fail_msg("%s", e.text);
}

static void start(const char *disk)
{
	attach(disk);
	at_start = machine_counts(&machine);
	back_thread_start(&back, &machine, &dev, disk, &options);
}

static int teardown(void **state)
{
	(void)state;
	pvb_disk_close(rig.disk);
	pvb_loop_destroy(rig.loop);
	if (back.loop)
		back_thread_kill(&back);
	memset(&back, 0, sizeof(back));
	pvb_store_close(tools);
	machine_stop(&machine);
	assert_int_equal(open_fds(), fds_at_start);
	return 0;
}

/* ---- fronts -------------------------------------------------------------- */

static const char *uri_of(const char *what, const char *more)
{
	static char uri[512];

	snprintf(uri, sizeof(uri), "vbd:%s?host=local:%s%s", what,
	         machine.run, more);
	return uri;
}

static int try_open(const char *uri, struct pvb_disk **disk, struct pvb_err *e)
{
	if (!rig.loop)
		rig.loop = pvb_loop_create(NULL, e);
	assert_non_null(rig.loop);
	return pvb_disk_open(pvb_disk_all, uri, 0, rig.loop, NULL, disk, e);
}

static void on_changed(struct pvb_disk *d, void *arg, int code)
{
	(void)arg;
	assert_ptr_equal(d, rig.disk);
	changes++;
	if (code < 0)
		gone = code;
}

static void open_disk(const char *more)
{
	struct pvb_err e = PVB_ERR_INIT;

	if (try_open(uri_of("3/xvdb", more), &rig.disk, &e) < 0)
		fail_msg("%s", e.text);
	rig.disk->changed = on_changed;
}

static void expect_error(const char *uri, int code, const char *says)
{
	struct pvb_err e = PVB_ERR_INIT;
	struct pvb_disk *d = NULL;

	assert_int_equal(try_open(uri, &d, &e), code);
	assert_null(d);
	if (!strstr(e.text, says))
		fail_msg("\"%s\" does not say \"%s\"", e.text, says);
}

static void turn_until_gone(void)
{
	while (gone == 0)
		rig_turn(&rig);
}

/* ---- URIs and machines --------------------------------------------------- */

static void every_mistake_has_its_sentence(void **state)
{
	char far[256];

	(void)state;
	attach("mem:1M");
	expect_error("vbd:3/xvdb", -EINVAL, "which machine");
	expect_error("vbd:3/xvdb?host=xen", -ENOENT, "no Xen on this machine");
	expect_error("vbd:3/xvdb?host=moon:/x", -EINVAL, "nor local:DIR");
	expect_error("vbd:3/xvdb?host=local:", -EINVAL, "needs a DIR");
	expect_error(uri_of("3", ""), -EINVAL, "is not DOMAIN/VDEV");
	expect_error(uri_of("0/xvdb", ""), -EINVAL, "\"0\" is no domain");
	expect_error(uri_of("-3/xvdb", ""), -EINVAL, "\"-3\" is no domain");
	expect_error(uri_of("/xvdb", ""), -EINVAL, "is no domain");
	expect_error(uri_of("99999/xvdb", ""), -EINVAL, "is no domain");
	expect_error(uri_of("3/xvd", ""), -EINVAL, "\"xvd\" is no device");
	expect_error(uri_of("3/", ""), -EINVAL, "is no device");
	expect_error(uri_of("3/xvdc", ""), -ENOENT,
	             "domain 3 has no device 51744");
	expect_error(uri_of("4/xvdb", ""), -ENXIO, "4");
	expect_error(uri_of("3/xvdb", "&colour=red"), -EINVAL, "colour");
	expect_error(uri_of("3/xvdb", "&queues=0"), -EINVAL, "1 to 16");
	expect_error(uri_of("3/xvdb", "&queues=17"), -EINVAL, "queues=17");
	expect_error(uri_of("3/xvdb", "&ring-order=5"), -EINVAL, "from 0 to 4");
	expect_error(uri_of("3/xvdb", "&indirect=257"), -EINVAL, "0 to 256");
	expect_error(uri_of("3/xvdb", "&timeout=x"), -EINVAL, "timeout=x");
	expect_error(uri_of("3/xvdb", "&connect-timeout=0"), -EINVAL, "1 to");
	expect_error(uri_of("3/xvdb", "&reconnect=-1"), -EINVAL, "0 to");
	expect_error(uri_of("3/xvdb", "&poll=maybe"), -EINVAL, "poll=maybe");
	expect_error(uri_of("3/xvdb", "&bounce=1"), -EINVAL, "bounce=1");
	expect_error("vbd:3/xvdb?host=local:/nowhere", -ENOENT, "/nowhere");
	memset(far, 'x', sizeof(far));
	memcpy(far, "vbd:3/xvdb?host=local:/", 23);
	far[120] = '\0';
	expect_error(far, -ENAMETOOLONG, "long");
}

static void a_bare_uri_names_the_scheme_in_its_help(void **state)
{
	const struct pvb_disk_ops *ops = pvb_disk_find(pvb_disk_all, "vbd");

	(void)state;
	assert_non_null(ops);
	assert_non_null(strstr(ops->summary, "vbd:DOMAIN/VDEV"));
	for (const char *const *o = ops->options; *o; o++)
		assert_non_null(strchr(*o, '='));
}

static void nobody_serves_it(void **state)
{
	(void)state;
	attach("mem:1M");
	expect_error(uri_of("3/xvdb", "&connect-timeout=1"), -ETIMEDOUT,
	             "does not connect in time");
}

static void the_back_has_no_disk(void **state)
{
	(void)state;
	start("/no/such/image");
	back_thread_wait(&back, PVB_XB_CLOSED);
	expect_error(uri_of("3/xvdb", "&connect-timeout=1"), -ETIMEDOUT,
	             "the backend closed it: /no/such/image");
}

/* ---- use ----------------------------------------------------------------- */

static void what_is_promised_is_told(void **state)
{
	const struct pvb_disk_ops *ops;
	struct pvb_err e = PVB_ERR_INIT;
	struct pvb_disk_probe p;

	(void)state;
	start("mem:3M?sector-size=4096");
	assert_int_equal(pvb_disk_probe(pvb_disk_all, uri_of("3/xvdb", ""), 0,
	                                &p, &ops, &e), 0);
	assert_int_equal(p.info.size_bytes, 0); /* nobody has said it yet */
	pvb_disk_probe_fini(&p);
	open_disk("");
	assert_int_equal(rig.disk->info.size_bytes, 3 * MIB);
	assert_int_equal(rig.disk->info.sector_size_bytes, 512);
	assert_int_equal(rig.disk->info.physical_size_bytes, 4096);
	assert_true(rig.disk->info.flush && rig.disk->info.discard);
	assert_false(rig.disk->info.read_only);
	assert_int_equal(pvb_disk_probe(pvb_disk_all, uri_of("3/xvdb", ""), 0,
	                                &p, &ops, &e), 0);
	assert_int_equal(p.info.size_bytes, 3 * MIB);
	pvb_disk_probe_fini(&p);
}

static void nothing_is_left_when_it_is_closed(void **state)
{
	struct pvb_hyp_counts before, after;

	(void)state;
	start("mem:1M");
	back_thread_wait(&back, PVB_XB_INIT_WAIT);
	before = machine_counts(&machine);
	for (int i = 0; i < 5; i++) {
		open_disk("");
		assert_int_equal(rig_write(&rig, 0, 65536, 7), 0);
		pvb_disk_close(rig.disk);
		rig.disk = NULL;
		back_thread_wait(&back, PVB_XB_CLOSED);
	}
	/* It is halted now, and its terms have gone; the rest is as it was. */
	do {
		after = machine_counts(&machine);
	} while (after.store_connections != before.store_connections ||
	         after.introduced != before.introduced - 1);
	assert_int_equal(after.areas, before.areas);
	assert_int_equal(after.areas_held, before.areas_held);
	assert_int_equal(after.ports, before.ports);
	assert_int_equal(after.store_watches, before.store_watches);
	assert_int_equal(after.store_transactions, 0);
}

static void a_second_one_is_refused(void **state)
{
	(void)state;
	start("mem:1M");
	open_disk("");
	expect_error(uri_of("3/xvdb", "&connect-timeout=1"), -EBUSY,
	             "has the device");
	assert_int_equal(rig_write(&rig, 0, 4096, 1), 0);
	rig_expect(&rig, 0, 4096, 1);
}

/* ---- the other end ------------------------------------------------------- */

static void a_disk_that_grows_is_told(void **state)
{
	char path[96];

	(void)state;
	snprintf(path, sizeof(path), "%s/image", machine.dir);
	close(creat(path, 0600));
	assert_int_equal(truncate(path, MIB), 0);
	start(path);
	open_disk("");
	assert_int_equal(rig_do(&rig, PVB_IO_READ, 0, MIB, 4096), -EINVAL);
	assert_int_equal(truncate(path, 2 * MIB), 0);
	/* The data half may see it by itself, before it is told. */
	assert_int_equal(back_thread_resize(&back), 0);
	while (rig.disk->info.size_bytes != 2 * MIB)
		rig_turn(&rig);
	assert_in_range(changes, 1, 2);
	assert_int_equal(gone, 0);
	assert_int_equal(rig_write(&rig, MIB, 4096, 3), 0);
	rig_expect(&rig, MIB, 4096, 3);
	unlink(path);
}

static void a_detach_lets_what_is_in_flight_end(void **state)
{
	struct req q[8];

	(void)state;
	start("fault:mem:1M?delay=50");
	open_disk("");
	for (int i = 0; i < 8; i++) {
		req_init(&q[i], &rig, PVB_IO_WRITE, i * 8192, 4096);
		assert_int_equal(req_submit(&q[i]), 0);
	}
	rig_kick(&rig);
	assert_int_equal(pvb_blk_nodes_stop(tools, &dev), 0);
	for (int i = 0; i < 8; i++) {
		req_wait(&q[i]);
		assert_int_equal(q[i].result, 0);
		req_fini(&q[i]);
	}
	turn_until_gone();
	assert_int_equal(gone, -ESHUTDOWN);
	assert_int_equal(rig_do(&rig, PVB_IO_READ, 0, 0, 4096), -ESHUTDOWN);
	back_thread_wait(&back, PVB_XB_CLOSED);
}

static void a_back_that_dies_is_noticed_in_time(void **state)
{
	struct req q;

	(void)state;
	start("mem:1M");
	open_disk("&timeout=1&reconnect=0");
	assert_int_equal(rig_write(&rig, 0, 4096, 1), 0);
	back_thread_kill(&back);
	req_init(&q, &rig, PVB_IO_READ, 0, 4096);
	assert_int_equal(req_submit(&q), 0);
	rig_kick(&rig);
	req_wait(&q);
	assert_int_equal(q.result, -EIO);
	req_fini(&q);
	turn_until_gone();
	assert_int_equal(gone, -ETIMEDOUT);
	memset(&back, 0, sizeof(back));
}

static void a_machine_that_dies_ends_the_disk(void **state)
{
	(void)state;
	start("mem:1M");
	open_disk("");
	back_thread_kill(&back);
	memset(&back, 0, sizeof(back));
	pvb_store_close(tools);
	tools = NULL;
	machine_call(&machine, machine_end_broker, NULL);
	turn_until_gone();
	assert_true(gone < 0);
}

static int teardown_dead(void **state)
{
	(void)state;
	pvb_disk_close(rig.disk);
	pvb_loop_destroy(rig.loop);
	machine_stop(&machine);
	assert_int_equal(open_fds(), fds_at_start);
	return 0;
}

static void after_the_death_of_an_idle_back_another_goes_on(void **state)
{
	(void)state;
	start("mem:1M");
	open_disk("&timeout=1");
	assert_int_equal(rig_write(&rig, 0, 4096, 1), 0);
	back_thread_kill(&back);
	back_thread_start(&back, &machine, &dev, "mem:1M", &options);
	back_thread_wait(&back, PVB_XB_CONNECTED);
	assert_int_equal(rig_write(&rig, 0, 4096, 2), 0);
	rig_expect(&rig, 0, 4096, 2);
	assert_int_equal(gone, 0);
}

/* ---- this end, killed ---------------------------------------------------- */

static char self[256];

/* A front in a process of its own, which goes on reading for ever. */
static pid_t spawn_front(void)
{
	char *argv[] = { self, "front", (char *)uri_of("3/xvdb", ""), NULL };
	posix_spawn_file_actions_t a;
	int fds[2];
	char byte;
	pid_t pid;

	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	posix_spawn_file_actions_init(&a);
	posix_spawn_file_actions_adddup2(&a, fds[1], 1);
	assert_int_equal(posix_spawn(&pid, self, &a, NULL, argv, environ), 0);
	posix_spawn_file_actions_destroy(&a);
	close(fds[1]);
	assert_int_equal(read(fds[0], &byte, 1), 1);
	assert_int_equal(byte, '+');
	close(fds[0]);
	return pid;
}

static int be_a_front(const char *uri)
{
	struct pvb_err e = PVB_ERR_INIT;
	bool told = false;

	(void)alarm(60);
	if (try_open(uri, &rig.disk, &e) < 0) {
		fprintf(stderr, "%s\n", e.text);
		return 1;
	}
	for (;;) {
		struct req q;

		req_init(&q, &rig, PVB_IO_READ, 0, 65536);
		if (req_run(&q) < 0)
			return 1;
		req_fini(&q);
		if (!told && write(1, "+", 1) == 1)
			told = true;
	}
}

static void a_front_that_is_killed_leaves_nothing(void **state)
{
	struct pvb_hyp_counts before, after;
	pid_t pid;

	(void)state;
	start("mem:1M");
	back_thread_wait(&back, PVB_XB_INIT_WAIT);
	before = machine_counts(&machine);
	pid = spawn_front();
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	back_thread_wait(&back, PVB_XB_CLOSED);
	do {
		after = machine_counts(&machine);
	} while (after.store_connections != before.store_connections);
	assert_int_equal(after.areas, before.areas);
	assert_int_equal(after.areas_held, before.areas_held);
	assert_int_equal(after.ports, before.ports);
	/* The next one finds the dead one's nodes, and connects. */
	open_disk("");
	assert_int_equal(rig_write(&rig, 0, 4096, 1), 0);
}

static void one_that_is_killed_and_not_yet_buried_is_dead(void **state)
{
	siginfo_t info;
	pid_t pid;

	(void)state;
	start("mem:1M");
	pid = spawn_front();
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
	open_disk("");
	assert_int_equal(rig_write(&rig, 0, 4096, 1), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

#define T(t) cmocka_unit_test_setup_teardown(t, setup, teardown)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		T(every_mistake_has_its_sentence),
		T(a_bare_uri_names_the_scheme_in_its_help),
		T(nobody_serves_it),
		T(the_back_has_no_disk),
		T(what_is_promised_is_told),
		T(nothing_is_left_when_it_is_closed),
		T(a_second_one_is_refused),
		T(a_disk_that_grows_is_told),
		T(a_detach_lets_what_is_in_flight_end),
		T(a_back_that_dies_is_noticed_in_time),
		cmocka_unit_test_setup_teardown(
			a_machine_that_dies_ends_the_disk, setup,
			teardown_dead),
		T(after_the_death_of_an_idle_back_another_goes_on),
		T(a_front_that_is_killed_leaves_nothing),
		T(one_that_is_killed_and_not_yet_buried_is_dead),
	};

	if (argc == 3)
		return be_a_front(argv[2]);
	if (readlink("/proc/self/exe", self, sizeof(self) - 1) < 0)
		return 2;
	return cmocka_run_group_tests_name("vbd_life", tests, NULL, NULL);
}
