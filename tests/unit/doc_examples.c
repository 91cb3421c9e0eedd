/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "doc_examples.h"
#include "proto/blkproto.h"

enum { LINE_MAX_BYTES = 160 };

struct reader {
	const char *at;                 /* of the next line */
	uint32_t line;                  /* the number of the present one */
	char text[LINE_MAX_BYTES];      /* it, without what follows a ';' */
	struct doc_example *e;
	struct doc_bytes *bytes;        /* what is being filled */
};

static void bad(const struct reader *r, const char *why)
{
	fail_msg("line %u: %s: \"%s\"", r->line, why, r->text);
}

static bool next_line(struct reader *r)
{
	const char *end = strchr(r->at, '\n');
	size_t n;

	if (!end)
		return false;
	n = (size_t)(end - r->at);
	r->line++;
	/* Prose may be as long as it likes: it is none of ours. */
	if (n >= sizeof(r->text))
		n = sizeof(r->text) - 1;
	memcpy(r->text, r->at, n);
	r->text[n] = '\0';
	r->at = end + 1;
	return true;
}

static bool is_word(const char *text, const char *word)
{
	size_t n = strlen(word);

	return strncmp(text, word, n) == 0 && (text[n] == ' ' || !text[n]);
}

/* The next word of *at, or NULL. */
static char *word_of(char **at)
{
	char *word = *at + strspn(*at, " ");

	if (!*word)
		return NULL;
	*at = word + strcspn(word, " ");
	if (**at)
		*(*at)++ = '\0';
	return word;
}

static void read_head(struct reader *r)
{
	char *at = r->text, *word;

	if (is_word(r->text, "request"))
		r->e->kind = DOC_REQUEST;
	else if (is_word(r->text, "response"))
		r->e->kind = DOC_RESPONSE;
	else if (is_word(r->text, "ring"))
		r->e->kind = DOC_RING;
	else
		bad(r, "neither request, response nor ring");
	(void)word_of(&at);
	while ((word = word_of(&at))) {
		int abi = 0;

		while (abi < PVB_ABI_COUNT &&
		       strcmp(word, pvb_abi_name((enum pvb_abi)abi)) != 0)
			abi++;
		if (abi == PVB_ABI_COUNT)
			bad(r, "no layout has this name");
		r->e->abis |= 1u << abi;
	}
	if (r->e->abis == 0 && r->e->kind != DOC_RING)
		bad(r, "names no layout");
}

static void begin_slot(struct reader *r)
{
	if (r->e->slots == DOC_SLOTS_MAX)
		bad(r, "too many slots");
	r->bytes = &r->e->slot[r->e->slots++];
}

static void begin_page(struct reader *r)
{
	char *end;

	if (r->e->page.count > 0)
		bad(r, "a second page");
	r->e->page_gref = (uint32_t)strtoul(r->text + 5, &end, 10);
	if (end == r->text + 5 || *end)
		bad(r, "a page has one grant");
	r->bytes = &r->e->page;
}

static void put(struct reader *r, uint8_t byte)
{
	if (r->bytes->count == DOC_PAGE_BYTES)
		bad(r, "more bytes than a page");
	r->bytes->at[r->bytes->count++] = byte;
}

static void read_bytes(struct reader *r)
{
	char *at, *end, *word;
	unsigned long from = strtoul(r->text, &at, 16), last = 0;

	if (at == r->text)
		bad(r, "no offset");
	if (!r->bytes)
		bad(r, "bytes of no slot");
	if (from != r->bytes->count)
		bad(r, "not where the last line ended");
	if (strncmp(at, "..", 2) == 0)
		last = strtoul(at + 2, &at, 16);
	if (*at++ != ':')
		bad(r, "no colon");
	at[strcspn(at, ";")] = '\0';
	while ((word = word_of(&at))) {
		unsigned long byte = strtoul(word, &end, 16);

		if (end != word + 2 || *end)
			bad(r, "no byte");
		put(r, (uint8_t)byte);
	}
	if (last == 0)
		return;
	if (r->bytes->count != from + 1 || r->bytes->at[from] != 0)
		bad(r, "a row is of zeros");
	while (r->bytes->count <= last)
		put(r, 0);
}

static void add_means(struct reader *r, char *at)
{
	char *word;

	while ((word = word_of(&at))) {
		size_t n = strlen(r->e->means);

		if (n + 1 + strlen(word) >= DOC_MEANS_MAX)
			bad(r, "means too much");
		if (n > 0)
			r->e->means[n++] = ' ';
		strcpy(r->e->means + n, word);
	}
}

static void read_one(struct reader *r)
{
	bool means = false;

	r->bytes = NULL;
	r->e->line = r->line;
	if (!next_line(r))
		bad(r, "ends here");
	read_head(r);
	while (next_line(r)) {
		if (strcmp(r->text, "```") == 0) {
			if (!means)
				bad(r, "means nothing");
			return;
		}
		if (!means && is_word(r->text, "means")) {
			means = true;
			add_means(r, r->text + 5);
		} else if (means) {
			add_means(r, r->text);
		} else if (is_word(r->text, "slot")) {
			begin_slot(r);
		} else if (is_word(r->text, "page")) {
			begin_page(r);
		} else {
			read_bytes(r);
		}
	}
	bad(r, "does not end");
}

uint32_t doc_examples_read(const char *text, struct doc_example *out)
{
	struct reader r = { .at = text };
	uint32_t n = 0;

	while (next_line(&r)) {
		if (strcmp(r.text, "```blkif") != 0)
			continue;
		if (n == DOC_EXAMPLES_MAX)
			bad(&r, "one example more than there is room for");
		r.e = &out[n++];
		memset(r.e, 0, sizeof(*r.e));
		read_one(&r);
	}
	return n;
}
