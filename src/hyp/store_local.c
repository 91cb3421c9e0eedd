/* SPDX-License-Identifier: MIT */
/*
 * store_local.c - the store table over the XenStore wire protocol on a Unix
 * socket: the local machine's, and that of xenstored and oxenstored.
 */
#include "store.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <pvb/err.h>

#include "base/queue.h"
#include "proto/keys.h"
#include "proto/xspath.h"
#include "store_code.h"
#include "storewire.h"

enum {
	LIST_BYTES_MAX = 1 << 20,       /* names of one directory */
	LIST_TRIES_MAX = 64,            /* while it changes under our eyes */
};

struct store_local {
	struct pvb_store store;
	struct pvb_storewire wire;
};

static struct pvb_storewire *wire_of(struct pvb_store *s)
{
	return &pvb_container(s, struct store_local, store)->wire;
}

/* ---- calls ------------------------------------------------------------- */

static int call(struct pvb_store *s, enum pvb_xs_type type, uint32_t tx,
                const struct pvb_storewire_part *part, uint32_t count,
                const char **reply, uint32_t *length)
{
	return pvb_store_code(pvb_storewire_call(wire_of(s), type, tx, part,
	                                         count, reply, length));
}

/* A request that is one or two strings; the reply may be left out. */
static int call_text(struct pvb_store *s, enum pvb_xs_type type, uint32_t tx,
                     const char *first, const char *second,
                     const char **reply, uint32_t *length)
{
	const char *unused_reply;
	uint32_t unused_length;
	struct pvb_storewire_part part[2] = { { first, strlen(first) + 1 } };
	uint32_t count = 1;

	if (second)
		part[count++] = (struct pvb_storewire_part){
			second, strlen(second) + 1 };
	return call(s, type, tx, part, count, reply ? reply : &unused_reply,
	            length ? length : &unused_length);
}

static void local_close(struct pvb_store *s)
{
	pvb_storewire_close(wire_of(s));
	free(pvb_container(s, struct store_local, store));
}

/* ---- nodes ------------------------------------------------------------- */

static int local_read(struct pvb_store *s, uint32_t tx, const char *path,
                      char *value, size_t cap)
{
	const char *reply;
	uint32_t length;
	int rc;

	rc = call_text(s, PVB_XS_READ, tx, path, NULL, &reply, &length);
	if (rc)
		return rc;
	if (length > cap)
		return -E2BIG;
	if (length)
		memcpy(value, reply, length);
	return (int)length;
}

static int local_write(struct pvb_store *s, uint32_t tx, const char *path,
                       const void *value, size_t bytes)
{
	const struct pvb_storewire_part part[2] = {
		{ path, strlen(path) + 1 }, { value, bytes } };
	const char *reply;
	uint32_t length;

	return call(s, PVB_XS_WRITE, tx, part, 2, &reply, &length);
}

static int local_mkdir(struct pvb_store *s, uint32_t tx, const char *path)
{
	return call_text(s, PVB_XS_MKDIR, tx, path, NULL, NULL, NULL);
}

static int local_remove(struct pvb_store *s, uint32_t tx, const char *path)
{
	int rc = call_text(s, PVB_XS_RM, tx, path, NULL, NULL, NULL);

	return rc == -ENOENT ? 0 : rc;
}

/* Names collected out of parts of a directory. */
struct names { char *text; size_t bytes; };

static int add_names(struct names *n, const char *from, size_t bytes)
{
	char *grown;

	if (bytes > LIST_BYTES_MAX - n->bytes)
		return -E2BIG;
	grown = realloc(n->text, n->bytes + bytes + 1);
	if (!grown)
		return -ENOSPC;
	n->text = grown;
	if (bytes)
		memcpy(n->text + n->bytes, from, bytes);
	n->bytes += bytes;
	return 0;
}

/*
 * One part of a directory that is too long for a message: "GENERATION", names,
 * and an empty name after the last.  1: that was the last; 0; -ESTALE: the
 * directory is not the one of `generation` any more.
 */
static int add_part(struct pvb_store *s, uint32_t tx, const char *path,
                    struct names *n, char generation[24])
{
	const char *reply, *names;
	uint32_t length, head;
	char offset[24];
	bool last;
	int rc;

