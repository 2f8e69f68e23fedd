// SPDX-License-Identifier: MIT
/*
 * State mixed-load: much of everything at once.
 *
 * Queues with endless batches, small BOs, userptrs of a page each, and an exec
 * asleep in user memory. Shows what removal takes when its parts meet: the budget is
 * two seconds, and a fifth of a second for a GPU that is not there any more.
 * Everything but the queues is bound and checked before the first batch starts, as
 * binds have to share the engine with them.
 */
#include <errno.h>
#include <sys/ioctl.h>

#include "bos.h"
#include "common.h"
#include "fence.h"
#include "gone.h"
#include "lanes.h"
#include "mem.h"
#include "uffd.h"
#include "waiter.h"
#include "work.h"

#define ASLEEP_MS 5000
#define PAGE 4096u
#define SEED 70

static struct xe xe = { .fd = -1 };
static struct work work, holder;	/* the second one for the ioctl that sleeps */
static struct xe_bo *bos;
static struct lanes lanes;
static uint64_t queues = 200, bo_count = 10000, userptrs = 1000;
static void *user;			/* one page a userptr */
static uint64_t user_va;
static struct uffd uffd;
static struct drm_xe_sync stuck_sync;
static bool resolved;

static const struct scn_option options[] = {
	{ "queues", &queues, 1, 900, "number of queues" },
	{ "bos", &bo_count, 1, 1000000, "number of BOs, a page each" },
	{ "userptrs", &userptrs, 1, 100000, "number of userptrs, a page each" },
	{ "reset", &lanes.reset, 0, 1, "1: an engine reset may find the batches before the removal does" },
	{ 0 }
};

static int stick_exec(void *page)
{
	struct drm_xe_exec e = {
		.exec_queue_id = holder.queue,
		.num_syncs = 1,
		.syncs = (uintptr_t)page,
		.address = holder.batch.va,
		.num_batch_buffer = 1,
	};

	return ioctl(xe.fd, DRM_IOCTL_XE_EXEC, &e) ? errno : 0;
}

static struct waiter stuck = { .what = "EXEC (syncs)", .call = stick_exec };

static int bind_bos(void)
{
	struct drm_xe_sync sync = xe_sync_syncobj(work.syncobj);

	bos = bos_create(&xe, bo_count, xe.min_page, work.vm);
	if (!bos)
		return -1;
	return bos_bind(&xe, bos, bo_count, work.vm, &sync);
}

static int bind_userptrs(void)
{
	static struct drm_xe_vm_bind_op ops[BINDS_A_CALL];
	struct drm_xe_sync sync = xe_sync_syncobj(work.syncobj);
	uint32_t n = 0;

	user = mem_map(userptrs * PAGE);
	if (!user)
		return -1;
	mem_fill(user, userptrs * PAGE, SEED);
	user_va = xe_va(&xe, userptrs * PAGE);
	scn_step("userptrs");
	for (uint64_t i = 0; i < userptrs; i++) {
		ops[n++] = xe_op_userptr(&xe, user + i * PAGE, PAGE, user_va + i * PAGE);
		if (n == BINDS_A_CALL || i == userptrs - 1) {
			if (xe_vm_bind(&xe, work.vm, ops, n, &sync))
				return -1;
			n = 0;
		}
	}
	scn_step("end of all binds");
	return xe_syncobj_wait(&xe, work.syncobj, WORK_JOB_MS, "bind of everything");
}

/* The GPU reads the last userptr by way of the last BO. */
static int check_binds(void)
{
	struct xe_bo *last = &bos[bo_count - 1];
	uint64_t p = user_va + (userptrs - 1) * PAGE;

	if (work_copy(&xe, &work, last->va, p, PAGE, "copy out of a userptr") ||
	    work_copy(&xe, &work, user_va, last->va, PAGE, "copy into a userptr"))
		return -1;
	if (userptrs > 1 && mem_classify(user, PAGE, SEED) == MEM_DATA)
		return scn_fail("the first userptr did not get the last one's page");
	mem_fill(user, userptrs * PAGE, SEED);
	return 0;
}

static int verify(void)
{
	if (!resolved && waiter_ended(&stuck, 0))
		scn_fail_errno(stuck.err, "%s has returned", stuck.what);
	return lanes_run(&lanes);
}

static int setup(const char *device)
{
	int ret = xe_open(&xe, device);

	if (!ret)
		ret = uffd_open(&uffd, 1);
	if (ret)
		return ret;
	scn_fact("job_timeout_ms", spin_raise_timeout(&xe));
	if (work_open(&xe, &work, DRM_XE_ENGINE_CLASS_COPY) ||
	    work_open(&xe, &holder, DRM_XE_ENGINE_CLASS_COPY) ||
	    lanes_open(&xe, &work, &lanes, queues) ||
	    bind_bos() || bind_userptrs() || check_binds())
		return -1;
	stuck_sync = xe_sync_syncobj(holder.syncobj);
	stuck.arg = uffd_page(&uffd, 0);
	if (waiter_start(&stuck) || uffd_wait(&uffd, 0, ASLEEP_MS) ||
	    lanes_start(&xe, &work, &lanes))
		return -1;
	scn_fact("queues", lanes.opened);
	scn_fact("bos", bo_count);
	scn_fact("userptrs", userptrs);
	scn_fact("bo_bytes", bo_count * xe.min_page + lanes.memory.size + 2 * work.batch.size);
	scn_fact("userptr_bytes", userptrs * PAGE);
	return 0;
}

static int resolve(void)
{
	if (resolved || !stuck.started)
		return 0;
	resolved = true;
	return uffd_resolve(&uffd, 0, &stuck_sync, sizeof(stuck_sync));
}

static int gone(void)
{
	lanes_gone(&lanes);
	if (!resolve())
		waiter_gone(&stuck, scn_now_ms() + GONE_MS, false);
	gone_ioctls(&xe, &work, &bos[0]);
	if (user)
		gone_intact(user, userptrs * PAGE, SEED, "memory of the userptrs");
	return 0;
}

static int unmap(void)
{
	return mem_unmap(&user, userptrs * PAGE, "bound userptrs");
}

static int close_all(void)
{
	int ret = resolve();

	waiter_ended(&stuck, 1000);
	ret |= waiter_stop(&stuck);
	uffd_close(&uffd);
	ret |= xe_bo_munmap(&lanes.memory);
	ret |= lanes_close(&xe, &lanes);
	ret |= work_close(&xe, &holder);
	ret |= work_end(&xe, &work, NULL);
	return ret | unmap();
}

static const struct scenario scn = {
	.name = "mixed-load",
	.summary = "much of everything at once",
	.options = options,
	SCN_CALLBACKS,
	.unmap = unmap,
	.user_memory = true,
};
SCENARIO(scn);
