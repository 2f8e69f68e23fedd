// SPDX-License-Identifier: MIT

#include <linux/completion.h>
#include <linux/dma-fence.h>
#include <linux/dma-mapping.h>
#include <linux/dma-resv.h>
#include <linux/file.h>
#include <linux/jiffies.h>
#include <linux/workqueue.h>

#include <drm/drm_prime.h>

#include "tests/xe_bo_unplug_kunit.h"

static void export(struct kunit *test, bool handle)
{
	struct xe_bo_unplug_stats stats;
	struct xe_bo *bo = new_bo(test);
	struct dma_buf *buf, *other;

	buf = xe_gem_prime_export(&bo->ttm.base, 0);
	KUNIT_ASSERT_FALSE(test, IS_ERR(buf));
	/* GEM does that, and undoes it with the last handle */
	if (handle)
		bo->ttm.base.dma_buf = buf;

	/* GEM can forget the first one and ask for another */
	other = xe_gem_prime_export(&bo->ttm.base, 0);
	KUNIT_ASSERT_FALSE(test, IS_ERR(other));

	unplug(test->priv, &stats);
	KUNIT_EXPECT_EQ(test, stats.freed, 0);
	KUNIT_EXPECT_EQ(test, stats.kept, 1);
	KUNIT_EXPECT_TRUE(test, has_content(bo));

	bo->ttm.base.dma_buf = NULL;
	dma_buf_put(buf);
	flush_delayed_fput();
	KUNIT_EXPECT_TRUE(test, xe_bo_is_exported(bo));
	KUNIT_EXPECT_TRUE(test, has_content(bo));

	dma_buf_put(other);
	flush_delayed_fput();
	KUNIT_EXPECT_FALSE(test, xe_bo_is_exported(bo));
	expect_dropped(test, bo);

	xe_bo_put(bo);
}

static void test_exported(struct kunit *test)
{
	export(test, true);
}

static void test_exported_no_handle(struct kunit *test)
{
	export(test, false);
}

static void test_imported(struct kunit *test)
{
	struct xe_device *xe = test->priv;
	struct dma_buf *buf = fake_export(test);
	struct xe_bo_unplug_stats stats;
	struct drm_gem_object *obj;
	struct xe_bo *bo;

	obj = import(xe, buf);
	KUNIT_ASSERT_FALSE(test, IS_ERR(obj));
	bo = gem_to_xe_bo(obj);

	xe_bo_lock(bo, false);
	KUNIT_EXPECT_EQ(test, xe_kunit_helper_bo_validate(bo), 0);
	KUNIT_EXPECT_PTR_EQ(test, bo->ttm.sg, &fake.sgt);
	xe_bo_unlock(bo);
	KUNIT_EXPECT_GT(test, atomic_read(&fake.imports), 0);

	unplug(xe, &stats);
	KUNIT_EXPECT_FALSE(test, stats.attached);
	KUNIT_EXPECT_EQ(test, atomic_read(&fake.imports), 0);
	KUNIT_EXPECT_NULL(test, obj->import_attach);
	KUNIT_EXPECT_NULL(test, bo->ttm.sg);

	/* Nobody may make a new one */
	xe_bo_lock(bo, false);
	KUNIT_EXPECT_EQ(test, xe_kunit_helper_bo_validate(bo), -ENODEV);
	xe_bo_unlock(bo);
	KUNIT_EXPECT_EQ(test, PTR_ERR_OR_ZERO(import(xe, buf)), -ENODEV);
	KUNIT_EXPECT_EQ(test, atomic_read(&fake.imports), 0);

	xe_bo_put(bo);
	flush_workqueue(xe->ttm.wq);
	KUNIT_EXPECT_EQ(test, atomic_read(&fake.imports), 0);
	dma_buf_put(buf);
	flush_delayed_fput();
}

/* What the import is when the worker gets to it, for a moment or for good */
static struct xe_bo *new_import(struct kunit *test, struct dma_buf *buf)
{
	struct drm_gem_object *obj = import(test->priv, buf);
	struct xe_bo *bo;

	KUNIT_ASSERT_FALSE(test, IS_ERR(obj));
	bo = gem_to_xe_bo(obj);
	xe_bo_lock(bo, false);
	KUNIT_EXPECT_EQ(test, xe_kunit_helper_bo_validate(bo), 0);
	xe_bo_unlock(bo);
	KUNIT_EXPECT_GT(test, atomic_read(&fake.imports), 0);

