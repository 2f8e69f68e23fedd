// SPDX-License-Identifier: MIT

#include <kunit/test.h>
#include <kunit/visibility.h>

#include <linux/delay.h>
#include <linux/kthread.h>
#include <linux/vmalloc.h>

#include "tests/xe_kunit_helpers.h"

#include "xe_unplug.h"

#define COPY_SIZE	SZ_64K
#define COPY_MS		50

/* A queue's worth of fences, whose number the GPU writes to @seqno */
struct fence_ctx {
	struct xe_device *xe;
	struct xe_hw_fence_irq irq;
	struct xe_hw_fence_ctx ctx;
	struct iosys_map map;
	u32 seqno;
	/* of callback() */
	struct dma_fence_cb cb, other_cb;
	unsigned int calls;
	int status;
};

static int fence_test_init(struct kunit *test)
{
	struct fence_ctx *f;

	f = kunit_kzalloc(test, sizeof(*f), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, f);
	xe_kunit_helper_xe_device_test_init(test);
	f->xe = test->priv;
	test->priv = f;

	/* Before the number of the first fence */
	f->seqno = XE_FENCE_INITIAL_SEQNO - 1;
	iosys_map_set_vaddr(&f->map, &f->seqno);
	xe_hw_fence_irq_init(&f->irq);
	xe_hw_fence_ctx_init(&f->ctx, xe_device_get_gt(f->xe, 0), &f->irq, "test");

	return 0;
}

static struct dma_fence *new_fence(struct kunit *test)
{
	struct fence_ctx *f = test->priv;
	struct dma_fence *fence = xe_hw_fence_alloc();

	KUNIT_ASSERT_FALSE(test, IS_ERR(fence));
	xe_hw_fence_init(fence, &f->ctx, f->map);

	return fence;
}

static void callback(struct dma_fence *fence, struct dma_fence_cb *cb)
{
	struct fence_ctx *f = container_of(cb, struct fence_ctx, cb);

	f->calls++;
	f->status = fence->error;
}

static void no_callback(struct dma_fence *fence, struct dma_fence_cb *cb)
{
}

/* As the halt does it, when the device has stopped */
static void stop(struct kunit *test)
{
	struct fence_ctx *f = test->priv;

	WRITE_ONCE(f->xe->unplug.gone, true);
	WRITE_ONCE(f->xe->unplug.stopped, true);
	xe_hw_fence_irq_abort(&f->irq);
}

static void test_lost(struct kunit *test)
{
	struct fence_ctx *f = test->priv;
	struct dma_fence *fence = new_fence(test);

	KUNIT_EXPECT_EQ(test, dma_fence_add_callback(fence, &f->cb, callback), 0);
	KUNIT_EXPECT_FALSE(test, dma_fence_is_signaled(fence));

	stop(test);
	KUNIT_EXPECT_EQ(test, f->calls, 1);
	KUNIT_EXPECT_EQ(test, f->status, -ENODEV);
	KUNIT_EXPECT_EQ(test, dma_fence_get_status(fence), -ENODEV);

	/* The second GT may have the same, and so may a failed probe */
	xe_hw_fence_irq_abort(&f->irq);
	KUNIT_EXPECT_EQ(test, f->calls, 1);

	dma_fence_put(fence);
}

static void test_done(struct kunit *test)
{
	struct fence_ctx *f = test->priv;
	struct dma_fence *first = new_fence(test), *second = new_fence(test);

	KUNIT_EXPECT_EQ(test, dma_fence_add_callback(first, &f->cb, callback), 0);
	KUNIT_EXPECT_EQ(test, dma_fence_add_callback(second, &f->other_cb, no_callback), 0);

	/* The GPU was done with the first, and the interrupt not yet here */
	f->seqno = first->seqno;
	stop(test);
	KUNIT_EXPECT_EQ(test, f->calls, 1);
	KUNIT_EXPECT_EQ(test, f->status, 0);
	KUNIT_EXPECT_EQ(test, dma_fence_get_status(first), 1);
	KUNIT_EXPECT_EQ(test, dma_fence_get_status(second), -ENODEV);

	dma_fence_put(first);
	dma_fence_put(second);
}

/* What was given up is signalled, whatever its number says later */
static void test_error_first(struct kunit *test)
{
	struct dma_fence *fence = new_fence(test);

	dma_fence_set_error(fence, -ENODEV);
	KUNIT_EXPECT_TRUE(test, dma_fence_is_signaled(fence));
	dma_fence_put(fence);
}

/* All ones is the number of the 127th fence of a queue, not of the first */
static void expect_not_done(struct kunit *test)
{
	struct dma_fence *fence = new_fence(test);

	KUNIT_EXPECT_FALSE(test, dma_fence_is_signaled(fence));

	dma_fence_set_error(fence, -ENODEV);
	KUNIT_EXPECT_TRUE(test, dma_fence_is_signaled(fence));
	dma_fence_put(fence);
}

