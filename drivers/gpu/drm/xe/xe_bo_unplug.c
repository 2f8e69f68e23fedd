// SPDX-License-Identifier: MIT

#include "xe_bo_unplug.h"

#include <kunit/static_stub.h>

#include <linux/delay.h>
#include <linux/dma-buf.h>
#include <linux/dma-resv.h>
#include <linux/ktime.h>

#include <drm/drm_drv.h>
#include <drm/drm_gem.h>
#include <drm/drm_gpuvm.h>
#include <drm/drm_print.h>
#include <drm/ttm/ttm_bo.h>
#include <drm/ttm/ttm_placement.h>
#include <drm/ttm/ttm_tt.h>

#include "xe_bo.h"
#include "xe_device.h"
#include "xe_dma.h"
#include "xe_module.h"
#include "xe_unplug.h"
#include "xe_vm_types.h"

/**
 * DOC: Memory of buffer objects
 *
 * A buffer object lives until its last handle is closed, and a program that
 * lost its GPU may take its time with that. Its pages need not: when the
 * device has gone nobody can get at them, unless
 *
 * - the buffer is exported as dma-buf. It belongs to all who hold the dma-buf,
 *   and keeps its content. Out of VRAM it is copied first.
 * - the buffer is mapped by the CPU. Reads of what the GPU has left there, and
 *   of pointers the program keeps there, go on as if nothing had happened.
 *   Mappings of VRAM show zeroes instead.
 *
 * So pages stay for as long as somebody can see them. All others are freed
 * by the removal, and these when the last mapping goes and the dma-buf is
 * released. A buffer object without pages is an empty hull: nothing can be
 * bound or mapped to it any more.
 *
 * Page tables and ring contexts belong to VMs and queues, and these to files
 * that stay open as well. Late callers, such as an MMU notifier that zaps
 * entries, write into them. They do so through xe_map, which is closed first,
 * and drops what they write.
 *
 * All of it happens with the reservation lock of the buffer object held. The
 * lock can be held by others for as long as a fence of a foreign device takes,
 * so the removal only tries to take it. Who is locked for all of
 * XE_BO_UNPLUG_MS is left to a worker.
 *
 * A buffer that was imported is mapped for our device by its exporter, from
 * the mapping of the attachment to its unmapping, or, for exporters that do
 * not move buffers, for as long as the attachment exists. So imports are
 * detached. That takes the lock of the exporter's buffer and calls the
 * exporter, so a worker does it, for whom the removal waits XE_BO_UNPLUG_MS.
 * Importers are called as well, and may wait for all that others do with the
 * buffer. Unless that is idle a worker calls them, and is waited for as long.
 */

/* No copy out of VRAM begins later than this after the first */
#define XE_BO_SAVE_MS		2000

/* One that was begun by then has as much time again */
#define XE_BO_COPY_MS		(2 * XE_BO_SAVE_MS)

static const struct ttm_place system_place = { .mem_type = XE_PL_SYSTEM };

static struct ttm_placement system_placement = {
	.num_placement = 1,
	.placement = &system_place,
};

typedef void (*visit_fn)(struct xe_bo *bo, struct xe_bo_unplug_stats *stats);

static bool visit_locked(struct xe_bo *bo, visit_fn visit, bool wait,
			 struct xe_bo_unplug_stats *stats)
{
	struct dma_resv *resv = bo->ttm.base.resv;

	if (wait)
		dma_resv_lock(resv, NULL);
	else if (!dma_resv_trylock(resv))
		return false;

	visit(bo, stats);
	dma_resv_unlock(resv);

	return true;
}

/*
 * Each buffer object goes back to the tail of its list when it is done with, or
 * to the list of the busy ones. Its owner may take it off any list at any time.
 * New ones need no visit, see xe_bo_init_locked() and xe_bo_validate().
 */
