// SPDX-License-Identifier: MIT
/* Render copies through the whole device: what they write, and what draws nothing. */
#include "gpu.h"

#include <math.h>

#include "blt_tile.h"
#include "render_copy.h"

#define SRC    0x40000u
#define DST    0x80000u
#define BGRA   0x0c0u
#define DONE   0x7000u /* GGTT */
#define CANARY 0xa5a5a5a5u
#define WIDTH  64u
#define ROWS   40u
#define PITCH  256u

static uint32_t page[COPY_BYTES / 4];
static uint32_t next_id;
static struct render_copy c;

static int setup(void **state)
{
	struct copy_surface s = { SRC, WIDTH, ROWS, PITCH, COPY_LINEAR, BGRA };
	int err = gpu_setup(state);

	next_id = 1;
	c = (struct render_copy){ .va = VA_BATCH, .src = s, .dst = s, .w = WIDTH, .h = ROWS,
				  .u1 = 1, .v1 = 1 };
	c.dst.addr = DST;
	return err;
}

static uint32_t src_px(uint32_t x, uint32_t y)
{
	return x << 24 | y << 16 | (x * y & 0xff) << 8 | 0x5a;
}

static void fill(struct harness *h)
{
	for (uint32_t y = 0; y < ROWS; y++)
		for (uint32_t x = 0; x < PITCH / 4; x++)
			ram32_set(h, OFF_DATA + SRC + y * PITCH + 4 * x, src_px(x, y));
	for (uint32_t i = 0; i < 0x10000; i += 4)
		ram32_set(h, OFF_DATA + DST + i, CANARY);
}

static uint32_t dst_px(struct harness *h, uint32_t x, uint32_t y)
{
	return ram32(h, OFF_DATA + DST + y * PITCH + 4 * x);
}

/* Puts the page into memory, as it is, with the end of the batch behind @n dwords. */
static void load(struct harness *h, uint32_t n)
{
	page[n] = MI_BBE;
	memcpy(h->ram + OFF_DATA + VA_BATCH, page, sizeof(page));
}

/* A new context that is about to run the page. */
static uint32_t context(struct harness *h, uint32_t class)
{
	uint32_t id = next_id++;

	ram32_set(h, DONE, 0);
	ctx_make(h, id, class, 1);
	RING(h, id, MI_BBS, VA_BATCH, 0, MI_SDI | MI_GGTT, GPU_GGTT + DONE, 0, 1, MI_UI);
	return id;
}

static void draw(struct harness *h)
{
	load(h, render_copy(page, &c));
	ctx_enable(h, context(h, 0));
	wait32(h, DONE, 1);
}

/* Draws the page as a test has changed it, and nothing must be written and somebody must say so. */
static void refused(struct harness *h)
{
	uint64_t before = harness_witness(h, WITNESS_UNKNOWN_COMMAND);

	memcpy(h->ram + OFF_DATA + VA_BATCH, page, sizeof(page));
	ctx_enable(h, context(h, 0));
	wait32(h, DONE, 1);
	/* once, however many threads it would have been */
	assert_in_range(harness_witness(h, WITNESS_UNKNOWN_COMMAND), before + 1, before + 2);
	for (uint32_t i = 0; i < 0x4000; i += 4)
		assert_int_equal(ram32(h, OFF_DATA + DST + i), CANARY);
}

static void fresh(void)
{
	page[render_copy(page, &c)] = MI_BBE;
}

/* Dword @dw of the command @op in the page. */
static uint32_t *cmd(uint32_t op, unsigned int dw)
{
	for (uint32_t i = 0; i < COPY_STATE / 4; i += cmd_length(page[i]))
		if (page[i] >> 16 == op)
			return &page[i + dw];
	fail_msg("no command %04x", op);
	return NULL;
}

static void expect_copy(struct harness *h, uint32_t x0, uint32_t y0, uint32_t x1, uint32_t y1)
{
	for (uint32_t y = 0; y < ROWS; y++)
		for (uint32_t x = 0; x < PITCH / 4; x++)
			assert_int_equal(dst_px(h, x, y), x >= x0 && x < x1 && y >= y0 && y < y1 ?
								  src_px(x, y) : CANARY);
}

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
	memcpy(h->ram + OFF_DATA + VA_BATCH, page, sizeof(page));
	ctx_enable(h, context(h, 0));
	wait32(h, DONE, 1);
	for (uint32_t y = 0; y < ROWS; y++)
		for (uint32_t x = 0; x < WIDTH; x++)
			assert_int_equal(dst_px(h, x, y),
					 src_px(x % 8, y / 8 % 2 ? y % 8 : 7 - y % 8));
	assert_int_equal(harness_witness_total(h), 0);
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
			memcpy(h->ram + OFF_DATA + VA_BATCH, page, sizeof(page));
			ctx_enable(h, context(h, 0));
			wait32(h, DONE, 1);
			assert_int_not_equal(dst_px(h, 1, 1), CANARY);
		}
	}
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
	memcpy(h->ram + OFF_DATA + VA_BATCH, page, sizeof(page));
	ctx_enable(h, context(h, 0));
	wait32(h, DONE, 1);
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
		memcpy(h->ram + OFF_DATA + VA_BATCH, page, sizeof(page));
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
	memcpy(h->ram + OFF_DATA + VA_BATCH, page, sizeof(page));
	ctx_enable(h, context(h, 0));
	wait32(h, DONE, 1);
	expect_copy(h, 3, 2, 20, 9);
	fresh();
	*cmd(0x7800, 1) = 0xffffffff; /* empty */
	memcpy(h->ram + OFF_DATA + VA_BATCH, page, sizeof(page));
	ctx_enable(h, context(h, 0));
	wait32(h, DONE, 1);
	expect_copy(h, 3, 2, 20, 9);
	assert_int_equal(harness_witness_total(h), 0);
}

