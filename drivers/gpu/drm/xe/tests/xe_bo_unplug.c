// SPDX-License-Identifier: MIT

#include <kunit/static_stub.h>
#include <kunit/test.h>
#include <kunit/test-bug.h>
#include <kunit/visibility.h>

#include <linux/delay.h>
#include <linux/dma-buf.h>
#include <linux/dma-fence.h>
#include <linux/dma-resv.h>
#include <linux/file.h>
#include <linux/highmem.h>

#include <drm/drm_drv.h>
#include <drm/drm_managed.h>
#include <drm/drm_prime.h>
#include <drm/ttm/ttm_tt.h>

#include "tests/xe_kunit_helpers.h"
#include "tests/xe_pci_test.h"

#include "xe_bo.h"
#include "xe_bo_unplug.h"
#include "xe_device.h"
#include "xe_dma.h"
#include "xe_dma_buf.h"
#include "xe_map.h"
#include "xe_unplug.h"

#define BO_PAGES	4
#define BO_SIZE		(BO_PAGES * PAGE_SIZE)
#define PATTERN		0x5a

/* Shared with the stubs of the DMA API, which know the test only */
static struct {
	/* mappings that were made and not undone */
	atomic_t live;
	/* calls so far, and the one that fails, counted from 1, 0 for none */
	unsigned int calls, fail_at;
	/* what the fake exporter has mapped for us */
	atomic_t imports;
	/* pages of the fake exporter, none needed */
	struct sg_table sgt;
} fake;

static int fake_raw_map(struct device *dev, struct sg_table *sgt,
			enum dma_data_direction dir, unsigned long attrs)
{
	if (++fake.calls == fake.fail_at)
		return -EIO;

	atomic_inc(&fake.live);
	return 0;
}

static void fake_raw_unmap(struct device *dev, struct sg_table *sgt,
			   enum dma_data_direction dir)
{
	atomic_dec(&fake.live);
}

/* An export asks the driver for its owner, and that of KUnit has no files */
static const struct file_operations fake_fops;
static const struct drm_driver fake_driver = {
	.driver_features = DRIVER_GEM,
	.fops = &fake_fops,
};

static void fini(struct drm_device *drm, void *arg)
{
	struct xe_device *xe = arg;

	xe_dma_gate_fini(&xe->dma);
}

static int unplug_test_init(struct kunit *test)
{
	struct xe_device *xe;

	memset(&fake, 0, sizeof(fake));

	xe_kunit_helper_xe_device_test_init(test);
	xe = test->priv;
	xe->drm.driver = &fake_driver;

	kunit_activate_static_stub(test, xe_dma_raw_map, fake_raw_map);
	kunit_activate_static_stub(test, xe_dma_raw_unmap, fake_raw_unmap);

	KUNIT_ASSERT_EQ(test, xe_unplug_init(xe), 0);
	KUNIT_ASSERT_EQ(test, xe_dma_gate_init(&xe->dma, xe->drm.dev), 0);
	xe_bo_list_init(xe);
	KUNIT_ASSERT_EQ(test, drmm_add_action_or_reset(&xe->drm, fini, xe), 0);
	KUNIT_ASSERT_EQ(test, xe_kunit_helper_bo_init(xe), 0);

	return 0;
}

/* What the removal does, with a device that has nothing to stop */
static void unplug(struct xe_device *xe, struct xe_bo_unplug_stats *stats)
{
	memset(stats, 0, sizeof(*stats));
	WRITE_ONCE(xe->unplug.gone, true);
	WRITE_ONCE(xe->unplug.stopped, true);
	xe_unplug_wait(xe);
	xe_dma_gate_close(&xe->dma, NULL);
	xe_map_close(xe);
	xe_bo_unplug_drop(xe, stats);
}

static struct xe_bo *create(struct xe_device *xe)
{
	return xe_kunit_helper_bo_create(xe, BO_SIZE);
}