	snprintf(offset, sizeof(offset), "%zu", n->bytes);
	rc = call_text(s, PVB_XS_DIRECTORY_PART, tx, path, offset, &reply,
	               &length);
	if (rc)
		return rc;
	head = (uint32_t)strlen(reply) + 1;
	if (head > length || head > 24 || length == head)
		return pvb_storewire_break(wire_of(s));
	if (n->bytes == 0)
		memcpy(generation, reply, head);
	else if (strcmp(generation, reply) != 0)
		return -ESTALE;
	names = reply + head;
	length -= head;
	if (names[length - 1] != '\0')
		return pvb_storewire_break(wire_of(s));
	last = length == 1 || names[length - 2] == '\0';
	rc = add_names(n, names, length - last);
	return rc ? rc : last;
}

static int list_parts(struct pvb_store *s, uint32_t tx, const char *path,
                      struct names *n)
{
	char generation[24];
	int rc = -ESTALE;

	for (uint32_t i = 0; i < LIST_TRIES_MAX && rc == -ESTALE; i++) {
		n->bytes = 0;
		do
			rc = add_part(s, tx, path, n, generation);
		while (rc == 0);
	}
	if (rc == -ESTALE)
		return -EAGAIN;
	return rc < 0 ? rc : 0;
}

static int local_list(struct pvb_store *s, uint32_t tx, const char *path,
                      char **names)
{
	struct names n = { NULL, 0 };
	const char *reply;
	uint32_t length;
	int rc;

	rc = call_text(s, PVB_XS_DIRECTORY, tx, path, NULL, &reply, &length);
	if (rc == 0)
		rc = add_names(&n, reply, length);
	else if (rc == -E2BIG)
		rc = list_parts(s, tx, path, &n);
	/* Who walks the names relies on the last one's NUL. */
	if (rc == 0 && n.bytes && n.text[n.bytes - 1] != '\0')
		rc = pvb_storewire_break(wire_of(s));
	if (rc) {
		free(n.text);
		return rc;
	}
	*names = n.text;
	return (int)n.bytes;
}

/* ---- permissions ------------------------------------------------------- */

static const char letters[] = "nrwb";   /* by PVB_STORE_READ | _WRITE */

static int local_set_perms(struct pvb_store *s, uint32_t tx, const char *path,
                           const struct pvb_store_perm *perm, uint32_t count)
{
	char text[PVB_XS_WIRE_PAYLOAD_MAX];
	struct pvb_storewire_part part[2] = { { path, strlen(path) + 1 },
	                                      { text, 0 } };
	const char *reply;
	uint32_t length;
	size_t at = 0;

	for (uint32_t i = 0; i < count; i++) {
		if (sizeof(text) - at < 8)
			return -E2BIG;
		at += (size_t)snprintf(text + at, sizeof(text) - at, "%c%u",
		                       letters[perm[i].rights & 3],
		                       perm[i].domid) + 1;
	}
	part[1].length = at;
	return call(s, PVB_XS_SET_PERMS, tx, part, 2, &reply, &length);
}

static bool parse_perm(const char *text, struct pvb_store_perm *out)
{
	const char *letter = text[0] ? strchr(letters, text[0]) : NULL;
	uint64_t domid;

	if (!letter || pvb_parse_u64(text + 1, strlen(text + 1), UINT16_MAX,
	                             &domid) != PVB_OK)
		return false;
	out->rights = (uint8_t)(letter - letters);
	out->domid = (uint16_t)domid;
	return true;
}

static int local_get_perms(struct pvb_store *s, uint32_t tx, const char *path,
                           struct pvb_store_perm *perm, uint32_t cap)
{
	struct pvb_store_perm one;
	const char *reply, *text;
	uint32_t length, count = 0;
	int32_t at = 0;
	int rc;

	rc = call_text(s, PVB_XS_GET_PERMS, tx, path, NULL, &reply, &length);
	if (rc)
		return rc;
	while ((text = pvb_xs_next_string(reply, length, &at))) {
		if (!parse_perm(text, &one))
			return pvb_storewire_break(wire_of(s));
		if (count < cap)
			perm[count] = one;
		count++;
	}
	return (int)count;
}

/* ---- transactions ------------------------------------------------------ */

static int local_begin(struct pvb_store *s, uint32_t *tx)
{
	const char *reply;
	uint32_t length;
	uint64_t id;
	int rc;

	rc = call_text(s, PVB_XS_TRANSACTION_START, 0, "", NULL, &reply,
	               &length);
	if (rc)
		return rc;
	if (pvb_parse_u64(reply, strlen(reply), UINT32_MAX, &id) != PVB_OK ||
	    id == PVB_STORE_NO_TX)
		return pvb_storewire_break(wire_of(s));
	*tx = (uint32_t)id;
	return 0;
}

static int local_commit(struct pvb_store *s, uint32_t tx)
{
	return call_text(s, PVB_XS_TRANSACTION_END, tx, "T", NULL, NULL, NULL);
}

