// SPDX-License-Identifier: MIT
/*
 * State preempt-racing: pages of busy long-running VMs go all the time, also while
 * the device does.
 *
 * Each VM has a batch that stores to one page of the process without end. Two threads
 * give these pages back, one after the other and again and again (MADV_DONTNEED). The
 * kernel may take a page only when the queue has left its engine, so each time is a
 * preemption, after which the batch stores to a new page. There are more VMs than one
 * has to wait for, so that most of them execute at any moment. The removal does not
 * stop the threads: a page is given back while the driver has stopped talking to the
 * firmware and the GPU still executes.
 *
 * There may be no interrupts then on the processor where the driver waits for the GPU,
 * so the threads stay on one each.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common.h"
#include "gone.h"
#include "mem.h"
#include "spin.h"
#include "thread.h"
#include "work.h"

#define PAGE		4096u
#define PAUSE_MS	10
#define PROGRESS_MS	5000

static struct xe xe = { .fd = -1 };
static atomic_bool stop;

static struct racer {
	int class;		/* of its engine */
	struct work work;
	struct xe_bo memory;
	struct spin spin;
	void *page;
} racers[] = {
	{ .class = DRM_XE_ENGINE_CLASS_COPY }, { .class = DRM_XE_ENGINE_CLASS_COMPUTE },
	{ .class = DRM_XE_ENGINE_CLASS_RENDER }, { .class = DRM_XE_ENGINE_CLASS_COPY },
	{ .class = DRM_XE_ENGINE_CLASS_COMPUTE }, { .class = DRM_XE_ENGINE_CLASS_RENDER },
	{ .class = DRM_XE_ENGINE_CLASS_COPY }, { .class = DRM_XE_ENGINE_CLASS_COMPUTE },
};

static struct taker {
	pthread_t thread;
	bool started;
	atomic_uint rounds;
	atomic_int err;		/* the thread has ended with it */
} takers[2];

#define VMS	ARRAY_SIZE(racers)
#define THREADS	ARRAY_SIZE(takers)

static void pin(unsigned int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu % (unsigned int)sysconf(_SC_NPROCESSORS_ONLN), &set);
	sched_setaffinity(0, sizeof(set), &set);
}

static void *take(void *arg)
{
	struct taker *t = arg;
	unsigned int i = (unsigned int)(t - takers);

	pin(i);
	while (!atomic_load(&stop)) {
		if (madvise(racers[i].page, PAGE, MADV_DONTNEED)) {
			atomic_store(&t->err, errno);
			break;
		}
		atomic_fetch_add(&t->rounds, 1);
		i = (i + THREADS) % VMS;
		scn_sleep_ms(PAUSE_MS);
	}
	return NULL;
}

static int start(struct racer *r)
{
	struct drm_xe_vm_bind_op op;
	struct drm_xe_sync sync;
	uint64_t va;

	if (work_open_vm(&xe, &r->work, r->class, DRM_XE_VM_CREATE_FLAG_LR_MODE) ||
	    xe_bo_make(&xe, &r->memory, PAGE, r->work.vm))
		return -1;
	r->page = mem_map(PAGE);
	if (!r->page)
		return -1;
	va = xe_va(&xe, PAGE);
	op = xe_op_userptr(&xe, r->page, PAGE, va);
	if (xe_vm_bind(&xe, r->work.vm, &op, 1, NULL) ||
	    spin_write_to(&r->spin, &r->memory, 0, va))
		return -1;
	scn_step("submission of the endless batch");
	sync = xe_sync_user_fence(r->memory.va + PAGE - 8, 1);
	if (xe_exec(&xe, r->work.queue, r->spin.va, &sync) ||
	    spin_check(&r->spin, 1, "endless batch of a long-running VM"))
		return -1;
	return 0;
}

static int start_threads(void)
{
	for (unsigned int i = 0; i < THREADS; i++) {
		int err = thread_start(&takers[i].thread, 0, take, &takers[i]);

		if (err)
			return scn_fail_errno(err, "start of thread %u", i);
		takers[i].started = true;
	}
	return 0;
}

/* Whether the threads get once through their VMs. */
static int progress(void)
{
	uint64_t end = scn_now_ms() + PROGRESS_MS;

	for (unsigned int i = 0; i < THREADS; i++) {
		struct taker *t = &takers[i];
		unsigned int goal = atomic_load(&t->rounds) + VMS / THREADS;

		if (!t->started)
			continue;
		scn_step("progress of thread %u", i);
		while ((int)(atomic_load(&t->rounds) - goal) < 0) {
			if (atomic_load(&t->err))
				return scn_fail_errno(atomic_load(&t->err), "thread %u", i);
			if (scn_now_ms() > end)
				return scn_fail("thread %u makes no progress", i);
			scn_sleep_ms(2);
		}
	}
	return 0;
}

static int verify(void)
{
	if (progress())
		return -1;
	for (unsigned int i = 0; i < VMS; i++)
		if (racers[i].memory.map &&
		    spin_check(&racers[i].spin, 1, "endless batch of a long-running VM"))
			return -1;
	return 0;
}

static int setup(const char *device)
{
	int ret = xe_open(&xe, device);

	if (ret)
		return ret;
	for (unsigned int i = 0; i < VMS; i++)
		if (start(&racers[i]))
			return -1;
	if (start_threads())
		return -1;
	scn_fact("userptr_bytes", VMS * PAGE);
	scn_fact("bo_bytes", VMS * (racers[0].memory.size + racers[0].work.batch.size));
	scn_fact("threads", THREADS);
	return verify();
}

static int gone(void)
{
	unsigned int rounds = 0;

	if (!atomic_load(&stop))
		progress();
	for (unsigned int i = 0; i < THREADS; i++)
		rounds += atomic_load(&takers[i].rounds);
	scn_fact("rounds", rounds);
	gone_ioctls(&xe, &racers[0].work, &racers[0].memory);
	for (unsigned int i = 1; i < VMS; i++)
		gone_more_work(&xe, &racers[i].work);
	return 0;
}

static void stop_all(void)
{
	atomic_store(&stop, true);
	for (unsigned int i = 0; i < THREADS; i++) {
		scn_step("end of thread %u", i);
		if (takers[i].started)
			pthread_join(takers[i].thread, NULL);
		takers[i].started = false;
	}
}

static int unmap(void)
{
	int ret = 0;

	stop_all();
	for (unsigned int i = 0; i < VMS; i++)
		ret |= mem_unmap(&racers[i].page, PAGE, "a page that the GPU stores to");
	return ret;
}

static int close_all(void)
{
	int ret = 0;

	stop_all();
	for (unsigned int i = 1; i < VMS; i++)
		ret |= xe_bo_munmap(&racers[i].memory) | work_close(&xe, &racers[i].work);
	ret |= work_end(&xe, &racers[0].work, &racers[0].memory, NULL);
	return ret | unmap();
}

static const struct scenario scn = {
	.name = "preempt-racing",
	.summary = "busy long-running VMs whose pages go all the time",
	SCN_CALLBACKS,
	.unmap = unmap,
	.user_memory = true,
};
SCENARIO(scn);