	return bo;
}

/* Somebody looks at its pages */
static void test_imported_locked(struct kunit *test)
{
	struct xe_device *xe = test->priv;
	struct dma_buf *buf = fake_export(test);
	struct xe_bo *bo = new_import(test, buf);
	struct xe_bo_unplug_stats stats;

	xe_bo_lock(bo, false);
	unplug(xe, &stats);
	KUNIT_EXPECT_TRUE(test, stats.attached);
	KUNIT_EXPECT_PTR_EQ(test, bo->ttm.sg, &fake.sgt);
	xe_bo_unlock(bo);

	flush_work(&xe->bos.detach);
	KUNIT_EXPECT_EQ(test, atomic_read(&fake.imports), 0);

	xe_bo_put(bo);
	flush_workqueue(xe->ttm.wq);
	dma_buf_put(buf);
	flush_delayed_fput();
}

/* Others got it back before */
static void test_imported_detached(struct kunit *test)
{
	struct xe_device *xe = test->priv;
	struct dma_buf *buf = fake_export(test);
	struct xe_bo *bo = new_import(test, buf);
	struct dma_buf_attachment *attach = bo->ttm.base.import_attach;
	struct xe_bo_unplug_stats stats;

	bo->ttm.base.import_attach = NULL;
	unplug(xe, &stats);
	KUNIT_EXPECT_FALSE(test, stats.attached);
	KUNIT_EXPECT_FALSE(test, mutex_is_locked(&xe->drm.object_name_lock));

	bo->ttm.base.import_attach = attach;
	xe_bo_put(bo);
	flush_workqueue(xe->ttm.wq);
	KUNIT_EXPECT_EQ(test, atomic_read(&fake.imports), 0);
	dma_buf_put(buf);
	flush_delayed_fput();
}

struct changes_hands {
	struct delayed_work work;
	struct xe_bo *bo;
};

static void new_owner(struct work_struct *work)
{
	struct changes_hands *c = container_of(work, typeof(*c), work.work);

	kref_init(&c->bo->ttm.kref);
}

/* Nobody has a reference for a moment: looked at again, until somebody does */
static void test_imported_changes_hands(struct kunit *test)
{
	struct xe_device *xe = test->priv;
	struct dma_buf *buf = fake_export(test);
	struct xe_bo_unplug_stats stats;
	struct changes_hands *c;

	c = kunit_kzalloc(test, sizeof(*c), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, c);
	c->bo = new_import(test, buf);
	INIT_DELAYED_WORK(&c->work, new_owner);

	refcount_set(&c->bo->ttm.kref.refcount, 0);
	schedule_delayed_work(&c->work, msecs_to_jiffies(20));
	unplug(xe, &stats);
	flush_delayed_work(&c->work);
	flush_work(&xe->bos.detach);
	KUNIT_EXPECT_EQ(test, atomic_read(&fake.imports), 0);
	KUNIT_EXPECT_NULL(test, c->bo->ttm.base.import_attach);

	xe_bo_put(c->bo);
	flush_workqueue(xe->ttm.wq);
	dma_buf_put(buf);
	flush_delayed_fput();
}

/* The GPU was to fill it, and did not get to that: @err, or never at all */
static void unfilled(struct kunit *test, int err)
{
	struct xe_bo_unplug_stats stats;
	struct xe_bo *bo = new_bo(test);
	struct dma_fence *fence;
	struct dma_buf *buf;
	spinlock_t lock; /* of the fence */

	fence = fake_fence(test, &lock);
	bo->filled = dma_fence_get(fence);
	buf = xe_gem_prime_export(&bo->ttm.base, 0);
	KUNIT_ASSERT_FALSE(test, IS_ERR(buf));

	if (err <= 0) {
		if (err)
			dma_fence_set_error(fence, err);
		dma_fence_signal(fence);
	}

	unplug(test->priv, &stats);
	KUNIT_EXPECT_EQ(test, stats.lost, err ? 1 : 0);
	KUNIT_EXPECT_EQ(test, stats.kept, err ? 0 : 1);
	KUNIT_EXPECT_EQ(test, has_content(bo), !err);

	if (err > 0)
		dma_fence_signal(fence);
	dma_buf_put(buf);
	flush_delayed_fput();
	xe_bo_put(bo);
	flush_workqueue(((struct xe_device *)test->priv)->ttm.wq);
	KUNIT_EXPECT_EQ(test, kref_read(&fence->refcount), 1);
	dma_fence_put(fence);
	synchronize_rcu();
}

