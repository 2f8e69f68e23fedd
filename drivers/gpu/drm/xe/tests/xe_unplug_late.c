// SPDX-License-Identifier: MIT

#include <linux/pm_domain.h>
#include <linux/pm_runtime.h>

#include <kunit/test.h>
#include <kunit/visibility.h>

#include <drm/drm_file.h>

#include "tests/xe_kunit_helpers.h"
#include "xe_bb.h"
#include "xe_bo.h"
#include "xe_exec_queue.h"
#include "xe_hw_engine_types.h"
#include "xe_pm.h"
#include "xe_ttm_vram_mgr.h"
#include "xe_ttm_vram_mgr_types.h"

/*
 * Who had begun before the device went, and gets on with it after. Nothing is
 * there that they would need: without the look at the device they fall over it.
 */

static int late_test_init(struct kunit *test)
{
	struct xe_device *xe;

	xe_kunit_helper_xe_device_test_init(test);
	xe = test->priv;
	xe->unplug.gone = true;
	xe->unplug.stopped = true;

	return 0;
}

static struct xe_gt *primary_gt(struct kunit *test)
{
	return xe_device_get_root_tile(test->priv)->primary_gt;
}

static void test_reset(struct kunit *test)
{
	struct xe_gt *gt = primary_gt(test);

	xe_gt_reset_async(gt);
	KUNIT_EXPECT_FALSE(test, work_pending(&gt->reset.worker));
}

static void test_wedge(struct kunit *test)
{
	struct xe_device *xe = test->priv;

	xe->wedged.mode = 1;
	xe_device_declare_wedged(xe);
	KUNIT_EXPECT_FALSE(test, xe_device_wedged(xe));
}

static void test_batch(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, PTR_ERR_OR_ZERO(xe_bb_new(primary_gt(test), 16, false)), -ENODEV);
}

static void test_queue(struct kunit *test)
{
	struct xe_hw_engine *hwe = kunit_kzalloc(test, sizeof(*hwe), GFP_KERNEL);
	struct xe_exec_queue *q;

	KUNIT_ASSERT_NOT_NULL(test, hwe);
	hwe->gt = primary_gt(test);
	q = xe_exec_queue_create(test->priv, NULL, BIT(0), 1, hwe, 0, 0);
	KUNIT_EXPECT_EQ(test, PTR_ERR_OR_ZERO(q), -ENODEV);
}

static void test_oa_stream(struct kunit *test)
{
	struct drm_file *file = kunit_kzalloc(test, sizeof(*file), GFP_KERNEL);
	struct xe_device *xe = test->priv;

	KUNIT_ASSERT_NOT_NULL(test, file);
	xe->oa.xe = xe;
	KUNIT_EXPECT_EQ(test, xe_oa_stream_open_ioctl(&xe->drm, 0, file), -ENODEV);
}

/* Its addresses would be lent to an importer */
static void test_vram(struct kunit *test)
{
	struct xe_ttm_vram_mgr_resource *vres = kunit_kzalloc(test, sizeof(*vres), GFP_KERNEL);
	struct xe_device *xe = test->priv;
	struct sg_table *sgt;

	KUNIT_ASSERT_NOT_NULL(test, vres);
	vres->base.mem_type = XE_PL_VRAM0;
	KUNIT_EXPECT_EQ(test, xe_ttm_vram_mgr_alloc_sgt(xe, &vres->base, 0, 0, xe->drm.dev,
							DMA_BIDIRECTIONAL, &sgt), -ENODEV);
}

static atomic_t pm_calls;

static int count_pm_call(struct device *dev)
{
	atomic_inc(&pm_calls);

	return 0;
}

static struct dev_pm_domain pm_counter = {
	.ops = {
		.runtime_suspend = count_pm_call,
		.runtime_resume = count_pm_call,
	},
};

static void end_pm(void *arg)
{
	struct device *dev = arg;

	pm_runtime_disable(dev);
	dev->pm_domain = NULL;
}

static struct device *begin_pm(struct kunit *test, bool active)
{
	struct xe_device *xe = test->priv;
	struct device *dev = xe->drm.dev;

	if (!IS_ENABLED(CONFIG_PM))
		kunit_skip(test, "no power management here");

	atomic_set(&pm_calls, 0);
	dev->pm_domain = &pm_counter;
	if (active)
		pm_runtime_set_active(dev);
	else
		pm_runtime_set_suspended(dev);
	pm_runtime_enable(dev);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, end_pm, dev), 0);

	return dev;
}

/* It may belong to somebody else: references are counted, and that is all */
static void test_stays_asleep(struct kunit *test)
{
	struct device *dev = begin_pm(test, false);
	struct xe_device *xe = test->priv;

	xe_pm_runtime_get(xe);
	KUNIT_EXPECT_TRUE(test, xe_pm_runtime_get_if_active(xe));
	KUNIT_EXPECT_TRUE(test, xe_pm_runtime_get_if_in_use(xe));
	KUNIT_EXPECT_TRUE(test, xe_pm_runtime_resume_and_get(xe));
	KUNIT_EXPECT_EQ(test, atomic_read(&dev->power.usage_count), 4);
	KUNIT_EXPECT_EQ(test, atomic_read(&pm_calls), 0);
	KUNIT_EXPECT_TRUE(test, pm_runtime_suspended(dev));

	xe_pm_runtime_put(xe);
	xe_pm_runtime_put(xe);
	xe_pm_runtime_put(xe);
	xe_pm_runtime_put(xe);
	KUNIT_EXPECT_EQ(test, atomic_read(&dev->power.usage_count), 0);
}

static void test_stays_awake(struct kunit *test)
{
	struct device *dev = begin_pm(test, true);

	xe_pm_runtime_get(test->priv);
	xe_pm_runtime_put(test->priv);
	pm_runtime_barrier(dev);
	KUNIT_EXPECT_EQ(test, atomic_read(&dev->power.usage_count), 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&pm_calls), 0);
	KUNIT_EXPECT_TRUE(test, pm_runtime_active(dev));
}

static struct kunit_case late_test_cases[] = {
	KUNIT_CASE(test_reset),
	KUNIT_CASE(test_wedge),
	KUNIT_CASE(test_batch),
	KUNIT_CASE(test_queue),
	KUNIT_CASE(test_oa_stream),
	KUNIT_CASE(test_vram),
	KUNIT_CASE(test_stays_asleep),
	KUNIT_CASE(test_stays_awake),
	{}
};

VISIBLE_IF_KUNIT
struct kunit_suite xe_unplug_late_test_suite = {
	.name = "xe_unplug_late",
	.test_cases = late_test_cases,
	.init = late_test_init,
};
EXPORT_SYMBOL_IF_KUNIT(xe_unplug_late_test_suite);
