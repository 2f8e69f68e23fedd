// SPDX-License-Identifier: MIT
/*
 * State queue-endless: a batch that never ends runs on a copy engine.
 *
 * The batch stores a flag and jumps to itself; the CPU clears the flag and sees
 * it come back, so the batch is known to run. Its out-fence is held three ways: a
 * sync object, a sync file of it (the only one that can be asked after removal),
 * and a thread asleep in SYNCOBJ_WAIT. `gone`: all end within two seconds, the
 * fence with -ENODEV - the work never completed, success would be a lie.
 *
 * The driver kills such a job after its job timeout (5 s by default). The program
 * raises that to the allowed maximum where it may write sysfs; `held` says how long
 * the state lasts (job_timeout_ms, 0: unknown).
 */
#include <errno.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "common.h"
#include "fence.h"
#include "gone.h"
#include "spin.h"
#include "waiter.h"
#include "work.h"

static struct xe xe = { .fd = -1 };
static struct work work;
static struct xe_bo memory;	/* of the batch */
static struct spin spin;
static uint32_t out;		/* sync object */
static int sync_file = -1;
static uint64_t reset;

static const struct scn_option options[] = {
	{ "reset", &reset, 0, 1, "1: an engine reset may find the batch before the removal does" },
	{ 0 }
};

static int wait_out(void *arg)
{
	struct drm_syncobj_wait w = {
		.handles = (uintptr_t)&out,
		.timeout_nsec = INT64_MAX,
		.count_handles = 1,
	};

	(void)arg;
	return ioctl(xe.fd, DRM_IOCTL_SYNCOBJ_WAIT, &w) ? errno : 0;
}

static struct waiter waiter = { .what = "SYNCOBJ_WAIT", .call = wait_out };

static int verify(void)
{
	if (fence_pending(sync_file, "the endless batch"))
		return -1;
	return memory.map ? spin_check(&spin, 1, "endless batch") : 0;
}

static int setup(const char *device)
{
	struct drm_xe_sync sync;
	int ret = spin_begin(&xe, &work, device);

	if (ret)
		return ret;
	if (xe_bo_make(&xe, &memory, 4096, work.vm) ||
	    spin_write(&spin, &memory, 0) ||
	    xe_syncobj_create(&xe, &out))
		return -1;
	sync = xe_sync_syncobj(out);
	scn_step("submission of the endless batch");
	if (xe_exec(&xe, work.queue, spin.va, &sync) ||
	    xe_syncobj_export(&xe, out, &sync_file) ||
	    spin_check(&spin, 1, "endless batch") ||
	    waiter_start(&waiter))
		return -1;
	scn_fact("bo_bytes", memory.size + work.batch.size);
	scn_fact("jobs", 1);
	return 0;
}

static int gone(void)
{
	uint64_t start = scn_now_ms();
	int status = fence_gone(sync_file, start + GONE_MS, reset ? -ETIME : 0,
				"the endless batch");

	if (status)
		scn_fact("fence_ms", scn_now_ms() - start);
	scn_fact_str("fence", fence_status_name(status));
	waiter_gone(&waiter, start + GONE_MS, true);
	gone_ioctls(&xe, &work, &memory);
	if (memory.map)
		gone_readable(memory.map, memory.size, 0, "batch");
	return 0;
}

static int unmap(void)
{
	return xe_bo_munmap(&memory);
}

static int close_all(void)
{
	int ret;

	scn_step("end of the waiter by a signal");
	ret = waiter_stop(&waiter);
	ret |= unmap();
	xe.closing = true;
	/* The batch runs on: ending it is the driver's task. */
	ret |= work_close(&xe, &work);
	if (out)
		ret |= xe_syncobj_destroy(&xe, out);
	ret |= xe_bo_close(&xe, &memory);
	if (sync_file >= 0 && close(sync_file))
		ret |= scn_fail_errno(errno, "close of the sync file");
	sync_file = -1;
	return ret | xe_close(&xe);
}

static const struct scenario scn = {
	.name = "queue-endless",
	.summary = "a batch that never ends runs on a copy engine",
	.options = options,
	SCN_CALLBACKS,
	.unmap = unmap,
};
SCENARIO(scn);
