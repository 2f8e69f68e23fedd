// SPDX-License-Identifier: MIT
/*
 * State queue-idle: queues whose jobs have all ended.
 *
 * Twenty copies on a copy engine (blitter) and twenty on a compute engine (by
 * dwords), each checked; then nothing runs, but the contexts stay registered
 * with the GuC. A device without compute engine does the copy engine only.
 */
#include "common.h"
#include "gone.h"
#include "mem.h"
#include "pair.h"

#define SEED 10

static struct xe xe = { .fd = -1 };
static struct lane {
	int class;
	uint64_t bytes;
	const char *what, *fact;
	struct work work;
	struct pair pair;
	bool used;
} lanes[] = {
	{
		.class = DRM_XE_ENGINE_CLASS_COPY,
		.bytes = 256 << 10,
		.what = "copy job on a copy engine",
		.fact = "copy_bo",
	}, {
		.class = DRM_XE_ENGINE_CLASS_COMPUTE,
		.bytes = 4096,
		.what = "copy job on a compute engine",
		.fact = "compute_bo",
	},
};
static uint64_t jobs = 20;

static const struct scn_option options[] = {
	{ "jobs", &jobs, 1, 100000, "number of jobs for each engine" },
	{ 0 }
};

static int copy(struct lane *l, uint32_t seed)
{
	return pair_copy(&xe, &l->work, &l->pair, seed, l->what);
}

static int setup_lane(struct lane *l)
{
	l->used = true;
	if (work_open(&xe, &l->work, l->class) ||
	    pair_make(&xe, &l->pair, l->bytes, l->work.vm))
		return -1;
	for (uint64_t i = 0; i < jobs; i++)
		if (copy(l, SEED + i))
			return -1;
	return 0;
}

static int setup(const char *device)
{
	unsigned int done = 0, queues = 0;
	uint64_t bytes = 0;
	int ret = xe_open(&xe, device);

	if (ret)
		return ret;
	for (size_t i = 0; i < ARRAY_SIZE(lanes); i++) {
		struct lane *l = &lanes[i];

		if (!xe_engine(&xe, l->class))
			continue;
		if (setup_lane(l))
			return -1;
		done += l->work.jobs;
		queues++;
		bytes += l->pair.src.size + l->pair.dst.size + l->work.batch.size;
	}
	if (!queues)
		return scn_fail("the device has neither copy nor compute engine");
	scn_fact("bo_bytes", bytes);
	scn_fact("jobs", done);
	scn_fact("queues", queues);
	return 0;
}

static int verify(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(lanes); i++)
		if (lanes[i].used && copy(&lanes[i], SEED))
			return -1;
	return 0;
}

static int gone(void)
{
	bool first = true;

	for (size_t i = 0; i < ARRAY_SIZE(lanes); i++) {
		struct lane *l = &lanes[i];

		if (!l->used)
			continue;
		if (first)
			gone_ioctls(&xe, &l->work, &l->pair.src);
		else
			gone_more_work(&xe, &l->work);
		first = false;
		if (l->pair.dst.map)
			gone_readable(l->pair.dst.map, l->pair.dst.size, SEED, l->fact);
	}
	return 0;
}

static int unmap(void)
{
	int ret = 0;

	for (size_t i = 0; i < ARRAY_SIZE(lanes); i++)
		ret |= pair_munmap(&lanes[i].pair);
	return ret;
}

static int close_all(void)
{
	int ret = unmap();

	xe.closing = true;
	for (size_t i = 0; i < ARRAY_SIZE(lanes); i++) {
		struct lane *l = &lanes[i];

		if (!l->used)
			continue;
		ret |= work_close(&xe, &l->work);
		ret |= xe_bo_close(&xe, &l->pair.src);
		ret |= xe_bo_close(&xe, &l->pair.dst);
	}
	return ret | xe_close(&xe);
}

static const struct scenario scn = {
	.name = "queue-idle",
	.summary = "queues whose jobs have all ended",
	.options = options,
	SCN_CALLBACKS,
	.unmap = unmap,
};
SCENARIO(scn);
