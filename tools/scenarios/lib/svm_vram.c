// SPDX-License-Identifier: MIT
/*
 * Memory of the process that has migrated to the GPU's own, see svm_vram.h.
 */
#include "svm_vram.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "gone.h"
#include "mem.h"
#include "sw_sync.h"
#include "work.h"

#define SEED	170
#define LATE_MS	500	/* in which what must not happen would have happened */
#define BYTES	(2u << 20)
#define MOVE_MS	10000	/* for as long it is tried again to move them; a try is a second on a busy host */

static struct xe xe = { .fd = -1 };
static struct work work;
static struct xe_bo bo;
static struct xe_bo late;	/* to be bound behind a fence */
static int timeline = -1;	/* of that fence */
static uint32_t foreign;
static bool blocked;
static volatile uint64_t bound;	/* what the bind was to set to 1 */
static void *range;	/* the memory: BYTES, aligned */
static uint64_t lost;
static int64_t before;	/* vram_used() without the process's memory */

const struct scn_option svm_vram_options[] = {
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

static int to_vram(void)
{
	uint64_t end = scn_now_ms() + MOVE_MS;
	int64_t moved;
	int ret;

	while ((ret = move(&moved)) > 0 && scn_now_ms() < end)
		if (renew())
			return -1;
	if (ret > 0)
		return scn_fail("%lld of %u bytes are in local memory", (long long)moved, BYTES);
	return ret;
}

static int setup_memory(const char *device)
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
	return to_vram();
}

int svm_vram_setup(const char *device)
{
	return setup_memory(device);
}

/* A bind of the same VM, which its copies of pages wait for. The memory is in VRAM before. */
static int bind_late(void)
{
	struct drm_xe_sync syncs[] = {
		xe_sync_user_fence((uintptr_t)&bound, 1), xe_sync_behind(foreign)
	};
	struct drm_xe_vm_bind_op op;
	int err;

	if (xe_bo_create(&xe, &late, BYTES, work.vm))
		return -1;
	late.va = xe_va(&xe, late.size);
	op = xe_op_map(&xe, &late);
	/* Or a VM that faults would bind it when the GPU asks */
	op.flags |= DRM_XE_VM_BIND_FLAG_IMMEDIATE;
	err = xe_vm_bind_raw(xe.fd, work.vm, &op, 1, syncs, ARRAY_SIZE(syncs));
	if (err)
		return scn_fail_errno(err, "ioctl XE_VM_BIND with an in-fence");
	blocked = true;
	return 0;
}

int svm_vram_setup_blocked(const char *device)
{
	int ret = setup_memory(device);

	ret = ret ? ret : sw_sync_open(&timeline);
	if (ret)
		return ret;
	if (sw_sync_syncobj(timeline, &xe, &foreign) || bind_late())
		return -1;
	return svm_vram_verify();
}

int svm_vram_verify(void)
{
	if (!range || !bo.map)
		return 0;
	/* No job of this VM is done any more */
	if (blocked)
		return bound ? scn_fail("a bind that has to wait is done") : 0;
	return to_vram();
}

int svm_vram_gone(void)
{
	gone_ioctls(&xe, &work, &bo);
	if (range)
		gone_process_memory(range, BYTES, SEED, lost);
	if (!blocked)
		return 0;
	if (sw_sync_advance(timeline))
		return -1;
	scn_step("wait for what comes late");
	scn_sleep_ms(LATE_MS);
	return bound ? scn_fail("a bind that waited for another driver is done after removal") : 0;
}

int svm_vram_unmap(void)
{
	return mem_unmap(&range, BYTES, "process memory");
}

int svm_vram_close(void)
{
	int ret = 0;

	xe.closing = true;
	/* Without its timeline the fence ends */
	if (timeline >= 0)
		close(timeline);
	timeline = -1;
	if (foreign)
		ret = xe_syncobj_destroy(&xe, foreign);
	foreign = 0;
	ret |= work_end(&xe, &work, &bo, &late, NULL);
	return ret | svm_vram_unmap();
}
