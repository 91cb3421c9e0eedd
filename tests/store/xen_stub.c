/* SPDX-License-Identifier: MIT */
/*
 * xen_stub.c - what xenstored and oxenstored ask of a hypervisor, answered
 * out of one directory (XEN_STUB_DIR), so that Debian's own binaries run on
 * any Linux machine.  Loaded with LD_PRELOAD.
 *
 *   dom0, dom1, ...   a domain lives while its file does; the file is its
 *                     ring page
 *   evtchn            datagram socket: a port that was notified, to the store
 *   port0, port1 ...  datagram sockets: the same, to the guest behind a port
 *
 * What the daemons would keep in /run and /var goes into the directory too.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <xenctrl.h>
#include <xenevtchn.h>
#include <xengnttab.h>

#include "xen_stub.h"

#define EXPORT __attribute__((visibility("default")))

static char handle;                     /* stands for every open library */
static int evtchn_fd = -1;

/* DIR/NAME, or DIR/NAMEnumber. */
static const char *in_dir(char out[256], const char *name, long number)
{
	const char *dir = getenv("XEN_STUB_DIR");

	if (number < 0)
		snprintf(out, 256, "%s/%s", dir ? dir : ".", name);
	else
		snprintf(out, 256, "%s/%s%ld", dir ? dir : ".", name, number);
	return out;
}

/* ---- domains ----------------------------------------------------------- */

static int is_alive(uint32_t domid)
{
	char path[256];

	return access(in_dir(path, "dom", domid), F_OK) == 0;
}

EXPORT xc_interface *xc_interface_open(xentoollog_logger *log,
                                       xentoollog_logger *dombuild,
                                       unsigned flags)
{
	(void)log;
	(void)dombuild;
	(void)flags;
	return (xc_interface *)&handle;
}

EXPORT int xc_interface_close(xc_interface *x)
{
	(void)x;
	return 0;
}

EXPORT int xc_domain_getinfo(xc_interface *x, uint32_t first, unsigned int max,
                             xc_dominfo_t *info)
{
	(void)x;
	if (max == 0 || !is_alive(first))
		return 0;
	memset(info, 0, sizeof(*info));
	info->domid = first;
	return 1;
}

EXPORT int xc_domain_getinfolist(xc_interface *x, uint32_t first,
                                 unsigned int max, xc_domaininfo_t *info)
{
	(void)x;
	if (max == 0 || !is_alive(first))
		return 0;
	memset(info, 0, sizeof(*info));
	info->domain = (domid_t)first;
	return 1;
}

EXPORT const xc_error *xc_get_last_error(xc_interface *x)
{
	static const xc_error none = { .code = XC_ERROR_NONE };

	(void)x;
	return &none;
}

/* ---- ring pages -------------------------------------------------------- */

static void *map_page(uint32_t domid)
{
	char path[256];
	int fd = open(in_dir(path, "dom", domid), O_RDWR | O_CLOEXEC);
	void *page;

	if (fd < 0)
		return NULL;
	page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	return page == MAP_FAILED ? NULL : page;
}

EXPORT xengnttab_handle *xengnttab_open(xentoollog_logger *log, unsigned flags)
{
	(void)log;
	(void)flags;
	return (xengnttab_handle *)&handle;
}

EXPORT int xengnttab_close(xengnttab_handle *x)
{
	(void)x;
	return 0;
}

EXPORT int xengnttab_set_max_grants(xengnttab_handle *x, uint32_t count)
{
	(void)x;
	(void)count;
	return 0;
}

EXPORT void *xengnttab_map_grant_ref(xengnttab_handle *x, uint32_t domid,
                                     uint32_t ref, int prot)
{
	(void)x;
	(void)ref;
	(void)prot;
	return map_page(domid);
}

EXPORT int xengnttab_unmap(xengnttab_handle *x, void *at, uint32_t count)
{
	(void)x;
	return munmap(at, 4096 * (size_t)count);
}

/* Declared only for those who want Xen's old interfaces. */
void *xc_map_foreign_range(xc_interface *x, uint32_t domid, int bytes,
                           int prot, unsigned long frame);

EXPORT void *xc_map_foreign_range(xc_interface *x, uint32_t domid, int bytes,
                                  int prot, unsigned long frame)
{
	(void)x;
	(void)bytes;
	(void)prot;
	(void)frame;
	return map_page(domid);
}

/* ---- event channels ---------------------------------------------------- */

EXPORT xenevtchn_handle *xenevtchn_open(xentoollog_logger *log, unsigned flags)
{
	struct sockaddr_un me = { .sun_family = AF_UNIX };
	char path[256];

	(void)log;
	(void)flags;
	in_dir(path, "evtchn", -1);
	if (strlen(path) >= sizeof(me.sun_path))
		return NULL;
	strcpy(me.sun_path, path);
	unlink(path);
	evtchn_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (evtchn_fd < 0 ||
	    bind(evtchn_fd, (struct sockaddr *)&me, sizeof(me)) < 0)
		return NULL;
	return (xenevtchn_handle *)&handle;
}

