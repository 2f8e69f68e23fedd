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
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common.h"
#include "fence.h"
#include "gone.h"
#include "mem.h"
#include "spin.h"
#include "uffd.h"
#include "waiter.h"
#include "work.h"

#define BINDS_A_CALL 1000
#define BURST 20	/* queues that are started in one go */
#define ASLEEP_MS 5000
#define PAGE 4096u
#define SEED 70

static struct xe xe = { .fd = -1 };
static struct work work, holder;	/* the second one for the ioctl that sleeps */
static struct xe_bo spin_memory, *bos;
static uint64_t queues = 200, bo_count = 10000, userptrs = 1000;
static struct lane {
	uint32_t queue;
	int sync_file;
} *lanes;
static struct spin *spins;
static unsigned int opened;
static char *user;			/* one page a userptr */
static uint64_t user_va;
static struct uffd uffd;
static struct drm_xe_sync stuck_sync;
static bool resolved;

static const struct scn_option options[] = {
	{ "queues", &queues, 1, 900, "number of queues" },
	{ "bos", &bo_count, 1, 1000000, "number of BOs, a page each" },
	{ "userptrs", &userptrs, 1, 100000, "number of userptrs, a page each" },
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

static int bind_ops(struct drm_xe_vm_bind_op *ops, uint32_t n)
{
	struct drm_xe_sync sync = xe_sync_syncobj(work.syncobj);

	return xe_vm_bind(&xe, work.vm, ops, n, &sync);
}

static int bind_bos(void)
{
	static struct drm_xe_vm_bind_op ops[BINDS_A_CALL];
	uint32_t n = 0;

	for (uint64_t i = 0; i < bo_count; i++) {
		if (n == 0)
			scn_step("BO %llu", (unsigned long long)i);
		if (xe_bo_create(&xe, &bos[i], xe.min_page, work.vm))
			return -1;
		bos[i].va = xe_va(&xe, bos[i].size);
		ops[n++] = xe_op_map(&xe, &bos[i]);
		if (n == BINDS_A_CALL || i == bo_count - 1) {
			if (bind_ops(ops, n))
				return -1;
			n = 0;
		}
	}
	return 0;
}

static int bind_userptrs(void)
{
	static struct drm_xe_vm_bind_op ops[BINDS_A_CALL];
	uint32_t n = 0;

	user = mmap(NULL, userptrs * PAGE, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (user == MAP_FAILED) {
		user = NULL;
		return scn_fail_errno(errno, "mmap of %llu pages", (unsigned long long)userptrs);
	}
	mem_fill(user, userptrs * PAGE, SEED);
	user_va = xe_va(&xe, userptrs * PAGE);
	scn_step("userptrs");
	for (uint64_t i = 0; i < userptrs; i++) {
		ops[n++] = xe_op_userptr(&xe, user + i * PAGE, PAGE, user_va + i * PAGE);
		if (n == BINDS_A_CALL || i == userptrs - 1) {
			if (bind_ops(ops, n))
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

static int start_queues(void)
{
	for (unsigned int i = 0; i < queues; i++) {
		if (i % BURST == 0) {
			/* A flood of new contexts keeps some waiting for the firmware for too long. */
			if (i && spin_check(spins + i - BURST, BURST, "endless batch of queue"))
				return -1;
			scn_step("start of queue %u", i);
		}
		if (spin_write(&spins[i], &spin_memory, i) || start(&lanes[i], &spins[i]))
			return -1;
	}
	return spin_check(spins, opened, "endless batch of queue");
}

static int verify(void)
{
	if (!resolved && waiter_ended(&stuck, 0))
		scn_fail_errno(stuck.err, "%s has returned", stuck.what);
	for (unsigned int i = 0; spin_memory.map && i < opened; i += opened / 4 + 1)
		if (spin_check(&spins[i], 1, "endless batch of queue"))
			return -1;
	return 0;
}

static int setup(const char *device)
{
	uint64_t bytes = (queues * SPIN_BYTES + PAGE - 1) / PAGE * PAGE;
	int ret = xe_open(&xe, device);

	if (!ret)
		ret = uffd_open(&uffd, 1);
	if (ret)
		return ret;
	scn_fact("job_timeout_ms", spin_raise_timeout(&xe));
	bos = calloc(bo_count, sizeof(*bos));
	lanes = calloc(queues, sizeof(*lanes));
	spins = calloc(queues, sizeof(*spins));
	if (!bos || !lanes || !spins)
		return scn_fail("no memory for the books");
	if (work_open(&xe, &work, DRM_XE_ENGINE_CLASS_COPY) ||
	    work_open(&xe, &holder, DRM_XE_ENGINE_CLASS_COPY) ||
	    xe_bo_make(&xe, &spin_memory, bytes, work.vm) ||
	    bind_bos() || bind_userptrs() || check_binds())
		return -1;
	stuck_sync = xe_sync_syncobj(holder.syncobj);
	stuck.arg = uffd_page(&uffd, 0);
	if (waiter_start(&stuck) || uffd_wait(&uffd, 0, ASLEEP_MS) || start_queues())
		return -1;
	scn_fact("queues", opened);
	scn_fact("bos", bo_count);
	scn_fact("userptrs", userptrs);
	scn_fact("bo_bytes", bo_count * xe.min_page + spin_memory.size + 2 * work.batch.size);
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
	uint64_t start_ms = scn_now_ms(), end = start_ms + GONE_MS;

	for (unsigned int i = 0; i < opened; i++)
		fence_gone(lanes[i].sync_file, end, false, "an endless batch");
	scn_fact("fences_ms", scn_now_ms() - start_ms);
	if (!resolve())
		waiter_gone(&stuck, scn_now_ms() + GONE_MS, false);
	gone_ioctls(&xe, &work, &bos[0]);
	if (user)
		gone_intact(user, userptrs * PAGE, SEED, "memory of the userptrs");
	return 0;
}

static int unmap(void)
{
	char *p = user;

	user = NULL;
	if (p && munmap(p, userptrs * PAGE))
		return scn_fail_errno(errno, "munmap of bound userptrs");
	return 0;
}

static int close_all(void)
{
	int ret = resolve();

	waiter_ended(&stuck, 1000);
	ret |= waiter_stop(&stuck);
	uffd_close(&uffd);
	ret |= xe_bo_munmap(&spin_memory);
	xe.closing = true;
	scn_step("destruction of %u queues", opened);
	for (unsigned int i = 0; i < opened; i++) {
		ret |= xe_queue_destroy(&xe, lanes[i].queue);
		if (close(lanes[i].sync_file))
			ret |= scn_fail_errno(errno, "close of a sync file");
	}
	opened = 0;
	ret |= work_close(&xe, &holder);
	ret |= work_close(&xe, &work);
	ret |= xe_close(&xe);
	return ret | unmap();
}

static const struct scenario scn = {
	.name = "mixed-load",
	.summary = "much of everything at once",
	.options = options,
	.setup = setup,
	.verify = verify,
	.gone = gone,
	.unmap = unmap,
	.user_memory = true,
	.close = close_all,
};
SCENARIO(scn);
