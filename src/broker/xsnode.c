/* SPDX-License-Identifier: MIT */
/* xsnode.c - the store's tree of shareable nodes; see xsnode.h. */
#include "xsnode.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { CHILD_CAP_MIN = 4 };

/* ---- one node ---------------------------------------------------------- */

/* A copy of `bytes` bytes, NULL for none; false: no memory. */
static bool copy_bytes(void *out_pointer, const void *from, size_t bytes)
{
	void **out = out_pointer;

	*out = NULL;
	if (bytes == 0)
		return true;
	*out = malloc(bytes);
	if (*out)
		memcpy(*out, from, bytes);
	return *out != NULL;
}

static void free_node(struct pvb_xsnode *n)
{
	free(n->child);
	free(n->value);
	free(n->perm);
	free(n);
}

struct pvb_xsnode *pvb_xsnode_create(const char *name, size_t name_bytes,
                                     const struct pvb_xsperm *perm,
                                     uint32_t perm_count)
{
	struct pvb_xsnode *n = calloc(1, sizeof(*n) + name_bytes + 1);

	assert(perm_count > 0);
	if (!n)
		return NULL;
	memcpy(n->name, name, name_bytes);
	if (!copy_bytes(&n->perm, perm, perm_count * sizeof(*perm))) {
		free_node(n);
		return NULL;
	}
	n->perm_count = perm_count;
	n->refs = 1;
	return n;
}

struct pvb_xsnode *pvb_xsnode_get(struct pvb_xsnode *n)
{
	n->refs++;
	return n;
}

void pvb_xsnode_put(struct pvb_xsnode *n)
{
	struct pvb_xsnode *dead = NULL, *c;

	if (!n)
		return;
	assert(n->refs > 0);
	if (--n->refs == 0) {
		n->next_dead = NULL;
		dead = n;
	}
	/* The dead wait in a list: a guest may build a tree as deep as a path
	   can say, so this must not recurse. */
	while (dead) {
		n = dead;
		dead = n->next_dead;
		for (uint32_t i = 0; i < n->child_count; i++) {
			c = n->child[i];
			assert(c->refs > 0);
			if (--c->refs == 0) {
				c->next_dead = dead;
				dead = c;
			}
		}
		free_node(n);
	}
}

/* Make *slot the only reference to its node, by a copy if it is not. */
static bool unshare(struct pvb_xsnode **slot)
{
	struct pvb_xsnode *old = *slot, *n;

	if (old->refs == 1)
		return true;
	n = pvb_xsnode_create(old->name, strlen(old->name), old->perm,
	                      old->perm_count);
	if (!n)
		return false;
	if (!copy_bytes(&n->value, old->value, old->value_bytes) ||
	    !copy_bytes(&n->child, old->child,
	                old->child_count * sizeof(*n->child))) {
		free_node(n);
		return false;
	}
	n->value_bytes = old->value_bytes;
	n->child_count = n->child_cap = old->child_count;
	n->child_bytes = old->child_bytes;
	n->self_gen = old->self_gen;
	n->children_gen = old->children_gen;
	for (uint32_t i = 0; i < n->child_count; i++)
		n->child[i]->refs++;
	old->refs--;
	*slot = n;
	return true;
}

int pvb_xsnode_set_value(struct pvb_xsnode *n, const void *value,
                         uint32_t bytes)
{
	uint8_t *copy;

	if (!copy_bytes(&copy, value, bytes))
		return -ENOMEM;
	free(n->value);
	n->value = copy;
	n->value_bytes = bytes;
	return 0;
}

int pvb_xsnode_set_perms(struct pvb_xsnode *n, const struct pvb_xsperm *perm,
                         uint32_t count)
{
	struct pvb_xsperm *copy;

	assert(count > 0);
	if (!copy_bytes(&copy, perm, count * sizeof(*perm)))
		return -ENOMEM;
	free(n->perm);
	n->perm = copy;
	n->perm_count = count;
	return 0;
}

/* ---- children ---------------------------------------------------------- */

/* Order of a child's name against the first `bytes` bytes at `part`. */
static int compare(const char *name, const char *part, size_t bytes)
{
	int order = strncmp(name, part, bytes);

	return order ? order : name[bytes] != '\0';
}

