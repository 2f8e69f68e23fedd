// SPDX-License-Identifier: MIT

#include <kunit/test.h>
#include <kunit/visibility.h>

#include <linux/dma-mapping.h>
#include <linux/mman.h>

#include <drm/drm_managed.h>

#include "tests/xe_kunit_helpers.h"

#include "xe_device.h"
#include "xe_dma.h"
#include "xe_unplug.h"

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

static int uptr_test_init(struct kunit *test)
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

	KUNIT_ASSERT_EQ(test, dma_coerce_mask_and_coherent(xe->drm.dev,
							   DMA_BIT_MASK(64)), 0);
	KUNIT_ASSERT_EQ(test, xe_unplug_init(xe), 0);
	KUNIT_ASSERT_EQ(test, xe_dma_gate_init(&xe->dma, xe->drm.dev), 0);
	KUNIT_ASSERT_EQ(test, drmm_add_action_or_reset(&xe->drm, uptr_gate_fini, xe), 0);

	vm = kunit_kzalloc(test, sizeof(*vm), GFP_KERNEL);
	uvma = kunit_kzalloc(test, sizeof(*uvma), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, vm);
	KUNIT_ASSERT_NOT_NULL(test, uvma);
	ctx->vm = vm;

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
	KUNIT_ASSERT_EQ(test, xe_svm_init(vm), 0);

	ctx->addr = uptr_mmap(test, 0);
	KUNIT_ASSERT_NE(test, ctx->addr, 0);
	KUNIT_ASSERT_FALSE(test, IS_ERR_VALUE(ctx->addr));

	uvma->vma.gpuva.vm = &vm->gpuvm;
	uvma->vma.gpuva.va.addr = SZ_1G;
	uvma->vma.gpuva.va.range = UPTR_SIZE;
	uvma->vma.gpuva.gem.offset = ctx->addr;
	INIT_LIST_HEAD(&uvma->vma.combined_links.rebind);
	KUNIT_ASSERT_EQ(test, xe_userptr_setup(uvma, ctx->addr, UPTR_SIZE), 0);
	ctx->uvma = uvma;

	return 0;
}

static void uptr_test_exit(struct kunit *test)
{
	struct uptr_ctx *ctx = test->priv;

	if (!ctx || !ctx->uvma)
		return;

	/* As the destruction of a VMA does it, which may be long after the unplug */
	xe_userptr_remove(ctx->uvma);
	KUNIT_EXPECT_FALSE(test, ctx->uvma->userptr.dma.mapped);
	drm_gpusvm_fini(&ctx->vm->svm.gpusvm);
	drm_gem_object_put(ctx->resv);
}

