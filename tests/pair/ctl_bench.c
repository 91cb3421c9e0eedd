/* SPDX-License-Identifier: MIT */
#include "ctl_bench.h"

#include <stdarg.h>
#include <sys/wait.h>

#include "open_fds.h"

struct bench bench;

/* ---- data halves --------------------------------------------------------- */

void half_say(struct half *h, enum pvb_blk_msg_type type)
{
	struct pvb_blk_msg m = { .type = type };

	if (type == PVB_BLK_MSG_ATTACHED) {
		for (uint32_t i = 0; i < PVB_BLK_RING_PAGES_MAX; i++)
			m.u.attached.ring_ref[i] = 700 + i;
		m.u.attached.port = 9;
	}
	assert_int_equal(pvb_link_send(&h->link, &m, sizeof(m), NULL, 0), 0);
}

static void say_why(struct half *h, enum pvb_blk_msg_type type,
                    enum pvb_why why, const char *text)
{
	struct pvb_blk_msg m = { .type = type };

	m.u.failed.why = why;
	m.u.failed.code = h->refuse_code ? h->refuse_code : -EIO;
	snprintf(m.u.failed.text, sizeof(m.u.failed.text), "%s", text);
	assert_int_equal(pvb_link_send(&h->link, &m, sizeof(m), NULL, 0), 0);
}

void half_say_failed(struct half *h, enum pvb_why why, const char *text)
{
	say_why(h, PVB_BLK_MSG_FAILED, why, text);
}

void half_say_loaded(struct half *h, enum pvb_why why, const char *text)
{
	say_why(h, PVB_BLK_MSG_LOADED, why, text);
}

static void on_load(struct half *h, uint32_t nfds)
{
	h->load++;
	h->fds = nfds;
	if (!h->quiet)
		half_say_loaded(h, h->refuse, "refused by the test");
}

static void on_attach(struct half *h, uint32_t nfds)
{
	h->attach++;
	h->fds = nfds;
	h->attached_as = h->last;
	if (h->quiet)
		return;
	if (h->refuse != PVB_OK)
		half_say_failed(h, h->refuse, "refused by the test");
	else
		half_say(h, PVB_BLK_MSG_ATTACHED);
}

static void half_message(struct pvb_link *k, const void *msg, size_t bytes,
                         int *fds, uint32_t nfds)
{
	struct half *h = pvb_container(k, struct half, link);

	(void)fds;
	assert_int_equal(bytes, sizeof(h->last));
	memcpy(&h->last, msg, bytes);
	switch (h->last.type) {
	case PVB_BLK_MSG_ATTACH:
		on_attach(h, nfds);
		break;
	case PVB_BLK_MSG_GO:
		h->go++;
		break;
	case PVB_BLK_MSG_DRAIN:
		h->drain++;
		h->cut += h->last.cut != 0;
		if (!h->quiet)
			half_say(h, PVB_BLK_MSG_DRAINED);
		break;
	case PVB_BLK_MSG_DETACH:
		h->detach++;
		if (!h->quiet)
			half_say(h, PVB_BLK_MSG_DETACHED);
		break;
	case PVB_BLK_MSG_RESIZED:
		h->resized++;
		if (!h->quiet)
			half_say(h, PVB_BLK_MSG_GROWN);
		break;
	case PVB_BLK_MSG_LOAD:
		on_load(h, nfds);
		break;
	case PVB_BLK_MSG_UNLOAD:
		h->unload++;
		break;
	case PVB_BLK_MSG_CLOSING:
		h->closing++;
		break;
	case PVB_BLK_MSG_CHANGE:
		h->change++;
		if (!h->quiet)
			half_say(h, PVB_BLK_MSG_CHANGED);
		break;
	default:
		fail_msg("message %u", h->last.type);
	}
}

static void half_closed(struct pvb_link *k)
{
	pvb_container(k, struct half, link)->closed++;
}

static const struct pvb_link_ops half_ops = {
	.message = half_message, .closed = half_closed,
};

int bench_data_half(void *arg, uint32_t queue)
{
	struct half *h = &bench.half[queue];
	int fds[2];

	(void)arg;
	assert_in_range(queue, 0, QUEUES - 1);
	pvb_link_fini(&h->link);
	assert_int_equal(pvb_link_pair(fds), 0);
	assert_int_equal(pvb_link_init(&h->link, bench.loop, fds[0],
	                               &half_ops), 0);
	h->linked = true;
	return fds[1];
}

/* A node that everybody may see change; see bench_settle. */
static void make_ping(void)
{
	const struct pvb_store_perm all = { BACK, PVB_STORE_READ };

	put(bench.tools, "", "ping", "");
	assert_int_equal(bench.tools->ops->set_perms(bench.tools, 0, "/ping",
	                                             &all, 1), 0);
}

/* ---- the machine --------------------------------------------------------- */

static void count_line(const struct pvb_log *log, enum pvb_log_level level,
                       const char *line)
{
	(void)log;
	(void)level;
	bench.log_lines++;
	(void)snprintf(bench.log_last, sizeof(bench.log_last), "%s", line);
}

static struct pvb_store *open_store(uint16_t domid)
{
	struct pvb_err e = PVB_ERR_INIT;
	struct pvb_store *s = pvb_store_open_local(bench.machine.run, domid,
	                                           false, &e);

	if (!s)
		fail_msg("%s", e.text);
	return s;
}

static void lost(void *arg)
{
	(void)arg;
	fail_msg("the store was lost");
}

void bench_boot_front(void)
{
	struct pvb_err e = PVB_ERR_INIT;

	bench.life = pvb_mem_open_local(bench.machine.run, FRONT, NULL, &e);
	if (!bench.life)
		fail_msg("%s", e.text);
}

