/* SPDX-License-Identifier: MIT */
/* cases_node.c - values, directories, paths. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cases.h"

static void a_value_is_read_as_it_was_written(struct rig *r)
{
	static const char write[] = "/t/a\0one\0two";
	struct client *c = rig_open(r, 0);

	assert_int_equal(client_call(c, PVB_XS_WRITE, 0, write, 12), 0);
	assert_string_equal(c->reply, "OK");
	assert_int_equal(xw_read(c, 0, "/t/a"), 0);
	assert_int_equal(c->length, 7);
	assert_memory_equal(c->reply, "one\0two", 7);
}

static void a_value_may_be_empty(struct rig *r)
{
	struct client *c = rig_open(r, 0);

	assert_int_equal(xw_write(c, 0, "/t/a", "x"), 0);
	assert_int_equal(xw_write(c, 0, "/t/a", ""), 0);
	assert_int_equal(xw_read(c, 0, "/t/a"), 0);
	assert_int_equal(c->length, 0);
}

static void the_largest_message_holds_the_largest_value(struct rig *r)
{
	char message[PVB_XS_WIRE_PAYLOAD_MAX] = "/t/a";
	const size_t head = sizeof("/t/a");
	struct client *c = rig_open(r, 0);

	memset(message + head, 'v', sizeof(message) - head);
	if (rig_differs(r, "value-limit-of-domain-0")) {
		assert_int_equal(client_call(c, PVB_XS_WRITE, 0, message,
		                             sizeof(message)), -E2BIG);
		return;
	}
	assert_int_equal(client_call(c, PVB_XS_WRITE, 0, message,
	                             sizeof(message)), 0);
	assert_int_equal(xw_read(c, 0, "/t/a"), 0);
	assert_int_equal(c->length, sizeof(message) - head);
	assert_memory_equal(c->reply, message + head, c->length);
}

static void what_is_absent_is_enoent(struct rig *r)
{
	struct client *c = rig_open(r, 0);

	assert_int_equal(xw_read(c, 0, "/t/none"), -ENOENT);
	assert_int_equal(xw_list(c, 0, "/t/none"), -ENOENT);
	assert_int_equal(xw_get_perms(c, 0, "/t/none"), -ENOENT);
	assert_int_equal(xw_set_perms(c, 0, "/t/none", "n0"), -ENOENT);
}

static void write_makes_missing_parents(struct rig *r)
{
	struct client *c = rig_open(r, 0);

	assert_int_equal(xw_write(c, 0, "/t/a/b/c", "x"), 0);
	assert_reads(c, 0, "/t/a", "");
	assert_reads(c, 0, "/t/a/b", "");
	assert_lists(c, 0, "/t/a", "b");
}

static void mkdir_makes_missing_parents(struct rig *r)
{
	struct client *c = rig_open(r, 0);

	assert_int_equal(xw_mkdir(c, 0, "/t/a/b"), 0);
	assert_reads(c, 0, "/t/a/b", "");
}

static void mkdir_of_what_is_there_keeps_its_value(struct rig *r)
{
	struct client *c = rig_open(r, 0);

	assert_int_equal(xw_write(c, 0, "/t/a", "x"), 0);
	assert_int_equal(xw_mkdir(c, 0, "/t/a"), 0);
	assert_reads(c, 0, "/t/a", "x");
}

static void rm_takes_what_is_below(struct rig *r)
{
	struct client *c = rig_open(r, 0);

	assert_int_equal(xw_write(c, 0, "/t/a/b/c", "x"), 0);
	assert_int_equal(xw_write(c, 0, "/t/ab", "y"), 0);
	assert_int_equal(xw_rm(c, 0, "/t/a"), 0);
	assert_int_equal(xw_read(c, 0, "/t/a/b/c"), -ENOENT);
	assert_int_equal(xw_read(c, 0, "/t/a"), -ENOENT);
	assert_reads(c, 0, "/t/ab", "y");
	assert_lists(c, 0, "/t", "ab");
}

static void rm_of_an_absent_child_is_fine(struct rig *r)
{
	struct client *c = rig_open(r, 0);

	assert_int_equal(xw_mkdir(c, 0, "/t"), 0);
	assert_int_equal(xw_rm(c, 0, "/t/none"), 0);
}

static void rm_below_an_absent_parent_is_enoent(struct rig *r)
{
	struct client *c = rig_open(r, 0);

	assert_int_equal(xw_rm(c, 0, "/t/none/child"), -ENOENT);
}

static void rm_of_the_root_is_refused(struct rig *r)
{
	struct client *c = rig_open(r, 0);

	if (!rig_differs(r, "root-can-be-removed"))
		assert_int_equal(xw_rm(c, 0, "/"), -EINVAL);
}

static void a_node_can_come_again(struct rig *r)
{
	struct client *c = rig_open(r, 0);

	assert_int_equal(xw_write(c, 0, "/t/a/b", "x"), 0);
	assert_int_equal(xw_rm(c, 0, "/t/a"), 0);
	assert_int_equal(xw_write(c, 0, "/t/a", "y"), 0);
	assert_reads(c, 0, "/t/a", "y");
	assert_lists(c, 0, "/t/a", "");
}

static void directory_names_the_children_only(struct rig *r)
{
	struct client *c = rig_open(r, 0);

	assert_int_equal(xw_write(c, 0, "/t/b/deep", "1"), 0);
	assert_int_equal(xw_write(c, 0, "/t/a", "2"), 0);
	assert_int_equal(xw_write(c, 0, "/t/c", "3"), 0);
	assert_lists(c, 0, "/t", "a,b,c");
	assert_lists(c, 0, "/t/a", "");
}

/* Names of 20 bytes each, 600 of them: three messages' worth. */
enum { LONG_NAMES = 600, LONG_NAME_BYTES = 20 };

