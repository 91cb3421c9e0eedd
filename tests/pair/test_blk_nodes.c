/* SPDX-License-Identifier: MIT */
/* The toolstack's part of a device, in a real store. */
#include "ctl_bench.h"

#include "proto/conn.h"
#include "proto/keys.h"

static struct pvb_blk_options options;

static struct pvb_xsdev device(uint16_t front, uint32_t number)
{
	struct pvb_xsdev d;

	pvb_blk_nodes_name(&d, BACK, front, number);
	return d;
}

static int create(uint16_t front, uint32_t number, const char *uri,
                  struct pvb_err *e)
{
	struct pvb_xsdev d = device(front, number);

	pvb_blk_options_init(&options, 1);
	return pvb_blk_nodes_create(bench.tools, &d, uri, &options, e);
}

static void expect_perms(const char *path, uint16_t owner, uint16_t reader)
{
	struct pvb_store_perm p[3];

	assert_int_equal(bench.tools->ops->get_perms(bench.tools, 0, path, p,
	                                             3), 2);
	assert_int_equal(p[0].domid, owner);
	assert_int_equal(p[0].rights, 0);
	assert_int_equal(p[1].domid, reader);
	assert_int_equal(p[1].rights, PVB_STORE_READ);
}

static void both_ends_are_as_a_toolstack_makes_them(void **state)
{
	(void)state;
	assert_string_equal(get(bench.back, "frontend"), bench.front);
	assert_string_equal(get(bench.back, "frontend-id"), "3");
	assert_string_equal(get(bench.back, "online"), "1");
	assert_string_equal(get(bench.back, "state"), "1");
	assert_string_equal(get(bench.back, "dev"), "xvda");
	assert_string_equal(get(bench.back, "mode"), "w");
	assert_string_equal(get(bench.back, "params"), "mem:1M");
	assert_string_equal(get(bench.front, "backend"), bench.back);
	assert_string_equal(get(bench.front, "backend-id"), "0");
	assert_string_equal(get(bench.front, "state"), "1");
	assert_string_equal(get(bench.front, "virtual-device"), "51712");
	assert_string_equal(get(bench.front, "device-type"), "disk");
}

static void each_end_belongs_to_its_domain(void **state)
{
	char path[160];

	(void)state;
	expect_perms(bench.back, BACK, FRONT);
	expect_perms(bench.front, FRONT, BACK);
	snprintf(path, sizeof(path), "%s/state", bench.front);
	expect_perms(path, FRONT, BACK);
	snprintf(path, sizeof(path), "%s/params", bench.back);
	expect_perms(path, BACK, FRONT);
}

static void a_guest_may_write_its_end_and_read_the_other(void **state)
{
	char path[160], value[8];

	(void)state;
	put(bench.guest, bench.front, "state", "3");
	snprintf(path, sizeof(path), "%s/state", bench.back);
	assert_int_equal(bench.guest->ops->read(bench.guest, 0, path, value,
	                                        sizeof(value)), 1);
	assert_int_equal(bench.guest->ops->write(bench.guest, 0, path, "6", 1),
	                 -EACCES);
	/* Its own complaints have a place. */
	put(bench.guest, "/local/domain/3/error", "x", "y");
	assert_int_equal(bench.guest->ops->write(bench.guest, 0,
	                 "/local/domain/3/device/vbd/1", "", 0), -EACCES);
}

static void a_number_in_use_is_refused_and_nothing_changed(void **state)
{
	struct pvb_err e = PVB_ERR_INIT;

	(void)state;
	assert_int_equal(create(FRONT, VDEV, "mem:2M", &e), -EEXIST);
	assert_string_equal(e.text, "domain 3 has a device 51712 already");
	assert_string_equal(get(bench.back, "params"), "mem:1M");
}

static void another_kinds_device_holds_its_number_too(void **state)
{
	struct pvb_err e = PVB_ERR_INIT;

	(void)state;
	put(bench.tools, "/local/domain/3/device/vbd/768", "state", "1");
	assert_int_equal(create(FRONT, 768, "mem:2M", &e), -EEXIST);
}

