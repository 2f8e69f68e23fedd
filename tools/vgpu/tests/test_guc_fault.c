/* SPDX-License-Identifier: MIT */
/* Faults raised from outside, what the driver hears of them, and the resets that mend them. */
#include "gpu.h"

#include <errno.h>

#define LOOP   0x3000u /* VA of a batch that jumps to itself */
#define RESULT 0x6000u

static void endless(struct harness *h, uint32_t id)
{
	ctx_make(h, id, 3, 1);
	BATCH(h, LOOP, MI_BBS, LOOP, 0);
	RING(h, id, MI_BBS, LOOP, 0, MI_UI);
	ctx_enable(h, id);
}

/* A job of context @id gets done. */
static void works(struct harness *h, uint32_t id, uint32_t val)
{
	RING(h, id, MI_SDI, RESULT, 0, val, MI_UI);
	H2G(h, 0x1000, id);
	wait32(h, OFF_DATA + RESULT, val);
}

static void gone_for_good(struct harness *h, uint32_t id)
{
	json_int_t done;

	wait_running(h, 0); /* a neighbour's last store is seen before its job is counted */
	done = stat_of(h, "jobs_done");
	RING(h, id, MI_UI);
	H2G(h, 0x1000, id);
	expect_silence(h);
	assert_int_equal(stat_of(h, "jobs_done"), done);
	ctx_disable(h, id);
	ctx_free(h, id);
}

static void hang(void **state)
{
	struct harness *h = *state;

	endless(h, 7);
	ctx_make(h, 8, 3, 1);
	ctx_enable(h, 8);
	assert_int_equal(vgpu_hw_fault(h->g, FAULT_HANG, 7), 0);
	EXPECT_EVENT(h, 0x1008, 7);
	works(h, 8, 1); /* the neighbour on the engine goes on */
	gone_for_good(h, 7);
}

static void cat_error(void **state)
{
	struct harness *h = *state;

	endless(h, 7);
	assert_int_equal(vgpu_hw_fault(h->g, FAULT_CAT_ERROR, 7), 0);
	EXPECT_EVENT(h, 0x6000, 7);
	assert_int_equal(stat_of(h, "cat_errors"), 1);
	gone_for_good(h, 7);
}

static void whoever_runs(void **state)
{
	struct harness *h = *state;

	ctx_make(h, 3, 3, 1);
	endless(h, 7);
	wait_running(h, 1);
	assert_int_equal(vgpu_hw_fault(h->g, FAULT_HANG, -1), 0);
	EXPECT_EVENT(h, 0x1008, 7);
	wait_running(h, 0);
	/* nobody has work: one that could run; then there is none */
	ctx_enable(h, 3);
	assert_int_equal(vgpu_hw_fault(h->g, FAULT_HANG, -1), 0);
	EXPECT_EVENT(h, 0x1008, 3);
	assert_int_equal(vgpu_hw_fault(h->g, FAULT_HANG, -1), -ENOENT);
	expect_silence(h);
}

static void nobody_to_blame(void **state)
{
	struct harness *h = *state;

	assert_int_equal(vgpu_hw_fault(h->g, FAULT_HANG, -1), -ENOENT);
	assert_int_equal(vgpu_hw_fault(h->g, FAULT_CAT_ERROR, -1), -ENOENT);
	assert_int_equal(vgpu_hw_fault(h->g, FAULT_HANG, 7), -ENOENT);
	assert_int_equal(vgpu_hw_fault(h->g, FAULT_CAT_ERROR, GUC_MAX_CONTEXTS), -ENOENT);
	assert_int_equal(vgpu_hw_fault(h->g, FAULT_COUNT, -1), -EINVAL);
	assert_int_equal(vgpu_hw_fault(h->g, (enum vgpu_fault)1000, 7), -EINVAL);
	expect_silence(h);
	assert_int_equal(harness_witness_total(h), 0);
}

static void engine_failure(void **state)
{
	struct harness *h = *state;

	ctx_make(h, 7, 3, 1);
	ctx_enable(h, 7);
	assert_int_equal(vgpu_hw_fault(h->g, FAULT_ENGINE_FAILURE, -1), 0);
	EXPECT_EVENT(h, 0x1009, 0, 0, 1); /* render, instance 0, hang */
	works(h, 7, 1);			  /* what becomes of it is for the driver to say */
}

