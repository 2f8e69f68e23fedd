// SPDX-License-Identifier: MIT
/*
 * VMs that take page faults, see fault_vm.h.
 *
 * An endless batch stores to user memory, and to a flag. A thread takes the pages
 * away again and again (MADV_DONTNEED), waits until the flag says that the batch went
 * round, and sees the store on new ones: each time the GPU has faulted, the kernel
 * has found the page and mapped it. So faults are in flight when the device goes.
 * After removal the same thread goes on for a while: its notifiers meet page tables
 * of a device that is gone.
 */
#include "fault_vm.h"

#include <errno.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <unistd.h>

#include "gone.h"
#include "mem.h"
#include "thread.h"
#include "work.h"

#define SEED	140
#define PAGE	4096u
#define MIB2	(2u << 20)
#define MARK	0xfa017edu
#define ROUND_MS 3000	/* a fault that is not served within this is counted as lost */
#define PROGRESS_MS 15000

static struct xe xe = { .fd = -1 };
static struct work work, busy;		/* copies, and the endless batch; one VM */
static struct xe_bo bo;
static void *range;			/* 2 MiB, aligned */
static uint64_t va;			/* of range */
static pthread_t thread;
static bool started;
static atomic_bool stop;
static uint64_t memory_lost;
static int window[2] = { -1, -1 };	/* a pipe, see read_word() */

const struct scn_option fault_vm_options[] = {
	{ "lost", &memory_lost, 0, 1, "1: the device is dead, what was in its memory cannot be saved" },
	{ 0 }
};
static atomic_uint served, lost;

/* The word the endless batch stores to: its page is the one that goes and comes. */
static volatile uint32_t *word(void)
{
	return (volatile uint32_t *)(range + MIB2 - PAGE);
}

/* The batch sets it each time it has stored to the word. */
static volatile uint32_t *flag(void)
{
	return (volatile uint32_t *)((char *)busy.batch.map + PAGE);
}

/* The word by way of the kernel, which gets no signal where it is lost with a card that was pulled. */
static uint32_t read_word(void)
{
	uint32_t value = 0;

	if (write(window[1], (void *)word(), sizeof(value)) != sizeof(value) ||
	    read(window[0], &value, sizeof(value)) != sizeof(value))
		return 0;
	return value;
}

/* The batch has gone round at least once more. Seen beside the memory: a look at that would take it back. */
static bool batch_went_round(uint64_t end)
{
	for (int i = 0; i < 2; i++) {
		*flag() = 0;
		while (!*flag()) {
			if (scn_now_ms() >= end || atomic_load(&stop))
				return false;
			scn_sleep_ms(1);
		}
	}
	return true;
}

static void *churn(void *arg)
{
	(void)arg;
	while (!atomic_load(&stop)) {
		madvise((void *)word(), PAGE, MADV_DONTNEED);
		if (batch_went_round(scn_now_ms() + ROUND_MS) && read_word() == MARK)
			atomic_fetch_add(&served, 1);
		else
			atomic_fetch_add(&lost, 1);
	}
	return NULL;
}

static int start_churn(void)
{
	int err;

	if (pipe(window))
		return scn_fail_errno(errno, "pipe");
	err = thread_start(&thread, 0, churn, NULL);
	started = !err;
	return err ? scn_fail_errno(err, "start of a thread") : 0;
}

static void stop_churn(void)
{
	atomic_store(&stop, true);
	scn_step("end of the thread that takes pages away");
	if (started)
		pthread_join(thread, NULL);
	started = false;
	for (int i = 0; i < 2; i++) {
		if (window[i] >= 0)
			close(window[i]);
		window[i] = -1;
	}
}

static int allocate(void)
{
	/* Single pages: a huge one would be taken away as a whole. */
	range = mem_map_aligned(MIB2);
	if (!range)
		return -1;
	mem_fill(range, PAGE, SEED);
	return 0;
}

static int bind_userptr(void)
{
	struct drm_xe_vm_bind_op op;

	va = xe_va(&xe, MIB2);
	op = xe_op_userptr(&xe, range, MIB2, va);
	return xe_vm_bind(&xe, work.vm, &op, 1, NULL);
}

