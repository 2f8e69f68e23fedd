// SPDX-License-Identifier: MIT
/* Commands that set state for draws and walkers: what is kept, what is refused. */
#include "harness.h"

#include <string.h>

#include "gfx_state.h"

static struct gfx_state s;

#define CMD(...) \
	gfx_state_command(&s, (const uint32_t[]){ __VA_ARGS__ }, \
			  sizeof((const uint32_t[]){ __VA_ARGS__ }) / 4)

static int setup(void **state)
{
	(void)state;
	memset(&s, 0, sizeof(s));
	return 0;
}

/* The least that a draw wants. */
static void drawable(void)
{
	CMD(0x69040300);
	CMD(0x784b0000, 0x0f);
	CMD(0x7820000a, 0x41, 0, 0, 0, 0, 1, 6u << 16, 0, 0, 0, 0);
	CMD(0x784d0000, 1u << 30);
	CMD(0x784f0000, 1u << 31);
}

static void base_addresses(void **state)
{
	(void)state;
	assert_true(CMD(0x61010014, 0x1001, 1, 0, 0x2001, 2, 0x3001, 3, 0x4001, 4, 0x5001, 5, 0, 0,
			0, 0, 0x6001, 6, 0, 0x7001, 0xffff0007, 0));
	assert_int_equal(s.base.general, 0x100001000);
	assert_int_equal(s.base.surface, 0x200002000);
	assert_int_equal(s.base.dynamic, 0x300003000);
	assert_int_equal(s.base.indirect, 0x400004000);
	assert_int_equal(s.base.instruction, 0x500005000);
	assert_int_equal(s.base.bindless_surface, 0x600006000);
	assert_int_equal(s.base.bindless_sampler, 0x700007000); /* canonical addresses are cut */
	/* without the modify bit a base stays */
	assert_true(CMD(0x61010014, 0x8000, 1, 0, 0x9001, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
			0, 0, 0));
	assert_int_equal(s.base.general, 0x100001000);
	assert_int_equal(s.base.surface, 0x9000);
	assert_true(CMD(0x79190002, 0xa07f, 8, 0x1000));
	assert_int_equal(s.base.bt_pool, 0x80000a000);
}

static void base_addresses_short(void **state)
{
	(void)state;
	assert_true(CMD(0x61010000, 0x1001)); /* half an address is none */
	assert_int_equal(s.base.general, 0);
	assert_true(CMD(0x61010003, 0x1001, 1, 0, 0x2001));
	assert_int_equal(s.base.general, 0x100001000);
	assert_int_equal(s.base.surface, 0);
	assert_true(CMD(0x79190001, 0xa000, 8));
	assert_int_equal(s.base.bt_pool, 0);
}

static void pipeline_select_wants_its_mask(void **state)
{
	(void)state;
	CMD(0x69040302);
	assert_int_equal(s.pipeline, GFX_PIPE_COMPUTE);
	CMD(0x69040000);
	assert_int_equal(s.pipeline, GFX_PIPE_COMPUTE);
	CMD(0x69041300);
	assert_int_equal(s.pipeline, GFX_PIPE_3D);
}

static void keeps_what_draws_look_at(void **state)
{
	(void)state;
	assert_true(CMD(0x7820000a, 0x41, 2, 3, 0, 5, 6, 7, 8, 9, 10, 11));
	assert_int_equal(s.w[GFX_PS_KERNEL], 0x41);
	assert_int_equal(s.w[GFX_PS_KERNEL_HIGH], 2);
	assert_int_equal(s.w[GFX_PS_DISPATCH], 6);
	assert_int_equal(s.w[GFX_PS_GRF], 7);
	assert_true(CMD(0x78000002, 0x10002, 0x30004, 5));
	assert_int_equal(s.w[GFX_RECT_MIN], 0x10002);
	assert_int_equal(s.w[GFX_RECT_MAX], 0x30004);
	assert_int_equal(s.w[GFX_RECT_ORIGIN], 5);
	assert_true(CMD(0x79000002, 1, 2, 3));
	assert_int_equal(s.w[GFX_RECT_MAX], 2);
}

/* A command is taken as a whole: the first dwords of a short one do not count either. */
static void short_commands_change_nothing(void **state)
{
	(void)state;
	assert_true(CMD(0x78200005, 0x41, 2, 3, 4, 5, 6));
	assert_int_equal(s.w[GFX_PS_KERNEL], 0);
	assert_true(CMD(0x78000001, 1, 2));
	assert_int_equal(s.w[GFX_RECT_MIN], 0);
	assert_true(CMD(0x784b0000));
	assert_int_equal(s.w[GFX_TOPOLOGY], 0);
}

static void vertex_buffers(void **state)
{
	(void)state;
	assert_true(CMD(0x78080007, 1u << 14 | 12, 0x1000, 1, 36, 2u << 26 | 1u << 14 | 16, 0x2000, 0,
			64));
	assert_int_equal(s.vb[0].addr, 0x100001000);
	assert_int_equal(s.vb[0].pitch, 12);
	assert_int_equal(s.vb[0].bytes, 36);
	assert_int_equal(s.vb[2].pitch, 16);
	assert_int_equal(s.vb[1].bytes, 0);
	CMD(0x78080003, 8, 0x9000, 9, 24); /* no modify bit: the address stays */
	assert_int_equal(s.vb[0].addr, 0x100001000);
	assert_int_equal(s.vb[0].bytes, 24);
	CMD(0x78080003, 1u << 13 | 1u << 14, 0x9000, 9, 24); /* null buffer */
	assert_int_equal(s.vb[0].bytes, 0);
}

