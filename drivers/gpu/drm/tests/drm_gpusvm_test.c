// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * KUnit tests of the driver hooks around the DMA mapping of GPU SVM pages
 *
 * They run on the memory of a process of their own, mapped for a device that
 * does nothing. A mapping that is undone twice, or never, is also reported by
 * DMA-API debugging, if that is on.
 */

#include <kunit/test.h>

#include <linux/dma-mapping.h>
#include <linux/mman.h>
#include <linux/mmu_notifier.h>

#include <drm/drm_drv.h>
#include <drm/drm_gpusvm.h>
#include <drm/drm_kunit_helpers.h>

#define NPAGES	8ul
#define BYTES	(NPAGES * PAGE_SIZE)

/* A test, and the driver in it */
struct gpusvm_ctx {
	struct kunit *test;
	struct drm_gpusvm gpusvm;
	struct drm_gpusvm_pages pages;
	struct mmu_interval_notifier notifier;
	struct drm_gpusvm_ctx ctx;
	unsigned long addr;
	/* what the hooks saw */
	int begins, ends, unmaps;
	unsigned long npages;
	/* the driver's view of the mapping */
	bool mapped, closed;
	/* a hook was called without the notifier lock, or in no sense */
	bool wrong;
};

#define COOKIE	7

static int map_begin(struct drm_gpusvm_pages *pages)
{
	struct gpusvm_ctx *c = pages->dma_priv;

	c->begins++;
	if (c->mapped || !rwsem_is_locked(&c->gpusvm.notifier_lock))
		c->wrong = true;

	return c->closed ? -ENODEV : COOKIE;
}

static void map_end(struct drm_gpusvm_pages *pages, int cookie,
		    unsigned long npages)
{
	struct gpusvm_ctx *c = pages->dma_priv;

	c->ends++;
	c->npages = npages;
	c->mapped = npages;
	if (cookie != COOKIE || !rwsem_is_locked(&c->gpusvm.notifier_lock))
		c->wrong = true;
}

static void unmap(struct drm_gpusvm_pages *pages, unsigned long npages)
{
	struct gpusvm_ctx *c = pages->dma_priv;

	c->unmaps++;
	if (npages != NPAGES || !rwsem_is_locked(&c->gpusvm.notifier_lock))
		c->wrong = true;
	if (c->mapped)
		drm_gpusvm_dma_unmap_pages(pages, npages);
	c->mapped = false;
}

static const struct drm_gpusvm_dma_ops dma_ops = {
	.map_begin = map_begin,
	.map_end = map_end,
	.unmap = unmap,
};

/* As a driver invalidates user pages: the process is about to lose them */
static bool invalidate(struct mmu_interval_notifier *notifier,
		       const struct mmu_notifier_range *range,
		       unsigned long seq)
{
	struct gpusvm_ctx *c = container_of(notifier, typeof(*c), notifier);
	struct drm_gpusvm_ctx ctx = { .in_notifier = true };

	down_write(&c->gpusvm.notifier_lock);
	mmu_interval_set_seq(notifier, seq);
	drm_gpusvm_unmap_pages(&c->gpusvm, &c->pages, NPAGES, &ctx);
	up_write(&c->gpusvm.notifier_lock);

	return true;
}

static const struct mmu_interval_notifier_ops notifier_ops = {
	.invalidate = invalidate,
};

static int get_pages(struct gpusvm_ctx *c)
{
	return drm_gpusvm_get_pages(&c->gpusvm, &c->pages, current->mm,
				    &c->notifier, c->addr, c->addr + BYTES,
				    &c->ctx);
}

static void unmap_pages(struct gpusvm_ctx *c)
{
	drm_gpusvm_unmap_pages(&c->gpusvm, &c->pages, NPAGES, &c->ctx);
}

static bool valid(struct gpusvm_ctx *c)
{
	bool ret;

	drm_gpusvm_notifier_lock(&c->gpusvm);
	ret = drm_gpusvm_pages_valid(&c->gpusvm, &c->pages);
	drm_gpusvm_notifier_unlock(&c->gpusvm);

	return ret;
}

