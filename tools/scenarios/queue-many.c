// SPDX-License-Identifier: MIT
/*
 * State queue-many: a great number of queues, each running an endless batch.
 *
 * What a queue costs at removal must not add up: all are to be stopped in one go,
 * with one deadline. The engine takes turns among them, each shows that it runs.
 * `gone`: every fence ends within two seconds, with -ENODEV; one
 * that a reset found before (--reset 1) may end with -ETIME.
 */
#include "common.h"
#include "fence.h"
#include "gone.h"
#include "lanes.h"

static struct xe xe = { .fd = -1 };
static struct work work;
static struct lanes lanes;
static uint64_t count = 200;

static const struct scn_option options[] = {
	{ "count", &count, 1, 900, "number of queues" },
	{ "reset", &lanes.reset, 0, 1, "1: an engine reset may find the batches before the removal does" },
	{ 0 }
};

/* All have shown that they run; a few do it again, one after the other's turn. */
static int verify(void)
{
	for (unsigned int i = 0; i < lanes.opened; i++)
		if (fence_pending(lanes.lane[i].sync_file, "an endless batch"))
			return -1;
	return lanes_run(&lanes);
}

static int setup(const char *device)
{
	int ret = spin_begin(&xe, &work, device);

	if (ret)
		return ret;
	if (lanes_open(&xe, &work, &lanes, count) || lanes_start(&xe, &work, &lanes))
		return -1;
	scn_fact("bo_bytes", lanes.memory.size + work.batch.size);
	scn_fact("queues", lanes.opened);
	scn_fact("jobs", lanes.opened);
	return 0;
}

static int gone(void)
{
	lanes_gone(&lanes);
	gone_ioctls(&xe, &work, &lanes.memory);
	if (lanes.memory.map)
		gone_readable(lanes.memory.map, lanes.memory.size, 0, "batches");
	return 0;
}

static int unmap(void)
{
	return xe_bo_munmap(&lanes.memory);
}

static int close_all(void)
{
	int ret = unmap();

	ret |= lanes_close(&xe, &lanes);
	ret |= work_close(&xe, &work);
	ret |= xe_bo_close(&xe, &lanes.memory);
	return ret | xe_close(&xe);
}

static const struct scenario scn = {
	.name = "queue-many",
	.summary = "a great number of queues, each running an endless batch",
	.options = options,
	SCN_CALLBACKS,
	.unmap = unmap,
};
SCENARIO(scn);
