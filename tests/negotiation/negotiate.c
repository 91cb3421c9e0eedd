/* SPDX-License-Identifier: MIT */
/*
 * What pvb's negotiation makes of cases read from standard input, one a line:
 *
 *   offer    SETTINGS               a back's limits as nodes
 *   front    SETTINGS -- NODES      a front's answer to a back's offer
 *   back     SETTINGS -- NODES      a back's answer to a front's terms
 *   publish  SETTINGS               a back's disk as nodes
 *   read     -- NODES               a front's answer to a back's disk
 *
 * Fields are apart by tabs; a setting is name=number, a node name=value with
 * its odd bytes as %XX.  The answer is one line, too:
 *
 *   agreed SETTINGS -- NODES   or   refused REASON NODE
 *
 * Nodes are read as the control halves do: those that blkneg.h lists, and no
 * other.  A front's references for queue q are 1000 + 100 * q on, its port is
 * 500 + q.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/blkneg.h"

enum { FIELDS_MAX = 512, FIRST_REF = 1000, REFS_QUEUE = 100, FIRST_PORT = 500 };

struct fields {
	char *at[FIELDS_MAX];
	uint32_t settings, count;       /* from `settings` on: nodes */
};

/* What cannot fail, unless the test itself is wrong. */
static void must(int e)
{
	if (e < 0)
		abort();
}

/* ---- the line ------------------------------------------------------------ */

static void split(struct fields *f, char *line)
{
	char *rest = line, *field;

	f->settings = f->count = 0;
	while ((field = strsep(&rest, "\t\n")) != NULL) {
		if (strcmp(field, "--") == 0) {
			f->settings = f->count;
		} else if (*field) {
			must(f->count < FIELDS_MAX ? 0 : -ENOSPC);
			f->at[f->count++] = field;
		}
	}
	if (f->settings == 0)
		f->settings = f->count;
}

static const char *value_of(const struct fields *f, uint32_t from, uint32_t to,
                            const char *name)
{
	size_t length = strlen(name);

	for (uint32_t i = from; i < to; i++)
		if (strncmp(f->at[i], name, length) == 0 &&
		    f->at[i][length] == '=')
			return f->at[i] + length + 1;
	return NULL;
}

static uint64_t setting(const struct fields *f, const char *name)
{
	const char *text = value_of(f, 1, f->settings, name);

	return text ? strtoull(text, NULL, 10) : 0;
}

/* The node as it stands in the store, if it is there. */
static int fetch(struct pvb_keys *k, const struct fields *f, const char *name)
{
	static char bytes[8192];
	const char *text = value_of(f, f->settings, f->count, name);
	size_t used = 0;

	if (!text)
		return 0;
	for (; *text; text++) {
		char hex[3] = { 0 };

		must(used < sizeof(bytes) ? 0 : -ENOSPC);
		if (*text == '%') {
			memcpy(hex, text + 1, 2);
			bytes[used++] = (char)strtoul(hex, NULL, 16);
			text += 2;
		} else {
			bytes[used++] = *text;
		}
	}
	return pvb_keys_put(k, name, bytes, used);
}

static int fetch_all(struct pvb_keys *k, const struct fields *f,
                     const char *const *names)
{
	int e = 0;

	for (; e == 0 && *names; names++)
		e = fetch(k, f, *names);
	return e;
}

static void print_nodes(const struct pvb_keys *k)
{
	printf("\t--");
	for (uint32_t i = 0; i < k->count; i++)
		printf("\t%s=%s", k->bytes + k->key[i].name_at,
		       k->bytes + k->key[i].value_at);
}

static void print_refused(enum pvb_why why, const char *bad)
{
	printf("refused\t%s\t%s", pvb_why_name(why), bad ? bad : "?");
}

/* ---- limits and terms ---------------------------------------------------- */

static void take_limits(struct pvb_blk_limits *l, const struct fields *f)
{
	*l = (struct pvb_blk_limits){
		.ring_order_max = (uint8_t)setting(f, "order"),
		.queues_max = (uint16_t)setting(f, "queues"),
		.indirect_max = (uint16_t)setting(f, "indirect"),
		.persistent = setting(f, "persistent"),
		.segment_blocks = setting(f, "blocks"),
		.units = (enum pvb_blk_units)setting(f, "units"),
	};
}

static void print_terms(const struct pvb_blk_terms *t)
{
	printf("agreed\tabi=%s\torder=%u\tpersistent=%u\tlarge=%u\tindirect=%u"
	       "\tblocks=%u,%u,%u", pvb_abi_name(t->abi), t->ring_order,
	       t->persistent, t->large_sectors, t->indirect_max,
	       t->blocks.segs_max,
	       t->blocks.requests_max, t->blocks.bytes_max);
	for (uint32_t q = 0; q < t->queues; q++) {
		printf("\tqueue=%u", t->queue[q].port);
		for (uint32_t i = 0; i < 1u << t->ring_order; i++)
			printf(",%u", t->queue[q].ring_ref[i]);
	}
}

static void do_offer(const struct fields *f)
{
	static struct pvb_keys k;
	struct pvb_blk_limits own;

	memset(&k, 0, sizeof(k));
	take_limits(&own, f);
	must(pvb_blk_offer_put(&k, &own));
	printf("agreed");
	print_nodes(&k);
}

static void fill_queues(struct pvb_blk_terms *t)
{
	for (uint32_t q = 0; q < t->queues; q++) {
		t->queue[q].port = FIRST_PORT + q;
		for (uint32_t i = 0; i < 1u << t->ring_order; i++)
			t->queue[q].ring_ref[i] = FIRST_REF + REFS_QUEUE * q +
			                          i;
	}
}

static enum pvb_abi abi_called(const char *name)
{
	enum pvb_abi abi = PVB_ABI_X86_32;

