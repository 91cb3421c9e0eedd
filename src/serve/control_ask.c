/* SPDX-License-Identifier: MIT */
/*
 * The control socket as its clients see it.
 */
#include "control.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <pvb/err.h>

#include "control_socket.h"

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

	if (pvb_control_address(path, &address, e) < 0)
		return NULL;
	fd = pvb_control_connect(&address);
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