static void make_long_directory(struct client *c)
{
	char path[64];

	for (int i = 0; i < LONG_NAMES; i++) {
		snprintf(path, sizeof(path), "/t/long/%0*d",
		         LONG_NAME_BYTES - 1, i);
		assert_int_equal(xw_mkdir(c, 0, path), 0);
	}
}

/* One part; the names in it, and whether it was the last. */
static size_t get_part(struct client *c, size_t offset, int *last)
{
	char payload[64];
	size_t n, head;

	n = (size_t)snprintf(payload, sizeof(payload), "/t/long%c%zu", 0,
	                     offset) + 1;
	assert_int_equal(client_call(c, PVB_XS_DIRECTORY_PART, 0, payload, n),
	                 0);
	head = strlen(c->reply) + 1;
	assert_true(c->length > head);
	assert_int_equal(c->reply[c->length - 1], 0);
	*last = c->length == head + 1 || c->reply[c->length - 2] == 0;
	return c->length - head - (size_t)*last;
}

static void a_long_directory_comes_in_parts(struct rig *r)
{
	struct client *c = rig_open(r, 0);
	size_t bytes = 0;
	int last = 0;

	make_long_directory(c);
	if (rig_differs(r, "no-directory-parts")) {
		assert_int_equal(client_call(c, PVB_XS_DIRECTORY_PART, 0,
		                             "/t/long\0000", 10), -ENOSYS);
		return;
	}
	assert_int_equal(xw_list(c, 0, "/t/long"), -E2BIG);
	for (int i = 0; i < 10 && !last; i++)
		bytes += get_part(c, bytes, &last);
	assert_true(last);
	assert_int_equal(bytes, LONG_NAMES * LONG_NAME_BYTES);
	/* Behind the end there is nothing but the end. */
	assert_int_equal(get_part(c, bytes, &last), 0);
	assert_true(last);
}

static void a_changed_directory_has_another_generation(struct rig *r)
{
	struct client *c = rig_open(r, 0);
	char before[32];
	int last;

	if (rig_differs(r, "no-directory-parts"))
		return;
	make_long_directory(c);
	get_part(c, 0, &last);
	strcpy(before, c->reply);
	get_part(c, 0, &last);
	assert_string_equal(c->reply, before);
	assert_int_equal(xw_mkdir(c, 0, "/t/long/another"), 0);
	get_part(c, 0, &last);
	assert_string_not_equal(c->reply, before);
}

static void illegal_paths_are_refused(struct rig *r)
{
	static const char *const illegal[] = {
		"", "//", "/t//a", "/t/a/", "/t/a b", "/t/\x01", "/t/\xc3\xa9",
		"/t/a:b", "/t/a.b", "/t/a+b", "/t/a*", "/t/~",
	};
	struct client *c = rig_open(r, 0);

	for (size_t i = 0; i < sizeof(illegal) / sizeof(illegal[0]); i++) {
		assert_int_equal(xw_write(c, 0, illegal[i], "x"), -EINVAL);
		assert_int_equal(xw_read(c, 0, illegal[i]), -EINVAL);
		assert_int_equal(xw_mkdir(c, 0, illegal[i]), -EINVAL);
		assert_int_equal(xw_rm(c, 0, illegal[i]), -EINVAL);
		assert_int_equal(xw_list(c, 0, illegal[i]), -EINVAL);
	}
}

