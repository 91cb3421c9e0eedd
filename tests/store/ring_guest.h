/* SPDX-License-Identifier: MIT */
/*
 * ring_guest.h - a guest of a real store: its ring page and event channel,
 * joined to a Unix socket, so that the tests see one kind of client only.
 */
#ifndef PVB_TESTS_RING_GUEST_H
#define PVB_TESTS_RING_GUEST_H

#include <stdint.h>
#include <sys/types.h>

/*
 * Make the page DIR/domN and a process that carries bytes between the ring in
 * it and the first connection to DIR/doorN, until it is killed.  The store is
 * not told.  The process, or -1.
 */
pid_t ring_guest_start(const char *dir, uint16_t domid);

#endif
