/* SPDX-License-Identifier: MIT */
/*
 * open_fds.h - how many descriptors this process has: to show that what was
 * opened was also closed.
 */
#ifndef PVB_TEST_OPEN_FDS_H
#define PVB_TEST_OPEN_FDS_H

#include <dirent.h>
#include <stddef.h>

static inline int open_fds(void)
{
	DIR *d = opendir("/proc/self/fd");
	int n = 0;

	if (!d)
		return -1;
	while (readdir(d))
		n++;
	(void)closedir(d);
	return n - 3;                   /* ".", ".." and the directory */
}

#endif
