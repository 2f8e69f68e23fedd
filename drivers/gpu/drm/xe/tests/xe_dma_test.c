// SPDX-License-Identifier: MIT

#include <kunit/static_stub.h>
#include <kunit/test.h>
#include <kunit/test-bug.h>

#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/hash.h>
#include <linux/kthread.h>
#include <linux/ktime.h>
#include <linux/prandom.h>
#include <linux/scatterlist.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

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

/* Threads do not inherit the test, and without it they miss the stubs */
struct worker {
	struct kunit *test;
	int (*fn)(struct kunit *test, unsigned int id);
	unsigned int id;
};

static int worker_main(void *arg)
{
	struct worker *w = arg;
	struct dma_ctx *ctx = w->test->priv;

	current->kunit_test = w->test;
	w->fn(w->test, w->id);
	current->kunit_test = NULL;
	complete(&ctx->done[w->id]);

	return 0;
}

static void start_worker(struct kunit *test, unsigned int id,
			 int (*fn)(struct kunit *test, unsigned int id))
{
	struct worker *w = kunit_kzalloc(test, sizeof(*w), GFP_KERNEL);
	struct dma_ctx *ctx = test->priv;
	struct task_struct *task;

	KUNIT_ASSERT_NOT_NULL(test, w);
	KUNIT_ASSERT_LT(test, id, ARRAY_SIZE(ctx->done));
	w->test = test;
	w->fn = fn;
	w->id = id;
	task = kthread_run(worker_main, w, "xe_dma_test/%u", id);
	KUNIT_ASSERT_FALSE(test, IS_ERR(task));
}

static bool worker_done(struct kunit *test, unsigned int id, unsigned long timeout)
{
	struct dma_ctx *ctx = test->priv;

	if (!wait_for_completion_timeout(&ctx->done[id], timeout))
		return false;
	complete(&ctx->done[id]);
	return true;
}

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

static int worker_map_first(struct kunit *test, unsigned int id)
{
	struct dma_ctx *ctx = test->priv;

	return map_one(ctx, ctx->owners);
}

static int worker_unmap_first(struct kunit *test, unsigned int id)
{
	struct dma_ctx *ctx = test->priv;

	unmap_one(ctx, ctx->owners);
	return 0;
}

static int worker_close(struct kunit *test, unsigned int id)
{
	struct dma_ctx *ctx = test->priv;

	close_gate(ctx, NULL);
	return 0;
}

/* A map that saw the gate open is in the middle of its work: close must wait */
static void test_close_waits_for_map(struct kunit *test)
{
	DECLARE_COMPLETION_ONSTACK(entered);
	DECLARE_COMPLETION_ONSTACK(go_on);
	struct dma_ctx *ctx = test->priv;

	ctx->owners = new_owners(test, 1);
	ctx->map_entered = &entered;
	ctx->go_on = &go_on;

	start_worker(test, 0, worker_map_first);
	KUNIT_EXPECT_NE(test, wait_for_completion_timeout(&entered, DEADLINE), 0);

	start_worker(test, 1, worker_close);
	KUNIT_EXPECT_FALSE(test, worker_done(test, 1, msecs_to_jiffies(GRACE_MS)));

	complete_all(&go_on);
	KUNIT_EXPECT_TRUE(test, worker_done(test, 0, DEADLINE));
	KUNIT_EXPECT_TRUE(test, worker_done(test, 1, DEADLINE));

	KUNIT_EXPECT_EQ(test, atomic_read(&ctx->maps), 1);
	expect_nothing_left(test);
}

/* close is unmapping this very node: the owner must not free the pages yet */
static unsigned int shard_of(const struct owner *o)
{
	return hash_ptr(&o->map, XE_DMA_SHARD_BITS);
}

/* In a thread of its own: lockdep allows no allocation below the lock */
static int worker_hold_shard(struct kunit *test, unsigned int id)
{
	struct dma_ctx *ctx = test->priv;
	struct xe_dma_shard *shard = &ctx->gate.shards[shard_of(ctx->owners)];

	mutex_lock(&shard->lock);
	complete(ctx->locked);
	wait_for_completion_timeout(ctx->go_on, DEADLINE);
	mutex_unlock(&shard->lock);

	return 0;
}

/*
 * A map is done when its node is on a list, not when the pages are mapped. Holds
 * the map up between the two, and looks whether close begins to unmap others.
 */
