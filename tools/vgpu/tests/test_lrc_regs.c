/* SPDX-License-Identifier: MIT */
/* Registers that belong to a context: kept over switches, saved in the image, read back from it. */
#include "gpu.h"

#include "lrc_regs.h"

#define R	0x5000u
#define VA	VA_BATCH
#define LRI(n)	(0x11000000u | (2 * (n) - 1))
#define SRM	0x12000002u
#define LRR_SRC_CS 0x15040001u
#define FF_MODE 0x6210u		/* whole */
#define RASTER	0x6204u		/* masked */
#define PSS	0x7044u		/* masked */
#define OTHER	0x9888u		/* of no context */
#define RENDER	0
#define COPY	3
#define END_AT	0x44u		/* where the driver's part of a render image ends */

static uint32_t res(struct harness *h, unsigned int i)
{
	return ram32(h, OFF_DATA + R + 4 * i);
}

/* An image as the driver makes it: its own load of ring registers, then the end. */
static void make(struct harness *h, uint32_t id, uint32_t class)
{
	ctx_make(h, id, class, 1);
	lrc_set(h, id, 0x01, 0x11080000 | (2 * 0x19 - 1));
	lrc_set(h, id, END_AT, 0x05000001);
}

/* Runs what the ring of @id has got, until marker @n is there; the context is switched out then. */
static void run_ring(struct harness *h, uint32_t id, uint32_t n)
{
	RING(h, id, MI_SDI | MI_GGTT, GPU_GGTT + 0x7000, 0, n, MI_UI);
	ctx_enable(h, id);
	wait32(h, 0x7000, n);
	ctx_disable(h, id);
}

static void saved_in_image(void **state)
{
	struct harness *h = *state;

	make(h, 1, RENDER);
	RING(h, 1, LRI(4), FF_MODE, 0x12345678, RASTER, 0x00030001, OTHER, 5, RASTER, 0x80008000);
	run_ring(h, 1, 1);
	assert_int_equal(lrc_get(h, 1, END_AT), LRI(2));
	assert_int_equal(lrc_get(h, 1, END_AT + 1), RASTER);
	assert_int_equal(lrc_get(h, 1, END_AT + 2), 0xffff8001); /* loads all of it */
	assert_int_equal(lrc_get(h, 1, END_AT + 3), FF_MODE);
	assert_int_equal(lrc_get(h, 1, END_AT + 4), 0x12345678);
	assert_int_equal(lrc_get(h, 1, END_AT + 5), MI_BBE);
	assert_int_equal(harness_witness_total(h), 0);
}

/* xe's first context: read, change in a general register, write back. */
static void read_modify_write(void **state)
{
	struct harness *h = *state;

	make(h, 1, RENDER);
	RING(h, 1, LRI(1), FF_MODE, 0xf0, 0x15080001, FF_MODE, 0x2600, /* LRR to GPR 0 */
	     LRI(2) | 1u << 19, 0x2608, 0x0f, 0x260c, 0, 0x0d000003, 0x08008000, 0x08008401,
	     0x10300000, 0x18000031, LRR_SRC_CS, 0x2600, FF_MODE, SRM | MI_GGTT, FF_MODE,
	     GPU_GGTT + 0x7010, 0);
	run_ring(h, 1, 1);
	assert_int_equal(ram32(h, 0x7010), 0xff);
	assert_int_equal(lrc_get(h, 1, END_AT + 2), 0xff);
}

/* A later context starts with a copy of the first one's image. */
static void image_is_inherited(void **state)
{
	struct harness *h = *state;

	make(h, 1, RENDER);
	RING(h, 1, LRI(2), FF_MODE, 7, PSS, 0x00010001);
	run_ring(h, 1, 1);
	make(h, 2, RENDER);
	for (uint32_t dw = END_AT; dw < END_AT + LRC_REGS_DWORDS; dw++)
		lrc_set(h, 2, dw, lrc_get(h, 1, dw));
	BATCH(h, VA, SRM, FF_MODE, R, 0, SRM, PSS, R + 4, 0, MI_BBE);
	RING(h, 2, LRI(1), PSS, 0x00020002, MI_BBS, VA, 0);
	run_ring(h, 2, 2);
	assert_int_equal(res(h, 0), 7);
	assert_int_equal(res(h, 1), 3);
	assert_int_equal(lrc_get(h, 2, END_AT + 4), 0xffff0003);
	assert_int_equal(lrc_get(h, 1, END_AT + 4), 0xffff0001);
}

