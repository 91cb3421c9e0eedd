/* SPDX-License-Identifier: MIT */
/*
 * store_xen.c - the store table over libxenstore: xenstored's socket in the
 * domain where that runs, /dev/xen/xenbus elsewhere.
 *
 * The library has a thread of its own that reads, from the first watch on, and
 * a list of events that grows as long as nobody takes them.  So every call
 * takes what is there into our own, which is bounded.  It does not wake us
 * when xenstored dies: that is found at the next call.
 */
#include "store.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <xenstore.h>

#include <pvb/err.h>

#include "base/queue.h"
#include "store_code.h"
#include "store_events.h"

enum {
	EVENTS_IN_A_ROW = 256,
	PERMS_MAX       = 64,
	RIGHTS          = PVB_STORE_READ | PVB_STORE_WRITE,
};
static_assert(XS_PERM_READ == PVB_STORE_READ &&
              XS_PERM_WRITE == PVB_STORE_WRITE,
              "rights are the same bits here and there");

struct store_xen {
	struct pvb_store store;
	struct xs_handle *xs;           /* owned */
	struct pvb_store_events events;
	bool dead;
};

static struct store_xen *xen_of(struct pvb_store *s)
{
	return pvb_container(s, struct store_xen, store);
}

/* ---- errors ------------------------------------------------------------ */

static int die(struct store_xen *x)
{
	x->dead = true;
	return -EIO;
}

/* The library says EINVAL of a connection that has just broken, too. */
static bool is_answering(struct store_xen *x)
{
	char *path = xs_get_domain_path(x->xs, 0);

	free(path);
	return path != NULL;
}

/* errno of a call that failed, as one of the table's. */
static int code_of(struct store_xen *x, int error)
{
	int rc = pvb_store_code(-error);

	switch (rc) {
	case -EINVAL:
		return is_answering(x) ? rc : die(x);
	case -ENOENT: case -EACCES: case -E2BIG: case -ENOSPC: case -EAGAIN:
	case -EEXIST:
		return rc;
	default:
		return die(x);
	}
}

static void take_events(struct store_xen *x)
{
	for (uint32_t i = 0; i < EVENTS_IN_A_ROW; i++) {
		char **event = xs_check_watch(x->xs);

		if (!event) {
			if (errno != EAGAIN && errno != ENOMEM)
				x->dead = true;
			return;
		}
		pvb_store_events_keep(&x->events, event[XS_WATCH_PATH],
		                      event[XS_WATCH_TOKEN]);
		free(event);
	}
}

/* How a call ends, of which the library says `ok`. */
static int finish(struct store_xen *x, bool ok)
{
	int rc = ok ? 0 : code_of(x, errno);

	take_events(x);
	return rc;
}

/* ---- nodes ------------------------------------------------------------- */

static int xen_read(struct pvb_store *s, uint32_t tx, const char *path,
                    char *value, size_t cap)
{
	struct store_xen *x = xen_of(s);
	unsigned int length = 0;
	void *text;
	int rc;

	if (x->dead)
		return -EIO;
	text = xs_read(x->xs, tx, path, &length);
	rc = finish(x, text != NULL);
	if (rc == 0 && length > cap)
		rc = -E2BIG;
	if (rc == 0 && length > 0)
		memcpy(value, text, length);
	free(text);
	return rc < 0 ? rc : (int)length;
}

static int xen_write(struct pvb_store *s, uint32_t tx, const char *path,
                     const void *value, size_t bytes)
{
	struct store_xen *x = xen_of(s);

	if (x->dead)
		return -EIO;
	if (bytes > XENSTORE_PAYLOAD_MAX)
		return -E2BIG;
	return finish(x, xs_write(x->xs, tx, path, value,
	                          (unsigned int)bytes));
}

static int xen_mkdir(struct pvb_store *s, uint32_t tx, const char *path)
{
	struct store_xen *x = xen_of(s);

	return x->dead ? -EIO : finish(x, xs_mkdir(x->xs, tx, path));
}

static int xen_remove(struct pvb_store *s, uint32_t tx, const char *path)
{
	struct store_xen *x = xen_of(s);
	int rc;

	if (x->dead)
		return -EIO;
	rc = xs_rm(x->xs, tx, path) ? 0 : -errno;
	if (pvb_store_is_crossed(tx, rc) && is_answering(x)) {
		take_events(x);
		return -EAGAIN;
	}
	errno = -rc;
	rc = finish(x, rc == 0);
	return rc == -ENOENT ? 0 : rc;
}