static void walk_bos(struct xe_device *xe, struct list_head *bos, visit_fn visit,
		     ktime_t until, bool wait, struct xe_bo_unplug_stats *stats)
{
	struct xe_bo_list *list = &xe->bos;
	LIST_HEAD(todo);
	LIST_HEAD(busy);
	struct xe_bo *bo;
	bool done;

	spin_lock(&list->lock);
	list_splice_init(bos, &todo);
retry:
	while (!list_empty(&todo)) {
		bo = list_first_entry(&todo, typeof(*bo), unplug_link);
		list_move_tail(&bo->unplug_link, bos);
		/* On its way out, and its pages with it */
		if (!kref_get_unless_zero(&bo->ttm.base.refcount))
			continue;
		spin_unlock(&list->lock);

		done = visit_locked(bo, visit, wait, stats);
		cond_resched();

		spin_lock(&list->lock);
		if (!done)
			list_move_tail(&bo->unplug_link, &busy);
		spin_unlock(&list->lock);

		xe_bo_put(bo);
		spin_lock(&list->lock);
	}

	if (!list_empty(&busy) && ktime_before(ktime_get(), until)) {
		list_splice_init(&busy, &todo);
		spin_unlock(&list->lock);
		usleep_range(500, 1000);
		spin_lock(&list->lock);
		goto retry;
	}

	list_for_each_entry(bo, &busy, unplug_link) {
		stats->busy++;
		if (xe_bo_is_exported(bo) && bo->flags & XE_BO_FLAG_VRAM_MASK)
			stats->busy_shared++;
	}
	list_splice(&busy, bos);
	spin_unlock(&list->lock);
}

static bool is_visible(struct xe_bo *bo)
{
	return xe_bo_is_exported(bo) || atomic_read(&bo->cpu_maps);
}

/*
 * TTM looks at all fences of each buffer, and the buffers of a VM have one for
 * each of its queues. Keep only those that others are still to signal.
 */
static void forget_fences(struct dma_resv *resv)
{
	struct dma_resv_iter cursor;

	dma_resv_iter_begin(&cursor, resv, DMA_RESV_USAGE_BOOKKEEP);
	if (dma_resv_iter_first(&cursor))
		dma_resv_copy_fences(resv, resv);
	dma_resv_iter_end(&cursor);
}

/*
 * Frees at once what is idle. All that our device had to do with it is done. If
 * a job is still waiting for a foreign fence, TTM keeps the pages for it until
 * that has signalled.
 */
static bool give_up(struct xe_bo *bo)
{
	struct ttm_buffer_object *ttm_bo = &bo->ttm;
	struct ttm_placement nowhere = {};
	struct ttm_operation_ctx ctx = {};
	struct ttm_resource *res;

	xe_bo_vunmap(bo);

	forget_fences(ttm_bo->base.resv);

	/* Late callers expect a buffer object to be somewhere */
	if (ttm_bo_mem_space(ttm_bo, &system_placement, &res, &ctx))
		return false;

	if (ttm_bo_validate(ttm_bo, &nowhere, &ctx)) {
		ttm_resource_free(ttm_bo, &res);
		return false;
	}
	ttm_bo_assign_mem(ttm_bo, res);

	return true;
}

/* TTM frees it with the buffer object, and otherwise only by reading it back */
static bool give_up_swapped(struct xe_bo *bo)
{
	struct ttm_buffer_object *ttm_bo = &bo->ttm;
	const struct ttm_device_funcs *funcs = ttm_bo->bdev->funcs;
	struct ttm_tt *tt;

	tt = funcs->ttm_tt_create(ttm_bo, TTM_TT_FLAG_ZERO_ALLOC);
	if (!tt)
		return false;

	/* TTM may keep what is swapped out off the list, but not what is not */
	ttm_bo_set_bulk_move(ttm_bo, NULL);
	swap(ttm_bo->ttm, tt);
	funcs->ttm_tt_destroy(ttm_bo->bdev, tt);

	return true;
}

static bool is_used(struct xe_bo *bo)
{
	return !dma_resv_test_signaled(bo->ttm.base.resv, DMA_RESV_USAGE_BOOKKEEP);
}