static void every_legal_character_is_taken(struct rig *r)
{
	static const char path[] =
		"/t/ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
		"0123456789-_@";
	struct client *c = rig_open(r, 0);

	assert_int_equal(xw_write(c, 0, path, "x"), 0);
	assert_reads(c, 0, path, "x");
}

static void a_path_has_2048_bytes_beside_a_domains_home(struct rig *r)
{
	static const char home[] = "/local/domain/7/";
	struct client *c = rig_open(r, 0);
	char path[3000];

	memset(path, 'p', sizeof(path));
	memcpy(path, "/t/", 3);
	path[2048] = '\0';
	assert_int_equal(xw_write(c, 0, path, "x"), 0);
	assert_reads(c, 0, path, "x");
	path[2048] = 'p';
	path[2049] = '\0';
	assert_int_equal(xw_write(c, 0, path, "x"), -EINVAL);

	memset(path, 'p', sizeof(path));
	memcpy(path, home, strlen(home));
	path[strlen(home) + 2048] = '\0';
	assert_int_equal(xw_write(c, 0, path, "x"), 0);
	assert_reads(c, 0, path, "x");
	path[strlen(home) + 2048] = 'p';
	path[strlen(home) + 2049] = '\0';
	assert_int_equal(xw_write(c, 0, path, "x"), -EINVAL);
}

static void a_path_has_at_most_64_parts(struct rig *r)
{
	struct client *c = rig_open(r, 0);
	char path[200] = "/t";
	int rc = rig_differs(r, "depth-is-not-limited") ? 0 : -EINVAL;

	for (int i = 1; i < 64; i++)
		strcat(path, "/p");
	assert_int_equal(xw_write(c, 0, path, "x"), 0);
	assert_reads(c, 0, path, "x");
	strcat(path, "/p");
	assert_int_equal(xw_write(c, 0, path, "x"), rc);
}

static void a_relative_path_is_below_the_domain(struct rig *r)
{
	uint16_t domid = rig_boot(r);
	struct client *c = rig_open(r, 0), *guest;
	char home[64], path[80], perms[16];

	snprintf(home, sizeof(home), "/local/domain/%u", domid);
	snprintf(path, sizeof(path), "%s/x", home);
	snprintf(perms, sizeof(perms), "n%u", domid);
	assert_int_equal(xw_mkdir(c, 0, home), 0);
	assert_int_equal(xw_set_perms(c, 0, home, perms), 0);
	guest = rig_open(r, domid);
	assert_int_equal(xw_write(guest, 0, "x", "here"), 0);
	assert_reads(c, 0, path, "here");
	assert_reads(guest, 0, path, "here");
	assert_reads(guest, 0, "x", "here");
}

static void a_relative_path_of_domain_0(struct rig *r)
{
	struct client *c = rig_open(r, 0);

	assert_int_equal(xw_write(c, 0, "t/rel", "x"), 0);
	assert_reads(c, 0, "/local/domain/0/t/rel", "x");
}

const struct case_entry node_cases[] = {
	CASE(a_value_is_read_as_it_was_written),
	CASE(a_value_may_be_empty),
	CASE(the_largest_message_holds_the_largest_value),
	CASE(what_is_absent_is_enoent),
	CASE(write_makes_missing_parents),
	CASE(mkdir_makes_missing_parents),
	CASE(mkdir_of_what_is_there_keeps_its_value),
	CASE(rm_takes_what_is_below),
	CASE(rm_of_an_absent_child_is_fine),
	CASE(rm_below_an_absent_parent_is_enoent),
	CASE(rm_of_the_root_is_refused),
	CASE(a_node_can_come_again),
	CASE(directory_names_the_children_only),
	CASE(a_long_directory_comes_in_parts),
	CASE(a_changed_directory_has_another_generation),
	CASE(illegal_paths_are_refused),
	CASE(every_legal_character_is_taken),
	CASE(a_path_has_2048_bytes_beside_a_domains_home),
	CASE(a_path_has_at_most_64_parts),
	CASE(a_relative_path_is_below_the_domain),
	CASE(a_relative_path_of_domain_0),
	{ NULL, NULL },
};
