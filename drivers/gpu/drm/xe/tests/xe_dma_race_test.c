// SPDX-License-Identifier: MIT

#include <linux/delay.h>
#include <linux/hash.h>
#include <linux/kthread.h>
#include <linux/prandom.h>
#include <linux/slab.h>

#include "tests/xe_dma_kunit.h"

/*
 * Map, unmap and close of several threads: who waits for whom, and what is left.
 */

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
	task = kthread_run(worker_main, w, "xe_dma_race/%u", id);
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

/*
 * Holds the first worker up in the middle of its work: the second one must not
 * end before. Returns how many owners were mapped meanwhile.
 */
static int expect_waits(struct kunit *test, struct completion **entered,
			int (*first)(struct kunit *test, unsigned int id),
			int (*second)(struct kunit *test, unsigned int id))
{
	DECLARE_COMPLETION_ONSTACK(inside);
	DECLARE_COMPLETION_ONSTACK(go_on);
	struct dma_ctx *ctx = test->priv;
	int live;

	*entered = &inside;
	ctx->go_on = &go_on;

	start_worker(test, 0, first);
	KUNIT_EXPECT_NE(test, wait_for_completion_timeout(&inside, DEADLINE), 0);

	start_worker(test, 1, second);
	KUNIT_EXPECT_FALSE(test, worker_done(test, 1, msecs_to_jiffies(GRACE_MS)));
	live = atomic_read(&ctx->live);

	complete_all(&go_on);
	KUNIT_EXPECT_TRUE(test, worker_done(test, 0, DEADLINE));
	KUNIT_EXPECT_TRUE(test, worker_done(test, 1, DEADLINE));
	expect_nothing_left(test);

	return live;
}

/* A map that saw the gate open is in the middle of its work: close must wait */
static void test_close_waits_for_map(struct kunit *test)
{
	struct dma_ctx *ctx = test->priv;

	ctx->owners = new_owners(test, 1);
	expect_waits(test, &ctx->map_entered, worker_map_first, worker_close);
	KUNIT_EXPECT_EQ(test, atomic_read(&ctx->maps), 1);
}

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

/* close is unmapping this very node: the owner must not free the pages yet */
static void test_unmap_waits_for_close(struct kunit *test)
{
	struct dma_ctx *ctx = test->priv;

	ctx->owners = new_owners(test, 1);
	KUNIT_ASSERT_EQ(test, map_one(ctx, ctx->owners), 0);

	KUNIT_EXPECT_EQ(test, expect_waits(test, &ctx->unmap_entered, worker_close,
					   worker_unmap_first), 1);
	KUNIT_EXPECT_EQ(test, atomic_read(&ctx->unmaps), 1);
}

/* And the other way round: close must not return while an owner unmaps */
static void test_close_waits_for_unmap(struct kunit *test)
{
	struct dma_ctx *ctx = test->priv;

	ctx->owners = new_owners(test, 1);
	KUNIT_ASSERT_EQ(test, map_one(ctx, ctx->owners), 0);

	expect_waits(test, &ctx->unmap_entered, worker_unmap_first, worker_close);
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

static struct kunit_case dma_race_cases[] = {
	KUNIT_CASE(test_close_waits_for_map),
	KUNIT_CASE(test_close_waits_for_insert),
	KUNIT_CASE(test_unmap_waits_for_close),
	KUNIT_CASE(test_close_waits_for_unmap),
	KUNIT_CASE(test_map_while_closing),
	KUNIT_CASE(test_race_churn),
	KUNIT_CASE(test_race_lifetime),
	{}
};

static struct kunit_suite dma_race_suite = {
	.name = "xe_dma_race",
	.test_cases = dma_race_cases,
	.init = dma_test_init,
	.exit = dma_test_exit,
};

kunit_test_suite(dma_race_suite);
