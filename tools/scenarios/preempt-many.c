// SPDX-License-Identifier: MIT
/*
 * State preempt-many: many BOs in a long-running VM whose queue is busy for ever.
 *
 * Who takes a BO away from such a VM has to suspend its queues first. A removal that
 * goes BO by BO pays for that each time, as the rebind worker resumes the queue as
 * soon as it is let: it takes minutes where unmapping takes milliseconds. And what
 * the worker resumes runs on page tables that point to memory given away.
 */
#include "bos.h"
#include "common.h"
#include "gone.h"
#include "spin.h"
#include "work.h"

#define PAGE 4096u

static struct xe xe = { .fd = -1 };
static struct work work, busy;	/* two queues of one VM */
static struct xe_bo memory, *bos;
static struct spin spin;
static uint64_t count = 2000;

static const struct scn_option options[] = {
	{ "count", &count, 1, 1000000, "number of BOs" },
	{ 0 }
};

static int verify(void)
{
	return memory.map ? spin_check(&spin, 1, "endless batch of a long-running VM") : 0;
}

static int setup(const char *device)
{
	struct drm_xe_sync sync;
	int ret = xe_open(&xe, device);

	if (ret)
		return ret;
	if (work_open_vm(&xe, &work, DRM_XE_ENGINE_CLASS_COPY, DRM_XE_VM_CREATE_FLAG_LR_MODE) ||
	    xe_bo_make(&xe, &memory, PAGE, work.vm))
		return -1;
	bos = bos_create(&xe, count, xe.min_page, work.vm);
	if (!bos || bos_bind(&xe, bos, count, work.vm, NULL) ||
	    work_open_second(&xe, &busy, &work) || spin_write(&spin, &memory, 0))
		return -1;
	scn_step("submission of the endless batch");
	sync = xe_sync_user_fence(memory.va + PAGE - 8, 1);
	if (xe_exec(&xe, busy.queue, spin.va, &sync) || verify())
		return -1;
	scn_fact("bos", count);
	scn_fact("bo_bytes", count * xe.min_page + memory.size + work.batch.size);
	return 0;
}

static int gone(void)
{
	gone_ioctls(&xe, &work, &bos[0]);
	gone_more_work(&xe, &busy);
	return 0;
}

static int unmap(void)
{
	return xe_bo_munmap(&memory);
}

/* The BOs go with the file, as of a program that just ends. */
static int close_all(void)
{
	int ret = unmap() | work_close(&xe, &busy);

	return ret | work_end(&xe, &work, NULL);
}

static const struct scenario scn = {
	.name = "preempt-many",
	.summary = "many buffers in a busy long-running VM",
	.options = options,
	SCN_CALLBACKS,
	.unmap = unmap,
};
SCENARIO(scn);
