/* SPDX-License-Identifier: MIT */
/*
 *                 offer                      bind
 *      (nothing) -------> one end, offered -------> two ends
 *                            |       ^                 |
 *                      close |       +-----------------+ close of either:
 *                            v                           the other is offered
 *                        (nothing)                       to who has left
 */
#include "bells.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "reopen.h"

struct pvb_channel {
	/* Ours alone, so never blocking whatever a domain does to its own.
	   bell[i] wakes end i. */
	int bell[2];
	struct pvb_port *end[2];        /* NULL: not bound */
	uint16_t domid[2];              /* whose end it is, or may become */
};

static struct pvb_port **bucket_of(struct pvb_bells *b, uint16_t domid)
{
	return &b->bucket[domid % PVB_BELLS_BUCKETS];
}

static struct pvb_port *find(struct pvb_bells *b, uint16_t domid,
                             uint32_t number)
{
	struct pvb_port *p = *bucket_of(b, domid);

	while (p && (p->domid != domid || p->number != number))
		p = p->next;
	return p;
}

void pvb_bells_fini(struct pvb_bells *b)
{
	assert(b->ports == 0 && b->bound == 0);
	(void)b;
}

/* The lowest number that is free, as Xen gives them out; 0: none. */
static uint32_t free_number(struct pvb_bells *b, uint16_t domid)
{
	uint64_t used[PVB_BELLS_PER_DOMAIN_MAX / 64] = { 0 };

	for (struct pvb_port *p = *bucket_of(b, domid); p; p = p->next)
		if (p->domid == domid)
			used[(p->number - 1) / 64] |=
				1ull << (p->number - 1) % 64;
	for (uint32_t i = 0; i < PVB_BELLS_PER_DOMAIN_MAX / 64; i++)
		if (~used[i])
			return i * 64 + 1 +
			       (uint32_t)__builtin_ctzll(~used[i]);
	return 0;
}

/* Open end `end` of `c`, whose domain is known, as a port. */
static int open_port(struct pvb_bells *b, struct pvb_channel *c, uint8_t end,
                     struct pvb_port **out)
{
	struct pvb_port **bucket = bucket_of(b, c->domid[end]);
	uint32_t number = free_number(b, c->domid[end]);
	struct pvb_port *p;

	if (number == 0)
		return -ENOSPC;
	p = calloc(1, sizeof(*p));
	if (!p)
		return -ENOMEM;
	p->channel = c;
	p->number = number;
	p->domid = c->domid[end];
	p->end = end;
	p->next = *bucket;
	*bucket = p;
	c->end[end] = p;
	b->ports++;
	*out = p;
	return 0;
}

/* One page is enough for any number of rings that nobody has heard. */
static int bell_create(void)
{
	int ends[2], fd;

	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0)
		return -errno;
	(void)fcntl(ends[1], F_SETPIPE_SZ, 4096);  /* refused: a larger one */
	fd = pvb_reopen(ends[1], O_RDWR | O_NONBLOCK);
	pvb_close_all(ends, 2);
	return fd;
}

static struct pvb_channel *channel_create(uint16_t domid, uint16_t peer,
                                          int *err)
{
	struct pvb_channel *c = calloc(1, sizeof(*c));

	if (!c) {
		*err = -ENOMEM;
		return NULL;
	}
	c->domid[0] = domid;
	c->domid[1] = peer;
	c->bell[0] = bell_create();
	c->bell[1] = bell_create();
	if (c->bell[0] >= 0 && c->bell[1] >= 0)
		return c;
	*err = c->bell[0] < 0 ? c->bell[0] : c->bell[1];
	pvb_close_all(c->bell, 2);
	free(c);
	return NULL;
}

static void channel_destroy(struct pvb_channel *c)
{
	pvb_close_all(c->bell, 2);
	free(c);
}

int pvb_bells_offer(struct pvb_bells *b, uint16_t domid, uint16_t peer,
                    struct pvb_port **out)
{
	int r;
	struct pvb_channel *c = channel_create(domid, peer, &r);

	if (!c)
		return r;
	r = open_port(b, c, 0, out);
	if (r < 0)
		channel_destroy(c);
	return r;
}

static void ring(int bell)
{
	/* Full: it rings already. */
	ssize_t n = write(bell, "", 1);

	(void)n;
}

int pvb_bells_bind(struct pvb_bells *b, uint16_t domid, uint16_t peer,
                   uint32_t number, struct pvb_port **out)
{
	struct pvb_port *remote = find(b, peer, number);
	struct pvb_channel *c;
	uint8_t end;
	int r;

	if (!remote)
		return -ENOENT;
	c = remote->channel;
	end = !remote->end;
	if (c->domid[end] != domid)
		return -EACCES;
	if (c->end[end])
		return -ENOENT;
	r = open_port(b, c, end, out);
	if (r < 0)
		return r;
	b->bound++;
	ring(c->bell[end]);
	return 0;
}

void pvb_bells_close(struct pvb_bells *b, struct pvb_port *p)
{
	struct pvb_port **at = bucket_of(b, p->domid);
	struct pvb_channel *c = p->channel;

	while (*at != p)
		at = &(*at)->next;
	*at = p->next;
	b->ports--;
	c->end[p->end] = NULL;
	if (c->end[!p->end])
		b->bound--;
	else
		channel_destroy(c);
	free(p);
}

int pvb_port_fds(const struct pvb_port *p, int fds[2])
{
	const struct pvb_channel *c = p->channel;

	fds[0] = pvb_reopen(c->bell[p->end], O_RDWR | O_NONBLOCK);
	if (fds[0] < 0)
		return fds[0];
	fds[1] = pvb_reopen(c->bell[!p->end], O_RDWR | O_NONBLOCK);
	if (fds[1] >= 0)
		return 0;
	pvb_close_all(fds, 1);
	return fds[1];
}
