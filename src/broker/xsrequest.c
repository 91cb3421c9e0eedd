/* SPDX-License-Identifier: MIT */
/* xsrequest.c - requests of the XenStore wire protocol; see xsrequest.h. */
#include "xsrequest.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "proto/xspath.h"

/* A handler fills r->reply and returns its length, or a negative errno. */
typedef int handler(struct pvb_xsrequest *r);

/* ---- payloads ---------------------------------------------------------- */

static int reply_text(struct pvb_xsrequest *r, const char *text)
{
	size_t bytes = strlen(text) + 1;

	if (bytes > PVB_XS_WIRE_PAYLOAD_MAX)
		return -E2BIG;
	memcpy(r->reply, text, bytes);
	return (int)bytes;
}

static int reply_ok(struct pvb_xsrequest *r, int rc)
{
	return rc ? rc : reply_text(r, "OK");
}

/* The payload is exactly `count` strings, each with its NUL. */
static bool take_strings(const struct pvb_xsrequest *r, const char **out,
                         uint32_t count)
{
	int32_t at = 0;

	for (uint32_t i = 0; i < count; i++) {
		out[i] = pvb_xs_next_string(r->payload, r->header.length, &at);
		if (!out[i])
			return false;
	}
	return (uint32_t)at == r->header.length;
}

static bool parse_number(const char *text, uint32_t max, uint32_t *out)
{
	uint32_t n = 0;

	if (*text == '\0')
		return false;
	for (; *text; text++) {
		if (*text < '0' || *text > '9')
			return false;
		if (n > (max - (uint32_t)(*text - '0')) / 10)
			return false;
		n = n * 10 + (uint32_t)(*text - '0');
	}
	*out = n;
	return true;
}

/* The first string is a domain's number; others may follow. */
static bool take_domid(const struct pvb_xsrequest *r, uint16_t *domid)
{
	int32_t at = 0;
	const char *text = pvb_xs_next_string(r->payload, r->header.length,
	                                      &at);
	uint32_t n;

	if (!text || !parse_number(text, PVB_XS_DOMID_MAX, &n))
		return false;
	*domid = (uint16_t)n;
	return true;
}

/* ---- nodes ------------------------------------------------------------- */

static int do_read(struct pvb_xsrequest *r)
{
	const char *path;
	const void *value;
	uint32_t bytes;
	int rc;

	if (!take_strings(r, &path, 1))
		return -EINVAL;
	rc = pvb_xstree_read(r->client, r->header.tx_id, path, &value, &bytes);
	if (rc)
		return rc;
	if (bytes)
		memcpy(r->reply, value, bytes);
	return (int)bytes;
}

static int do_write(struct pvb_xsrequest *r)
{
	int32_t at = 0;
	const char *path = pvb_xs_next_string(r->payload, r->header.length,
	                                      &at);

	if (!path)
		return -EINVAL;
	return reply_ok(r, pvb_xstree_write(r->client, r->header.tx_id, path,
	                                    r->payload + at,
	                                    r->header.length - (uint32_t)at));
}

static int do_mkdir(struct pvb_xsrequest *r)
{
	const char *path;

	if (!take_strings(r, &path, 1))
		return -EINVAL;
	return reply_ok(r, pvb_xstree_mkdir(r->client, r->header.tx_id, path));
}

static int do_rm(struct pvb_xsrequest *r)
{
	const char *path;

	if (!take_strings(r, &path, 1))
		return -EINVAL;
	return reply_ok(r, pvb_xstree_remove(r->client, r->header.tx_id, path));
}

static int do_directory(struct pvb_xsrequest *r)
{
	struct pvb_xslist list;
	const char *path;
	int rc;

	if (!take_strings(r, &path, 1))
		return -EINVAL;
	rc = pvb_xstree_list(r->client, r->header.tx_id, path, 0, r->reply,
	                     PVB_XS_WIRE_PAYLOAD_MAX, &list);
	if (rc)
		return rc;
	/* Too many for one message: the client asks again, for parts. */
	return list.bytes > PVB_XS_WIRE_PAYLOAD_MAX ? -E2BIG : (int)list.bytes;
}

