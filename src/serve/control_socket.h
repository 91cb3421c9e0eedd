/* SPDX-License-Identifier: MIT */
/*
 * control_socket.h - the address of a control socket, for both of its sides.
 */
#ifndef PVB_CONTROL_SOCKET_H
#define PVB_CONTROL_SOCKET_H

#include <sys/un.h>

struct pvb_err;

/* 0, or -ENAMETOOLONG with *e. */
int pvb_control_address(const char *path, struct sockaddr_un *a,
                        struct pvb_err *e);
/* The descriptor (owned), or -errno: -ENOENT, -ECONNREFUSED (nobody listens)
   ... */
int pvb_control_connect(const struct sockaddr_un *a);

#endif