/* Two at once: each has its own. */
static void contexts_do_not_share(void **state)
{
	struct harness *h = *state;

	make(h, 1, RENDER);
	make(h, 2, RENDER);
	RING(h, 1, LRI(1), FF_MODE, 1);
	RING(h, 2, SRM | MI_GGTT, FF_MODE, GPU_GGTT + 0x7010, 0);
	ram32_set(h, 0x7010, 99);
	run_ring(h, 1, 1);
	run_ring(h, 2, 2);
	assert_int_equal(ram32(h, 0x7010), 0);
	RING(h, 1, SRM | MI_GGTT, FF_MODE, GPU_GGTT + 0x7010, 0);
	run_ring(h, 1, 3);
	assert_int_equal(ram32(h, 0x7010), 1);
}

static void user_batch_sets_none(void **state)
{
	struct harness *h = *state;

	make(h, 1, RENDER);
	BATCH(h, VA, LRI(1), FF_MODE, 1, SRM, FF_MODE, R, 0, MI_BBE);
	ram32_set(h, OFF_DATA + R, 99);
	RING(h, 1, MI_BBS, VA, 0);
	run_ring(h, 1, 1);
	assert_int_equal(res(h, 0), 0);
	assert_int_equal(lrc_get(h, 1, END_AT), 0x05000001);
}

static void copy_engine_has_none(void **state)
{
	struct harness *h = *state;

	make(h, 1, COPY);
	RING(h, 1, LRI(1), FF_MODE, 1);
	run_ring(h, 1, 1);
	assert_int_equal(lrc_get(h, 1, END_AT), 0x05000001);
}

static void unchanged_is_not_written(void **state)
{
	struct harness *h = *state;

	make(h, 1, RENDER);
	run_ring(h, 1, 1);
	assert_int_equal(lrc_get(h, 1, END_AT), 0x05000001);
	RING(h, 1, LRI(1), FF_MODE, 1);
	run_ring(h, 1, 2);
	lrc_set(h, 1, END_AT + 5, 0x77); /* behind what belongs to the hardware */
	run_ring(h, 1, 3);
	assert_int_equal(lrc_get(h, 1, END_AT + 5), 0x77);
}

/* Images that no driver makes: nothing is written anywhere, nothing is read beyond the end. */
static void broken_images(void **state)
{
	static const struct {
		uint32_t at, dw;
	} bad[] = {
		{ 0x48, 0x1f800001 },				 /* unknown command */
		{ 0x48, 0x110810ff },				 /* its length leads out */
		{ 0x48, 0x110000ff },				 /* a load that leads out */
		{ LRC_REGS_END - 1, 0x05000000 },		 /* no room behind */
		{ LRC_REGS_END - LRC_REGS_DWORDS + 1, 0x05000000 }, /* one short of it */
	};
	struct harness *h = *state;

	for (uint32_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		make(h, 1 + i, RENDER);
		lrc_set(h, 1 + i, END_AT, 0);
		for (uint32_t dw = bad[i].at; dw < bad[i].at + 300; dw++)
			lrc_set(h, 1 + i, dw, dw == bad[i].at ? bad[i].dw : 0x55555555);
		RING(h, 1 + i, LRI(1), FF_MODE, 1);
		run_ring(h, 1 + i, 1 + i);
		for (uint32_t dw = bad[i].at; dw < bad[i].at + 300; dw++)
			if (bad[i].dw != 0x110000ff)
				assert_int_equal(lrc_get(h, 1 + i, dw),
						 dw == bad[i].at ? bad[i].dw : 0x55555555);
	}
}

