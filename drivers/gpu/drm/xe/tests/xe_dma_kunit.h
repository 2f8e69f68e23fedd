/* SPDX-License-Identifier: MIT */

#ifndef _XE_DMA_KUNIT_H_
#define _XE_DMA_KUNIT_H_

#include <kunit/static_stub.h>
#include <kunit/test.h>
#include <kunit/test-bug.h>

#include <linux/completion.h>
#include <linux/scatterlist.h>

#include "xe_dma.h"

/* Long enough for a thread to do what it must not do, short for a test */
#define GRACE_MS	50
#define DEADLINE	(20 * HZ)

/* Stands for a buffer object or a userptr */
struct owner {
	struct xe_dma_map map;
	struct sg_table sgt;
	/* 1 while the device could reach the pages */
	atomic_t live;
};

/* State of one test, shared with the stubs */
struct dma_ctx {
	struct xe_dma_gate gate;
	/* what the stubs were asked to do */
	atomic_t maps, unmaps, live;
	/* calls that must never happen */
	atomic_t double_map, double_unmap, map_after_close;
	/* xe_dma_gate_close() has returned */
	bool closed;
	/* error the next maps return */
	int map_err;
	/* where a stub stops, if set: says so, then waits */
	struct completion *map_entered, *unmap_entered, *go_on;
	/* completed by who holds the lock of the first owner's shard */
	struct completion *locked;
	/* of the threads a test starts */
	struct owner *owners;
	unsigned int num_owners;
	struct completion done[8];
	bool stop;
};

static struct dma_ctx *ctx_of_current(void)
{
	return kunit_get_current_test()->priv;
}

static int fake_map(struct device *dev, struct sg_table *sgt,
		    enum dma_data_direction dir, unsigned long attrs)
{
	struct owner *o = container_of(sgt, struct owner, sgt);
	struct dma_ctx *ctx = ctx_of_current();

	if (ctx->map_err)
		return ctx->map_err;

	atomic_inc(&ctx->maps);
	if (READ_ONCE(ctx->closed))
		atomic_inc(&ctx->map_after_close);
	if (atomic_xchg(&o->live, 1))
		atomic_inc(&ctx->double_map);
	atomic_inc(&ctx->live);

	if (ctx->map_entered) {
		complete(ctx->map_entered);
		wait_for_completion_timeout(ctx->go_on, DEADLINE);
	}

	return 0;
}

static void fake_unmap(struct device *dev, struct sg_table *sgt,
		       enum dma_data_direction dir)
{
	struct owner *o = container_of(sgt, struct owner, sgt);
	struct dma_ctx *ctx = ctx_of_current();

	if (ctx->unmap_entered) {
		complete(ctx->unmap_entered);
		wait_for_completion_timeout(ctx->go_on, DEADLINE);
	}

	atomic_inc(&ctx->unmaps);
	if (!atomic_xchg(&o->live, 0))
		atomic_inc(&ctx->double_unmap);
	atomic_dec(&ctx->live);
}

static int map_one(struct dma_ctx *ctx, struct owner *o)
{
	return xe_dma_map_sgtable(&ctx->gate, &o->map, &o->sgt,
				  DMA_BIDIRECTIONAL, 0, XE_DMA_OWNER_BO);
}

static void unmap_one(struct dma_ctx *ctx, struct owner *o)
{
	xe_dma_unmap(&ctx->gate, &o->map);
}

static void close_gate(struct dma_ctx *ctx, struct xe_dma_stats *stats)
{
	xe_dma_gate_close(&ctx->gate, stats);
	WRITE_ONCE(ctx->closed, true);
}

static void expect_nothing_left(struct kunit *test)
{
	struct dma_ctx *ctx = test->priv;

	KUNIT_EXPECT_EQ(test, atomic_read(&ctx->live), 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&ctx->maps), atomic_read(&ctx->unmaps));
	KUNIT_EXPECT_EQ(test, atomic_read(&ctx->double_map), 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&ctx->double_unmap), 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&ctx->map_after_close), 0);
}

static struct owner *new_owners(struct kunit *test, unsigned int n)
{
	struct owner *o = kunit_kcalloc(test, n, sizeof(*o), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, o);
	return o;
}

static int dma_test_init(struct kunit *test)
{
	struct dma_ctx *ctx;
	unsigned int i;

	ctx = kunit_kzalloc(test, sizeof(*ctx), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, ctx);
	for (i = 0; i < ARRAY_SIZE(ctx->done); i++)
		init_completion(&ctx->done[i]);
	KUNIT_ASSERT_EQ(test, xe_dma_gate_init(&ctx->gate, NULL), 0);
	test->priv = ctx;

	kunit_activate_static_stub(test, xe_dma_raw_map, fake_map);
	kunit_activate_static_stub(test, xe_dma_raw_unmap, fake_unmap);

	return 0;
}

static void dma_test_exit(struct kunit *test)
{
	struct dma_ctx *ctx = test->priv;

	if (!ctx)
		return;

	/* an assertion may have left nodes of freed owners behind */
	xe_dma_gate_fini(&ctx->gate);
}

#endif