static void vertex_buffers_without_room(void **state)
{
	struct gfx_state none = { 0 };

	(void)state;
	CMD(0x78080003, 4u << 26 | 1u << 14 | 12, 0x1000, 1, 36);
	CMD(0x78080003, 63u << 26 | 1u << 14 | 12, 0x1000, 1, 36);
	CMD(0x78080002, 1u << 14 | 12, 0x1000, 1); /* too short */
	assert_memory_equal(&s, &none, sizeof(s));
}

static void vertex_elements_beyond_room_are_counted(void **state)
{
	uint32_t dw[1 + 2 * 34] = { 0x78090000 | 67 };

	(void)state;
	for (uint32_t i = 1; i < 69; i++)
		dw[i] = i;
	assert_true(gfx_state_command(&s, dw, 69));
	assert_int_equal(s.ve_count, 34);
	assert_int_equal(s.ve[GFX_VERTEX_ELEMENTS - 1][1], 2 * GFX_VERTEX_ELEMENTS);
	assert_int_equal(s.draw.rect, 0);
	assert_true(gfx_state_command(&s, dw, 2)); /* half an element */
	assert_int_equal(s.ve_count, 0);
}

static void other_commands_are_not_state(void **state)
{
	(void)state;
	assert_true(CMD(0x78990000, 1)); /* a 3DSTATE that nobody looks at */
	assert_false(CMD(0x7b000005, 0, 3, 0, 1, 0, 0));
	assert_false(CMD(0x72080000, 0));
	assert_false(CMD(0x7a000004, 0, 0, 0, 0, 0));
}

static void nothing_to_draw_with(void **state)
{
	(void)state;
	assert_string_equal(gfx_state_unmodelled(&s), "topology other than RECTLIST");
	drawable();
	assert_null(gfx_state_unmodelled(&s));
}

/* One dword more than a draw of the model can do, each alone. */
static void every_unmodelled_state_is_named(void **state)
{
	static const struct {
		uint8_t word;
		uint32_t val;
	} bad[] = {
		{ GFX_TOPOLOGY, 4 },
		{ GFX_VF_SGVS, 1u << 31 },
		{ GFX_VS, 1 },
		{ GFX_HS, 1u << 31 },
		{ GFX_TE, 1 },
		{ GFX_DS, 1 },
		{ GFX_GS, 1 },
		{ GFX_MESH, 1u << 31 },
		{ GFX_STREAMOUT, 1u << 30 },
		{ GFX_CLIP, 1u << 31 },
		{ GFX_SF, 2 },
		{ GFX_RASTER, 2 },
		{ GFX_MULTISAMPLE, 2 },
		{ GFX_HZ_OP, 1u << 30 },
		{ GFX_DEPTH_STENCIL, 1 },
		{ GFX_SBE, 1u << 21 },
		{ GFX_SBE_SPRITES, 1 },
		{ GFX_SBE_CONSTANT, 1u << 31 },
		{ GFX_WM, 1 },
		{ GFX_CONSTANT_PS, 1 },
		{ GFX_CONSTANT_PS_HIGH, 1u << 16 },
		{ GFX_PS_EXTRA, 0 },
		{ GFX_PS_EXTRA, 1u << 31 | 1u << 24 },
		{ GFX_PS_KERNEL, 0x40 },
		{ GFX_PS_KERNEL, 0x43 },
		{ GFX_PS_SCRATCH, 1u << 10 },
		{ GFX_PS_DISPATCH, 1u << 8 },
		{ GFX_RECT_ORIGIN, 1u << 16 },
		{ GFX_PS_BLEND, 0 },
		{ GFX_PS_BLEND, 3u << 29 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		setup(NULL);
		drawable();
		s.w[bad[i].word] = bad[i].val;
		assert_non_null(gfx_state_unmodelled(&s));
	}
	setup(NULL);
	drawable();
	CMD(0x69040302);
	assert_string_equal(gfx_state_unmodelled(&s), "3D pipeline not selected");
}

int main(void)
{
#define T(f) cmocka_unit_test_setup(f, setup)
	const struct CMUnitTest tests[] = {
		T(base_addresses),
		BAD(T(base_addresses_short)),
		BAD(T(pipeline_select_wants_its_mask)),
		T(keeps_what_draws_look_at),
		BAD(T(short_commands_change_nothing)),
		T(vertex_buffers),
		BAD(T(vertex_buffers_without_room)),
		BAD(T(vertex_elements_beyond_room_are_counted)),
		BAD(T(other_commands_are_not_state)),
		BAD(T(nothing_to_draw_with)),
		BAD(T(every_unmodelled_state_is_named)),
	};

	return cmocka_run_group_tests_name("gfx_state", tests, NULL, NULL);
}
