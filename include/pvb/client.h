/* SPDX-License-Identifier: MIT */
/*
 * client.h - use any disk that a URI names (a frontend on a Xen ring
 * included) from any number of threads of a program.
 *
 * A client owns one thread, on which the disk lives.  Nothing here touches
 * signals, prints or exits.  Start no client before a fork that goes on
 * without exec.
 */
#ifndef PVB_CLIENT_H
#define PVB_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <pvb/disk.h>
#include <pvb/err.h>

#ifdef __cplusplus
extern "C" {
#endif

struct pvb_client;                      /* opaque */

struct pvb_client_config {
	uint32_t size_bytes;            /* sizeof: the struct grows at its
	                                   end */
	bool     read_only;             /* open for reading only */
	bool     shared;                /* others may write it meanwhile */
	uint64_t spin_max_ns;           /* busy-poll so long before sleeping */
	/* Lines for a log (no newline), from the client's thread, or NULL. */
	void   (*log)(void *arg, const char *level, const char *line);
	void    *log_arg;
};

struct pvb_client_extent { uint64_t length_bytes; bool hole, zero; };

/* PVB_VERSION of the library that runs. */
PVB_API const char *pvb_version(void);

/* Look whether the URI could be opened now, and learn its size, without
   opening it.  `info` may be NULL.  0, or -errno with *e. */
PVB_API int pvb_client_probe(const char *uri, const struct pvb_client_config *c,
                             struct pvb_disk_info *info, struct pvb_err *e);
/* `c` may be NULL.  0 and an owned client, or -errno with *e. */
PVB_API int pvb_client_open(const char *uri, const struct pvb_client_config *c,
                            struct pvb_client **out, struct pvb_err *e);
/* What is in flight is finished first.  NULL is fine. */
PVB_API void pvb_client_close(struct pvb_client *c);

/* As of now; the size may change while the disk is open. */
PVB_API void pvb_client_info(struct pvb_client *c, struct pvb_disk_info *out);

/*
 * Any thread.  Always accepted: done() runs exactly once, on the client's
 * thread, where it must not block.
 */
PVB_API void pvb_client_submit(struct pvb_client *c, struct pvb_io *io);

/* Blocking forms, any thread but the client's.  0 or -errno (pvb/disk.h). */
PVB_API int pvb_client_read(struct pvb_client *c, void *buffer,
                            size_t length_bytes, uint64_t offset_bytes);
PVB_API int pvb_client_write(struct pvb_client *c, const void *buffer,
                             size_t length_bytes, uint64_t offset_bytes,
                             uint32_t flags);
PVB_API int pvb_client_flush(struct pvb_client *c);
PVB_API int pvb_client_discard(struct pvb_client *c, uint64_t length_bytes,
                               uint64_t offset_bytes, uint32_t flags);
PVB_API int pvb_client_zero(struct pvb_client *c, uint64_t length_bytes,
                            uint64_t offset_bytes, uint32_t flags);
/* Extents from offset_bytes on, at most `cap`: how many; -EOPNOTSUPP. */
PVB_API int pvb_client_extents(struct pvb_client *c, uint64_t offset_bytes,
                               uint64_t length_bytes,
                               struct pvb_client_extent *v, uint32_t cap);

/* Memory in which this disk does I/O without a copy, or NULL: none left, or
   any memory is as good.  Any thread but the client's; put back before
   close. */
PVB_API void *pvb_client_buffer_get(struct pvb_client *c, size_t bytes);
PVB_API void pvb_client_buffer_put(struct pvb_client *c, void *buffer,
                                   size_t bytes);

#ifdef __cplusplus
}
#endif
#endif
