// SPDX-License-Identifier: MIT

#include <linux/hash.h>
#include <linux/ktime.h>
#include <linux/slab.h>

#include "tests/xe_dma_kunit.h"

static void test_unmap(struct kunit *test)
{
	struct owner *o = new_owners(test, 1);
	struct dma_ctx *ctx = test->priv;

	KUNIT_ASSERT_EQ(test, map_one(ctx, o), 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&ctx->live), 1);

	unmap_one(ctx, o);
	KUNIT_EXPECT_EQ(test, atomic_read(&ctx->live), 0);

	/* the node can be used again */
	KUNIT_ASSERT_EQ(test, map_one(ctx, o), 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&ctx->live), 1);
	unmap_one(ctx, o);

	KUNIT_EXPECT_EQ(test, atomic_read(&ctx->maps), 2);
	expect_nothing_left(test);
}

static void test_unmap_twice(struct kunit *test)
{
	struct owner *o = new_owners(test, 1);
	struct dma_ctx *ctx = test->priv;

	KUNIT_ASSERT_EQ(test, map_one(ctx, o), 0);
	unmap_one(ctx, o);
	unmap_one(ctx, o);

	KUNIT_EXPECT_EQ(test, atomic_read(&ctx->unmaps), 1);
	expect_nothing_left(test);
}

static void test_unmap_never_mapped(struct kunit *test)
{
	struct owner *o = new_owners(test, 1);
	struct dma_ctx *ctx = test->priv;

	unmap_one(ctx, o);
	KUNIT_EXPECT_EQ(test, atomic_read(&ctx->unmaps), 0);
}

static void test_map_fails(struct kunit *test)
{
	struct owner *o = new_owners(test, 1);
	struct dma_ctx *ctx = test->priv;
	struct xe_dma_stats stats;

	ctx->map_err = -EIO;
	KUNIT_EXPECT_EQ(test, map_one(ctx, o), -EIO);

	unmap_one(ctx, o);
	close_gate(ctx, &stats);

	KUNIT_EXPECT_EQ(test, stats.maps[XE_DMA_OWNER_BO], 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&ctx->unmaps), 0);
}

static void test_close_empty(struct kunit *test)
{
	struct dma_ctx *ctx = test->priv;
	struct xe_dma_stats stats = { .maps = { 1 }, .pages = { 1 } };

	KUNIT_EXPECT_FALSE(test, xe_dma_gate_closed(&ctx->gate));
	close_gate(ctx, &stats);
	KUNIT_EXPECT_TRUE(test, xe_dma_gate_closed(&ctx->gate));
	KUNIT_EXPECT_EQ(test, stats.maps[XE_DMA_OWNER_BO], 0);
	KUNIT_EXPECT_EQ(test, stats.pages[XE_DMA_OWNER_BO], 0);

	close_gate(ctx, NULL);
	expect_nothing_left(test);
}

static void test_close_unmaps(struct kunit *test)
{
	/* so many that every shard needs several batches */
	const unsigned int num = XE_DMA_NUM_SHARDS * XE_DMA_CLOSE_BATCH * 3;
	struct owner *o = new_owners(test, num);
	struct dma_ctx *ctx = test->priv;
	struct xe_dma_stats stats;
	unsigned int i;

	for (i = 0; i < num; i++)
		KUNIT_ASSERT_EQ(test, map_one(ctx, &o[i]), 0);

	/* holes must not stop it */
	for (i = 0; i < num; i += 7)
		unmap_one(ctx, &o[i]);

	close_gate(ctx, &stats);
	KUNIT_EXPECT_EQ(test, stats.maps[XE_DMA_OWNER_BO], num - DIV_ROUND_UP(num, 7));
	expect_nothing_left(test);

	/* the owners come late, some of them twice */
	for (i = 0; i < num; i++)
		unmap_one(ctx, &o[i]);
	for (i = 0; i < num; i += 3)
		unmap_one(ctx, &o[i]);
	expect_nothing_left(test);

	close_gate(ctx, &stats);
	KUNIT_EXPECT_EQ(test, stats.maps[XE_DMA_OWNER_BO], 0);
	expect_nothing_left(test);
}

