/* SPDX-License-Identifier: MIT */
/*
 * fuzz_xsrequest.c - any sequence of XenStore requests from domain 0 and two
 * guests, on one store.
 *
 * The input is a list of: who asks, the type, which transaction, a length and
 * that many bytes of payload; some payloads are taken from a list of useful
 * ones, so that the store is reached at all.  Checked after each: the answer
 * is of the form of the wire; and at the end, that watches, transactions and
 * (by the sanitizer) memory are given back.
 */
#include <errno.h>

#include "broker/xsrequest.h"
#include "fuzz.h"

enum { CLIENTS = 3, REQUESTS_MAX = 200 };

struct world {
	struct pvb_xstree *tree;
	struct pvb_xsclient *client[CLIENTS];
};

static const char *const paths[] = {
	"/", "/a", "/a/b", "/a/b/c", "/g", "/g/x", "/g/x/y", "x", "x/y",
	"/local/domain/1", "/local/domain/2/x", "@releaseDomain", "/g/", "",
	"@introduceDomain", "//",
};

static int on_introduce(void *arg, uint16_t domid)
{
	struct world *w = arg;

	return pvb_xstree_introduce(w->tree, domid);
}

/* The guests of the clients stay: their connections would have to end. */
static int on_release(void *arg, uint16_t domid)
{
	struct world *w = arg;

	return domid < CLIENTS ? -ENOENT : pvb_xstree_release(w->tree, domid);
}

static const struct pvb_xsserver_ops ops = { on_introduce, on_release };

static void set_up(struct world *w)
{
	static const struct pvb_xslimits limits = { 12, 200, 3, 4, 2, 20 };
	static const struct pvb_xsperm guests = { 1, 3 };

	w->tree = pvb_xstree_create(&limits);
	FUZZ_CHECK(w->tree);
	for (uint16_t i = 0; i < CLIENTS; i++) {
		if (i)
			FUZZ_CHECK(pvb_xstree_introduce(w->tree, i) == 0);
		w->client[i] = pvb_xsclient_create(w->tree, i, NULL, NULL);
		FUZZ_CHECK(w->client[i]);
	}
	FUZZ_CHECK(pvb_xstree_mkdir(w->client[0], 0, "/g") == 0);
	FUZZ_CHECK(pvb_xstree_set_perms(w->client[0], 0, "/g", &guests, 1) ==
	           0);
}

/* The payload of the next request; its length. */
static uint32_t next_payload(struct fuzz_input *in, char *out)
{
	uint8_t head[3];
	uint32_t n = 0;

	fuzz_take(in, head, sizeof(head));
	if (head[0] & 1) {
		strcpy(out, paths[(head[0] >> 1) % (sizeof(paths) /
		                                    sizeof(paths[0]))]);
		n = (uint32_t)strlen(out) + 1;
	}
	fuzz_take(in, out + n, head[1] % 64);
	n += head[1] % 64;
	if (head[2] & 1)
		out[n++] = '\0';
	out[n] = '\0';
	return n;
}

static void check_answer(const struct pvb_xsrequest *r, uint32_t type)
{
	FUZZ_CHECK(r->header.length <= PVB_XS_WIRE_PAYLOAD_MAX);
	if (r->header.type != PVB_XS_ERROR) {
		FUZZ_CHECK(r->header.type == type);
		return;
	}
	FUZZ_CHECK(r->header.length >= 4 && r->reply[0] == 'E');
	FUZZ_CHECK(r->reply[r->header.length - 1] == '\0');
	/* Nothing that the wire has no name for. */
	FUZZ_CHECK(strcmp(r->reply, "EIO") != 0);
}

static void take_events(struct pvb_xsclient *c)
{
	const char *path, *token;

	while (pvb_xsclient_peek_event(c, &path, &token)) {
		FUZZ_CHECK(strlen(path) + strlen(token) + 2 <=
		           PVB_XS_WIRE_PAYLOAD_MAX);
		pvb_xsclient_drop_event(c);
	}
}

static void run_one(struct world *w, struct fuzz_input *in)
{
	char payload[512], reply[PVB_XS_WIRE_PAYLOAD_MAX];
	struct pvb_xsrequest r = { .tree = w->tree, .ops = &ops, .arg = w,
	                           .payload = payload, .reply = reply };
	uint8_t head[2];
	uint32_t type;

	fuzz_take(in, head, sizeof(head));
	r.client = w->client[head[0] % CLIENTS];
	type = head[1] % (PVB_XS_TYPE_COUNT + 1);
	r.header = (struct pvb_xs_header){ type, 1, (head[0] >> 2) % 4, 0 };
	r.header.length = next_payload(in, payload);
	pvb_xsrequest_run(&r);
	check_answer(&r, type);
	if (head[1] & 0x80)
		take_events(r.client);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	struct fuzz_input in = { bytes, length };
	struct pvb_xscounts counts;
	struct world w;

	set_up(&w);
	for (uint32_t i = 0; i < REQUESTS_MAX && in.length; i++)
		run_one(&w, &in);
	for (uint32_t i = 0; i < CLIENTS; i++)
		pvb_xsclient_destroy(w.client[i]);
	pvb_xstree_counts(w.tree, &counts);
	FUZZ_CHECK(counts.clients == 0);
	FUZZ_CHECK(counts.watches == 0);
	FUZZ_CHECK(counts.transactions == 0);
	pvb_xstree_destroy(w.tree);
	return 0;
}
