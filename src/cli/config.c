/* SPDX-License-Identifier: MIT */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FILE_BYTES_MAX = 65536, NAMES_MAX = 64, WHERE_MAX = 512 };

static char *read_file(const char *path)
{
	FILE *f = fopen(path, "re");
	char *text = f ? malloc(FILE_BYTES_MAX + 1) : NULL;
	size_t n;

	if (!text) {
		pvb_say_error("%s: %s", path, strerror(errno));
		if (f)
			fclose(f);
		return NULL;
	}
	n = fread(text, 1, FILE_BYTES_MAX + 1, f);
	if (ferror(f) || n > FILE_BYTES_MAX || memchr(text, '\0', n)) {
		pvb_say_error("%s: %s", path, ferror(f) ? strerror(errno)
			: "not a text file of at most 64 KiB");
		free(text);
		text = NULL;
	} else {
		text[n] = '\0';
	}
	fclose(f);
	return text;
}

static char *trim(char *s)
{
	size_t n;

	s += strspn(s, " \t\r");
	n = strlen(s);
	while (n > 0 && strchr(" \t\r", s[n - 1]))
		s[--n] = '\0';
	return s;
}

static bool is_known(const char *const *names, int count, const char *name)
{
	for (int i = 0; i < count; i++)
		if (strcmp(names[i], name) == 0)
			return true;
	return false;
}

int pvb_config_read(const struct pvb_cmd *cmd, const char *path,
                    struct pvb_config_file *out,
                    int (*take)(const struct pvb_cmd *cmd, void *arg,
                                const char *where, const char *name,
                                const char *value),
                    void *arg)
{
	const char *names[NAMES_MAX];
	char where[WHERE_MAX];
	int count = 0, line_number = 0, status = PVB_EXIT_DONE;
	char *line, *next;

	if (out->text)
		return pvb_say_usage(cmd, "--config: may be given once");
	out->text = read_file(path);
	if (!out->text)
		return PVB_EXIT_FAILED;
	for (line = out->text; line && status == PVB_EXIT_DONE; line = next) {
		char *name, *value;

		line_number++;
		next = strchr(line, '\n');
		if (next)
			*next++ = '\0';
		line[strcspn(line, "#")] = '\0';
		name = trim(line);
		if (*name == '\0')
			continue;
		value = strchr(name, '=');
		if (!value || count == NAMES_MAX)
			return pvb_say_usage(cmd,
				"%s:%d: not a line of name = value", path,
				line_number);
		*value++ = '\0';
		name = trim(name);
		if (is_known(names, count, name))
			return pvb_say_usage(cmd, "%s:%d: %s: given twice",
			                     path, line_number, name);
		names[count++] = name;
		snprintf(where, sizeof(where), "%s:%d: ", path, line_number);
		status = take(cmd, arg, where, name, trim(value));
	}
	return status;
}

void pvb_config_free(struct pvb_config_file *f)
{
	free(f->text);
	f->text = NULL;
}
