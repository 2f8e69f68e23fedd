// SPDX-License-Identifier: MIT
/*
 * State vram-mmap: a BO in local memory, mapped and written by the CPU.
 *
 * The mapping leads into the card's BAR. Removal has to take it away and put
 * something readable in its place: a page that still leads there is an access to
 * a device that is gone, or to its successor (audit, "CPU mappings").
 */
#include "common.h"
#include "gone.h"
#include "mem.h"
#include "xe.h"

#define SEED 130

static struct xe xe = { .fd = -1 };
static struct xe_bo bo;
static uint64_t bo_bytes = 1 << 20;

static const struct scn_option options[] = {
	{ "bo-size", &bo_bytes, 4096, 128 << 20, "bytes of the BO" },
	{ 0 }
};

static int setup(const char *device)
{
	int ret = xe_open(&xe, device);

	if (ret)
		return ret;
	scn_step("set-up of the BO");
	ret = xe_bo_create_vram(&xe, &bo, bo_bytes, 0);
	if (ret)
		return ret;
	if (xe_bo_mmap(&xe, &bo))
		return -1;
	mem_fill(bo.map, bo.size, SEED);
	scn_fact("bos", 1);
	scn_fact("vram_bytes", bo.size);
	return mem_check(bo.map, bo.size, SEED, "mapping of the BO");
}

static int verify(void)
{
	return bo.map ? mem_check(bo.map, bo.size, SEED, "mapping of the BO") : 0;
}

static int gone(void)
{
	gone_ioctls(&xe, NULL, &bo);
	if (bo.map)
		gone_readable(bo.map, bo.size, SEED, "bo");
	return 0;
}

static int unmap(void)
{
	return xe_bo_munmap(&bo);
}

static int close_all(void)
{
	int ret = xe_bo_munmap(&bo);

	xe.closing = true;
	ret |= xe_bo_close(&xe, &bo);
	return ret | xe_close(&xe);
}

static const struct scenario scn = {
	.name = "vram-mmap",
	.summary = "a BO in local memory, mapped and written by the CPU",
	.options = options,
	.setup = setup,
	.verify = verify,
	.gone = gone,
	.unmap = unmap,
	.close = close_all,
};
SCENARIO(scn);
