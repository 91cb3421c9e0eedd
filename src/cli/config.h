/* SPDX-License-Identifier: MIT */
/*
 * config.h - settings from a file: "name = value" lines, "#" begins a comment.
 *
 * Names are those of a command's long options.  Strict: a line that is none,
 * an unknown name or a name given twice is an error with file and line.
 */
#ifndef PVB_CONFIG_H
#define PVB_CONFIG_H

#include "cmd.h"

struct pvb_config_file { char *text; }; /* owns the values; zero at first */

/* Calls `take` for each; its status other than DONE ends it.  `where` is what
   its words to the user begin with: "FILE:LINE: ". */
int pvb_config_read(const struct pvb_cmd *cmd, const char *path,
                    struct pvb_config_file *out,
                    int (*take)(const struct pvb_cmd *cmd, void *arg,
                                const char *where, const char *name,
                                const char *value),
                    void *arg);
void pvb_config_free(struct pvb_config_file *f);

#endif
