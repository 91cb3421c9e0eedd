/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <pvb/err.h>

#include "blkfront_claim_ctl.h"
#include "hyp/store.h"
#include "proto/conn.h"

static const char node[] = "pvb-holder";

struct holder { uint64_t pid, start, name_space; };

/* ---- processes ----------------------------------------------------------- */

/* Start time and state of a process.  False: they cannot be had. */
static bool look_up(uint64_t pid, uint64_t *start, char *state)
{
	char path[64], text[1024];
	unsigned long long ticks;
	const char *at;
	size_t n;
	FILE *f;

	(void)snprintf(path, sizeof(path), "/proc/%llu/stat",
	               (unsigned long long)pid);
	f = fopen(path, "re");
	if (!f)
		return false;
	n = fread(text, 1, sizeof(text) - 1, f);
	(void)fclose(f);
	text[n] = '\0';
	/* The name, in brackets, may hold anything: look from its end on. */
	at = strrchr(text, ')');
	if (!at || sscanf(at + 1, " %c %*s %*s %*s %*s %*s %*s %*s %*s %*s "
	                  "%*s %*s %*s %*s %*s %*s %*s %*s %*s %llu",
	                  state, &ticks) != 2)
		return false;
	*start = ticks;
	return true;
}

static void myself(struct holder *h)
{
	struct stat st;
	char state;

	*h = (struct holder){ .pid = (uint64_t)getpid() };
	(void)look_up(h->pid, &h->start, &state);
	if (stat("/proc/self/ns/pid", &st) == 0)
		h->name_space = st.st_ino;
}

static bool is_alive(const struct holder *h, const struct holder *me)
{
	uint64_t start;
	char state;

	if (h->pid == 0)
		return false;
	if (h->name_space != me->name_space)
		return true;
	if (kill((pid_t)h->pid, 0) < 0 && errno == ESRCH)
		return false;
	/* There is such a process.  Of what cannot be seen, take the worst. */
	if (!look_up(h->pid, &start, &state))
		return true;
	return start == h->start && state != 'Z' && state != 'X';
}

/* ---- the node ------------------------------------------------------------ */

struct claim {
	const char *dir;
	struct holder me, found;
	char value[64];
	bool foreign;
};

/* 1: there is one; 0: none; -errno.  What cannot be read is a living one. */
static int read_holder(struct pvb_store *s, uint32_t tx, const char *dir,
                       struct holder *out)
{
	unsigned long long v[3] = { UINT64_MAX, 0, UINT64_MAX };
	char text[80];
	int n = pvb_store_read_at(s, tx, dir, node, text, sizeof(text) - 1);

	if (n == -ENOENT)
		return 0;
	if (n < 0 && n != -E2BIG)
		return n;
	text[n < 0 ? 0 : n] = '\0';
	if (sscanf(text, "%llu %llu %llu", &v[0], &v[1], &v[2]) != 3)
		v[2] = UINT64_MAX;
	*out = (struct holder){ v[0], v[1], v[2] };
	return 1;
}

/* A driver that is not ours has it if its state says so and no claim of ours
   explains that. */
static int is_in_use(struct pvb_store *s, uint32_t tx, const char *dir)
{
	uint64_t state = PVB_XB_UNKNOWN;
	int r = pvb_store_read_u64_at(s, tx, dir, "state", UINT32_MAX, &state);

	if (r < 0 && r != -EINVAL)
		return r;
	return state >= PVB_XB_INITIALISED && state <= PVB_XB_CLOSING;
}

static int take(struct pvb_store *s, uint32_t tx, void *arg)
{
	struct claim *c = arg;
	int r = read_holder(s, tx, c->dir, &c->found);

	c->foreign = false;
	if (r == 1 && is_alive(&c->found, &c->me))
		return -EBUSY;
	if (r == 0) {
		r = is_in_use(s, tx, c->dir);
		c->foreign = r > 0;
		if (c->foreign)
			return -EBUSY;
	}
	return r < 0 ? r : pvb_store_write_at(s, tx, c->dir, node, c->value);
}

int pvb_blkfront_claim(struct pvb_store *s, const char *dir, struct pvb_err *e)
{
	struct claim c = { .dir = dir };
	int r;

	myself(&c.me);
	(void)snprintf(c.value, sizeof(c.value), "%llu %llu %llu",
	               (unsigned long long)c.me.pid,
	               (unsigned long long)c.me.start,
	               (unsigned long long)c.me.name_space);
	r = pvb_store_transact(s, take, &c);
	if (r == -EBUSY && c.foreign)
		return pvb_err_set(e, r, "another driver has the device "
		                   "(see %s/state)", dir);
	if (r == -EBUSY)
		return pvb_err_set(e, r, "process %llu has the device",
		                   (unsigned long long)c.found.pid);
	if (r < 0)
		return pvb_err_set(e, r, "cannot claim %s: %s", dir,
		                   strerror(-r));
	return 0;
}

struct unclaim { const char *dir; bool closed; };

static int leave(struct pvb_store *s, uint32_t tx, void *arg)
{
	const struct unclaim *u = arg;
	struct holder me, found;
	char path[256];
	int r = read_holder(s, tx, u->dir, &found);

	myself(&me);
	if (r < 1 || found.pid != me.pid || found.start != me.start)
		return r < 0 ? r : 0;
	if (!u->closed)
		return pvb_store_write_at(s, tx, u->dir, node, "0 0 0");
	(void)snprintf(path, sizeof(path), "%s/%s", u->dir, node);
	return s->ops->remove(s, tx, path);
}

void pvb_blkfront_unclaim(struct pvb_store *s, const char *dir, bool closed)
{
	struct unclaim u = { dir, closed };

	/* Nobody is worse off with a node that names a dead process. */
	(void)pvb_store_transact(s, leave, &u);
}
