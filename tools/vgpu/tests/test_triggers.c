/* SPDX-License-Identifier: MIT */
/* What triggers do to messages of the GuC and to accesses of engines: the whole device. */
#include "gpu.h"

#include "events.h"

#define RESULT 0x6000u

static void arm(struct harness *h, struct trigger t)
{
	if (!t.n)
		t.n = 1;
	if (!t.times)
		t.times = 1;
	assert_true(vgpu_trigger_arm(h->g, &t) > 0);
}

/* An invalidation of @seqno, which is answered with it. */
static void ask(struct harness *h, uint32_t seqno)
{
	H2G(h, 0x7000, seqno, 0);
}

static void h2g_dropped(void **state)
{
	struct harness *h = *state;

	arm(h, (struct trigger){ .kinds = 1u << EVENT_H2G, .n = 2, .action = ACTION_DROP });
	ask(h, 1);
	ask(h, 2);
	ask(h, 3);
	EXPECT_EVENT(h, 0x7001, 1);
	EXPECT_EVENT(h, 0x7001, 3);
	expect_silence(h);
}

static void h2g_corrupted(void **state)
{
	struct harness *h = *state;

	arm(h, (struct trigger){ .kinds = 1u << EVENT_H2G, .action = ACTION_CORRUPT, .arg = 0xf0 });
	ask(h, 1);
	ask(h, 2);
	EXPECT_EVENT(h, 0x7001, 0xf1);
	EXPECT_EVENT(h, 0x7001, 2);
}

/* What comes behind a late message in the ring is late, too: the order stays. */
static void h2g_delayed(void **state)
{
	struct harness *h = *state;

	arm(h, (struct trigger){ .kinds = 1u << EVENT_H2G, .action = ACTION_DELAY, .arg = 3000 });
	ask(h, 1);
	ask(h, 2);
	assert_int_equal(ram32(h, OFF_DESC + 0x800), ram32(h, OFF_DESC + 0x804));
	assert_true(harness_run_deferred(h, 1000));
	EXPECT_EVENT(h, 0x7001, 1);
	EXPECT_EVENT(h, 0x7001, 2);
	ask(h, 3);
	EXPECT_EVENT(h, 0x7001, 3);
}

static void delayed_into_a_reset(void **state)
{
	struct harness *h = *state;

	arm(h, (struct trigger){ .kinds = 1u << EVENT_H2G, .action = ACTION_DELAY, .arg = 1000 });
	ask(h, 1);
	guc_load(h);
	ctb_on(h);
	harness_run_deferred(h, 100);
	expect_silence(h); /* nobody hears of the old message */
	ask(h, 2);
	EXPECT_EVENT(h, 0x7001, 2);
	arm(h, (struct trigger){ .kinds = 1u << EVENT_G2H, .action = ACTION_DELAY, .arg = 1000 });
	ask(h, 3);
	guc_load(h);
	ctb_on(h);
	harness_run_deferred(h, 100);
	expect_silence(h);
	assert_int_equal(harness_witness_total(h), 0);
}

static void g2h_dropped_and_corrupted(void **state)
{
	struct harness *h = *state;

	arm(h, (struct trigger){ .kinds = 1u << EVENT_G2H, .action = ACTION_DROP });
	ask(h, 1);
	expect_silence(h);
	arm(h, (struct trigger){ .kinds = 1u << EVENT_G2H, .action = ACTION_CORRUPT, .arg = 0x700 });
	ask(h, 2);
	EXPECT_EVENT(h, 0x7001, 0x702);
	ask(h, 3);
	EXPECT_EVENT(h, 0x7001, 3);
}

static void g2h_delayed(void **state)
{
	struct harness *h = *state;

	wr(h, 0x190008, 1u << 31);
	harness_msis(h);
	arm(h, (struct trigger){ .kinds = 1u << EVENT_G2H, .action = ACTION_DELAY, .arg = 3000 });
	ask(h, 1);
	ask(h, 2);
	expect_silence(h);
	assert_int_equal(harness_msis(h), 0); /* no interrupt for what nobody can read */
	assert_true(harness_run_deferred(h, 1000));
	assert_int_equal(harness_msis(h), 1);
	EXPECT_EVENT(h, 0x7001, 1);
	EXPECT_EVENT(h, 0x7001, 2);
}