EXPORT xenevtchn_handle *xenevtchn_fdopen(xentoollog_logger *log, int fd,
                                          unsigned flags)
{
	(void)log;
	(void)flags;
	evtchn_fd = fd;
	return (xenevtchn_handle *)&handle;
}

EXPORT int xenevtchn_close(xenevtchn_handle *x)
{
	(void)x;
	return 0;
}

EXPORT int xenevtchn_fd(xenevtchn_handle *x)
{
	(void)x;
	return evtchn_fd;
}

EXPORT xenevtchn_port_or_error_t
xenevtchn_bind_virq(xenevtchn_handle *x, unsigned int virq)
{
	(void)x;
	return (int)(XEN_STUB_VIRQ_PORT + virq);
}

/* Both ends of a channel have the same number here. */
EXPORT xenevtchn_port_or_error_t
xenevtchn_bind_interdomain(xenevtchn_handle *x, uint32_t domid,
                           evtchn_port_t port)
{
	(void)x;
	(void)domid;
	return (int)port;
}

EXPORT int xenevtchn_unbind(xenevtchn_handle *x, evtchn_port_t port)
{
	(void)x;
	(void)port;
	return 0;
}

EXPORT int xenevtchn_unmask(xenevtchn_handle *x, evtchn_port_t port)
{
	(void)x;
	(void)port;
	return 0;
}

EXPORT int xenevtchn_notify(xenevtchn_handle *x, evtchn_port_t port)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	char path[256];

	(void)x;
	in_dir(path, "port", port);
	if (strlen(path) >= sizeof(to.sun_path))
		return -1;
	strcpy(to.sun_path, path);
	/* One that is lost found a guest with notifications waiting. */
	(void)sendto(evtchn_fd, &port, sizeof(port), MSG_DONTWAIT,
	             (struct sockaddr *)&to, sizeof(to));
	return 0;
}

EXPORT xenevtchn_port_or_error_t xenevtchn_pending(xenevtchn_handle *x)
{
	evtchn_port_t port;

	(void)x;
	if (recv(evtchn_fd, &port, sizeof(port), 0) != sizeof(port))
		return -1;
	return (int)port;
}

/* ---- files ------------------------------------------------------------- */

/* Where the daemons keep what is theirs; all that goes into our directory. */
static const char *const places[] = {
	"/run/xen", "/var/run/xen", "/run/xenstored", "/var/run/xenstored",
	"/var/log/xen", "/var/lib/xenstored",
};

/* Where a path of the real system lies for the daemon under test. */
static const char *redirect(const char *path, char out[256])
{
	const char *slash = strrchr(path, '/');

	if (strcmp(path, "/proc/xen/xsd_port") == 0)
		return in_dir(out, "xsd_port", -1);
	if (strcmp(path, "/proc/xen/xsd_kva") == 0)
		return in_dir(out, "dom", 0);
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
		if (slash && strlen(places[i]) == (size_t)(slash - path) &&
		    strncmp(path, places[i], (size_t)(slash - path)) == 0)
			return in_dir(out, slash + 1, -1);
	return path;
}

static int open_redirected(const char *symbol, const char *path, int flags,
                           mode_t mode)
{
	int (*real)(const char *, int, ...);
	char out[256];

	*(void **)&real = dlsym(RTLD_NEXT, symbol);
	return real(redirect(path, out), flags, mode);
}

EXPORT int open(const char *path, int flags, ...)
{
	va_list args;
	mode_t mode;

	va_start(args, flags);
	mode = va_arg(args, mode_t);
	va_end(args);
	return open_redirected("open", path, flags, mode);
}

EXPORT int open64(const char *path, int flags, ...)
{
	va_list args;
	mode_t mode;

	va_start(args, flags);
	mode = va_arg(args, mode_t);
	va_end(args);
	return open_redirected("open64", path, flags, mode);
}

EXPORT int unlink(const char *path)
{
	int (*real)(const char *);
	char out[256];

	*(void **)&real = dlsym(RTLD_NEXT, "unlink");
	return real(redirect(path, out));
}

EXPORT int mkdir(const char *path, mode_t mode)
{
	int (*real)(const char *, mode_t);

	*(void **)&real = dlsym(RTLD_NEXT, "mkdir");
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		if (strcmp(path, places[i]) == 0) {
			errno = EEXIST;
			return -1;
		}
	}
	return real(path, mode);
}

EXPORT int bind(int fd, const struct sockaddr *to, socklen_t bytes)
{
	int (*real)(int, const struct sockaddr *, socklen_t);
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	char out[256];

	*(void **)&real = dlsym(RTLD_NEXT, "bind");
	if (to->sa_family != AF_UNIX || bytes > sizeof(un))
		return real(fd, to, bytes);
	memcpy(&un, to, bytes);
	snprintf(out, sizeof(out), "%s", un.sun_path);
	strncpy(un.sun_path, redirect(un.sun_path, out),
	        sizeof(un.sun_path) - 1);
	return real(fd, (struct sockaddr *)&un, sizeof(un));
}

/* oxenstored wants more descriptors than it may have. */
EXPORT int setrlimit(__rlimit_resource_t what, const struct rlimit *limit)
{
	(void)what;
	(void)limit;
	return 0;
}