static void test_filled(struct kunit *test)
{
	unfilled(test, 0);
}

static void test_unfilled(struct kunit *test)
{
	unfilled(test, -ENODEV);
}

static void test_not_filled_yet(struct kunit *test)
{
	unfilled(test, 1);
}

/* Closed before the unplug, but its exporter's GPU is still at work on it */
static void test_imported_closed(struct kunit *test)
{
	struct xe_device *xe = test->priv;
	struct dma_buf *buf = fake_export(test);
	struct xe_bo_unplug_stats stats;
	struct drm_gem_object *obj;
	struct dma_fence *fence;
	unsigned int refs = kref_read(&xe->drm.ref);
	spinlock_t lock; /* of the fence */
	struct xe_bo *bo;

	fence = fake_fence(test, &lock);
	obj = import(xe, buf);
	KUNIT_ASSERT_FALSE(test, IS_ERR(obj));
	bo = gem_to_xe_bo(obj);

	xe_bo_lock(bo, false);
	KUNIT_EXPECT_EQ(test, xe_kunit_helper_bo_validate(bo), 0);
	KUNIT_EXPECT_EQ(test, dma_resv_reserve_fences(obj->resv, 1), 0);
	dma_resv_add_fence(obj->resv, fence, DMA_RESV_USAGE_WRITE);
	xe_bo_unlock(bo);

	xe_bo_put(bo);
	KUNIT_EXPECT_GT(test, atomic_read(&fake.imports), 0);

	unplug(xe, &stats);
	KUNIT_EXPECT_FALSE(test, stats.attached);
	KUNIT_EXPECT_EQ(test, atomic_read(&fake.imports), 0);
	KUNIT_EXPECT_TRUE(test, list_empty(&buf->attachments));
	/* TTM waits, and keeps the device until then, but not the removal */
	KUNIT_EXPECT_TRUE(test, work_busy(&xe->bos.detach));

	dma_fence_signal(fence);
	dma_fence_put(fence);
	flush_work(&xe->bos.detach);
	flush_workqueue(xe->ttm.wq);
	KUNIT_EXPECT_EQ(test, atomic_read(&fake.imports), 0);
	KUNIT_EXPECT_EQ(test, kref_read(&xe->drm.ref), refs);
	dma_buf_put(buf);
	flush_delayed_fput();
	synchronize_rcu();
}

static void fake_moved(struct dma_buf_attachment *attach)
{
	atomic_inc(attach->importer_priv);
}

/* No peer; who is told. By position, as bases call the latter differently */
static const struct dma_buf_attach_ops fake_import_ops = { false, fake_moved };

/* As xe does for a VM that faults. It gives up some time, or so would the test */
static void fake_moved_idle(struct dma_buf_attachment *attach)
{
	dma_resv_wait_timeout(attach->dmabuf->resv, DMA_RESV_USAGE_BOOKKEEP, false,
			      msecs_to_jiffies(20 * XE_BO_UNPLUG_MS));
	fake_moved(attach);
}

static const struct dma_buf_attach_ops fake_idle_ops = { false, fake_moved_idle };

/* The GPU did not get to it; returns a reference to the fence of that */
static struct dma_fence *lost_fill(struct kunit *test, struct xe_bo *bo,
				   spinlock_t *lock)
{
	struct dma_fence *fence = fake_fence(test, lock);

	bo->filled = dma_fence_get(fence);
	dma_fence_set_error(fence, -ENODEV);
	dma_fence_signal(fence);

	return fence;
}

/* Export it, and import it as a device does that is told of moves */
static struct dma_buf_attachment *share_with(struct kunit *test, struct xe_bo *bo,
					     const struct dma_buf_attach_ops *ops, atomic_t *told)
{
	struct xe_device *xe = test->priv;
	struct dma_buf_attachment *attach;
	struct dma_buf *buf;

	buf = xe_gem_prime_export(&bo->ttm.base, 0);
	KUNIT_ASSERT_FALSE(test, IS_ERR(buf));
	attach = dma_buf_dynamic_attach(buf, xe->drm.dev, ops, told);
	KUNIT_ASSERT_FALSE(test, IS_ERR(attach));

	return attach;
}

