// SPDX-License-Identifier: MIT

#include <linux/delay.h>
#include <linux/device.h>
#include <linux/dma-fence.h>
#include <linux/workqueue.h>

#include <drm/drm_syncobj.h>

#include "tests/xe_unplug_fence_kunit.h"

#include "xe_devcoredump.h"
#include "xe_exec_queue_types.h"
#include "xe_preempt_fence.h"
#include "xe_sync.h"
#include "xe_sync_types.h"
#include "xe_vm_types.h"

/* What others wait for, and what waits for others, when the device goes */

#define DUMP_MS		50

KUNIT_DEFINE_ACTION_WRAPPER(destroy_wq, destroy_workqueue, struct workqueue_struct *);

static struct workqueue_struct *new_wq(struct kunit *test)
{
	struct workqueue_struct *wq = alloc_ordered_workqueue("xe-test", 0);

	KUNIT_ASSERT_NOT_NULL(test, wq);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, destroy_wq, wq), 0);

	return wq;
}

static int fence_test_init(struct kunit *test)
{
	struct xe_device *xe;

	xe_kunit_helper_xe_device_test_init(test);
	xe = test->priv;
	init_waitqueue_head(&xe->ufence_wq);
	KUNIT_ASSERT_EQ(test, xe_unplug_init(xe), 0);
	xe->ordered_wq = new_wq(test);
	xe->preempt_fence_wq = new_wq(test);

	return 0;
}

static const char *fence_name(struct dma_fence *fence)
{
	return "fake";
}

static const struct dma_fence_ops bind_fence_ops = {
	.get_driver_name = fence_name,
	.get_timeline_name = fence_name,
};

/* A bind with a user fence ends with @err; returns what the user reads then */
static u64 bound(struct kunit *test, int err, bool gone)
{
	struct drm_xe_sync args = {
		.type = DRM_XE_SYNC_TYPE_USER_FENCE,
		.flags = DRM_XE_SYNC_FLAG_SIGNAL,
		.timeline_value = 1,
	};
	struct xe_device *xe = test->priv;
	struct xe_sync_entry sync = {};
	struct dma_fence *fence = kzalloc(sizeof(*fence), GFP_KERNEL);
	struct drm_syncobj *syncobj;
	unsigned long addr, end;
	u64 value = 0;
	spinlock_t lock; /* of the fence */

	KUNIT_ASSERT_NOT_NULL(test, fence);
	addr = process_page(test);
	KUNIT_ASSERT_EQ(test, put_user(value, (u64 __user *)addr), 0);
	args.addr = addr;
	KUNIT_ASSERT_EQ(test, copy_to_user((void __user *)(addr + SZ_1K), &args, sizeof(args)), 0);
	KUNIT_ASSERT_EQ(test, drm_syncobj_create(&syncobj, 0, NULL), 0);
	KUNIT_ASSERT_EQ(test, xe_kunit_helper_sync_parse(xe, &sync, (void __user *)(addr + SZ_1K),
							 syncobj), 0);

	spin_lock_init(&lock);
	dma_fence_init(fence, &bind_fence_ops, &lock, dma_fence_context_alloc(1), 1);
	xe_sync_entry_signal(&sync, fence);

	WRITE_ONCE(xe->unplug.gone, gone);
	if (err)
		dma_fence_set_error(fence, err);
	dma_fence_signal(fence);
	/* A fence chain signals from an interrupt, and that from the next tick */
	end = jiffies + DEADLINE;
	while (!xe_sync_ufence_get_status(sync.ufence) && time_before(jiffies, end))
		msleep(20);
	flush_workqueue(xe->ordered_wq);

	KUNIT_EXPECT_EQ(test, get_user(value, (u64 __user *)addr), 0);
	KUNIT_EXPECT_EQ(test, xe_sync_ufence_get_status(sync.ufence), 1);
	xe_sync_entry_cleanup(&sync);
	drm_syncobj_put(syncobj);
	dma_fence_put(fence);
	synchronize_rcu();

	return value;
}

/* Lost work is not done, and its user fence says so */
static void test_bind_lost(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, bound(test, -ENODEV, true), 0);
}

static void test_bind_done(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, bound(test, 0, true), 1);
}

/* What failed for other reasons is signalled as ever */
static void test_bind_failed(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, bound(test, -ENODEV, false), 1);
}

/* What the backend of a queue says to a preempt fence */
static struct {
	int suspend, suspend_wait;
	bool reset;
} queue_says;

static int fake_suspend(struct xe_exec_queue *q)
{
	return queue_says.suspend;
}

static int fake_suspend_wait(struct xe_exec_queue *q)
{
	return queue_says.suspend_wait;
}

static bool fake_reset_status(struct xe_exec_queue *q)
{
	return queue_says.reset;
}

