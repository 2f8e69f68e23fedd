// SPDX-License-Identifier: MIT

#include "xe_unplug.h"

#include <kunit/static_stub.h>

#include <linux/pci.h>

#include <drm/drm_drv.h>
#include <drm/drm_managed.h>
#include <drm/drm_print.h>

#include "xe_bo_unplug.h"
#include "xe_device.h"
#include "xe_dma.h"
#include "xe_ggtt.h"
#include "xe_gt.h"
#include "xe_irq.h"
#include "xe_map.h"
#include "xe_migrate.h"
#include "xe_mmio.h"
#include "xe_oa.h"

/* How long copies between kinds of memory may take to end, for all together */
#define COPY_MS		1000

static void unplug_fini(struct drm_device *drm, void *arg)
{
	struct xe_device *xe = arg;

	cleanup_srcu_struct(&xe->unplug.srcu);
}

/**
 * xe_unplug_init() - Prepare a new device for its removal
 * @xe: the device, before anything else can use it
 *
 * Return: 0 or a negative error code.
 */
int xe_unplug_init(struct xe_device *xe)
{
	int err;

	err = init_srcu_struct(&xe->unplug.srcu);
	if (err)
		return err;

	return drmm_add_action_or_reset(&xe->drm, unplug_fini, xe);
}

/**
 * xe_unplug_enter() - Keep the parts of the device that unbind frees
 * @xe: the device
 * @idx: to be given to xe_unplug_exit()
 *
 * Between this and xe_unplug_exit() the removal of the device does not get as
 * far as freeing what belongs to the driver, such as the migration queue and
 * the batch buffer pools. The caller may sleep, but must not wait for anything
 * that userspace controls, as the removal waits for it.
 *
 * Return: true, or false when the removal has begun. xe_unplug_exit() must not
 * be called then.
 */
bool xe_unplug_enter(struct xe_device *xe, int *idx)
{
	*idx = srcu_read_lock(&xe->unplug.srcu);

	if (xe_device_gone(xe)) {
		srcu_read_unlock(&xe->unplug.srcu, *idx);
		return false;
	}

	/* sparse does not know sections that are entered conditionally */
	__release(&xe->unplug.srcu);

	return true;
}

/**
 * xe_unplug_enter_hw() - Keep the parts of the device that its execution needs
 * @xe: the device
 * @idx: to be given to xe_unplug_exit()
 *
 * Like xe_unplug_enter(), but succeeds for as long as the device may execute
 * and access memory. For those who take memory away from it.
 *
 * Return: true, or false when the device has stopped. xe_unplug_exit() must
 * not be called then.
 */
bool xe_unplug_enter_hw(struct xe_device *xe, int *idx)
{
	*idx = srcu_read_lock(&xe->unplug.srcu);

	if (xe_device_stopped(xe)) {
		srcu_read_unlock(&xe->unplug.srcu, *idx);
		return false;
	}

	__release(&xe->unplug.srcu);

	return true;
}

/**
 * xe_unplug_exit() - End what xe_unplug_enter() or xe_unplug_enter_hw() began
 * @xe: the device
 * @idx: from xe_unplug_enter()
 */
void xe_unplug_exit(struct xe_device *xe, int idx)
{
	__acquire(&xe->unplug.srcu);
	srcu_read_unlock(&xe->unplug.srcu, idx);
}

/* The device can access memory as long as it is a bus master */
static void stop_bus_master(struct xe_device *xe)
{
	struct pci_dev *pdev = to_pci_dev(xe->drm.dev);

	KUNIT_STATIC_STUB_REDIRECT(stop_bus_master, xe);

	pci_clear_master(pdev);
	/* What has gone meanwhile reads as if it would never be done */
	if (xe_unplug_present(xe) && !pci_wait_for_pending_transaction(pdev))
		drm_warn(&xe->drm, "transactions still pending at unplug\n");
}

/**
 * xe_unplug_present() - Is the device on the bus?
 * @xe: the device
 *
 * Asks its configuration space. May be called in atomic context.
 *
 * Return: true if it answers there.
 */
