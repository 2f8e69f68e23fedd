// SPDX-License-Identifier: MIT
/* Render copies through the whole device: what they write. */
#include "draw.h"

#include "blt_tile.h"

static void copies_all(void **state)
{
	struct harness *h = *state;

	fill(h);
	draw(h);
	expect_copy(h, 0, 0, WIDTH, ROWS);
	assert_int_equal(harness_witness_total(h), 0);
}

/* Edges that no block has: only the pixels of the rectangle are written. */
static void copies_a_part(void **state)
{
	struct harness *h = *state;

	fill(h);
	c.x = 5;
	c.y = 3;
	c.w = 22;
	c.h = 17;
	c.u0 = 5.f / WIDTH;
	c.u1 = 27.f / WIDTH;
	c.v0 = 3.f / ROWS;
	c.v1 = 20.f / ROWS;
	draw(h);
	expect_copy(h, 5, 3, 27, 20);
	assert_int_equal(harness_witness_total(h), 0);
}

static void one_pixel(void **state)
{
	struct harness *h = *state;

	fill(h);
	c.x = 63;
	c.y = 39;
	c.w = c.h = 1;
	c.u0 = 63.f / WIDTH;
	c.v0 = 39.f / ROWS;
	draw(h);
	expect_copy(h, 63, 39, 64, 40);
}

/* There and back through each tiling; where a pixel lies is the blitter's business. */
static void tilings(void **state)
{
	static const struct {
		uint32_t mode, pitch;
		enum blt_tiling tiling;
	} t[] = { { COPY_XMAJOR, 512, TILE_X }, { COPY_TILE4, 256, TILE_4 }, { COPY_TILE64, 512, TILE_64 } };
	struct harness *h = *state;

	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		struct blt_surface s = { .pitch = t[i].pitch, .tiling = t[i].tiling };
		struct copy_surface linear = { SRC, WIDTH, ROWS, PITCH, COPY_LINEAR, BGRA };

		fill(h);
		c.src = linear;
		c.dst = (struct copy_surface){ DST, WIDTH, ROWS, t[i].pitch, t[i].mode, BGRA };
		draw(h);
		for (uint32_t y = 0; y < ROWS; y++)
			for (uint32_t x = 0; x < WIDTH; x++)
				assert_int_equal(ram32(h, OFF_DATA + DST + (uint32_t)blt_offset(&s, 4 * x, y)),
						 src_px(x, y));
		memset(h->ram + OFF_DATA + SRC, 0, ROWS * PITCH);
		c.src = c.dst;
		c.dst = linear;
		draw(h);
		for (uint32_t y = 0; y < ROWS; y++)
			for (uint32_t x = 0; x < WIDTH; x++)
				assert_int_equal(ram32(h, OFF_DATA + SRC + y * PITCH + 4 * x),
						 src_px(x, y));
	}
	assert_int_equal(harness_witness_total(h), 0);
}

/* Twice the texture over the target. */
static void texture_repeats_and_mirrors(void **state)
{
	struct harness *h = *state;

	fill(h);
	c.src.width = c.src.height = 8;
	c.u0 = c.v0 = -1;
	c.u1 = WIDTH / 8.f - 1;
	c.v1 = ROWS / 8.f - 1;
	fresh();
	page[COPY_SAMPLER / 4 + 3] = 0u << 6 | 1u << 3;
	run_page(h);
	for (uint32_t y = 0; y < ROWS; y++)
		for (uint32_t x = 0; x < WIDTH; x++)
			assert_int_equal(dst_px(h, x, y),
					 src_px(x % 8, y / 8 % 2 ? y % 8 : 7 - y % 8));
	assert_int_equal(harness_witness_total(h), 0);
}

static void two_rectangles(void **state)
{
	struct harness *h = *state;

	fill(h);
	c.w = 16;
	c.u1 = 16.f / WIDTH;
	fresh();
	copy_vertex(page + COPY_VERTICES / 4 + 9, 48, ROWS, 48.f / WIDTH, 1);
	copy_vertex(page + COPY_VERTICES / 4 + 12, 32, ROWS, 32.f / WIDTH, 1);
	copy_vertex(page + COPY_VERTICES / 4 + 15, 32, 0, 32.f / WIDTH, 0);
	*cmd(0x7808, 4) = 6 * 12;
	*cmd(0x7b00, 2) = 8; /* and two vertices that make no rectangle */
	run_page(h);
	for (uint32_t x = 0; x < WIDTH; x++)
		assert_int_equal(dst_px(h, x, 7), x < 16 || (x >= 32 && x < 48) ? src_px(x, 7) : CANARY);
	assert_int_equal(harness_witness_total(h), 0);
}

static void nothing_to_draw(void **state)
{
	struct harness *h = *state;

	fill(h);
	for (int i = 0; i < 4; i++) {
		fresh();
		switch (i) {
		case 0:
			*cmd(0x7b00, 2) = 2;
			break;
		case 1:
			*cmd(0x7b00, 4) = 0;
			break;
		case 2:
			*cmd(0x7818, 1) = 0;
			break;
		case 3: /* vertices that the buffer does not have are at 0, 0 */
			*cmd(0x7b00, 3) = 3;
			break;
		}
		put_page(h);
		ctx_enable(h, context(h, 0));
		wait32(h, DONE, 1);
		assert_int_equal(dst_px(h, 0, 0), CANARY);
	}
	assert_int_equal(harness_witness(h, WITNESS_PPGTT_FAULT), 0);
}

/* Neither beyond the drawing rectangle nor beyond the surface. */
static void cut_to_rectangle_and_surface(void **state)
{
	struct harness *h = *state;

	fill(h);
	c.dst.width = 20;
	c.dst.height = 9;
	fresh();
	*cmd(0x7800, 1) = 2u << 16 | 3;
	*cmd(0x7800, 2) = 100u << 16 | 100;
	run_page(h);
	expect_copy(h, 3, 2, 20, 9);
	fresh();
	*cmd(0x7800, 1) = 0xffffffff; /* empty */
	run_page(h);
	expect_copy(h, 3, 2, 20, 9);
	assert_int_equal(harness_witness_total(h), 0);
}

static void null_surfaces(void **state)
{
	struct harness *h = *state;

	fill(h);
	fresh();
	page[COPY_TARGET / 4] = 7u << 29;
	run_page(h);
	expect_copy(h, 0, 0, 0, 0);
	fresh();
	page[COPY_TEXTURE / 4] = 7u << 29;
	run_page(h);
	assert_int_equal(dst_px(h, 10, 10), 0);
	assert_int_equal(harness_witness_total(h), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(copies_all),
		T(copies_a_part),
		T(one_pixel),
		T(tilings),
		T(texture_repeats_and_mirrors),
		T(two_rectangles),
		BAD(T(nothing_to_draw)),
		BAD(T(cut_to_rectangle_and_surface)),
		T(null_surfaces),
	};

	return cmocka_run_group_tests_name("draw", tests, NULL, NULL);
}
