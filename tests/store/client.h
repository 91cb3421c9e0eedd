/* SPDX-License-Identifier: MIT */
/*
 * client.h - a client of the XenStore wire protocol for tests: it sends any
 * bytes, keeps events, and fails the test when no answer comes.  (Its calls
 * begin with xw_, for xs_ is libxenstore's.)
 */
#ifndef PVB_TESTS_CLIENT_H
#define PVB_TESTS_CLIENT_H

#include <stddef.h>
#include <stdint.h>

#include "proto/xswire.h"

struct client {
	int fd;
	uint16_t domid;
	uint32_t req_id;
	struct pvb_xs_reader in;
	uint32_t length;                /* of the last reply */
	char reply[PVB_XS_WIRE_PAYLOAD_MAX + 1];
	char events[32768];             /* "PATH TOKEN" and a newline, each */
};

struct client *client_open(const char *path, uint16_t domid);
void client_close(struct client *c);

/* Send and wait: 0, or the error of the answer as a negative errno. */
int client_call(struct client *c, uint32_t type, uint32_t tx,
                const void *payload, size_t length);
/* The halves of that.  receive: 0 or the error; -EPIPE: hung up. */
void client_send(struct client *c, uint32_t type, uint32_t tx,
                 const void *payload, size_t length);
int client_receive(struct client *c);

int xw_read(struct client *c, uint32_t tx, const char *path);
int xw_write(struct client *c, uint32_t tx, const char *path,
             const char *text);
int xw_mkdir(struct client *c, uint32_t tx, const char *path);
int xw_rm(struct client *c, uint32_t tx, const char *path);
/* The reply becomes "a,b,c", sorted. */
int xw_list(struct client *c, uint32_t tx, const char *path);
/* "n0,r5". */
int xw_set_perms(struct client *c, uint32_t tx, const char *path,
                 const char *perms);
int xw_get_perms(struct client *c, uint32_t tx, const char *path);
int xw_begin(struct client *c, uint32_t *tx);
int xw_end(struct client *c, uint32_t tx, const char *how);
int xw_watch(struct client *c, const char *path, const char *token);
int xw_unwatch(struct client *c, const char *path, const char *token);
int xw_domain(struct client *c, uint32_t type, unsigned int domid);

/*
 * All events since the last call that the store had for us when we asked,
 * one "PATH TOKEN" a line, sorted, each once.  Borrowed.
 */
const char *client_events(struct client *c);

#define assert_reads(c, tx, path, text)                                 \
	do {                                                            \
		assert_int_equal(xw_read(c, tx, path), 0);              \
		assert_string_equal((c)->reply, text);                  \
	} while (0)
#define assert_events(c, text) assert_string_equal(client_events(c), text)
#define assert_lists(c, tx, path, text)                                 \
	do {                                                            \
		assert_int_equal(xw_list(c, tx, path), 0);              \
		assert_string_equal((c)->reply, text);                  \
	} while (0)

#endif
