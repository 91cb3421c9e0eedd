/* SPDX-License-Identifier: MIT */
/*
 * said.h - a device's two directories, written down as "name=value ..." (no
 * value has a space), and what is explained of them.
 */
#ifndef PVB_TEST_SAID_H
#define PVB_TEST_SAID_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "proto/blkexplain.h"

struct said {
	struct pvb_xsdev dev;
	struct pvb_keys back, front;
	struct pvb_blk_said said;
	struct pvb_blk_explained out;
};

struct said_item { char name[48], value[320]; };
enum { SAID_ITEMS_MAX = 64 };

static inline struct said_item *said_find(struct said_item *items, int count,
                                          const char *name)
{
	for (int i = 0; i < count; i++)
		if (strcmp(items[i].name, name) == 0)
			return &items[i];
	return NULL;
}

/* One "name=value", "name=" or "name" off *text; false: there is none. */
static inline bool said_take(const char **text, struct said_item *item)
{
	size_t name, value;

	memset(item, 0, sizeof(*item));
	*text += strspn(*text, " ");
	name = strcspn(*text, "= ");
	assert_true(name < sizeof(item->name));
	memcpy(item->name, *text, name);
	*text += name;
	if (**text == '=') {
		value = strcspn(++*text, " ");
		assert_true(value < sizeof(item->value));
		memcpy(item->value, *text, value);
		*text += value;
	}
	return name > 0;
}

/* A later one replaces an earlier one of the same name; "-name" takes it
   away. */
static inline void said_put(struct pvb_keys *k, const char *text)
{
	struct said_item items[SAID_ITEMS_MAX], item, *old;
	int count = 0;

	while (said_take(&text, &item)) {
		bool gone = *item.name == '-';

		old = said_find(items, count, item.name + gone);
		if (!old) {
			assert_true(count < SAID_ITEMS_MAX);
			old = &items[count++];
		}
		*old = item;
	}
	memset(k, 0, sizeof(*k));
	for (int i = 0; i < count; i++)
		if (*items[i].name != '-')
			assert_int_equal(pvb_keys_put_text(k, items[i].name,
							   items[i].value), 0);
}

/* Of domain 1's xvda; NULL: that directory is not there. */
static inline void said_explain(struct said *s, const char *kind,
                                const char *back, const char *front)
{
	s->dev = (struct pvb_xsdev){ .front_domid = 1, .number = 51712,
		.front_kind = "vbd" };
	snprintf(s->dev.kind, sizeof(s->dev.kind), "%s", kind);
	s->said = (struct pvb_blk_said){ .dev = &s->dev };
	if (back) {
		said_put(&s->back, back);
		s->said.back = &s->back;
	}
	if (front) {
		said_put(&s->front, front);
		s->said.front = &s->front;
	}
	pvb_blk_explain(&s->said, &s->out);
}

static inline const struct pvb_blk_note *said_note(const struct said *s,
                                                   enum pvb_blk_odd odd)
{
	for (uint32_t i = 0; i < s->out.notes; i++)
		if (s->out.note[i].odd == odd)
			return &s->out.note[i];
	return NULL;
}

#endif
