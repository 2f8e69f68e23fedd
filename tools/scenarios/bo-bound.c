// SPDX-License-Identifier: MIT
/*
 * State bo-bound: BOs bound in a VM, seen by the GPU and by the CPU.
 *
 * A copy job moves a pattern from one to the other, so page tables, a queue and a
 * command buffer are there too. The bind is asynchronous with a sync object.
 */
#include "common.h"
#include "gone.h"
#include "mem.h"
#include "work.h"

#define SEED 2

static struct xe xe = { .fd = -1 };
static struct work work;
static struct xe_bo src, dst;
static uint64_t bo_bytes = 1 << 20;

static const struct scn_option options[] = {
	{ "bo-size", &bo_bytes, 4096, 64 << 20, "bytes of each of the two BOs", .whole_pages = true },
	{ 0 }
};

/* Both binds in one call, waited for by sync object. */
static int bind(void)
{
	struct drm_xe_sync sync = xe_sync_syncobj(work.syncobj);
	struct drm_xe_vm_bind_op ops[2];

	src.va = xe_va(&xe, src.size);
	dst.va = xe_va(&xe, dst.size);
	ops[0] = xe_op_map(&xe, &src);
	ops[1] = xe_op_map(&xe, &dst);
	if (xe_vm_bind(&xe, work.vm, ops, 2, &sync))
		return -1;
	return xe_syncobj_wait(&xe, work.syncobj, WORK_JOB_MS, "bind of two BOs");
}

static int verify(void)
{
	if (!src.map)
		return work_copy(&xe, &work, dst.va, src.va, src.size, "copy job");
	return work_copy_check(&xe, &work, &dst, &src, SEED, "copy job");
}

static int setup(const char *device)
{
	int ret = xe_open(&xe, device);

	if (ret)
		return ret;
	if (work_open(&xe, &work, DRM_XE_ENGINE_CLASS_COPY) ||
	    xe_bo_make(&xe, &src, bo_bytes, 0) ||
	    xe_bo_make(&xe, &dst, bo_bytes, 0) ||
	    bind() || verify())
		return -1;
	scn_fact("bos", 3);
	scn_fact("bo_bytes", src.size + dst.size + work.batch.size);
	scn_fact("jobs", work.jobs);
	return 0;
}

static int gone(void)
{
	gone_ioctls(&xe, &work, &src);
	if (src.map) {
		gone_readable(src.map, src.size, SEED, "source");
		gone_readable(dst.map, dst.size, SEED, "destination");
	}
	return 0;
}

static int unmap(void)
{
	return xe_bo_munmap(&src) | xe_bo_munmap(&dst);
}

static int close_all(void)
{
	return work_end(&xe, &work, &src, &dst, NULL);
}

static const struct scenario scn = {
	.name = "bo-bound",
	.summary = "BOs bound in a VM, seen by the GPU and by the CPU",
	.options = options,
	SCN_CALLBACKS,
	.unmap = unmap,
};
SCENARIO(scn);
