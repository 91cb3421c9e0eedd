/* SPDX-License-Identifier: MIT */
/* What pvb explain prints for people. */
#include "explain.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/escape.h"
#include "progress.h"
#include "proto/vdev.h"

enum {
	NAME_WIDTH = 31,                /* the longest node, and its indent */
	SIDE_WIDTH = 14, AGREED_WIDTH = 18,
	PATH_MAX_BYTES = 128,
	LINE_MAX_BYTES = 240,           /* of what somebody has said */
};

/* ---- the table ----------------------------------------------------------- */

static void print_row(const char *name, const char *back, const char *front,
                      const char *agreed, const char *why)
{
	char line[512];
	int n = snprintf(line, sizeof(line), "%-*s %-*s %-*s %-*s %s",
	                 NAME_WIDTH, name, SIDE_WIDTH, back, SIDE_WIDTH, front,
	                 AGREED_WIDTH, agreed, why);

	if (n >= (int)sizeof(line))
		n = sizeof(line) - 1;
	while (n > 0 && line[n - 1] == ' ')
		n--;
	printf("%.*s\n", n, line);
}

/* A value as it stands in the table; "" if it is not there. */
static const char *cell(const struct pvb_keys *k, const char *name,
                        char out[PVB_EXPLAIN_CELL_MAX])
{
	const char *text = pvb_explain_value(k, name, out,
	                                     PVB_EXPLAIN_CELL_MAX);

	if (text)
		return *text ? text : "(empty)";
	return pvb_keys_has(k, name) ? "(too long)" : "";
}

static void print_node(const struct pvb_explain *x, const char *name,
                       bool of_back, bool of_front)
{
	const char *back = "", *front = "";
	char cells[2][PVB_EXPLAIN_CELL_MAX];
	char indented[PVB_KEYS_NAME_MAX + 3];

	if (of_back)
		back = cell(&x->look->back, name, cells[0]);
	if (of_front)
		front = cell(&x->look->front, name, cells[1]);
	(void)snprintf(indented, sizeof(indented), "  %s", name);
	if (*back || *front)
		print_row(indented, back, front, "", "");
}

static bool is_of_back(enum pvb_blk_topic t, const char *name)
{
	const char *node;

	for (uint32_t i = 0; (node = pvb_blk_topic_back_node(t, i)); i++)
		if (strcmp(node, name) == 0)
			return true;
	return false;
}

static bool is_of_front(enum pvb_blk_topic t, const char *name)
{
	const char *node;

	for (uint32_t i = 0; (node = pvb_blk_topic_front_node(t, i)); i++)
		if (strcmp(node, name) == 0)
			return true;
	return false;
}

/* Those of both have one line. */
static void print_nodes(const struct pvb_explain *x, enum pvb_blk_topic t)
{
	const char *node;

	for (uint32_t i = 0; (node = pvb_blk_topic_back_node(t, i)); i++)
		print_node(x, node, true, is_of_front(t, node));
	for (uint32_t i = 0; (node = pvb_blk_topic_front_node(t, i)); i++)
		if (!is_of_back(t, node))
			print_node(x, node, false, true);
}

/* The pages of a ring have one line, with the first and the last grant. */
static void print_grants(const struct pvb_keys *k, const char *dir)
{
	char name[PVB_KEYS_NAME_MAX + 1], line[2 * PVB_EXPLAIN_CELL_MAX + 2];
	char cells[2][PVB_EXPLAIN_CELL_MAX];
	const char *first = "", *last = "", *text;
	int from, end;

	(void)snprintf(name, sizeof(name), "%sring-ref0", dir);
	from = pvb_keys_has(k, name) ? 0 : 1;
	for (end = from; end < PVB_BLK_RING_PAGES_MAX; end++) {
		(void)snprintf(name, sizeof(name), "%sring-ref%d", dir, end);
		text = cell(k, name, cells[end > from]);
		if (!*text)
			break;
		last = text;
		if (end == from)
			first = text;
	}
	(void)snprintf(name, sizeof(name), "  %sring-ref%d", dir, from);
	if (end == from + 1)
		print_row(name, "", first, "", "");
	if (end <= from + 1)
		return;
	(void)snprintf(name, sizeof(name), "  %sring-ref%d..%d", dir, from,
	               end - 1);
	(void)snprintf(line, sizeof(line), "%s..%s", first, last);
	print_row(name, "", line, "", "");
}

static void print_rings(const struct pvb_explain *x)
{
	uint64_t queues = x->found->row[PVB_BLK_TOPIC_QUEUES].value;
	char dir[16] = "", name[PVB_KEYS_NAME_MAX + 1];

	for (uint64_t q = 0; q == 0 || (q < queues && q < PVB_BLK_QUEUES_MAX);
	     q++) {
		if (queues > 1)
			(void)snprintf(dir, sizeof(dir), "queue-%" PRIu64 "/",
			               q);
		(void)snprintf(name, sizeof(name), "%sevent-channel", dir);
		print_node(x, name, false, true);
		(void)snprintf(name, sizeof(name), "%sring-ref", dir);
		print_node(x, name, false, true);
		print_grants(&x->look->front, dir);
	}
}

/* ---- a topic ------------------------------------------------------------- */