/* Nothing is mapped by this: the GPU's faults do it, page by page. */
static int bind_mirror(void)
{
	va = (uintptr_t)range;
	return xe_vm_bind_mirror(&xe, work.vm, range, MIB2);
}

static int start_batch(void)
{
	uint64_t target = va + ((uintptr_t)word() - (uintptr_t)range), loop;
	struct drm_xe_sync sync = xe_sync_user_fence(busy.batch.va + busy.batch.size - 8, 1);
	struct batch b;

	batch_begin(&b, busy.batch.map, PAGE, busy.batch.va);
	loop = batch_here(&b);
	batch_store(&b, target, MARK);
	batch_store(&b, busy.batch.va + PAGE, 1);
	batch_preempt(&b);
	batch_jump(&b, loop);
	scn_step("submission of the endless batch");
	return batch_check(&b) || xe_exec(&xe, busy.queue, busy.batch.va, &sync) ? -1 : 0;
}

int fault_vm_verify(void)
{
	unsigned int goal = atomic_load(&served) + 3, before = atomic_load(&lost);
	uint64_t end = scn_now_ms() + PROGRESS_MS;

	if (!range || !bo.map)
		return 0;
	scn_step("faults of the endless batch");
	while ((int)(atomic_load(&served) - goal) < 0) {
		if (scn_now_ms() > end)
			return scn_fail("faults are not served: %u were, %u were lost",
					atomic_load(&served), atomic_load(&lost) - before);
		scn_sleep_ms(2);
	}
	mem_fill(bo.map, PAGE, 1);
	if (work_copy(&xe, &work, bo.va, va, PAGE, "copy out of faulting memory"))
		return -1;
	return mem_check(bo.map, PAGE, SEED, "copy out of faulting memory");
}

static int setup(const char *device, int (*bind)(void))
{
	uint32_t flags = DRM_XE_VM_CREATE_FLAG_LR_MODE | DRM_XE_VM_CREATE_FLAG_FAULT_MODE;
	struct drm_xe_vm_create probe = { .flags = flags };
	int ret = xe_open(&xe, device);

	if (ret)
		return ret;
	if (xe_ioctl_raw(xe.fd, DRM_IOCTL_XE_VM_CREATE, &probe))
		return scn_skip("the device has no VMs that take page faults");
	if (xe_vm_destroy(&xe, probe.vm_id) || allocate() ||
	    work_open_vm(&xe, &work, DRM_XE_ENGINE_CLASS_COPY, flags) ||
	    work_open_second(&xe, &busy, &work) ||
	    xe_bo_make(&xe, &busy.batch, 2 * PAGE, work.vm) ||
	    xe_bo_make(&xe, &bo, PAGE, work.vm))
		return -1;
	ret = bind();
	if (ret)
		return ret;
	if (start_batch() || start_churn() || fault_vm_verify())
		return -1;
	scn_fact("userptr_bytes", MIB2);
	scn_fact("bo_bytes", bo.size + work.batch.size + busy.batch.size);
	scn_fact("faults", atomic_load(&served));
	return 0;
}

int fault_vm_setup_userptr(const char *device)
{
	return setup(device, bind_userptr);
}

int fault_vm_setup_mirror(const char *device)
{
	return setup(device, bind_mirror);
}

int fault_vm_gone(void)
{
	unsigned int now = atomic_load(&served);

	gone_ioctls(&xe, &work, &bo);
	gone_more_work(&xe, &busy);
	if (range) {
		gone_process_memory(range, PAGE, SEED, memory_lost);
		scn_step("page that nobody writes any more");
		scn_sleep_ms(100);
		if (started && (int)(atomic_load(&served) - now) > 1)
			scn_fail("the GPU still writes to user memory after removal");
	}
	scn_fact("faults", atomic_load(&served));
	return 0;
}

int fault_vm_unmap(void)
{
	stop_churn();
	return mem_unmap(&range, MIB2, "memory the GPU faults on");
}

int fault_vm_close(void)
{
	int ret;

	stop_churn();
	ret = work_close(&xe, &busy);
	ret |= work_end(&xe, &work, &bo, NULL);
	return ret | fault_vm_unmap();
}
