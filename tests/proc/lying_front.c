/* SPDX-License-Identifier: MIT */
/*
 * A front of one page that says and asks whatever its standard input tells it,
 * a line each, and answers each line with one:
 *
 *	usage: lying_front MACHINE DOMAIN NUMBER
 *	(at first)            ready RING-REF PORT PAGE-REF PAGE-REF
 *	fresh                 begin a ring                      done
 *	say NAME VALUE        write a node of its own           done
 *	ask [NAME=NUMBER...]  send a request, see `fields`      STATUS
 *	show NUMBER           publish this index                done
 */
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <pvb/err.h>

#include "hyp/mem.h"
#include "hyp/store.h"
#include "proto/blkproto.h"
#include "proto/ring.h"

enum { PAGES = 2, ANSWER_MS = 20000, LINE_BYTES = 512 };

struct front {
	struct pvb_store *store;
	struct pvb_mem *mem;
	char dir[64];
	void *ring_page;
	uint32_t ring_ref, port, page_ref[PAGES];
	struct pvb_ring ring;
};

static void die(const char *what)
{
	fprintf(stderr, "lying_front: %s\n", what);
	exit(1);
}

static void check(int r, const char *what)
{
	if (r < 0)
		die(what);
}

static void tell(const char *line)
{
	puts(line);
	fflush(stdout);
}

/* ---- what it has --------------------------------------------------------- */

static void fresh(struct front *f)
{
	pvb_ring_format(f->ring_page, PVB_MEM_PAGE_BYTES);
	check(pvb_ring_attach(&f->ring, PVB_FRONT, f->ring_page,
	                      PVB_MEM_PAGE_BYTES,
	                      pvb_blk_slot_bytes(PVB_ABI_X86_64)), "ring");
}

static void begin(struct front *f, const char *machine, uint16_t domid,
                  const char *number)
{
	struct pvb_err e = PVB_ERR_INIT;
	char line[LINE_BYTES];
	void *page;

	f->store = pvb_store_open_local(machine, domid, false, &e);
	if (f->store)
		f->mem = pvb_mem_open_local(machine, domid, NULL, &e);
	if (!f->mem)
		die(e.text);
	(void)snprintf(f->dir, sizeof(f->dir), "device/vbd/%s", number);
	check(f->mem->ops->share(f->mem, 0, 1, false, &f->ring_page,
	                         &f->ring_ref), "ring page");
	check(f->mem->ops->share(f->mem, 0, PAGES, false, &page, f->page_ref),
	      "pages");
	check(f->mem->ops->offer(f->mem, 0, &f->port), "port");
	fresh(f);
	(void)snprintf(line, sizeof(line), "ready %u %u %u %u", f->ring_ref,
	               f->port, f->page_ref[0], f->page_ref[1]);
	tell(line);
}

/* ---- the store ----------------------------------------------------------- */

static void say(struct front *f, const char *name, const char *value)
{
	check(pvb_store_write_at(f->store, PVB_STORE_NO_TX, f->dir, name,
	                         value), name);
	tell("done");
}

/* ---- the ring ------------------------------------------------------------ */

/* Of an honest read of a page, but for what the line says. */
static void build(struct pvb_blk_req *r, const struct front *f, char *line)
{
	uint64_t op = PVB_BLK_READ, segs = 1, first = 0, last = 7, secure = 0;
	uint64_t gref = f->page_ref[0], list = 0, sector = 0, sectors = 0;
	const struct { const char *name; uint64_t *value; } fields[] = {
		{ "op", &op }, { "segs", &segs }, { "sector", &sector },
		{ "first", &first }, { "last", &last }, { "gref", &gref },
		{ "list", &list }, { "sectors", &sectors },
		{ "secure", &secure },
	};
	char *rest = NULL, *field;

	while ((field = strtok_r(line, " ", &rest))) {
		size_t i = 0, n = strcspn(field, "=");

		line = NULL;
		while (i < sizeof(fields) / sizeof(*fields) &&
		       (strlen(fields[i].name) != n ||
		        strncmp(fields[i].name, field, n) != 0))
			i++;
		if (!field[n] || i == sizeof(fields) / sizeof(*fields))
			die(field);
		*fields[i].value = strtoull(field + n + 1, NULL, 0);
	}
	*r = (struct pvb_blk_req){
		.id = 7, .op = (uint8_t)op, .sector = sector,
		.nr_segs = (uint16_t)segs, .nr_sectors = sectors,
		.secure = secure, .indirect = list > 0,
		.indirect_gref = { (uint32_t)list },
	};
	r->seg[0] = (struct pvb_seg){ (uint32_t)gref, (uint8_t)first,
	                              (uint8_t)last };
}

static int16_t answer(struct front *f)
{
	struct pollfd p = { .fd = f->mem->ops->fd(f->mem, f->port),
	                    .events = POLLIN };
	unsigned char slot[PVB_BLK_SLOT_MAX];
	struct pvb_blk_rsp rsp;

	while (pvb_ring_sleep_check(&f->ring) == 0) {
		if (poll(&p, 1, ANSWER_MS) <= 0)
			die("no answer");
		(void)f->mem->ops->clear(f->mem, f->port);
	}
	pvb_ring_copy(&f->ring, 0, slot);
	pvb_ring_commit(&f->ring, 1);
	pvb_blk_rsp_decode(&rsp, PVB_ABI_X86_64, slot);
	return rsp.status;
}

static void ask(struct front *f, char *line)
{
	struct pvb_blk_req r;
	char status[16];

	build(&r, f, line);
	pvb_blk_req_encode(pvb_ring_out(&f->ring, 0), PVB_ABI_X86_64, &r);
	pvb_ring_push(&f->ring, 1);
	(void)pvb_ring_publish(&f->ring);
	f->mem->ops->notify(f->mem, f->port);
	(void)snprintf(status, sizeof(status), "%d", answer(f));
	tell(status);
}

static void show(struct front *f, const char *index)
{
	_Atomic uint32_t *req_prod = f->ring_page;

	*req_prod = (uint32_t)strtoul(index, NULL, 0);
	f->mem->ops->notify(f->mem, f->port);
	tell("done");
}

static void obey(struct front *f, char *line)
{
	char *rest = NULL;
	char *word = strtok_r(line, " ", &rest);
	char *name;

	if (!word)
		die("an empty line");
	if (!strcmp(word, "ask")) {
		ask(f, rest);
		return;
	}
	name = strtok_r(NULL, " ", &rest);
	if (!strcmp(word, "fresh")) {
		fresh(f);
		tell("done");
	} else if (!strcmp(word, "say") && name) {
		say(f, name, rest);
	} else if (!strcmp(word, "show") && name) {
		show(f, name);
	} else {
		die(word);
	}
}

int main(int argc, char **argv)
{
	struct front f = { 0 };
	char line[LINE_BYTES];

	if (argc != 4)
		die("usage: lying_front MACHINE DOMAIN NUMBER");
	begin(&f, argv[1], (uint16_t)strtoul(argv[2], NULL, 10), argv[3]);
	while (fgets(line, sizeof(line), stdin)) {
		line[strcspn(line, "\n")] = '\0';
		obey(&f, line);
	}
	pvb_mem_close(f.mem);
	pvb_store_close(f.store);
	return 0;
}