static const struct xe_exec_queue_ops fake_queue_ops = {
	.suspend = fake_suspend,
	.suspend_wait = fake_suspend_wait,
	.reset_status = fake_reset_status,
};

static void no_rebind(struct work_struct *work)
{
}

/* Somebody wants a queue to stop; returns what the fence ends with */
static int preempted(struct kunit *test)
{
	struct xe_device *xe = test->priv;
	struct xe_exec_queue *q;
	struct dma_fence *fence;
	struct xe_vm *vm;
	int status;

	vm = kunit_kzalloc(test, sizeof(*vm), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, vm);
	vm->xe = xe;
	vm->flags = XE_VM_FLAG_LR_MODE;
	INIT_WORK(&vm->preempt.rebind_work, no_rebind);

	q = kunit_kzalloc(test, sizeof(*q), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, q);
	kref_init(&q->refcount);
	q->ops = &fake_queue_ops;
	q->gt = xe_device_get_gt(xe, 0);
	q->vm = vm;

	fence = xe_preempt_fence_create(q, dma_fence_context_alloc(1), 1);
	KUNIT_ASSERT_FALSE(test, IS_ERR(fence));
	KUNIT_EXPECT_GT(test, dma_fence_wait_timeout(fence, false, DEADLINE), 0);
	flush_workqueue(xe->preempt_fence_wq);
	flush_workqueue(xe->ordered_wq);

	status = dma_fence_get_status(fence);
	KUNIT_EXPECT_EQ(test, kref_read(&q->refcount), 1);
	dma_fence_put(fence);
	synchronize_rcu();

	return status;
}

static void preempted_both(struct kunit *test, int there, int gone)
{
	struct xe_device *xe = test->priv;

	KUNIT_EXPECT_EQ(test, preempted(test), there);
	WRITE_ONCE(xe->unplug.gone, true);
	KUNIT_EXPECT_EQ(test, preempted(test), gone);
}

/* The queue was killed before or while it was asked to stop, or did not stop */
static void test_preempt_killed(struct kunit *test)
{
	memset(&queue_says, 0, sizeof(queue_says));
	queue_says.suspend = -EINVAL;
	preempted_both(test, -EINVAL, -ENODEV);
}

static void test_preempt_reset(struct kunit *test)
{
	memset(&queue_says, 0, sizeof(queue_says));
	queue_says.reset = true;
	preempted_both(test, -ENOENT, -ENODEV);
}

static void test_preempt_late(struct kunit *test)
{
	memset(&queue_says, 0, sizeof(queue_says));
	queue_says.suspend_wait = -ETIME;
	preempted_both(test, -ETIME, -ENODEV);
}

static void test_preempt_done(struct kunit *test)
{
	memset(&queue_says, 0, sizeof(queue_says));
	preempted_both(test, 1, 1);
}

static bool dumped;

static void slow_dump(struct work_struct *work)
{
	msleep(DUMP_MS);
	WRITE_ONCE(dumped, true);
}

/* It must not come out when the driver has left */
static void test_dump_waits(struct kunit *test)
{
	struct xe_device *xe = test->priv;
	struct device *dev = xe->drm.dev;
	struct work_struct *work;
	void *group;

	if (!IS_ENABLED(CONFIG_DEV_COREDUMP))
		kunit_skip(test, "needs CONFIG_DEV_COREDUMP");

	group = devres_open_group(dev, NULL, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, group);
	KUNIT_EXPECT_EQ(test, xe_devcoredump_init(xe), 0);
	devres_close_group(dev, group);

	work = &xe->devcoredump.snapshot.work;
	KUNIT_EXPECT_NOT_NULL(test, work->func);
	INIT_WORK(work, slow_dump);
	dumped = false;
	queue_work(system_unbound_wq, work);

	/* What unbind does */
	devres_release_group(dev, group);
	KUNIT_EXPECT_TRUE(test, READ_ONCE(dumped));
	flush_work(work);
}

static struct kunit_case fence_test_cases[] = {
	KUNIT_CASE(test_bind_lost),
	KUNIT_CASE(test_bind_done),
	KUNIT_CASE(test_bind_failed),
	KUNIT_CASE(test_preempt_killed),
	KUNIT_CASE(test_preempt_reset),
	KUNIT_CASE(test_preempt_late),
	KUNIT_CASE(test_preempt_done),
	KUNIT_CASE(test_dump_waits),
	{}
};

VISIBLE_IF_KUNIT
struct kunit_suite xe_unplug_fence_test_suite = {
	.name = "xe_unplug_fence",
	.test_cases = fence_test_cases,
	.init = fence_test_init,
};
EXPORT_SYMBOL_IF_KUNIT(xe_unplug_fence_test_suite);
