/* SPDX-License-Identifier: MIT */
/* Contexts on an engine: their rings' ends, their images, the batch of the switch-in, whose turn it is. */
#include "gpu.h"

#define R	 0x5000u /* results, VA = offset behind OFF_DATA */
#define VA	 VA_BATCH
#define MARK	 0x7000u
#define SETUP	 0x7400u /* the batch of the switch-in */
#define SETUP_2	 0x7600u
#define UNMAPPED 0x100000u /* of the GGTT */
#define COPY	 3
#define INC(va)	 0x17800501, (va), 0
#define SEM_EQ	 0x0e00c002u
#define HEAD	 0x05
#define TAIL	 0x07
#define CTL	 0x0b
#define PER_CTX	 0x13

static uint32_t res(struct harness *h, unsigned int i)
{
	return ram32(h, OFF_DATA + R + 4 * i);
}

/* Only whole quadwords of the tail count. */
static void tail_has_bits(void **state)
{
	struct harness *h = *state;

	ctx_make(h, 1, COPY, 1);
	RING(h, 1, INC(R), 0, MI_SDI | MI_GGTT, GPU_GGTT + MARK, 0, 1);
	lrc_set(h, 1, TAIL, lrc_get(h, 1, TAIL) | 0xffe00005);
	ctx_enable(h, 1);
	wait32(h, MARK, 1);
	sleep_ms(10);
	assert_int_equal(res(h, 0), 1);
	assert_int_equal(stat_of(h, "jobs_running"), 0);
}

/* Behind the last place in the ring, or far off: nothing is executed. */
static void no_such_place(void **state)
{
	static const uint32_t at[][2] = { /* head, tail */
		{ 0, RING_BYTES }, { 0, RING_BYTES + 8 }, { 0, 0x1ffff8 }, { 12, RING_BYTES },
		{ RING_BYTES, 0 }, { RING_BYTES, 16 },	  { 0x1ffffc, 16 },
	};
	struct harness *h = *state;

	for (uint32_t i = 0; i < sizeof(at) / sizeof(at[0]); i++) {
		ctx_make(h, 1, COPY, 1);
		RING(h, 1, INC(R), INC(R));
		lrc_set(h, 1, HEAD, at[i][0]);
		lrc_set(h, 1, TAIL, at[i][1]);
		ctx_enable(h, 1);
		EXPECT_EVENT(h, 0x1008, 1);
		assert_int_equal(res(h, 0), 0);
		ctx_free(h, 1);
	}
}

/* A command lies across the end of a ring, whose size is what the image says. */
static void ring_wraps(void **state)
{
	struct harness *h = *state;
	const uint32_t cmd[] = { MI_SDI | MI_GGTT, GPU_GGTT + MARK, 0, 0x5a5b };

	ctx_make(h, 1, COPY, 1);
	lrc_set(h, 1, CTL, 1); /* one page, on */
	for (uint32_t i = 0; i < 4; i++)
		ram32_set(h, lrc_off(1) + (0xff8 + 4 * i) % 0x1000, cmd[i]);
	ram32_set(h, lrc_off(1) + 0x1000, 0xffffffff); /* not the ring's any more */
	lrc_set(h, 1, HEAD, 0xff8);
	lrc_set(h, 1, TAIL, 8);
	ctx_enable(h, 1);
	wait32(h, MARK, 0x5a5b);
	ctx_disable(h, 1);
	assert_int_equal(lrc_get(h, 1, HEAD), 8);
	assert_int_equal(harness_witness_total(h), 0);
}

/* A driver that moves the tail out of the ring while its context runs loses it. */
static void tail_leaves_the_ring(void **state)
{
	struct harness *h = *state;

	ctx_make(h, 1, COPY, 1);
	RING(h, 1, MI_SDI | MI_GGTT, GPU_GGTT + lrc_off(1) + RING_BYTES + 0x1000 + 4 * TAIL, 0, RING_BYTES);
	ctx_enable(h, 1);
	EXPECT_EVENT(h, 0x1008, 1);
}

