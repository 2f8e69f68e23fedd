// SPDX-License-Identifier: MIT

#include <kunit/static_stub.h>
#include <kunit/test.h>
#include <kunit/visibility.h>

#include "tests/xe_kunit_helpers.h"

/* A backend that answers as it is told, and never reports completion */
static struct {
	unsigned int calls;
	int err;
} tlb_backend;

static int fake_all(struct xe_tlb_inval *tlb_inval, u32 seqno)
{
	tlb_backend.calls++;
	return tlb_backend.err;
}

static void fake_flush(struct xe_tlb_inval *tlb_inval)
{
}

static bool fake_initialized(struct xe_tlb_inval *tlb_inval)
{
	return true;
}

static long fake_timeout(struct xe_tlb_inval *tlb_inval)
{
	return 60 * HZ;
}

static bool fake_present(struct xe_device *xe)
{
	return true;
}

static bool fake_absent(struct xe_device *xe)
{
	return false;
}

static const struct xe_tlb_inval_ops fake_tlb_ops = {
	.all = fake_all,
	.ggtt = fake_all,
	.initialized = fake_initialized,
	.flush = fake_flush,
	.timeout_delay = fake_timeout,
};

static int tlb_test_init(struct kunit *test)
{
	struct xe_device *xe;
	struct xe_gt *gt;

	memset(&tlb_backend, 0, sizeof(tlb_backend));
	xe_kunit_helper_xe_device_test_init(test);
	xe = test->priv;
	gt = xe_device_get_gt(xe, 0);
	test->priv = &gt->tlb_inval;

	/* Only references are counted then, nothing is resumed */
	WRITE_ONCE(xe->unplug.gone, true);

	gt->ordered_wq = drmm_alloc_ordered_workqueue(&xe->drm, "tlb-test", 0);
	KUNIT_ASSERT_FALSE(test, IS_ERR(gt->ordered_wq));
	KUNIT_ASSERT_EQ(test, xe_gt_tlb_inval_init_early(gt), 0);
	gt->tlb_inval.ops = &fake_tlb_ops;

	return 0;
}

static void test_stopped(struct kunit *test)
{
	struct xe_tlb_inval *tlb_inval = test->priv;
	struct xe_tlb_inval_fence fence;

	WRITE_ONCE(tlb_inval->xe->unplug.stopped, true);

	xe_tlb_inval_fence_init(tlb_inval, &fence, true);
	KUNIT_EXPECT_EQ(test, xe_tlb_inval_all(tlb_inval, &fence), 0);
	KUNIT_EXPECT_TRUE(test, dma_fence_is_signaled(&fence.base));
	KUNIT_EXPECT_EQ(test, xe_tlb_inval_ggtt(tlb_inval), 0);
	KUNIT_EXPECT_EQ(test, tlb_backend.calls, 0);
	KUNIT_EXPECT_TRUE(test, list_empty(&tlb_inval->pending_fences));
}

/* The channel closes under the request of somebody who was faster */
static void test_closing(struct kunit *test)
{
	struct xe_tlb_inval *tlb_inval = test->priv;

	tlb_backend.err = -ENODEV;
	KUNIT_EXPECT_EQ(test, xe_tlb_inval_ggtt(tlb_inval), 0);
	KUNIT_EXPECT_EQ(test, tlb_backend.calls, 1);

	/* Anything else is an error as ever, where there is a device */
	tlb_backend.err = -EPROTO;
	kunit_activate_static_stub(test, xe_unplug_present, fake_present);
	KUNIT_EXPECT_EQ(test, xe_tlb_inval_ggtt(tlb_inval), -EPROTO);
	kunit_activate_static_stub(test, xe_unplug_present, fake_absent);
	KUNIT_EXPECT_EQ(test, xe_tlb_inval_ggtt(tlb_inval), 0);
	KUNIT_EXPECT_TRUE(test, list_empty(&tlb_inval->pending_fences));
}

/* Of a device that is there, for all that runtime PM is told otherwise */
static int inval_present(struct xe_tlb_inval *tlb_inval)
{
	struct xe_tlb_inval_fence fence;
	int err;

	xe_tlb_inval_fence_init(tlb_inval, &fence, true);
	WRITE_ONCE(tlb_inval->xe->unplug.gone, false);
	err = xe_tlb_inval_all(tlb_inval, &fence);
	WRITE_ONCE(tlb_inval->xe->unplug.gone, true);

	return err;
}