/* "GENERATION" and then whole names from an offset on; an empty one ends it. */
static int do_directory_part(struct pvb_xsrequest *r)
{
	char generation[24];
	struct pvb_xslist list;
	const char *arg[2];
	uint32_t offset, head, room, bytes;
	char *names;
	int rc;

	if (!take_strings(r, arg, 2) ||
	    !parse_number(arg[1], UINT32_MAX, &offset))
		return -EINVAL;
	/* The list comes first, behind the longest number there is. */
	names = r->reply + sizeof(generation);
	room = PVB_XS_WIRE_PAYLOAD_MAX - (uint32_t)sizeof(generation) - 1;
	rc = pvb_xstree_list(r->client, r->header.tx_id, arg[0], offset, names,
	                     room, &list);
	if (rc)
		return rc;
	bytes = list.copied;
	if (offset >= list.bytes || bytes == list.bytes - offset)
		names[bytes++] = '\0';
	else
		while (bytes && names[bytes - 1] != '\0')
			bytes--;
	head = (uint32_t)snprintf(generation, sizeof(generation), "%llu",
	                          (unsigned long long)list.generation) + 1;
	memcpy(r->reply, generation, head);
	memmove(r->reply + head, names, bytes);
	return (int)(head + bytes);
}

static int do_get_perms(struct pvb_xsrequest *r)
{
	const struct pvb_xsperm *perm;
	uint32_t count, at = 0;
	const char *path;
	char text[8];
	size_t bytes;
	int rc;

	if (!take_strings(r, &path, 1))
		return -EINVAL;
	rc = pvb_xstree_get_perms(r->client, r->header.tx_id, path, &perm,
	                          &count);
	if (rc)
		return rc;
	for (uint32_t i = 0; i < count; i++) {
		bytes = pvb_xsperms_print(&perm[i], text);
		if (bytes > PVB_XS_WIRE_PAYLOAD_MAX - at)
			return -E2BIG;
		memcpy(r->reply + at, text, bytes);
		at += (uint32_t)bytes;
	}
	return (int)at;
}

static int do_set_perms(struct pvb_xsrequest *r)
{
	struct pvb_xsperm perm[PVB_XS_WIRE_PAYLOAD_MAX / 3];
	const char *path, *text;
	uint32_t count = 0;
	int32_t at = 0;

	path = pvb_xs_next_string(r->payload, r->header.length, &at);
	if (!path)
		return -EINVAL;
	/* The shortest entry has three bytes, so the payload bounds them. */
	while ((text = pvb_xs_next_string(r->payload, r->header.length, &at)))
		if (!pvb_xsperms_parse(text, &perm[count++]))
			return -EINVAL;
	if (at < 0 || count == 0)
		return -EINVAL;
	return reply_ok(r, pvb_xstree_set_perms(r->client, r->header.tx_id,
	                                        path, perm, count));
}

/* ---- watches and transactions ------------------------------------------ */

static int do_watch(struct pvb_xsrequest *r)
{
	const char *arg[2];

	if (!take_strings(r, arg, 2))
		return -EINVAL;
	return reply_ok(r, pvb_xstree_watch(r->client, arg[0], arg[1]));
}

static int do_unwatch(struct pvb_xsrequest *r)
{
	const char *arg[2];

	if (!take_strings(r, arg, 2))
		return -EINVAL;
	return reply_ok(r, pvb_xstree_unwatch(r->client, arg[0], arg[1]));
}

static int do_reset_watches(struct pvb_xsrequest *r)
{
	pvb_xsclient_reset(r->client);
	return reply_ok(r, 0);
}

static int do_transaction_start(struct pvb_xsrequest *r)
{
	char text[16];
	uint32_t tx;
	int rc;

	if (r->header.tx_id)
		return -EBUSY;
	rc = pvb_xstree_begin(r->client, &tx);
	if (rc)
		return rc;
	snprintf(text, sizeof(text), "%lu", (unsigned long)tx);
	return reply_text(r, text);
}

static int do_transaction_end(struct pvb_xsrequest *r)
{
	bool commit;
	const char *how;

	if (!take_strings(r, &how, 1))
		return -EINVAL;
	commit = strcmp(how, "T") == 0;
	if (!commit && strcmp(how, "F") != 0)
		return -EINVAL;
	return reply_ok(r, pvb_xstree_end(r->client, r->header.tx_id, commit));
}

/* ---- domains ----------------------------------------------------------- */

static int do_introduce(struct pvb_xsrequest *r)
{
	/* Page and event channel mean nothing here, but are of the form. */
	const char *arg[3];
	uint16_t domid;

	if (!take_strings(r, arg, 3) || !take_domid(r, &domid))
		return -EINVAL;
	if (pvb_xstree_is_introduced(r->tree, domid))
		return -EEXIST;
	return reply_ok(r, r->ops->introduce(r->arg, domid));
}

static int do_release(struct pvb_xsrequest *r)
{
	uint16_t domid;

	/* One that has halted is not introduced, but still to be released. */
	if (!take_domid(r, &domid) || domid == 0)
		return -EINVAL;
	return reply_ok(r, r->ops->release(r->arg, domid));
}