static struct xe_bo *new_bo(struct kunit *test)
{
	struct xe_bo *bo = create(test->priv);
	void *page;

	KUNIT_ASSERT_FALSE(test, IS_ERR(bo));
	KUNIT_ASSERT_TRUE(test, ttm_tt_is_populated(bo->ttm.ttm));

	page = kmap_local_page(bo->ttm.ttm->pages[BO_PAGES - 1]);
	memset(page, PATTERN, PAGE_SIZE);
	kunmap_local(page);

	return bo;
}

static bool has_content(struct xe_bo *bo)
{
	bool same;
	void *page;

	if (!ttm_tt_is_populated(bo->ttm.ttm))
		return false;

	page = kmap_local_page(bo->ttm.ttm->pages[BO_PAGES - 1]);
	same = !memchr_inv(page, PATTERN, PAGE_SIZE);
	kunmap_local(page);

	return same;
}

static void expect_dropped(struct kunit *test, struct xe_bo *bo)
{
	KUNIT_EXPECT_FALSE(test, ttm_tt_is_populated(bo->ttm.ttm));
	KUNIT_ASSERT_NOT_NULL(test, bo->ttm.resource);
	KUNIT_EXPECT_EQ(test, bo->ttm.resource->mem_type, XE_PL_SYSTEM);
}

static void test_drop(struct kunit *test)
{
	struct xe_bo_unplug_stats stats;
	struct xe_bo *bo = new_bo(test);

	KUNIT_EXPECT_EQ(test, atomic_read(&fake.live), 1);
	unplug(test->priv, &stats);

	KUNIT_EXPECT_EQ(test, atomic_read(&fake.live), 0);
	KUNIT_EXPECT_EQ(test, stats.freed, BO_PAGES);
	KUNIT_EXPECT_EQ(test, stats.kept, 0);
	KUNIT_EXPECT_EQ(test, stats.busy, 0);
	expect_dropped(test, bo);

	xe_bo_put(bo);
}

static void test_drop_many(struct kunit *test)
{
	const unsigned int num = 1000;
	struct xe_bo_unplug_stats stats;
	struct xe_bo **bos;
	unsigned int i;

	bos = kunit_kcalloc(test, num, sizeof(*bos), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, bos);
	for (i = 0; i < num; i++)
		bos[i] = new_bo(test);
	/* Mapped ones in between must not end the walk */
	for (i = 0; i < num; i += 10)
		atomic_inc(&bos[i]->cpu_maps);

	unplug(test->priv, &stats);
	KUNIT_EXPECT_EQ(test, stats.freed, (num - num / 10) * BO_PAGES);
	KUNIT_EXPECT_EQ(test, stats.kept, num / 10);
	KUNIT_EXPECT_EQ(test, stats.kept_pages, num / 10 * BO_PAGES);

	for (i = 0; i < num; i++) {
		KUNIT_EXPECT_EQ(test, has_content(bos[i]), i % 10 == 0);
		xe_bo_put(bos[i]);
	}
}