static void drop(struct xe_bo *bo, struct xe_bo_unplug_stats *stats)
{
	u64 pages = bo->ttm.base.size >> PAGE_SHIFT;
	struct ttm_tt *tt = bo->ttm.ttm;

	if (bo->ttm.type == ttm_bo_type_sg)
		return;

	/*
	 * Left in VRAM, or not come out of it in time. To importers that access
	 * VRAM itself, its addresses will be somebody else's, and nobody may be
	 * shown what is in system memory instead. Who has pinned it in VRAM is
	 * told for good, and unpins it when it likes.
	 */
	if (xe_bo_is_exported(bo) && bo->ttm.resource &&
	    (xe_bo_is_vram(bo) ||
	     (!xe_bo_is_pinned(bo) && !xe_bo_has_content(bo)))) {
		stats->lost++;
		if (!stats->patient && is_used(bo)) {
			stats->revoking = true;
			stats->busy++;
			return;
		}
		xe_bo_revoke(bo);
		if (!xe_bo_is_pinned(bo) && !give_up(bo))
			stats->busy++;
		return;
	}

	/* Pinned for somebody who is shown the content, at least */
	if (is_visible(bo) || xe_bo_is_pinned(bo)) {
		if (tt && ttm_tt_is_populated(tt)) {
			stats->kept++;
			stats->kept_pages += pages;
		}
		return;
	}

	if (!bo->ttm.resource)
		return;

	if (xe_bo_is_swapped(bo)) {
		if (!give_up_swapped(bo))
			stats->busy++;
		return;
	}

	if (!xe_bo_has_pages(bo))
		return;

	if (xe_bo_is_vram(bo))
		pages = 0;

	/* There is no memory to free memory with, so later */
	if (give_up(bo))
		stats->freed += pages;
	else
		stats->busy++;
}

/*
 * Page tables and ring contexts. Their owners keep them mapped for the kernel,
 * pinned, and with a pointer to each map, but look at them through xe_map only.
 */
static void drop_kernel(struct xe_bo *bo, struct xe_bo_unplug_stats *stats)
{
	struct ttm_buffer_object *ttm_bo = &bo->ttm;

	/* Not pinned: its owner is about to free it */
	if (!ttm_bo->resource || !xe_bo_is_pinned(bo) || xe_bo_is_vram(bo) ||
	    !xe_bo_has_pages(bo))
		return;

	/* The owner unpins what it has pinned, also when there is nothing in it */
	xe_bo_pin_suspend(bo);
	if (give_up(bo))
		stats->freed += ttm_bo->base.size >> PAGE_SHIFT;
	else
		stats->busy++;
	xe_bo_pin_resume(bo);
}

static void save(struct xe_bo *bo, struct xe_bo_unplug_stats *stats)
{
	/* Nobody shall be killed for the memory it takes */
	struct ttm_operation_ctx ctx = { .gfp_retry_mayfail = true };
	struct xe_device *xe = xe_bo_device(bo);
	s64 left;

	if (!xe_bo_is_exported(bo) || !bo->ttm.resource || !xe_bo_is_vram(bo) ||
	    xe_bo_is_pinned(bo) || !xe_bo_has_content(bo))
		return;

	/* Importers may still read it, and their jobs need not ever end */
	left = ktime_ms_delta(stats->save_until, ktime_get());
	if (left <= 0 || xe_device_dead(xe) ||
	    dma_resv_wait_timeout(bo->ttm.base.resv, DMA_RESV_USAGE_BOOKKEEP,
				  false, msecs_to_jiffies(left)) <= 0)
		return;

	if (!ttm_bo_validate(&bo->ttm, &system_placement, &ctx))
		stats->saved++;
	else
		/* Did it disappear? */
		xe_unplug_check(xe);
}

static void retry_work(struct work_struct *work)
{
	struct xe_device *xe = container_of(work, struct xe_device, bos.retry);
	struct xe_bo_unplug_stats stats = { .patient = true };

	walk_bos(xe, &xe->bos.bos, drop, 0, true, &stats);
	walk_bos(xe, &xe->bos.kernel, drop_kernel, 0, true, &stats);
	complete(&xe->bos.retried);
	drm_dev_put(&xe->drm);
}

static void detach(struct xe_bo *bo)
{
	struct drm_gem_object *obj = &bo->ttm.base;
	struct dma_buf_attachment *attach;
	struct dma_buf *dma_buf;

	/* GEM looks for the exporter under this lock, imports are made under it */
	mutex_lock(&obj->dev->object_name_lock);
	attach = obj->import_attach;
	if (!attach) {
		mutex_unlock(&obj->dev->object_name_lock);
		return;
	}

	dma_resv_lock(obj->resv, NULL);
	xe_bo_unmap_import(bo);
	obj->import_attach = NULL;
	dma_resv_unlock(obj->resv);
	mutex_unlock(&obj->dev->object_name_lock);

	/* As the release of the buffer object does otherwise */
	dma_buf = attach->dmabuf;
	dma_buf_detach(dma_buf, attach);
	dma_buf_put(dma_buf);
}

