// SPDX-License-Identifier: MIT
/*
 * State userptr-munmapped: a bound userptr whose memory was munmapped.
 *
 * The bind is userspace's to undo: munmap only takes the pages away, the VM
 * lives, and jobs that do not touch the range go on. That holds before removal
 * (checked by jobs after the munmap) and must not trip the removal.
 */
#include "common.h"
#include "gone.h"
#include "mem.h"
#include "work.h"

#define SEED 30
#define PAGE 4096u

static struct xe xe = { .fd = -1 };
static struct work work;
static struct xe_bo src, dst;
static uint64_t bytes = 1 << 20;

static const struct scn_option options[] = {
	{ "userptr-size", &bytes, PAGE, 64 << 20, "bytes of the range", .whole_pages = true },
	{ 0 }
};

/* Bind, show by a copy that the bind works, munmap. */
static int bind_and_munmap(void)
{
	struct drm_xe_vm_bind_op op;
	uint64_t va = xe_va(&xe, bytes);
	void *p = mem_map(bytes);
	int ret;

	if (!p)
		return -1;
	mem_fill(p, bytes, SEED);
	op = xe_op_userptr(&xe, p, bytes, va);
	ret = xe_vm_bind(&xe, work.vm, &op, 1, NULL);
	if (!ret)
		ret = work_copy(&xe, &work, dst.va, va, bytes, "copy out of a userptr");
	if (!ret)
		ret = mem_check(dst.map, bytes, SEED, "copy out of a userptr");
	return mem_unmap(&p, bytes, "a bound userptr") ? -1 : ret;
}

static int verify(void)
{
	if (!src.map)
		return work_copy(&xe, &work, dst.va, src.va, src.size,
				 "copy job after munmap of a userptr");
	return work_copy_check(&xe, &work, &dst, &src, SEED + work.jobs,
			       "copy job after munmap of a userptr");
}

static int setup(const char *device)
{
	int ret = xe_open(&xe, device);

	if (ret)
		return ret;
	if (work_open(&xe, &work, DRM_XE_ENGINE_CLASS_COPY) ||
	    xe_bo_make(&xe, &src, bytes, work.vm) ||
	    xe_bo_make(&xe, &dst, bytes, work.vm) ||
	    bind_and_munmap() ||
	    verify() || verify())
		return -1;
	scn_fact("userptr_bytes", bytes);
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
	.name = "userptr-munmapped",
	.summary = "a bound userptr whose memory was munmapped",
	.options = options,
	SCN_CALLBACKS,
	.unmap = unmap,
};
SCENARIO(scn);
