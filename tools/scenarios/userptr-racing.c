// SPDX-License-Identifier: MIT
/*
 * State userptr-racing: munmap, mmap, bind, unbind and exec of the same memory, all
 * at once, while the device goes.
 *
 * One thread replaces the memory without pause, one binds and unbinds it, one runs
 * jobs in the same VM. Before removal each makes progress and sees only errors that
 * the race explains (EFAULT of a bind whose memory is away). `gone`: the two that
 * use the device have ended with ENODEV (or with the device's end before that,
 * --reset), the memory thread has never noticed.
 */
#include <errno.h>
#include <stdatomic.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "common.h"
#include "gone.h"
#include "mem.h"
#include "thread.h"
#include "work.h"

#define PAGE	4096u
#define BYTES	(16 * PAGE)
#define PROGRESS_MS 12000	/* beside a hundred endless batches on a loaded host */
#define JOB_NS	(10 * 1000000000ull)

static struct xe xe = { .fd = -1 };
static struct work work;
static void *range;		/* its lower half goes and comes, its upper half stays */
static uint64_t va;
static uint32_t bind_done, job_done;	/* sync objects */
static atomic_bool stop;
static uint64_t reset;

static const struct scn_option options[] = {
	{ "reset", &reset, 0, 1, "1: the driver may give the device up (wedged) before the removal" },
	{ 0 }
};

static int wait_for(uint32_t handle)
{
	struct drm_syncobj_wait w = {
		.handles = (uintptr_t)&handle,
		.count_handles = 1,
		.timeout_nsec = scn_now_ns() + JOB_NS,
	};

	return xe_ioctl_raw(xe.fd, DRM_IOCTL_SYNCOBJ_WAIT, &w);
}

static int bind_once(void)
{
	struct drm_xe_sync sync = xe_sync_syncobj(bind_done);
	struct drm_xe_vm_bind_op op = xe_op_userptr(&xe, range, BYTES, va);
	int err = xe_vm_bind_raw(xe.fd, work.vm, &op, 1, &sync, 1);

	if (err)
		return err == EFAULT ? 0 : err;
	err = wait_for(bind_done);
	if (err)
		return err;
	op = xe_op_unmap(va, BYTES);
	err = xe_vm_bind_raw(xe.fd, work.vm, &op, 1, &sync, 1);
	return err ? err : wait_for(bind_done);
}

static int job_once(void)
{
	struct drm_xe_sync sync = xe_sync_syncobj(job_done);
	struct drm_xe_exec e = {
		.exec_queue_id = work.queue,
		.num_syncs = 1,
		.syncs = (uintptr_t)&sync,
		.address = work.batch.va,
		.num_batch_buffer = 1,
	};
	int err = xe_ioctl_raw(xe.fd, DRM_IOCTL_XE_EXEC, &e);

	return err ? err : wait_for(job_done);
}

static int memory_once(void)
{
	if (munmap(range, BYTES / 2) ||
	    mmap(range, BYTES / 2, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED)
		return errno;
	for (unsigned int i = 0; i < BYTES / 2; i += PAGE)
		*(volatile char *)(range + i) = 1;
	return 0;
}

static struct racer {
	const char *what;
	int (*once)(void);
	pthread_t thread;
	bool started;
	atomic_uint rounds;
	atomic_bool done;
	int err;		/* valid when @done: why it ended */
} racers[] = {
	{ .what = "the thread that replaces memory", .once = memory_once },
	{ .what = "the thread that binds", .once = bind_once },
	{ .what = "the thread that runs jobs", .once = job_once },
};

static void *race(void *arg)
{
	struct racer *r = arg;

	while (!atomic_load(&stop) && !(r->err = r->once()))
		atomic_fetch_add(&r->rounds, 1);
	atomic_store(&r->done, true);
	return NULL;
}

static int start(struct racer *r)
{
	int err = thread_start(&r->thread, 0, race, r);

	if (err)
		return scn_fail_errno(err, "start of %s", r->what);
	r->started = true;
	return 0;
}

/* All of them three rounds further. */
static int verify(void)
{
	uint64_t end = scn_now_ms() + PROGRESS_MS;

	for (size_t i = 0; i < ARRAY_SIZE(racers); i++) {
		struct racer *r = &racers[i];
		unsigned int goal = atomic_load(&r->rounds) + 3;

		scn_step("progress of %s", r->what);
		while ((int)(atomic_load(&r->rounds) - goal) < 0) {
			if (atomic_load(&r->done))
				return scn_fail_errno(r->err, "%s has ended", r->what);
			if (scn_now_ms() > end)
				return scn_fail("%s makes no progress", r->what);
			scn_sleep_ms(2);
		}
	}
	return 0;
}

static int setup(const char *device)
{
	int ret = work_begin(&xe, &work, device);

	if (ret)
		return ret;
	range = mem_map(BYTES);
	if (!range ||
	    xe_syncobj_create(&xe, &bind_done) ||
	    xe_syncobj_create(&xe, &job_done) ||
	    work_write_empty(&work))
		return -1;
	va = xe_va(&xe, BYTES);
	for (size_t i = 0; i < ARRAY_SIZE(racers); i++)
		if (start(&racers[i]))
			return -1;
	scn_fact("userptr_bytes", BYTES);
	scn_fact("bo_bytes", work.batch.size);
	scn_fact("threads", ARRAY_SIZE(racers));
	return verify();
}

static int gone(void)
{
	uint64_t end = scn_now_ms() + GONE_MS;

	for (size_t i = 1; i < ARRAY_SIZE(racers); i++) {
		struct racer *r = &racers[i];

		scn_step("end of %s", r->what);
		while (!atomic_load(&r->done) && scn_now_ms() < end)
			scn_sleep_ms(2);
		if (!atomic_load(&r->done))
			scn_fail("%s goes on after removal", r->what);
		/* Unmapping beside the removal stops it, maybe before it notices */
		else if (!r->err && atomic_load(&stop))
			continue;
		else if (r->err != ENODEV && !(reset && r->err == ECANCELED))
			scn_fail_errno(r->err, "%s after removal, not ENODEV", r->what);
	}
	if (atomic_load(&racers[0].done) && !atomic_load(&stop))
		scn_fail_errno(racers[0].err, "%s has ended", racers[0].what);
	scn_fact("memory_rounds", atomic_load(&racers[0].rounds));
	scn_fact("bind_rounds", atomic_load(&racers[1].rounds));
	scn_fact("job_rounds", atomic_load(&racers[2].rounds));
	gone_ioctls(&xe, &work, &work.batch);
	return 0;
}

static int stop_all(void)
{
	atomic_store(&stop, true);
	for (size_t i = 0; i < ARRAY_SIZE(racers); i++) {
		scn_step("end of %s", racers[i].what);
		if (racers[i].started)
			pthread_join(racers[i].thread, NULL);
		racers[i].started = false;
	}
	return 0;
}

static int unmap(void)
{
	stop_all();
	return mem_unmap(&range, BYTES, "a userptr");
}

static int close_all(void)
{
	int ret = stop_all();

	xe.closing = true;
	ret |= xe_syncobj_destroy(&xe, bind_done) | xe_syncobj_destroy(&xe, job_done);
	ret |= work_end(&xe, &work, NULL);
	return ret | unmap();
}

static const struct scenario scn = {
	.name = "userptr-racing",
	.summary = "munmap, bind, unbind and exec of the same memory, all at once",
	.options = options,
	SCN_CALLBACKS,
	.unmap = unmap,
	.user_memory = true,
};
SCENARIO(scn);