/* What is fetched ahead need not be there; what belongs to the command must. */
static void batch_at_the_end_of_a_page(void **state)
{
	const uint32_t end = VA + 0x1000;
	struct harness *h = *state;

	ctx_make(h, 1, COPY, 1);
	page_present(h, end, false);
	BATCH(h, end - 20, MI_SDI, R, 0, 7, MI_BBE);
	RING(h, 1, MI_BBS, end - 20, 0, MI_SDI | MI_GGTT, GPU_GGTT + MARK, 0, 1);
	ctx_enable(h, 1);
	wait32(h, MARK, 1);
	assert_int_equal(res(h, 0), 7);
	assert_int_equal(harness_witness_total(h), 0);
	BATCH(h, end - 8, MI_SDI, R);
	RING(h, 1, MI_SDI, R, 0, 9, MI_BBS, end - 8, 0);
	H2G(h, 0x1000, 1);
	EXPECT_EVENT(h, 0x6000, 1);
	assert_int_equal(res(h, 0), 9);
	assert_int_equal(harness_witness(h, WITNESS_PPGTT_FAULT), 1);
}

/* A blit that was stopped is done again, from its start. */
static void stopped_blit_comes_again(void **state)
{
	struct harness *h = *state;

	ctx_make(h, 1, COPY, 1);
	BATCH(h, VA, MI_SDI, R, 0, 1, 0x50800008, 0x03000000, 0, 32767u << 16 | 16384, 0x80000, 0, 0, 0,
	      0x100000, 0, MI_BBE);
	RING(h, 1, MI_BBS, VA, 0);
	ctx_enable(h, 1);
	wait32(h, OFF_DATA + R, 1);
	sleep_ms(5);
	ctx_disable(h, 1);
	assert_int_equal(h->g->hw->guc.submit.ctx[1]->batch[0].ip, VA + 16);
}

/* Waits for a semaphore in a second-level batch; is stopped there, and comes back by the switch-in's. */
static void stopped_behind(struct harness *h)
{
	ctx_make(h, 1, COPY, 1);
	BATCH(h, VA, MI_BBS | 1u << 22, VA + 0x1000, 0, MI_SDI, R + 8, 0, 2, MI_BBE);
	BATCH(h, VA + 0x1000, SEM_EQ, 9, R, 0, MI_SDI, R + 4, 0, 1, MI_BBE);
	lrc_set(h, 1, PER_CTX, (GPU_GGTT + SETUP) | 0x3f); /* 64 bytes are the unit */
	RING(h, 1, MI_BBS, VA, 0, MI_SDI | MI_GGTT, GPU_GGTT + MARK, 0, 1);
	ctx_enable(h, 1);
	for (int i = 0; i < 3000 && !h->g->hw->engines[BCS0].commands; i++)
		sleep_ms(1);
	sleep_ms(5);
	ctx_disable(h, 1);
	ctx_enable(h, 1);
	sleep_ms(5);
	assert_int_equal(ram32(h, MARK), 0);
	ram32_set(h, OFF_DATA + R, 9);
	wait32(h, MARK, 1);
	assert_int_equal(res(h, 1), 1);
	assert_int_equal(res(h, 2), 2);
	assert_int_equal(harness_witness_total(h), 0);
}

static void switch_in_leaves_the_place(void **state)
{
	struct harness *h = *state;
	const uint32_t setup[] = { MI_SDI | MI_GGTT, GPU_GGTT + MARK + 8, 0, 5, MI_BBE };

	memcpy(h->ram + SETUP, setup, sizeof(setup));
	stopped_behind(h);
	assert_int_equal(ram32(h, MARK + 8), 5);
}

