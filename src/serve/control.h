/* SPDX-License-Identifier: MIT */
/*
 * control.h - the daemon's control socket: one JSON object a line, asked and
 * answered.
 *
 *   {"command": "list", ...}            ->  {"result": ...}
 *                                       or  {"error": "why"}
 *
 * A Unix stream socket that only its owner may open (mode 0600).  A client
 * may be slow or malicious: lines, clients and answers waiting are bounded,
 * and nobody else waits for it.
 */
#ifndef PVB_CONTROL_H
#define PVB_CONTROL_H

#include <jansson.h>

struct pvb_control;
struct pvb_control_client;
struct pvb_control_call;
struct pvb_err;
struct pvb_loop;

enum { PVB_CONTROL_LINE_MAX = 65536, PVB_CONTROL_CLIENTS_MAX = 64 };

/* The answer's "result" (owned by the caller), or NULL with *e; or NULL, after
   pvb_control_later has put it off. */
typedef json_t *pvb_control_handle(void *arg, const char *command,
                                   const json_t *request,
                                   struct pvb_control_client *client,
                                   struct pvb_err *e);
/* From inside of handle: the answer comes by pvb_control_answer, exactly once,
   from the loop; also when the client or the socket is gone by then.  NULL: no
   memory. */
struct pvb_control_call *pvb_control_later(struct pvb_control_client *client);
/* Takes `result` over; NULL: *e says why not. */
void pvb_control_answer(struct pvb_control_call *call, json_t *result,
                        const struct pvb_err *e);

/* Binds `path`, replacing a socket that nobody listens on.  0, or -errno with
   *e: -EADDRINUSE (another daemon), -ENAMETOOLONG, ... */
int  pvb_control_create(struct pvb_loop *loop, const char *path,
                        pvb_control_handle *handle, void *arg,
                        struct pvb_control **out, struct pvb_err *e);
/* Closes all clients and removes the socket.  NULL is fine. */
void pvb_control_destroy(struct pvb_control *c);

/* The client's side: ask, wait at most `timeout_ms`.  The result (owned), or
   NULL with *e: -ENOENT or -ECONNREFUSED (no daemon), -EACCES, -ETIMEDOUT,
   -EPROTO, or -EIO with the daemon's own words. */
json_t *pvb_control_ask(const char *path, json_t *request, int timeout_ms,
                        struct pvb_err *e);

#endif
