// SPDX-License-Identifier: MIT

#include <linux/anon_inodes.h>
#include <linux/delay.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/uaccess.h>

#include <drm/drm_gem.h>
#include <drm/drm_gpuvm.h>

#include "tests/xe_bo_unplug_kunit.h"
#include "tests/xe_ggtt_kunit.h"

#include "xe_ggtt.h"
#include "xe_gt.h"
#include "xe_hw_engine_types.h"
#include "xe_lrc.h"
#include "xe_lrc_types.h"
#include "xe_mmio.h"

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

/* With the lock of a VM that owns @resv, and goes first */
static struct xe_bo *page_table_of_vm(struct kunit *test,
				      struct drm_gem_object *resv)
{
	struct xe_vm *vm = kunit_kzalloc(test, sizeof(*vm), GFP_KERNEL);
	struct xe_bo *bo;

	KUNIT_ASSERT_NOT_NULL(test, vm);
	KUNIT_ASSERT_NOT_NULL(test, resv);
	vm->gpuvm.r_obj = resv;

	bo = xe_kunit_helper_bo_create_pinned(test->priv);
	KUNIT_ASSERT_FALSE(test, IS_ERR(bo));
	bo->vm = vm;
	bo->ttm.base.resv = resv->resv;
	xe_bo_list_add_kernel(bo);

	return bo;
}

