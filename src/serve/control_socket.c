/* SPDX-License-Identifier: MIT */
#include "control_socket.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <pvb/err.h>

int pvb_control_address(const char *path, struct sockaddr_un *a,
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

int pvb_control_connect(const struct sockaddr_un *a)
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
