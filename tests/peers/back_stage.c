/* SPDX-License-Identifier: MIT */
#include "back_stage.h"

#include <sys/eventfd.h>

#include "hyp/store.h"
#include "open_fds.h"

/* ---- the toolstack ------------------------------------------------------- */

static void put(struct stage *s, const char *path, const char *value)
{
	assert_int_equal(s->tools->ops->write(s->tools, PVB_STORE_NO_TX, path,
	                                      value, strlen(value)), 0);
}

static void make_dir(struct stage *s, const char *path, uint16_t owner,
                     uint16_t reader)
{
	const struct pvb_store_perm perm[2] = {
		{ owner, 0 }, { reader, PVB_STORE_READ },
	};

	put(s, path, "");
	assert_int_equal(s->tools->ops->set_perms(s->tools, PVB_STORE_NO_TX,
	                                          path, perm, 2), 0);
}

static void put_below(struct stage *s, const char *dir, const char *name,
                      const char *value)
{
	char path[160];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	put(s, path, value);
}

void stage_say(struct stage *s, const char *name, const char *value)
{
	put_below(s, s->back_dir, name, value);
}

static void make_nodes(struct stage *s, const char *kind)
{
	const char *const back[][2] = {
		{ "frontend", s->front_dir }, { "frontend-id", "3" },
		{ "params", "aio:/dev/vg/disk" }, { "type", kind },
		{ "script", "/etc/xen/scripts/block" }, { "online", "1" },
		{ "removable", "0" }, { "bootable", "1" }, { "dev", "xvdb" },
		{ "mode", "w" }, { "device-type", "disk" },
		{ "discard-enable", "1" }, { "state", "1" },
	};
	const char *const front[][2] = {
		{ "backend", s->back_dir }, { "backend-id", "0" },
		{ "virtual-device", "51728" }, { "device-type", "disk" },
		{ "state", "1" },
	};

	make_dir(s, "/local/domain/3", 0, STAGE_FRONT);
	make_dir(s, "/local/domain/3/device", 0, STAGE_FRONT);
	make_dir(s, "/local/domain/3/error", STAGE_FRONT, STAGE_FRONT);
	make_dir(s, s->back_dir, STAGE_BACK, STAGE_FRONT);
	make_dir(s, s->front_dir, STAGE_FRONT, STAGE_BACK);
	for (size_t i = 0; i < sizeof(back) / sizeof(back[0]); i++)
		put_below(s, s->back_dir, back[i][0], back[i][1]);
	for (size_t i = 0; i < sizeof(front) / sizeof(front[0]); i++)
		put_below(s, s->front_dir, front[i][0], front[i][1]);
}

/* As libxl: one transaction for both. */
void stage_detach(struct stage *s)
{
	char path[160];
	uint32_t tx;

	assert_int_equal(s->tools->ops->begin(s->tools, &tx), 0);
	snprintf(path, sizeof(path), "%s/online", s->back_dir);
	assert_int_equal(s->tools->ops->write(s->tools, tx, path, "0", 1), 0);
	snprintf(path, sizeof(path), "%s/state", s->back_dir);
	assert_int_equal(s->tools->ops->write(s->tools, tx, path, "5", 1), 0);
	assert_int_equal(s->tools->ops->commit(s->tools, tx), 0);
}

/* ---- life ---------------------------------------------------------------- */

void stage_begin(struct stage *s, const char *kind)
{
	struct pvb_err e = PVB_ERR_INIT;

	memset(s, 0, sizeof(*s));
	s->fds_at_start = open_fds();
	machine_start(&s->machine);
	assert_int_equal(machine_introduce(&s->machine, STAGE_FRONT), 0);
	s->tools = pvb_store_open_local(s->machine.run, STAGE_BACK, false, &e);
	if (!s->tools)
		fail_msg("%s", e.text);
	snprintf(s->back_dir, sizeof(s->back_dir),
	         "/local/domain/%d/backend/%s/%d/%d", STAGE_BACK, kind,
	         STAGE_FRONT, STAGE_VDEV);
	snprintf(s->front_dir, sizeof(s->front_dir),
	         "/local/domain/%d/device/vbd/%d", STAGE_FRONT, STAGE_VDEV);
	make_nodes(s, kind);
	s->told = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	assert_true(s->told >= 0);
}