/* What lies behind a command that nobody knows is not the place for anything. */
static void nothing_behind_the_unknown(void **state)
{
	struct harness *h = *state;

	make(h, 1, RENDER);
	lrc_set(h, 1, END_AT, 0x1f800001);
	lrc_set(h, 1, END_AT + 1, MI_BBE);
	RING(h, 1, LRI(1), FF_MODE, 1);
	run_ring(h, 1, 1);
	assert_int_equal(lrc_get(h, 1, END_AT), 0x1f800001);
	assert_int_equal(lrc_get(h, 1, END_AT + 1), MI_BBE);
	assert_int_equal(lrc_get(h, 1, END_AT + 2), 0);
}

/* Bits are cleared by their mask; what a context has not reads 0, whatever it has; an image is kept. */
static void bits_and_others(void **state)
{
	struct harness *h = *state;

	make(h, 1, RENDER);
	RING(h, 1, LRI(4), 0x5588, 0x00ff00ff, RASTER, 0x00030003, RASTER, 0x00010000, FF_MODE, 5,
	     SRM | MI_GGTT, OTHER, GPU_GGTT + 0x7010, 0);
	ram32_set(h, 0x7010, 99);
	run_ring(h, 1, 1);
	assert_int_equal(ram32(h, 0x7010), 0);
	assert_int_equal(lrc_get(h, 1, END_AT + 4), 0xffff0002);
	/* loaded and not changed: not written again */
	lrc_set(h, 1, END_AT + 7, 0x77);
	run_ring(h, 1, 2);
	assert_int_equal(lrc_get(h, 1, END_AT + 7), 0x77);
}

/* An image that ends where it begins has no room, and the engine goes on. */
static void ends_at_once(void **state)
{
	static const uint32_t first[] = { 0x05000000, 0x11000001 };
	struct harness *h = *state;

	for (uint32_t i = 0; i < sizeof(first) / sizeof(first[0]); i++) {
		make(h, 1 + i, RENDER);
		lrc_set(h, 1 + i, 0, first[i]);
		RING(h, 1 + i, LRI(1), FF_MODE, 1);
		run_ring(h, 1 + i, 1 + i);
		assert_int_equal(lrc_get(h, 1 + i, 0), first[i]);
		assert_int_equal(lrc_get(h, 1 + i, END_AT), 0x05000001);
	}
}

/* The last place with room, with every register there is. */
static void all_of_them(void **state)
{
	struct harness *h = *state;
	const struct reg_set *t = h->g->personality->context_regs;
	uint32_t at = LRC_REGS_END - LRC_REGS_DWORDS;

	assert_in_range(t->n, 1, LRC_REGS_MAX);
	make(h, 1, RENDER);
	lrc_set(h, 1, END_AT, 0);
	lrc_set(h, 1, at, MI_BBE);
	for (size_t i = 0; i < t->n; i++)
		RING(h, 1, LRI(1), t->defs[i].off, 0x00010001);
	run_ring(h, 1, 1);
	assert_int_equal(lrc_get(h, 1, at), LRI((uint32_t)t->n));
	for (uint32_t i = 0; i < t->n; i++)
		assert_int_equal(lrc_get(h, 1, at + 1 + 2 * i), t->defs[i].off);
	assert_int_equal(lrc_get(h, 1, at + 1 + 2 * (uint32_t)t->n), MI_BBE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		GPU_TEST(saved_in_image),
		GPU_TEST(read_modify_write),
		GPU_TEST(image_is_inherited),
		GPU_TEST(contexts_do_not_share),
		BAD(GPU_TEST(user_batch_sets_none)),
		BAD(GPU_TEST(copy_engine_has_none)),
		GPU_TEST(unchanged_is_not_written),
		BAD(GPU_TEST(broken_images)),
		BAD(GPU_TEST(nothing_behind_the_unknown)),
		GPU_TEST(bits_and_others),
		BAD(GPU_TEST(ends_at_once)),
		GPU_TEST(all_of_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
