/* SPDX-License-Identifier: MIT */
/*
 * err.h - one error: a code for the program and a sentence for a person.
 *
 * Caller's storage; zero it (PVB_ERR_INIT) before the first use.  Only calls
 * that a person started (create, open, start, probe) take one.  A NULL error
 * is always allowed and means "I do not want the sentence".
 */
#ifndef PVB_ERR_H
#define PVB_ERR_H

#ifdef __cplusplus
extern "C" {
#endif

struct pvb_err {
	int  code;                      /* negative errno, 0: no error */
	char text[300];                 /* no newline, no trailing full stop */
};

#define PVB_ERR_INIT { 0, "" }

/* What the library exports. */
#if defined(__GNUC__)
#define PVB_API __attribute__((visibility("default")))
#else
#define PVB_API
#endif

/* Fill `e` (may be NULL) and return `code`, which must be negative.  What
   does not fit is cut off; control characters become '?'. */
PVB_API int pvb_err_set(struct pvb_err *e, int code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Put "PREFIX: " before the sentence; the code stays.  NULL: no effect. */
PVB_API void pvb_err_prefix(struct pvb_err *e, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* Of a negative errno that a request ended with, in words: static text, or as
   strerror has it.  -ESHUTDOWN is "the disk is gone", -ENODATA "the disk is
   shorter than it was". */
PVB_API const char *pvb_errno_text(int code);

#ifdef __cplusplus
}
#endif
#endif
