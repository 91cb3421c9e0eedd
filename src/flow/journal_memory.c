/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "journal_memory.h"

int pvb_journal_memory_create(size_t bytes)
{
	int fd = memfd_create("pvb-journal", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	int r;

	if (fd < 0)
		return -errno;
	if (ftruncate(fd, (off_t)bytes) == 0 &&
	    fcntl(fd, F_ADD_SEALS,
	          F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) == 0)
		return fd;
	r = -errno;
	(void)close(fd);                /* nothing in it to lose */
	return r;
}

int pvb_journal_memory_map(int fd, size_t bytes, void **out)
{
	struct stat st;
	void *mem;

	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) ||
	    st.st_size != (off_t)bytes)
		return -EINVAL;
	mem = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (mem == MAP_FAILED)
		return errno == EACCES ? -EACCES : -ENOMEM;
	*out = mem;
	return 0;
}

void pvb_journal_memory_unmap(void *mem, size_t bytes)
{
	if (mem)
		(void)munmap(mem, bytes);
}