/* After its last word the GuC neither hears nor speaks, and its contexts stand where they were. */
static void crash(void **state)
{
	static const struct {
		enum vgpu_fault fault;
		uint32_t word;
	} ways[] = { { FAULT_GUC_CRASH, 0x8004 }, { FAULT_GUC_EXCEPTION, 0x8005 }, { FAULT_GUC_MUTE, 0 } };
	struct harness *h = *state;

	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		uint32_t head;

		ctx_make(h, 7, 3, 1);
		ctx_enable(h, 7);
		assert_int_equal(vgpu_hw_fault(h->g, ways[i].fault, -1), 0);
		if (ways[i].word)
			expect_event(h, ways[i].word, NULL, 0);
		head = ram32(h, OFF_DESC);
		H2G(h, 0x1001, 7, 0);
		expect_silence(h);
		assert_int_equal(ram32(h, OFF_DESC), head); /* not even taken off the ring */
		assert_int_equal(vgpu_hw_fault(h->g, FAULT_HANG, 7), 0);
		expect_silence(h);
		/* a GuC reset, as the driver does it */
		guc_load(h);
		assert_int_equal(rd(h, 0xc000), 0x8000f0ec);
		assert_int_equal(stat_of(h, "contexts"), 0);
		ctb_on(h);
		ctx_make(h, 7, 3, 1);
		ctx_enable(h, 7);
		works(h, 7, (uint32_t)i + 1);
		H2G(h, 0x1001, 7, 0);
		EXPECT_EVENT(h, 0x1002, 7, 0);
		ctx_free(h, 7);
	}
	assert_int_equal(harness_witness_total(h), 0);
}

static void gt_reset(struct harness *h)
{
	wr(h, 0x941c, 1);
	assert_int_equal(rd(h, 0x941c), 0);
}

static void pcie_flr(struct harness *h)
{
	vgpu_function_reset(h->g);
	harness_bus_master(h, true);
}

static void driver_flr(struct harness *h)
{
	wr(h, 0x101010, rd(h, 0x101010) | 1u << 31);
	assert_int_equal(rd(h, 0x101018), 1u << 31);
}

/* Each of them ends whatever runs at once; nothing is said, and the GuC wants to be loaded. */
static void resets_end_jobs(void **state)
{
	static void (*const resets[])(struct harness *) = { gt_reset, pcie_flr, driver_flr };
	struct harness *h = *state;

	for (size_t i = 0; i < sizeof(resets) / sizeof(resets[0]); i++) {
		endless(h, 7);
		wait_running(h, 1);
		resets[i](h);
		assert_int_equal(stat_of(h, "jobs_running"), 0);
		assert_int_equal(stat_of(h, "contexts"), 0);
		assert_int_not_equal(rd(h, 0xc000), 0x8000f0ec);
		H2G(h, 0x1000, 7);
		expect_silence(h);
		gpu_boot(h);
		ctx_make(h, 7, 3, 1);
		ctx_enable(h, 7);
		works(h, 7, (uint32_t)i + 1);
		wr(h, 0x941c, 1);
		gpu_boot(h);
	}
}

static void dead_says_nothing(void **state)
{
	struct harness *h = *state;

	endless(h, 7);
	wait_running(h, 1);
	vgpu_set_dead(h->g, true);
	vgpu_hw_fault(h->g, FAULT_HANG, 7);
	vgpu_hw_fault(h->g, FAULT_GUC_CRASH, -1);
	expect_silence(h);
	vgpu_set_dead(h->g, false);
	assert_int_equal(stat_of(h, "contexts"), 0);
}

static void names(void **state)
{
	assert_string_equal(vgpu_action_name(0x1008), "CONTEXT_RESET_NOTIFICATION");
	assert_string_equal(vgpu_action_name(GUC_RESPONSE), "response");
	assert_null(vgpu_action_name(0));
	assert_null(vgpu_action_name(0xffffffff));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BAD(GPU_TEST(hang)),
		BAD(GPU_TEST(cat_error)),
		BAD(GPU_TEST(whoever_runs)),
		BAD(GPU_TEST(nobody_to_blame)),
		BAD(GPU_TEST(engine_failure)),
		BAD(GPU_TEST(crash)),
		BAD(GPU_TEST(resets_end_jobs)),
		BAD(GPU_TEST(dead_says_nothing)),
		cmocka_unit_test(names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
