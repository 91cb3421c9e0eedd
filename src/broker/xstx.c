/* SPDX-License-Identifier: MIT */
/* xstx.c - one set of changes to the store; see xstx.h. */
#include "xstx.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "proto/xspath.h"

enum { CAP_MIN = 8 };

void pvb_xstx_init(struct pvb_xstx *tx, struct pvb_xsnode *base,
                   uint64_t *gen, uint16_t owner, uint32_t max)
{
	memset(tx, 0, sizeof(*tx));
	tx->base = pvb_xsnode_get(base);
	tx->root = pvb_xsnode_get(base);
	tx->gen = gen;
	tx->owner = owner;
	tx->max = max;
}

void pvb_xstx_fini(struct pvb_xstx *tx)
{
	pvb_xsnode_put(tx->base);
	pvb_xsnode_put(tx->root);
	for (uint32_t i = 0; i < tx->count; i++)
		free(tx->note[i].path);
	free(tx->note);
	free(tx->slot);
	memset(tx, 0, sizeof(*tx));
}

/* ---- notes ------------------------------------------------------------- */

static uint32_t hash(const char *path)
{
	uint32_t h = 2166136261u;

	for (; *path; path++)
		h = (h ^ (uint8_t)*path) * 16777619u;
	return h;
}

/* The slot that holds `path`, or the free one where it belongs. */
static uint32_t *find_slot(const struct pvb_xstx *tx, const char *path)
{
	uint32_t mask = tx->cap * 2 - 1, at = hash(path) & mask;

	/* At most half of the slots are taken, so this ends. */
	while (tx->slot[at] &&
	       strcmp(tx->note[tx->slot[at] - 1].path, path) != 0)
		at = (at + 1) & mask;
	return &tx->slot[at];
}

static bool grow(struct pvb_xstx *tx)
{
	uint32_t cap = tx->cap ? tx->cap * 2 : CAP_MIN;
	struct pvb_xsnote *note;
	uint32_t *slot;

	note = realloc(tx->note, cap * sizeof(*note));
	if (!note)
		return false;
	tx->note = note;
	slot = calloc((size_t)cap * 2, sizeof(*slot));
	if (!slot)
		return false;
	free(tx->slot);
	tx->slot = slot;
	tx->cap = cap;
	for (uint32_t i = 0; i < tx->count; i++)
		*find_slot(tx, tx->note[i].path) = i + 1;
	return true;
}

int pvb_xstx_note(struct pvb_xstx *tx, const char *path, uint32_t flags)
{
	uint32_t *slot;
	char *copy;

	if (tx->cap) {
		slot = find_slot(tx, path);
		if (*slot) {
			tx->note[*slot - 1].flags |= flags;
			return 0;
		}
	}
	if (tx->max && tx->count >= tx->max)
		return -ENOSPC;
	if (tx->count == tx->cap && !grow(tx))
		return -ENOMEM;
	copy = strdup(path);
	if (!copy)
		return -ENOMEM;
	tx->note[tx->count] = (struct pvb_xsnote){ copy, flags };
	*find_slot(tx, path) = ++tx->count;
	return 0;
}

/* ---- changes ----------------------------------------------------------- */

int pvb_xstx_set_value(struct pvb_xstx *tx, const char *path,
                       const void *value, uint32_t bytes)
{
	struct pvb_xsnode *n;
	int rc;

	rc = pvb_xstx_note(tx, path, PVB_XSTX_SELF | PVB_XSTX_CHANGED);
	if (rc)
		return rc;
	n = pvb_xsnode_own(&tx->root, path, &rc);
	if (!n)
		return rc;
	rc = pvb_xsnode_set_value(n, value, bytes);
	if (rc == 0)
		n->self_gen = ++*tx->gen;
	return rc;
}

int pvb_xstx_set_perms(struct pvb_xstx *tx, const char *path,
                       const struct pvb_xsperm *perm, uint32_t count)
{
	struct pvb_xsnode *n;
	int rc;

	rc = pvb_xstx_note(tx, path, PVB_XSTX_SELF | PVB_XSTX_CHANGED);
	if (rc)
		return rc;
	n = pvb_xsnode_own(&tx->root, path, &rc);
	if (!n)
		return rc;
	rc = pvb_xsnode_set_perms(n, perm, count);
	if (rc == 0)
		n->self_gen = ++*tx->gen;
	return rc;
}

/* The parent of `path`, into `out` (PVB_XS_PATH_MAX + 1 bytes). */
static void parent_path(const char *path, char *out)
{
	size_t n = pvb_xsnode_parent_length(path);

	memcpy(out, path, n);
	out[n] = '\0';
}

/* A node `path` with these permissions into the version `root`. */
static int insert(struct pvb_xsnode **root, uint64_t *gen, const char *path,
                  const struct pvb_xsperm *perm, uint32_t count)
{
	const char *leaf = strrchr(path, '/') + 1;
	char parent_at[PVB_XS_PATH_MAX + 1];
	struct pvb_xsnode *parent, *n;
	int rc;

	parent_path(path, parent_at);
	parent = pvb_xsnode_own(root, parent_at, &rc);
	if (!parent)
		return rc;
	n = pvb_xsnode_create(leaf, strlen(leaf), perm, count);
	if (!n)
		return -ENOMEM;
	rc = pvb_xsnode_add_child(parent, n);
	if (rc) {
		pvb_xsnode_put(n);
		return rc;
	}
	n->self_gen = n->children_gen = ++*gen;
	parent->children_gen = *gen;
	return 0;
}

