// SPDX-License-Identifier: MIT
/*
 * State many-bos: a great number of small BOs bound in a VM.
 *
 * Shows whether removal costs O(n) cheap unmaps or O(n) waits. The BOs are
 * private to the VM (one reservation for all) and bound in batches; a sample of
 * them carries a word each, which a job gathers and the CPU checks.
 */
#include <stdlib.h>

#include "common.h"
#include "gone.h"
#include "work.h"

#define BINDS_A_CALL 1000
#define SAMPLES 64

static struct xe xe = { .fd = -1 };
static struct work work;
static struct xe_bo result, *bos;
static uint64_t count = 10000, bo_bytes = 4096;

static const struct scn_option options[] = {
	{ "count", &count, 1, 1000000, "number of BOs" },
	{ "bo-size", &bo_bytes, 4096, 2 << 20, "bytes of each, whole pages" },
	{ 0 }
};

static unsigned int samples(void)
{
	return count < SAMPLES ? count : SAMPLES;
}

static struct xe_bo *sample(unsigned int i)
{
	return &bos[i * count / samples()];
}

static uint32_t tag(unsigned int i)
{
	return 0xb0000000u + i;
}

static int create_all(void)
{
	for (uint64_t i = 0; i < count; i++) {
		if (i % BINDS_A_CALL == 0)
			scn_step("creation of BO %llu", (unsigned long long)i);
		if (xe_bo_create(&xe, &bos[i], bo_bytes, work.vm))
			return -1;
		bos[i].va = xe_va(&xe, bo_bytes);
	}
	return 0;
}

static int bind_all(void)
{
	static struct drm_xe_vm_bind_op ops[BINDS_A_CALL];
	struct drm_xe_sync sync = xe_sync_syncobj(work.syncobj);

	for (uint64_t i = 0; i < count; i += BINDS_A_CALL) {
		uint32_t n = count - i < BINDS_A_CALL ? count - i : BINDS_A_CALL;

		for (uint32_t k = 0; k < n; k++)
			ops[k] = xe_op_map(&xe, &bos[i + k]);
		if (xe_vm_bind(&xe, work.vm, ops, n, &sync))
			return -1;
	}
	/* Binds of a VM end in order: the last one speaks for all. */
	scn_step("end of all binds");
	return xe_syncobj_wait(&xe, work.syncobj, WORK_JOB_MS, "bind of all BOs");
}

/* The words come to the BOs by the GPU: no mapping by the CPU is needed. */
static int verify(void)
{
	volatile uint32_t *words = result.map;
	struct batch b;

	batch_begin(&b, work.batch.map, work.batch.size, work.batch.va);
	for (unsigned int i = 0; i < samples(); i++) {
		batch_store(&b, sample(i)->va, tag(i));
		words[i] = 0;
	}
	for (unsigned int i = 0; i < samples(); i++)
		batch_copy_dwords(&b, result.va + 4 * i, sample(i)->va, 4);
	if (work_run(&xe, &work, &b, "job over a sample of the BOs"))
		return -1;
	for (unsigned int i = 0; i < samples(); i++)
		if (words[i] != tag(i))
			return scn_fail("word of sample %u is 0x%08x, not 0x%08x",
					i, words[i], tag(i));
	return 0;
}

static int setup(const char *device)
{
	uint64_t start, created, bound;
	int ret = xe_open(&xe, device);

	if (ret)
		return ret;
	if (bo_bytes % xe.min_page)
		return scn_fail("--bo-size %llu is not a multiple of %u",
				(unsigned long long)bo_bytes, xe.min_page);
	bos = calloc(count, sizeof(*bos));
	if (!bos)
		return scn_fail("no memory for %llu BOs", (unsigned long long)count);
	if (work_open(&xe, &work, DRM_XE_ENGINE_CLASS_COPY) ||
	    xe_bo_make(&xe, &result, 4096, work.vm))
		return -1;
	start = scn_now_ms();
	if (create_all())
		return -1;
	created = scn_now_ms();
	if (bind_all())
		return -1;
	bound = scn_now_ms();
	if (verify())
		return -1;
	scn_fact("bos", count);
	scn_fact("bo_bytes", count * bo_bytes + result.size + work.batch.size);
	scn_fact("jobs", work.jobs);
	scn_fact("create_ms", created - start);
	scn_fact("bind_ms", bound - created);
	return 0;
}

static int gone(void)
{
	gone_ioctls(&xe, &work, &bos[0]);
	if (result.map)
		gone_readable(result.map, result.size, 0, "result");
	return 0;
}

static int unmap(void)
{
	return xe_bo_munmap(&result);
}

/* The BOs themselves go with the file: closing handles one by one tests nothing. */
static int close_all(void)
{
	int ret = unmap();

	ret |= work_close(&xe, &work);
	return ret | xe_close(&xe);
}

static const struct scenario scn = {
	.name = "many-bos",
	.summary = "a great number of small BOs bound in a VM",
	.options = options,
	.setup = setup,
	.verify = verify,
	.gone = gone,
	.unmap = unmap,
	.close = close_all,
};
SCENARIO(scn);
