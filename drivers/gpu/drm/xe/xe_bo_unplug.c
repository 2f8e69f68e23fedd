// SPDX-License-Identifier: MIT

#include "xe_bo_unplug.h"

#include <linux/delay.h>
#include <linux/dma-buf.h>
#include <linux/dma-resv.h>
#include <linux/ktime.h>

#include <drm/drm_drv.h>
#include <drm/drm_print.h>
#include <drm/ttm/ttm_bo.h>
#include <drm/ttm/ttm_placement.h>
#include <drm/ttm/ttm_tt.h>

#include "xe_bo.h"
#include "xe_device.h"
#include "xe_dma.h"
#include "xe_module.h"
#include "xe_unplug.h"

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
 */

/* No copy out of VRAM begins later than this after the first */
#define XE_BO_SAVE_MS		2000

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
 * New ones need no visit, see xe_bo_validate().
 */
static void walk_bos(struct xe_device *xe, visit_fn visit, ktime_t until,
		     bool wait, struct xe_bo_unplug_stats *stats)
{
	struct xe_bo_list *list = &xe->bos;
	LIST_HEAD(todo);
	LIST_HEAD(busy);
	struct xe_bo *bo;
	bool done;

	spin_lock(&list->lock);
	list_splice_init(&list->bos, &todo);
retry:
	while (!list_empty(&todo)) {
		bo = list_first_entry(&todo, typeof(*bo), unplug_link);
		list_move_tail(&bo->unplug_link, &list->bos);
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

	stats->busy += list_count_nodes(&busy);
	list_splice(&busy, &list->bos);
	spin_unlock(&list->lock);
}

static bool is_visible(struct xe_bo *bo)
{
	return bo->exported || atomic_read(&bo->cpu_maps);
}

static void drop(struct xe_bo *bo, struct xe_bo_unplug_stats *stats)
{
	struct ttm_placement nowhere = {};
	struct ttm_operation_ctx ctx = {};
	u64 pages = bo->ttm.base.size >> PAGE_SHIFT;
	struct ttm_tt *tt = bo->ttm.ttm;

	if (bo->ttm.type == ttm_bo_type_sg)
		return;

	/* Pinned for somebody who is shown the content, at least */
	if (is_visible(bo) || xe_bo_is_pinned(bo)) {
		if (tt && ttm_tt_is_populated(tt)) {
			stats->kept++;
			stats->kept_pages += pages;
		}
		return;
	}

	if (!bo->ttm.resource || !xe_bo_has_pages(bo))
		return;

	if (xe_bo_is_vram(bo))
		pages = 0;

	/*
	 * Frees at once what is idle. All that our device had to do with it is
	 * done. If a job is still waiting for a foreign fence, TTM keeps the
	 * pages for it until that has signalled.
	 */
	xe_bo_vunmap(bo);
	if (ttm_bo_validate(&bo->ttm, &nowhere, &ctx))
		return;
	stats->freed += pages;

	/* Late callers expect a buffer object to be somewhere */
	(void)ttm_bo_validate(&bo->ttm, &system_placement, &ctx);
}

static void save(struct xe_bo *bo, struct xe_bo_unplug_stats *stats)
{
	struct ttm_operation_ctx ctx = {};
	s64 left;

	if (!bo->exported || !bo->ttm.resource || !xe_bo_is_vram(bo) ||
	    xe_bo_is_pinned(bo))
		return;

	/* Importers may still read it, and their jobs need not ever end */
	left = ktime_ms_delta(stats->save_until, ktime_get());
	if (left <= 0 ||
	    dma_resv_wait_timeout(bo->ttm.base.resv, DMA_RESV_USAGE_BOOKKEEP,
				  false, msecs_to_jiffies(left)) <= 0 ||
	    ttm_bo_validate(&bo->ttm, &system_placement, &ctx))
		stats->lost++;
	else
		stats->saved++;
}

static void retry_work(struct work_struct *work)
{
	struct xe_device *xe = container_of(work, struct xe_device, bos.retry);
	struct xe_bo_unplug_stats stats = {};

	walk_bos(xe, drop, 0, true, &stats);
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
		list_del_init(&bo->unplug_link);
		/* On its way out, and the attachment with it */
		if (!kref_get_unless_zero(&bo->ttm.base.refcount))
			continue;
		spin_unlock(&list->lock);

		detach(bo);
		xe_bo_put(bo);
		cond_resched();

		spin_lock(&list->lock);
	}
	spin_unlock(&list->lock);

	complete(&list->detached);
	drm_dev_put(&xe->drm);
}

/**
 * xe_bo_unplug_save() - Copy exported buffers out of VRAM
 * @xe: the device, execution has stopped and VRAM can be read
 * @stats: @saved, @lost and @busy are added to
 *
 * Whoever imported them is told that they moved. Copies with the CPU. Takes as
 * long as that takes for what is exported, but begins with no buffer any more
 * after two seconds. Not for a device that is dead.
 */
void xe_bo_unplug_save(struct xe_device *xe, struct xe_bo_unplug_stats *stats)
{
	if (!IS_DGFX(xe))
		return;

	stats->save_until = ktime_add_ms(ktime_get(), XE_BO_SAVE_MS);
	walk_bos(xe, save, ktime_add_ms(ktime_get(), XE_BO_UNPLUG_MS), false,
		 stats);
	if (stats->lost)
		drm_warn(&xe->drm, "content of %lu shared buffers in VRAM is lost\n",
			 stats->lost);
}

/**
 * xe_bo_unplug_drop() - Free what nobody can see any more
 * @xe: the device, which accesses no memory any more
 * @stats: what was found is added to
 *
 * Frees the pages of buffers that are neither exported nor mapped by the CPU,
 * and gives imported ones back to their exporter. Costs O(n), and waits at
 * most XE_BO_UNPLUG_MS for locks, for all buffers together, and as long for
 * the exporters.
 */
void xe_bo_unplug_drop(struct xe_device *xe, struct xe_bo_unplug_stats *stats)
{
	unsigned long left = msecs_to_jiffies(XE_BO_UNPLUG_MS);
	unsigned long before = stats->busy;

	drm_dev_get(&xe->drm);
	xe_destroy_wq_queue(&xe->bos.detach);

	walk_bos(xe, drop, ktime_add_ms(ktime_get(), XE_BO_UNPLUG_MS), false,
		 stats);
	if (stats->busy != before) {
		drm_dev_get(&xe->drm);
		xe_destroy_wq_queue(&xe->bos.retry);
	}

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
	INIT_WORK(&xe->bos.retry, retry_work);
	INIT_WORK(&xe->bos.detach, detach_work);
	init_completion(&xe->bos.detached);
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
 * xe_bo_list_del() - Undo xe_bo_list_add(), if it was done
 * @bo: the buffer object, nobody else has a reference
 */
void xe_bo_list_del(struct xe_bo *bo)
{
	struct xe_bo_list *list = &xe_bo_device(bo)->bos;

	spin_lock(&list->lock);
	list_del_init(&bo->unplug_link);
	spin_unlock(&list->lock);
}

#if IS_ENABLED(CONFIG_DRM_XE_KUNIT_TEST)
#include "tests/xe_bo_unplug.c"
#endif
