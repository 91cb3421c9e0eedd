/* SPDX-License-Identifier: MIT */
/*
 * rig.h - a store under test, whichever it is, with domain 0 and guests that
 * all come through Unix sockets.
 *
 * Ours has a socket for every domain.  xenstored and oxenstored have one for
 * domain 0; their guests speak through a ring page, which a small process
 * joins to a socket here.
 */
#ifndef PVB_TESTS_RIG_H
#define PVB_TESTS_RIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum rig_kind { RIG_OWN = 1, RIG_XENSTORED = 2, RIG_OXENSTORED = 4 };
enum { RIG_GUESTS_MAX = 8, RIG_CLIENTS_MAX = 16 };

struct client;
struct rig {
	enum rig_kind kind;
	bool by_library;                /* the table is that of libxenstore */
	char dir[64];                   /* ours, below /tmp */
	char helper[256];               /* own_stored, or the stub */
	pid_t daemon;
	int daemon_input;               /* ends it when closed */
	uint16_t last_domid;

	/* Of the running test; taken away after it. */
	struct guest { uint16_t domid; pid_t bridge; } guest[RIG_GUESTS_MAX];
	uint32_t guests;
	struct client *client[RIG_CLIENTS_MAX];
	uint32_t clients;
};

/* 0; or 1 with why this store cannot be tested here. */
int rig_start(struct rig *r, enum rig_kind kind, const char *helper,
              const char **why);
void rig_stop(struct rig *r);
/* The daemon dies, in the last test of a run. */
void rig_kill_daemon(struct rig *r);
/* Close the test's clients, destroy its domains, remove its nodes ("/t"). */
void rig_clean(struct rig *r);

/* A new domain: its number. */
uint16_t rig_boot(struct rig *r);
/* One of that number, which is not in use. */
void rig_boot_as(struct rig *r, uint16_t domid);
/* The domain dies, and the toolstack says so. */
void rig_destroy(struct rig *r, uint16_t domid);
/* A number that no domain has had. */
uint16_t rig_unused_domid(struct rig *r);
/* A connection as that domain (a guest has one), closed by rig_clean. */
struct client *rig_open(struct rig *r, uint16_t domid);
void rig_door(const struct rig *r, uint16_t domid, char *out, size_t cap);

/*
 * The named differences between the stores: true if the store under test has
 * the other behaviour.  Said once, with its reason, when first met; a name
 * that is not in the list is a failure.
 */
bool rig_differs(const struct rig *r, const char *name);
/* How many of this store's no test has asked for; they are named. */
int rig_differences_not_met(const struct rig *r);

#endif
