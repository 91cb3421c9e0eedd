/* SPDX-License-Identifier: MIT */
#include "domains.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <pvb/err.h>

#include "proto/xspath.h"

enum { PATH_BYTES = 4096 };

void pvb_domains_init(struct pvb_domains *d, const struct pvb_domains_config *c)
{
	memset(d, 0, sizeof(*d));
	d->config = *c;
}

/* The folder of a domain's sockets: `dir` itself for domain 0. */
static void folder_of(const struct pvb_domains *d, uint16_t domid,
                      char out[PATH_BYTES])
{
	if (domid == 0)
		(void)snprintf(out, PATH_BYTES, "%s", d->config.dir);
	else
		(void)snprintf(out, PATH_BYTES, "%s/dom%u", d->config.dir,
		               domid);
}

static void hyp_accepted(struct pvb_listener *l, int fd)
{
	struct pvb_domain *m = pvb_container(l, struct pvb_domain, hyp);

	m->domains->config.hyp(m->domains->config.arg, m->domid, fd);
}

static void store_accepted(struct pvb_listener *l, int fd)
{
	struct pvb_domain *m = pvb_container(l, struct pvb_domain, store);

	m->domains->config.store(m->domains->config.arg, m->domid, fd);
}

static int open_sockets(struct pvb_domains *d, struct pvb_domain *m,
                        struct pvb_err *e)
{
	char folder[PATH_BYTES], path[PATH_BYTES + 8];
	int r;

	folder_of(d, m->domid, folder);
	if (m->domid != 0 && mkdir(folder, 0700) < 0 && errno != EEXIST)
		return pvb_err_set(e, -errno, "%s: %s", folder,
		                   strerror(errno));
	(void)snprintf(path, sizeof(path), "%s/hyp", folder);
	r = pvb_listener_open(&m->hyp, d->config.loop, path, SOCK_SEQPACKET,
	                      hyp_accepted, e);
	if (r < 0)
		return r;
	/* Last, because who finds it takes the domain to be there. */
	(void)snprintf(path, sizeof(path), "%s/store", folder);
	return pvb_listener_open(&m->store, d->config.loop, path, SOCK_STREAM,
	                         store_accepted, e);
}

static void close_sockets(struct pvb_domains *d, struct pvb_domain *m)
{
	char folder[PATH_BYTES];

	pvb_listener_close(&m->store);
	pvb_listener_close(&m->hyp);
	folder_of(d, m->domid, folder);
	if (m->domid != 0)
		(void)rmdir(folder);
}

int pvb_domains_add(struct pvb_domains *d, uint16_t domid, struct pvb_err *e)
{
	struct pvb_domain *m;
	int r;

	if (domid > PVB_XS_DOMID_MAX)
		return pvb_err_set(e, -EINVAL, "%u is no domain's number",
		                   domid);
	if (pvb_domains_find(d, domid))
		return pvb_err_set(e, -EEXIST, "domain %u is there already",
		                   domid);
	if (d->count >= PVB_DOMAINS_MAX)
		return pvb_err_set(e, -ENOSPC, "there are %u domains already",
		                   d->count);
	m = calloc(1, sizeof(*m));
	if (!m)
		return pvb_err_set(e, -ENOMEM, "out of memory");
	m->domains = d;
	m->domid = domid;
	m->alive = true;
	r = open_sockets(d, m, e);
	if (r < 0) {
		close_sockets(d, m);
		free(m);
		return r;
	}
	m->next = d->first;
	d->first = m;
	d->count++;
	return 0;
}

static void remove_at(struct pvb_domains *d, struct pvb_domain **at)
{
	struct pvb_domain *m = *at;

	*at = m->next;
	d->count--;
	close_sockets(d, m);
	free(m);
}

int pvb_domains_remove(struct pvb_domains *d, uint16_t domid)
{
	struct pvb_domain **at = &d->first;

	if (domid == 0)
		return -EINVAL;
	while (*at && (*at)->domid != domid)
		at = &(*at)->next;
	if (!*at)
		return -ENOENT;
	remove_at(d, at);
	return 0;
}

void pvb_domains_fini(struct pvb_domains *d)
{
	while (d->first)
		remove_at(d, &d->first);
}

struct pvb_domain *pvb_domains_find(const struct pvb_domains *d, uint16_t domid)
{
	struct pvb_domain *m = d->first;

	while (m && m->domid != domid)
		m = m->next;
	return m;
}

bool pvb_domains_join(struct pvb_domains *d, uint16_t domid)
{
	struct pvb_domain *m = pvb_domains_find(d, domid);
	bool was_dead;

	if (!m)
		return false;
	m->processes++;
	was_dead = !m->alive;
	m->alive = true;
	return was_dead;
}

bool pvb_domains_leave(struct pvb_domains *d, uint16_t domid)
{
	struct pvb_domain *m = pvb_domains_find(d, domid);

	if (!m)
		return false;
	assert(m->processes > 0);
	m->processes--;
	/* Domain 0 is the machine itself. */
	if (m->processes > 0 || domid == 0)
		return false;
	m->alive = false;
	return true;
}
