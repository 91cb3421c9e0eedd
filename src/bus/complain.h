/* SPDX-License-Identifier: MIT */
/*
 * complain.h - where one end of a device leaves the sentence that says why it
 * failed, as drivers in the field do: below `error` in its own domain's home.
 */
#ifndef PVB_COMPLAIN_H
#define PVB_COMPLAIN_H

#include <stddef.h>

struct pvb_store;

/* "/local/domain/D/REST" to "/local/domain/D/error/REST"; the sentence is in
   the node `error` below it.  0, -EINVAL (no such path), -ENAMETOOLONG. */
int  pvb_complaint_path(const char *device_dir, char *out, size_t cap);
/* Leave one: "CODE TEXT", the code a positive errno.  Best effort. */
void pvb_complaint_put(struct pvb_store *s, const char *device_dir,
                       int code, const char *text);
/* Read its text, without the code, into `out`; "" if there is none.  Bytes that
   somebody else chose. */
void pvb_complaint_get(struct pvb_store *s, const char *device_dir,
                       char *out, size_t cap);
/* With the directories above it that it leaves empty. */
void pvb_complaint_remove(struct pvb_store *s, const char *device_dir);

#endif
