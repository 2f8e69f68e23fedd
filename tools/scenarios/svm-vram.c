// SPDX-License-Identifier: MIT
/*
 * State svm-vram: memory of the process that has migrated to the GPU's own.
 *
 * The GPU sees memory at the CPU's addresses; what it touches moves to local memory,
 * and comes back when the CPU touches it. Here the CPU does not: when the device goes,
 * the only copy of the process's data is on the card. An orderly removal has to bring
 * it back. Of a card that was pulled nothing can be (--lost 1): then an access is
 * answered by SIGBUS, never by something else than the data, and nobody may wait for
 * the process to give up its pages.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "gone.h"
#include "mem.h"
#include "work.h"

#define SEED	170
#define BYTES	(2u << 20)
#define MOVE_MS	10000	/* for as long it is tried again to move them; a try is a second on a busy host */

static struct xe xe = { .fd = -1 };
static struct work work;
static struct xe_bo bo;
static void *range;	/* the memory: BYTES, aligned */
static uint64_t lost;
static int64_t before;	/* vram_used() without the process's memory */

static const struct scn_option options[] = {
	{ "lost", &lost, 0, 1, "1: the device is dead, its memory cannot be saved" },
	{ 0 }
};

/* Bytes of local memory in use, by all; -1 on error, reported. */
static int64_t vram_used(void)
{
	struct drm_xe_device_query q = { .query = DRM_XE_DEVICE_QUERY_MEM_REGIONS };
	struct drm_xe_query_mem_regions *regions;
	int64_t used = 0;

	if (XE_IOCTL(&xe, XE_DEVICE_QUERY, &q))
		return -1;
	regions = calloc(1, q.size);
	q.data = (uintptr_t)regions;
	if (!regions || XE_IOCTL(&xe, XE_DEVICE_QUERY, &q)) {
		free(regions);
		return -1;
	}
	for (uint32_t i = 0; i < regions->num_mem_regions; i++)
		if (regions->mem_regions[i].mem_class == DRM_XE_MEM_REGION_CLASS_VRAM)
			used += regions->mem_regions[i].used;
	free(regions);
	return used;
}

/* The GPU reads all of it, page by page, which takes it to local memory. 1: not all of it went. */
static int move(int64_t *moved)
{
	int64_t used;

	mem_fill(bo.map, BYTES, 1);
	if (work_copy(&xe, &work, bo.va, (uintptr_t)range, BYTES, "copy out of process memory") ||
	    mem_check(bo.map, BYTES, SEED, "copy out of process memory"))
		return -1;
	used = vram_used();
	if (used < 0)
		return -1;
	*moved = used - before;
	return *moved < BYTES;
}

/*
 * The kernel lets the GPU read pages where they are if something else holds one of them
 * in that moment, be it a CPU's list of pages that are new. Nobody asks again, so it
 * gets new ones then.
 */
static int renew(void)
{
	if (madvise(range, BYTES, MADV_DONTNEED))
		return scn_fail_errno(errno, "madvise");
	mem_fill(range, BYTES, SEED);
	scn_sleep_ms(10);
	before = vram_used();
	return before < 0 ? -1 : 0;
}

static int verify(void)
{
	uint64_t end = scn_now_ms() + MOVE_MS;
	int64_t moved;
	int ret;

	if (!range || !bo.map)
		return 0;
	while ((ret = move(&moved)) > 0 && scn_now_ms() < end)
		if (renew())
			return -1;
	if (ret > 0)
		return scn_fail("%lld of %u bytes are in local memory", (long long)moved, BYTES);
	return ret;
}

static int setup(const char *device)
{
	uint32_t flags = DRM_XE_VM_CREATE_FLAG_LR_MODE | DRM_XE_VM_CREATE_FLAG_FAULT_MODE;
	int ret = xe_open(&xe, device);

	if (ret)
		return ret;
	if (!xe.vram)
		return scn_skip("the GPU has no local memory");
	range = mem_map_aligned(BYTES);
	if (!range)
		return -1;
	mem_fill(range, BYTES, SEED);
	if (work_open_vm(&xe, &work, DRM_XE_ENGINE_CLASS_COPY, flags) ||
	    xe_bo_make(&xe, &bo, BYTES, work.vm))
		return -1;
	before = vram_used();
	ret = before < 0 ? -1 : xe_vm_bind_mirror(&xe, work.vm, range, BYTES);
	if (ret)
		return ret;
	scn_fact("svm_bytes", BYTES);
	scn_fact("bo_bytes", bo.size + work.batch.size);
	return verify();
}

static int gone(void)
{
	gone_ioctls(&xe, &work, &bo);
	if (range)
		gone_process_memory(range, BYTES, SEED, lost);
	return 0;
}

static int unmap(void)
{
	return mem_unmap(&range, BYTES, "process memory");
}

static int close_all(void)
{
	int ret = work_end(&xe, &work, &bo, NULL);

	return ret | unmap();
}

static const struct scenario scn = {
	.name = "svm-vram",
	.summary = "memory of the process that has migrated to local memory",
	.options = options,
	SCN_CALLBACKS,
	.unmap = unmap,
	.user_memory = true,
};
SCENARIO(scn);
