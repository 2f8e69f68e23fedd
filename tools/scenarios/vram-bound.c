// SPDX-License-Identifier: MIT
/*
 * State vram-bound: BOs in local memory, bound in a VM, seen by the GPU and the CPU.
 *
 * Jobs carry a pattern from system memory to one, to the other and back. The first
 * is mapped by the CPU, the second is private to the VM and seen by nobody else.
 * On a card that is pulled the content is lost; nobody may fault on that.
 */
#include "common.h"
#include "gone.h"
#include "mem.h"
#include "work.h"

#define SEED 140

static struct xe xe = { .fd = -1 };
static struct work work;
static struct xe_bo src, dst, shared, private;
static uint64_t bo_bytes = 1 << 20;

static const struct scn_option options[] = {
	{ "bo-size", &bo_bytes, 4096, 32 << 20, "bytes of each of the four BOs", .whole_pages = true },
	{ 0 }
};

static int bind(struct xe_bo *bo)
{
	struct drm_xe_vm_bind_op op;

	bo->va = xe_va(&xe, bo->size);
	op = xe_op_map(&xe, bo);
	return xe_vm_bind(&xe, work.vm, &op, 1, NULL);
}

static int verify(void)
{
	if (src.map)
		mem_fill(src.map, src.size, SEED);
	if (work_copy(&xe, &work, shared.va, src.va, src.size, "copy into local memory") ||
	    work_copy(&xe, &work, private.va, shared.va, src.size, "copy in local memory") ||
	    work_copy(&xe, &work, dst.va, private.va, src.size, "copy out of local memory"))
		return -1;
	if (shared.map && mem_check(shared.map, shared.size, SEED, "local memory, by the CPU"))
		return -1;
	return dst.map ? mem_check(dst.map, dst.size, SEED, "copy out of local memory") : 0;
}

static int setup(const char *device)
{
	int ret = work_begin(&xe, &work, device);

	if (ret)
		return ret;
	ret = xe_bo_create_vram(&xe, &shared, bo_bytes, 0);
	if (ret)
		return ret;
	if (xe_bo_create_vram(&xe, &private, bo_bytes, work.vm) ||
	    xe_bo_mmap(&xe, &shared) ||
	    bind(&shared) || bind(&private) ||
	    xe_bo_make(&xe, &src, bo_bytes, work.vm) ||
	    xe_bo_make(&xe, &dst, bo_bytes, work.vm) ||
	    verify())
		return -1;
	scn_fact("bos", 5);
	scn_fact("vram_bytes", shared.size + private.size);
	scn_fact("bo_bytes", src.size + dst.size + work.batch.size);
	scn_fact("jobs", work.jobs);
	return 0;
}

static int gone(void)
{
	gone_ioctls(&xe, &work, &shared);
	if (src.map) {
		gone_readable(src.map, src.size, SEED, "source");
		gone_readable(dst.map, dst.size, SEED, "destination");
		gone_readable(shared.map, shared.size, SEED, "local memory");
	}
	return 0;
}

static int unmap(void)
{
	return xe_bo_munmap(&src) | xe_bo_munmap(&dst) | xe_bo_munmap(&shared);
}

static int close_all(void)
{
	return work_end(&xe, &work, &src, &dst, &shared, &private, NULL);
}

static const struct scenario scn = {
	.name = "vram-bound",
	.summary = "BOs in local memory, bound in a VM, seen by the GPU and the CPU",
	.options = options,
	SCN_CALLBACKS,
	.unmap = unmap,
};
SCENARIO(scn);