static void test_close_waits_for_insert(struct kunit *test)
{
	struct owner *o = new_owners(test, 64), *low = o, *high = o;
	DECLARE_COMPLETION_ONSTACK(locked);
	DECLARE_COMPLETION_ONSTACK(go_on);
	unsigned long end = jiffies + DEADLINE;
	struct dma_ctx *ctx = test->priv;
	int i;

	for (i = 1; i < 64; i++) {
		if (shard_of(&o[i]) < shard_of(low))
			low = &o[i];
		if (shard_of(&o[i]) > shard_of(high))
			high = &o[i];
	}
	KUNIT_ASSERT_LT(test, shard_of(low), shard_of(high));

	KUNIT_ASSERT_EQ(test, map_one(ctx, low), 0);

	ctx->owners = high;
	ctx->locked = &locked;
	ctx->go_on = &go_on;
	start_worker(test, 2, worker_hold_shard);
	KUNIT_EXPECT_NE(test, wait_for_completion_timeout(&locked, DEADLINE), 0);

	start_worker(test, 0, worker_map_first);
	while (atomic_read(&ctx->maps) < 2 && time_before(jiffies, end))
		usleep_range(500, 1000);

	start_worker(test, 1, worker_close);
	msleep(GRACE_MS);
	KUNIT_EXPECT_EQ(test, atomic_read(&ctx->unmaps), 0);
	complete_all(&go_on);

	KUNIT_EXPECT_TRUE(test, worker_done(test, 2, DEADLINE));
	KUNIT_EXPECT_TRUE(test, worker_done(test, 0, DEADLINE));
	KUNIT_EXPECT_TRUE(test, worker_done(test, 1, DEADLINE));
	expect_nothing_left(test);
}

static void test_unmap_waits_for_close(struct kunit *test)
{
	DECLARE_COMPLETION_ONSTACK(entered);
	DECLARE_COMPLETION_ONSTACK(go_on);
	struct dma_ctx *ctx = test->priv;

	ctx->owners = new_owners(test, 1);
	KUNIT_ASSERT_EQ(test, map_one(ctx, ctx->owners), 0);

	ctx->unmap_entered = &entered;
	ctx->go_on = &go_on;

	start_worker(test, 0, worker_close);
	KUNIT_EXPECT_NE(test, wait_for_completion_timeout(&entered, DEADLINE), 0);

	start_worker(test, 1, worker_unmap_first);
	KUNIT_EXPECT_FALSE(test, worker_done(test, 1, msecs_to_jiffies(GRACE_MS)));
	KUNIT_EXPECT_EQ(test, atomic_read(&ctx->live), 1);

	complete_all(&go_on);
	KUNIT_EXPECT_TRUE(test, worker_done(test, 0, DEADLINE));
	KUNIT_EXPECT_TRUE(test, worker_done(test, 1, DEADLINE));

	KUNIT_EXPECT_EQ(test, atomic_read(&ctx->unmaps), 1);
	expect_nothing_left(test);
}

/* And the other way round: close must not return while an owner unmaps */
static void test_close_waits_for_unmap(struct kunit *test)
{
	DECLARE_COMPLETION_ONSTACK(entered);
	DECLARE_COMPLETION_ONSTACK(go_on);
	struct dma_ctx *ctx = test->priv;

	ctx->owners = new_owners(test, 1);
	KUNIT_ASSERT_EQ(test, map_one(ctx, ctx->owners), 0);

	ctx->unmap_entered = &entered;
	ctx->go_on = &go_on;

	start_worker(test, 0, worker_unmap_first);
	KUNIT_EXPECT_NE(test, wait_for_completion_timeout(&entered, DEADLINE), 0);

	start_worker(test, 1, worker_close);
	KUNIT_EXPECT_FALSE(test, worker_done(test, 1, msecs_to_jiffies(GRACE_MS)));

	complete_all(&go_on);
	KUNIT_EXPECT_TRUE(test, worker_done(test, 0, DEADLINE));
	KUNIT_EXPECT_TRUE(test, worker_done(test, 1, DEADLINE));
	expect_nothing_left(test);
}

static int worker_churn(struct kunit *test, unsigned int id)
{
	struct dma_ctx *ctx = test->priv;
	struct owner *o = &ctx->owners[id * ctx->num_owners];
	struct rnd_state rnd;
	unsigned int i;

	prandom_seed_state(&rnd, id);
	while (!READ_ONCE(ctx->stop)) {
		i = prandom_u32_state(&rnd) % ctx->num_owners;

		unmap_one(ctx, &o[i]);
		if (atomic_read(&o[i].live))
			atomic_inc(&ctx->double_unmap);
		map_one(ctx, &o[i]);
		cond_resched();
	}

	/* owners die after the gate was closed */
	for (i = 0; i < ctx->num_owners; i++)
		unmap_one(ctx, &o[i]);

	return 0;
}

