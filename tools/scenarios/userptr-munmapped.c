// SPDX-License-Identifier: MIT
/*
 * State userptr-munmapped: a bound userptr whose memory was munmapped.
 *
 * The bind is userspace's to undo: munmap only takes the pages away, the VM
 * lives, and jobs that do not touch the range go on. That holds before removal
 * (checked by jobs after the munmap) and must not trip the removal.
 */
#include "common.h"
#include "mem.h"
#include "pair.h"

#define SEED 30
#define PAGE 4096u

static struct xe xe = { .fd = -1 };
static struct work work;
static struct pair pair;
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
		ret = work_copy(&xe, &work, pair.dst.va, va, bytes, "copy out of a userptr");
	if (!ret)
		ret = mem_check(pair.dst.map, bytes, SEED, "copy out of a userptr");
	return mem_unmap(&p, bytes, "a bound userptr") ? -1 : ret;
}

static int verify(void)
{
	return pair_copy(&xe, &work, &pair, SEED + work.jobs, "copy job after munmap of a userptr");
}

static int setup(const char *device)
{
	int ret = work_begin(&xe, &work, device);

	if (ret)
		return ret;
	if (pair_make(&xe, &pair, bytes, work.vm) || bind_and_munmap() ||
	    verify() || verify())
		return -1;
	scn_fact("userptr_bytes", bytes);
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
	.name = "userptr-munmapped",
	.summary = "a bound userptr whose memory was munmapped",
	.options = options,
	SCN_CALLBACKS,
	.unmap = unmap,
};
SCENARIO(scn);