static struct dma_buf_attachment *share(struct kunit *test, struct xe_bo *bo, atomic_t *told)
{
	return share_with(test, bo, &fake_import_ops, told);
}

static void unshare(struct dma_buf_attachment *attach)
{
	struct dma_buf *buf = attach->dmabuf;

	dma_buf_detach(buf, attach);
	dma_buf_put(buf);
	flush_delayed_fput();
}

/* Who imported what the GPU did not get to is told to let go of it */
static void test_unfilled_revoked(struct kunit *test)
{
	struct xe_device *xe = test->priv;
	struct dma_buf_attachment *attach;
	struct xe_bo_unplug_stats stats;
	struct xe_bo *bo = new_bo(test);
	atomic_t told = ATOMIC_INIT(0);
	struct dma_fence *fence;
	spinlock_t lock; /* of the fence */

	fence = lost_fill(test, bo, &lock);
	attach = share(test, bo, &told);

	unplug(xe, &stats);
	KUNIT_EXPECT_EQ(test, stats.lost, 1);
	KUNIT_EXPECT_EQ(test, atomic_read(&told), 1);

	unshare(attach);
	dma_fence_put(fence);
	xe_bo_put(bo);
	flush_workqueue(xe->ttm.wq);
	synchronize_rcu();
}

static void use(struct kunit *test, struct xe_bo *bo, struct dma_fence *fence)
{
	xe_bo_lock(bo, false);
	KUNIT_EXPECT_EQ(test, dma_resv_reserve_fences(bo->ttm.base.resv, 1), 0);
	dma_resv_add_fence(bo->ttm.base.resv, fence, DMA_RESV_USAGE_BOOKKEEP);
	xe_bo_unlock(bo);
}

/* The same, but a third party works with it, and an importer waits for that or not */
static void revoke_used(struct kunit *test, const struct dma_buf_attach_ops *ops, bool waits)
{
	struct xe_device *xe = test->priv;
	struct dma_buf_attachment *attach;
	struct xe_bo_unplug_stats stats;
	struct xe_bo *bo = new_bo(test);
	struct dma_fence *fence, *foreign;
	unsigned int refs = kref_read(&xe->drm.ref);
	atomic_t told = ATOMIC_INIT(0);
	ktime_t begin = ktime_get();
	spinlock_t locks[2]; /* of the fences */

	fence = lost_fill(test, bo, &locks[0]);
	foreign = fake_fence(test, &locks[1]);
	use(test, bo, foreign);
	attach = share_with(test, bo, ops, &told);

	unplug(xe, &stats);
	KUNIT_EXPECT_LT(test, ktime_ms_delta(ktime_get(), begin), 4 * XE_BO_UNPLUG_MS);
	KUNIT_EXPECT_EQ(test, stats.lost, 1);
	KUNIT_EXPECT_EQ(test, atomic_read(&told), waits ? 0 : 1);

	dma_fence_signal(foreign);
	flush_work(&xe->bos.retry);
	KUNIT_EXPECT_EQ(test, atomic_read(&told), 1);
	/* If the removal saw the worker end, it took that */
	KUNIT_EXPECT_EQ(test, completion_done(&xe->bos.retried), waits);
	expect_dropped(test, bo);
	flush_work(&xe->bos.detach);

	unshare(attach);
	KUNIT_EXPECT_EQ(test, kref_read(&xe->drm.ref), refs);
	dma_fence_put(foreign);
	dma_fence_put(fence);
	xe_bo_put(bo);
	flush_workqueue(xe->ttm.wq);
	synchronize_rcu();
}

static void test_used_revoked(struct kunit *test)
{
	revoke_used(test, &fake_import_ops, false);
}

static void test_used_revoked_waits(struct kunit *test)
{
	revoke_used(test, &fake_idle_ops, true);
}

static void test_unfilled_page(struct kunit *test)
{
	struct xe_bo *bo = new_bo(test);
	struct dma_fence *fence;
	spinlock_t lock; /* of the fence */

	fence = lost_fill(test, bo, &lock);

	lost_page(test, bo);

	flush_workqueue(((struct xe_device *)test->priv)->ttm.wq);
	dma_fence_put(fence);
	synchronize_rcu();
}

static bool evictable(struct xe_bo *bo)
{
	struct ttm_place place = { .mem_type = bo->ttm.resource->mem_type };

	return bo->ttm.bdev->funcs->eviction_valuable(&bo->ttm, &place);
}

