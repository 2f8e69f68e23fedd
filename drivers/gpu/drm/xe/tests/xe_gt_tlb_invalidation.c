// SPDX-License-Identifier: MIT

#include <kunit/static_stub.h>
#include <kunit/test.h>
#include <kunit/visibility.h>

#include "tests/xe_kunit_helpers.h"

/* Everything there is to invalidate on a GT whose channel was never set up */
static int tlb_test_init(struct kunit *test)
{
	struct xe_device *xe;
	struct xe_gt *gt;

	xe_kunit_helper_xe_device_test_init(test);
	xe = test->priv;
	gt = xe_device_get_gt(xe, 0);
	test->priv = gt;

	/* Only references are counted then, nothing is resumed */
	WRITE_ONCE(xe->unplug.gone, true);

	return xe_gt_tlb_invalidation_init_early(gt);
}

static void test_range(struct kunit *test)
{
	struct xe_gt_tlb_invalidation_fence fence;
	struct xe_gt *gt = test->priv;

	WRITE_ONCE(gt_to_xe(gt)->unplug.stopped, true);

	xe_gt_tlb_invalidation_fence_init(gt, &fence, true);
	KUNIT_EXPECT_EQ(test, xe_gt_tlb_invalidation_range(gt, &fence, 0, SZ_64K, 1), 0);
	KUNIT_EXPECT_TRUE(test, dma_fence_is_signaled(&fence.base));
	KUNIT_EXPECT_NULL(test, fence.gt);
	KUNIT_EXPECT_TRUE(test, list_empty(&gt->tlb_invalidation.pending_fences));
}

static void test_ggtt(struct kunit *test)
{
	struct xe_gt *gt = test->priv;

	WRITE_ONCE(gt_to_xe(gt)->unplug.stopped, true);
	/* No register is written: there are none to write to in this test */
	gt->uc.guc.submission_state.enabled = false;
	KUNIT_EXPECT_EQ(test, xe_gt_tlb_invalidation_ggtt(gt), 0);
}

/* Held by a sync file, it outlives the GT, and so has to do its lock */
static void test_lock(struct kunit *test)
{
	struct xe_gt_tlb_invalidation_fence *fence;
	struct xe_gt *gt = test->priv;
	char *begin = (char *)gt, *lock;

	fence = kzalloc(sizeof(*fence), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, fence);
	WRITE_ONCE(gt_to_xe(gt)->unplug.stopped, true);

	xe_gt_tlb_invalidation_fence_init(gt, fence, false);
	KUNIT_EXPECT_EQ(test, xe_gt_tlb_invalidation_range(gt, fence, 0, SZ_64K, 1), 0);
	lock = (char *)fence->base.lock;
	KUNIT_EXPECT_FALSE(test, lock >= begin && lock < begin + sizeof(*gt));
	KUNIT_EXPECT_TRUE(test, dma_fence_is_signaled(&fence->base));
	dma_fence_put(&fence->base);
}

static bool fake_present(struct xe_device *xe)
{
	return true;
}

static bool fake_absent(struct xe_device *xe)
{
	return false;
}

/* Only where there is a device is it an error that nobody can be asked */
static void test_pulled(struct kunit *test)
{
	struct xe_gt_tlb_invalidation_fence fence;
	struct xe_gt *gt = test->priv;
	struct xe_guc_ct *ct = &gt->uc.guc.ct;

	mutex_init(&ct->lock);
	ct->state = XE_GUC_CT_STATE_ENABLED;
	ct->ctbs.h2g.info.broken = true;

	kunit_activate_static_stub(test, xe_unplug_present, fake_present);
	xe_gt_tlb_invalidation_fence_init(gt, &fence, true);
	KUNIT_EXPECT_EQ(test, xe_gt_tlb_invalidation_range(gt, &fence, 0, SZ_64K, 1), -EPIPE);
	KUNIT_EXPECT_TRUE(test, dma_fence_is_signaled(&fence.base));

	kunit_activate_static_stub(test, xe_unplug_present, fake_absent);
	xe_gt_tlb_invalidation_fence_init(gt, &fence, true);
	KUNIT_EXPECT_EQ(test, xe_gt_tlb_invalidation_range(gt, &fence, 0, SZ_64K, 1), 0);
	KUNIT_EXPECT_TRUE(test, dma_fence_is_signaled(&fence.base));
}

static struct kunit_case tlb_test_cases[] = {
	KUNIT_CASE(test_range),
	KUNIT_CASE(test_ggtt),
	KUNIT_CASE(test_lock),
	KUNIT_CASE(test_pulled),
	{}
};

VISIBLE_IF_KUNIT
struct kunit_suite xe_gt_tlb_invalidation_test_suite = {
	.name = "xe_gt_tlb_invalidation",
	.test_cases = tlb_test_cases,
	.init = tlb_test_init,
};
EXPORT_SYMBOL_IF_KUNIT(xe_gt_tlb_invalidation_test_suite);
