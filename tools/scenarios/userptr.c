// SPDX-License-Identifier: MIT
/*
 * State userptr: memory of the process bound in a VM.
 *
 * Two ranges: one from malloc, one from mmap. The GPU copies out of and into both,
 * checked by the CPU. The mmapped one is bound with a user fence. After removal the
 * memory is the process's own: it must keep its content, and munmap must be an
 * ordinary munmap - today it unmaps DMA addresses of a device that is gone.
 */
#include <stdlib.h>
#include <string.h>

#include "common.h"
#include "gone.h"
#include "mem.h"
#include "work.h"

#define SEED 20
#define PAGE 4096u

static struct xe xe = { .fd = -1 };
static struct work work;
static struct xe_bo bo;
static void *heap_block;	/* what malloc gave */
static struct range {
	const char *what;
	void *p;
	uint64_t va;
} heap = { .what = "malloced memory" }, mapped = { .what = "mmapped memory" };
static uint64_t bytes = 1 << 20;

static const struct scn_option options[] = {
	{ "userptr-size", &bytes, PAGE, 64 << 20, "bytes of each of the two ranges", .whole_pages = true },
	{ 0 }
};

static int allocate(void)
{
	heap_block = malloc(bytes + PAGE);
	if (!heap_block)
		return scn_fail("no memory");
	heap.p = (void *)(((uintptr_t)heap_block + PAGE - 1) & ~(uintptr_t)(PAGE - 1));
	mapped.p = mem_map(bytes);
	return mapped.p ? 0 : -1;
}

/* Bind without sync object, and with a user fence the kernel writes. */
static int bind(void)
{
	static uint64_t fence;
	struct drm_xe_sync sync = xe_sync_user_fence((uintptr_t)&fence, 1);
	struct drm_xe_vm_bind_op op;

	heap.va = xe_va(&xe, bytes);
	mapped.va = xe_va(&xe, bytes);
	op = xe_op_userptr(&xe, heap.p, bytes, heap.va);
	if (xe_vm_bind(&xe, work.vm, &op, 1, NULL))
		return -1;
	op = xe_op_userptr(&xe, mapped.p, bytes, mapped.va);
	if (xe_vm_bind(&xe, work.vm, &op, 1, &sync))
		return -1;
	return xe_wait_value(&xe, &fence, 1, WORK_JOB_MS, "bind of a userptr");
}

/* GPU out of the range into the BO, then out of the BO into the range. */
static int copy_both_ways(const struct range *r, uint32_t seed)
{
	mem_fill(r->p, bytes, seed);
	memset(bo.map, 0, bo.size);
	if (work_copy(&xe, &work, bo.va, r->va, bytes, "copy out of a userptr") ||
	    mem_check(bo.map, bytes, seed, "copy out of a userptr"))
		return -1;
	memset(r->p, 0, bytes);
	if (work_copy(&xe, &work, r->va, bo.va, bytes, "copy into a userptr"))
		return -1;
	return mem_check(r->p, bytes, seed, r->what);
}

static int verify(void)
{
	if (!bo.map)
		return 0;
	if (copy_both_ways(&heap, SEED))
		return -1;
	return mapped.p ? copy_both_ways(&mapped, SEED + 1) : 0;
}

static int setup(const char *device)
{
	int ret = work_begin(&xe, &work, device);

	if (ret)
		return ret;
	if (allocate() || xe_bo_make(&xe, &bo, bytes, work.vm) || bind() || verify())
		return -1;
	scn_fact("userptr_bytes", 2 * bytes);
	scn_fact("bo_bytes", bo.size + work.batch.size);
	scn_fact("jobs", work.jobs);
	return 0;
}

static int gone(void)
{
	gone_ioctls(&xe, &work, &bo);
	if (bo.map)
		gone_readable(bo.map, bo.size, SEED, "bo");
	gone_intact(heap.p, bytes, SEED, heap.what);
	if (mapped.p)
		gone_intact(mapped.p, bytes, SEED + 1, mapped.what);
	return 0;
}

/* The malloced range stays: the last one goes with the process. */
static int unmap(void)
{
	return mem_unmap(&mapped.p, bytes, "a bound userptr");
}

static int close_all(void)
{
	int ret = work_end(&xe, &work, &bo, NULL);

	ret |= unmap();
	scn_step("free of a userptr");
	free(heap_block);
	heap_block = NULL;
	return ret;
}

static const struct scenario scn = {
	.name = "userptr",
	.summary = "memory of the process bound in a VM",
	.options = options,
	SCN_CALLBACKS,
	.unmap = unmap,
	.user_memory = true,
};
SCENARIO(scn);