/* Importers map what stays where it is, and no move tells them to let go */
static void test_exported_evicted(struct kunit *test)
{
	struct xe_bo_unplug_stats stats;
	struct xe_bo *bo = new_bo(test);
	struct dma_buf *buf;

	/* A move looks at it, and not all bases make it for all drivers */
	drm_gem_gpuva_init(&bo->ttm.base);

	buf = xe_gem_prime_export(&bo->ttm.base, 0);
	KUNIT_ASSERT_FALSE(test, IS_ERR(buf));

	xe_bo_lock(bo, false);
	evict(test, bo);
	KUNIT_EXPECT_TRUE(test, evictable(bo));
	xe_bo_unlock(bo);

	unplug(test->priv, &stats);
	KUNIT_EXPECT_EQ(test, stats.kept, 1);
	KUNIT_EXPECT_TRUE(test, has_content(bo));

	xe_bo_lock(bo, false);
	KUNIT_EXPECT_EQ(test, bo->ttm.resource->mem_type, XE_PL_SYSTEM);
	KUNIT_EXPECT_FALSE(test, evictable(bo));
	xe_bo_unlock(bo);

	dma_buf_put(buf);
	flush_delayed_fput();
	xe_bo_put(bo);
}

/* Who imported it, and maps it only when its device has gone, gets what is there */
static void map_late(struct kunit *test, bool evicted)
{
	struct xe_device *xe = test->priv;
	struct dma_buf_attachment *attach;
	struct xe_bo_unplug_stats stats;
	struct xe_bo *bo = new_bo(test);
	atomic_t told = ATOMIC_INIT(0);
	struct sg_table *sgt;

	/* As above */
	drm_gem_gpuva_init(&bo->ttm.base);
	dma_coerce_mask_and_coherent(xe->drm.dev, DMA_BIT_MASK(64));
	attach = share(test, bo, &told);
	if (evicted) {
		xe_bo_lock(bo, false);
		evict(test, bo);
		xe_bo_unlock(bo);
		/* Of any move, though GEM knows of no export without a handle */
		KUNIT_EXPECT_EQ(test, atomic_read(&told), 1);
	}

	unplug(xe, &stats);
	KUNIT_EXPECT_EQ(test, stats.kept, 1);

	sgt = dma_buf_map_attachment_unlocked(attach, DMA_BIDIRECTIONAL);
	KUNIT_EXPECT_EQ(test, PTR_ERR_OR_ZERO(sgt), 0);
	if (!IS_ERR(sgt))
		dma_buf_unmap_attachment_unlocked(attach, sgt, DMA_BIDIRECTIONAL);
	KUNIT_EXPECT_TRUE(test, has_content(bo));

	unshare(attach);
	xe_bo_put(bo);
	flush_workqueue(xe->ttm.wq);
}

static void test_exported_mapped_late(struct kunit *test)
{
	map_late(test, false);
}

static void test_exported_mapped_late_evicted(struct kunit *test)
{
	map_late(test, true);
}

static struct kunit_case shared_test_cases[] = {
	KUNIT_CASE(test_exported),
	KUNIT_CASE(test_exported_no_handle),
	KUNIT_CASE(test_exported_evicted),
	KUNIT_CASE(test_exported_mapped_late),
	KUNIT_CASE(test_exported_mapped_late_evicted),
	KUNIT_CASE(test_imported),
	KUNIT_CASE(test_imported_closed),
	KUNIT_CASE(test_imported_locked),
	KUNIT_CASE(test_imported_detached),
	KUNIT_CASE(test_imported_changes_hands),
	KUNIT_CASE(test_filled),
	KUNIT_CASE(test_unfilled),
	KUNIT_CASE(test_unfilled_revoked),
	KUNIT_CASE(test_used_revoked),
	KUNIT_CASE(test_used_revoked_waits),
	KUNIT_CASE(test_unfilled_page),
	KUNIT_CASE(test_not_filled_yet),
	{}
};

VISIBLE_IF_KUNIT
struct kunit_suite xe_bo_unplug_shared_test_suite = {
	.name = "xe_bo_unplug_shared",
	.test_cases = shared_test_cases,
	.init = unplug_test_init,
};
EXPORT_SYMBOL_IF_KUNIT(xe_bo_unplug_shared_test_suite);
