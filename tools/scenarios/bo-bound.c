// SPDX-License-Identifier: MIT
/*
 * State bo-bound: BOs bound in a VM, seen by the GPU and by the CPU.
 *
 * A copy job moves a pattern from one to the other, so page tables, a queue and a
 * command buffer are there too. The bind is asynchronous with a sync object.
 */
#include "common.h"
#include "pair.h"

#define SEED 2

static struct xe xe = { .fd = -1 };
static struct work work;
static struct pair pair;
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

	pair.src.va = xe_va(&xe, pair.src.size);
	pair.dst.va = xe_va(&xe, pair.dst.size);
	ops[0] = xe_op_map(&xe, &pair.src);
	ops[1] = xe_op_map(&xe, &pair.dst);
	if (xe_vm_bind(&xe, work.vm, ops, 2, &sync))
		return -1;
	return xe_syncobj_wait(&xe, work.syncobj, WORK_JOB_MS, "bind of two BOs");
}

static int verify(void)
{
	return pair_copy(&xe, &work, &pair, SEED, "copy job");
}

static int setup(const char *device)
{
	int ret = work_begin(&xe, &work, device);

	if (ret)
		return ret;
	if (pair_make(&xe, &pair, bo_bytes, 0) || bind() || verify())
		return -1;
	scn_fact("bos", 3);
	scn_fact("bo_bytes", pair.src.size + pair.dst.size + work.batch.size);
	scn_fact("jobs", work.jobs);
	return 0;
}

static int gone(void)
{
	pair_gone(&xe, &work, &pair, SEED);
	return 0;
}

static int unmap(void)
{
	return pair_munmap(&pair);
}

static int close_all(void)
{
	return pair_end(&xe, &work, &pair);
}

static const struct scenario scn = {
	.name = "bo-bound",
	.summary = "BOs bound in a VM, seen by the GPU and by the CPU",
	.options = options,
	SCN_CALLBACKS,
	.unmap = unmap,
};
SCENARIO(scn);