static void test_all_ones(struct kunit *test)
{
	struct fence_ctx *f = test->priv;
	struct dma_fence *fence = new_fence(test);

	f->seqno = U32_MAX;
	KUNIT_EXPECT_TRUE(test, dma_fence_is_signaled(fence));
	dma_fence_put(fence);
}

static void test_pulled(struct kunit *test)
{
	struct fence_ctx *f = test->priv;

	/* Later than the first, and not to be looked at: buses differ in it */
	f->seqno = 0;
	iosys_map_set_vaddr_iomem(&f->map, (void __iomem *)&f->seqno);
	WRITE_ONCE(f->xe->unplug.gone, true);
	WRITE_ONCE(f->xe->unplug.dead, true);
	expect_not_done(test);
}

static void test_unmapped(struct kunit *test)
{
	struct fence_ctx *f = test->priv;

	xe_map_close(f->xe);
	expect_not_done(test);
}

static void test_map_closed(struct kunit *test)
{
	struct fence_ctx *f = test->priv;
	struct xe_device *xe = f->xe;
	u32 buf[4] = { 1, 2, 3, 4 };
	struct iosys_map map;
	u32 copy[4];

	iosys_map_set_vaddr(&map, buf);
	xe_map_wr(xe, &map, 4, u32, 7);
	KUNIT_EXPECT_EQ(test, xe_map_rd(xe, &map, 4, u32), 7);
	KUNIT_EXPECT_EQ(test, xe_map_read32(xe, &map), 1);

	xe_map_close(xe);

	xe_map_wr(xe, &map, 4, u32, 8);
	xe_map_write32(xe, &map, 8);
	xe_map_memset(xe, &map, 0, 0, sizeof(buf));
	xe_map_memcpy_to(xe, &map, 0, copy, sizeof(buf));
	KUNIT_EXPECT_EQ(test, buf[0], 1);
	KUNIT_EXPECT_EQ(test, buf[1], 7);
	KUNIT_EXPECT_EQ(test, buf[3], 4);

	KUNIT_EXPECT_EQ(test, xe_map_rd(xe, &map, 4, u32), U32_MAX);
	KUNIT_EXPECT_EQ(test, xe_map_read32(xe, &map), U32_MAX);
	xe_map_memcpy_from(xe, copy, &map, 0, sizeof(copy));
	KUNIT_EXPECT_NULL(test, memchr_inv(copy, 0xff, sizeof(copy)));

	/* Called once more by devres */
	xe_map_close(xe);
}

struct copier {
	struct xe_device *xe;
	struct iosys_map map;
	void *buf;
	unsigned long copies;
};

static int copier_thread(void *data)
{
	struct copier *c = data;

	while (!kthread_should_stop()) {
		xe_map_memcpy_from(c->xe, c->buf, &c->map, 0, COPY_SIZE);
		xe_map_memset(c->xe, &c->map, 0, 0, COPY_SIZE);
		WRITE_ONCE(c->copies, c->copies + 1);
		cond_resched();
	}

	return 0;
}

/* When close has returned, what is mapped may go, whoever is at work on it */
static void test_map_close_waits(struct kunit *test)
{
	struct fence_ctx *f = test->priv;
	struct copier c = { .xe = f->xe };
	struct task_struct *task;
	void *mem;

	c.buf = kunit_kmalloc(test, COPY_SIZE, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, c.buf);
	mem = vmalloc(COPY_SIZE);
	KUNIT_ASSERT_NOT_NULL(test, mem);
	iosys_map_set_vaddr(&c.map, mem);

	task = kthread_run(copier_thread, &c, "xe-map-copy");
	KUNIT_EXPECT_FALSE(test, IS_ERR(task));
	msleep(COPY_MS);
	KUNIT_EXPECT_GT(test, READ_ONCE(c.copies), 0);

	xe_map_close(f->xe);
	vfree(mem);

	msleep(COPY_MS);
	if (!IS_ERR(task))
		kthread_stop(task);
}

static struct kunit_case fence_test_cases[] = {
	KUNIT_CASE(test_lost),
	KUNIT_CASE(test_done),
	KUNIT_CASE(test_error_first),
	KUNIT_CASE(test_all_ones),
	KUNIT_CASE(test_pulled),
	KUNIT_CASE(test_unmapped),
	KUNIT_CASE(test_map_closed),
	KUNIT_CASE(test_map_close_waits),
	{}
};

VISIBLE_IF_KUNIT
struct kunit_suite xe_hw_fence_test_suite = {
	.name = "xe_hw_fence",
	.test_cases = fence_test_cases,
	.init = fence_test_init,
};
EXPORT_SYMBOL_IF_KUNIT(xe_hw_fence_test_suite);