bool xe_unplug_present(struct xe_device *xe)
{
	KUNIT_STATIC_STUB_REDIRECT(xe_unplug_present, xe);

	return pci_device_is_present(to_pci_dev(xe->drm.dev));
}

/**
 * xe_unplug_check() - Is the device still there?
 * @xe: the device, whose removal has begun
 *
 * It can disappear while it is being removed as well, so this is asked again
 * where the answer saves time. If there is nothing, all access to it is cut off
 * at once, so that nobody further down has to ask again or runs into a timeout.
 *
 * For the removal only, as it ends what a new binding would need. May sleep.
 *
 * Return: true if it answers, false if it is dead.
 */
bool xe_unplug_check(struct xe_device *xe)
{
	struct xe_tile *tile;
	bool present;
	u8 id;

	if (xe_device_dead(xe))
		return false;

	/* Registers can be gone from a device that is on the bus */
	present = xe_unplug_present(xe);
	if (present && xe_mmio_answers(xe))
		return true;

	WRITE_ONCE(xe->unplug.dead, true);
	xe_mmio_close(xe);
	for_each_tile(tile, xe, id)
		xe_ggtt_offline(tile->mem.ggtt);

	/* On the bus, but its registers are not: it may still access memory */
	if (present)
		stop_bus_master(xe);

	return false;
}

/**
 * xe_unplug_begin() - The device is about to go
 * @xe: the device
 *
 * First step of the removal. From here on new ioctls fail with -ENODEV and
 * nothing new is started on the device.
 *
 * Asks whether the hardware is still there, see xe_unplug_check().
 */
void xe_unplug_begin(struct xe_device *xe)
{
	KUNIT_STATIC_STUB_REDIRECT(xe_unplug_begin, xe);

	xe->unplug.begin = ktime_get();
	WRITE_ONCE(xe->unplug.gone, true);
	/* Pairs with the barriers of those who publish, then test */
	smp_mb();

	/* Before any work is signalled, so that no waiter takes it for success */
	wake_up_all(&xe->ufence_wq);
	xe_oa_unplug(xe);

	xe_unplug_check(xe);
}

/*
 * Nobody can begin a copy or clear of memory any more. Those that were begun
 * need not be cut off, unless they wait for a job that has to be.
 */
static void finish_copies(struct xe_device *xe)
{
	unsigned long end = jiffies + msecs_to_jiffies(COPY_MS);
	struct xe_tile *tile;
	u8 id;

	if (!IS_DGFX(xe))
		return;

	for_each_tile(tile, xe, id) {
		long left = end - jiffies;

		if (tile->migrate && left > 0)
			xe_migrate_wait_timeout(tile->migrate, left);
	}
}

/**
 * xe_unplug_halt() - Stop execution and give up all work
 * @xe: the device, after xe_unplug_begin()
 *
 * Lets copies of memory come to their end, for a second at most. Then resets
 * engines and firmware of all GTs, whatever they execute. If that fails, takes
 * them off the bus, and has driver unbind reset the function. Then signals all
 * work that did not complete with -ENODEV. Not earlier, as the memory it used
 * may be reused at once.
 * VRAM can still be read then; what others share of it is copied, unless the
 * device has disappeared by now.
 *
 * Comes before everything in the removal that waits for the users of the
 * device, as they may wait for a fence, for which nobody but this will care
 * now. Display keeps running.
 */
void xe_unplug_halt(struct xe_device *xe)
{
	bool silent = true;
	struct xe_gt *gt;
	u8 id;

	KUNIT_STATIC_STUB_REDIRECT(xe_unplug_halt, xe);

	if (!xe_device_dead(xe))
		finish_copies(xe);

	for_each_gt(gt, xe, id)
		xe_gt_unplug_prepare(gt);

	if (xe_unplug_check(xe)) {
		for_each_gt(gt, xe, id)
			if (xe_gt_unplug_hw(gt))
				silent = false;
		if (!silent) {
			stop_bus_master(xe);
			/* Nor go on when the next driver lets it */
			xe->needs_flr_on_fini = true;
		}
	}
	WRITE_ONCE(xe->unplug.stopped, true);

	for_each_gt(gt, xe, id)
		xe->unplug.queues += xe_gt_unplug_sw(gt, &xe->unplug.lost);

	if (xe_unplug_check(xe))
		xe_bo_unplug_save(xe, &xe->unplug.bos);
}