static void what_cannot_be_is_refused(void **state)
{
	struct pvb_err e = PVB_ERR_INIT;
	char *uri = malloc(PVB_BLK_NODES_URI_MAX + 2);

	(void)state;
	memset(uri, 'a', PVB_BLK_NODES_URI_MAX + 1);
	uri[PVB_BLK_NODES_URI_MAX + 1] = '\0';
	assert_int_equal(create(FRONT, VDEV + 16, uri, &e), -EINVAL);
	assert_int_equal(create(FRONT, VDEV + 16, "", &e), -EINVAL);
	assert_int_equal(create(FRONT, 2u << 28, "mem:1M", &e), -EINVAL);
	assert_int_equal(create(99, VDEV, "mem:1M", &e), -ENXIO);
	assert_string_equal(e.text, "there is no domain 99");
	assert_false(is_there("/local/domain", "99"));
	uri[PVB_BLK_NODES_URI_MAX - 200] = '\0';
	assert_int_equal(create(FRONT, VDEV + 16, uri, &e), 0);
	free(uri);
}

/* A guest with emulated disks finds the same disk by its number. */
static void names_of_every_scheme_have_their_numbers(void **state)
{
	static const struct { const char *name; uint32_t number; } devs[] = {
		{ "hda", 768 }, { "hdb", 832 }, { "hdc", 5632 },
		{ "hdd", 5696 }, { "sda", 2048 }, { "sdp", 2288 },
		{ "xvda1", 51713 }, { "xvdb", 51728 }, { "xvdq", 268439552 },
	};
	char back[128], front[128], number[16];

	(void)state;
	for (size_t i = 0; i < sizeof(devs) / sizeof(*devs); i++) {
		struct pvb_xsdev d = device(FRONT, devs[i].number);
		struct pvb_err e = PVB_ERR_INIT;

		if (create(FRONT, devs[i].number, "mem:1M", &e) < 0)
			fail_msg("%s: %s", devs[i].name, e.text);
		snprintf(back, sizeof(back), "/local/domain/0/backend/pvb/3/%u",
		         devs[i].number);
		snprintf(front, sizeof(front), "/local/domain/3/device/vbd/%u",
		         devs[i].number);
		snprintf(number, sizeof(number), "%u", devs[i].number);
		assert_string_equal(get(back, "dev"), devs[i].name);
		assert_string_equal(get(back, "virtual-device"), number);
		assert_string_equal(get(front, "virtual-device"), number);
		assert_string_equal(get(front, "backend"), back);
		assert_string_equal(get(back, "frontend"), front);
		assert_int_equal(pvb_blk_nodes_find(bench.tools, &d), 0);
	}
}

static void a_drive_may_be_empty(void **state)
{
	struct pvb_xsdev d = device(FRONT, VDEV + 16);
	char uri[PVB_BLK_NODES_URI_MAX + 1] = "x";
	struct pvb_blk_options o;
	struct pvb_err e = PVB_ERR_INIT;

	(void)state;
	pvb_blk_options_init(&options, 1);
	pvb_blk_options_set(&options, PVB_BLK_OPT_FLOPPY, 1);
	assert_int_equal(pvb_blk_nodes_create(bench.tools, &d, "", &options,
	                                      &e), 0);
	assert_true(is_there("/local/domain/0/backend/pvb/3/51728", "params"));
	assert_string_equal(get("/local/domain/3/device/vbd/51728",
	                        "device-type"), "floppy");
	pvb_blk_options_init(&o, 4);
	assert_int_equal(pvb_blk_nodes_read(bench.tools, &d, uri, &o, &e), 0);
	assert_string_equal(uri, "");
	assert_int_equal(o.value[PVB_BLK_OPT_FLOPPY], 1);
	assert_int_equal(o.value[PVB_BLK_OPT_READ_ONLY], 0);
}

static void a_back_reads_what_was_written(void **state)
{
	char uri[PVB_BLK_NODES_URI_MAX + 1];
	struct pvb_xsdev d = device(FRONT, VDEV + 16);
	struct pvb_blk_options o;
	struct pvb_err e = PVB_ERR_INIT;

	(void)state;
	pvb_blk_options_init(&options, 1);
	/* Which makes it read-only. */
	pvb_blk_options_set(&options, PVB_BLK_OPT_CDROM, 1);
	pvb_blk_options_set(&options, PVB_BLK_OPT_INDIRECT, 40);
	assert_int_equal(pvb_blk_nodes_create(bench.tools, &d,
	                 "file:/a b?direct=on", &options, &e), 0);
	pvb_blk_options_init(&o, 4);
	assert_int_equal(pvb_blk_nodes_read(bench.tools, &d, uri, &o, &e), 0);
	assert_string_equal(uri, "file:/a b?direct=on");
	assert_int_equal(o.value[PVB_BLK_OPT_READ_ONLY], 1);
	assert_int_equal(o.value[PVB_BLK_OPT_CDROM], 1);
	assert_int_equal(o.value[PVB_BLK_OPT_INDIRECT], 40);
	assert_int_equal(o.value[PVB_BLK_OPT_QUEUES], 4);
	assert_string_equal(get("/local/domain/3/device/vbd/51728",
	                        "device-type"), "cdrom");
}