int pvb_xstx_create(struct pvb_xstx *tx, const char *path,
                    const struct pvb_xsperm *perm, uint32_t count)
{
	char parent_at[PVB_XS_PATH_MAX + 1];
	int rc;

	/* The new node needs its parent, and has its permissions from it. */
	parent_path(path, parent_at);
	rc = pvb_xstx_note(tx, parent_at, PVB_XSTX_SELF);
	if (rc == 0)
		rc = pvb_xstx_note(tx, path, PVB_XSTX_SELF | PVB_XSTX_CHANGED);
	if (rc)
		return rc;
	rc = insert(&tx->root, tx->gen, path, perm, count);
	if (rc == 0)
		tx->owned_more += perm[0].domid == tx->owner;
	return rc;
}

/* Unhook `path` from the version `root`, if it is there. */
static int drop(struct pvb_xsnode **root, uint64_t *gen, const char *path)
{
	char parent_at[PVB_XS_PATH_MAX + 1];
	struct pvb_xsnode *parent;
	int rc;

	if (!pvb_xsnode_find(*root, path))
		return 0;
	parent_path(path, parent_at);
	parent = pvb_xsnode_own(root, parent_at, &rc);
	if (!parent)
		return rc;
	pvb_xsnode_put(pvb_xsnode_take_child(parent, strrchr(path, '/') + 1));
	parent->children_gen = ++*gen;
	return 0;
}

int pvb_xstx_remove(struct pvb_xstx *tx, const char *path)
{
	const uint32_t gone = PVB_XSTX_SELF | PVB_XSTX_CHILDREN |
	                      PVB_XSTX_CHANGED;
	const struct pvb_xsnode *n = pvb_xsnode_find(tx->root, path);
	uint32_t fire = PVB_XSTX_FIRE;
	char at[PVB_XS_PATH_MAX + 1];
	int32_t owned = 0;
	int rc;

	assert(n && strcmp(path, "/") != 0);
	for (strcpy(at, path); n; n = pvb_xsnode_next(tx->root, path, at)) {
		rc = pvb_xstx_note(tx, at, gone | fire);
		if (rc)
			return rc;
		owned += n->perm[0].domid == tx->owner;
		fire = PVB_XSTX_FIRE_AT;
	}
	rc = drop(&tx->root, tx->gen, path);
	if (rc == 0)
		tx->owned_more -= owned;
	return rc;
}

/* ---- publishing -------------------------------------------------------- */

static bool note_conflicts(const struct pvb_xsnote *note,
                           const struct pvb_xsnode *was,
                           const struct pvb_xsnode *is)
{
	if (!was || !is)
		return was != is;
	if ((note->flags & PVB_XSTX_SELF) && was->self_gen != is->self_gen)
		return true;
	return (note->flags & PVB_XSTX_CHILDREN) &&
	       was->children_gen != is->children_gen;
}

bool pvb_xstx_conflicts(const struct pvb_xstx *tx,
                        const struct pvb_xsnode *current)
{
	const char *path;

	if (tx->base == current)
		return false;
	for (uint32_t i = 0; i < tx->count; i++) {
		path = tx->note[i].path;
		if (note_conflicts(&tx->note[i],
		                   pvb_xsnode_find(tx->base, path),
		                   pvb_xsnode_find(current, path)))
			return true;
	}
	return false;
}

static int compare_notes(const void *a, const void *b)
{
	const struct pvb_xsnote *const *x = a, *const *y = b;

	return strcmp((*x)->path, (*y)->path);
}

/* Bring one changed path of `from` into the version `to`. */
static int carry(struct pvb_xsnode **to, const struct pvb_xsnode *from,
                 uint64_t *gen, const char *path)
{
	const struct pvb_xsnode *mine = pvb_xsnode_find(from, path);
	struct pvb_xsnode *n;
	int rc = 0;

	if (!mine)
		return drop(to, gen, path);
	if (!pvb_xsnode_find(*to, path))
		rc = insert(to, gen, path, mine->perm, mine->perm_count);
	if (rc)
		return rc;
	n = pvb_xsnode_own(to, path, &rc);
	if (!n)
		return rc;
	rc = pvb_xsnode_set_perms(n, mine->perm, mine->perm_count);
	if (rc == 0)
		rc = pvb_xsnode_set_value(n, mine->value, mine->value_bytes);
	n->self_gen = ++*gen;
	return rc;
}

int pvb_xstx_rebase(struct pvb_xstx *tx, struct pvb_xsnode *current)
{
	struct pvb_xsnode *root;
	struct pvb_xsnote **order;
	uint32_t changed = 0;
	int rc = 0;

	if (tx->base == current)
		return 0;
	order = malloc((tx->count + 1) * sizeof(struct pvb_xsnote *));
	if (!order)
		return -ENOMEM;
	for (uint32_t i = 0; i < tx->count; i++)
		if (tx->note[i].flags & PVB_XSTX_CHANGED)
			order[changed++] = &tx->note[i];
	/* By path, so that a parent comes before its children. */
	qsort(order, changed, sizeof(struct pvb_xsnote *), compare_notes);

	root = pvb_xsnode_get(current);
	for (uint32_t i = 0; i < changed && rc == 0; i++)
		rc = carry(&root, tx->root, tx->gen, order[i]->path);
	free(order);
	if (rc) {
		pvb_xsnode_put(root);
		return rc;
	}
	pvb_xsnode_put(tx->root);
	pvb_xsnode_put(tx->base);
	tx->root = root;
	tx->base = pvb_xsnode_get(current);
	return 0;
}