static void test_map_after_close(struct kunit *test)
{
	struct owner *o = new_owners(test, 2);
	struct dma_ctx *ctx = test->priv;

	KUNIT_ASSERT_EQ(test, map_one(ctx, &o[0]), 0);
	close_gate(ctx, NULL);

	/* a new node, and the one that was closed */
	KUNIT_EXPECT_EQ(test, map_one(ctx, &o[1]), -ENODEV);
	KUNIT_EXPECT_EQ(test, map_one(ctx, &o[0]), -ENODEV);
	KUNIT_EXPECT_EQ(test, atomic_read(&ctx->maps), 1);

	unmap_one(ctx, &o[0]);
	unmap_one(ctx, &o[1]);
	expect_nothing_left(test);
}

static void test_stats(struct kunit *test)
{
	struct owner *o = new_owners(test, 3);
	struct dma_ctx *ctx = test->priv;
	struct scatterlist sg[2];
	struct xe_dma_stats stats;
	int i;

	sg_init_table(sg, ARRAY_SIZE(sg));
	sg[0].length = 3 * PAGE_SIZE;
	sg[1].length = 4 * PAGE_SIZE;
	for (i = 0; i < 3; i++) {
		o[i].sgt.sgl = sg;
		o[i].sgt.orig_nents = ARRAY_SIZE(sg);
		KUNIT_ASSERT_EQ(test,
				xe_dma_map_sgtable(&ctx->gate, &o[i].map, &o[i].sgt,
						   DMA_TO_DEVICE, 0,
						   i ? XE_DMA_OWNER_USERPTR :
						   XE_DMA_OWNER_BO), 0);
	}

	close_gate(ctx, &stats);
	KUNIT_EXPECT_EQ(test, stats.maps[XE_DMA_OWNER_BO], 1);
	KUNIT_EXPECT_EQ(test, stats.maps[XE_DMA_OWNER_USERPTR], 2);
	KUNIT_EXPECT_EQ(test, stats.pages[XE_DMA_OWNER_BO], 7);
	KUNIT_EXPECT_EQ(test, stats.pages[XE_DMA_OWNER_USERPTR], 14);
	expect_nothing_left(test);
}

/* A mapping the gate knows nothing of but how to undo it */
struct pieces {
	long obj;
	struct dma_ctx *ctx;
	struct xe_dma_map map;
};

static void unmap_pieces(void *obj, unsigned long pages)
{
	struct pieces *p = container_of(obj, struct pieces, obj);

	if (pages != 5 || READ_ONCE(p->obj) != 42)
		atomic_inc(&p->ctx->double_unmap);
	atomic_inc(&p->ctx->unmaps);
	atomic_dec(&p->ctx->live);
}

static int map_pieces(struct dma_ctx *ctx, struct pieces *p, int err)
{
	int idx = xe_dma_map_begin(&ctx->gate);

	if (idx < 0)
		return idx;

	if (!err) {
		atomic_inc(&ctx->maps);
		atomic_inc(&ctx->live);
		p->ctx = ctx;
		p->obj = 42;
		p->map.owner = XE_DMA_OWNER_USERPTR;
	}
	xe_dma_map_end(&ctx->gate, idx, err ? NULL : &p->map, &p->obj, 5);

	return err;
}

static void test_pieces(struct kunit *test)
{
	struct dma_ctx *ctx = test->priv;
	struct pieces p[4] = {};
	struct xe_dma_stats stats;

	ctx->gate.unmap = unmap_pieces;

	KUNIT_ASSERT_EQ(test, map_pieces(ctx, &p[0], 0), 0);
	KUNIT_ASSERT_EQ(test, map_pieces(ctx, &p[1], 0), 0);
	KUNIT_EXPECT_EQ(test, map_pieces(ctx, &p[2], -EFAULT), -EFAULT);

	xe_dma_unmap(&ctx->gate, &p[1].map);
	xe_dma_unmap(&ctx->gate, &p[1].map);
	xe_dma_unmap(&ctx->gate, &p[2].map);
	KUNIT_EXPECT_EQ(test, atomic_read(&ctx->unmaps), 1);

	close_gate(ctx, &stats);
	KUNIT_EXPECT_EQ(test, stats.maps[XE_DMA_OWNER_USERPTR], 1);
	KUNIT_EXPECT_EQ(test, stats.pages[XE_DMA_OWNER_USERPTR], 5);
	KUNIT_EXPECT_EQ(test, map_pieces(ctx, &p[3], 0), -ENODEV);

	xe_dma_unmap(&ctx->gate, &p[0].map);
	KUNIT_EXPECT_EQ(test, atomic_read(&ctx->unmaps), 2);
	expect_nothing_left(test);
}