/* Where `part` is among the children, or would have to be put. */
static bool find_child(const struct pvb_xsnode *n, const char *part,
                       size_t bytes, uint32_t *at)
{
	uint32_t low = 0, high = n->child_count, middle;
	int order;

	while (low < high) {
		middle = low + (high - low) / 2;
		order = compare(n->child[middle]->name, part, bytes);
		if (order == 0) {
			*at = middle;
			return true;
		}
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	*at = low;
	return false;
}

int pvb_xsnode_add_child(struct pvb_xsnode *n, struct pvb_xsnode *child)
{
	size_t name_bytes = strlen(child->name);
	struct pvb_xsnode **grown;
	uint32_t at, cap;
	bool there;

	there = find_child(n, child->name, name_bytes, &at);
	assert(!there);
	if (n->child_count == n->child_cap) {
		cap = n->child_cap ? n->child_cap * 2 : CHILD_CAP_MIN;
		grown = realloc(n->child, cap * sizeof(*grown));
		if (!grown)
			return -ENOMEM;
		n->child = grown;
		n->child_cap = cap;
	}
	memmove(n->child + at + 1, n->child + at,
	        (n->child_count - at) * sizeof(*n->child));
	n->child[at] = child;
	n->child_count++;
	n->child_bytes += (uint32_t)name_bytes + 1;
	return 0;
}

struct pvb_xsnode *pvb_xsnode_take_child(struct pvb_xsnode *n,
                                         const char *name)
{
	struct pvb_xsnode *child;
	uint32_t at;

	if (!find_child(n, name, strlen(name), &at))
		return NULL;
	child = n->child[at];
	n->child_count--;
	n->child_bytes -= (uint32_t)strlen(child->name) + 1;
	memmove(n->child + at, n->child + at + 1,
	        (n->child_count - at) * sizeof(*n->child));
	if (n->child_count == 0) {
		free(n->child);
		n->child = NULL;
		n->child_cap = 0;
	}
	return child;
}

/* ---- by path ----------------------------------------------------------- */

static size_t part_bytes(const char *p)
{
	return strcspn(p, "/");
}

const struct pvb_xsnode *pvb_xsnode_nearest(const struct pvb_xsnode *root,
                                            const char *path, bool *exact)
{
	const struct pvb_xsnode *n = root;
	const char *p = path + 1;
	uint32_t at;

	while (*p) {
		if (!find_child(n, p, part_bytes(p), &at)) {
			*exact = false;
			return n;
		}
		n = n->child[at];
		p += part_bytes(p);
		p += *p == '/';
	}
	*exact = true;
	return n;
}

const struct pvb_xsnode *pvb_xsnode_find(const struct pvb_xsnode *root,
                                         const char *path)
{
	bool exact;
	const struct pvb_xsnode *n = pvb_xsnode_nearest(root, path, &exact);

	return exact ? n : NULL;
}

struct pvb_xsnode *pvb_xsnode_own(struct pvb_xsnode **root, const char *path,
                                  int *err)
{
	struct pvb_xsnode **slot = root, *n;
	const char *p = path + 1;
	uint32_t at;

	for (;;) {
		if (!unshare(slot)) {
			*err = -ENOMEM;
			return NULL;
		}
		n = *slot;
		if (*p == '\0')
			return n;
		if (!find_child(n, p, part_bytes(p), &at)) {
			*err = -ENOENT;
			return NULL;
		}
		slot = &n->child[at];
		p += part_bytes(p);
		p += *p == '/';
	}
}

/* ---- walking ----------------------------------------------------------- */

size_t pvb_xsnode_parent_length(const char *path)
{
	size_t n = (size_t)(strrchr(path, '/') - path);

	return n ? n : 1;
}

/* Put "/NAME" (or "NAME" after the root's slash) at path[length]. */
static void append(char *path, size_t length, const char *name)
{
	if (length > 1)
		path[length++] = '/';
	strcpy(path + length, name);
}

const struct pvb_xsnode *pvb_xsnode_skip(const struct pvb_xsnode *root,
                                         const char *top, char *path)
{
	const struct pvb_xsnode *parent;
	size_t length;
	char *leaf;
	uint32_t at;

	while (strcmp(path, top) != 0) {
		leaf = strrchr(path, '/') + 1;
		length = pvb_xsnode_parent_length(path);
		*(leaf - 1) = '\0';
		parent = pvb_xsnode_find(root, *path ? path : "/");
		if (parent) {
			at = 0;
			if (find_child(parent, leaf, strlen(leaf), &at))
				at++;
			if (at < parent->child_count) {
				path[0] = '/';
				append(path, length, parent->child[at]->name);
				return parent->child[at];
			}
		}
		path[0] = '/';
		path[length] = '\0';
	}
	return NULL;
}

const struct pvb_xsnode *pvb_xsnode_next(const struct pvb_xsnode *root,
                                         const char *top, char *path)
{
	const struct pvb_xsnode *n = pvb_xsnode_find(root, path);

	if (n && n->child_count) {
		append(path, strlen(path), n->child[0]->name);
		return n->child[0];
	}
	return pvb_xsnode_skip(root, top, path);
}
