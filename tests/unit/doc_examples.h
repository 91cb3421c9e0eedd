/* SPDX-License-Identifier: MIT */
/*
 * doc_examples.h - the worked examples of docs/protocol.md: fenced blocks that
 * open with "```blkif", in this form:
 *
 *   request LAYOUT...         or response LAYOUT..., or ring
 *   slot                      begins a slot; a request may have several
 *   page GRANT                begins a page of indirect segments
 *   HEX: HH HH ...  ; WORDS   bytes at that offset; offsets have no gap
 *   HEX..HEX: 00              all of these are zero
 *   means TEXT                to the end of the block
 *
 * Only reads; what the bytes mean is for test_protocol_doc.c.  A block that is
 * not of this form fails the test that is under way, with its line.
 */
#ifndef TEST_DOC_EXAMPLES_H
#define TEST_DOC_EXAMPLES_H

#include <stdint.h>

enum doc_kind { DOC_REQUEST, DOC_RESPONSE, DOC_RING };

enum {
	DOC_EXAMPLES_MAX = 32, DOC_SLOTS_MAX = 4, DOC_SLOT_BYTES = 112,
	DOC_PAGE_BYTES = 4096, DOC_MEANS_MAX = 1024,
};

struct doc_bytes { uint8_t at[DOC_PAGE_BYTES]; uint32_t count; };

struct doc_example {
	uint32_t line;                  /* of its fence */
	enum doc_kind kind;
	uint32_t abis;                  /* 1 << enum pvb_abi, each */
	uint32_t slots;
	struct doc_bytes slot[DOC_SLOTS_MAX];
	uint32_t page_gref;
	struct doc_bytes page;          /* count 0: none */
	char     means[DOC_MEANS_MAX];  /* words with one space between */
};

/* How many there are in `text`. */
uint32_t doc_examples_read(const char *text, struct doc_example *out);

#endif
