// SPDX-License-Identifier: MIT
/*
 * State bo-scattered: one small BO bound at a great number of places, far from each other.
 *
 * What it takes is page tables: two for each place, as a table of the last level covers 2 MiB and
 * one of the level above 1 GiB. They belong to the VM, which an open file keeps, and are memory of
 * the system on a GPU without memory of its own. Jobs store through a sample of the places, and the
 * CPU finds all of it in the one BO.
 */
#include "bos.h"
#include "common.h"
#include "gone.h"
#include "work.h"

#include <stdlib.h>

#define SAMPLES 64
#define APART (1ull << 30)
#define TABLES 2

static struct xe xe = { .fd = -1 };
static struct work work;
static struct xe_bo bo, *places;
static uint64_t count = 2500;

static const struct scn_option options[] = {
	{ "count", &count, 1, 100000, "number of places" },
	{ 0 }
};

static unsigned int samples(void)
{
	return count < SAMPLES ? count : SAMPLES;
}

static uint32_t tag(unsigned int i)
{
	return 0x5ca70000u + i;
}

static int bind_all(void)
{
	struct drm_xe_sync sync = xe_sync_syncobj(work.syncobj);
	uint64_t first = (xe_va(&xe, (count + 1) * APART) + APART - 1) & ~(APART - 1);

	places = calloc(count, sizeof(*places));
	if (!places)
		return scn_fail("no memory for %llu places", (unsigned long long)count);
	for (uint64_t i = 0; i < count; i++)
		places[i] = (struct xe_bo){ .handle = bo.handle, .size = bo.size, .va = first + i * APART };
	if (bos_bind(&xe, places, count, work.vm, &sync))
		return -1;
	scn_step("end of all binds");
	return xe_syncobj_wait(&xe, work.syncobj, WORK_JOB_MS, "bind at all places");
}

static int verify(void)
{
	volatile uint32_t *words = bo.map;
	struct batch b;

	batch_begin(&b, work.batch.map, work.batch.size, work.batch.va);
	for (unsigned int i = 0; i < samples(); i++) {
		batch_store(&b, places[i * count / samples()].va + 4 * i, tag(i));
		words[i] = 0;
	}
	if (work_run(&xe, &work, &b, "job through a sample of the places"))
		return -1;
	for (unsigned int i = 0; i < samples(); i++)
		if (words[i] != tag(i))
			return scn_fail("word of sample %u is 0x%08x, not 0x%08x", i, words[i], tag(i));
	return 0;
}

static int setup(const char *device)
{
	int ret = work_begin(&xe, &work, device);

	if (ret)
		return ret;
	if (xe_bo_make(&xe, &bo, xe.min_page, work.vm) || bind_all() || verify())
		return -1;
	/* Tables are BOs of the kernel, and only here in memory of the system */
	scn_fact("bos", 2 + (xe.vram ? 0 : count * TABLES));
	scn_fact("bo_bytes", bo.size + work.batch.size);
	scn_fact("table_bytes", xe.vram ? 0 : count * TABLES * 4096);
	scn_fact("jobs", work.jobs);
	return 0;
}

static int gone(void)
{
	gone_ioctls(&xe, &work, &places[0]);
	gone_readable(bo.map, bo.size, 0, "the BO");
	return 0;
}

static int unmap(void)
{
	return xe_bo_munmap(&bo);
}

static int close_all(void)
{
	return work_end(&xe, &work, NULL) | unmap();
}

static const struct scenario scn = {
	.name = "bo-scattered",
	.summary = "one small BO bound at a great number of places, far from each other",
	.options = options,
	SCN_CALLBACKS,
	.unmap = unmap,
};
SCENARIO(scn);