/* The library has an array of names, the table has them in a row. */
static int join_names(char *const *name, unsigned int count, char **out)
{
	size_t bytes = 0, at = 0;

	for (unsigned int i = 0; i < count; i++)
		bytes += strlen(name[i]) + 1;
	*out = malloc(bytes + 1);
	if (!*out)
		return -ENOSPC;
	for (unsigned int i = 0; i < count; i++) {
		size_t n = strlen(name[i]) + 1;

		memcpy(*out + at, name[i], n);
		at += n;
	}
	return (int)bytes;
}

static int xen_list(struct pvb_store *s, uint32_t tx, const char *path,
                    char **names)
{
	struct store_xen *x = xen_of(s);
	unsigned int count = 0;
	char **list;
	int rc;

	if (x->dead)
		return -EIO;
	list = xs_directory(x->xs, tx, path, &count);
	rc = finish(x, list != NULL);
	if (rc == 0)
		rc = join_names(list, count, names);
	free(list);
	return rc;
}

/* ---- permissions ------------------------------------------------------- */

static int xen_set_perms(struct pvb_store *s, uint32_t tx, const char *path,
                         const struct pvb_store_perm *perm, uint32_t count)
{
	struct store_xen *x = xen_of(s);
	struct xs_permissions list[PERMS_MAX];

	if (x->dead)
		return -EIO;
	if (count > PERMS_MAX)
		return -E2BIG;
	for (uint32_t i = 0; i < count; i++)
		list[i] = (struct xs_permissions){
			.id = perm[i].domid, .perms = perm[i].rights & RIGHTS,
		};
	return finish(x, xs_set_permissions(x->xs, tx, path, list, count));
}

static int xen_get_perms(struct pvb_store *s, uint32_t tx, const char *path,
                         struct pvb_store_perm *perm, uint32_t cap)
{
	struct store_xen *x = xen_of(s);
	struct xs_permissions *list;
	unsigned int count = 0;
	int rc;

	if (x->dead)
		return -EIO;
	list = xs_get_permissions(x->xs, tx, path, &count);
	rc = finish(x, list != NULL);
	for (unsigned int i = 0; rc == 0 && i < count && i < cap; i++)
		perm[i] = (struct pvb_store_perm){
			.domid = (uint16_t)list[i].id,
			.rights = list[i].perms & RIGHTS,
		};
	free(list);
	return rc < 0 ? rc : (int)count;
}

/* ---- transactions ------------------------------------------------------ */

static int xen_begin(struct pvb_store *s, uint32_t *tx)
{
	struct store_xen *x = xen_of(s);

	if (x->dead)
		return -EIO;
	*tx = xs_transaction_start(x->xs);
	return finish(x, *tx != XBT_NULL);
}

static int xen_commit(struct pvb_store *s, uint32_t tx)
{
	struct store_xen *x = xen_of(s);

	return x->dead ? -EIO
	               : finish(x, xs_transaction_end(x->xs, tx, false));
}

static void xen_abort(struct pvb_store *s, uint32_t tx)
{
	struct store_xen *x = xen_of(s);

	if (!x->dead)
		(void)finish(x, xs_transaction_end(x->xs, tx, true));
}

/* ---- watches ----------------------------------------------------------- */

static int xen_watch(struct pvb_store *s, const char *path, uint64_t token)
{
	struct store_xen *x = xen_of(s);
	char text[PVB_STORE_TOKEN_BYTES];
	int rc;

	if (x->dead)
		return -EIO;
	/* The first event may come before the reply. */
	rc = pvb_store_events_expect(&x->events, path, token);
	if (rc)
		return pvb_store_code(rc);
	pvb_store_token(token, text);
	errno = 0;              /* a thread may be what it lacks */
	rc = finish(x, xs_watch(x->xs, path, text));
	if (rc)
		pvb_store_events_forget(&x->events, path, token);
	/* xenstored says E2BIG of this quota. */
	return rc == -E2BIG || rc == -EAGAIN ? -ENOSPC : rc;
}

