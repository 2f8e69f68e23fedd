// SPDX-License-Identifier: MIT

#include <kunit/static_stub.h>
#include <kunit/test.h>
#include <kunit/visibility.h>

#include "tests/xe_kunit_helpers.h"

/* What a domain said that was to wake up, or to go to sleep */
struct pulled_case {
	const char *name;
	u32 value;
	int err;
	bool gone, present;
	bool pulled;
};

static const struct pulled_case pulled_cases[] = {
	{ "acked", 1, 0, false, true, false },
	/* It was pulled between the answer and the question */
	{ "acked-before", 1, 0, false, false, false },
	{ "silent", 0, -ETIMEDOUT, false, true, false },
	/* The driver has begun to unbind from a device that is there */
	{ "silent-gone", 0, -ETIMEDOUT, true, true, false },
	{ "silent-absent", 0, -ETIMEDOUT, false, false, true },
	{ "ones", ~0, 0, false, true, false },
	{ "ones-gone", ~0, 0, true, true, true },
	{ "ones-absent", ~0, 0, false, false, true },
	{ "ones-asleep", ~0, -ETIMEDOUT, false, false, true },
};

static void pulled_desc(const struct pulled_case *c, char *desc)
{
	strscpy(desc, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(pulled, pulled_cases, pulled_desc);

static bool fake_present(struct xe_device *xe)
{
	const struct pulled_case *c = kunit_get_current_test()->param_value;

	return c->present;
}

static void test_pulled(struct kunit *test)
{
	const struct pulled_case *c = test->param_value;
	struct xe_device *xe = test->priv;

	kunit_activate_static_stub(test, xe_unplug_present, fake_present);
	xe->unplug.gone = c->gone;
	KUNIT_EXPECT_EQ(test, is_pulled(xe, c->value, c->err), c->pulled);
}

static struct kunit_case force_wake_test_cases[] = {
	KUNIT_CASE_PARAM(test_pulled, pulled_gen_params),
	{}
};

VISIBLE_IF_KUNIT
struct kunit_suite xe_force_wake_test_suite = {
	.name = "xe_force_wake",
	.test_cases = force_wake_test_cases,
	.init = xe_kunit_helper_xe_device_test_init,
};
EXPORT_SYMBOL_IF_KUNIT(xe_force_wake_test_suite);
