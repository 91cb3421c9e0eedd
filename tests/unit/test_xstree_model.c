/* SPDX-License-Identifier: MIT */
/*
 * test_xstree_model.c - random requests in and out of transactions, on the
 * store and on a model of it that is a flat table, copied whole where the
 * store shares nodes.  Every answer must be the same, and so must all that is
 * in the store after each request.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "broker/xstree.h"

/* Every path of three levels of three names: node 0 is the root, and node n
   has the children 3n + 1 .. 3n + 3. */
enum { NODES = 1 + 3 + 9 + 27, OPEN_MAX = 3, CLIENTS = 2, STEPS = 60000 };

struct node { bool there; uint32_t value, self, children; };
struct version { struct node node[NODES]; };

struct model_tx {
	bool     open;
	uint32_t id;
	struct version base, mine;
	bool     looked[NODES], listed[NODES], changed[NODES];
};

struct world {
	struct pvb_xstree *tree;
	struct pvb_xsclient *client[CLIENTS];
	struct version now;
	struct model_tx tx[CLIENTS][OPEN_MAX];
	uint32_t stamp, random, conflicts, commits;
};

static uint32_t pick(struct world *w, uint32_t below)
{
	w->random ^= w->random << 13;
	w->random ^= w->random >> 17;
	w->random ^= w->random << 5;
	return w->random % below;
}

static int parent(int n)
{
	return (n - 1) / 3;
}

static bool is_within(int n, int top)
{
	while (n > top)
		n = parent(n);
	return n == top;
}

static void path_of(int n, char out[16])
{
	int part[3], depth = 0;
	char *at = out;

	for (; n; n = parent(n))
		part[depth++] = (n - 1) % 3;
	while (depth)
		at += sprintf(at, "/%c", 'a' + part[--depth]);
	strcpy(at, at == out ? "/" : "");
}

/* ---- the model --------------------------------------------------------- */

/* One request's view: a version, and the transaction's notes if it is one. */
struct view { struct world *w; struct version *v; struct model_tx *tx; };

static void look(const struct view *view, int n)
{
	if (view->tx)
		view->tx->looked[n] = true;
}

static void change(const struct view *view, int n)
{
	look(view, n);
	if (view->tx)
		view->tx->changed[n] = true;
}

static void make(const struct view *view, int n)
{
	struct node *node = view->v->node;

	if (node[n].there)
		return;
	make(view, parent(n));
	look(view, parent(n));
	change(view, n);
	node[n] = (struct node){ true, 0, ++view->w->stamp, view->w->stamp };
	node[parent(n)].children = view->w->stamp;
}

static int model_write(const struct view *view, int n, uint32_t value)
{
	make(view, n);
	change(view, n);
	view->v->node[n].value = value;
	view->v->node[n].self = ++view->w->stamp;
	return 0;
}

static int model_mkdir(const struct view *view, int n)
{
	look(view, n);
	make(view, n);
	return 0;
}

static int model_rm(const struct view *view, int n)
{
	struct node *node = view->v->node;

	if (n == 0)
		return -EINVAL;
	look(view, n);
	if (!node[n].there) {
		look(view, parent(n));
		return node[parent(n)].there ? 0 : -ENOENT;
	}
	for (int i = n; i < NODES; i++) {
		if (!node[i].there || !is_within(i, n))
			continue;
		change(view, i);
		if (view->tx)
			view->tx->listed[i] = true;
		node[i].there = false;
	}
	node[parent(n)].children = ++view->w->stamp;
	return 0;
}

static bool conflicts(const struct world *w, const struct model_tx *tx)
{
	for (int i = 0; i < NODES; i++) {
		const struct node *was = &tx->base.node[i];
		const struct node *is = &w->now.node[i];

		if (!tx->looked[i] && !tx->listed[i])
			continue;
		if (was->there != is->there)
			return true;
		if (!was->there)
			continue;
		if (tx->looked[i] && was->self != is->self)
			return true;
		if (tx->listed[i] && was->children != is->children)
			return true;
	}
	return false;
}

static int model_commit(struct world *w, struct model_tx *tx)
{
	const struct view now = { w, &w->now, NULL };

	if (conflicts(w, tx))
		return -EAGAIN;
	for (int i = 0; i < NODES; i++) {
		if (!tx->changed[i])
			continue;
		if (tx->mine.node[i].there)
			model_write(&now, i, tx->mine.node[i].value);
		else if (w->now.node[i].there)
			model_rm(&now, i);
	}
	return 0;
}

/* ---- both, side by side ------------------------------------------------ */