static void a_back_is_told_which_node_is_bad(void **state)
{
	char uri[PVB_BLK_NODES_URI_MAX + 1], path[160];
	struct pvb_xsdev none = device(FRONT, VDEV + 16);
	struct pvb_blk_options o;
	struct pvb_err e = PVB_ERR_INIT;

	(void)state;
	pvb_blk_options_init(&o, 1);
	put(bench.tools, bench.back, "pvb-queues", "99");
	assert_int_equal(pvb_blk_nodes_read(bench.tools, &bench.dev, uri, &o,
	                                    &e), -EINVAL);
	assert_non_null(strstr(e.text, "\"pvb-queues\""));
	snprintf(path, sizeof(path), "%s/params", bench.back);
	assert_int_equal(bench.tools->ops->write(bench.tools, 0, path, "a\0b",
	                                         3), 0);
	assert_int_equal(pvb_blk_nodes_read(bench.tools, &bench.dev, uri, &o,
	                                    &e), -EINVAL);
	assert_non_null(strstr(e.text, "\"params\""));
	assert_int_equal(pvb_blk_nodes_read(bench.tools, &none, uri, &o, &e),
	                 -ENOENT);
}

static void a_device_is_found_by_its_number(void **state)
{
	struct pvb_xsdev d = { .back_domid = BACK, .front_domid = FRONT,
		.number = VDEV };

	(void)state;
	assert_int_equal(pvb_blk_nodes_find(bench.tools, &d), 0);
	assert_string_equal(d.kind, "pvb");
	assert_string_equal(d.front_kind, "vbd");
	d.number++;
	assert_int_equal(pvb_blk_nodes_find(bench.tools, &d), -ENOENT);
	/* Whoever serves it, but not if it is no disk. */
	put(bench.tools, "/local/domain/0/backend/qdisk/3/51713", "state", "4");
	assert_int_equal(pvb_blk_nodes_find(bench.tools, &d), 0);
	assert_string_equal(d.kind, "qdisk");
	put(bench.tools, "/local/domain/0/backend/vif/3/51714", "state", "4");
	d.number++;
	assert_int_equal(pvb_blk_nodes_find(bench.tools, &d), -ENOENT);
}

static void all_devices_are_listed(void **state)
{
	struct pvb_err e = PVB_ERR_INIT;
	struct pvb_xsdev d[3];

	(void)state;
	assert_int_equal(machine_introduce(&bench.machine, 5), 0);
	assert_int_equal(create(5, VDEV, "mem:1M", &e), 0);
	assert_int_equal(create(5, VDEV + 16, "mem:1M", &e), 0);
	put(bench.tools, "/local/domain/0/backend/pvb/nobody/1", "x", "");
	put(bench.tools, "/local/domain/0/backend/pvb/5/what", "x", "");
	assert_int_equal(pvb_blk_nodes_list(bench.tools, BACK, "pvb", d, 3),
	                 3);
	assert_int_equal(d[0].front_domid + d[1].front_domid +
	                 d[2].front_domid, 13);
	assert_int_equal(pvb_blk_nodes_list(bench.tools, BACK, "pvb", d, 1),
	                 3);
	assert_int_equal(pvb_blk_nodes_list(bench.tools, BACK, "vbd", d, 3),
	                 0);
	assert_int_equal(pvb_blk_nodes_list(bench.tools, 7, "pvb", d, 3), 0);
}

