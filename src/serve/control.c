/* SPDX-License-Identifier: MIT */
#include "control.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <pvb/err.h>

#include "base/loop.h"
#include "control_socket.h"

struct pvb_control_client {
	struct pvb_control_client *next;
	struct pvb_control *control;
	struct pvb_loop_fd  watch;
	size_t              have;       /* of the line so far */
	struct pvb_control_call *call;  /* NULL, or its answer is due */
	char               *answer;     /* NULL, or being sent */
	size_t              answer_bytes, sent;
	char                line[PVB_CONTROL_LINE_MAX];
};

struct pvb_control_call {
	struct pvb_control_client *client;      /* NULL: gone */
};

struct pvb_control {
	struct pvb_loop    *loop;
	struct pvb_loop_fd  listener;
	struct sockaddr_un  address;
	pvb_control_handle *handle;
	void               *arg;
	struct pvb_control_client *first;
	uint32_t            clients;
};

/* ---- one client ---------------------------------------------------------- */

static void client_destroy(struct pvb_control_client *k)
{
	struct pvb_control_client **at = &k->control->first;

	while (*at != k)
		at = &(*at)->next;
	*at = k->next;
	k->control->clients--;
	if (k->call)
		k->call->client = NULL;
	pvb_loop_remove_fd(&k->watch);
	close(k->watch.fd);
	free(k->answer);
	free(k);
}

/* Wrapped as the protocol has it, with its newline.  NULL: no memory. */
static char *encode(json_t *result, const struct pvb_err *e, size_t *bytes)
{
	json_t *o = result ? json_pack("{s:O}", "result", result)
	                   : json_pack("{s:s}", "error", e->text);
	char *text = o ? json_dumps(o, JSON_COMPACT) : NULL;
	char *line;

	json_decref(o);
	if (!text)
		return NULL;
	*bytes = strlen(text) + 1;
	line = realloc(text, *bytes + 1);
	if (!line) {
		free(text);
		return NULL;
	}
	line[*bytes - 1] = '\n';
	return line;
}

static void set_answer(struct pvb_control_client *k, json_t *result,
                       const struct pvb_err *e)
{
	k->answer = encode(result, e, &k->answer_bytes);
	k->sent = 0;
}

/* No answer after it, and none due: there was no memory for one. */
static void answer(struct pvb_control_client *k, const char *line, size_t bytes)
{
	struct pvb_control *c = k->control;
	struct pvb_err e = PVB_ERR_INIT;
	json_t *request = json_loadb(line, bytes, JSON_REJECT_DUPLICATES, NULL);
	const char *command = json_string_value(json_object_get(request,
	                                                        "command"));
	json_t *result = NULL;

	if (command)
		result = c->handle(c->arg, command, request, k, &e);
	else
		pvb_err_set(&e, -EPROTO, "not a JSON object with a command");
	if (!k->call)
		set_answer(k, result, &e);
	json_decref(result);
	json_decref(request);
}

/* -EAGAIN while there is more to send, else 0 or -errno. */
static int send_answer(struct pvb_control_client *k)
{
	ssize_t n = send(k->watch.fd, k->answer + k->sent,
	                 k->answer_bytes - k->sent, MSG_NOSIGNAL);

	if (n < 0)
		return -errno;
	k->sent += (size_t)n;
	if (k->sent < k->answer_bytes)
		return -EAGAIN;
	free(k->answer);
	k->answer = NULL;
	return 0;
}

/* Answer the lines that are complete, one at a time: the next is looked at
   when the client has taken the last answer. */
static int serve_lines(struct pvb_control_client *k)
{
	while (!k->answer && !k->call) {
		char *end = memchr(k->line, '\n', k->have);
		size_t n;
		int r;

		if (!end)
			return k->have < sizeof(k->line) ? 0 : -EMSGSIZE;
		n = (size_t)(end - k->line);
		answer(k, k->line, n);
		if (!k->answer && !k->call)
			return -ENOMEM;
		k->have -= n + 1;
		memmove(k->line, end + 1, k->have);
		if (k->call)
			break;
		r = send_answer(k);
		if (r < 0)
			return r;
	}
	return 0;
}

static int client_step(struct pvb_control_client *k, uint32_t events)
{
	if (k->answer) {
		int r = send_answer(k);

		return r < 0 ? r : serve_lines(k);
	}
	if (events & PVB_LOOP_IN) {
		ssize_t n = recv(k->watch.fd, k->line + k->have,
		                 sizeof(k->line) - k->have, 0);

		if (n <= 0)
			return n < 0 ? -errno : -EPIPE;
		k->have += (size_t)n;
	}
	return serve_lines(k);
}

