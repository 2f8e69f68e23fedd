// SPDX-License-Identifier: MIT

#include <kunit/test.h>
#include <kunit/visibility.h>

#include <linux/dma-mapping.h>

#include "tests/xe_userptr_kunit.h"

static int uptr_test_init(struct kunit *test)
{
	struct uptr_ctx *ctx = uptr_prepare(test);

	KUNIT_ASSERT_EQ(test, dma_coerce_mask_and_coherent(ctx->xe->drm.dev,
							   DMA_BIT_MASK(64)), 0);
	KUNIT_ASSERT_NE(test, ctx->addr, 0);
	KUNIT_ASSERT_EQ(test, xe_svm_init(ctx->vm), 0);
	KUNIT_ASSERT_EQ(test, xe_userptr_setup(ctx->uvma, ctx->addr, UPTR_SIZE), 0);
	ctx->watched = true;

	return 0;
}

static void uptr_test_exit(struct kunit *test)
{
	struct uptr_ctx *ctx = test->priv;

	if (!ctx || !ctx->watched)
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
