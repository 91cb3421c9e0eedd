/* SPDX-License-Identifier: MIT */
/*
 * client.c - what a program that embeds the library looks like: a disk by its
 * URI, written and read back, through nothing but the installed headers.
 * Compiled as C11 and, under another name, as C++17.
 */
#include <pvb/client.h>

#include <stdio.h>
#include <string.h>

static int number;

static int report(int good, const char *name)
{
	printf("%sok %d - %s\n", good ? "" : "not ", ++number, name);
	return good;
}

int main(void)
{
	struct pvb_err e = PVB_ERR_INIT;
	struct pvb_client *c = NULL;
	struct pvb_disk_info info;
	char out[4096], in[4096];

	printf("1..5\n");
	report(strlen(pvb_version()) > 0, "the library has a version");
	if (!report(pvb_client_open("mem:1M", NULL, &c, &e) == 0,
	            "a disk is opened by its URI")) {
		printf("# %s\n", e.text);
		return 1;
	}
	pvb_client_info(c, &info);
	report(info.size_bytes == 1 << 20, "its size is what was asked for");
	memset(out, 0x5a, sizeof(out));
	memset(in, 0, sizeof(in));
	report(pvb_client_write(c, out, sizeof(out), 8192, 0) == 0 &&
	       pvb_client_read(c, in, sizeof(in), 8192) == 0 &&
	       memcmp(in, out, sizeof(in)) == 0,
	       "what is written is read back");
	report(pvb_client_read(c, in, sizeof(in), info.size_bytes) < 0,
	       "a read past the end is an error");
	pvb_client_close(c);
	return 0;
}