static void xen_unwatch(struct pvb_store *s, const char *path, uint64_t token)
{
	struct store_xen *x = xen_of(s);
	char text[PVB_STORE_TOKEN_BYTES];

	pvb_store_token(token, text);
	if (!x->dead)
		(void)finish(x, xs_unwatch(x->xs, path, text));
	pvb_store_events_forget(&x->events, path, token);
}

static int xen_next_event(struct pvb_store *s, struct pvb_store_event *e)
{
	struct store_xen *x = xen_of(s);

	if (pvb_store_events_take(&x->events, e))
		return 1;
	if (x->dead)
		return -EIO;
	take_events(x);
	if (pvb_store_events_take(&x->events, e))
		return 1;
	return x->dead ? -EIO : 0;
}

static int xen_fd(struct pvb_store *s)
{
	return xs_fileno(xen_of(s)->xs);
}

/* ---- domains ----------------------------------------------------------- */

static int xen_domain_exists(struct pvb_store *s, uint16_t domid)
{
	struct store_xen *x = xen_of(s);
	bool there;

	if (x->dead)
		return -EIO;
	/* "No" and a failure look alike, but for errno. */
	errno = 0;
	there = xs_is_domain_introduced(x->xs, domid);
	if (!there && errno != 0 && errno != EINTR)
		return finish(x, false);
	take_events(x);
	return there;
}

/* Domains are built and ended by Xen's own toolstack, never by us. */
static int xen_no_domain(struct pvb_store *s, uint16_t domid)
{
	(void)domid;
	return xen_of(s)->dead ? -EIO : -EACCES;
}

/* ---- opening ----------------------------------------------------------- */

static void xen_close(struct pvb_store *s)
{
	struct store_xen *x = xen_of(s);

	xs_close(x->xs);
	pvb_store_events_drop(&x->events);
	free(x);
}

static const struct pvb_store_ops xen_ops = {
	.name = "xen",
	.close = xen_close,
	.read = xen_read,
	.write = xen_write,
	.list = xen_list,
	.mkdir = xen_mkdir,
	.remove = xen_remove,
	.set_perms = xen_set_perms,
	.get_perms = xen_get_perms,
	.begin = xen_begin,
	.commit = xen_commit,
	.abort = xen_abort,
	.watch = xen_watch,
	.unwatch = xen_unwatch,
	.next_event = xen_next_event,
	.fd = xen_fd,
	.domain_exists = xen_domain_exists,
	.introduce = xen_no_domain,
	.release = xen_no_domain,
};

/* Is xenstored to be found in this domain? */
static bool is_control_domain(void)
{
	char text[64] = "";
	FILE *f = fopen("/proc/xen/capabilities", "re");

	if (!f)
		return false;
	text[fread(text, 1, sizeof(text) - 1, f)] = '\0';
	fclose(f);
	return strstr(text, "control_d") != NULL;
}

/* There the kernel's device opens without a xenstored, and then nobody ever
   answers: so it is not tried, unless XENSTORED_PATH says so. */
static bool is_without_xenstored(void)
{
	return !getenv("XENSTORED_PATH") && is_control_domain() &&
	       access(xs_daemon_socket(), F_OK) < 0;
}

static int open_code(int error, struct pvb_err *e)
{
	if (error == EACCES || error == EPERM)
		return pvb_err_set(e, -EACCES,
		                   "no permission for the Xen store (only root "
		                   "has it)");
	if (error == ENOENT || error == ECONNREFUSED || error == ENXIO ||
	    error == ENODEV)
		return pvb_err_set(e, -ENOENT,
		                   "no Xen store answers: neither xenstored at "
		                   "%s nor /dev/xen/xenbus",
		                   xs_daemon_socket());
	return pvb_err_set(e, -EIO, "cannot open the Xen store: %s",
	                   strerror(error));
}

struct pvb_store *pvb_store_open_xen(struct pvb_err *e)
{
	struct store_xen *x;

	if (is_without_xenstored()) {
		open_code(ENOENT, e);
		return NULL;
	}
	x = calloc(1, sizeof(*x));
	if (!x) {
		pvb_err_set(e, -EIO, "no memory for a store connection");
		return NULL;
	}
	x->store.ops = &xen_ops;
	x->xs = xs_open(0);
	if (!x->xs) {
		open_code(errno, e);
		free(x);
		return NULL;
	}
	return &x->store;
}