static int do_resume(struct pvb_xsrequest *r)
{
	uint16_t domid;

	if (!take_domid(r, &domid) || domid == 0)
		return -EINVAL;
	/* A local domain that is shut down is gone, so there is nothing to
	   make ready for a second shutdown. */
	return reply_ok(r, pvb_xstree_is_introduced(r->tree, domid) ? 0
	                                                            : -ENOENT);
}

static int do_set_target(struct pvb_xsrequest *r)
{
	uint32_t domid, target;
	const char *arg[2];

	if (!take_strings(r, arg, 2) ||
	    !parse_number(arg[0], PVB_XS_DOMID_MAX, &domid) ||
	    !parse_number(arg[1], PVB_XS_DOMID_MAX, &target))
		return -EINVAL;
	return reply_ok(r, pvb_xstree_set_target(r->tree, (uint16_t)domid,
	                                         (uint16_t)target));
}

static int do_get_domain_path(struct pvb_xsrequest *r)
{
	char path[32];
	uint16_t domid;

	if (!take_domid(r, &domid))
		return -EINVAL;
	snprintf(path, sizeof(path), "/local/domain/%u", domid);
	return reply_text(r, path);
}

static int do_is_domain_introduced(struct pvb_xsrequest *r)
{
	uint16_t domid;

	if (!take_domid(r, &domid))
		return -EINVAL;
	return reply_text(r, pvb_xstree_is_introduced(r->tree, domid) ? "T"
	                                                              : "F");
}

static int do_control(struct pvb_xsrequest *r)
{
	const struct pvb_xslimits *l = pvb_xstree_limits(r->tree);
	char text[256];
	int32_t at = 0;
	const char *what = pvb_xs_next_string(r->payload, r->header.length,
	                                      &at);

	if (!what)
		return -EINVAL;
	if (strcmp(what, "help") == 0)
		return reply_text(r, "help\nquota\n");
	if (strcmp(what, "quota") != 0)
		return -EINVAL;
	snprintf(text, sizeof(text),
	         "nodes %u\nnode-bytes %u\npermissions %u\nwatches %u\n"
	         "transactions %u\ntransaction-nodes %u\n",
	         l->nodes, l->node_bytes, l->perms, l->watches,
	         l->transactions, l->tx_nodes);
	return reply_text(r, text);
}

/* ---- dispatch ---------------------------------------------------------- */

static const struct {
	handler *run;
	bool privileged;
} handlers[PVB_XS_TYPE_COUNT] = {
	[PVB_XS_CONTROL]              = { do_control, true },
	[PVB_XS_DIRECTORY]            = { do_directory, false },
	[PVB_XS_READ]                 = { do_read, false },
	[PVB_XS_GET_PERMS]            = { do_get_perms, false },
	[PVB_XS_WATCH]                = { do_watch, false },
	[PVB_XS_UNWATCH]              = { do_unwatch, false },
	[PVB_XS_TRANSACTION_START]    = { do_transaction_start, false },
	[PVB_XS_TRANSACTION_END]      = { do_transaction_end, false },
	[PVB_XS_INTRODUCE]            = { do_introduce, true },
	[PVB_XS_RELEASE]              = { do_release, true },
	[PVB_XS_GET_DOMAIN_PATH]      = { do_get_domain_path, false },
	[PVB_XS_WRITE]                = { do_write, false },
	[PVB_XS_MKDIR]                = { do_mkdir, false },
	[PVB_XS_RM]                   = { do_rm, false },
	[PVB_XS_SET_PERMS]            = { do_set_perms, false },
	[PVB_XS_IS_DOMAIN_INTRODUCED] = { do_is_domain_introduced, true },
	[PVB_XS_RESUME]               = { do_resume, true },
	[PVB_XS_SET_TARGET]           = { do_set_target, true },
	[PVB_XS_RESET_WATCHES]        = { do_reset_watches, false },
	[PVB_XS_DIRECTORY_PART]       = { do_directory_part, false },
};

void pvb_xsrequest_run(struct pvb_xsrequest *r)
{
	uint32_t type = r->header.type;
	int rc;

	if (type >= PVB_XS_TYPE_COUNT || !handlers[type].run)
		rc = -ENOSYS;
	else if (handlers[type].privileged &&
	         pvb_xsclient_domid(r->client) != 0)
		rc = -EACCES;
	else
		rc = handlers[type].run(r);
	if (rc < 0) {
		r->header.type = PVB_XS_ERROR;
		rc = reply_text(r, pvb_xs_error_name(rc));
	}
	r->header.length = (uint32_t)rc;
}