static void detach_work(struct work_struct *work)
{
	struct xe_device *xe = container_of(work, struct xe_device, bos.detach);
	struct xe_bo_list *list = &xe->bos;
	struct xe_bo *bo;

	spin_lock(&list->lock);
	while (!list_empty(&list->imports)) {
		bo = list_first_entry(&list->imports, typeof(*bo), unplug_link);
		/*
		 * One that was closed stays attached until the work of its
		 * exporter is done, but TTM has a reference. If not that, its
		 * destructor runs, or it changes hands this moment.
		 */
		if (!kref_get_unless_zero(&bo->ttm.kref)) {
			list_move_tail(&bo->unplug_link, &list->imports);
			spin_unlock(&list->lock);
			usleep_range(500, 1000);
			spin_lock(&list->lock);
			continue;
		}
		list_del_init(&bo->unplug_link);
		spin_unlock(&list->lock);

		detach(bo);
		xe_bo_put_ttm(bo);
		cond_resched();

		spin_lock(&list->lock);
	}
	spin_unlock(&list->lock);

	complete(&list->detached);
	/*
	 * Buffers that were closed before wait for fences of others, for as long
	 * as it takes. The device waits for them, but not the removal.
	 */
	flush_workqueue(xe->ttm.wq);
	drm_dev_put(&xe->drm);
}

/**
 * xe_bo_unplug_save() - Copy exported buffers out of VRAM
 * @xe: the device, execution has stopped and VRAM can be read
 * @stats: @saved is added to
 *
 * Whoever imported them is told that they moved. Copies with the CPU. Begins
 * with no buffer any more after two seconds, and gives up the one it is at after
 * four. Not for a device that is dead.
 */
void xe_bo_unplug_save(struct xe_device *xe, struct xe_bo_unplug_stats *stats)
{
	KUNIT_STATIC_STUB_REDIRECT(xe_bo_unplug_save, xe, stats);

	if (!IS_DGFX(xe))
		return;

	stats->save_until = ktime_add_ms(ktime_get(), XE_BO_SAVE_MS);
	stats->copy_until = ktime_add_ms(ktime_get(), XE_BO_COPY_MS);
	walk_bos(xe, &xe->bos.bos, save,
		 ktime_add_ms(ktime_get(), XE_BO_UNPLUG_MS), false, stats);
	/* Looked at again when buffers are dropped, and counted then */
	stats->busy = 0;
	stats->busy_shared = 0;
}

/**
 * xe_bo_unplug_drop() - Free what nobody can see any more
 * @xe: the device, which accesses no memory any more, after xe_map_close()
 * @stats: what was found is added to
 *
 * Frees the pages of buffers that are neither exported nor mapped by the CPU,
 * of page tables and of ring contexts, and gives imported ones back to their
 * exporter. Costs O(n), and waits at most XE_BO_UNPLUG_MS for locks, for all
 * buffers together, and as long for importers and exporters.
 */
void xe_bo_unplug_drop(struct xe_device *xe, struct xe_bo_unplug_stats *stats)
{
	unsigned long left = msecs_to_jiffies(XE_BO_UNPLUG_MS);
	ktime_t until = ktime_add_ms(ktime_get(), XE_BO_UNPLUG_MS);
	unsigned long before = stats->busy;

	KUNIT_STATIC_STUB_REDIRECT(xe_bo_unplug_drop, xe, stats);

	drm_dev_get(&xe->drm);
	xe_destroy_wq_queue(&xe->bos.detach);

	walk_bos(xe, &xe->bos.bos, drop, until, false, stats);
	walk_bos(xe, &xe->bos.kernel, drop_kernel, until, false, stats);
	/* There is no second chance for these, as there is to be dropped */
	stats->lost += stats->busy_shared;
	if (stats->busy != before) {
		drm_dev_get(&xe->drm);
		xe_destroy_wq_queue(&xe->bos.retry);
	}

	if (stats->revoking)
		left = wait_for_completion_timeout(&xe->bos.retried, left);
	stats->attached = !wait_for_completion_timeout(&xe->bos.detached, left);
}