static void a_state_is_read_whatever_it_is(void **state)
{
	struct pvb_xsdev none = device(FRONT, 1);
	struct pvb_blk_nodes_state s;

	(void)state;
	put(bench.guest, bench.front, "state", "nonsense");
	put(bench.tools, bench.back, "state", "2");
	put(bench.tools, "/local/domain/0/error/backend/pvb/3/51712", "error",
	    "22 it\ndoes not");
	assert_int_equal(pvb_blk_nodes_state(bench.tools, &bench.dev, &s), 0);
	assert_int_equal(s.back, PVB_XB_INIT_WAIT);
	assert_int_equal(s.front, PVB_XB_UNKNOWN);
	assert_true(s.online && s.front_there);
	assert_false(s.disk_known);
	/* The number is for programs. */
	assert_string_equal(s.error, "it?does not");
	put(bench.tools, bench.back, "hotplug-error", "it\tcannot");
	assert_int_equal(pvb_blk_nodes_state(bench.tools, &bench.dev, &s), 0);
	assert_string_equal(s.error, "it?cannot");
	assert_int_equal(pvb_blk_nodes_state(bench.tools, &none, &s), -ENOENT);
}

static void stopping_asks_but_does_not_undo_closed(void **state)
{
	struct pvb_xsdev none = device(FRONT, 1);

	(void)state;
	put(bench.tools, bench.back, "state", "4");
	assert_int_equal(pvb_blk_nodes_stop(bench.tools, &bench.dev), 0);
	assert_string_equal(get(bench.back, "state"), "5");
	assert_string_equal(get(bench.back, "online"), "0");
	put(bench.tools, bench.back, "state", "6");
	put(bench.tools, bench.back, "online", "1");
	assert_int_equal(pvb_blk_nodes_stop(bench.tools, &bench.dev), 1);
	assert_string_equal(get(bench.back, "state"), "6");
	assert_string_equal(get(bench.back, "online"), "0");
	assert_int_equal(pvb_blk_nodes_stop(bench.tools, &none), -ENOENT);
	assert_false(is_there("/local/domain/0/backend/pvb/3", "1"));
}

static void removing_takes_empty_parents_along(void **state)
{
	struct pvb_xsdev second = device(FRONT, VDEV + 16);
	struct pvb_err e = PVB_ERR_INIT;

	(void)state;
	assert_int_equal(create(FRONT, VDEV + 16, "mem:1M", &e), 0);
	put(bench.tools, "/local/domain/0/error/backend/pvb/3/51712", "error",
	    "x");
	assert_int_equal(pvb_blk_nodes_remove(bench.tools, &bench.dev), 0);
	assert_false(is_there("/local/domain/0/backend/pvb/3", "51712"));
	assert_false(is_there("/local/domain/3/device/vbd", "51712"));
	assert_true(is_there("/local/domain/3/device/vbd", "51728"));
	assert_false(is_there("/local/domain/0/error", "backend"));
	assert_int_equal(pvb_blk_nodes_remove(bench.tools, &second), 0);
	assert_false(is_there("/local/domain/0/backend", "pvb"));
	assert_false(is_there("/local/domain/3/device", "vbd"));
	assert_true(is_there("/local/domain/0", "backend"));
	assert_true(is_there("/local/domain/3", "device"));
	assert_int_equal(pvb_blk_nodes_remove(bench.tools, &second), 0);
}

static void cutting_takes_the_front_alone(void **state)
{
	(void)state;
	assert_int_equal(pvb_blk_nodes_cut(bench.tools, &bench.dev), 0);
	assert_false(is_there("/local/domain/3/device/vbd", "51712"));
	assert_true(is_there(bench.back, "state"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(both_ends_are_as_a_toolstack_makes_them),
		TEST(each_end_belongs_to_its_domain),
		TEST(a_guest_may_write_its_end_and_read_the_other),
		TEST(a_number_in_use_is_refused_and_nothing_changed),
		TEST(another_kinds_device_holds_its_number_too),
		TEST(what_cannot_be_is_refused),
		TEST(names_of_every_scheme_have_their_numbers),
		TEST(a_drive_may_be_empty),
		TEST(a_back_reads_what_was_written),
		TEST(a_back_is_told_which_node_is_bad),
		TEST(a_device_is_found_by_its_number),
		TEST(all_devices_are_listed),
		TEST(a_state_is_read_whatever_it_is),
		TEST(stopping_asks_but_does_not_undo_closed),
		TEST(removing_takes_empty_parents_along),
		TEST(cutting_takes_the_front_alone),
	};

	return cmocka_run_group_tests_name("blk_nodes", tests, NULL, NULL);
}