static void null_surfaces(void **state)
{
	struct harness *h = *state;

	fill(h);
	fresh();
	page[COPY_TARGET / 4] = 7u << 29;
	memcpy(h->ram + OFF_DATA + VA_BATCH, page, sizeof(page));
	ctx_enable(h, context(h, 0));
	wait32(h, DONE, 1);
	expect_copy(h, 0, 0, 0, 0);
	fresh();
	page[COPY_TEXTURE / 4] = 7u << 29;
	memcpy(h->ram + OFF_DATA + VA_BATCH, page, sizeof(page));
	ctx_enable(h, context(h, 0));
	wait32(h, DONE, 1);
	assert_int_equal(dst_px(h, 10, 10), 0);
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
		memcpy(h->ram + OFF_DATA + VA_BATCH, page, sizeof(page));
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
	load(h, render_copy(page, &c));
	ctx_enable(h, context(h, 4));
	wait32(h, DONE, 1);
	expect_copy(h, 0, 0, 0, 0);
	assert_int_equal(harness_witness(h, WITNESS_UNKNOWN_COMMAND), 1);
}

/* A page of source, target, kernel or state that is not there: the context is lost, once. */
static void missing_pages_lose_the_context(void **state)
{
	static const uint32_t va[] = { SRC + 0x1000, DST + 0x1000 };
	struct harness *h = *state;

	for (size_t i = 0; i < sizeof(va) / sizeof(va[0]); i++) {
		uint32_t id;

		fill(h);
		load(h, render_copy(page, &c));
		id = context(h, 0);
		ram64_set(h, OFF_PT + 4 * 4096 + 8 * (va[i] / 4096), 0);
		H2G(h, 0x1001, id, 1);
		EXPECT_EVENT(h, 0x1002, id, 1);
		EXPECT_EVENT(h, 0x6000, id);
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
		uint32_t id, gone = VA_BATCH + 0x10000;

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
		memcpy(h->ram + OFF_DATA + VA_BATCH, page, sizeof(page));
		id = context(h, 0);
		ram64_set(h, OFF_PT + 4 * 4096 + 8 * (gone / 4096), 0);
		H2G(h, 0x1001, id, 1);
		EXPECT_EVENT(h, 0x1002, id, 1);
		EXPECT_EVENT(h, 0x6000, id);
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
		uint32_t pte = OFF_PT + 4 * 4096 + 8 * (va[i] / 4096), msg[16], id;
		uint64_t entry;

		fill(h);
		fresh();
		*cmd(0x6101, 10) = (VA_BATCH + 0x10000) | 1;
		memcpy(h->ram + OFF_DATA + VA_BATCH, page, sizeof(page));
		memcpy(h->ram + OFF_DATA + VA_BATCH + 0x10000, page, sizeof(page));
		id = context(h, 0);
		lrc_set(h, id, 0x2f, 0x12345);
		entry = ram64(h, pte);
		ram64_set(h, pte, entry & ~1ull);
		H2G(h, 0x1001, id, 1);
		EXPECT_EVENT(h, 0x1002, id, 1);
		assert_int_equal(g2h(h, msg, 3000), 6);
		assert_int_equal(msg[1], 0x90006002);
		assert_int_equal(msg[4] & ~0xfffu, va[i]);
		ram64_set(h, pte, entry);
		H2G(h, 0x6003, 1 | 2 << 10 | (msg[3] & ~0xfffu),
		    (msg[2] >> 28 | (msg[3] & 0xfff) << 4) << 16);
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
	memcpy(h->ram + OFF_DATA + VA_BATCH, page, sizeof(page));
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
	load(h, render_copy(page, &c));
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
	memcpy(h->ram + OFF_DATA + VA_BATCH, page, sizeof(page));
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
#define T(f) cmocka_unit_test_setup_teardown(f, setup, harness_teardown)
	const struct CMUnitTest tests[] = {
		T(copies_all),
		T(copies_a_part),
		T(one_pixel),
		T(tilings),
		T(texture_repeats_and_mirrors),
		BAD(T(wild_texture_coordinates)),
		T(two_rectangles),
		BAD(T(nothing_to_draw)),
		BAD(T(cut_to_rectangle_and_surface)),
		T(null_surfaces),
		BAD(T(unmodelled_state_draws_nothing)),
		BAD(T(unmodelled_memory_draws_nothing)),
		BAD(T(wild_vertices)),
		BAD(T(only_the_render_engine_draws)),
		BAD(T(missing_pages_lose_the_context)),
		BAD(T(state_pages_missing)),
		T(page_faults_are_recovered),
		BAD(T(long_draws_stop_and_go_on)),
		T(stopped_draw_is_complete),
		BAD(T(endless_shader_can_be_stopped)),
	};

	return cmocka_run_group_tests_name("draw", tests, NULL, NULL);
}