/* A page table: its owner, and late callers, know nothing of it */
static void test_page_table(struct kunit *test)
{
	struct xe_device *xe = test->priv;
	struct xe_bo_unplug_stats stats;
	struct xe_bo *bo, *other;
	struct iosys_map map;

	bo = xe_kunit_helper_bo_create_pinned(xe);
	KUNIT_ASSERT_FALSE(test, IS_ERR(bo));
	xe_bo_list_add_kernel(bo);
	/* Of the driver itself: freed by devres, and in use until then */
	other = xe_kunit_helper_bo_create_pinned(xe);
	KUNIT_ASSERT_FALSE(test, IS_ERR(other));

	xe_map_wr(xe, &bo->vmap, 8, u32, PATTERN);
	KUNIT_EXPECT_EQ(test, xe_map_rd(xe, &bo->vmap, 8, u32), PATTERN);
	map = bo->vmap;

	unplug(xe, &stats);
	KUNIT_EXPECT_EQ(test, stats.freed, 1);
	KUNIT_EXPECT_EQ(test, stats.kept, 0);
	KUNIT_EXPECT_EQ(test, stats.busy, 0);
	KUNIT_EXPECT_TRUE(test, iosys_map_is_null(&bo->vmap));
	expect_dropped(test, bo);
	KUNIT_EXPECT_TRUE(test, ttm_tt_is_populated(other->ttm.ttm));
	KUNIT_EXPECT_EQ(test, atomic_read(&fake.live), 0);

	/* Both maps lead nowhere now */
	xe_map_wr(xe, &bo->vmap, 8, u32, 0);
	xe_map_memset(xe, &map, 0, 0, SZ_4K);
	KUNIT_EXPECT_EQ(test, xe_map_rd(xe, &bo->vmap, 8, u32), U32_MAX);
	KUNIT_EXPECT_EQ(test, xe_map_rd(xe, &map, 8, u32), U32_MAX);

	xe_bo_unpin_map_no_vm(bo);
	xe_bo_unpin_map_no_vm(other);
	KUNIT_EXPECT_TRUE(test, list_empty(&xe->bos.kernel));
}

/* Locked by an ioctl in progress: the worker gets it */
static void test_page_table_busy(struct kunit *test)
{
	struct xe_device *xe = test->priv;
	unsigned long end = jiffies + 10 * HZ;
	struct xe_bo_unplug_stats stats;
	struct xe_bo *bo;

	bo = xe_kunit_helper_bo_create_pinned(xe);
	KUNIT_ASSERT_FALSE(test, IS_ERR(bo));
	xe_bo_list_add_kernel(bo);

	xe_bo_lock(bo, false);
	unplug(xe, &stats);
	KUNIT_EXPECT_EQ(test, stats.busy, 1);
	KUNIT_EXPECT_TRUE(test, ttm_tt_is_populated(bo->ttm.ttm));
	xe_bo_unlock(bo);

	while (ttm_tt_is_populated(bo->ttm.ttm) && time_before(jiffies, end))
		msleep(20);
	flush_work(&xe->bos.retry);
	expect_dropped(test, bo);

	xe_bo_unpin_map_no_vm(bo);
}

/* The removal looks at it while its owner goes, and is the last to do so */
static void test_page_table_last(struct kunit *test)
{
	struct xe_device *xe = test->priv;
	struct drm_gem_object *resv;
	struct xe_vm *vm;
	struct xe_bo *bo;

	vm = kunit_kzalloc(test, sizeof(*vm), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, vm);
	resv = drm_gpuvm_resv_object_alloc(&xe->drm);
	KUNIT_ASSERT_NOT_NULL(test, resv);
	vm->gpuvm.r_obj = resv;

	bo = xe_kunit_helper_bo_create_pinned(xe);
	KUNIT_ASSERT_FALSE(test, IS_ERR(bo));
	bo->vm = vm;
	bo->ttm.base.resv = resv->resv;
	xe_bo_list_add_kernel(bo);

	/* Found on the list, when the queue and the VM go */
	xe_bo_get(bo);
	bo->vm = NULL;
	xe_bo_unpin_map_no_vm(bo);
	KUNIT_ASSERT_EQ(test, kref_read(&resv->refcount), 2);
	drm_gem_object_put(resv);

	xe_bo_lock(bo, false);
	xe_bo_unlock(bo);
	xe_bo_put(bo);
	flush_workqueue(xe->ttm.wq);
	KUNIT_EXPECT_TRUE(test, list_empty(&xe->bos.kernel));
}

