/* SPDX-License-Identifier: MIT */
/*
 * pvb.c - nbdkit-pvb-plugin: exports any pvb disk URI over NBD, a frontend on
 * a Xen ring included.
 *
 * All connections share one client, which is opened by the first and closed
 * by the last: while nobody is connected, the device is free for others.  One
 * client also means that a flush on one connection covers the writes that are
 * complete on all, so multi-conn is promised.
 */
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NBDKIT_API_VERSION 2
#include <nbdkit-plugin.h>

#include <pvb/client.h>

#define THREAD_MODEL NBDKIT_THREAD_MODEL_PARALLEL

/* Most of one request goes to the disk at once; nbdkit's own limit. */
enum { REQUEST_MAX_BYTES = 32 << 20, EXTENTS_MAX = 64 };

/* nbdkit hands a plugin no state of its own before a connection exists. */
static struct {
	char    *uri;
	uint64_t spin_max_ns;
	pthread_mutex_t    lock;        /* guards the two below */
	struct pvb_client *client;
	unsigned connections;
} export = { .lock = PTHREAD_MUTEX_INITIALIZER, .spin_max_ns = 50000 };

static void log_line(void *arg, const char *level, const char *line)
{
	(void)arg;
	if (strcmp(level, "error") == 0 || strcmp(level, "warn") == 0)
		nbdkit_error("%s", line);
	else
		nbdkit_debug("%s", line);
}

static struct pvb_client_config client_config(bool read_only)
{
	struct pvb_client_config c = {
		.size_bytes = sizeof(c), .read_only = read_only,
		.spin_max_ns = export.spin_max_ns, .log = log_line,
	};

	return c;
}

/* -1, as nbdkit wants it, with errno and message. */
static int failed(const struct pvb_err *e)
{
	nbdkit_error("%s", e->text);
	nbdkit_set_error(-e->code);
	return -1;
}

static int result(const char *what, int code)
{
	if (code >= 0)
		return 0;
	nbdkit_error("%s: %s", what, pvb_errno_text(code));
	nbdkit_set_error(code == -ESHUTDOWN ? ESHUTDOWN : -code);
	return -1;
}

/* ---- configuration ------------------------------------------------------- */

static int set_poll(const char *value)
{
	if (strcmp(value, "adaptive") == 0)
		export.spin_max_ns = 50000;
	else if (strcmp(value, "always") == 0)
		export.spin_max_ns = UINT64_MAX;
	else if (strcmp(value, "never") == 0)
		export.spin_max_ns = 0;
	else {
		nbdkit_error("poll=%s: not adaptive, always or never", value);
		return -1;
	}
	return 0;
}

static int plugin_config(const char *key, const char *value)
{
	if (strcmp(key, "poll") == 0)
		return set_poll(value);
	if (strcmp(key, "disk") != 0) {
		nbdkit_error("unknown parameter '%s'", key);
		return -1;
	}
	if (export.uri) {
		nbdkit_error("disk= may be given once");
		return -1;
	}
	export.uri = strdup(value);
	if (!export.uri) {
		nbdkit_error("out of memory");
		return -1;
	}
	return 0;
}

static int plugin_config_complete(void)
{
	if (export.uri)
		return 0;
	nbdkit_error("disk=URI is missing (try 'nbdkit pvb --help')");
	return -1;
}

/* Errors that the user must see before the server goes to the background.
   No thread and no connection to a host survives from here. */
static int plugin_get_ready(void)
{
	struct pvb_client_config c = client_config(true);
	struct pvb_err e = PVB_ERR_INIT;

	return pvb_client_probe(export.uri, &c, NULL, &e) < 0 ? failed(&e) : 0;
}

static void plugin_unload(void)
{
	free(export.uri);
}

static void plugin_dump(void)
{
	printf("pvb_version=%s\n", pvb_version());
}

/* ---- connections --------------------------------------------------------- */

/* What one connection knows: only whether it may write. */
struct connection { bool read_only; };

static int acquire(bool read_only)
{
	struct pvb_client_config c = client_config(read_only);
	struct pvb_err e = PVB_ERR_INIT;
	int r = 0;

	pthread_mutex_lock(&export.lock);
	if (!export.client)
		r = pvb_client_open(export.uri, &c, &export.client, &e);
	if (r == 0)
		export.connections++;
	pthread_mutex_unlock(&export.lock);
	return r < 0 ? failed(&e) : 0;
}

static void *plugin_open(int read_only)
{
	struct connection *k = calloc(1, sizeof(*k));

	if (!k) {
		nbdkit_error("out of memory");
		return NULL;
	}
	k->read_only = read_only != 0;
	if (acquire(k->read_only) < 0) {
		free(k);
		return NULL;
	}
	return k;
}

static void plugin_close(void *handle)
{
	pthread_mutex_lock(&export.lock);
	if (--export.connections == 0) {
		pvb_client_close(export.client);
		export.client = NULL;
	}
	pthread_mutex_unlock(&export.lock);
	free(handle);
}

/* ---- what the disk is ---------------------------------------------------- */

static struct pvb_disk_info info(void)
{
	struct pvb_disk_info i;

	pvb_client_info(export.client, &i);
	return i;
}

static int64_t plugin_get_size(void *handle)
{
	(void)handle;
	return (int64_t)info().size_bytes;
}