/* The device goes: what the driver would do for all mappings it knows */
static void close_device(struct gpusvm_ctx *c)
{
	c->closed = true;
	if (c->mapped)
		drm_gpusvm_dma_unmap_pages(&c->pages, c->npages);
	c->mapped = false;
}

static void test_hooks_see_each_mapping(struct kunit *test)
{
	struct gpusvm_ctx *c = test->priv;
	int i;

	for (i = 1; i <= 3; i++) {
		KUNIT_ASSERT_EQ(test, get_pages(c), 0);
		KUNIT_EXPECT_TRUE(test, valid(c));
		KUNIT_EXPECT_TRUE(test, c->mapped);
		KUNIT_EXPECT_EQ(test, c->npages, NPAGES);

		/* Still there: nothing to do, nobody to tell */
		KUNIT_ASSERT_EQ(test, get_pages(c), 0);
		KUNIT_EXPECT_EQ(test, c->begins, i);
		KUNIT_EXPECT_EQ(test, c->ends, i);

		unmap_pages(c);
		KUNIT_EXPECT_FALSE(test, valid(c));
		KUNIT_EXPECT_EQ(test, c->unmaps, i);
	}

	/* Not mapped */
	unmap_pages(c);
	KUNIT_EXPECT_EQ(test, c->unmaps, 3);
}

static void test_refused(struct kunit *test)
{
	struct gpusvm_ctx *c = test->priv;

	close_device(c);
	KUNIT_EXPECT_EQ(test, get_pages(c), -ENODEV);
	KUNIT_EXPECT_FALSE(test, valid(c));
	KUNIT_EXPECT_EQ(test, c->begins, 1);
	KUNIT_EXPECT_EQ(test, c->ends, 0);

	unmap_pages(c);
	KUNIT_EXPECT_EQ(test, c->unmaps, 0);
}

static void test_unmapped_early(struct kunit *test)
{
	struct gpusvm_ctx *c = test->priv;

	KUNIT_ASSERT_EQ(test, get_pages(c), 0);
	close_device(c);

	/* The owner need not know, and does what it always did */
	KUNIT_EXPECT_TRUE(test, valid(c));
	unmap_pages(c);
	KUNIT_EXPECT_FALSE(test, valid(c));
	KUNIT_EXPECT_EQ(test, c->unmaps, 1);

	KUNIT_EXPECT_EQ(test, get_pages(c), -ENODEV);
}

static void test_munmap(struct kunit *test)
{
	struct gpusvm_ctx *c = test->priv;

	KUNIT_ASSERT_EQ(test, get_pages(c), 0);
	KUNIT_ASSERT_EQ(test, vm_munmap(c->addr, BYTES), 0);

	/* Before the pages went */
	KUNIT_EXPECT_EQ(test, c->unmaps, 1);
	KUNIT_EXPECT_FALSE(test, c->mapped);
	KUNIT_EXPECT_FALSE(test, valid(c));

	KUNIT_EXPECT_EQ(test, get_pages(c), -EFAULT);
	KUNIT_EXPECT_EQ(test, c->begins, 1);
}

static void test_munmap_after_close(struct kunit *test)
{
	struct gpusvm_ctx *c = test->priv;

	KUNIT_ASSERT_EQ(test, get_pages(c), 0);
	close_device(c);
	KUNIT_ASSERT_EQ(test, vm_munmap(c->addr, BYTES), 0);
	KUNIT_EXPECT_EQ(test, c->unmaps, 1);
	KUNIT_EXPECT_FALSE(test, valid(c));
}

static void test_error_while_mapping(struct kunit *test)
{
	struct gpusvm_ctx *c = test->priv;

	/* There is no device memory, and system memory will not do */
	c->ctx.devmem_only = true;
	KUNIT_EXPECT_EQ(test, get_pages(c), -EFAULT);
	KUNIT_EXPECT_EQ(test, c->begins, 1);
	KUNIT_EXPECT_EQ(test, c->ends, 1);
	KUNIT_EXPECT_EQ(test, c->npages, 0);
	KUNIT_EXPECT_FALSE(test, valid(c));
	unmap_pages(c);
	KUNIT_EXPECT_EQ(test, c->unmaps, 0);

	c->ctx.devmem_only = false;
	KUNIT_EXPECT_EQ(test, get_pages(c), 0);
	KUNIT_EXPECT_EQ(test, c->npages, NPAGES);
}