/* Also one that has a second level of its own. */
static void switch_in_leaves_both_levels(void **state)
{
	struct harness *h = *state;
	const uint32_t setup[] = { 0x18800001 | 1u << 22, GPU_GGTT + SETUP_2, 0, MI_BBE };
	const uint32_t second[] = { MI_SDI | MI_GGTT, GPU_GGTT + MARK + 8, 0, 5, MI_BBE };

	memcpy(h->ram + SETUP, setup, sizeof(setup));
	memcpy(h->ram + SETUP_2, second, sizeof(second));
	stopped_behind(h);
	assert_int_equal(ram32(h, MARK + 8), 5);
}

/* A switch-in that fails ends the context before anything of it has run. */
static void switch_in_fails(void **state)
{
	static const struct {
		uint32_t cmd[4], event;
	} row[] = {
		{ { MI_SDI | MI_GGTT, UNMAPPED, 0, 1 }, 0x6000 },
		{ { 0x20000000, 0, 0, 0 }, 0x1008 },
	};
	struct harness *h = *state;

	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		ctx_make(h, 1, COPY, 1);
		memcpy(h->ram + SETUP, row[i].cmd, 16);
		ram32_set(h, SETUP + 16, MI_BBE);
		lrc_set(h, 1, PER_CTX, (GPU_GGTT + SETUP) | 1);
		RING(h, 1, INC(R));
		ctx_enable(h, 1);
		EXPECT_EVENT(h, row[i].event, 1);
		sleep_ms(5);
		assert_int_equal(res(h, 0), 0);
		ctx_free(h, 1);
	}
}

/* Twenty bits say whose address space it is; none of them set: the kernel's, which no page is missing in. */
static void only_bits_of_the_asid(void **state)
{
	struct harness *h = *state;

	ctx_make(h, 1, COPY, 1);
	lrc_set(h, 1, 0x2f, 0xfff00000);
	page_present(h, R, false);
	RING(h, 1, INC(R));
	ctx_enable(h, 1);
	EXPECT_EVENT(h, 0x6000, 1);
	assert_int_equal(stat_of(h, "page_faults"), 0);
}

static void time_has_64_bits(void **state)
{
	struct harness *h = *state;

	ctx_make(h, 1, COPY, 1);
	lrc_set(h, 1, 0x23, 0xfffffff0);
	lrc_set(h, 1, 0x25, 5);
	RING(h, 1, MI_SDI | MI_GGTT, GPU_GGTT + MARK, 0, 1);
	ctx_enable(h, 1);
	wait32(h, MARK, 1);
	ctx_disable(h, 1);
	/* a microsecond is 19 of it */
	if (lrc_get(h, 1, 0x23) < 0xfffffff0)
		assert_int_equal(lrc_get(h, 1, 0x25), 6);
}

/* An image that is nowhere: the context is lost, and nothing is written to it. */
static void image_is_nowhere(void **state)
{
	struct harness *h = *state;

	H2G(h, 0x4502, 0, 1, COPY, 1, 0, 0, 0, 0, 0, UNMAPPED | 0x119, 0);
	ctx_enable(h, 1);
	EXPECT_EVENT(h, 0x6000, 1);
	sleep_ms(5);
	assert_int_equal(harness_witness(h, WITNESS_GGTT_FAULT), 1);
	assert_int_equal(harness_witness(h, WITNESS_PPGTT_FAULT), 0);
}

/* A fault that is none of a page is not told as the last one of a page. */
static void old_fault_is_not_told_again(void **state)
{
	struct harness *h = *state;
	uint32_t dw[4];

	ctx_make_user(h, 1, COPY);
	page_present(h, R, false);
	RING(h, 1, INC(R), MI_SDI | MI_GGTT, UNMAPPED, 0, 1);
	ctx_enable(h, 1);
	expect_page_fault(h, 1, dw);
	page_present(h, R, true);
	answer_fault(h, dw, true);
	EXPECT_EVENT(h, 0x6000, 1);
	assert_int_equal(res(h, 0), 1);
	assert_int_equal(harness_witness(h, WITNESS_PPGTT_FAULT), 0);
	assert_int_equal(harness_witness(h, WITNESS_GGTT_FAULT), 1);
}

