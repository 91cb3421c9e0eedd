/* SPDX-License-Identifier: MIT */
/* ring_guest.c - a guest's XenStore ring, joined to a socket. */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "ring_guest.h"

/* The layout that xs_wire.h gives a ring page. */
enum { RING_BYTES = 1024 };
struct ring {
	char request[RING_BYTES], reply[RING_BYTES];
	_Atomic uint32_t request_cons, request_prod, reply_cons, reply_prod;
};

struct guest {
	struct ring *ring;
	int listener, socket, bell;
	struct sockaddr_un store;       /* where its notifications go */
	uint32_t port;
};

static void notify(struct guest *g)
{
	(void)sendto(g->bell, &g->port, sizeof(g->port), 0,
	             (struct sockaddr *)&g->store, sizeof(g->store));
}

static uint32_t request_room(const struct guest *g)
{
	return RING_BYTES - (atomic_load(&g->ring->request_prod) -
	                     atomic_load(&g->ring->request_cons));
}

/* Socket to ring, as much as there is room for.  False: hung up. */
static bool take_requests(struct guest *g)
{
	char bytes[RING_BYTES];
	uint32_t prod = atomic_load(&g->ring->request_prod);
	ssize_t n = recv(g->socket, bytes, request_room(g), MSG_DONTWAIT);

	if (n == 0)
		return false;
	for (ssize_t i = 0; i < n; i++)
		g->ring->request[prod++ % RING_BYTES] = bytes[i];
	if (n > 0) {
		atomic_store(&g->ring->request_prod, prod);
		notify(g);
	}
	return true;
}

/* Ring to socket, as much as it takes. */
static void give_replies(struct guest *g)
{
	char bytes[RING_BYTES];
	uint32_t cons = atomic_load(&g->ring->reply_cons);
	uint32_t n = atomic_load(&g->ring->reply_prod) - cons;
	ssize_t sent;

	if (n == 0 || n > RING_BYTES)
		return;
	for (uint32_t i = 0; i < n; i++)
		bytes[i] = g->ring->reply[(cons + i) % RING_BYTES];
	sent = send(g->socket, bytes, n, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (sent > 0) {
		atomic_store(&g->ring->reply_cons, cons + (uint32_t)sent);
		notify(g);
	}
}

static void drain_bell(struct guest *g)
{
	uint32_t port;

	while (recv(g->bell, &port, sizeof(port), MSG_DONTWAIT) > 0)
		;
}

static void carry(struct guest *g)
{
	struct pollfd p[2] = { { .fd = g->bell, .events = POLLIN },
	                       { .fd = g->socket } };

	for (;;) {
		p[1].events = 0;
		if (request_room(g))
			p[1].events |= POLLIN;
		if (atomic_load(&g->ring->reply_prod) !=
		    atomic_load(&g->ring->reply_cons))
			p[1].events |= POLLOUT;
		if (poll(p, 2, -1) < 0)
			return;
		drain_bell(g);
		if ((p[1].revents & (POLLIN | POLLHUP)) && request_room(g) &&
		    !take_requests(g))
			return;
		give_replies(g);
	}
}

static int bound_socket(int type, const char *dir, const char *name,
                        uint32_t number)
{
	struct sockaddr_un me = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);

	snprintf(me.sun_path, sizeof(me.sun_path), "%s/%s%u", dir, name,
	         number);
	unlink(me.sun_path);
	if (fd < 0 || bind(fd, (struct sockaddr *)&me, sizeof(me)) < 0)
		return -1;
	return fd;
}

static bool set_up(struct guest *g, const char *dir, uint16_t domid)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "%s/dom%u", dir, domid);
	fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0 || ftruncate(fd, 4096) < 0)
		return false;
	g->ring = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	g->port = domid;
	g->bell = bound_socket(SOCK_DGRAM, dir, "port", domid);
	g->listener = bound_socket(SOCK_STREAM, dir, "door", domid);
	g->store.sun_family = AF_UNIX;
	snprintf(g->store.sun_path, sizeof(g->store.sun_path), "%s/evtchn",
	         dir);
	return g->ring != MAP_FAILED && g->bell >= 0 && g->listener >= 0 &&
	       listen(g->listener, 1) == 0;
}

pid_t ring_guest_start(const char *dir, uint16_t domid)
{
	struct guest g = { .socket = -1 };
	pid_t pid;

	if (!set_up(&g, dir, domid))
		return -1;
	pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		g.socket = accept(g.listener, NULL, NULL);
		if (g.socket >= 0)
			carry(&g);
		_exit(0);
	}
	close(g.listener);
	close(g.bell);
	munmap(g.ring, 4096);
	return pid;
}
