// SPDX-License-Identifier: MIT

#include <kunit/test.h>
#include <kunit/visibility.h>
#include <linux/delay.h>
#include <linux/workqueue.h>

#include "tests/xe_ggtt_kunit.h"
#include "tests/xe_kunit_helpers.h"

#define GGTT_PTES	1024
#define GGTT_UNTOUCHED	0x5a5a5a5a5a5a5a5aull

/* A GGTT whose entries are in memory of the test */
struct ggtt_ctx {
	struct xe_ggtt *ggtt;
	u64 *ptes;
};

struct xe_ggtt *xe_kunit_helper_ggtt_init(struct kunit *test, struct xe_tile *tile,
					  u64 *ptes, unsigned int num)
{
	struct xe_ggtt *ggtt = kunit_kzalloc(test, sizeof(*ggtt), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, ggtt);
	ggtt->tile = tile;
	ggtt->size = (u64)num * XE_PAGE_SIZE;
	ggtt->gsm = (u64 __iomem *)ptes;
	ggtt->pt_ops = &xelp_pt_ops;
	ggtt->flags = XE_GGTT_FLAGS_ONLINE;
	mutex_init(&ggtt->lock);
	drm_mm_init(&ggtt->mm, 0, ggtt->size);

	return ggtt;
}

void xe_kunit_helper_ggtt_fini(struct kunit *test, struct xe_ggtt *ggtt)
{
	KUNIT_EXPECT_TRUE(test, drm_mm_clean(&ggtt->mm));
	drm_mm_takedown(&ggtt->mm);
	mutex_destroy(&ggtt->lock);
}

static int ggtt_test_init(struct kunit *test)
{
	struct ggtt_ctx *ctx;
	struct xe_device *xe;

	if (IS_ENABLED(CONFIG_UML))
		kunit_skip(test, "ordinary memory cannot stand for a GGTT here");

	ctx = kunit_kzalloc(test, sizeof(*ctx), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, ctx);
	ctx->ptes = kunit_kmalloc_array(test, GGTT_PTES, sizeof(u64), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, ctx->ptes);
	memset64(ctx->ptes, GGTT_UNTOUCHED, GGTT_PTES);

	xe_kunit_helper_xe_device_test_init(test);
	xe = test->priv;
	ctx->ggtt = xe_kunit_helper_ggtt_init(test, xe_device_get_root_tile(xe),
					      ctx->ptes, GGTT_PTES);
	test->priv = ctx;

	return 0;
}

static void ggtt_test_exit(struct kunit *test)
{
	struct ggtt_ctx *ctx = test->priv;

	if (ctx && ctx->ggtt)
		xe_kunit_helper_ggtt_fini(test, ctx->ggtt);
}

static unsigned int touched(struct ggtt_ctx *ctx)
{
	unsigned int i, n = 0;

	for (i = 0; i < GGTT_PTES; i++)
		n += ctx->ptes[i] != GGTT_UNTOUCHED;

	return n;
}

static void test_online(struct kunit *test)
{
	struct ggtt_ctx *ctx = test->priv;
	struct xe_ggtt_node *node;

	node = xe_ggtt_insert_node(ctx->ggtt, 4 * XE_PAGE_SIZE, 0);
	KUNIT_ASSERT_FALSE(test, IS_ERR(node));
	ggtt_node_remove(node);
	KUNIT_EXPECT_EQ(test, touched(ctx), 4);
}

static void test_insert_offline(struct kunit *test)
{
	struct ggtt_ctx *ctx = test->priv;

	xe_ggtt_offline(ctx->ggtt);
	KUNIT_EXPECT_EQ(test, PTR_ERR_OR_ZERO(xe_ggtt_insert_node(ctx->ggtt, XE_PAGE_SIZE, 0)),
			-ENODEV);
	KUNIT_EXPECT_TRUE(test, drm_mm_clean(&ctx->ggtt->mm));
}

/* Its owner is closed long after the device went: only the allocator is told */
static void test_remove_offline(struct kunit *test)
{
	struct ggtt_ctx *ctx = test->priv;
	struct xe_ggtt_node *node;

	node = xe_ggtt_insert_node(ctx->ggtt, 4 * XE_PAGE_SIZE, 0);
	KUNIT_ASSERT_FALSE(test, IS_ERR(node));
	xe_ggtt_offline(ctx->ggtt);
	ggtt_node_remove(node);
	KUNIT_EXPECT_EQ(test, touched(ctx), 0);
}

static void test_write_offline(struct kunit *test)
{
	struct ggtt_ctx *ctx = test->priv;

	ctx->ggtt->pt_ops->ggtt_set_pte(ctx->ggtt, XE_PAGE_SIZE, 1);
	KUNIT_EXPECT_EQ(test, ctx->ptes[1], 1);

	xe_ggtt_offline(ctx->ggtt);
	/* Twice: the removal of a dead device does it early, devres again */
	xe_ggtt_offline(ctx->ggtt);
	ctx->ggtt->pt_ops->ggtt_set_pte(ctx->ggtt, XE_PAGE_SIZE, 2);
	KUNIT_EXPECT_EQ(test, ctx->ptes[1], 1);
}

struct ggtt_fini_work {
	struct work_struct work;
	struct xe_ggtt *ggtt;
};

static void ggtt_fini_work_func(struct work_struct *work)
{
	ggtt_fini(container_of(work, struct ggtt_fini_work, work)->ggtt);
}

/* Somebody is about to read where the scratch page is when devres frees it */
static void test_scratch(struct kunit *test)
{
	struct ggtt_ctx *ctx = test->priv;
	struct ggtt_fini_work fini = { .ggtt = ctx->ggtt };

	ctx->ggtt->scratch = kunit_kzalloc(test, sizeof(*ctx->ggtt->scratch), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, ctx->ggtt->scratch);
	INIT_WORK_ONSTACK(&fini.work, ggtt_fini_work_func);

	mutex_lock(&ctx->ggtt->lock);
	schedule_work(&fini.work);
	msleep(50);
	KUNIT_EXPECT_NOT_NULL(test, ctx->ggtt->scratch);
	mutex_unlock(&ctx->ggtt->lock);

	flush_work(&fini.work);
	destroy_work_on_stack(&fini.work);
	KUNIT_EXPECT_NULL(test, ctx->ggtt->scratch);
}

static struct kunit_case ggtt_test_cases[] = {
	KUNIT_CASE(test_online),
	KUNIT_CASE(test_insert_offline),
	KUNIT_CASE(test_remove_offline),
	KUNIT_CASE(test_write_offline),
	KUNIT_CASE(test_scratch),
	{}
};

VISIBLE_IF_KUNIT
struct kunit_suite xe_ggtt_test_suite = {
	.name = "xe_ggtt",
	.test_cases = ggtt_test_cases,
	.init = ggtt_test_init,
	.exit = ggtt_test_exit,
};
EXPORT_SYMBOL_IF_KUNIT(xe_ggtt_test_suite);