/* Half a million commands without a jump: who waits has his turn in between. */
static void long_batches_share(void **state)
{
	struct harness *h = *state;

	memset(h->ram + OFF_DATA + 0x20000, 0, 0x200000 - 0x21000);
	BATCH(h, 0x1ff000, MI_SDI, R, 0, 1, MI_BBE);
	ctx_make(h, 1, COPY, 1);
	ctx_make(h, 2, COPY, 1);
	RING(h, 1, INC(R + 0x40), MI_BBS, 0x20000, 0);
	RING(h, 2, MI_SDI | MI_GGTT, GPU_GGTT + MARK, 0, 1);
	ctx_enable(h, 1);
	wait32(h, OFF_DATA + R + 0x40, 1);
	ctx_enable(h, 2);
	wait32(h, MARK, 1);
	assert_int_equal(res(h, 0), 0);
	wait32(h, OFF_DATA + R, 1);
}

/* Who waits in vain keeps nobody off, and two of them do not keep the engine busy. */
static void waiting_costs_nothing(void **state)
{
	struct harness *h = *state;
	uint64_t was;

	for (uint32_t id = 1; id <= 2; id++) {
		ctx_make(h, id, COPY, 1);
		RING(h, id, SEM_EQ | MI_GGTT, 9, GPU_GGTT + MARK + 8 * id, 0);
		ctx_enable(h, id);
	}
	ctx_make(h, 3, COPY, 1);
	RING(h, 3, MI_SDI | MI_GGTT, GPU_GGTT + MARK, 0, 1);
	ctx_enable(h, 3);
	wait32(h, MARK, 1);
	was = h->g->hw->engines[BCS0].commands;
	sleep_ms(100);
	assert_in_range(h->g->hw->engines[BCS0].commands - was, 2, 400);
}

/* The bus ends under a running context: that is nobody's fault, so it is not lost. */
static void dead_bus_loses_no_context(void **state)
{
	struct harness *h = *state;
	json_t *o = json_object(), *c;

	ctx_make(h, 1, COPY, 1);
	BATCH(h, VA, INC(R), MI_BBS, VA, 0);
	RING(h, 1, MI_BBS, VA, 0);
	ctx_enable(h, 1);
	for (int i = 0; i < 3000 && !res(h, 0); i++)
		sleep_ms(1);
	vgpu_kill(h->g);
	for (int i = 0; i < 3000 && h->g->hw->engines[BCS0].cur; i++)
		sleep_ms(1);
	sleep_ms(5);
	vgpu_hw_stats(h->g, o);
	c = json_array_get(json_object_get(o, "context_list"), 0);
	assert_non_null(c);
	assert_string_not_equal(json_string_value(json_object_get(c, "state")), "lost");
	json_decref(o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BAD(GPU_TEST(tail_has_bits)),
		BAD(GPU_TEST(no_such_place)),
		GPU_TEST(ring_wraps),
		BAD(GPU_TEST(tail_leaves_the_ring)),
		BAD(GPU_TEST(batch_at_the_end_of_a_page)),
		GPU_TEST(stopped_blit_comes_again),
		GPU_TEST(switch_in_leaves_the_place),
		GPU_TEST(switch_in_leaves_both_levels),
		BAD(GPU_TEST(switch_in_fails)),
		BAD(GPU_TEST(only_bits_of_the_asid)),
		GPU_TEST(time_has_64_bits),
		BAD(GPU_TEST(image_is_nowhere)),
		BAD(GPU_TEST(old_fault_is_not_told_again)),
		GPU_TEST(long_batches_share),
		GPU_TEST(waiting_costs_nothing),
		BAD(GPU_TEST(dead_bus_loses_no_context)),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