static void test_freed_while_mapped(struct kunit *test)
{
	struct gpusvm_ctx *c = test->priv;

	KUNIT_ASSERT_EQ(test, get_pages(c), 0);
	drm_gpusvm_free_pages(&c->gpusvm, &c->pages, NPAGES);
	KUNIT_EXPECT_EQ(test, c->unmaps, 1);
	KUNIT_EXPECT_FALSE(test, c->mapped);
}

static void test_without_hooks(struct kunit *test)
{
	struct gpusvm_ctx *c = test->priv;

	c->pages.dma_ops = NULL;
	KUNIT_ASSERT_EQ(test, get_pages(c), 0);
	KUNIT_EXPECT_TRUE(test, valid(c));
	unmap_pages(c);
	KUNIT_EXPECT_FALSE(test, valid(c));
	KUNIT_EXPECT_EQ(test, c->begins, 0);
	KUNIT_EXPECT_EQ(test, c->unmaps, 0);
}

static int gpusvm_test_init(struct kunit *test)
{
	struct drm_device *drm;
	struct gpusvm_ctx *c;
	struct device *dev;

	c = kunit_kzalloc(test, sizeof(*c), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, c);
	c->test = test;

	dev = drm_kunit_helper_alloc_device(test);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, dev);
	KUNIT_ASSERT_EQ(test, dma_coerce_mask_and_coherent(dev, DMA_BIT_MASK(64)), 0);
	drm = __drm_kunit_helper_alloc_drm_device(test, dev, sizeof(*drm), 0,
						  DRIVER_GEM);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, drm);

	KUNIT_ASSERT_EQ(test, drm_gpusvm_init(&c->gpusvm, "kunit", NULL, 0, 0,
					      0, NULL, NULL, 0), 0);
	drm_gpusvm_init_pages(&c->pages, drm);
	c->pages.dma_ops = &dma_ops;
	c->pages.dma_priv = c;

	c->addr = kunit_vm_mmap(test, NULL, 0, BYTES, PROT_READ | PROT_WRITE,
				MAP_PRIVATE | MAP_ANONYMOUS, 0);
	KUNIT_ASSERT_NE(test, c->addr, 0);
	KUNIT_ASSERT_EQ(test, mmu_interval_notifier_insert(&c->notifier,
							   current->mm, c->addr,
							   BYTES,
							   &notifier_ops), 0);
	test->priv = c;

	return 0;
}

static void gpusvm_test_exit(struct kunit *test)
{
	struct gpusvm_ctx *c = test->priv;

	if (!c)
		return;

	mmu_interval_notifier_remove(&c->notifier);
	drm_gpusvm_free_pages(&c->gpusvm, &c->pages, NPAGES);
	drm_gpusvm_fini(&c->gpusvm);
	KUNIT_EXPECT_FALSE(test, c->mapped);
	KUNIT_EXPECT_FALSE(test, c->wrong);
}

static struct kunit_case gpusvm_tests[] = {
	KUNIT_CASE(test_hooks_see_each_mapping),
	KUNIT_CASE(test_refused),
	KUNIT_CASE(test_unmapped_early),
	KUNIT_CASE(test_munmap),
	KUNIT_CASE(test_munmap_after_close),
	KUNIT_CASE(test_error_while_mapping),
	KUNIT_CASE(test_freed_while_mapped),
	KUNIT_CASE(test_without_hooks),
	{}
};

static struct kunit_suite gpusvm_test_suite = {
	.name = "drm_gpusvm_dma_ops",
	.init = gpusvm_test_init,
	.exit = gpusvm_test_exit,
	.test_cases = gpusvm_tests,
};

kunit_test_suite(gpusvm_test_suite);

MODULE_DESCRIPTION("KUnit tests of DRM GPU SVM");
MODULE_LICENSE("Dual MIT/GPL");
