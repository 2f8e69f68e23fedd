/* SPDX-License-Identifier: MIT */
/* A render copy of a page in memory, which tests change before it is drawn. Each test is a program of its own. */
#ifndef VGPU_TESTS_DRAW_H
#define VGPU_TESTS_DRAW_H

#include "gpu.h"

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

#define T(f) cmocka_unit_test_setup_teardown(f, setup, harness_teardown)

static inline uint32_t src_px(uint32_t x, uint32_t y)
{
	return x << 24 | y << 16 | (x * y & 0xff) << 8 | 0x5a;
}

static inline uint32_t dst_px(struct harness *h, uint32_t x, uint32_t y)
{
	return ram32(h, OFF_DATA + DST + y * PITCH + 4 * x);
}

/* The source has its pixels, the target nobody's. */
static inline void fill(struct harness *h)
{
	for (uint32_t y = 0; y < ROWS; y++)
		for (uint32_t x = 0; x < PITCH / 4; x++)
			ram32_set(h, OFF_DATA + SRC + y * PITCH + 4 * x, src_px(x, y));
	for (uint32_t i = 0; i < 0x10000; i += 4)
		ram32_set(h, OFF_DATA + DST + i, CANARY);
}

/* The page as it is without a change. */
static inline void fresh(void)
{
	page[render_copy(page, &c)] = MI_BBE;
}

/* Dword @dw of the command @op in the page. */
static inline uint32_t *cmd(uint32_t op, unsigned int dw)
{
	for (uint32_t i = 0; i < COPY_STATE / 4; i += cmd_length(page[i]))
		if (page[i] >> 16 == op)
			return &page[i + dw];
	fail_msg("no command %04x", op);
	return NULL;
}

static inline void put_page(struct harness *h)
{
	memcpy(h->ram + OFF_DATA + VA_BATCH, page, sizeof(page));
}

/* A new context of an engine class that is about to run the page. */
static inline uint32_t context(struct harness *h, uint32_t class)
{
	uint32_t id = next_id++;

	ram32_set(h, DONE, 0);
	ctx_make(h, id, class, 1);
	RING(h, id, MI_BBS, VA_BATCH, 0, MI_SDI | MI_GGTT, GPU_GGTT + DONE, 0, 1, MI_UI);
	return id;
}

/* Runs the page to its end. */
static inline void run_page(struct harness *h)
{
	put_page(h);
	ctx_enable(h, context(h, 0));
	wait32(h, DONE, 1);
}

static inline void draw(struct harness *h)
{
	fresh();
	run_page(h);
}

/* These pixels are the source's, the others nobody's. */
static inline void expect_copy(struct harness *h, uint32_t x0, uint32_t y0, uint32_t x1, uint32_t y1)
{
	for (uint32_t y = 0; y < ROWS; y++)
		for (uint32_t x = 0; x < PITCH / 4; x++)
			assert_int_equal(dst_px(h, x, y), x >= x0 && x < x1 && y >= y0 && y < y1 ?
								  src_px(x, y) : CANARY);
}

#endif
