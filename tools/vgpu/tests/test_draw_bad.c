// SPDX-License-Identifier: MIT
/* Render copies that draw nothing, and say so: what is not modelled, and numbers that are none. */
#include "draw.h"

#include <math.h>

/* Draws the page as a test has changed it, and nothing must be written and somebody must say so. */
static void refused(struct harness *h)
{
	uint64_t before = harness_witness(h, WITNESS_UNKNOWN_COMMAND);

	run_page(h);
	/* once, however many threads it would have been */
	assert_in_range(harness_witness(h, WITNESS_UNKNOWN_COMMAND), before + 1, before + 2);
	for (uint32_t i = 0; i < 0x4000; i += 4)
		assert_int_equal(ram32(h, OFF_DATA + DST + i), CANARY);
}

/* Coordinates far off are those of the border, or fold; the sum of a NaN is the first texel. */
static void wild_texture_coordinates(void **state)
{
	static const float wild[] = { NAN, INFINITY, -INFINITY, 1e38f, -1e38f, 1e-40f };
	struct harness *h = *state;

	for (uint32_t wrap = 0; wrap < 3; wrap++) {
		for (size_t i = 0; i < sizeof(wild) / sizeof(wild[0]); i++) {
			fill(h);
			c.u0 = c.v0 = wild[i];
			c.u1 = wild[i];
			fresh();
			page[COPY_SAMPLER / 4 + 3] = wrap << 6 | wrap << 3;
			put_page(h);
			ctx_enable(h, context(h, 0));
			wait32(h, DONE, 1);
			assert_int_not_equal(dst_px(h, 1, 1), CANARY);
		}
	}
	assert_int_equal(harness_witness_total(h), 0);
}

static void unmodelled_state_draws_nothing(void **state)
{
	static const struct {
		uint16_t op, dw;
		uint32_t val;
	} bad[] = {
		{ 0x7810, 7, 1 },		{ 0x784b, 1, 4 },	  { 0x7814, 1, 3 },
		{ 0x784f, 1, 0 },		{ 0x784d, 1, 0 },	  { 0x7812, 2, 1u << 31 },
		{ 0x7813, 1, 2 },		{ 0x7850, 1, 2 },	  { 0x780d, 1, 2 },
		{ 0x7820, 1, COPY_KERNEL },	{ 0x7820, 6, 1u << 8 },	  { 0x7820, 7, 128u << 16 | 3u << 24 },
		{ 0x7800, 3, 1 },		{ 0x781f, 1, 2u << 22 | 3u << 28 | 1u << 5 },
		{ 0x781f, 1, 63u << 22 | 3u << 28 },			  { 0x781f, 1, 1u << 22 | 1u << 5 },
		{ 0x781f, 4, 1 },		{ 0x7809, 1, 0 },	  { 0x7809, 3, 5u << 26 | 1u << 25 },
		{ 0x7809, 3, 1u << 25 | 0x84u << 16 },			  { 0x7809, 4, 0x40000000 },
		{ 0x7809, 4, 1u << 28 | 1u << 24 | 2u << 20 | 2u << 16 }, { 0x7b00, 0, 0x7b000105 },
		{ 0x7b00, 0, 0x7b000405 },	{ 0x7b00, 1, 1u << 8 },	  { 0x7b00, 4, 2 },
		{ 0x6904, 0, 0x69040302 },
	};
	struct harness *h = *state;

	fill(h);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		fresh();
		*cmd(bad[i].op, bad[i].dw) = bad[i].val;
		refused(h);
	}
}

