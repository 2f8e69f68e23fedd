// SPDX-License-Identifier: MIT
/*
 * State preempt-vm: a long-running VM, its queue busy for ever, userptrs bound.
 *
 * Jobs of such a VM have no fence that anybody could wait for. When memory is to
 * move the kernel asks for a preempt fence instead: the queue is suspended, the
 * rebind worker maps the memory again and resumes it. Each `verify` makes the
 * kernel do that (MADV_DONTNEED on a bound range, which then gets new pages) and
 * sees the batch run on, over the new pages. The batch stores to one page of the
 * process without end, so whoever gives that back before the batch has stopped shows.
 * After removal nobody may resume anything, and munmap of the ranges is an ordinary
 * munmap.
 */
#include <errno.h>
#include <sys/mman.h>

#include "common.h"
#include "gone.h"
#include "mem.h"
#include "spin.h"
#include "work.h"

#define SEED 70
#define PAGE 4096u

static struct xe xe = { .fd = -1 };
static struct work work, busy;		/* two queues; busy has a VM of its own */
static struct xe_bo memory, bo;
static struct spin spin;
static void *range;			/* bound in both VMs */
static void *target;			/* a page of the busy VM that its batch stores to */
static uint64_t bytes = 256 << 10;
static uint64_t va, busy_va, target_va;

static const struct scn_option options[] = {
	{ "userptr-size", &bytes, PAGE, 64 << 20, "bytes of the range", .whole_pages = true },
	{ 0 }
};

static int map_range(void)
{
	struct drm_xe_vm_bind_op op;

	range = mem_map(bytes);
	if (!range)
		return -1;
	mem_fill(range, bytes, SEED);
	va = xe_va(&xe, bytes);
	busy_va = xe_va(&xe, bytes);
	op = xe_op_userptr(&xe, range, bytes, va);
	if (xe_vm_bind(&xe, work.vm, &op, 1, NULL))
		return -1;
	op = xe_op_userptr(&xe, range, bytes, busy_va);
	if (xe_vm_bind(&xe, busy.vm, &op, 1, NULL))
		return -1;
	target = mem_map(PAGE);
	if (!target)
		return -1;
	target_va = xe_va(&xe, PAGE);
	op = xe_op_userptr(&xe, target, PAGE, target_va);
	return xe_vm_bind(&xe, busy.vm, &op, 1, NULL);
}

/* New pages under the range: both VMs must follow, the busy one by preemption. */
static int move_range(uint32_t seed)
{
	scn_step("new pages for a bound range");
	if (madvise(target, PAGE, MADV_DONTNEED) || madvise(range, bytes, MADV_DONTNEED))
		return scn_fail_errno(errno, "madvise of a bound userptr");
	mem_fill(range, bytes, seed);
	if (spin_check(&spin, 1, "endless batch of a long-running VM"))
		return -1;
	if (work_copy(&xe, &work, bo.va, va, bytes, "copy out of a userptr, long-running"))
		return -1;
	return mem_check(bo.map, bytes, seed, "copy out of a userptr, long-running");
}

static int verify(void)
{
	static uint32_t round;

	if (!range || !target || !bo.map || !memory.map)
		return 0;
	return move_range(SEED + ++round) || move_range(SEED) ? -1 : 0;
}

static int setup(const char *device)
{
	uint32_t flags = DRM_XE_VM_CREATE_FLAG_LR_MODE;
	struct drm_xe_sync sync;
	int ret = xe_open(&xe, device);

	if (ret)
		return ret;
	if (work_open_vm(&xe, &work, DRM_XE_ENGINE_CLASS_COPY, flags) ||
	    work_open_vm(&xe, &busy, DRM_XE_ENGINE_CLASS_COPY, flags) ||
	    xe_bo_make(&xe, &bo, bytes, work.vm) ||
	    xe_bo_make(&xe, &memory, PAGE, busy.vm) ||
	    map_range() || spin_write_to(&spin, &memory, 0, target_va))
		return -1;
	scn_step("submission of the endless batch");
	sync = xe_sync_user_fence(memory.va + PAGE - 8, 1);
	if (xe_exec(&xe, busy.queue, spin.va, &sync) ||
	    spin_check(&spin, 1, "endless batch of a long-running VM") ||
	    verify())
		return -1;
	scn_fact("userptr_bytes", bytes + PAGE);
	scn_fact("bo_bytes", bo.size + memory.size + work.batch.size + busy.batch.size);
	scn_fact("jobs", work.jobs + 1);
	return 0;
}

static int gone(void)
{
	gone_ioctls(&xe, &work, &bo);
	gone_more_work(&xe, &busy);
	if (bo.map)
		gone_readable(bo.map, bo.size, SEED, "bo");
	if (range)
		gone_intact(range, bytes, SEED, "userptr");
	return 0;
}

static int unmap(void)
{
	int ret = mem_unmap(&target, PAGE, "a page that the GPU stores to");

	return mem_unmap(&range, bytes, "a bound userptr") || ret ? -1 : 0;
}

static int close_all(void)
{
	int ret = work_close(&xe, &busy);

	ret |= work_end(&xe, &work, &bo, &memory, NULL);
	return ret | unmap();
}

static const struct scenario scn = {
	.name = "preempt-vm",
	.summary = "a long-running VM with preempt fences, busy, userptrs bound",
	.options = options,
	SCN_CALLBACKS,
	.unmap = unmap,
	.user_memory = true,
};
SCENARIO(scn);
