// SPDX-License-Identifier: MIT

#include <kunit/static_stub.h>
#include <kunit/test.h>
#include <kunit/visibility.h>

#include "tests/xe_userptr_kunit.h"

/* Shared with the stubs of the DMA API */
static struct {
	unsigned int maps, unmaps;
	int live;
} uptr_dma;

static int uptr_raw_map(struct device *dev, struct sg_table *sgt,
			enum dma_data_direction dir, unsigned long attrs)
{
	uptr_dma.maps++;
	uptr_dma.live++;
	return 0;
}

static void uptr_raw_unmap(struct device *dev, struct sg_table *sgt,
			   enum dma_data_direction dir)
{
	uptr_dma.unmaps++;
	uptr_dma.live--;
}

static int uptr_test_init(struct kunit *test)
{
	struct xe_userptr_vma *uvma;
	struct uptr_ctx *ctx;

	memset(&uptr_dma, 0, sizeof(uptr_dma));
	kunit_activate_static_stub(test, xe_dma_raw_map, uptr_raw_map);
	kunit_activate_static_stub(test, xe_dma_raw_unmap, uptr_raw_unmap);

	ctx = uptr_prepare(test);
	if (!ctx->addr)
		kunit_skip(test, "no memory of a process here");

	uvma = ctx->uvma;
	init_rwsem(&ctx->vm->userptr.notifier_lock);
	INIT_LIST_HEAD(&uvma->userptr.invalidate_link);
	INIT_LIST_HEAD(&uvma->userptr.repin_link);
	uvma->userptr.notifier_seq = LONG_MAX;
	KUNIT_ASSERT_EQ(test, mmu_interval_notifier_insert(&uvma->userptr.notifier,
							   current->mm, ctx->addr,
							   UPTR_SIZE,
							   &vma_userptr_notifier_ops), 0);
	ctx->watched = true;

	return 0;
}

static void uptr_test_exit(struct kunit *test)
{
	struct uptr_ctx *ctx = test->priv;

	if (!ctx || !ctx->uvma)
		return;

	/* As the destruction of a VMA does it, which may be long after the unplug */
	down_write(&ctx->vm->lock);
	if (ctx->uvma->userptr.sg)
		xe_hmm_userptr_free_sg(ctx->uvma);
	up_write(&ctx->vm->lock);
	if (ctx->watched)
		mmu_interval_notifier_remove(&ctx->uvma->userptr.notifier);
	if (ctx->resv)
		drm_gem_object_put(ctx->resv);

	KUNIT_EXPECT_EQ(test, uptr_dma.live, 0);
	KUNIT_EXPECT_EQ(test, uptr_dma.maps, uptr_dma.unmaps);
}

static void test_pin(struct kunit *test)
{
	struct uptr_ctx *ctx = test->priv;

	KUNIT_EXPECT_EQ(test, pin(ctx), 0);
	KUNIT_EXPECT_EQ(test, uptr_dma.live, 1);
	/* Nothing has changed, so nothing to do */
	KUNIT_EXPECT_EQ(test, pin(ctx), 0);
	KUNIT_EXPECT_EQ(test, uptr_dma.maps, 1);
}

/* The pages are not mapped any more when munmap() returns. The bind stays. */
static void test_munmap(struct kunit *test)
{
	struct uptr_ctx *ctx = test->priv;

	KUNIT_ASSERT_EQ(test, pin(ctx), 0);
	KUNIT_EXPECT_EQ(test, vm_munmap(ctx->addr, UPTR_SIZE), 0);
	KUNIT_EXPECT_EQ(test, uptr_dma.live, 0);
	KUNIT_EXPECT_TRUE(test, is_listed(&ctx->uvma->userptr.invalidate_link));

	/* A submission goes on without it */
	KUNIT_EXPECT_EQ(test, repin(ctx), 0);
	KUNIT_EXPECT_EQ(test, uptr_dma.maps, 1);
	KUNIT_EXPECT_FALSE(test, is_listed(&ctx->uvma->vma.combined_links.rebind));
	KUNIT_EXPECT_EQ(test, pin(ctx), -EFAULT);
}

static void test_partial_munmap(struct kunit *test)
{
	struct uptr_ctx *ctx = test->priv;

	KUNIT_ASSERT_EQ(test, pin(ctx), 0);
	KUNIT_EXPECT_EQ(test, vm_munmap(ctx->addr + PAGE_SIZE, PAGE_SIZE), 0);
	KUNIT_EXPECT_EQ(test, uptr_dma.live, 0);
	KUNIT_EXPECT_EQ(test, pin(ctx), -EFAULT);
	KUNIT_EXPECT_EQ(test, uptr_dma.live, 0);
}

