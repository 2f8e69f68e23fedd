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
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <unistd.h>

#include "gone.h"
#include "mem.h"
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
static char *block, *range;		/* 2 MiB, aligned, inside of block */
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
	sigset_t all, old;
	int err;

	if (pipe(window))
		return scn_fail_errno(errno, "pipe");
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);	/* SIGALRM is the main thread's */
	err = pthread_create(&thread, NULL, churn, NULL);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
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
	block = mmap(NULL, 2 * MIB2, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (block == MAP_FAILED) {
		block = NULL;
		return scn_fail_errno(errno, "mmap of %u bytes", 2 * MIB2);
	}
	range = (char *)(((uintptr_t)block + MIB2 - 1) & ~(uintptr_t)(MIB2 - 1));
	/* Single pages: a huge one would be taken away as a whole. */
	madvise(block, 2 * MIB2, MADV_NOHUGEPAGE);
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
#ifdef DRM_XE_VM_BIND_FLAG_CPU_ADDR_MIRROR
	struct drm_xe_vm_bind_op op = {
		.op = DRM_XE_VM_BIND_OP_MAP,
		.flags = DRM_XE_VM_BIND_FLAG_CPU_ADDR_MIRROR,
		.range = MIB2,
		.addr = (uintptr_t)range,
		.pat_index = xe.pat_wb,
	};

	va = (uintptr_t)range;
	return xe_vm_bind(&xe, work.vm, &op, 1, NULL);
#else
	return scn_skip("this kernel has no binds that mirror the CPU's addresses");
#endif
}

static int start_batch(void)
{
	uint64_t target = va + ((char *)word() - range), loop;
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

/* A second queue in the VM of @w. */
static int open_busy(const struct work *w)
{
	busy.vm = w->vm;
	busy.lr = true;
	busy.class = w->class;
	return xe_bo_make(&xe, &busy.batch, 2 * PAGE, busy.vm) ||
	       xe_queue_create(&xe, busy.vm, busy.class, &busy.queue) ? -1 : 0;
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
	    open_busy(&work) || xe_bo_make(&xe, &bo, PAGE, work.vm))
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
	enum mem_content is;

	gone_ioctls(&xe, &work, &bo);
	gone_more_work(&xe, &busy);
	if (range) {
		is = mem_classify(range, PAGE, SEED);
		scn_fact_str("user_memory", mem_content_name(is));
		if (is != MEM_DATA && !(memory_lost && is == MEM_FAULT))
			scn_fail("user memory lost its data: %s", mem_content_name(is));
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
	char *p = block;

	stop_churn();
	block = range = NULL;
	scn_step("munmap of memory the GPU faults on");
	return p && munmap(p, 2 * MIB2) ? scn_fail_errno(errno, "munmap of user memory") : 0;
}

int fault_vm_close(void)
{
	int ret;

	stop_churn();
	ret = xe_bo_munmap(&bo);
	busy.vm = 0;	/* it is work's */
	ret |= work_close(&xe, &busy);
	ret |= work_close(&xe, &work);
	ret |= xe_bo_close(&xe, &bo);
	ret |= xe_close(&xe);
	return ret | fault_vm_unmap();
}
