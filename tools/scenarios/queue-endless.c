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
#include <limits.h>
#include <linux/sync_file.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "common.h"
#include "gone.h"
#include "mem.h"
#include "waiter.h"
#include "work.h"

#define FLAG 0xe2d1e55u
#define RUNNING_MS 5000		/* the batch must show up within this */

static struct xe xe = { .fd = -1 };
static struct work work;
static struct xe_bo flag;
static uint32_t out;		/* sync object */
static int sync_file = -1;

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

/* One number of a file in the engine's sysfs folder; 0 if there is none. */
static unsigned long long engine_file(const char *name, unsigned long long set)
{
	unsigned long long value = 0;
	char path[PATH_MAX];
	struct stat st;
	FILE *f;

	if (fstat(xe.fd, &st))
		return 0;
	snprintf(path, sizeof(path), "/sys/dev/char/%u:%u/device/tile0/gt0/engines/bcs/%s",
		 major(st.st_rdev), minor(st.st_rdev), name);
	f = fopen(path, set ? "we" : "re");
	if (!f)
		return 0;
	if (set)
		value = fprintf(f, "%llu\n", set) > 0 ? set : 0;
	else if (fscanf(f, "%llu", &value) != 1)
		value = 0;
	return fclose(f) ? 0 : value;
}

/* Best effort; the queue takes the value at its creation. */
static unsigned long long raise_job_timeout(void)
{
	unsigned long long max = engine_file("job_timeout_max", 0);

	if (max)
		engine_file("job_timeout_ms", max);
	return engine_file("job_timeout_ms", 0);
}

static void write_batch(void)
{
	struct batch b;

	batch_begin(&b, work.batch.map, work.batch.size, work.batch.va);
	batch_store(&b, flag.va, FLAG);
	batch_preempt(&b);
	batch_jump(&b, work.batch.va);
}

/* Clear the flag and see it set again. */
static int check_running(void)
{
	volatile uint32_t *f = flag.map;
	uint64_t end = scn_now_ms() + RUNNING_MS;

	scn_step("sign of life of the endless batch");
	*f = 0;
	while (*f != FLAG) {
		if (scn_now_ms() > end)
			return scn_fail("the endless batch does not run: flag is 0x%x after %d ms",
					*f, RUNNING_MS);
		scn_sleep_ms(1);
	}
	return 0;
}

/* Fence status as sync_file has it: 0 active, 1 signalled, negative errno. */
static int fence_status(int *status)
{
	struct sync_fence_info fence = { 0 };
	struct sync_file_info info = {
		.num_fences = 1,
		.sync_fence_info = (uintptr_t)&fence,
	};
	int err = xe_ioctl_raw(sync_file, SYNC_IOC_FILE_INFO, &info);

	if (err)
		return scn_fail_errno(err, "ioctl SYNC_IOC_FILE_INFO");
	*status = info.num_fences == 1 ? fence.status : info.status;
	return 0;
}

static int verify(void)
{
	int status;

	if (fence_status(&status))
		return -1;
	if (status)
		return scn_fail("the fence of the endless batch has status %d", status);
	return flag.map ? check_running() : 0;
}

static int setup(const char *device)
{
	struct drm_xe_sync sync;
	unsigned long long timeout;
	int ret = xe_open(&xe, device);

	if (ret)
		return ret;
	timeout = raise_job_timeout();
	if (work_open(&xe, &work, DRM_XE_ENGINE_CLASS_COPY) ||
	    xe_bo_make(&xe, &flag, 4096, work.vm) ||
	    xe_syncobj_create(&xe, &out))
		return -1;
	write_batch();
	sync = xe_sync_syncobj(out);
	scn_step("submission of the endless batch");
	if (xe_exec(&xe, work.queue, work.batch.va, &sync) ||
	    xe_syncobj_export(&xe, out, &sync_file) ||
	    check_running() ||
	    waiter_start(&waiter))
		return -1;
	scn_fact("bo_bytes", flag.size + work.batch.size);
	scn_fact("jobs", 1);
	scn_fact("job_timeout_ms", timeout);
	return 0;
}

/* Remaining time until @end, at least 0. */
static int left(uint64_t end)
{
	uint64_t now = scn_now_ms();

	return now < end ? end - now : 0;
}

static void gone_fence(uint64_t end)
{
	struct pollfd p = { .fd = sync_file, .events = POLLIN };
	uint64_t start = scn_now_ms();
	int status;

	scn_step("end of the fence");
	while (poll(&p, 1, left(end)) < 0 && errno == EINTR)
		;
	if (fence_status(&status))
		return;
	if (!status)
		scn_fail("the fence of the endless batch is not signalled %d ms after removal",
			 GONE_MS);
	else if (status > 0)
		scn_fail("the fence of the endless batch says success");
	else if (status != -ENODEV)
		scn_fail_errno(-status, "the fence of the endless batch, not ENODEV");
	if (status)
		scn_fact("fence_ms", scn_now_ms() - start);
	scn_fact_str("fence", !status ? "active" : status > 0 ? "success" : scn_errname(-status));
}

static int gone(void)
{
	uint64_t end = scn_now_ms() + GONE_MS;

	gone_fence(end);
	scn_step("end of the waiter");
	if (!waiter_ended(&waiter, left(end)))
		scn_fail("SYNCOBJ_WAIT still sleeps %d ms after removal", GONE_MS);
	else if (waiter.err && waiter.err != ENODEV)
		scn_fail_errno(waiter.err, "SYNCOBJ_WAIT after removal");
	gone_ioctls(&xe, &work, &flag);
	if (flag.map)
		gone_readable(flag.map, flag.size, 0, "flag");
	return 0;
}

static int unmap(void)
{
	return xe_bo_munmap(&flag);
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
	ret |= xe_bo_close(&xe, &flag);
	if (sync_file >= 0 && close(sync_file))
		ret |= scn_fail_errno(errno, "close of the sync file");
	sync_file = -1;
	return ret | xe_close(&xe);
}

int main(int argc, char **argv)
{
	static const struct scenario scn = {
		.name = "queue-endless",
		.summary = "a batch that never ends runs on a copy engine",
		.setup = setup,
		.verify = verify,
		.gone = gone,
		.unmap = unmap,
		.close = close_all,
	};

	return scn_main(argc, argv, &scn);
}
