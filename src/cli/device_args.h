/* SPDX-License-Identifier: MIT */
/*
 * device_args.h - DOMAIN, VDEV and DISK as they stand on a command line.
 */
#ifndef PVB_DEVICE_ARGS_H
#define PVB_DEVICE_ARGS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "cmd.h"

/* A domain's number from 0.  DONE, or USAGE and said. */
int pvb_arg_domain(const struct pvb_cmd *cmd, const char *text, uint16_t *out);
/* A device's number.  DONE, or USAGE and said. */
int pvb_arg_vdev(const struct pvb_cmd *cmd, const char *text, uint32_t *out);
/* The path that a disk URI or a bare path names, if it is a file's; NULL: it
   has another scheme.  Borrowed from `text`; not decoded. */
const char *pvb_arg_file_path(const char *text);
/* The file that a disk URI or a bare path names.  False: it has another
   scheme, or there is no such file. */
bool pvb_arg_stat(const char *text, struct stat *out);
/* A disk URI whose file path is absolute, as a daemon in another directory
   needs it.  DONE, or FAILED and said. */
int pvb_arg_disk(const char *text, char *out, size_t cap);
/* Seconds (whole or "2.5") to milliseconds.  DONE, or USAGE and said. */
int pvb_arg_seconds(const struct pvb_cmd *cmd, const char *option,
                    const char *text, uint64_t *out_ms);

#endif