static void local_abort(struct pvb_store *s, uint32_t tx)
{
	(void)call_text(s, PVB_XS_TRANSACTION_END, tx, "F", NULL, NULL, NULL);
}

/* ---- watches ----------------------------------------------------------- */

static int local_watch(struct pvb_store *s, const char *path, uint64_t token)
{
	char text[PVB_STORE_TOKEN_BYTES];
	int rc;

	/* The first event may come before the reply. */
	rc = pvb_store_events_expect(&wire_of(s)->events, path, token);
	if (rc)
		return pvb_store_code(rc);
	pvb_store_token(token, text);
	rc = call_text(s, PVB_XS_WATCH, 0, path, text, NULL, NULL);
	if (rc)
		pvb_store_events_forget(&wire_of(s)->events, path, token);
	/* xenstored says E2BIG of this quota. */
	return rc == -E2BIG ? -ENOSPC : rc;
}

static void local_unwatch(struct pvb_store *s, const char *path,
                          uint64_t token)
{
	char text[PVB_STORE_TOKEN_BYTES];

	pvb_store_token(token, text);
	(void)call_text(s, PVB_XS_UNWATCH, 0, path, text, NULL, NULL);
	pvb_store_events_forget(&wire_of(s)->events, path, token);
}

static int local_next_event(struct pvb_store *s, struct pvb_store_event *e)
{
	return pvb_storewire_event(wire_of(s), e);
}

static int local_fd(struct pvb_store *s)
{
	return wire_of(s)->fd;
}

/* ---- domains ----------------------------------------------------------- */

static int call_domain(struct pvb_store *s, enum pvb_xs_type type,
                       uint16_t domid, const char **reply)
{
	char text[32];
	struct pvb_storewire_part part = { text, 0 };
	const char *unused;
	uint32_t length;

	part.length = (size_t)snprintf(text, sizeof(text), "%u", domid) + 1;
	/* A page and an event channel, which mean nothing without Xen. */
	if (type == PVB_XS_INTRODUCE) {
		memcpy(text + part.length, "0\0000", 4);
		part.length += 4;
	}
	return call(s, type, 0, &part, 1, reply ? reply : &unused, &length);
}

static int local_domain_exists(struct pvb_store *s, uint16_t domid)
{
	const char *reply;
	int rc;

	rc = call_domain(s, PVB_XS_IS_DOMAIN_INTRODUCED, domid, &reply);
	return rc ? rc : strcmp(reply, "T") == 0;
}

static int local_introduce(struct pvb_store *s, uint16_t domid)
{
	return call_domain(s, PVB_XS_INTRODUCE, domid, NULL);
}

static int local_release(struct pvb_store *s, uint16_t domid)
{
	return call_domain(s, PVB_XS_RELEASE, domid, NULL);
}

static const struct pvb_store_ops local_ops = {
	.name = "local",
	.close = local_close,
	.read = local_read,
	.write = local_write,
	.list = local_list,
	.mkdir = local_mkdir,
	.remove = local_remove,
	.set_perms = local_set_perms,
	.get_perms = local_get_perms,
	.begin = local_begin,
	.commit = local_commit,
	.abort = local_abort,
	.watch = local_watch,
	.unwatch = local_unwatch,
	.next_event = local_next_event,
	.fd = local_fd,
	.domain_exists = local_domain_exists,
	.introduce = local_introduce,
	.release = local_release,
};

/* ---- opening ----------------------------------------------------------- */

static int open_code(struct pvb_err *e, int rc, const char *path)
{
	switch (rc) {
	case -ENOENT:
		return pvb_err_set(e, rc, "no store answers at %s", path);
	case -EACCES:
		return pvb_err_set(e, rc, "no permission for the store at %s",
		                   path);
	case -ENAMETOOLONG:
		return pvb_err_set(e, rc, "the socket path %s is longer than "
		                   "107 bytes", path);
	case -ETIMEDOUT:
		return pvb_err_set(e, rc, "the store at %s does not answer",
		                   path);
	default:
		return pvb_err_set(e, -EIO, "cannot connect to the store at "
		                   "%s", path);
	}
}

struct pvb_store *pvb_store_open_socket(const char *path, struct pvb_err *e)
{
	struct store_local *l = malloc(sizeof(*l));
	int rc;

	if (!l) {
		pvb_err_set(e, -EIO, "no memory for a store connection");
		return NULL;
	}
	l->store.ops = &local_ops;
	rc = pvb_storewire_open(&l->wire, path);
	if (rc) {
		open_code(e, rc, path);
		free(l);
		return NULL;
	}
	return &l->store;
}
