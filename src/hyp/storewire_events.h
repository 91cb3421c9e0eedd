/* SPDX-License-Identifier: MIT */
/*
 * storewire_events.h - what the two files of a store connection share: the
 * events that are kept.  Nobody else includes this.
 */
#ifndef PVB_HYP_STOREWIRE_EVENTS_H
#define PVB_HYP_STOREWIRE_EVENTS_H

#include "storewire.h"

/* Keep what a watch event's payload says, if anybody expects it. */
void storewire_events_keep(struct pvb_storewire *w, const char *payload,
                           uint32_t length);
/* The oldest; false: none. */
bool storewire_events_take(struct pvb_storewire *w, struct pvb_store_event *e);
/* All of them, and all watches. */
void storewire_events_drop(struct pvb_storewire *w);

#endif
