// SPDX-License-Identifier: MIT
/*
 * State many-bos: a great number of small BOs bound in a VM.
 *
 * Shows whether removal costs O(n) cheap unmaps or O(n) waits. The BOs are
 * private to the VM (one reservation for all) and bound in batches; a sample of
 * them carries a word each, which a job gathers and the CPU checks.
 */
#include "bos.h"
#include "common.h"
#include "gone.h"
#include "work.h"

#define SAMPLES 64

static struct xe xe = { .fd = -1 };
static struct work work;
static struct xe_bo result, *bos;
static uint64_t count = 10000, bo_bytes = 4096;

static const struct scn_option options[] = {
	{ "count", &count, 1, 1000000, "number of BOs" },
	{ "bo-size", &bo_bytes, 4096, 2 << 20, "bytes of each", .whole_pages = true },
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

static int bind_all(void)
{
	struct drm_xe_sync sync = xe_sync_syncobj(work.syncobj);

	if (bos_bind(&xe, bos, count, work.vm, &sync))
		return -1;
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
	int ret = work_begin(&xe, &work, device);

	if (ret)
		return ret;
	if (bo_bytes % xe.min_page)
		return scn_misuse("--bo-size %llu is not a multiple of %u",
				  (unsigned long long)bo_bytes, xe.min_page);
	if (xe_bo_make(&xe, &result, 4096, work.vm))
		return -1;
	start = scn_now_ms();
	bos = bos_create(&xe, count, bo_bytes, work.vm);
	if (!bos)
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
	return work_end(&xe, &work, NULL) | unmap();
}

static const struct scenario scn = {
	.name = "many-bos",
	.summary = "a great number of small BOs bound in a VM",
	.options = options,
	SCN_CALLBACKS,
	.unmap = unmap,
};
SCENARIO(scn);
