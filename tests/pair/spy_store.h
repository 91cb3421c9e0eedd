/* SPDX-License-Identifier: MIT */
/*
 * spy_store.h - a real store, and a list of what was done through it: which
 * nodes were written in which transaction, and how often one was read.
 */
#ifndef PVB_TEST_SPY_STORE_H
#define PVB_TEST_SPY_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "hyp/store.h"

enum { SPY_WRITES = 512, SPY_TEXT = 96 };

struct spy_store {
	struct pvb_store store;
	struct pvb_store *real;         /* owned */
	struct pvb_store_ops ops;
	uint32_t writes, reads;
	struct spy_write {
		uint32_t tx;
		char path[SPY_TEXT], value[SPY_TEXT];
	} write[SPY_WRITES];
	/* Called before a commit; may write through other handles. */
	void (*before_commit)(void);
};

/* Takes `real` over. */
void spy_store_init(struct spy_store *s, struct pvb_store *real);
/* The transaction of the last write of `value` (NULL: any) to a path that ends
   so; 0: none was in one; UINT32_MAX: not written. */
uint32_t spy_store_tx(const struct spy_store *s, const char *end,
                      const char *value);

#endif