static int plugin_block_size(void *handle, uint32_t *minimum,
                             uint32_t *preferred, uint32_t *maximum)
{
	struct pvb_disk_info i = info();

	(void)handle;
	*minimum = i.sector_size_bytes;
	*preferred = i.physical_size_bytes > 4096 ? i.physical_size_bytes
	                                          : 4096;
	*maximum = REQUEST_MAX_BYTES;
	return 0;
}

static int plugin_can_write(void *handle)
{
	const struct connection *k = handle;

	return !k->read_only && !info().read_only;
}

static int plugin_can_flush(void *handle)
{
	(void)handle;
	return info().flush;
}

/* Without FUA of its own the disk still takes it: write, then flush. */
static int plugin_can_fua(void *handle)
{
	(void)handle;
	return info().flush ? NBDKIT_FUA_NATIVE : NBDKIT_FUA_NONE;
}

static int plugin_can_trim(void *handle)
{
	(void)handle;
	return info().discard;
}

static int plugin_can_zero(void *handle)
{
	(void)handle;
	return info().zero;
}

static int plugin_can_multi_conn(void *handle)
{
	(void)handle;
	return 1;
}

static int plugin_can_extents(void *handle)
{
	struct pvb_client_extent x;

	(void)handle;
	if (info().size_bytes == 0)
		return 0;
	return pvb_client_extents(export.client, 0, info().size_bytes, &x,
	                          1) > 0;
}

/* ---- requests ------------------------------------------------------------ */

static int plugin_pread(void *handle, void *buffer, uint32_t count,
                        uint64_t offset, uint32_t flags)
{
	(void)handle;
	(void)flags;
	return result("read", pvb_client_read(export.client, buffer, count,
	                                      offset));
}

static uint32_t io_flags(uint32_t flags)
{
	return (flags & NBDKIT_FLAG_FUA ? PVB_IO_FUA : 0u) |
	       (flags & NBDKIT_FLAG_MAY_TRIM ? 0u : PVB_IO_NO_HOLE);
}

static int plugin_pwrite(void *handle, const void *buffer, uint32_t count,
                         uint64_t offset, uint32_t flags)
{
	(void)handle;
	return result("write", pvb_client_write(export.client, buffer, count,
		offset, io_flags(flags) & PVB_IO_FUA));
}

static int plugin_flush(void *handle, uint32_t flags)
{
	(void)handle;
	(void)flags;
	return result("flush", pvb_client_flush(export.client));
}

static int plugin_trim(void *handle, uint32_t count, uint64_t offset,
                       uint32_t flags)
{
	int r = pvb_client_discard(export.client, count, offset, 0);

	(void)handle;
	if (r == 0 && (flags & NBDKIT_FLAG_FUA))
		r = pvb_client_flush(export.client);
	return result("trim", r);
}

static int plugin_zero(void *handle, uint32_t count, uint64_t offset,
                       uint32_t flags)
{
	int r = pvb_client_zero(export.client, count, offset, io_flags(flags));

	(void)handle;
	/* nbdkit writes zeros itself then. */
	if (r == -EOPNOTSUPP) {
		nbdkit_set_error(EOPNOTSUPP);
		return -1;
	}
	return result("zero", r);
}

static int plugin_extents(void *handle, uint32_t count, uint64_t offset,
                          uint32_t flags, struct nbdkit_extents *extents)
{
	struct pvb_client_extent x[EXTENTS_MAX];
	int n = pvb_client_extents(export.client, offset, count, x,
		flags & NBDKIT_FLAG_REQ_ONE ? 1 : EXTENTS_MAX);

	(void)handle;
	if (n < 0)
		return result("extents", n);
	for (int i = 0; i < n; i++) {
		uint32_t type = (x[i].hole ? NBDKIT_EXTENT_HOLE : 0u) |
		                (x[i].zero ? NBDKIT_EXTENT_ZERO : 0u);

		if (nbdkit_add_extent(extents, offset, x[i].length_bytes,
		                      type) < 0)
			return -1;
		offset += x[i].length_bytes;
	}
	return 0;
}

static struct nbdkit_plugin plugin = {
	.name = "pvb",
	.version = PVB_VERSION,
	.longname = "pvb disk",
	.description = "export any pvb disk, a Xen block frontend included",
	.magic_config_key = "disk",
	.config_help =
		"disk=URI           (required) what to export: file:PATH, "
		"mem:SIZE,\n"
		"                   vbd:DOMAIN/VDEV?host=local:DIR, ... "
		"(pvb(1))\n"
		"poll=adaptive|always|never  how a frontend waits (adaptive)",
	.unload = plugin_unload,
	.dump_plugin = plugin_dump,
	.config = plugin_config,
	.config_complete = plugin_config_complete,
	.get_ready = plugin_get_ready,
	.open = plugin_open,
	.close = plugin_close,
	.get_size = plugin_get_size,
	.block_size = plugin_block_size,
	.can_write = plugin_can_write,
	.can_flush = plugin_can_flush,
	.can_fua = plugin_can_fua,
	.can_trim = plugin_can_trim,
	.can_zero = plugin_can_zero,
	.can_multi_conn = plugin_can_multi_conn,
	.can_extents = plugin_can_extents,
	.pread = plugin_pread,
	.pwrite = plugin_pwrite,
	.flush = plugin_flush,
	.trim = plugin_trim,
	.zero = plugin_zero,
	.extents = plugin_extents,
	.errno_is_preserved = 1,
};

NBDKIT_REGISTER_PLUGIN(plugin)