void bench_kill_front(void)
{
	pvb_mem_close(bench.life);
	bench.life = NULL;
	while (bench.tools->ops->domain_exists(bench.tools, FRONT) != 0)
		(void)sched_yield();
}

pid_t bench_dead_pid(void)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	return pid;
}

int bench_setup(void **state)
{
	const struct pvb_loop_config c = { .manual_clock = true };
	struct pvb_blk_options o;
	struct pvb_err e = PVB_ERR_INIT;

	(void)state;
	(void)alarm(60);
	memset(&bench, 0, sizeof(bench));
	bench.fds_at_start = open_fds();
	bench.log = (struct pvb_log){ PVB_LOG_WARN, count_line, NULL };
	machine_start(&bench.machine);
	assert_int_equal(machine_introduce(&bench.machine, FRONT), 0);
	bench_boot_front();
	bench.loop = pvb_loop_create(&c, &e);
	assert_non_null(bench.loop);
	bench.tools = open_store(BACK);
	bench.guest = open_store(FRONT);
	make_ping();
	pvb_blk_nodes_name(&bench.dev, BACK, FRONT, VDEV);
	(void)pvb_xsdev_back_path(&bench.dev, bench.back, sizeof(bench.back));
	(void)pvb_xsdev_front_path(&bench.dev, bench.front,
	                           sizeof(bench.front));
	pvb_blk_options_init(&o, QUEUES);
	if (pvb_blk_nodes_create(bench.tools, &bench.dev, "mem:1M", &o, &e) < 0)
		fail_msg("%s", e.text);
	return 0;
}

/* The control half is gone: nothing may be left of it. */
int bench_teardown(void **state)
{
	(void)state;
	pvb_watches_destroy(bench.watches);
	if (bench.spy.real)
		pvb_store_close(&bench.spy.store);
	for (uint32_t i = 0; i < QUEUES; i++)
		pvb_link_fini(&bench.half[i].link);
	pvb_store_close(bench.tools);
	pvb_store_close(bench.guest);
	pvb_mem_close(bench.life);
	pvb_loop_destroy(bench.loop);
	machine_stop(&bench.machine);
	assert_int_equal(open_fds(), bench.fds_at_start);
	return 0;
}

static struct pvb_watches *make_watches(uint16_t domid)
{
	struct pvb_err e = PVB_ERR_INIT;

	spy_store_init(&bench.spy, open_store(domid));
	bench.watches = pvb_watches_create(bench.loop, &bench.spy.store, lost,
	                                   NULL, &e);
	assert_non_null(bench.watches);
	return bench.watches;
}

struct pvb_watches *bench_watches(uint16_t domid)
{
	return bench.watches ? bench.watches : make_watches(domid);
}

/* ---- nodes --------------------------------------------------------------- */

static const char *path_of(const char *dir, const char *name)
{
	static char path[512];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return path;
}

bool is_there(const char *dir, const char *name)
{
	char value[4];
	int n = bench.tools->ops->read(bench.tools, 0, path_of(dir, name),
	                               value, sizeof(value));

	return n >= 0 || n == -E2BIG;
}

const char *get(const char *dir, const char *name)
{
	static char value[4][512];
	static uint32_t turn;
	char *v = value[turn++ % 4];
	int n = bench.tools->ops->read(bench.tools, 0, path_of(dir, name), v,
	                               sizeof(value[0]) - 1);

	v[n > 0 ? n : 0] = '\0';
	return v;
}

void put(struct pvb_store *s, const char *dir, const char *name,
         const char *value)
{
	assert_int_equal(s->ops->write(s, 0, path_of(dir, name), value,
	                               strlen(value)), 0);
}

void put_all(struct pvb_store *s, const char *dir, ...)
{
	const char *name, *value;
	uint32_t tx;
	va_list ap;

	assert_int_equal(s->ops->begin(s, &tx), 0);
	va_start(ap, dir);
	while ((name = va_arg(ap, const char *))) {
		value = va_arg(ap, const char *);
		assert_int_equal(s->ops->write(s, tx, path_of(dir, name),
		                               value, strlen(value)), 0);
	}
	va_end(ap);
	assert_int_equal(s->ops->commit(s, tx), 0);
}

void take_away(struct pvb_store *s, const char *path)
{
	assert_int_equal(s->ops->remove(s, 0, path), 0);
}

void take_away_node(struct pvb_store *s, const char *dir, const char *name)
{
	take_away(s, path_of(dir, name));
}

/* ---- turning ------------------------------------------------------------- */

void bench_turn(void)
{
	assert_int_equal(pvb_loop_turn(bench.loop, true), 0);
}

struct ping { struct pvb_watch watch; uint32_t calls; };

static void pinged(struct pvb_watch *w, const char *path)
{
	(void)path;
	pvb_container(w, struct ping, watch)->calls++;
}

/* Events come in the order of what they tell; a few turns more carry out what
   follows from the last. */
void bench_settle(void)
{
	struct ping ping = { .watch.fired = pinged };

	assert_int_equal(pvb_watches_add(bench.watches, &ping.watch, "/ping"),
	                 0);
	TURN_UNTIL(ping.calls > 0);
	for (int round = 0; round < 3; round++) {
		ping.calls = 0;
		put(bench.tools, "", "ping", "");
		TURN_UNTIL(ping.calls > 0);
		for (int i = 0; i < 8; i++)
			assert_int_equal(pvb_loop_turn(bench.loop, false), 0);
	}
	pvb_watches_remove(bench.watches, &ping.watch);
}

void bench_wait_state(const char *dir, const char *state)
{
	TURN_UNTIL(strcmp(get(dir, "state"), state) == 0);
}
