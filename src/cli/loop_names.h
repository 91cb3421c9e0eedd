/* SPDX-License-Identifier: MIT */
/*
 * loop_names.h - where `pvb loop` puts things: its directory, sockets, URIs.
 */
#ifndef PVB_LOOP_NAMES_H
#define PVB_LOOP_NAMES_H

#include <stdbool.h>
#include <stdint.h>

struct pvb_err;

enum {
	PVB_LOOP_PATH_MAX = 4600,
	PVB_LOOP_NUMBER   = 202 << 8,   /* each disk is its domain's xvda */
};

struct pvb_loop_names {                 /* caller's storage; zero: fini is
                                           fine */
	char dir[480];                  /* made by init, removed by fini
	                                   with what daemons have left */
	char host[512];                 /* local:DIR */
	char program[4096];             /* this very program */
	char plugin[4096];              /* nbdkit's, by path or by name */
	char nbd[4096];                 /* the first disk's socket, absolute */
	bool segment_blocks;            /* the owner's: fronts are to use
	                                   them */
	const char *sector_units;       /* likewise, so to count; NULL: as they
	                                   do anyway */
};

/* `nbd` NULL: sockets in the directory.  0 or -errno with *e. */
int  pvb_loop_names_init(struct pvb_loop_names *n, const char *nbd,
                         struct pvb_err *e);
void pvb_loop_names_fini(struct pvb_loop_names *n);

/* Of the i-th disk, from 0. */
uint16_t pvb_loop_domain(int i);
void pvb_loop_socket(const struct pvb_loop_names *n, int i,
                     char out[PVB_LOOP_PATH_MAX]);
void pvb_loop_uri(const struct pvb_loop_names *n, int i,
                  char out[PVB_LOOP_PATH_MAX]);
void pvb_loop_vbd(const struct pvb_loop_names *n, int i,
                  char out[PVB_LOOP_PATH_MAX]);

#endif