/* New memory at the address is seen by the next submission */
static void test_remap(struct kunit *test)
{
	struct uptr_ctx *ctx = test->priv;

	KUNIT_ASSERT_EQ(test, pin(ctx), 0);
	KUNIT_EXPECT_EQ(test, vm_munmap(ctx->addr, UPTR_SIZE), 0);
	KUNIT_ASSERT_EQ(test, uptr_mmap(test, ctx->addr), ctx->addr);

	KUNIT_EXPECT_EQ(test, repin(ctx), 0);
	KUNIT_EXPECT_EQ(test, uptr_dma.maps, 2);
	KUNIT_EXPECT_EQ(test, uptr_dma.live, 1);
	KUNIT_EXPECT_TRUE(test, is_listed(&ctx->uvma->vma.combined_links.rebind));
}

/* Unless one came in between, and found nothing */
static void test_remap_late(struct kunit *test)
{
	struct uptr_ctx *ctx = test->priv;

	KUNIT_ASSERT_EQ(test, pin(ctx), 0);
	KUNIT_EXPECT_EQ(test, vm_munmap(ctx->addr, UPTR_SIZE), 0);
	KUNIT_EXPECT_EQ(test, repin(ctx), 0);

	KUNIT_ASSERT_EQ(test, uptr_mmap(test, ctx->addr), ctx->addr);
	KUNIT_EXPECT_EQ(test, repin(ctx), 0);
	KUNIT_EXPECT_EQ(test, uptr_dma.maps, 1);
	KUNIT_EXPECT_FALSE(test, is_listed(&ctx->uvma->vma.combined_links.rebind));
}

static void test_unplug(struct kunit *test)
{
	struct uptr_ctx *ctx = test->priv;

	KUNIT_ASSERT_EQ(test, pin(ctx), 0);
	close_device(ctx);
	KUNIT_EXPECT_EQ(test, uptr_dma.live, 0);

	/* Only the process's business now */
	KUNIT_EXPECT_EQ(test, vm_munmap(ctx->addr, UPTR_SIZE), 0);
	KUNIT_EXPECT_EQ(test, uptr_dma.unmaps, 1);
}

static void test_munmap_unplug(struct kunit *test)
{
	struct uptr_ctx *ctx = test->priv;

	KUNIT_ASSERT_EQ(test, pin(ctx), 0);
	KUNIT_EXPECT_EQ(test, vm_munmap(ctx->addr, UPTR_SIZE), 0);
	close_device(ctx);
	KUNIT_EXPECT_EQ(test, uptr_dma.unmaps, 1);
}

/* A bind that walked the page tables while the device went */
static void test_pin_after_unplug(struct kunit *test)
{
	struct uptr_ctx *ctx = test->priv;

	close_device(ctx);
	KUNIT_EXPECT_EQ(test, pin(ctx), -ENODEV);
	KUNIT_EXPECT_NULL(test, ctx->uvma->userptr.sg);
	KUNIT_EXPECT_EQ(test, uptr_dma.maps, 0);
}

static void test_repin_after_unplug(struct kunit *test)
{
	struct uptr_ctx *ctx = test->priv;

	KUNIT_ASSERT_EQ(test, pin(ctx), 0);
	KUNIT_EXPECT_EQ(test, vm_munmap(ctx->addr, UPTR_SIZE), 0);
	KUNIT_ASSERT_EQ(test, uptr_mmap(test, ctx->addr), ctx->addr);
	close_device(ctx);
	KUNIT_EXPECT_EQ(test, repin(ctx), -ENODEV);
	KUNIT_EXPECT_EQ(test, uptr_dma.maps, 1);
}

static struct kunit_case uptr_test_cases[] = {
	KUNIT_CASE(test_pin),
	KUNIT_CASE(test_munmap),
	KUNIT_CASE(test_partial_munmap),
	KUNIT_CASE(test_remap),
	KUNIT_CASE(test_remap_late),
	KUNIT_CASE(test_unplug),
	KUNIT_CASE(test_munmap_unplug),
	KUNIT_CASE(test_pin_after_unplug),
	KUNIT_CASE(test_repin_after_unplug),
	{}
};

VISIBLE_IF_KUNIT
struct kunit_suite xe_vm_userptr_test_suite = {
	.name = "xe_vm_userptr",
	.test_cases = uptr_test_cases,
	.init = uptr_test_init,
	.exit = uptr_test_exit,
};
EXPORT_SYMBOL_IF_KUNIT(xe_vm_userptr_test_suite);
