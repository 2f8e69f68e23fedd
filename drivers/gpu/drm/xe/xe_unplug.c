// SPDX-License-Identifier: MIT

#include "xe_unplug.h"

#include <linux/pci.h>

#include <drm/drm_managed.h>
#include <drm/drm_print.h>

#include "regs/xe_regs.h"
#include "xe_device.h"
#include "xe_dma.h"
#include "xe_ggtt.h"
#include "xe_gt.h"
#include "xe_irq.h"
#include "xe_mmio.h"

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
 * xe_unplug_exit() - End what xe_unplug_enter() began
 * @xe: the device
 * @idx: from xe_unplug_enter()
 */
void xe_unplug_exit(struct xe_device *xe, int idx)
{
	__acquire(&xe->unplug.srcu);
	srcu_read_unlock(&xe->unplug.srcu, idx);
}

/* All ones is no valid answer of either register */
static bool device_answers(struct xe_device *xe)
{
	if (!pci_device_is_present(to_pci_dev(xe->drm.dev)))
		return false;

	return xe_mmio_read32(xe_root_mmio_gt(xe), VF_CAP_REG) != U32_MAX;
}

/**
 * xe_unplug_begin() - The device is about to go
 * @xe: the device
 *
 * First step of the removal. From here on new ioctls fail with -ENODEV and
 * nothing new is started on the device.
 *
 * Asks, once, whether the hardware is still there. If it is not, all access to
 * it is cut off at once, so that nobody further down has to ask again or runs
 * into a timeout.
 */
void xe_unplug_begin(struct xe_device *xe)
{
	struct xe_tile *tile;
	u8 id;

	xe->unplug.begin = ktime_get();
	WRITE_ONCE(xe->unplug.gone, true);
	/* Pairs with the barriers of those who publish, then test */
	smp_mb();

	/* Before any work is signalled, so that no waiter takes it for success */
	wake_up_all(&xe->ufence_wq);

	if (device_answers(xe))
		return;

	WRITE_ONCE(xe->unplug.dead, true);
	WRITE_ONCE(xe->unplug.stopped, true);

	xe_mmio_close(xe);
	for_each_tile(tile, xe, id)
		xe_ggtt_offline(tile->mem.ggtt);
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
static void report(struct xe_device *xe, unsigned int queues, unsigned int lost,
		   const struct xe_dma_stats *dma)
{
	drm_info(&xe->drm,
		 "%s in %lld ms: %u queues killed, %u jobs lost; unmapped %lu buffers (%llu KiB) and %lu userptrs (%llu KiB); still held by %u open files\n",
		 xe_device_dead(xe) ? "surprise unplugged" : "unplugged",
		 ktime_ms_delta(ktime_get(), xe->unplug.begin), queues, lost,
		 dma->maps[XE_DMA_OWNER_BO],
		 dma->pages[XE_DMA_OWNER_BO] << (PAGE_SHIFT - 10),
		 dma->maps[XE_DMA_OWNER_USERPTR],
		 dma->pages[XE_DMA_OWNER_USERPTR] << (PAGE_SHIFT - 10),
		 count_files(xe));
}

/**
 * xe_unplug_stop() - Stop the device and take its memory away
 * @xe: the device, removal has begun and new ioctls are refused
 *
 * The order is what makes it safe, each step relies on the one before only:
 *
 * 1. engines and firmware are reset, whatever they execute
 * 2. interrupts are off
 * 3. bus mastering is off and the last transaction has arrived. No access to
 *    memory from here on, even if a reset has failed
 * 4. work that did not complete is signalled with -ENODEV. Not earlier, as the
 *    memory it used may be reused at once
 * 5. nobody uses what driver unbind is going to free
 * 6. all DMA mappings are undone
 *
 * A dead device has done 1 to 3 by itself. Nothing here waits for userspace or
 * takes a lock that is held while waiting for it.
 */
void xe_unplug_stop(struct xe_device *xe)
{
	struct pci_dev *pdev = to_pci_dev(xe->drm.dev);
	unsigned int queues = 0, lost = 0;
	struct xe_dma_stats dma;
	struct xe_gt *gt;
	u8 id;

	for_each_gt(gt, xe, id)
		xe_gt_unplug_prepare(gt);

	if (!xe_device_dead(xe)) {
		for_each_gt(gt, xe, id)
			xe_gt_unplug_hw(gt);
	}

	xe_irq_unplug(xe);

	if (!xe_device_dead(xe)) {
		pci_clear_master(pdev);
		if (!pci_wait_for_pending_transaction(pdev))
			drm_warn(&xe->drm, "transactions still pending at unplug\n");
	}
	WRITE_ONCE(xe->unplug.stopped, true);

	for_each_gt(gt, xe, id)
		queues += xe_gt_unplug_sw(gt, &lost);

	xe_unplug_wait(xe);
	xe_dma_gate_close(&xe->dma, &dma);

	report(xe, queues, lost, &dma);
}

/**
 * xe_unplug_wait() - Wait for the users of what unbind frees
 * @xe: the device, removal has begun
 *
 * After return nobody is between xe_unplug_enter() and xe_unplug_exit(), and
 * nobody gets there.
 */
void xe_unplug_wait(struct xe_device *xe)
{
	synchronize_srcu(&xe->unplug.srcu);
}
