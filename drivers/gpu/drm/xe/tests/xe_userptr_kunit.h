/* SPDX-License-Identifier: MIT */

#ifndef _XE_USERPTR_KUNIT_H_
#define _XE_USERPTR_KUNIT_H_

#include <kunit/test.h>

#include <linux/mman.h>

#include <drm/drm_managed.h>

#include "tests/xe_kunit_helpers.h"

#include "xe_device_types.h"
#include "xe_dma.h"
#include "xe_unplug.h"
#include "xe_vm.h"

#define UPTR_PAGES	4
#define UPTR_SIZE	(UPTR_PAGES * PAGE_SIZE)

/*
 * A VM with one userptr, of which only what the notifier and the pin look at is
 * there. The memory is that of a process, namely of the test.
 */
struct uptr_ctx {
	struct xe_device *xe;
	struct xe_vm *vm;
	struct drm_gem_object *resv;
	struct xe_userptr_vma *uvma;
	unsigned long addr;
	bool watched;
};

static void uptr_gate_fini(struct drm_device *drm, void *arg)
{
	struct xe_device *xe = arg;

	xe_dma_gate_fini(&xe->dma);
}

static unsigned long uptr_mmap(struct kunit *test, unsigned long addr)
{
	return kunit_vm_mmap(test, NULL, addr, UPTR_SIZE, PROT_READ | PROT_WRITE,
			     MAP_ANONYMOUS | MAP_PRIVATE | (addr ? MAP_FIXED : 0), 0);
}

/*
 * All but the notifier, which each base registers in its own way. Without memory
 * of a process the address is 0.
 */
static struct uptr_ctx *uptr_prepare(struct kunit *test)
{
	struct xe_userptr_vma *uvma;
	struct uptr_ctx *ctx;
	struct xe_device *xe;
	struct xe_vm *vm;

	ctx = kunit_kzalloc(test, sizeof(*ctx), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, ctx);
	xe_kunit_helper_xe_device_test_init(test);
	xe = test->priv;
	test->priv = ctx;
	ctx->xe = xe;

	KUNIT_ASSERT_EQ(test, xe_unplug_init(xe), 0);
	KUNIT_ASSERT_EQ(test, xe_dma_gate_init(&xe->dma, xe->drm.dev), 0);
	KUNIT_ASSERT_EQ(test, drmm_add_action_or_reset(&xe->drm, uptr_gate_fini, xe), 0);

	vm = kunit_kzalloc(test, sizeof(*vm), GFP_KERNEL);
	uvma = kunit_kzalloc(test, sizeof(*uvma), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, vm);
	KUNIT_ASSERT_NOT_NULL(test, uvma);
	ctx->vm = vm;
	ctx->uvma = uvma;

	ctx->resv = drm_gpuvm_resv_object_alloc(&xe->drm);
	KUNIT_ASSERT_NOT_NULL(test, ctx->resv);
	vm->xe = xe;
	vm->gpuvm.r_obj = ctx->resv;
	vm->gpuvm.drm = &xe->drm;
	init_rwsem(&vm->lock);
	spin_lock_init(&vm->userptr.invalidated_lock);
	INIT_LIST_HEAD(&vm->userptr.repin_list);
	INIT_LIST_HEAD(&vm->userptr.invalidated);
	INIT_LIST_HEAD(&vm->rebind_list);

	ctx->addr = uptr_mmap(test, 0);
	if (IS_ERR_VALUE(ctx->addr))
		ctx->addr = 0;

	uvma->vma.gpuva.vm = &vm->gpuvm;
	uvma->vma.gpuva.va.addr = SZ_1G;
	uvma->vma.gpuva.va.range = UPTR_SIZE;
	uvma->vma.gpuva.gem.offset = ctx->addr;
	INIT_LIST_HEAD(&uvma->vma.combined_links.rebind);

	return ctx;
}

static int pin(struct uptr_ctx *ctx)
{
	int err;

	down_write(&ctx->vm->lock);
	err = xe_vma_userptr_pin_pages(ctx->uvma);
	up_write(&ctx->vm->lock);

	return err;
}

/* What an exec or the rebind worker does with what the notifier has left */
static int repin(struct uptr_ctx *ctx)
{
	int err;

	down_write(&ctx->vm->lock);
	err = xe_vm_userptr_pin(ctx->vm);
	up_write(&ctx->vm->lock);

	return err;
}

static bool is_listed(struct list_head *entry)
{
	return !list_empty(entry);
}

/* Returns the number of userptrs that were mapped until then */
static unsigned long close_device(struct uptr_ctx *ctx)
{
	struct xe_dma_stats stats;

	WRITE_ONCE(ctx->xe->unplug.gone, true);
	WRITE_ONCE(ctx->xe->unplug.stopped, true);
	xe_unplug_wait(ctx->xe);
	xe_dma_gate_close(&ctx->xe->dma, &stats);

	return stats.maps[XE_DMA_OWNER_USERPTR];
}

#endif
