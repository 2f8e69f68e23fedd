// SPDX-License-Identifier: MIT

#include <kunit/test.h>
#include <kunit/visibility.h>

#include <linux/delay.h>
#include <linux/sizes.h>
#include <linux/vmalloc.h>
#include <linux/workqueue.h>

#include "tests/xe_kunit_helpers.h"

#define REG_BYTES	SZ_2M
#define SCRATCH		XE_REG(0x1000)
#define SCRATCH_UDW	XE_REG(0x1004)

/* A device whose registers are memory of the test */
struct mmio_ctx {
	struct xe_device *xe;
	u32 *regs;
};

static u32 *reg_of(struct mmio_ctx *ctx, struct xe_reg reg)
{
	return ctx->regs + reg.addr / sizeof(u32);
}

KUNIT_DEFINE_ACTION_WRAPPER(free_regs, vfree, const void *);

static int mmio_test_init(struct kunit *test)
{
	struct mmio_ctx *ctx;

	if (IS_ENABLED(CONFIG_UML))
		kunit_skip(test, "ordinary memory cannot stand for registers here");

	ctx = kunit_kzalloc(test, sizeof(*ctx), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, ctx);
	ctx->regs = vzalloc(REG_BYTES);
	KUNIT_ASSERT_NOT_NULL(test, ctx->regs);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, free_regs, ctx->regs), 0);

	xe_kunit_helper_xe_device_test_init(test);
	ctx->xe = test->priv;
	KUNIT_ASSERT_EQ(test, xe_kunit_helper_mmio_init(ctx->xe, (void __iomem *)ctx->regs,
							REG_BYTES), 0);
	test->priv = ctx;

	return 0;
}

static void test_open(struct kunit *test)
{
	struct mmio_ctx *ctx = test->priv;

	xe_mmio_write32(xe_kunit_helper_mmio(ctx->xe), SCRATCH, 0x12345678);
	KUNIT_EXPECT_EQ(test, *reg_of(ctx, SCRATCH), 0x12345678);
	KUNIT_EXPECT_EQ(test, xe_mmio_read8(xe_kunit_helper_mmio(ctx->xe), SCRATCH), 0x78);
	KUNIT_EXPECT_EQ(test, xe_mmio_read16(xe_kunit_helper_mmio(ctx->xe), SCRATCH), 0x5678);
	KUNIT_EXPECT_EQ(test, xe_mmio_read32(xe_kunit_helper_mmio(ctx->xe), SCRATCH), 0x12345678);

	KUNIT_EXPECT_EQ(test, xe_mmio_rmw32(xe_kunit_helper_mmio(ctx->xe), SCRATCH, 0xff, 0x11),
			0x12345678);
	KUNIT_EXPECT_EQ(test, *reg_of(ctx, SCRATCH), 0x12345611);

	*reg_of(ctx, SCRATCH_UDW) = 1;
	KUNIT_EXPECT_EQ(test, xe_mmio_read64_2x32(xe_kunit_helper_mmio(ctx->xe), SCRATCH),
			0x112345611ull);
}

static void test_closed(struct kunit *test)
{
	struct mmio_ctx *ctx = test->priv;

	xe_mmio_close(ctx->xe);
	/* A dead device is cut off early, and once more by devres */
	xe_mmio_close(ctx->xe);

	KUNIT_EXPECT_EQ(test, xe_mmio_read8(xe_kunit_helper_mmio(ctx->xe), SCRATCH), U8_MAX);
	KUNIT_EXPECT_EQ(test, xe_mmio_read16(xe_kunit_helper_mmio(ctx->xe), SCRATCH), U16_MAX);
	KUNIT_EXPECT_EQ(test, xe_mmio_read32(xe_kunit_helper_mmio(ctx->xe), SCRATCH), U32_MAX);
	KUNIT_EXPECT_EQ(test, xe_mmio_read64_2x32(xe_kunit_helper_mmio(ctx->xe), SCRATCH),
			U64_MAX);

	xe_mmio_write32(xe_kunit_helper_mmio(ctx->xe), SCRATCH, 1);
	xe_mmio_rmw32(xe_kunit_helper_mmio(ctx->xe), SCRATCH, 0, 2);
	KUNIT_EXPECT_EQ(test, *reg_of(ctx, SCRATCH), 0);
}