static void compare_list(struct world *w, int c, uint32_t id,
                         const struct view *view, int n)
{
	char path[16], names[64], expected[64] = "";
	struct pvb_xslist list;
	uint32_t bytes = 0;
	int rc;

	path_of(n, path);
	rc = pvb_xstree_list(w->client[c], id, path, 0, names, sizeof(names),
	                     &list);
	look(view, n);
	if (view->tx)
		view->tx->listed[n] = true;
	assert_int_equal(rc, view->v->node[n].there ? 0 : -ENOENT);
	if (rc)
		return;
	for (int i = 3 * n + 1; i <= 3 * n + 3 && i < NODES; i++) {
		if (!view->v->node[i].there)
			continue;
		expected[bytes] = (char)('a' + (i - 1) % 3);
		bytes += 2;
	}
	assert_int_equal(list.bytes, bytes);
	assert_memory_equal(names, expected, bytes);
}

static void compare_read(struct world *w, int c, uint32_t id,
                         const struct view *view, int n)
{
	const void *value;
	uint32_t bytes, got = 0;
	char path[16];
	int rc;

	path_of(n, path);
	rc = pvb_xstree_read(w->client[c], id, path, &value, &bytes);
	look(view, n);
	assert_int_equal(rc, view->v->node[n].there ? 0 : -ENOENT);
	if (rc)
		return;
	if (bytes) {
		assert_int_equal(bytes, sizeof(got));
		memcpy(&got, value, sizeof(got));
	}
	assert_int_equal(got, view->v->node[n].value);
}

static void compare_all(struct world *w)
{
	const struct view now = { w, &w->now, NULL };
	struct pvb_xscounts counts;
	uint32_t there = 0;

	for (int i = 0; i < NODES; i++) {
		compare_read(w, 0, 0, &now, i);
		there += w->now.node[i].there;
	}
	pvb_xstree_counts(w->tree, &counts);
	assert_int_equal(counts.nodes, there);
}

static void begin(struct world *w, int c)
{
	for (int i = 0; i < OPEN_MAX; i++) {
		struct model_tx *tx = &w->tx[c][i];

		if (tx->open)
			continue;
		memset(tx, 0, sizeof(*tx));
		assert_int_equal(pvb_xstree_begin(w->client[c], &tx->id), 0);
		tx->open = true;
		tx->base = tx->mine = w->now;
		return;
	}
}

static void end(struct world *w, int c, struct model_tx *tx, bool commit)
{
	int rc = pvb_xstree_end(w->client[c], tx->id, commit);

	tx->open = false;
	if (!commit) {
		assert_int_equal(rc, 0);
		return;
	}
	assert_int_equal(rc, model_commit(w, tx));
	w->commits += rc == 0;
	w->conflicts += rc != 0;
}

static void request(struct world *w, int c, struct model_tx *tx, int n)
{
	const struct view view = { w, tx ? &tx->mine : &w->now, tx };
	struct pvb_xsclient *client = w->client[c];
	uint32_t id = tx ? tx->id : 0, value = pick(w, 1000) + 1;
	char path[16];

	path_of(n, path);
	switch (pick(w, 6)) {
	case 0:
	case 1:
		assert_int_equal(pvb_xstree_write(client, id, path, &value,
		                                  sizeof(value)),
		                 model_write(&view, n, value));
		break;
	case 2:
		assert_int_equal(pvb_xstree_mkdir(client, id, path),
		                 model_mkdir(&view, n));
		break;
	case 3:
		assert_int_equal(pvb_xstree_remove(client, id, path),
		                 model_rm(&view, n));
		break;
	case 4:
		compare_list(w, c, id, &view, n);
		break;
	default:
		compare_read(w, c, id, &view, n);
		break;
	}
}

static void step(struct world *w)
{
	int c = (int)pick(w, CLIENTS);
	struct model_tx *tx = &w->tx[c][pick(w, OPEN_MAX)];
	uint32_t what = pick(w, 10);

	if (what == 0)
		begin(w, c);
	else if (what == 1 && tx->open)
		end(w, c, tx, pick(w, 4) != 0);
	else
		request(w, c, tx->open && what < 7 ? tx : NULL,
		        (int)pick(w, NODES));
}

static void the_store_does_what_its_model_does(void **state)
{
	struct world w = { .random = 2463534242u };
	struct pvb_xscounts counts;

	(void)state;
	w.tree = pvb_xstree_create(NULL);
	assert_non_null(w.tree);
	for (int c = 0; c < CLIENTS; c++) {
		w.client[c] = pvb_xsclient_create(w.tree, 0, NULL, NULL);
		assert_non_null(w.client[c]);
	}
	w.now.node[0].there = true;
	for (int i = 0; i < STEPS; i++) {
		step(&w);
		if (i % 16 == 0)
			compare_all(&w);
	}
	/* Both outcomes were met often enough to mean something. */
	assert_true(w.conflicts > 500);
	assert_true(w.commits > 500);
	for (int c = 0; c < CLIENTS; c++)
		pvb_xsclient_destroy(w.client[c]);
	pvb_xstree_counts(w.tree, &counts);
	assert_int_equal(counts.transactions, 0);
	assert_int_equal(counts.clients, 0);
	pvb_xstree_destroy(w.tree);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_store_does_what_its_model_does),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
