/* SPDX-License-Identifier: MIT */

#ifndef _XE_BO_UNPLUG_KUNIT_H_
#define _XE_BO_UNPLUG_KUNIT_H_

#include <kunit/static_stub.h>
#include <kunit/test.h>
#include <kunit/visibility.h>

#include <linux/dma-buf.h>
#include <linux/highmem.h>

#include <drm/drm_drv.h>
#include <drm/drm_managed.h>
#include <drm/ttm/ttm_tt.h>

#include "tests/xe_kunit_helpers.h"

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
	struct scatterlist *sg;
	unsigned int i;

	if (++fake.calls == fake.fail_at)
		return -EIO;

	/* A GGTT is told where it is */
	for_each_sgtable_sg(sgt, sg, i) {
		sg_dma_address(sg) = sg_phys(sg);
		sg_dma_len(sg) = sg->length;
	}
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

/* The caller holds the lock */
static void evict(struct kunit *test, struct xe_bo *bo)
{
	struct ttm_place place = { .mem_type = XE_PL_SYSTEM };
	struct ttm_placement system = { .num_placement = 1, .placement = &place };
	struct ttm_operation_ctx ctx = {};

	KUNIT_EXPECT_EQ(test, ttm_bo_validate(&bo->ttm, &system, &ctx), 0);
	KUNIT_EXPECT_EQ(test, bo->ttm.resource->mem_type, XE_PL_SYSTEM);
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

static const char *fence_name(struct dma_fence *fence)
{
	return "fake";
}

static const struct dma_fence_ops fake_fence_ops = {
	.get_driver_name = fence_name,
	.get_timeline_name = fence_name,
};

static struct dma_fence *fake_fence_of(struct kunit *test, const struct dma_fence_ops *ops,
				       spinlock_t *lock)
{
	struct dma_fence *fence = kzalloc(sizeof(*fence), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, fence);
	spin_lock_init(lock);
	dma_fence_init(fence, ops, lock, dma_fence_context_alloc(1), 1);

	return fence;
}

static struct dma_fence *fake_fence(struct kunit *test, spinlock_t *lock)
{
	return fake_fence_of(test, &fake_fence_ops, lock);
}

#endif
