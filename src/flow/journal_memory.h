/* SPDX-License-Identifier: MIT */
/*
 * journal_memory.h - memory for a journal (proto/journal.h) that outlives the
 * process that writes it: a file that control has made and keeps, or a memfd.
 *
 * Who maps it relies on its size.  A memfd is sealed in that.  A file could be
 * cut off by who has it open: its supervisor, who does not, and one worker at a
 * time, who would only kill himself; the next looks first.
 */
#ifndef PVB_JOURNAL_MEMORY_H
#define PVB_JOURNAL_MEMORY_H

#include <stddef.h>

/* All zero, and a hole: it costs no memory before it is used.  The memfd
   (owned), or -errno. */
int  pvb_journal_memory_create(size_t bytes);
/* Map it for reading and writing (`fd` stays the caller's).  0; -EINVAL: it
   has another size, or is no file; -ENOMEM, -EACCES. */
int  pvb_journal_memory_map(int fd, size_t bytes, void **out);
void pvb_journal_memory_unmap(void *mem, size_t bytes);  /* NULL is fine */

#endif