static void test_mapped(struct kunit *test)
{
	struct xe_bo_unplug_stats stats;
	struct xe_bo *bo = new_bo(test);

	atomic_set(&bo->cpu_maps, 1);
	unplug(test->priv, &stats);
	KUNIT_EXPECT_EQ(test, stats.freed, 0);
	KUNIT_EXPECT_EQ(test, stats.kept, 1);
	KUNIT_EXPECT_TRUE(test, has_content(bo));

	/* munmap() of somebody else's mapping, then of the last */
	xe_bo_unplug_hidden(bo);
	KUNIT_EXPECT_TRUE(test, has_content(bo));
	atomic_set(&bo->cpu_maps, 0);
	xe_bo_unplug_hidden(bo);
	expect_dropped(test, bo);

	xe_bo_put(bo);
}

static void test_hidden_before(struct kunit *test)
{
	struct xe_bo *bo = new_bo(test);

	xe_bo_unplug_hidden(bo);
	KUNIT_EXPECT_TRUE(test, has_content(bo));

	xe_bo_put(bo);
}

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

static void test_busy(struct kunit *test)
{
	struct xe_bo_unplug_stats stats;
	struct xe_bo *bo = new_bo(test), *other = new_bo(test);
	unsigned long end = jiffies + 10 * HZ;
	ktime_t begin = ktime_get();

	xe_bo_lock(bo, false);
	unplug(test->priv, &stats);
	KUNIT_EXPECT_EQ(test, stats.busy, 1);
	KUNIT_EXPECT_LT(test, ktime_ms_delta(ktime_get(), begin),
			4 * XE_BO_UNPLUG_MS);
	KUNIT_EXPECT_TRUE(test, has_content(bo));
	expect_dropped(test, other);
	/* Not mapped any more, whoever holds the lock */
	KUNIT_EXPECT_EQ(test, atomic_read(&fake.live), 0);
	xe_bo_unlock(bo);

	/* The worker gets it now */
	while (ttm_tt_is_populated(bo->ttm.ttm) && time_before(jiffies, end))
		msleep(20);
	flush_work(&((struct xe_device *)test->priv)->bos.retry);
	expect_dropped(test, bo);

	xe_bo_put(other);
	xe_bo_put(bo);
}

static void test_late_callers(struct kunit *test)
{
	struct xe_bo_unplug_stats stats;
	struct xe_bo *bo = new_bo(test), *late;

	unplug(test->priv, &stats);

	xe_bo_lock(bo, false);
	KUNIT_EXPECT_EQ(test, xe_kunit_helper_bo_validate(bo), -ENODEV);
	xe_bo_unlock(bo);
	expect_dropped(test, bo);

	late = create(test->priv);
	KUNIT_EXPECT_EQ(test, PTR_ERR_OR_ZERO(late), -ENODEV);
	KUNIT_EXPECT_EQ(test, atomic_read(&fake.live), 0);

	xe_bo_put(bo);
}

/* The n-th map fails, with n rising until none does any more */
static void test_map_fails(struct kunit *test)
{
	struct xe_device *xe = test->priv;
	struct xe_bo *bos[8];
	unsigned int n, i, failed;

	for (n = 1; n < 100; n++) {
		fake.calls = 0;
		fake.fail_at = n;
		failed = 0;

		for (i = 0; i < ARRAY_SIZE(bos); i++) {
			bos[i] = create(xe);
			if (IS_ERR(bos[i])) {
				KUNIT_EXPECT_EQ(test, PTR_ERR(bos[i]), -EIO);
				failed++;
			}
		}
		KUNIT_EXPECT_EQ(test, atomic_read(&fake.live),
				ARRAY_SIZE(bos) - failed);
		for (i = 0; i < ARRAY_SIZE(bos); i++)
			if (!IS_ERR(bos[i]))
				xe_bo_put(bos[i]);
		flush_workqueue(xe->ttm.wq);
		KUNIT_EXPECT_EQ(test, atomic_read(&fake.live), 0);
		KUNIT_EXPECT_TRUE(test, list_empty(&xe->bos.bos));

		if (!failed)
			break;
		KUNIT_EXPECT_EQ(test, failed, 1);
	}
	KUNIT_EXPECT_EQ(test, n, ARRAY_SIZE(bos) + 1);
}