/* The removal looks at it while its owner goes, and is the last to do so */
static void test_page_table_last(struct kunit *test)
{
	struct xe_device *xe = test->priv;
	struct drm_gem_object *resv = drm_gpuvm_resv_object_alloc(&xe->drm);
	struct xe_bo *bo = page_table_of_vm(test, resv);

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

/* The lock stays as long as the buffer does, and no longer */
static void test_page_table_lock(struct kunit *test)
{
	struct xe_device *xe = test->priv;
	struct drm_gem_object *resv = drm_gpuvm_resv_object_alloc(&xe->drm);
	struct xe_bo *bo = page_table_of_vm(test, resv);

	KUNIT_EXPECT_EQ(test, kref_read(&resv->refcount), 2);

	bo->vm = NULL;
	xe_bo_unpin_map_no_vm(bo);
	flush_workqueue(xe->ttm.wq);
	KUNIT_EXPECT_EQ(test, kref_read(&resv->refcount), 1);
	drm_gem_object_put(resv);
}

#define GGTT_PTES	1024

/* Of a queue that is open: nobody executes it any more */
static void test_ring_context(struct kunit *test)
{
	const enum xe_engine_class class = XE_ENGINE_CLASS_COPY;
	struct xe_device *xe = test->priv;
	struct xe_tile *tile = xe_device_get_root_tile(xe);
	struct xe_gt *gt = tile->primary_gt;
	struct xe_bo_unplug_stats stats;
	struct xe_hw_engine *hwe;
	struct xe_lrc *lrc;
	u64 *ptes;

	if (IS_ENABLED(CONFIG_UML))
		kunit_skip(test, "ordinary memory cannot stand for a GGTT here");

	ptes = kunit_kcalloc(test, GGTT_PTES, sizeof(*ptes), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, ptes);
	hwe = kunit_kzalloc(test, sizeof(*hwe), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, hwe);
	/* No workaround is active */
	gt->wa_active.oob = kunit_kzalloc(test, SZ_1K, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, gt->wa_active.oob);
	gt->wa_active.oob_initialized = true;
	hwe->gt = gt;
	hwe->class = class;
	hwe->name = "test";
	gt->default_lrc[class] = kunit_kzalloc(test, SZ_64K, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, gt->default_lrc[class]);
	tile->mem.ggtt = xe_kunit_helper_ggtt_init(test, tile, ptes, GGTT_PTES);

	/* No registers, nothing to wake up */
	xe_mmio_close(xe);
	xe->pm_callback_task = current;
	lrc = xe_kunit_helper_lrc_create(hwe);
	if (PTR_ERR_OR_ZERO(lrc) == -EOPNOTSUPP)
		kunit_skip(test, "a ring context needs a PCI device here");
	KUNIT_ASSERT_FALSE(test, IS_ERR(lrc));
	KUNIT_EXPECT_TRUE(test, ttm_tt_is_populated(lrc->bo->ttm.ttm));

	unplug(xe, &stats);
	KUNIT_EXPECT_GT(test, stats.freed, 0);
	KUNIT_EXPECT_EQ(test, stats.busy, 0);
	expect_dropped(test, lrc->bo);

	/* A late caller that looks how far the queue has come */
	xe_lrc_set_ring_tail(lrc, 0);

	xe_ggtt_offline(tile->mem.ggtt);
	xe_lrc_put(lrc);
	flush_workqueue(xe->ttm.wq);
	gt->default_lrc[class] = NULL;
	xe_kunit_helper_ggtt_fini(test, tile->mem.ggtt);
	tile->mem.ggtt = NULL;
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

/* A worker that unbind waits for must not sleep for it */
static void test_lock_unless_gone(struct kunit *test)
{
	struct xe_device *xe = test->priv;
	struct xe_bo *bo = new_bo(test);

	KUNIT_EXPECT_TRUE(test, xe_bo_lock_unless_gone(bo));
	xe->unplug.gone = true;
	KUNIT_EXPECT_FALSE(test, xe_bo_lock_unless_gone(bo));
	xe_bo_unlock(bo);

	xe_bo_put(bo);
}

/* Nobody reads it back, so it need not be kept anywhere */
static void test_swapped(struct kunit *test)
{
	struct xe_bo_unplug_stats stats;
	struct xe_bo *bo = new_bo(test), *mapped = new_bo(test);
	struct ttm_lru_bulk_move bulk;

	atomic_inc(&mapped->cpu_maps);
	ttm_lru_bulk_move_init(&bulk);
	xe_bo_lock(bo, false);
	KUNIT_EXPECT_EQ(test, ttm_tt_swapout(bo->ttm.bdev, bo->ttm.ttm, GFP_KERNEL),
			BO_PAGES);
	/* It only takes part in that again when it is read back */
	ttm_bo_set_bulk_move(&bo->ttm, &bulk);
	xe_bo_unlock(bo);
	xe_bo_lock(mapped, false);
	KUNIT_EXPECT_EQ(test, ttm_tt_swapout(mapped->ttm.bdev, mapped->ttm.ttm,
					     GFP_KERNEL), BO_PAGES);
	xe_bo_unlock(mapped);
	KUNIT_EXPECT_NOT_NULL(test, bo->ttm.ttm->swap_storage);

	unplug(test->priv, &stats);
	KUNIT_EXPECT_EQ(test, stats.busy, 0);
	KUNIT_EXPECT_NULL(test, bo->ttm.ttm->swap_storage);
	KUNIT_EXPECT_NULL(test, bo->ttm.bulk_move);
	KUNIT_EXPECT_FALSE(test, xe_bo_is_swapped(bo));
	KUNIT_EXPECT_NOT_NULL(test, mapped->ttm.ttm->swap_storage);

	/* The last mapping goes */
	atomic_dec(&mapped->cpu_maps);
	xe_bo_unplug_hidden(mapped);
	KUNIT_EXPECT_NULL(test, mapped->ttm.ttm->swap_storage);

	xe_bo_put(mapped);
	xe_bo_put(bo);
}

static void test_hidden_before(struct kunit *test)
{
	struct xe_bo *bo = new_bo(test);

	xe_bo_unplug_hidden(bo);
	KUNIT_EXPECT_TRUE(test, has_content(bo));

	xe_bo_put(bo);
}

static void test_busy(struct kunit *test)
{
	struct xe_bo_unplug_stats stats;
	struct xe_bo *bo = new_bo(test), *other = new_bo(test);
	struct xe_device *xe = test->priv;
	unsigned int refs = kref_read(&xe->drm.ref);
	unsigned long end = jiffies + 10 * HZ;
	ktime_t begin = ktime_get();

	xe_bo_lock(bo, false);
	unplug(xe, &stats);
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
	flush_work(&xe->bos.retry);
	expect_dropped(test, bo);
	/* Workers hold the device, and let go of it */
	flush_work(&xe->bos.detach);
	KUNIT_EXPECT_EQ(test, kref_read(&xe->drm.ref), refs);

	xe_bo_put(other);
	xe_bo_put(bo);
}

struct holder {
	struct work_struct work;
	struct completion locked;
	struct xe_bo *bo;
};

static void keep_locked(struct work_struct *work)
{
	struct holder *holder = container_of(work, struct holder, work);

	xe_bo_lock(holder->bo, false);
	complete(&holder->locked);
	msleep(XE_BO_UNPLUG_MS / 10);
	xe_bo_unlock(holder->bo);
}

static void test_busy_briefly(struct kunit *test)
{
	struct holder holder = { .bo = new_bo(test) };
	struct xe_bo_unplug_stats stats;

	init_completion(&holder.locked);
	INIT_WORK_ONSTACK(&holder.work, keep_locked);
	queue_work(system_unbound_wq, &holder.work);
	wait_for_completion(&holder.locked);

	/* No worker is needed */
	unplug(test->priv, &stats);
	KUNIT_EXPECT_EQ(test, stats.busy, 0);
	expect_dropped(test, holder.bo);

	flush_work(&holder.work);
	destroy_work_on_stack(&holder.work);
	xe_bo_put(holder.bo);
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

/* The list may have been walked before they are on it */
static void test_created_late(struct kunit *test)
{
	struct xe_device *xe = test->priv;
	struct xe_bo *late;

	WRITE_ONCE(xe->unplug.gone, true);
	late = create(xe);
	KUNIT_EXPECT_EQ(test, PTR_ERR_OR_ZERO(late), -ENODEV);
	KUNIT_EXPECT_TRUE(test, list_empty(&xe->bos.bos));
	KUNIT_EXPECT_EQ(test, atomic_read(&fake.live), 0);
	if (!IS_ERR(late))
		xe_bo_put(late);
}

static int lost_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct xe_bo *bo = file->private_data;

	return drm_gem_mmap_obj(&bo->ttm.base, bo->ttm.base.size, vma);
}

static const struct file_operations lost_fops = {
	.mmap = lost_mmap,
};

/* All mappings show the same page, or as many were taken as there are faults */
static void lost_page(struct kunit *test, struct xe_bo *bo)
{
	struct xe_device *xe = test->priv;
	struct xe_bo_unplug_stats stats;
	unsigned long maps[2];
	struct file *file;
	unsigned int i;
	u8 value = 0;

	unplug(xe, &stats);
	expect_dropped(test, bo);
	xe->drm.unplugged = true;

	file = anon_inode_getfile("xe-bo", &lost_fops, bo, O_RDWR);
	KUNIT_ASSERT_FALSE(test, IS_ERR(file));
	for (i = 0; i < ARRAY_SIZE(maps); i++)
		maps[i] = kunit_vm_mmap(test, file, 0, BO_SIZE,
					PROT_READ | PROT_WRITE, MAP_SHARED, 0);
	fput(file);
	if (!maps[0] || IS_ERR_VALUE(maps[0]) || !maps[1] || IS_ERR_VALUE(maps[1]))
		kunit_skip(test, "no memory of a process here");

	KUNIT_EXPECT_EQ(test, get_user(value, (u8 __user *)maps[0]), 0);
	KUNIT_EXPECT_EQ(test, value, 0);
	KUNIT_EXPECT_EQ(test, put_user(PATTERN, (u8 __user *)maps[0]), 0);
	for (i = 0; i < BO_PAGES; i++) {
		KUNIT_EXPECT_EQ(test, get_user(value, (u8 __user *)(maps[1] + i * PAGE_SIZE)),
				0);
		KUNIT_EXPECT_EQ(test, value, PATTERN);
	}

	/* It is the buffer's: nothing of it is left when both are gone */
	KUNIT_EXPECT_NOT_NULL(test, bo->lost_page);
	for (i = 0; i < ARRAY_SIZE(maps); i++)
		KUNIT_EXPECT_EQ(test, vm_munmap(maps[i], BO_SIZE), 0);
	xe_bo_put(bo);
}

static void test_lost_page(struct kunit *test)
{
	lost_page(test, new_bo(test));
}

/* A VM's buffers share its fences: each is looked at but once when it is done */
static void test_fences(struct kunit *test)
{
	struct xe_device *xe = test->priv;
	struct xe_bo_unplug_stats stats;
	struct xe_bo *bo = new_bo(test);
	struct dma_resv *resv = bo->ttm.base.resv;
	struct dma_fence *done, *pending, *fence;
	struct dma_resv_iter cursor;
	spinlock_t locks[2]; /* of the fences */
	unsigned int found = 0;

	done = fake_fence(test, &locks[0]);
	pending = fake_fence(test, &locks[1]);
	xe_bo_lock(bo, false);
	/* With room for more, or the next fence makes some */
	KUNIT_EXPECT_EQ(test, dma_resv_reserve_fences(resv, 8), 0);
	dma_resv_add_fence(resv, done, DMA_RESV_USAGE_BOOKKEEP);
	dma_resv_add_fence(resv, pending, DMA_RESV_USAGE_BOOKKEEP);
	xe_bo_unlock(bo);
	dma_fence_signal(done);

	unplug(xe, &stats);
	expect_dropped(test, bo);

	xe_bo_lock(bo, false);
	dma_resv_for_each_fence(&cursor, resv, DMA_RESV_USAGE_BOOKKEEP, fence) {
		KUNIT_EXPECT_PTR_EQ(test, fence, pending);
		found++;
	}
	xe_bo_unlock(bo);
	KUNIT_EXPECT_EQ(test, found, 1);

	dma_fence_signal(pending);
	dma_fence_put(pending);
	dma_fence_put(done);
	xe_bo_put(bo);
	flush_workqueue(xe->ttm.wq);
	synchronize_rcu();
}

static struct task_struct *no_memory_for;

/* The worker that asks again, maybe at once, gets it */
static struct ttm_tt *no_ttm_tt(struct ttm_buffer_object *bo, u32 flags)
{
	return current == no_memory_for ? NULL : xe_ttm_funcs.ttm_tt_create(bo, flags);
}

/* Others wait for it, and TTM has no memory to give up its pages without them */
static void test_fences_no_memory(struct kunit *test)
{
	struct xe_device *xe = test->priv;
	struct ttm_device_funcs funcs = xe_ttm_funcs;
	struct xe_bo_unplug_stats stats;
	struct xe_bo *bo = new_bo(test);
	struct dma_fence *fence;
	spinlock_t lock; /* of the fence */

	fence = fake_fence(test, &lock);
	xe_bo_lock(bo, false);
	KUNIT_EXPECT_EQ(test, dma_resv_reserve_fences(bo->ttm.base.resv, 1), 0);
	dma_resv_add_fence(bo->ttm.base.resv, fence, DMA_RESV_USAGE_BOOKKEEP);
	xe_bo_unlock(bo);

	no_memory_for = current;
	funcs.ttm_tt_create = no_ttm_tt;
	xe->ttm.funcs = &funcs;
	unplug(xe, &stats);
	KUNIT_EXPECT_EQ(test, stats.busy, 1);
	flush_work(&xe->bos.retry);
	xe->ttm.funcs = &xe_ttm_funcs;
	expect_dropped(test, bo);

	dma_fence_signal(fence);
	dma_fence_put(fence);
	xe_bo_put(bo);
	flush_workqueue(xe->ttm.wq);
	/* TTM would look there for buffers to evict */
	KUNIT_EXPECT_EQ(test, ttm_resource_manager_usage(ttm_manager_type(&xe->ttm, XE_PL_SYSTEM)),
			0);
	synchronize_rcu();
}

static struct kunit_case unplug_test_cases[] = {
	KUNIT_CASE(test_drop),
	KUNIT_CASE(test_drop_many),
	KUNIT_CASE(test_page_table),
	KUNIT_CASE(test_page_table_busy),
	KUNIT_CASE(test_page_table_last),
	KUNIT_CASE(test_page_table_lock),
	KUNIT_CASE(test_ring_context),
	KUNIT_CASE(test_mapped),
	KUNIT_CASE(test_lock_unless_gone),
	KUNIT_CASE(test_swapped),
	KUNIT_CASE(test_hidden_before),
	KUNIT_CASE(test_busy),
	KUNIT_CASE(test_busy_briefly),
	KUNIT_CASE(test_fences),
	KUNIT_CASE(test_fences_no_memory),
	KUNIT_CASE(test_late_callers),
	KUNIT_CASE(test_created_late),
	KUNIT_CASE(test_lost_page),
	{}
};

VISIBLE_IF_KUNIT
struct kunit_suite xe_bo_unplug_test_suite = {
	.name = "xe_bo_unplug",
	.test_cases = unplug_test_cases,
	.init = unplug_test_init,
};
EXPORT_SYMBOL_IF_KUNIT(xe_bo_unplug_test_suite);
