/* SPDX-License-Identifier: MIT */
#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <pvb/err.h>

#include "printable.h"

int pvb_err_set(struct pvb_err *e, int code, const char *fmt, ...)
{
	va_list ap;

	assert(code < 0);
	if (!e)
		return code;
	e->code = code;
	va_start(ap, fmt);
	if (vsnprintf(e->text, sizeof(e->text), fmt, ap) < 0)
		e->text[0] = '\0';
	va_end(ap);
	pvb_printable(e->text);
	return code;
}

void pvb_err_prefix(struct pvb_err *e, const char *fmt, ...)
{
	char said[sizeof(e->text)];
	size_t used;
	va_list ap;
	int n;

	if (!e)
		return;
	memcpy(said, e->text, sizeof(said));
	va_start(ap, fmt);
	n = vsnprintf(e->text, sizeof(e->text), fmt, ap);
	va_end(ap);
	if (n < 0)
		e->text[0] = '\0';
	used = strlen(e->text);
	/* The end of the sentence is what gives way when both are long. */
	(void)snprintf(e->text + used, sizeof(e->text) - used, ": %s", said);
	pvb_printable(e->text);
}

const char *pvb_errno_text(int code)
{
	/* "Cannot send after transport endpoint shutdown" is of sockets. */
	if (code == -ESHUTDOWN)
		return "the disk is gone";
	return code == -ENODATA ? "the disk is shorter than it was"
	                        : strerror(-code);
}
