// SPDX-License-Identifier: MIT
/*
 * State hang-fault: a CPU fault on a BO that waits for an endless batch.
 *
 *   the batch runs for ever in a VM;
 *   a page in the middle of a userptr of that VM is unbound: what is left of it is
 *   bound again, so the kernel's job for this waits for all jobs of the VM, and its
 *   fence goes to the VM's reservation as one of the kernel's own;
 *   a thread touches the mapping of a BO that is private to the VM, whose
 *   reservation is the VM's: the fault waits for that fence.
 *
 * The fault sleeps inside the section drm_dev_unplug() waits for. It can only end
 * when the batch ends, so a driver that unplugs first and stops the GPU later waits
 * for its own job timeout, or for ever if that is switched off by then. `gone`: the
 * fault has ended, without a signal.
 */
#include <errno.h>
#include <unistd.h>

#include "common.h"
#include "fence.h"
#include "gone.h"
#include "mem.h"
#include "spin.h"
#include "waiter.h"
#include "work.h"

#define PAGE 4096u
#define PAGES 8u

static struct xe xe = { .fd = -1 };
static struct work work;
static struct xe_bo memory, private;
static struct spin spin;
static void *range;
static int batch_file = -1, unbind_file = -1;	/* fences */
static uint64_t reset;

static const struct scn_option options[] = {
	{ "reset", &reset, 0, 1, "1: an engine reset may find the batch before the removal does" },
	{ 0 }
};

static int touch(void *arg)
{
	(void)arg;
	return *(volatile uint32_t *)private.map == 1;
}

static struct waiter fault = { .what = "fault on a BO private to the VM", .call = touch };

static int start_batch(void)
{
	scn_step("submission of the endless batch");
	if (spin_write(&spin, &memory, 0) ||
	    work_submit(&xe, &work, work.queue, spin.va, 0, &batch_file))
		return -1;
	return spin_check(&spin, 1, "endless batch");
}

/* Bind PAGES of the process, take one in the middle away; only the first is waited for. */
static int split_range(void)
{
	uint64_t va = xe_va(&xe, PAGES * PAGE);
	struct drm_xe_vm_bind_op op;
	struct drm_xe_sync sync;

	range = mem_map(PAGES * PAGE);
	if (!range)
		return -1;
	mem_fill(range, PAGES * PAGE, 1);
	op = xe_op_userptr(&xe, range, PAGES * PAGE, va);
	if (xe_vm_bind(&xe, work.vm, &op, 1, NULL) || start_batch())
		return -1;
	op = xe_op_unmap(va + PAGES / 2 * PAGE, PAGE);
	sync = xe_sync_syncobj(work.syncobj);
	if (xe_vm_bind(&xe, work.vm, &op, 1, &sync))
		return -1;
	return xe_syncobj_export(&xe, work.syncobj, &unbind_file);
}

static int verify(void)
{
	if (waiter_ended(&fault, 0))
		return scn_fail("%s has ended after %llu ms", fault.what,
				(unsigned long long)fault.slept_ms);
	if (fence_pending(unbind_file, "the unbind behind the endless batch"))
		return -1;
	return memory.map ? spin_check(&spin, 1, "endless batch") : 0;
}

static int setup(const char *device)
{
	int ret = spin_begin(&xe, &work, device);

	if (ret)
		return ret;
	if (xe_bo_make(&xe, &memory, PAGE, work.vm) ||
	    xe_bo_create(&xe, &private, PAGE, work.vm) ||
	    xe_bo_mmap(&xe, &private) ||
	    split_range() || waiter_start(&fault))
		return -1;
	scn_fact("bo_bytes", memory.size + private.size + work.batch.size);
	scn_fact("userptr_bytes", PAGES * PAGE);
	return 0;
}

static int gone(void)
{
	uint64_t start = scn_now_ms(), end = start + GONE_MS;
	int unbind;

	scn_step("end of the fault");
	if (!waiter_ended(&fault, ms_left(end)))
		scn_fail("%s still sleeps after removal", fault.what);
	else
		scn_fact("fault_slept_ms", fault.slept_ms);
	fence_gone(batch_file, end, reset ? -ETIME : 0, "the endless batch");
	/* Behind a batch that a reset has ended it runs, or shares its fate */
	unbind = fence_wait(unbind_file, end);
	fence_gone(unbind_file, end, reset && unbind == -ETIME ? unbind : 1,
		   "the unbind behind the endless batch");
	gone_ioctls(&xe, &work, &private);
	if (range)
		gone_intact(range, PAGES * PAGE, 1, "userptr");
	return 0;
}

static int unmap(void)
{
	return mem_unmap(&range, PAGES * PAGE, "a bound userptr");
}

static int close_all(void)
{
	int ret;

	if (!xe.gone && memory.map)
		spin_end(&spin);
	scn_step("end of the faulting thread");
	ret = waiter_stop(&fault);
	ret |= unmap();
	ret |= xe_bo_munmap(&memory) | xe_bo_munmap(&private);
	ret |= work_close(&xe, &work);
	ret |= xe_bo_close(&xe, &memory) | xe_bo_close(&xe, &private);
	if (batch_file >= 0)
		close(batch_file);
	if (unbind_file >= 0)
		close(unbind_file);
	batch_file = unbind_file = -1;
	return ret | xe_close(&xe);
}

static const struct scenario scn = {
	.name = "hang-fault",
	.summary = "a CPU fault on a BO that waits for an endless batch",
	.options = options,
	SCN_CALLBACKS,
	.unmap = unmap,
	.user_memory = true,
};
SCENARIO(scn);