static struct sg_table *fake_export_map(struct dma_buf_attachment *attach,
					enum dma_data_direction dir)
{
	atomic_inc(&fake.imports);
	return &fake.sgt;
}

static void fake_export_unmap(struct dma_buf_attachment *attach,
			      struct sg_table *sgt, enum dma_data_direction dir)
{
	atomic_dec(&fake.imports);
}

static void fake_export_release(struct dma_buf *buf)
{
}

/* One that does not move buffers: mapped for as long as it is attached */
static const struct dma_buf_ops fake_export_ops = {
	.map_dma_buf = fake_export_map,
	.unmap_dma_buf = fake_export_unmap,
	.release = fake_export_release,
};

static struct dma_buf *fake_export(struct kunit *test)
{
	DEFINE_DMA_BUF_EXPORT_INFO(info);
	struct dma_buf *buf;

	info.ops = &fake_export_ops;
	info.size = BO_SIZE;
	info.priv = test;
	buf = dma_buf_export(&info);
	KUNIT_ASSERT_FALSE(test, IS_ERR(buf));

	return buf;
}

static struct drm_gem_object *import(struct xe_device *xe, struct dma_buf *buf)
{
	struct drm_gem_object *obj;

	mutex_lock(&xe->drm.object_name_lock);
	obj = xe_gem_prime_import(&xe->drm, buf);
	mutex_unlock(&xe->drm.object_name_lock);

	return obj;
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

static const char *fence_name(struct dma_fence *fence)
{
	return "fake";
}

static const struct dma_fence_ops fake_fence_ops = {
	.get_driver_name = fence_name,
	.get_timeline_name = fence_name,
};

static struct dma_fence *fake_fence(struct kunit *test, spinlock_t *lock)
{
	struct dma_fence *fence = kzalloc(sizeof(*fence), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, fence);
	spin_lock_init(lock);
	dma_fence_init(fence, &fake_fence_ops, lock, dma_fence_context_alloc(1), 1);

	return fence;
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
	dma_fence_put(fence);
	dma_buf_put(buf);
	flush_delayed_fput();
	xe_bo_put(bo);
	flush_workqueue(((struct xe_device *)test->priv)->ttm.wq);
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

	dma_fence_signal(fence);
	dma_fence_put(fence);
	flush_workqueue(xe->ttm.wq);
	KUNIT_EXPECT_EQ(test, atomic_read(&fake.imports), 0);
	dma_buf_put(buf);
	flush_delayed_fput();
	synchronize_rcu();
}

static struct kunit_case unplug_test_cases[] = {
	KUNIT_CASE(test_drop),
	KUNIT_CASE(test_drop_many),
	KUNIT_CASE(test_page_table),
	KUNIT_CASE(test_page_table_busy),
	KUNIT_CASE(test_page_table_last),
	KUNIT_CASE(test_mapped),
	KUNIT_CASE(test_hidden_before),
	KUNIT_CASE(test_exported),
	KUNIT_CASE(test_exported_no_handle),
	KUNIT_CASE(test_busy),
	KUNIT_CASE(test_late_callers),
	KUNIT_CASE(test_map_fails),
	KUNIT_CASE(test_imported),
	KUNIT_CASE(test_imported_closed),
	KUNIT_CASE(test_filled),
	KUNIT_CASE(test_unfilled),
	KUNIT_CASE(test_not_filled_yet),
	{}
};

VISIBLE_IF_KUNIT
struct kunit_suite xe_bo_unplug_test_suite = {
	.name = "xe_bo_unplug",
	.test_cases = unplug_test_cases,
	.init = unplug_test_init,
};
EXPORT_SYMBOL_IF_KUNIT(xe_bo_unplug_test_suite);