static unsigned int count_files(struct xe_device *xe)
{
	unsigned int count;

	mutex_lock(&xe->drm.filelist_mutex);
	count = list_count_nodes(&xe->drm.filelist);
	mutex_unlock(&xe->drm.filelist_mutex);

	return count;
}

/* The answer to "who was using it, and who still has it open?" in one line */
static void report(struct xe_device *xe, const struct xe_dma_stats *dma)
{
	const struct xe_bo_unplug_stats *bos = &xe->unplug.bos;

	drm_info(&xe->drm,
		 "%s in %lld ms: %u queues killed, %u jobs lost; unmapped %lu buffers (%llu KiB) and %lu userptrs (%llu KiB); freed %llu KiB; still held by %u open files, %lu shared or mapped buffers (%llu KiB)\n",
		 xe_device_dead(xe) ? "surprise unplugged" : "unplugged",
		 ktime_ms_delta(ktime_get(), xe->unplug.begin),
		 xe->unplug.queues, xe->unplug.lost,
		 dma->maps[XE_DMA_OWNER_BO],
		 dma->pages[XE_DMA_OWNER_BO] << (PAGE_SHIFT - 10),
		 dma->maps[XE_DMA_OWNER_USERPTR],
		 dma->pages[XE_DMA_OWNER_USERPTR] << (PAGE_SHIFT - 10),
		 bos->freed << (PAGE_SHIFT - 10), count_files(xe), bos->kept,
		 bos->kept_pages << (PAGE_SHIFT - 10));

	if (bos->lost && !xe_device_dead(xe))
		drm_warn(&xe->drm, "content of %lu shared buffers in VRAM is lost\n",
			 bos->lost);
	if (bos->attached)
		drm_warn(&xe->drm, "an exporter does not take its buffers back\n");
	if (bos->busy)
		drm_warn(&xe->drm, "%lu buffers are locked and stay for now\n",
			 bos->busy);
}

/**
 * xe_unplug_finish() - Take the device's memory away
 * @xe: the device, after xe_unplug_halt() and with display gone
 *
 * With interrupts and bus mastering off and the last transaction arrived there
 * is no access to memory any more. Then waits for those who use what driver
 * unbind is going to free, undoes all DMA mappings, cuts the kernel's own maps
 * off, and frees the memory nobody can see any more.
 *
 * Nothing here waits for userspace or takes a lock that is held while waiting
 * for it.
 */
void xe_unplug_finish(struct xe_device *xe)
{
	struct xe_dma_stats dma;

	KUNIT_STATIC_STUB_REDIRECT(xe_unplug_finish, xe);

	/* What the display had pinned until now */
	if (xe->info.probe_display && xe_unplug_check(xe))
		xe_bo_unplug_save(xe, &xe->unplug.bos);

	xe_irq_unplug(xe);

	if (!xe_device_dead(xe))
		stop_bus_master(xe);

	xe_unplug_wait(xe);
	xe_dma_gate_close(&xe->dma, &dma);
	/* Maps of stolen memory go with devres, no driver code sees when */
	xe_map_close(xe);
	xe_bo_unplug_drop(xe, &xe->unplug.bos);

	/* A probe that failed had no users to tell about */
	if (drm_dev_is_unplugged(&xe->drm))
		report(xe, &dma);
}

/**
 * xe_unplug_wait() - Wait for the users of what unbind frees
 * @xe: the device, removal has begun
 *
 * After return nobody is between xe_unplug_enter() or xe_unplug_enter_hw() and
 * xe_unplug_exit(), and nobody gets there.
 */
void xe_unplug_wait(struct xe_device *xe)
{
	KUNIT_STATIC_STUB_REDIRECT(xe_unplug_wait, xe);

	synchronize_srcu(&xe->unplug.srcu);
}

#if IS_ENABLED(CONFIG_DRM_XE_KUNIT_TEST)
#include "tests/xe_unplug.c"
#include "tests/xe_unplug_late.c"
#endif