static void test_race_churn(struct kunit *test)
{
	const unsigned int num_threads = 4;
	struct dma_ctx *ctx = test->priv;
	unsigned int i, maps;

	ctx->num_owners = 100;
	ctx->owners = new_owners(test, num_threads * ctx->num_owners);

	for (i = 0; i < num_threads; i++)
		start_worker(test, i, worker_churn);
	msleep(GRACE_MS);

	close_gate(ctx, NULL);
	maps = atomic_read(&ctx->maps);
	KUNIT_EXPECT_GT(test, maps, 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&ctx->live), 0);

	/* they go on trying */
	msleep(GRACE_MS);
	KUNIT_EXPECT_EQ(test, atomic_read(&ctx->maps), maps);

	WRITE_ONCE(ctx->stop, true);
	for (i = 0; i < num_threads; i++)
		KUNIT_EXPECT_TRUE(test, worker_done(test, i, DEADLINE));
	expect_nothing_left(test);
}

static int worker_short_lives(struct kunit *test, unsigned int id)
{
	struct dma_ctx *ctx = test->priv;

	while (!READ_ONCE(ctx->stop)) {
		struct owner *o = kzalloc(sizeof(*o), GFP_KERNEL);

		if (!o)
			break;
		map_one(ctx, o);
		cond_resched();
		unmap_one(ctx, o);
		/* poison: close must not look at it any more */
		memset(o, 0x5a, sizeof(*o));
		kfree(o);
		cond_resched();
	}

	return 0;
}

static void test_race_lifetime(struct kunit *test)
{
	const unsigned int num_threads = 4;
	struct dma_ctx *ctx = test->priv;
	unsigned int i;

	for (i = 0; i < num_threads; i++)
		start_worker(test, i, worker_short_lives);
	msleep(GRACE_MS);

	close_gate(ctx, NULL);
	KUNIT_EXPECT_EQ(test, atomic_read(&ctx->live), 0);

	msleep(GRACE_MS);
	WRITE_ONCE(ctx->stop, true);
	for (i = 0; i < num_threads; i++)
		KUNIT_EXPECT_TRUE(test, worker_done(test, i, DEADLINE));
	expect_nothing_left(test);
}

static int worker_keep_mapping(struct kunit *test, unsigned int id)
{
	struct dma_ctx *ctx = test->priv;
	unsigned int i;

	for (i = 0; i < ctx->num_owners; i++)
		if (map_one(ctx, &ctx->owners[i]))
			break;

	return 0;
}

/* Nobody waits for close: a map meanwhile gets its error at once */
static void test_map_while_closing(struct kunit *test)
{
	DECLARE_COMPLETION_ONSTACK(entered);
	DECLARE_COMPLETION_ONSTACK(go_on);
	struct dma_ctx *ctx = test->priv;
	struct owner *first = new_owners(test, 1);

	KUNIT_ASSERT_EQ(test, map_one(ctx, first), 0);
	ctx->owners = new_owners(test, 100);
	ctx->num_owners = 100;
	ctx->unmap_entered = &entered;
	ctx->go_on = &go_on;

	start_worker(test, 0, worker_close);
	KUNIT_EXPECT_NE(test, wait_for_completion_timeout(&entered, DEADLINE), 0);

	/* close holds a shard lock now and the gate is shut */
	start_worker(test, 1, worker_keep_mapping);
	KUNIT_EXPECT_TRUE(test, worker_done(test, 1, DEADLINE / 4));
	KUNIT_EXPECT_EQ(test, atomic_read(&ctx->maps), 1);

	complete_all(&go_on);
	KUNIT_EXPECT_TRUE(test, worker_done(test, 0, DEADLINE));
	expect_nothing_left(test);
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
	KUNIT_CASE(test_close_waits_for_map),
	KUNIT_CASE(test_close_waits_for_insert),
	KUNIT_CASE(test_unmap_waits_for_close),
	KUNIT_CASE(test_close_waits_for_unmap),
	KUNIT_CASE(test_map_while_closing),
	KUNIT_CASE(test_race_churn),
	KUNIT_CASE(test_race_lifetime),
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