static const char *agreed(enum pvb_blk_topic t, const struct pvb_blk_row *row,
                          char *out, size_t cap)
{
	const char *unit = pvb_blk_topic_unit(t);
	const char *name = pvb_blk_topic_value_name(t, row->value);
	char offered[32] = "";

	if (!row->known)
		return "-";
	if (name)
		return name;
	if (!unit)
		return row->value ? "yes" : "no";
	if (row->value == 0 && t != PVB_BLK_TOPIC_SECTORS)
		return "none";
	if (row->offered > row->value)
		(void)snprintf(offered, sizeof(offered), " of %" PRIu64,
		               row->offered);
	(void)snprintf(out, cap, "%s%" PRIu64 "%s %s%s",
	               row->because == PVB_BLK_USE_UNKNOWN ? "up to " : "",
	               row->value, offered, unit,
	               row->value == 1 && !offered[0] ? "" : "s");
	return out;
}

static const char *reason(enum pvb_blk_topic t, const struct pvb_blk_row *row,
                          char *out, size_t cap)
{
	char size[16];

	if (row->because == PVB_BLK_REFUSED) {
		(void)snprintf(out, cap, "pvb refuses %s: %s (%s)", row->bad,
		               pvb_why_text(row->why), pvb_why_name(row->why));
		return out;
	}
	if (t != PVB_BLK_TOPIC_SECTORS || !row->known || row->value == 0)
		return pvb_blk_because_text(row->because);
	pvb_human_bytes((double)row->value * PVB_BLK_SECTOR_BYTES, size);
	(void)snprintf(out, cap, "%s in units of 512 bytes; %s", size,
	               pvb_blk_because_text(row->because));
	return out;
}

static void print_topic(const struct pvb_explain *x, enum pvb_blk_topic t)
{
	const struct pvb_blk_row *row = &x->found->row[t];
	char value[64], why[200];

	print_row(pvb_blk_topic_title(t), "", "",
	          agreed(t, row, value, sizeof(value)),
	          reason(t, row, why, sizeof(why)));
	if (t == PVB_BLK_TOPIC_RINGS)
		print_rings(x);
	else
		print_nodes(x, t);
}

/* ---- around it ----------------------------------------------------------- */

static void print_end(const char *who, const char *path, uint32_t state,
                      const struct pvb_blk_guess *g)
{
	printf("  %-9s %s  %s", who, path, pvb_xb_name(state));
	if (g->driver != PVB_BLK_BY_UNKNOWN)
		printf(", looks like %s", pvb_blk_driver_name(g->driver));
	if (g->sign[0])
		printf(" (%s)", g->sign);
	putchar('\n');
}

static void print_head(const struct pvb_explain *x)
{
	const struct pvb_blk_look *l = x->look;
	char name[PVB_VDEV_NAME_MAX] = "?", path[PATH_MAX_BYTES];
	char disk[LINE_MAX_BYTES];
	struct pvb_vdev v;

	if (pvb_vdev_from_number(l->dev.number, &v) == PVB_VDEV_OK)
		pvb_vdev_name(&v, name);
	printf("domain %u %s (%u)\n", l->dev.front_domid, name, l->dev.number);
	if (l->back_there) {
		(void)pvb_xsdev_back_path(&l->dev, path, sizeof(path));
		print_end("backend", path, x->found->back_state,
		          &x->found->back);
	}
	if (l->front_there) {
		(void)pvb_xsdev_front_path(&l->dev, path, sizeof(path));
		print_end("frontend", path, x->found->front_state,
		          &x->found->front);
	}
	if (pvb_explain_value(&l->back, "params", disk, sizeof(disk)))
		printf("  %-9s %s\n", "disk", *disk ? disk : "(empty)");
}

static void print_note(const struct pvb_explain *x,
                       const struct pvb_blk_note *n)
{
	char line[LINE_MAX_BYTES], name[4 * PVB_KEYS_NAME_MAX + 1];
	const char *value = pvb_explain_note_value(x, n, line, sizeof(line));
	const char *text = pvb_blk_odd_text(n->odd);

	if (!n->node) {
		printf("  %s%s%s\n", text, value ? ": " : "",
		       value ? value : "");
		return;
	}
	(void)pvb_escape(name, sizeof(name), n->node, strlen(n->node));
	printf("  %s: %s", n->in_front ? "frontend" : "backend", name);
	if (value)
		printf(" = %s", *value ? value : "(empty)");
	printf(": %s\n", text);
}

static void print_error(const char *who, const char *error)
{
	char line[LINE_MAX_BYTES];

	if (!error[0])
		return;
	(void)pvb_escape(line, sizeof(line), error, strlen(error));
	printf("  the %s complains: %s\n", who, line);
}

static void print_unusual(const struct pvb_explain *x)
{
	const struct pvb_blk_look *l = x->look;
	bool more = x->found->more_unknown || l->more;

	if (x->found->notes == 0 && !l->back_error[0] && !l->front_error[0] &&
	    !more) {
		puts("\nnothing unusual");
		return;
	}
	puts("\nunusual");
	for (uint32_t i = 0; i < x->found->notes; i++)
		print_note(x, &x->found->note[i]);
	print_error("backend", l->back_error);
	print_error("frontend", l->front_error);
	if (more)
		puts("  there are more nodes than are looked at");
}

void pvb_explain_print(const struct pvb_explain *x)
{
	print_head(x);
	putchar('\n');
	print_row("NODE", "BACKEND", "FRONTEND", "AGREED", "WHY");
	for (int t = 0; t < PVB_BLK_TOPIC_COUNT; t++)
		print_topic(x, (enum pvb_blk_topic)t);
	print_unusual(x);
}
