/* SPDX-License-Identifier: MIT */
/* differences.c - where the stores differ, and why. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "rig.h"

static const struct {
	const char *name;
	uint32_t kinds;                 /* who has the other behaviour */
	const char *reason;
} differences[] = {
	/* both */
	{ "depth-is-not-limited", RIG_XENSTORED | RIG_OXENSTORED,
	  "a guest could make each of its requests cost a thousand steps" },
	/* xenstored */
	{ "brothers-conflict", RIG_XENSTORED,
	  "its directory and its node are one record, so two who make children "
	  "of one node conflict; only who listed it should" },
	{ "first-read-in-transaction", RIG_XENSTORED,
	  "its transactions keep what they have touched, not the whole store; "
	  "the specification says that the whole is copied" },
	{ "owner-must-exist", RIG_XENSTORED,
	  "it asks the hypervisor; ours lets a toolstack write for a domain "
	  "whose first process has not come yet" },
	{ "no-string-is-any-error", RIG_XENSTORED,
	  "it refuses a message that holds no string with whatever error came "
	  "before" },
	{ "message-in-pieces-aborts", RIG_XENSTORED,
	  "4.17 aborts when a socket gives it less than a whole message" },
	{ "long-message-aborts", RIG_XENSTORED,
	  "4.17 aborts on a socket's message over 4096 bytes" },
	{ "events-kept-without-bound", RIG_XENSTORED,
	  "it trusts domain 0, so what that does not read is kept" },
	/* oxenstored */
	{ "value-limit-of-domain-0", RIG_OXENSTORED,
	  "its limit of a value's length holds for domain 0 too" },
	{ "large-value-is-e2big", RIG_OXENSTORED,
	  "its word for a value over the limit" },
	{ "quota-is-equota", RIG_OXENSTORED,
	  "its word for every other quota, one that xs_wire.h does not list" },
	{ "permissions-are-not-limited", RIG_OXENSTORED,
	  "it has no limit of a node's permissions" },
	{ "commit-over-quota", RIG_OXENSTORED,
	  "it counts a transaction against the store as it was" },
	{ "root-can-be-removed", RIG_OXENSTORED,
	  "it takes that for removing all; we do not try it" },
	{ "no-directory-parts", RIG_OXENSTORED,
	  "4.17 does not know DIRECTORY_PART; a long directory comes as one "
	  "message over the limit of the protocol" },
	{ "owner-of-a-new-node", RIG_OXENSTORED,
	  "a new node has its parent's owner, whoever made it" },
	{ "giving-away-is-eacces", RIG_OXENSTORED,
	  "its word for a guest that would give a node away" },
	{ "absence-is-told", RIG_OXENSTORED,
	  "it tells a guest that a node is absent where it may not look" },
	{ "special-is-eacces", RIG_OXENSTORED,
	  "its word for a guest that would let itself hear of domains" },
	{ "control-of-guest", RIG_OXENSTORED,
	  "it answers OK to a guest's CONTROL, and does nothing" },
	{ "blind-write-in-transaction", RIG_OXENSTORED,
	  "it runs the requests again on the new store and compares the "
	  "answers; a write is answered alike" },
	{ "removal-of-what-grew", RIG_OXENSTORED,
	  "the same: a removal is answered alike" },
	{ "reading-only-never-conflicts", RIG_OXENSTORED,
	  "a transaction without a change is as if it had been before the "
	  "others' changes" },
	{ "unknown-transaction-is-eio", RIG_OXENSTORED,
	  "its word for whatever it did not foresee" },
	{ "removal-above-absent-node", RIG_OXENSTORED,
	  "it fires every watch below a removed node, there or not" },
	{ "unknown-domain-is-einval", RIG_OXENSTORED,
	  "its word for a domain that it does not know" },
	{ "dead-domains-nodes-go-silently", RIG_OXENSTORED,
	  "it fires no watch for them but @releaseDomain" },
	{ "empty-message-is-waited-with", RIG_OXENSTORED,
	  "it takes a message without payload for one not yet complete" },
	{ "long-message-is-waited-for", RIG_OXENSTORED,
	  "4.17 waits for the rest of a message over 4096 bytes" },
	{ "deaf-watcher-holds-up-the-writer", RIG_OXENSTORED,
	  "who causes events is not read from until their receiver has read" },
};

enum { COUNT = sizeof(differences) / sizeof(differences[0]) };

static bool met[COUNT];

bool rig_differs(const struct rig *r, const char *name)
{
	for (size_t i = 0; i < COUNT; i++) {
		if (strcmp(differences[i].name, name) != 0)
			continue;
		if (!(differences[i].kinds & r->kind))
			return false;
		if (!met[i])
			printf("# difference: %s: %s\n", name,
			       differences[i].reason);
		met[i] = true;
		return true;
	}
	fail_msg("a difference without a name: %s", name);
	return false;
}

int rig_differences_not_met(const struct rig *r)
{
	int n = 0;

	for (size_t i = 0; i < COUNT; i++) {
		if (!(differences[i].kinds & r->kind) || met[i])
			continue;
		printf("# no test met the difference %s\n",
		       differences[i].name);
		n++;
	}
	return n;
}