struct slow_access {
	struct work_struct work;
	struct completion begun;
	bool ended;
};

static void slow_access_func(struct work_struct *w)
{
	struct slow_access *access = container_of(w, typeof(*access), work);

	rcu_read_lock();
	complete(&access->begun);
	mdelay(50);
	WRITE_ONCE(access->ended, true);
	rcu_read_unlock();
}

/* The registers are unmapped next */
static void test_close_waits(struct kunit *test)
{
	struct mmio_ctx *ctx = test->priv;
	struct slow_access access = {};

	init_completion(&access.begun);
	INIT_WORK_ONSTACK(&access.work, slow_access_func);
	queue_work(system_unbound_wq, &access.work);

	wait_for_completion(&access.begun);
	xe_mmio_close(ctx->xe);
	KUNIT_EXPECT_TRUE(test, READ_ONCE(access.ended));

	flush_work(&access.work);
	destroy_work_on_stack(&access.work);
}

struct late_close {
	struct delayed_work work;
	struct xe_device *xe;
};

static void late_close_func(struct work_struct *w)
{
	struct late_close *late = container_of(w, typeof(*late), work.work);

	xe_mmio_close(late->xe);
}

/* Whoever waits for a register to change learns that none will */
static void test_close_ends_wait(struct kunit *test)
{
	const u32 timeout_us = 20 * USEC_PER_SEC;
	struct mmio_ctx *ctx = test->priv;
	struct late_close late = { .xe = ctx->xe };
	ktime_t begin = ktime_get();
	u32 value;

	INIT_DELAYED_WORK_ONSTACK(&late.work, late_close_func);
	queue_delayed_work(system_unbound_wq, &late.work, msecs_to_jiffies(20));

	KUNIT_EXPECT_EQ(test, xe_mmio_wait32(xe_kunit_helper_mmio(ctx->xe), SCRATCH, 1, 2,
					     timeout_us, &value, false), -ETIMEDOUT);
	KUNIT_EXPECT_LT(test, ktime_us_delta(ktime_get(), begin), timeout_us / 2);
	KUNIT_EXPECT_EQ(test, value, U32_MAX);

	flush_delayed_work(&late.work);
	destroy_delayed_work_on_stack(&late.work);
}

/* One of the two need not be there, and no device has all ones in both */
static void test_answers(struct kunit *test)
{
	struct mmio_ctx *ctx = test->priv;

	KUNIT_EXPECT_TRUE(test, xe_mmio_answers(ctx->xe));
	*reg_of(ctx, VF_CAP_REG) = U32_MAX;
	KUNIT_EXPECT_TRUE(test, xe_mmio_answers(ctx->xe));
	*reg_of(ctx, GFX_MSTR_IRQ) = U32_MAX;
	KUNIT_EXPECT_FALSE(test, xe_mmio_answers(ctx->xe));
	*reg_of(ctx, VF_CAP_REG) = 0;
	KUNIT_EXPECT_TRUE(test, xe_mmio_answers(ctx->xe));
}

static struct kunit_case mmio_test_cases[] = {
	KUNIT_CASE(test_open),
	KUNIT_CASE(test_closed),
	KUNIT_CASE(test_close_waits),
	KUNIT_CASE(test_close_ends_wait),
	KUNIT_CASE(test_answers),
	{}
};

VISIBLE_IF_KUNIT
struct kunit_suite xe_mmio_test_suite = {
	.name = "xe_mmio",
	.test_cases = mmio_test_cases,
	.init = mmio_test_init,
};
EXPORT_SYMBOL_IF_KUNIT(xe_mmio_test_suite);
