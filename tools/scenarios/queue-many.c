// SPDX-License-Identifier: MIT
/*
 * State queue-many: a great number of queues, each running an endless batch.
 *
 * What a queue costs at removal must not add up: all are to be stopped in one go,
 * with one deadline. The engine takes turns among them, each shows that it runs.
 * `gone`: every fence ends within two seconds, with -ENODEV.
 */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "common.h"
#include "fence.h"
#include "gone.h"
#include "spin.h"
#include "work.h"

#define BURST 20	/* queues that are started in one go */

static struct xe xe = { .fd = -1 };
static struct work work;
static struct xe_bo memory;	/* of all batches */
static uint64_t count = 200;
static struct lane {
	uint32_t queue;
	int sync_file;
} *lanes;
static struct spin *spins;
static unsigned int opened;

static const struct scn_option options[] = {
	{ "count", &count, 1, 900, "number of queues" },
	{ 0 }
};

/* A file descriptor each: a program may have 1024. */
static int start(struct lane *l, const struct spin *s)
{
	struct drm_xe_sync sync = xe_sync_syncobj(work.syncobj);

	if (xe_queue_create(&xe, work.vm, DRM_XE_ENGINE_CLASS_COPY, &l->queue) ||
	    xe_exec(&xe, l->queue, s->va, &sync) ||
	    xe_syncobj_export(&xe, work.syncobj, &l->sync_file))
		return -1;
	opened++;
	return 0;
}

/* All have shown that they run; a few do it again, one after the other's turn. */
static int verify(void)
{
	for (unsigned int i = 0; i < opened; i++) {
		int status;

		if (fence_status(lanes[i].sync_file, &status))
			return -1;
		if (status)
			return scn_fail("the fence of queue %u of %u has status %d", i, opened, status);
	}
	if (!memory.map)
		return 0;
	for (unsigned int i = 0; i < opened; i += opened / 4 + 1)
		if (spin_check(&spins[i], 1, "endless batch of queue"))
			return -1;
	return 0;
}

static int setup(const char *device)
{
	uint64_t bytes = (count * SPIN_BYTES + 4095) / 4096 * 4096;
	unsigned long long timeout;
	int ret = xe_open(&xe, device);

	if (ret)
		return ret;
	timeout = spin_raise_timeout(&xe);
	lanes = calloc(count, sizeof(*lanes));
	spins = calloc(count, sizeof(*spins));
	if (!lanes || !spins)
		return scn_fail("no memory for %llu queues", (unsigned long long)count);
	if (work_open(&xe, &work, DRM_XE_ENGINE_CLASS_COPY) ||
	    xe_bo_make(&xe, &memory, bytes, work.vm))
		return -1;
	for (unsigned int i = 0; i < count; i++) {
		if (i % BURST == 0) {
			/* A flood of new contexts keeps some waiting for the firmware for too long. */
			if (i && spin_check(spins + i - BURST, BURST, "endless batch of queue"))
				return -1;
			scn_step("start of queue %u", i);
		}
		if (spin_write(&spins[i], &memory, i) || start(&lanes[i], &spins[i]))
			return -1;
	}
	if (spin_check(spins, opened, "endless batch of queue"))
		return -1;
	scn_fact("bo_bytes", memory.size + work.batch.size);
	scn_fact("queues", opened);
	scn_fact("jobs", opened);
	scn_fact("job_timeout_ms", timeout);
	return 0;
}

static int gone(void)
{
	uint64_t start_ms = scn_now_ms(), end = start_ms + GONE_MS;

	for (unsigned int i = 0; i < opened; i++)
		fence_gone(lanes[i].sync_file, end, false, "an endless batch");
	scn_fact("fences_ms", scn_now_ms() - start_ms);
	gone_ioctls(&xe, &work, &memory);
	if (memory.map)
		gone_readable(memory.map, memory.size, 0, "batches");
	return 0;
}

static int unmap(void)
{
	return xe_bo_munmap(&memory);
}

static int close_all(void)
{
	int ret = unmap();

	xe.closing = true;
	scn_step("destruction of %u queues", opened);
	for (unsigned int i = 0; i < opened; i++) {
		ret |= xe_queue_destroy(&xe, lanes[i].queue);
		if (close(lanes[i].sync_file))
			ret |= scn_fail_errno(errno, "close of a sync file");
	}
	opened = 0;
	ret |= work_close(&xe, &work);
	ret |= xe_bo_close(&xe, &memory);
	return ret | xe_close(&xe);
}

static const struct scenario scn = {
	.name = "queue-many",
	.summary = "a great number of queues, each running an endless batch",
	.options = options,
	.setup = setup,
	.verify = verify,
	.gone = gone,
	.unmap = unmap,
	.close = close_all,
};
SCENARIO(scn);