/* State in memory, messages and instructions. */
static void unmodelled_memory_draws_nothing(void **state)
{
	static const struct {
		uint16_t at; /* byte of the page */
		uint32_t val;
	} bad[] = {
		{ COPY_TEXTURE, 4u << 29 },		 { COPY_TARGET, 1u << 29 | 0x1ffu << 18 },
		{ COPY_TARGET, 2u << 29 | BGRA << 18 },	 { COPY_TARGET + 12, 100 },
		{ COPY_TARGET + 12, PITCH },		 { COPY_TARGET + 16, 1u << 3 },
		{ COPY_TARGET + 32, DST + 2 },		 { COPY_TARGET + 24, 1 },
		{ COPY_TEXTURE + 28, 3u << 22 },	 { COPY_SAMPLER, 1u << 31 },
		{ COPY_SAMPLER, 1u << 14 },		 { COPY_SAMPLER, 2 },
		{ COPY_SAMPLER + 4, 1u << 20 },		 { COPY_SAMPLER + 12, 4u << 6 },
		{ COPY_BLEND, 1u << 31 },		 { COPY_BLEND + 4, 1u << 31 },
		{ COPY_BLEND + 4, 1 },			 { COPY_BLEND + 8, 1u << 31 },
		{ COPY_KERNEL, 0 },			 { COPY_KERNEL, 0x7f },
		{ COPY_VERTICES, 0x00200010 }, /* not upright */
	};
	static const struct {
		uint32_t desc;
		int target;
	} messages[] = {
		{ COPY_SAMPLE | 1u << 19, 0 },	     { COPY_SAMPLE | 1u << 30, 0 },
		{ COPY_SAMPLE ^ 3u << 17, 0 },	     { COPY_SAMPLE | 7u << 12, 0 },
		{ (COPY_SAMPLE & ~(31u << 25)) | 1u << 25, 0 }, { COPY_SAMPLE | 15u << 25, 0 },
		{ COPY_SAMPLE | 31u << 20, 0 },	     { COPY_SAMPLE | 0xff, 0 },
		{ COPY_WRITE | 1u << 19, 1 },	     { COPY_WRITE | 1u << 30, 1 },
		{ COPY_WRITE | 1u << 8, 1 },	     { COPY_WRITE | 1u << 14, 1 },
		{ COPY_WRITE | 1u << 11, 1 },
		{ COPY_WRITE | 8u << 25, 1 },	     { COPY_WRITE | 0xff, 1 },
	};
	struct harness *h = *state;

	fill(h);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		fresh();
		page[bad[i].at / 4] = bad[i].val;
		refused(h);
	}
	for (size_t i = 0; i < sizeof(messages) / sizeof(messages[0]); i++) {
		fresh();
		if (messages[i].target)
			copy_send(page + COPY_KERNEL / 4 + 20, 5, messages[i].desc, 1, 0, 12);
		else
			copy_send(page + COPY_KERNEL / 4 + 16, 2, messages[i].desc, 0, 12, 10);
		refused(h);
	}
}

/* Rectangles of numbers that are none, or are too large for an integer. */
static void wild_vertices(void **state)
{
	static const float wild[] = { NAN, INFINITY, -INFINITY, 3e38f, -3e38f };
	struct harness *h = *state;

	for (size_t i = 0; i < sizeof(wild) / sizeof(wild[0]); i++) {
		float *v = (float *)(page + COPY_VERTICES / 4);

		fill(h);
		fresh();
		/* positions of floats: x, y of three vertices */
		*cmd(0x7808, 1) = 1u << 14 | 8;
		*cmd(0x7809, 3) = 1u << 25 | 0x85u << 16;
		*cmd(0x7809, 5) = 1u << 25 | 0x85u << 16;
		v[0] = wild[i];
		v[1] = v[3] = ROWS;
		v[2] = v[4] = v[5] = 0;
		put_page(h);
		ctx_enable(h, context(h, 0));
		wait32(h, DONE, 1);
		/* all of the width, or nothing; never a pixel beyond */
		assert_int_equal(dst_px(h, 3, 3) == CANARY, wild[i] != 3e38f);
		assert_int_equal(ram32(h, OFF_DATA + DST + ROWS * PITCH), CANARY);
	}
	assert_int_equal(harness_witness_total(h), 0);
}

static void only_the_render_engine_draws(void **state)
{
	struct harness *h = *state;

	fill(h);
	fresh();
	put_page(h);
	ctx_enable(h, context(h, 4));
	wait32(h, DONE, 1);
	expect_copy(h, 0, 0, 0, 0);
	assert_int_equal(harness_witness(h, WITNESS_UNKNOWN_COMMAND), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BAD(T(wild_texture_coordinates)),
		BAD(T(unmodelled_state_draws_nothing)),
		BAD(T(unmodelled_memory_draws_nothing)),
		BAD(T(wild_vertices)),
		BAD(T(only_the_render_engine_draws)),
	};

	return cmocka_run_group_tests_name("draw_bad", tests, NULL, NULL);
}