/* While an answer waits, or is due, nothing more is read. */
static void after_step(struct pvb_control_client *k, int r)
{
	uint32_t events = k->call ? 0 : k->answer ? PVB_LOOP_OUT : PVB_LOOP_IN;

	if (r < 0 && r != -EAGAIN)
		client_destroy(k);
	else
		pvb_loop_modify_fd(&k->watch, events);
}

static void client_ready(struct pvb_loop_fd *watch, uint32_t events)
{
	struct pvb_control_client *k =
		pvb_container(watch, struct pvb_control_client, watch);

	after_step(k, client_step(k, events));
}

struct pvb_control_call *pvb_control_later(struct pvb_control_client *client)
{
	struct pvb_control_call *call = calloc(1, sizeof(*call));

	if (call)
		call->client = client;
	client->call = call;
	return call;
}

static int answer_late(struct pvb_control_client *k, json_t *result,
                       const struct pvb_err *e)
{
	int r;

	k->call = NULL;
	set_answer(k, result, e);
	if (!k->answer)
		return -ENOMEM;
	r = send_answer(k);
	return r < 0 ? r : serve_lines(k);
}

void pvb_control_answer(struct pvb_control_call *call, json_t *result,
                        const struct pvb_err *e)
{
	struct pvb_control_client *k = call->client;

	if (k)
		after_step(k, answer_late(k, result, e));
	json_decref(result);
	free(call);
}

static void listener_ready(struct pvb_loop_fd *watch, uint32_t events)
{
	struct pvb_control *c = pvb_container(watch, struct pvb_control,
	                                      listener);
	int fd = accept4(watch->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct pvb_control_client *k;

	(void)events;
	if (fd < 0)
		return;
	k = c->clients < PVB_CONTROL_CLIENTS_MAX ? calloc(1, sizeof(*k)) : NULL;
	if (!k) {
		close(fd);
		return;
	}
	k->control = c;
	k->watch = (struct pvb_loop_fd){ .fd = fd, .events = PVB_LOOP_IN,
		.ready = client_ready };
	k->next = c->first;
	c->first = k;
	c->clients++;
	if (pvb_loop_add_fd(c->loop, &k->watch) < 0)
		client_destroy(k);
}

/* ---- the socket ---------------------------------------------------------- */

static int listen_on(struct pvb_control *c)
{
	const struct sockaddr *a = (const struct sockaddr *)&c->address;
	int other = pvb_control_connect(&c->address);
	int fd;

	if (other >= 0) {
		close(other);
		return -EADDRINUSE;
	}
	if (other == -ECONNREFUSED)     /* left over from one that died */
		unlink(c->address.sun_path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	if (bind(fd, a, sizeof(c->address)) == 0 &&
	    chmod(c->address.sun_path, 0600) == 0 && listen(fd, 16) == 0)
		return fd;
	other = -errno;
	close(fd);
	return other;
}

int pvb_control_create(struct pvb_loop *loop, const char *path,
                       pvb_control_handle *handle, void *arg,
                       struct pvb_control **out, struct pvb_err *e)
{
	struct pvb_control *c = calloc(1, sizeof(*c));
	int r;

	if (!c)
		return pvb_err_set(e, -ENOMEM, "out of memory");
	c->loop = loop;
	c->handle = handle;
	c->arg = arg;
	r = pvb_control_address(path, &c->address, e);
	if (r < 0)
		goto fail;
	r = listen_on(c);
	if (r < 0) {
		pvb_err_set(e, r, "%s: %s", path, r == -EADDRINUSE
			? "another daemon listens there" : strerror(-r));
		goto fail;
	}
	c->listener = (struct pvb_loop_fd){ .fd = r, .events = PVB_LOOP_IN,
		.ready = listener_ready };
	r = pvb_loop_add_fd(loop, &c->listener);
	if (r < 0) {
		pvb_err_set(e, r, "%s: %s", path, strerror(-r));
		close(c->listener.fd);
		unlink(path);
		goto fail;
	}
	*out = c;
	return 0;

fail:
	free(c);
	return r;
}

void pvb_control_destroy(struct pvb_control *c)
{
	if (!c)
		return;
	while (c->first)
		client_destroy(c->first);
	pvb_loop_remove_fd(&c->listener);
	close(c->listener.fd);
	unlink(c->address.sun_path);
	free(c);
}
