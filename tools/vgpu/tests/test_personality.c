// SPDX-License-Identifier: MIT
/*
 * Personalities: their numbers agree with each other, and another one costs one file. This is such a
 * file: a card that no other source knows, found by its name, booted and set to work.
 */
#include "gpu.h"

#include "xe2.h"

#define RESULT 0x6000u
#define ALL    0xffffffffu

static const struct reg_def regs[] = {
	{ .off = 0x000d8c, .name = "GMD_ID", .reset = 0x05008000, .ro = ALL },
	{ .off = 0x1083a0, .name = "SG_TILE_ADDR_RANGE", .reset = 2 << 8, .ro = ALL },
	{ .off = 0x777770, .name = "OF_ITS_OWN", .reset = 3 },
};
static const struct reg_set third_regs = REG_SET(regs);

static const struct reg_range ranges[] = { { 0x700000, 0x700100, "storage of its own" } };
static const struct range_set third_ranges = REG_SET(ranges);

static const struct reg_value values[] = { { 0x101010, 1 << 7 } };

static const struct personality third = {
	.name = "third",
	.vendor = 0x8086,
	.device = 0xe20c,
	.class_code = 0x038000,
	.bar0_size = 16u << 20,
	.bar2_size = 64u << 20,
	.vram_size = 128u << 20,
	.gmch_ctl = 0x00c0,
	.regs = { &xe2_regs, &third_regs },
	.ranges = { &xe2_ranges, &third_ranges },
	.values = values,
	.nr_values = 1,
	.context_regs = &xe2_context_regs,
	.hwconfig = &xe2_hwconfig,
	.rp0 = 100,
	.rpe = 50,
	.rpn = 10,
};
PERSONALITY(third);

static int third_setup(void **state)
{
	*state = harness_new_of("third");
	gpu_boot(*state);
	return 0;
}

static void numbers(void **state)
{
	const struct personality *p, *q;
	size_t n = 0;

	for (; (p = personality_at(n)); n++) {
		struct harness *h = harness_new_of(p->name);

		assert_ptr_equal(personality_find(p->name), p);
		for (size_t k = 0; k < n; k++) {
			q = personality_at(k);
			assert_string_not_equal(p->name, q->name);
			assert_int_not_equal(p->device, q->device);
		}
		assert_int_equal(p->bar0_size, VGPU_BAR0_SIZE);
		assert_int_equal(p->bar2_size & (p->bar2_size - 1), 0);
		assert_true(p->vram_size >= p->bar2_size);
		assert_int_equal(p->vram_size & 7, 0);
		assert_true(p->rp0 >= p->rpe && p->rpe >= p->rpn);
		assert_true(!p->context_regs || p->context_regs->n <= LRC_REGS_MAX);
		assert_int_equal(h->g->hw->vram.size, p->vram_size);
		assert_int_equal(vgpu_vram_fd(h->g) >= 0, p->vram_size != 0);
		assert_int_not_equal(rd(h, 0xd8c), 0);
		harness_free(h);
	}
	/* ours and those of the program, however many these are */
	assert_true(n >= 2);
	assert_null(personality_at(n + 1000));
}

static void no_such_personality(void **state)
{
	assert_null(personality_find("nosuch"));
	assert_null(personality_find(""));
	assert_null(personality_find("LNL"));
}

static void third_has_its_registers(void **state)
{
	struct harness *h = *state;

	assert_int_equal(rd(h, 0xd8c), 0x05008000);
	assert_int_equal(rd(h, 0x101010), 1 << 7);
	assert_int_equal(rd(h, 0x777770), 3);
	assert_string_equal(vgpu_mmio_name(h->g, 0x777770), "OF_ITS_OWN");
	assert_string_equal(vgpu_mmio_name(h->g, 0x700004), "storage of its own");
}

static void third_runs_jobs(void **state)
{
	struct harness *h = *state;

	ctx_make(h, 1, 0, 1);
	/* page tables of a card lie in its memory: a store through the GGTT needs none */
	RING(h, 1, MI_SDI | MI_GGTT, GPU_GGTT + RESULT, 0, 0x333, MI_UI);
	ctx_enable(h, 1);
	wait32(h, RESULT, 0x333);
	assert_int_equal(harness_witness_total(h), 0);
}

int main(void)
{
#define THIRD_TEST(f) cmocka_unit_test_setup_teardown(f, third_setup, harness_teardown)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers),
		BAD(cmocka_unit_test(no_such_personality)),
		THIRD_TEST(third_has_its_registers),
		THIRD_TEST(third_runs_jobs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
