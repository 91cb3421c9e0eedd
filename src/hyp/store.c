/* SPDX-License-Identifier: MIT */
/* store.c - what stands on top of any store table; see store.h. */
#include "store.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "proto/keys.h"
#include "proto/xspath.h"

enum {
	VALUE_MAX = PVB_XS_PAYLOAD_MAX,
	/* Until a place for a transaction is free: 1.2 s in all. */
	QUOTA_TRIES = 40,
	QUOTA_PAUSE_MAX_MS = 32,
};

void pvb_store_close(struct pvb_store *s)
{
	if (s)
		s->ops->close(s);
}

static void pause_ms(uint32_t ms)
{
	struct timespec t = { .tv_nsec = (long)ms * 1000000 };

	while (nanosleep(&t, &t) < 0 && errno == EINTR)
		;
}

/* A domain may have only so many transactions open at once, and each of its
   processes counts.  None lasts long, and no event tells of its end. */
static int begin(struct pvb_store *s, uint32_t *tx)
{
	uint32_t ms = 1;
	int rc = s->ops->begin(s, tx);

	for (uint32_t i = 0; rc == -ENOSPC && i < QUOTA_TRIES; i++) {
		pause_ms(ms);
		ms = ms < QUOTA_PAUSE_MAX_MS ? ms * 2 : QUOTA_PAUSE_MAX_MS;
		rc = s->ops->begin(s, tx);
	}
	return rc;
}

int pvb_store_transact(struct pvb_store *s,
                       int (*body)(struct pvb_store *s, uint32_t tx, void *arg),
                       void *arg)
{
	uint32_t tx;
	int rc;

	for (uint32_t i = 0; i < PVB_STORE_TRIES_MAX; i++) {
		rc = begin(s, &tx);
		if (rc)
			return rc;
		rc = body(s, tx, arg);
		if (rc < 0)
			s->ops->abort(s, tx);
		else
			rc = s->ops->commit(s, tx);
		if (rc != -EAGAIN)
			return rc;
	}
	return -EAGAIN;
}

static int join(char out[PVB_XS_PATH_MAX + 1], const char *dir,
                const char *name)
{
	return pvb_xspath_print(out, PVB_XS_PATH_MAX + 1, "%s/%s", dir, name);
}

int pvb_store_read_at(struct pvb_store *s, uint32_t tx, const char *dir,
                      const char *name, char *value, size_t cap)
{
	char path[PVB_XS_PATH_MAX + 1];
	int rc = join(path, dir, name);

	return rc ? rc : s->ops->read(s, tx, path, value, cap);
}

int pvb_store_write_at(struct pvb_store *s, uint32_t tx, const char *dir,
                       const char *name, const char *value)
{
	char path[PVB_XS_PATH_MAX + 1];
	int rc = join(path, dir, name);

	return rc ? rc : s->ops->write(s, tx, path, value, strlen(value));
}

int pvb_store_remove_up(struct pvb_store *s, uint32_t tx, const char *dir,
                        const char *stop)
{
	char path[PVB_XS_PATH_MAX + 1];
	int r = pvb_xspath_print(path, sizeof(path), "%s", dir);

	while (r == 0 && strcmp(path, stop) != 0) {
		char *slash, *names = NULL;

		r = s->ops->remove(s, tx, path);
		slash = strrchr(path, '/');
		if (r < 0 || !slash)
			break;
		*slash = '\0';
		r = s->ops->list(s, tx, path, &names);
		free(names);
	}
	return r == -ENOENT || r > 0 ? 0 : r;
}

int pvb_store_read_u64_at(struct pvb_store *s, uint32_t tx, const char *dir,
                          const char *name, uint64_t max, uint64_t *out)
{
	char value[24];
	int n = pvb_store_read_at(s, tx, dir, name, value, sizeof(value));

	if (n == -E2BIG)                /* longer than any number */
		return -EINVAL;
	if (n < 0)
		return n;
	/* Some clients write the NUL as well. */
	if (n > 0 && value[n - 1] == '\0')
		n--;
	return pvb_parse_u64(value, (size_t)n, max, out) == PVB_OK ? 0
	                                                           : -EINVAL;
}

int pvb_store_read_keys(struct pvb_store *s, uint32_t tx, const char *dir,
                        const char *const *names, struct pvb_keys *keys)
{
	char value[VALUE_MAX];
	int n, rc = 0;

	for (; *names && rc == 0; names++) {
		n = pvb_store_read_at(s, tx, dir, *names, value, sizeof(value));
		if (n == -ENOENT)
			continue;
		if (n < 0)
			return n;
		rc = pvb_keys_put(keys, *names, value, (size_t)n);
	}
	return rc;
}

int pvb_store_write_keys(struct pvb_store *s, uint32_t tx, const char *dir,
                         const struct pvb_keys *keys)
{
	const struct pvb_key *key;
	char path[PVB_XS_PATH_MAX + 1];
	int rc = 0;

	for (uint32_t i = 0; i < keys->count && rc == 0; i++) {
		key = &keys->key[i];
		if (key->too_long)
			return -E2BIG;
		rc = join(path, dir, keys->bytes + key->name_at);
		if (rc == 0)
			rc = s->ops->write(s, tx, path,
			                   keys->bytes + key->value_at,
			                   key->value_bytes);
	}
	return rc;
}