/**
 * xe_bo_unplug_hidden_locked() - Somebody does not see the buffer any more
 * @bo: the buffer object, locked
 *
 * To be called when a mapping or export of a buffer goes. Does nothing as long
 * as the device is there.
 */
void xe_bo_unplug_hidden_locked(struct xe_bo *bo)
{
	struct xe_bo_unplug_stats stats = {};

	if (xe_dma_gate_closed(&xe_bo_device(bo)->dma))
		drop(bo, &stats);
}

/**
 * xe_bo_unplug_hidden() - The same, from munmap()
 * @bo: the buffer object. The caller holds a reference of TTM's kind
 *
 * Does not wait for the lock. If somebody has it, the last close frees.
 */
void xe_bo_unplug_hidden(struct xe_bo *bo)
{
	if (!xe_dma_gate_closed(&xe_bo_device(bo)->dma))
		return;

	if (!kref_get_unless_zero(&bo->ttm.base.refcount))
		return;

	if (dma_resv_trylock(bo->ttm.base.resv)) {
		xe_bo_unplug_hidden_locked(bo);
		dma_resv_unlock(bo->ttm.base.resv);
	}

	xe_bo_put(bo);
}

/**
 * xe_bo_list_init() - Set up the list of buffer objects of a device
 * @xe: the device, before the first buffer object
 */
void xe_bo_list_init(struct xe_device *xe)
{
	spin_lock_init(&xe->bos.lock);
	INIT_LIST_HEAD(&xe->bos.bos);
	INIT_LIST_HEAD(&xe->bos.imports);
	INIT_LIST_HEAD(&xe->bos.kernel);
	INIT_WORK(&xe->bos.retry, retry_work);
	INIT_WORK(&xe->bos.detach, detach_work);
	init_completion(&xe->bos.detached);
	init_completion(&xe->bos.retried);
}

/**
 * xe_bo_list_add() - Let the unplug find a buffer object
 * @bo: the buffer object, of a user or imported
 */
void xe_bo_list_add(struct xe_bo *bo)
{
	struct xe_bo_list *list = &xe_bo_device(bo)->bos;

	spin_lock(&list->lock);
	list_add_tail(&bo->unplug_link, bo->ttm.type == ttm_bo_type_sg ?
		      &list->imports : &list->bos);
	spin_unlock(&list->lock);
}

/**
 * xe_bo_list_add_kernel() - Let the unplug free a page table or ring context
 * @bo: pinned buffer object, whose content is only accessed through xe_map
 *      from now on. Its owner may be kept by open files
 *
 * What is added while the device goes may be missed, and is freed by its owner.
 */
void xe_bo_list_add_kernel(struct xe_bo *bo)
{
	struct xe_bo_list *list = &xe_bo_device(bo)->bos;

	/* Who finds it on the list may keep it for longer than the VM lives */
	if (bo->vm) {
		bo->resv_obj = drm_gpuvm_resv_obj(&bo->vm->gpuvm);
		drm_gem_object_get(bo->resv_obj);
	}

	spin_lock(&list->lock);
	list_add_tail(&bo->unplug_link, &list->kernel);
	spin_unlock(&list->lock);
}

/**
 * xe_bo_list_del() - Undo xe_bo_list_add() or xe_bo_list_add_kernel(), if done
 * @bo: the buffer object, nobody else has a reference. Its reservation lock may
 *      go with this
 */
void xe_bo_list_del(struct xe_bo *bo)
{
	struct xe_bo_list *list = &xe_bo_device(bo)->bos;

	spin_lock(&list->lock);
	list_del_init(&bo->unplug_link);
	spin_unlock(&list->lock);

	if (bo->resv_obj)
		drm_gem_object_put(bo->resv_obj);
}

#if IS_ENABLED(CONFIG_DRM_XE_KUNIT_TEST)
#include "tests/xe_bo_unplug.c"
#include "tests/xe_bo_unplug_shared.c"
#include "tests/xe_bo_unplug_walk.c"
#endif