/* Nobody serves any more: what is under way ends by its time-outs. */
void stage_end(struct stage *s)
{
	if (s->call.running)
		pthread_join(s->call.thread, NULL);
	pvb_client_close(s->client);
	close(s->told);
	pvb_store_close(s->tools);
	machine_stop(&s->machine);
	assert_int_equal(open_fds(), s->fds_at_start);
}

/* ---- the program --------------------------------------------------------- */

static void tell(struct stage *s)
{
	const uint64_t one = 1;

	atomic_fetch_add(&s->done, 1);
	(void)!write(s->told, &one, sizeof(one));
}

static void *run_call(void *arg)
{
	struct stage *s = arg;

	s->call.result = s->call.run(s, &s->call);
	tell(s);
	return NULL;
}

static void begin_call(struct stage *s,
                       int (*run)(struct stage *s, struct stage_call *c))
{
	assert_false(s->call.running);
	s->call.run = run;
	s->call.running = true;
	s->begun++;
	assert_int_equal(pthread_create(&s->call.thread, NULL, run_call, s),
	                 0);
}

bool stage_is_done(struct stage *s)
{
	uint64_t n;

	(void)!read(s->told, &n, sizeof(n));
	return atomic_load(&s->done) == s->begun;
}

int stage_result(struct stage *s)
{
	assert_true(stage_is_done(s));
	if (s->call.running)
		pthread_join(s->call.thread, NULL);
	s->call.running = false;
	return s->call.result;
}

static int do_open(struct stage *s, struct stage_call *c)
{
	c->error = (struct pvb_err)PVB_ERR_INIT;
	return pvb_client_open(c->uri, NULL, &s->client, &c->error);
}

void stage_open(struct stage *s, const char *options)
{
	snprintf(s->call.uri, sizeof(s->call.uri),
	         "vbd:%d/xvdb?host=local:%s%s", STAGE_FRONT, s->machine.run,
	         options);
	begin_call(s, do_open);
}

static int do_close(struct stage *s, struct stage_call *c)
{
	(void)c;
	pvb_client_close(s->client);
	s->client = NULL;
	return 0;
}

void stage_close(struct stage *s)
{
	begin_call(s, do_close);
}

static int do_flush(struct stage *s, struct stage_call *c)
{
	(void)c;
	return pvb_client_flush(s->client);
}

void stage_flush(struct stage *s)
{
	begin_call(s, do_flush);
}

static int do_discard(struct stage *s, struct stage_call *c)
{
	return pvb_client_discard(s->client, c->bytes, c->offset, 0);
}

void stage_discard(struct stage *s, uint64_t offset, uint64_t bytes)
{
	s->call.offset = offset;
	s->call.bytes = bytes;
	begin_call(s, do_discard);
}

static int do_write(struct stage *s, struct stage_call *c)
{
	void *zeros = calloc(1, c->bytes);
	int r = pvb_client_write(s->client, zeros, c->bytes, c->offset, 0);

	free(zeros);
	return r;
}

void stage_write(struct stage *s, uint64_t offset, uint64_t bytes)
{
	s->call.offset = offset;
	s->call.bytes = bytes;
	begin_call(s, do_write);
}

void stage_io_done(struct pvb_io *io, int result)
{
	struct stage *s = io->arg;

	io->scratch[0] = (uint64_t)(int64_t)result;
	tell(s);
}

void stage_submit(struct stage *s, struct pvb_io *io)
{
	s->begun++;
	io->done = stage_io_done;
	io->arg = s;
	pvb_client_submit(s->client, io);
}
