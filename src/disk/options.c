/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <pvb/disk.h>
#include <pvb/err.h>

#include "options.h"
#include "uri.h"

enum {
	MEMORY_IOV_MAX = 1024,
	MEMORY_IO_MAX_BYTES = 8 << 20,
	PAGE_BYTES = 4096,
};

static int bad_choice(const char *name, const char *value,
                      const char *const *choices, struct pvb_err *e)
{
	char list[128] = "";
	size_t used = 0;

	for (; *choices && used < sizeof(list); choices++)
		used += (size_t)snprintf(list + used, sizeof(list) - used,
		                         "%s%s", used ? ", " : "", *choices);
	return pvb_err_set(e, -EINVAL, "option %s=%s is none of %s",
	                   name, value, list);
}

int pvb_disk_opt_choice(struct pvb_uri *uri, const char *name,
                        const char *const *choices, uint32_t *out,
                        struct pvb_err *e)
{
	const char *value = pvb_uri_option(uri, name);

	if (!value)
		return 0;
	for (uint32_t i = 0; choices[i]; i++) {
		if (!strcmp(choices[i], value)) {
			*out = i;
			return 0;
		}
	}
	return bad_choice(name, value, choices, e);
}

int pvb_disk_opt_bool(struct pvb_uri *uri, const char *name, bool *out,
                      struct pvb_err *e)
{
	static const char *const choices[] = { "off", "on", NULL };
	uint32_t choice = *out;
	int r = pvb_disk_opt_choice(uri, name, choices, &choice, e);

	*out = choice == 1;
	return r;
}

int pvb_disk_opt_sector_size(struct pvb_uri *uri, uint32_t *out,
                             struct pvb_err *e)
{
	static const char *const choices[] = { "512", "4096", NULL };
	uint32_t choice = *out == 4096;
	int r = pvb_disk_opt_choice(uri, "sector-size", choices, &choice, e);

	*out = choice ? 4096 : 512;
	return r;
}

int pvb_disk_size_check(uint64_t size_bytes, uint32_t sector_size_bytes,
                        struct pvb_err *e)
{
	if (size_bytes == 0)
		return pvb_err_set(e, -EINVAL,
		                   "is empty: a disk has at least one sector");
	if (size_bytes > INT64_MAX)
		return pvb_err_set(e, -EINVAL, "%" PRIu64 " bytes are more "
		                   "than a disk can have", size_bytes);
	if (size_bytes % sector_size_bytes)
		return pvb_err_set(e, -EINVAL, "its size of %" PRIu64 " bytes "
		                   "is not a multiple of %" PRIu32,
		                   size_bytes, sector_size_bytes);
	return 0;
}

int pvb_disk_opt_memory_geometry(struct pvb_uri *uri,
                                 struct pvb_disk_info *info,
                                 struct pvb_err *e)
{
	int r;

	if (!pvb_parse_size(uri->body, &info->size_bytes))
		return pvb_err_set(e, -EINVAL, "\"%s\" is not a size such as "
		                   "64M", uri->body);
	info->sector_size_bytes = 512;
	r = pvb_disk_opt_sector_size(uri, &info->sector_size_bytes, e);
	if (r == 0)
		r = pvb_disk_size_check(info->size_bytes,
		                        info->sector_size_bytes, e);
	info->physical_size_bytes = PAGE_BYTES;
	info->discard_granularity_bytes = PAGE_BYTES;
	info->iov_max = MEMORY_IOV_MAX;
	info->io_max_bytes = MEMORY_IO_MAX_BYTES;
	return r;
}