/* Between the reset of the GT and the load of its firmware */
static void test_clean(struct kunit *test)
{
	struct xe_tlb_inval *tlb_inval = test->priv;

	kunit_activate_static_stub(test, xe_unplug_present, fake_present);
	tlb_backend.err = -ENODEV;
	KUNIT_EXPECT_EQ(test, inval_present(tlb_inval), -ENODEV);

	xe_tlb_inval_set_clean(tlb_inval, true);
	KUNIT_EXPECT_EQ(test, inval_present(tlb_inval), 0);
	/* The firmware is asked nonetheless: it may be back already */
	KUNIT_EXPECT_EQ(test, tlb_backend.calls, 2);
	tlb_backend.err = -EPROTO;
	KUNIT_EXPECT_EQ(test, inval_present(tlb_inval), -EPROTO);

	tlb_backend.err = -ENODEV;
	xe_tlb_inval_set_clean(tlb_inval, false);
	KUNIT_EXPECT_EQ(test, inval_present(tlb_inval), -ENODEV);
	KUNIT_EXPECT_TRUE(test, list_empty(&tlb_inval->pending_fences));
}

/* On its way when the device stops: the halt signals it */
static void test_pending(struct kunit *test)
{
	struct xe_tlb_inval *tlb_inval = test->priv;
	struct xe_tlb_inval_fence fence;

	xe_tlb_inval_fence_init(tlb_inval, &fence, true);
	KUNIT_EXPECT_EQ(test, xe_tlb_inval_all(tlb_inval, &fence), 0);
	KUNIT_EXPECT_EQ(test, tlb_backend.calls, 1);
	KUNIT_EXPECT_FALSE(test, dma_fence_is_signaled(&fence.base));

	xe_tlb_inval_reset(tlb_inval);
	KUNIT_EXPECT_TRUE(test, dma_fence_is_signaled(&fence.base));
	cancel_delayed_work_sync(&tlb_inval->fence_tdr);
}

/* Registers that read all ones are not enough: it may still look at memory */
static void test_dead(struct kunit *test)
{
	struct xe_tlb_inval *tlb_inval = test->priv;
	struct xe_tlb_inval_fence first, second;

	xe_tlb_inval_fence_init(tlb_inval, &first, true);
	KUNIT_EXPECT_EQ(test, xe_tlb_inval_all(tlb_inval, &first), 0);

	WRITE_ONCE(tlb_inval->xe->unplug.dead, true);
	kunit_activate_static_stub(test, xe_unplug_present, fake_present);
	xe_tlb_inval_pulled(tlb_inval);
	KUNIT_EXPECT_FALSE(test, dma_fence_is_signaled(&first.base));

	kunit_activate_static_stub(test, xe_unplug_present, fake_absent);
	xe_tlb_inval_pulled(tlb_inval);
	KUNIT_EXPECT_TRUE(test, dma_fence_is_signaled(&first.base));

	xe_tlb_inval_fence_init(tlb_inval, &second, true);
	KUNIT_EXPECT_EQ(test, xe_tlb_inval_all(tlb_inval, &second), 0);
	KUNIT_EXPECT_TRUE(test, dma_fence_is_signaled(&second.base));
	KUNIT_EXPECT_EQ(test, tlb_backend.calls, 1);
	cancel_delayed_work_sync(&tlb_inval->fence_tdr);
}

static struct kunit_case tlb_test_cases[] = {
	KUNIT_CASE(test_stopped),
	KUNIT_CASE(test_closing),
	KUNIT_CASE(test_clean),
	KUNIT_CASE(test_pending),
	KUNIT_CASE(test_dead),
	{}
};

VISIBLE_IF_KUNIT
struct kunit_suite xe_tlb_inval_test_suite = {
	.name = "xe_tlb_inval",
	.test_cases = tlb_test_cases,
	.init = tlb_test_init,
};
EXPORT_SYMBOL_IF_KUNIT(xe_tlb_inval_test_suite);
