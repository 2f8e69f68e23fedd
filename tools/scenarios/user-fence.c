// SPDX-License-Identifier: MIT
/*
 * State user-fence: threads asleep in DRM_IOCTL_XE_WAIT_USER_FENCE on a value
 * that never comes.
 *
 * One waits for memory alone, one names a queue as well (the driver then also
 * looks whether the queue was reset). Before, a job with a user fence shows that
 * such waits work. `gone`: both return within two seconds with an error.
 */
#include <errno.h>

#include "common.h"
#include "gone.h"
#include "mem.h"
#include "waiter.h"
#include "work.h"

#define NEVER_MS (3600 * 1000ll)
#define FENCE_VALUE 0x5ca1ab1e00000001ull

static struct xe xe = { .fd = -1 };
static struct work work;
static struct xe_bo bo;
static uint64_t never __attribute__((aligned(8)));

static int wait_memory(void *arg)
{
	(void)arg;
	return xe_wait_value_raw(xe.fd, &never, 1, 0, NEVER_MS);
}

static int wait_queue(void *arg)
{
	(void)arg;
	return xe_wait_value_raw(xe.fd, &never, 1, work.queue, NEVER_MS);
}

static struct waiter waiters[] = {
	{ .what = "WAIT_USER_FENCE", .call = wait_memory },
	{ .what = "WAIT_USER_FENCE with a queue", .call = wait_queue },
};

/* A job whose end is told by a value in a BO: first word of @bo. */
static int job_with_fence(void)
{
	volatile uint64_t *fence = bo.map;
	struct drm_xe_sync sync;
	struct batch b;

	*fence = 0;
	sync = xe_sync_user_fence(bo.va, FENCE_VALUE);
	batch_begin(&b, work.batch.map, work.batch.size, work.batch.va);
	batch_store(&b, bo.va + 64, 1);
	batch_end(&b);
	scn_step("job with a user fence");
	if (batch_check(&b) || xe_exec(&xe, work.queue, b.va, &sync))
		return -1;
	work.jobs++;
	return xe_wait_value(&xe, bo.map, FENCE_VALUE, WORK_JOB_MS, "job with a user fence");
}

static int verify(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(waiters); i++)
		if (waiter_ended(&waiters[i], 0))
			scn_fail_errno(waiters[i].err, "%s returned after %llu ms",
				       waiters[i].what,
				       (unsigned long long)waiters[i].slept_ms);
	return bo.map ? job_with_fence() : 0;
}

static int setup(const char *device)
{
	int ret = work_begin(&xe, &work, device);

	if (ret)
		return ret;
	if (xe_bo_make(&xe, &bo, 4096, work.vm) ||
	    job_with_fence())
		return -1;
	for (size_t i = 0; i < ARRAY_SIZE(waiters); i++)
		if (waiter_start(&waiters[i]))
			return -1;
	scn_fact("bo_bytes", bo.size + work.batch.size);
	scn_fact("jobs", work.jobs);
	scn_fact("waiters", ARRAY_SIZE(waiters));
	return 0;
}

static int gone(void)
{
	uint64_t end = scn_now_ms() + GONE_MS;

	scn_step("end of the waiters");
	for (size_t i = 0; i < ARRAY_SIZE(waiters); i++) {
		struct waiter *w = &waiters[i];
		uint64_t now = scn_now_ms();

		if (!waiter_ended(w, now < end ? end - now : 0))
			scn_fail("%s still sleeps %d ms after removal", w->what, GONE_MS);
		else if (!w->err)
			scn_fail("%s returned success after removal", w->what);
		/* The queue's waiter may see the reset of its queue first. */
		else if (w->err != ENODEV && !(w->err == EIO && i == 1))
			scn_fail_errno(w->err, "%s after removal, not ENODEV", w->what);
	}
	gone_ioctls(&xe, &work, &bo);
	if (bo.map)
		gone_readable(bo.map, bo.size, 0, "bo");
	return 0;
}

static int unmap(void)
{
	return xe_bo_munmap(&bo);
}

static int close_all(void)
{
	int ret = 0;

	scn_step("end of the waiters by a signal");
	for (size_t i = 0; i < ARRAY_SIZE(waiters); i++)
		ret |= waiter_stop(&waiters[i]);
	return ret | work_end(&xe, &work, &bo, NULL);
}

static const struct scenario scn = {
	.name = "user-fence",
	.summary = "threads asleep in WAIT_USER_FENCE on a value that never comes",
	SCN_CALLBACKS,
	.unmap = unmap,
};
SCENARIO(scn);
