// SPDX-License-Identifier: MIT
/*
 * A BO with a CPU mapping, see bo_mmap.h.
 */
#include "bo_mmap.h"

#include "gone.h"
#include "mem.h"
#include "xe.h"

#define SEED 1

static struct xe xe = { .fd = -1 };
static struct xe_bo bo;
static uint64_t bo_bytes = 1 << 20;

const struct scn_option bo_mmap_options[] = {
	{ "bo-size", &bo_bytes, 4096, 1ull << 30, "bytes of the BO", .whole_pages = true },
	{ 0 }
};

static int setup(const char *device, bool in_vram)
{
	int ret = xe_open(&xe, device);

	if (ret)
		return ret;
	scn_step("set-up of the BO");
	ret = in_vram ? xe_bo_create_vram(&xe, &bo, bo_bytes, 0) :
			xe_bo_create(&xe, &bo, bo_bytes, 0);
	if (ret)
		return ret;
	if (xe_bo_mmap(&xe, &bo))
		return -1;
	mem_fill(bo.map, bo.size, SEED);
	scn_fact("bos", 1);
	scn_fact(in_vram ? "vram_bytes" : "bo_bytes", bo.size);
	return mem_check(bo.map, bo.size, SEED, "mapping of the BO");
}

int bo_mmap_setup(const char *device)
{
	return setup(device, false);
}

int bo_mmap_setup_vram(const char *device)
{
	return setup(device, true);
}

int bo_mmap_verify(void)
{
	return bo.map ? mem_check(bo.map, bo.size, SEED, "mapping of the BO") : 0;
}

int bo_mmap_gone(void)
{
	gone_ioctls(&xe, NULL, &bo);
	if (bo.map)
		gone_readable(bo.map, bo.size, SEED, "bo");
	return 0;
}

int bo_mmap_unmap(void)
{
	return xe_bo_munmap(&bo);
}

int bo_mmap_close(void)
{
	int ret = xe_bo_munmap(&bo);

	xe.closing = true;
	ret |= xe_bo_close(&xe, &bo);
	return ret | xe_close(&xe);
}