static bool is_mapped(struct uptr_ctx *ctx)
{
	return ctx->uvma->userptr.dma.mapped;
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

static void test_pin(struct kunit *test)
{
	struct uptr_ctx *ctx = test->priv;

	KUNIT_EXPECT_EQ(test, pin(ctx), 0);
	KUNIT_EXPECT_TRUE(test, is_mapped(ctx));
	KUNIT_EXPECT_EQ(test, ctx->uvma->userptr.dma.pages, UPTR_PAGES);
}

/* The pages are not mapped any more when munmap() returns. The bind stays. */
static void test_munmap(struct kunit *test)
{
	struct uptr_ctx *ctx = test->priv;

	KUNIT_ASSERT_EQ(test, pin(ctx), 0);
	KUNIT_EXPECT_EQ(test, vm_munmap(ctx->addr, UPTR_SIZE), 0);
	KUNIT_EXPECT_FALSE(test, is_mapped(ctx));
	KUNIT_EXPECT_TRUE(test, is_listed(&ctx->uvma->userptr.invalidate_link));

	/* A submission goes on without it */
	KUNIT_EXPECT_EQ(test, repin(ctx), 0);
	KUNIT_EXPECT_FALSE(test, is_listed(&ctx->uvma->vma.combined_links.rebind));
	KUNIT_EXPECT_EQ(test, pin(ctx), -EFAULT);
	KUNIT_EXPECT_FALSE(test, is_mapped(ctx));
}

static void test_partial_munmap(struct kunit *test)
{
	struct uptr_ctx *ctx = test->priv;

	KUNIT_ASSERT_EQ(test, pin(ctx), 0);
	KUNIT_EXPECT_EQ(test, vm_munmap(ctx->addr + PAGE_SIZE, PAGE_SIZE), 0);
	KUNIT_EXPECT_FALSE(test, is_mapped(ctx));
	KUNIT_EXPECT_EQ(test, pin(ctx), -EFAULT);
	KUNIT_EXPECT_FALSE(test, is_mapped(ctx));
}

/* New memory at the address is seen by the next submission */
static void test_remap(struct kunit *test)
{
	struct uptr_ctx *ctx = test->priv;

	KUNIT_ASSERT_EQ(test, pin(ctx), 0);
	KUNIT_EXPECT_EQ(test, vm_munmap(ctx->addr, UPTR_SIZE), 0);
	KUNIT_ASSERT_EQ(test, uptr_mmap(test, ctx->addr), ctx->addr);

	KUNIT_EXPECT_EQ(test, repin(ctx), 0);
	KUNIT_EXPECT_TRUE(test, is_mapped(ctx));
	KUNIT_EXPECT_TRUE(test, is_listed(&ctx->uvma->vma.combined_links.rebind));
}

static void test_unplug(struct kunit *test)
{
	struct uptr_ctx *ctx = test->priv;

	KUNIT_ASSERT_EQ(test, pin(ctx), 0);
	KUNIT_EXPECT_EQ(test, close_device(ctx), 1);
	KUNIT_EXPECT_FALSE(test, is_mapped(ctx));

	/* Only the process's business now. DMA-API debugging sees a second unmap. */
	KUNIT_EXPECT_EQ(test, vm_munmap(ctx->addr, UPTR_SIZE), 0);
	KUNIT_EXPECT_FALSE(test, is_mapped(ctx));
}

static void test_munmap_unplug(struct kunit *test)
{
	struct uptr_ctx *ctx = test->priv;

	KUNIT_ASSERT_EQ(test, pin(ctx), 0);
	KUNIT_EXPECT_EQ(test, vm_munmap(ctx->addr, UPTR_SIZE), 0);
	KUNIT_EXPECT_EQ(test, close_device(ctx), 0);
}

/* A bind that walked the page tables while the device went */
static void test_pin_after_unplug(struct kunit *test)
{
	struct uptr_ctx *ctx = test->priv;

	close_device(ctx);
	KUNIT_EXPECT_EQ(test, pin(ctx), -ENODEV);
	KUNIT_EXPECT_FALSE(test, is_mapped(ctx));
}

static void test_repin_after_unplug(struct kunit *test)
{
	struct uptr_ctx *ctx = test->priv;

	KUNIT_ASSERT_EQ(test, pin(ctx), 0);
	KUNIT_EXPECT_EQ(test, vm_munmap(ctx->addr, UPTR_SIZE), 0);
	KUNIT_ASSERT_EQ(test, uptr_mmap(test, ctx->addr), ctx->addr);
	close_device(ctx);
	KUNIT_EXPECT_EQ(test, repin(ctx), -ENODEV);
	KUNIT_EXPECT_FALSE(test, is_mapped(ctx));
}

static struct kunit_case uptr_test_cases[] = {
	KUNIT_CASE(test_pin),
	KUNIT_CASE(test_munmap),
	KUNIT_CASE(test_partial_munmap),
	KUNIT_CASE(test_remap),
	KUNIT_CASE(test_unplug),
	KUNIT_CASE(test_munmap_unplug),
	KUNIT_CASE(test_pin_after_unplug),
	KUNIT_CASE(test_repin_after_unplug),
	{}
};

VISIBLE_IF_KUNIT
struct kunit_suite xe_userptr_test_suite = {
	.name = "xe_userptr",
	.test_cases = uptr_test_cases,
	.init = uptr_test_init,
	.exit = uptr_test_exit,
};
EXPORT_SYMBOL_IF_KUNIT(xe_userptr_test_suite);
