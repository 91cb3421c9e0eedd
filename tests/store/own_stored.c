/* SPDX-License-Identifier: MIT */
/*
 * own_stored.c - our store alone, as a daemon that the store tests and Xen's
 * tools can be pointed at: no pages, no doorbells, no life of domains beyond
 * INTRODUCE and RELEASE.
 *
 * Usage: own_stored DIR.  DIR/socket is domain 0; DIR/doorN appears when
 * domain N is introduced.  Says "ready" on standard output; ends when its
 * standard input does.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/loop.h"
#include "broker/listener.h"
#include "broker/xsconns.h"
#include "broker/xsrequest.h"
#include "pvb/err.h"

struct domain {
	struct domain *next;
	struct stored *stored;
	struct pvb_listener listener;
	uint16_t domid;
};

struct stored {
	const char *dir;
	struct pvb_loop *loop;
	struct pvb_xstree *tree;
	struct domain *domains;
	struct pvb_xsconns connections;
	struct pvb_loop_fd input;
};

static int on_introduce(void *arg, uint16_t domid);
static int on_release(void *arg, uint16_t domid);
static const struct pvb_xsserver_ops server_ops = { on_introduce, on_release };

static void on_accepted(struct pvb_listener *l, int fd)
{
	struct domain *who = pvb_container(l, struct domain, listener);

	(void)pvb_xsconns_add(&who->stored->connections, who->domid, fd);
}

static int open_door(struct stored *d, uint16_t domid)
{
	struct domain *who = calloc(1, sizeof(*who));
	struct pvb_err e = PVB_ERR_INIT;
	char path[PVB_LISTENER_PATH_MAX + 1];

	if (!who)
		return -ENOMEM;
	if (domid)
		snprintf(path, sizeof(path), "%s/door%u", d->dir, domid);
	else
		snprintf(path, sizeof(path), "%s/socket", d->dir);
	if (pvb_listener_open(&who->listener, d->loop, path, SOCK_STREAM,
	                      on_accepted, &e)) {
		fprintf(stderr, "own_stored: %s\n", e.text);
		free(who);
		return e.code;
	}
	who->stored = d;
	who->domid = domid;
	who->next = d->domains;
	d->domains = who;
	return 0;
}

static void close_door(struct domain **at)
{
	struct domain *who = *at;

	*at = who->next;
	pvb_listener_close(&who->listener);
	free(who);
}

static int on_introduce(void *arg, uint16_t domid)
{
	struct stored *d = arg;
	int rc = open_door(d, domid);

	return rc ? rc : pvb_xstree_introduce(d->tree, domid);
}

static int on_release(void *arg, uint16_t domid)
{
	struct stored *d = arg;
	struct domain **at = &d->domains;

	while (*at && (*at)->domid != domid)
		at = &(*at)->next;
	if (!*at)
		return -ENOENT;
	close_door(at);
	pvb_xsconns_drop_domain(&d->connections, domid);
	return pvb_xstree_release(d->tree, domid);
}

static void on_input(struct pvb_loop_fd *w, uint32_t events)
{
	char byte;

	(void)events;
	if (read(w->fd, &byte, 1) <= 0)
		pvb_loop_stop(w->loop);
}

int main(int argc, char **argv)
{
	struct pvb_err e = PVB_ERR_INIT;
	struct stored d = { .input = { .fd = 0, .events = PVB_LOOP_IN,
	                               .ready = on_input } };

	if (argc != 2) {
		fprintf(stderr, "usage: own_stored DIR\n");
		return 2;
	}
	signal(SIGPIPE, SIG_IGN);
	d.dir = argv[1];
	d.loop = pvb_loop_create(NULL, &e);
	d.tree = pvb_xstree_create(NULL);
	d.connections = (struct pvb_xsconns){
		.tree = d.tree, .loop = d.loop, .ops = &server_ops, .arg = &d };
	if (!d.loop || !d.tree || open_door(&d, 0) ||
	    pvb_loop_add_fd(d.loop, &d.input))
		return 1;
	puts("ready");
	fflush(stdout);
	pvb_loop_run(d.loop);

	pvb_loop_remove_fd(&d.input);
	pvb_xsconns_fini(&d.connections);
	while (d.domains)
		close_door(&d.domains);
	pvb_xstree_destroy(d.tree);
	pvb_loop_destroy(d.loop);
	return 0;
}
