// SPDX-License-Identifier: MIT
/*
 * Address space, queue and copies, see work.h.
 */
#include "work.h"

#include <stdarg.h>
#include <string.h>

#include "mem.h"

#define BATCH_BYTES (64u << 10)
#define FORBIDDEN_AT 4096

int work_begin(struct xe *xe, struct work *w, const char *device)
{
	int ret = xe_open(xe, device);

	return ret ? ret : work_open(xe, w, DRM_XE_ENGINE_CLASS_COPY);
}

int work_open(struct xe *xe, struct work *w, int class)
{
	return work_open_vm(xe, w, class, 0);
}

int work_open_vm(struct xe *xe, struct work *w, int class, uint32_t vm_flags)
{
	memset(w, 0, sizeof(*w));
	w->class = class;
	w->lr = vm_flags & DRM_XE_VM_CREATE_FLAG_LR_MODE;
	xe->user_fences |= w->lr;
	scn_step("set-up of VM and queue");
	if (xe_vm_create(xe, vm_flags, &w->vm) ||
	    xe_bo_make(xe, &w->batch, BATCH_BYTES, w->vm) ||
	    xe_queue_create(xe, w->vm, class, &w->queue) ||
	    xe_syncobj_create(xe, &w->syncobj))
		return -1;
	return 0;
}

int work_open_second(struct xe *xe, struct work *w, const struct work *of)
{
	*w = (struct work) { .vm = of->vm, .class = of->class, .lr = of->lr, .borrowed = true };
	return xe_queue_create(xe, w->vm, w->class, &w->queue);
}

/* The end is told by a value in the last word of the command buffer's BO. */
static int run_lr(struct xe *xe, struct work *w, struct batch *b, const char *what)
{
	size_t at = w->batch.size - 8;
	uint64_t *fence = (uint64_t *)((char *)w->batch.map + at);
	struct drm_xe_sync sync = xe_sync_user_fence(w->batch.va + at, w->jobs + 1);

	*(volatile uint64_t *)fence = 0;
	if (xe_exec(xe, w->queue, b->va, &sync) ||
	    xe_wait_value(xe, fence, w->jobs + 1, WORK_JOB_MS, what))
		return -1;
	w->jobs++;
	return 0;
}

int work_run(struct xe *xe, struct work *w, struct batch *b, const char *what)
{
	struct drm_xe_sync sync = xe_sync_syncobj(w->syncobj);

	scn_step("%s", what);
	batch_end(b);
	if (batch_check(b))
		return -1;
	if (w->lr)
		return run_lr(xe, w, b, what);
	if (xe_syncobj_reset(xe, w->syncobj) ||
	    xe_exec(xe, w->queue, b->va, &sync) ||
	    xe_syncobj_wait(xe, w->syncobj, WORK_JOB_MS, what))
		return -1;
	w->jobs++;
	return 0;
}

int work_submit(struct xe *xe, struct work *w, uint32_t queue, uint64_t batch,
		uint32_t after, int *sync_file)
{
	struct drm_xe_sync syncs[] = { xe_sync_syncobj(w->syncobj), xe_sync_behind(after) };

	if (xe_exec_syncs(xe, queue, batch, syncs, after ? 2 : 1))
		return -1;
	return xe_syncobj_export(xe, w->syncobj, sync_file);
}

int work_write_empty(struct work *w)
{
	struct batch b;

	batch_begin(&b, w->batch.map, w->batch.size, w->batch.va);
	batch_end(&b);
	return batch_check(&b);
}

/* What a forbidden job would write. */
static volatile uint32_t *forbidden(const struct work *w)
{
	return (volatile uint32_t *)((char *)w->batch.map + FORBIDDEN_AT);
}

void work_write_forbidden(struct work *w)
{
	struct batch b;

	*forbidden(w) = 0;
	batch_begin(&b, w->batch.map, FORBIDDEN_AT, w->batch.va);
	batch_store(&b, w->batch.va + FORBIDDEN_AT, 1);
	batch_end(&b);
}

bool work_forbidden_ran(const struct work *w)
{
	return w->batch.map && *forbidden(w);
}

int work_copy(struct xe *xe, struct work *w, uint64_t dst, uint64_t src,
	      uint64_t bytes, const char *what)
{
	struct batch b;

	batch_begin(&b, w->batch.map, w->batch.size - 8, w->batch.va);
	if (w->class == DRM_XE_ENGINE_CLASS_COPY)
		batch_copy_blit(&b, dst, src, bytes);
	else
		batch_copy_dwords(&b, dst, src, bytes);
	return work_run(xe, w, &b, what);
}

int work_copy_check(struct xe *xe, struct work *w, struct xe_bo *dst,
		    struct xe_bo *src, uint32_t seed, const char *what)
{
	mem_fill(src->map, src->size, seed);
	memset(dst->map, 0, dst->size);
	if (work_copy(xe, w, dst->va, src->va, src->size, what))
		return -1;
	return mem_check(dst->map, dst->size, seed, what);
}

int work_close(struct xe *xe, struct work *w)
{
	int ret = 0;

	xe->closing = true;
	scn_step("close of VM and queue");
	if (w->queue)
		ret |= xe_queue_destroy(xe, w->queue);
	if (w->syncobj)
		ret |= xe_syncobj_destroy(xe, w->syncobj);
	ret |= xe_bo_munmap(&w->batch);
	ret |= xe_bo_close(xe, &w->batch);
	if (w->vm && !w->borrowed)
		ret |= xe_vm_destroy(xe, w->vm);
	memset(w, 0, sizeof(*w));
	return ret ? -1 : 0;
}

int work_end(struct xe *xe, struct work *w, ...)
{
	struct xe_bo *bo;
	int ret = 0;
	va_list ap;

	va_start(ap, w);
	while ((bo = va_arg(ap, struct xe_bo *)))
		ret |= xe_bo_munmap(bo);
	va_end(ap);
	ret |= work_close(xe, w);
	va_start(ap, w);
	while ((bo = va_arg(ap, struct xe_bo *)))
		ret |= xe_bo_close(xe, bo);
	va_end(ap);
	return ret | xe_close(xe);
}
