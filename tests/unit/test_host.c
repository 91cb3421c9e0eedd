/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <pvb/err.h>

#include "hyp/host.h"
#include "hyp/mem.h"
#include "hyp/store.h"

static void refused(const char *text, int code, const char *says)
{
	struct pvb_err e = PVB_ERR_INIT;
	struct pvb_host h;

	assert_int_equal(pvb_host_parse(text, &h, &e), code);
	assert_int_equal(e.code, code);
	if (!strstr(e.text, says))
		fail_msg("\"%s\" is not in \"%s\"", says, e.text);
}

static void what_is_no_host_has_its_sentence(void **state)
{
	char far[300];

	(void)state;
	refused("", -EINVAL, "neither xen nor local:DIR");
	refused("moon", -EINVAL, "moon");
	refused("Xen", -EINVAL, "neither");
	refused("xen:", -EINVAL, "neither");
	refused("local", -EINVAL, "neither");
	refused("local:", -EINVAL, "needs a DIR");
	memset(far, 'x', sizeof(far));
	memcpy(far, "local:", 6);
	far[6 + PVB_HOST_DIR_MAX + 1] = '\0';
	refused(far, -ENAMETOOLONG, "too long");
}

static void a_name_is_what_was_parsed(void **state)
{
	static const char *const names[] = { "local:/run/m", "local:m",
	                                     "local:xen" };
	char name[PVB_HOST_NAME_MAX + 1], far[PVB_HOST_NAME_MAX + 1];
	struct pvb_host h;

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		assert_int_equal(pvb_host_parse(names[i], &h, NULL), 0);
		assert_false(h.xen);
		pvb_host_name(&h, name);
		assert_string_equal(name, names[i]);
	}
	memset(far, 'x', sizeof(far));
	memcpy(far, "local:", 6);
	far[PVB_HOST_NAME_MAX] = '\0';
	assert_int_equal(pvb_host_parse(far, &h, NULL), 0);
	pvb_host_name(&h, name);
	assert_string_equal(name, far);
}

static void xen_is_named_where_it_can_be(void **state)
{
	char name[PVB_HOST_NAME_MAX + 1];
	struct pvb_host h;

	(void)state;
	setenv("XENSTORED_PATH", "/nonexistent", 1);
	assert_int_equal(pvb_host_parse("xen", &h, NULL), 0);
	assert_true(h.xen);
	pvb_host_name(&h, name);
	assert_string_equal(name, "xen");
	assert_int_equal(pvb_host_parse(NULL, &h, NULL), 0);
	assert_true(h.xen);
	unsetenv("XENSTORED_PATH");
	if (access("/dev/xen/xenbus", F_OK) == 0 ||
	    access("/proc/xen/xenbus", F_OK) == 0)
		return;
	refused("xen", -ENOENT, "no Xen on this machine");
	refused(NULL, -ENOENT, "pvb local");
}

/* Each handle is opened by the way that the host says, and fails by it. */
static void handles_come_from_the_host(void **state)
{
	const struct pvb_host here = { .dir = "/nonexistent" };
	const struct pvb_host xen = { .xen = true };
	struct pvb_err e = PVB_ERR_INIT;
	uint16_t domid = 7;

	(void)state;
	assert_null(pvb_host_store(&here, 0, &e));
	assert_non_null(strstr(e.text, "local machine"));
	assert_null(pvb_host_front_mem(&here, 1, &e));
	assert_int_equal(e.code, -ENOENT);
	assert_int_equal(pvb_host_own_domid(&here, NULL, &domid, &e), 0);
	assert_int_equal(domid, 0);
	assert_int_equal(pvb_host_check_back(&here, &e), 0);
	setenv("XENSTORED_PATH", "/nonexistent", 1);
	assert_null(pvb_host_store(&xen, 0, &e));
	assert_non_null(strstr(e.text, "Xen"));
	unsetenv("XENSTORED_PATH");
	if (access("/dev/xen/evtchn", F_OK) == 0)
		return;
	assert_null(pvb_host_front_mem(&xen, 1, &e));
	assert_non_null(strstr(e.text, "Xen"));
	assert_true(pvb_host_check_back(&xen, &e) < 0);
	assert_non_null(strstr(e.text, "Xen"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_no_host_has_its_sentence),
		cmocka_unit_test(a_name_is_what_was_parsed),
		cmocka_unit_test(xen_is_named_where_it_can_be),
		cmocka_unit_test(handles_come_from_the_host),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
