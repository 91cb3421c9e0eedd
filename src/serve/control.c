/* SPDX-License-Identifier: MIT */
#include "control.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <pvb/err.h>

#include "base/loop.h"

struct client {
	struct client      *next;
	struct pvb_control *control;
	struct pvb_loop_fd  watch;
	size_t              have;       /* of the line so far */
	char               *answer;     /* NULL, or being sent */
	size_t              answer_bytes, sent;
	char                line[PVB_CONTROL_LINE_MAX];
};

struct pvb_control {
	struct pvb_loop    *loop;
	struct pvb_loop_fd  listener;
	struct sockaddr_un  address;
	pvb_control_handle *handle;
	void               *arg;
	struct client      *first;
	uint32_t            clients;
};

/* ---- one client ---------------------------------------------------------- */

static void client_destroy(struct client *k)
{
	struct client **at = &k->control->first;

	while (*at != k)
		at = &(*at)->next;
	*at = k->next;
	k->control->clients--;
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

static void answer(struct client *k, const char *line, size_t bytes)
{
	struct pvb_control *c = k->control;
	struct pvb_err e = PVB_ERR_INIT;
	json_t *request = json_loadb(line, bytes, JSON_REJECT_DUPLICATES, NULL);
	const char *command = json_string_value(json_object_get(request,
	                                                        "command"));
	json_t *result = NULL;

	if (command)
		result = c->handle(c->arg, command, request, &e);
	else
		pvb_err_set(&e, -EPROTO, "not a JSON object with a command");
	k->answer = encode(result, &e, &k->answer_bytes);
	k->sent = 0;
	json_decref(result);
	json_decref(request);
}

/* -EAGAIN while there is more to send, else 0 or -errno. */
static int send_answer(struct client *k)
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
static int serve_lines(struct client *k)
{
	while (!k->answer) {
		char *end = memchr(k->line, '\n', k->have);
		size_t n;
		int r;

		if (!end)
			return k->have < sizeof(k->line) ? 0 : -EMSGSIZE;
		n = (size_t)(end - k->line);
		answer(k, k->line, n);
		if (!k->answer)
			return -ENOMEM;
		k->have -= n + 1;
		memmove(k->line, end + 1, k->have);
		r = send_answer(k);
		if (r < 0)
			return r;
	}
	return 0;
}

static int client_step(struct client *k, uint32_t events)
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

static void client_ready(struct pvb_loop_fd *watch, uint32_t events)
{
	struct client *k = pvb_container(watch, struct client, watch);
	int r = client_step(k, events);

	if (r < 0 && r != -EAGAIN)
		client_destroy(k);
	else    /* while an answer waits, nothing more is read */
		pvb_loop_modify_fd(&k->watch, k->answer ? PVB_LOOP_OUT
		                                        : PVB_LOOP_IN);
}

static void listener_ready(struct pvb_loop_fd *watch, uint32_t events)
{
	struct pvb_control *c = pvb_container(watch, struct pvb_control,
	                                      listener);
	int fd = accept4(watch->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct client *k;

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

static int address_of(const char *path, struct sockaddr_un *a,
                      struct pvb_err *e)
{
	size_t n = strlen(path);

	memset(a, 0, sizeof(*a));
	a->sun_family = AF_UNIX;
	if (n >= sizeof(a->sun_path))
		return pvb_err_set(e, -ENAMETOOLONG,
			"%s: longer than a socket's path may be (%zu bytes)",
			path, sizeof(a->sun_path) - 1);
	memcpy(a->sun_path, path, n + 1);
	return 0;
}

static int connect_to(const struct sockaddr_un *a)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int r;

	if (fd < 0)
		return -errno;
	if (connect(fd, (const struct sockaddr *)a, sizeof(*a)) == 0)
		return fd;
	r = -errno;
	close(fd);
	return r;
}

static int listen_on(struct pvb_control *c)
{
	const struct sockaddr *a = (const struct sockaddr *)&c->address;
	int other = connect_to(&c->address);
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
	r = address_of(path, &c->address, e);
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

/* ---- the client's side --------------------------------------------------- */

static int send_line(int fd, json_t *request)
{
	char *text = json_dumps(request, JSON_COMPACT);
	size_t n, sent = 0;

	if (!text)
		return -ENOMEM;
	n = strlen(text);
	text[n++] = '\n';               /* over the NUL: sent by length */
	while (sent < n) {
		ssize_t k = send(fd, text + sent, n - sent, MSG_NOSIGNAL);

		if (k < 0 && errno != EINTR)
			break;
		sent += k > 0 ? (size_t)k : 0;
	}
	free(text);
	return sent == n ? 0 : -errno;
}

/* One line, however long.  Owned text, or NULL with errno set. */
static char *receive_line(int fd)
{
	size_t have = 0, cap = 0;
	char *line = NULL;

	for (;;) {
		ssize_t n;

		if (have == cap) {
			char *more = realloc(line, cap + 65536);

			if (!more)
				break;
			line = more;
			cap += 65536;
		}
		n = recv(fd, line + have, cap - have, 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			if (n == 0)
				errno = ECONNRESET;
			break;
		}
		have += (size_t)n;
		if (line[have - 1] == '\n') {
			line[have - 1] = '\0';
			return line;
		}
	}
	free(line);
	return NULL;
}

static json_t *parse_answer(const char *line, struct pvb_err *e)
{
	json_t *o = json_loads(line, 0, NULL);
	json_t *result = json_object_get(o, "result");
	const char *error = json_string_value(json_object_get(o, "error"));

	if (result)
		json_incref(result);
	else if (error)
		pvb_err_set(e, -EIO, "%s", error);
	else
		pvb_err_set(e, -EPROTO, "the daemon's answer makes no sense");
	json_decref(o);
	return result;
}

static void say_no_daemon(int code, const char *path, struct pvb_err *e)
{
	if (code == -ENOENT || code == -ECONNREFUSED)
		pvb_err_set(e, code, "no daemon listens on %s (is 'pvb serve' "
		            "running?)", path);
	else if (code == -EACCES)
		pvb_err_set(e, code, "no permission for %s (only who runs "
		            "'pvb serve' has it)", path);
	else
		pvb_err_set(e, code, "%s: %s", path, strerror(-code));
}

json_t *pvb_control_ask(const char *path, json_t *request, int timeout_ms,
                        struct pvb_err *e)
{
	struct timeval wait = { timeout_ms / 1000, timeout_ms % 1000 * 1000 };
	struct sockaddr_un address;
	json_t *result = NULL;
	char *line = NULL;
	int fd, r;

	if (address_of(path, &address, e) < 0)
		return NULL;
	fd = connect_to(&address);
	if (fd < 0) {
		say_no_daemon(fd, path, e);
		return NULL;
	}
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait));
	r = send_line(fd, request);
	if (r == 0) {
		line = receive_line(fd);
		r = line ? 0 : -errno;
	}
	if (line)
		result = parse_answer(line, e);
	else if (r == -EAGAIN)
		pvb_err_set(e, -ETIMEDOUT, "%s: no answer in %d ms", path,
		            timeout_ms);
	else
		pvb_err_set(e, r, "%s: %s", path, strerror(-r));
	free(line);
	close(fd);
	return result;
}