	while (strcmp(pvb_abi_name(abi), name) != 0)
		must(++abi < PVB_ABI_COUNT ? 0 : -EINVAL);
	return abi;
}

static void do_front(const struct fields *f)
{
	static struct pvb_keys offered, said;
	struct pvb_blk_limits own;
	struct pvb_blk_offer offer;
	struct pvb_blk_terms t;
	const char *bad = NULL;
	enum pvb_why why;

	memset(&offered, 0, sizeof(offered));
	memset(&said, 0, sizeof(said));
	take_limits(&own, f);
	own.abi_given = true;
	own.abi = abi_called(value_of(f, 1, f->settings, "abi"));
	must(fetch_all(&offered, f, pvb_blk_offer_names));
	why = pvb_blk_offer_get(&offered, &offer, &bad);
	if (why != PVB_OK) {
		print_refused(why, bad);
		return;
	}
	pvb_blk_terms_choose(&t, &own, &offer);
	fill_queues(&t);
	must(pvb_blk_terms_put(&said, &t));
	print_terms(&t);
	print_nodes(&said);
}

static int fetch_terms(struct pvb_keys *k, const struct fields *f,
                       const struct pvb_blk_limits *own)
{
	const char *name;
	uint64_t queues = 1;
	int e = fetch_all(k, f, pvb_blk_terms_names);

	if (e < 0 || pvb_keys_u64_or(k, "multi-queue-num-queues",
	                             own->queues_max, 1, &queues) != PVB_OK)
		return e;
	for (uint32_t i = 0; e == 0 &&
	     (name = pvb_blk_terms_queue_name((uint32_t)queues, i)); i++)
		e = fetch(k, f, name);
	return e;
}

static void do_back(const struct fields *f)
{
	static struct pvb_keys k;
	struct pvb_blk_limits own;
	struct pvb_blk_terms t;
	const char *bad = NULL;
	enum pvb_why why;

	memset(&k, 0, sizeof(k));
	take_limits(&own, f);
	if (fetch_terms(&k, f, &own) < 0) {
		printf("too much");
		return;
	}
	why = pvb_blk_terms_get(&k, &own, abi_called(
			value_of(f, 1, f->settings, "abi")), &t, &bad);
	if (why == PVB_OK)
		why = pvb_blk_terms_units(&t, own.units,
			(uint32_t)setting(f, "sector"), &bad);
	if (why == PVB_OK)
		print_terms(&t);
	else
		print_refused(why, bad);
}

/* ---- the disk ------------------------------------------------------------ */

enum { CDROM = 1, REMOVABLE = 2, READ_ONLY = 4 };  /* wire values of `info` */

static void do_publish(const struct fields *f)
{
	static struct pvb_keys k;
	uint64_t info = setting(f, "info");
	struct pvb_blk_geometry g = {
		.sectors = setting(f, "sectors"),
		.sector_size_bytes = (uint32_t)setting(f, "logical"),
		.physical_size_bytes = (uint32_t)setting(f, "physical"),
		.cdrom = info & CDROM,
		.removable = info & REMOVABLE,
		.read_only = info & READ_ONLY,
		.flush = setting(f, "flush"),
		.barrier = setting(f, "barrier"),
		.persistent = setting(f, "persistent"),
		.discard = setting(f, "discard"),
		.discard_secure = setting(f, "secure"),
		.discard_granularity_bytes =
			(uint32_t)setting(f, "granularity"),
		.discard_alignment_bytes = (uint32_t)setting(f, "alignment"),
		.units = (enum pvb_blk_units)setting(f, "units"),
	};

	memset(&k, 0, sizeof(k));
	must(pvb_blk_geometry_put(&k, &g));
	printf("agreed");
	print_nodes(&k);
}

static void do_read(const struct fields *f)
{
	static struct pvb_keys k;
	struct pvb_blk_geometry g;
	const char *bad = NULL;
	enum pvb_why why;

	memset(&k, 0, sizeof(k));
	must(fetch_all(&k, f, pvb_blk_geometry_names));
	why = pvb_blk_geometry_get(&k, (enum pvb_blk_units)setting(f, "units"),
	                           &g, &bad);
	if (why != PVB_OK) {
		print_refused(why, bad);
		return;
	}
	printf("agreed\tsectors=%llu\tlogical=%u\tphysical=%u\tinfo=%u",
	       (unsigned long long)g.sectors, g.sector_size_bytes,
	       g.physical_size_bytes,
	       (g.cdrom ? CDROM : 0) | (g.removable ? REMOVABLE : 0) |
	               (g.read_only ? READ_ONLY : 0));
	printf("\tflush=%u\tbarrier=%u\tpersistent=%u\tdiscard=%u\tsecure=%u"
	       "\tgranularity=%u\talignment=%u\tindirect=%u\tunits=%u", g.flush,
	       g.barrier, g.persistent, g.discard, g.discard_secure,
	       g.discard_granularity_bytes, g.discard_alignment_bytes,
	       g.segs_indirect_max, g.units);
}

int main(void)
{
	static const struct {
		const char *name;
		void (*run)(const struct fields *f);
	} command[] = {
		{ "offer", do_offer }, { "front", do_front },
		{ "back", do_back }, { "publish", do_publish },
		{ "read", do_read },
	};
	static struct fields f;
	char *line = NULL;
	size_t room = 0;

	while (getline(&line, &room, stdin) > 0) {
		size_t i = 0;

		split(&f, line);
		while (strcmp(command[i].name, f.at[0]) != 0)
			must(++i < sizeof(command) / sizeof(command[0])
			             ? 0 : -EINVAL);
		command[i].run(&f);
		putchar('\n');
	}
	free(line);
	return ferror(stdin) || fflush(stdout) != 0;
}