/* Whoever waits for the lock of a shard waits for so many unmaps, and no more */
static void test_close_batch(struct kunit *test)
{
	const unsigned int num = 2 * XE_DMA_CLOSE_BATCH + 1;
	struct dma_ctx *ctx = test->priv;
	struct xe_dma_shard *shard = ctx->gate.shards;
	struct owner *o = new_owners(test, num * XE_DMA_NUM_SHARDS * 2);
	unsigned int i, n, done;

	/* It depends on the address where a node goes */
	for (i = 0, n = 0; i < num * XE_DMA_NUM_SHARDS * 2 && n < num; i++) {
		if (hash_ptr(&o[i].map, XE_DMA_SHARD_BITS))
			continue;
		KUNIT_ASSERT_EQ(test, map_one(ctx, &o[i]), 0);
		n++;
	}
	KUNIT_ASSERT_EQ(test, n, num);

	for (done = XE_DMA_CLOSE_BATCH; done < num; done += XE_DMA_CLOSE_BATCH) {
		KUNIT_EXPECT_TRUE(test, xe_dma_close_batch(&ctx->gate, shard, NULL));
		KUNIT_EXPECT_EQ(test, atomic_read(&ctx->unmaps), done);
		KUNIT_EXPECT_FALSE(test, mutex_is_locked(&shard->lock));
	}
	KUNIT_EXPECT_FALSE(test, xe_dma_close_batch(&ctx->gate, shard, NULL));
	expect_nothing_left(test);
}

/* There are as many nodes as buffers and userptrs */
static void test_node_size(struct kunit *test)
{
	if (IS_ENABLED(CONFIG_DRM_XE_DEBUG))
		kunit_skip(test, "it carries the name of its owner");

	KUNIT_EXPECT_LE(test, sizeof(struct xe_dma_map), 40);
}

static void test_million(struct kunit *test)
{
	const unsigned int num = 1000000;
	struct dma_ctx *ctx = test->priv;
	struct xe_dma_stats stats;
	struct owner *o;
	ktime_t start;
	unsigned int i;

	o = kvcalloc(num, sizeof(*o), GFP_KERNEL);
	if (!o)
		kunit_skip(test, "not enough memory");

	for (i = 0; i < num; i++)
		if (map_one(ctx, &o[i]))
			break;
	KUNIT_EXPECT_EQ(test, i, num);

	start = ktime_get();
	close_gate(ctx, &stats);
	kunit_info(test, "closed %lu mappings in %lld us\n",
		   stats.maps[XE_DMA_OWNER_BO], ktime_us_delta(ktime_get(), start));

	KUNIT_EXPECT_EQ(test, stats.maps[XE_DMA_OWNER_BO], num);
	expect_nothing_left(test);

	kvfree(o);
}

static struct kunit_case dma_test_cases[] = {
	KUNIT_CASE(test_unmap),
	KUNIT_CASE(test_unmap_twice),
	KUNIT_CASE(test_unmap_never_mapped),
	KUNIT_CASE(test_map_fails),
	KUNIT_CASE(test_close_empty),
	KUNIT_CASE(test_close_unmaps),
	KUNIT_CASE(test_map_after_close),
	KUNIT_CASE(test_stats),
	KUNIT_CASE(test_pieces),
	KUNIT_CASE(test_close_batch),
	KUNIT_CASE(test_node_size),
	KUNIT_CASE_SLOW(test_million),
	{}
};

static struct kunit_suite dma_test_suite = {
	.name = "xe_dma",
	.test_cases = dma_test_cases,
	.init = dma_test_init,
	.exit = dma_test_exit,
};

kunit_test_suite(dma_test_suite);
