// SPDX-License-Identifier: MIT
/* Draws that stop before their end: pages that are not there, faults, other contexts, no end. */
#include "draw.h"

/* Draws the page without the page of @va: the context is lost. */
static void draw_without(struct harness *h, uint32_t va)
{
	uint32_t id;

	put_page(h);
	id = context(h, 0);
	page_present(h, va, false);
	ctx_enable(h, id);
	EXPECT_EVENT(h, 0x6000, id);
}

/* A page of source, target, kernel or state that is not there: the context is lost, once. */
static void missing_pages_lose_the_context(void **state)
{
	static const uint32_t va[] = { SRC + 0x1000, DST + 0x1000 };
	struct harness *h = *state;

	for (size_t i = 0; i < sizeof(va) / sizeof(va[0]); i++) {
		fill(h);
		fresh();
		draw_without(h, va[i]);
		assert_int_equal(harness_witness(h, WITNESS_PPGTT_FAULT), i + 1);
		assert_int_equal(ram32(h, DONE), 0);
		/* what came before the page was drawn */
		assert_int_equal(dst_px(h, 0, 0), src_px(0, 0));
		assert_int_equal(ram32(h, OFF_DATA + DST + 0x2000), CANARY);
	}
}

static void state_pages_missing(void **state)
{
	struct harness *h = *state;

	for (int i = 0; i < 4; i++) {
		uint32_t gone = VA_BATCH + 0x10000;

		fill(h);
		fresh();
		switch (i) {
		case 0:
			*cmd(0x6101, 4) = gone | 1; /* surface states */
			break;
		case 1:
			*cmd(0x6101, 6) = gone | 1; /* blend and sampler state */
			break;
		case 2:
			*cmd(0x6101, 10) = gone | 1; /* instructions */
			break;
		case 3:
			*cmd(0x7808, 2) = gone; /* vertices */
			break;
		}
		draw_without(h, gone);
		expect_copy(h, 0, 0, 0, 0);
	}
	assert_int_equal(harness_witness(h, WITNESS_PPGTT_FAULT), 4);
}

/* In a user's address space the page is asked for; the draw goes on where it was. */
static void page_faults_are_recovered(void **state)
{
	static const uint32_t va[] = { SRC + 0x1000, DST + 0x1000, VA_BATCH + 0x10000 };
	struct harness *h = *state;

	for (size_t i = 0; i < sizeof(va) / sizeof(va[0]); i++) {
		uint32_t dw[4], id;

		fill(h);
		fresh();
		*cmd(0x6101, 10) = (VA_BATCH + 0x10000) | 1;
		put_page(h);
		memcpy(h->ram + OFF_DATA + VA_BATCH + 0x10000, page, sizeof(page));
		id = context(h, 0);
		lrc_set(h, id, 0x2f, ASID);
		page_present(h, va[i], false);
		ctx_enable(h, id);
		expect_page_fault(h, id, dw);
		assert_int_equal(dw[2] & ~0xfffu, va[i]);
		page_present(h, va[i], true);
		answer_fault(h, dw, true);
		wait32(h, DONE, 1);
		expect_copy(h, 0, 0, WIDTH, ROWS);
	}
	assert_int_equal(harness_witness_total(h), 0);
}

/* Hours of drawing into a null surface: others get their turn, and who wants the engine gets it. */
static void long_draws_stop_and_go_on(void **state)
{
	struct harness *h = *state;
	uint32_t id;

	fill(h);
	c.dst.width = c.dst.height = 16384;
	c.w = c.h = 16384;
	fresh();
	page[COPY_TARGET / 4] = 7u << 29;
	put_page(h);
	id = context(h, 0);
	ctx_enable(h, id);
	sleep_ms(20);
	/* another context of the engine */
	ctx_make(h, 50, 0, 1);
	RING(h, 50, MI_SDI | MI_GGTT, GPU_GGTT + DONE + 8, 0, 7, MI_UI);
	ctx_enable(h, 50);
	wait32(h, DONE + 8, 7);
	for (int i = 0; i < 5; i++) {
		ctx_disable(h, id);
		ctx_enable(h, id);
	}
	assert_int_equal(ram32(h, DONE), 0);
	ctx_disable(h, id);
	assert_int_equal(harness_witness_total(h), 0);
}

/* Where a draw was stopped it goes on: a pixel is missing if the place is lost. */
static void stopped_draw_is_complete(void **state)
{
	struct harness *h = *state;
	uint32_t id;

	fill(h);
	fresh();
	put_page(h);
	id = context(h, 0);
	ctx_enable(h, id);
	for (int i = 0; i < 20 && !ram32(h, DONE); i++) {
		ctx_disable(h, id);
		ctx_enable(h, id);
	}
	wait32(h, DONE, 1);
	expect_copy(h, 0, 0, WIDTH, ROWS);
	assert_int_equal(harness_witness_total(h), 0);
}

/* A shader that never ends keeps its engine and nothing else. */
static void endless_shader_can_be_stopped(void **state)
{
	struct harness *h = *state;
	uint32_t id, *k = page + COPY_KERNEL / 4;

	fill(h);
	fresh();
	k[0] = 1u << 31 | 0x20; /* jmpi to itself */
	k[1] = 1u << 14;
	k[2] = k[3] = 0;
	put_page(h);
	id = context(h, 0);
	ctx_enable(h, id);
	sleep_ms(20);
	ctx_disable(h, id);
	ctx_enable(h, id);
	sleep_ms(5);
	ctx_disable(h, id);
	assert_int_equal(ram32(h, DONE), 0);
	expect_copy(h, 0, 0, 0, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BAD(T(missing_pages_lose_the_context)),
		BAD(T(state_pages_missing)),
		T(page_faults_are_recovered),
		BAD(T(long_draws_stop_and_go_on)),
		T(stopped_draw_is_complete),
		BAD(T(endless_shader_can_be_stopped)),
	};

	return cmocka_run_group_tests_name("draw_stop", tests, NULL, NULL);
}