static void only_that_action(void **state)
{
	struct harness *h = *state;

	arm(h, (struct trigger){ .kinds = 1u << EVENT_H2G, .match_addr = true, .addr = 0x1001,
				 .action = ACTION_DROP });
	ctx_make(h, 7, 3, 1);
	ask(h, 1);
	EXPECT_EVENT(h, 0x7001, 1);
	H2G(h, 0x1001, 7, 1);
	expect_silence(h);
	ctx_enable(h, 7);
}

static void dies_at_a_message(void **state)
{
	struct harness *h = *state;
	uint32_t head = ram32(h, OFF_DESC);

	arm(h, (struct trigger){ .kinds = 1u << EVENT_H2G, .action = ACTION_DIE });
	ask(h, 1);
	assert_true(vgpu_is_dead(h->g));
	assert_int_equal(ram32(h, OFF_DESC), head);
	expect_silence(h);
}

/* An engine's accesses: lost, changed, or the last thing the device does. */
static void accesses_of_engines(void **state)
{
	struct harness *h = *state;
	const uint64_t at = HARNESS_RAM_IOVA + OFF_DATA + RESULT;

	ctx_make(h, 7, 3, 1);
	arm(h, (struct trigger){ .kinds = 1u << EVENT_DMA_WRITE, .match_addr = true, .addr = at,
				 .action = ACTION_DROP });
	RING(h, 7, MI_SDI, RESULT, 0, 5, MI_SDI, RESULT + 8, 0, 6);
	ctx_enable(h, 7);
	wait32(h, OFF_DATA + RESULT + 8, 6);
	assert_int_equal(ram32(h, OFF_DATA + RESULT), 0);

	arm(h, (struct trigger){ .kinds = 1u << EVENT_DMA_WRITE, .match_addr = true, .addr = at,
				 .action = ACTION_CORRUPT, .arg = 0x100 });
	RING(h, 7, MI_SDI, RESULT, 0, 5, MI_SDI, RESULT + 8, 0, 7);
	H2G(h, 0x1000, 7);
	wait32(h, OFF_DATA + RESULT + 8, 7);
	assert_int_equal(ram32(h, OFF_DATA + RESULT), 0x105);

	arm(h, (struct trigger){ .kinds = 1u << EVENT_DMA_WRITE, .match_addr = true, .addr = at,
				 .action = ACTION_DIE });
	RING(h, 7, MI_SDI, RESULT, 0, 9, MI_SDI, RESULT + 8, 0, 8);
	H2G(h, 0x1000, 7);
	for (int t = 0; t < 3000 && !vgpu_is_dead(h->g); t++)
		sleep_ms(1);
	assert_true(vgpu_is_dead(h->g));
	assert_true(harness_run_deferred(h, 1000)); /* engines stand still after this */
	assert_int_equal(ram32(h, OFF_DATA + RESULT), 0x105);
	assert_int_equal(ram32(h, OFF_DATA + RESULT + 8), 7);
}

/* A fault at a chosen event is that of the context that made it. */
static void fault_of_the_event(void **state)
{
	struct harness *h = *state;

	ctx_make(h, 7, 3, 1);
	ctx_make(h, 8, 3, 2);
	arm(h, (struct trigger){ .kinds = 1u << EVENT_DMA_WRITE, .match_addr = true,
				 .addr = HARNESS_RAM_IOVA + OFF_DATA + RESULT,
				 .action = ACTION_FAULT, .arg = FAULT_CAT_ERROR });
	ctx_enable(h, 7);
	RING(h, 8, MI_SDI, RESULT, 0, 1);
	ctx_enable(h, 8);
	assert_true(harness_run_deferred(h, 3000));
	EXPECT_EVENT(h, 0x6000, 8);
	RING(h, 7, MI_SDI, RESULT + 8, 0, 2);
	H2G(h, 0x1000, 7);
	wait32(h, OFF_DATA + RESULT + 8, 2); /* the other one goes on */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BAD(GPU_TEST(h2g_dropped)),
		BAD(GPU_TEST(h2g_corrupted)),
		BAD(GPU_TEST(h2g_delayed)),
		BAD(GPU_TEST(delayed_into_a_reset)),
		BAD(GPU_TEST(g2h_dropped_and_corrupted)),
		BAD(GPU_TEST(g2h_delayed)),
		GPU_TEST(only_that_action),
		BAD(GPU_TEST(dies_at_a_message)),
		BAD(GPU_TEST(accesses_of_engines)),
		BAD(GPU_TEST(fault_of_the_event)),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
