// SPDX-License-Identifier: MIT
/* Surface states and pixel formats. */
#include "harness.h"

#include <math.h>
#include <string.h>

#include "render_copy.h"
#include "surface.h"

static uint32_t dw[SURFACE_STATE_DWORDS];
static struct surface s;

static int setup(void **state)
{
	const struct copy_surface plain = { 0x123456000, 100, 50, 512, COPY_LINEAR, 0xc0 };

	(void)state;
	memset(dw, 0, sizeof(dw));
	copy_surface_state(dw, &plain);
	return 0;
}

static void parses(void **state)
{
	(void)state;
	assert_null(surface_parse(dw, &s));
	assert_false(s.null);
	assert_int_equal(s.width, 100);
	assert_int_equal(s.height, 50);
	assert_int_equal(s.cpp, 4);
	assert_int_equal(s.at.pitch, 512);
	assert_int_equal(surface_address(&s, 3, 2), 0x123456000 + 1024 + 12);
	dw[0] = 7u << 29; /* a null surface needs nothing */
	dw[3] = 1;
	assert_null(surface_parse(dw, &s));
	assert_true(s.null);
}

/* The largest one lies within 48 bits of its base; the product is one of 64. */
static void largest(void **state)
{
	const struct copy_surface large = { 0, 16384, 16384, 262144, COPY_TILE4, 0xc0 };

	(void)state;
	copy_surface_state(dw, &large);
	assert_null(surface_parse(dw, &s));
	assert_int_equal(surface_address(&s, 16383, 16383), 262144ull * 16352 + 511 * 4096ull + 4092);
}

static void refuses(void **state)
{
	static const struct {
		uint8_t dw;
		uint32_t clear, set;
	} bad[] = {
		{ 0, 7u << 29, 0 },	       { 0, 7u << 29, 2u << 29 },     { 0, 7u << 29, 4u << 29 },
		{ 0, 0, 1u << 28 },	       { 0, 0x1ffu << 18, 0 },	      { 0, 0, 0x1ffu << 18 },
		{ 0, 0, 3u << 12 | 0x80 },     { 1, 0, 1u << 18 },	      { 1, 0, 1u << 19 },
		{ 3, ~0u, 98 },		       { 3, ~0u, 395 },		      { 3, ~0u, 509 },
		{ 4, 0, 1u << 3 },	       { 4, 0, 1u << 18 },	      { 4, 0, 1u << 29 },
		{ 5, 0, 1 },		       { 5, 0, 1u << 4 },	      { 5, 0, 1u << 21 },
		{ 5, 0, 1u << 25 },	       { 6, 0, 2 },		      { 7, 7u << 25, 2u << 25 },
		{ 7, 7u << 16, 3u << 16 },     { 8, 0, 2 },
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		setup(state);
		if (i == 6)
			dw[3] = 399; /* of Tile4 a multiple of 128 */
		dw[bad[i].dw] = (dw[bad[i].dw] & ~bad[i].clear) | bad[i].set;
		assert_non_null(surface_parse(dw, &s));
	}
}

static void formats_keep_their_bits(void **state)
{
	static const struct {
		uint32_t number, cpp, px;
		float rgba[4];
	} f[] = {
		{ 0x0c0, 4, 0xff336600, { 0x33 / 255.f, 0x66 / 255.f, 0, 1 } },
		{ 0x0c7, 4, 0x00663300, { 0, 0x33 / 255.f, 0x66 / 255.f, 0 } },
		{ 0x0c2, 4, 0x400ffc00, { 0, 1, 0, 1 / 3.f } },
		{ 0x0d1, 4, 0x800003ff, { 0, 0, 1, 2 / 3.f } },
		{ 0x100, 2, 0xf81f, { 1, 0, 1, 1 } },
		{ 0x106, 2, 0x33ff, { 1, 0x33 / 255.f, 0, 1 } },
		{ 0x140, 1, 0x80, { 0x80 / 255.f, 0, 0, 1 } },
	};

	for (size_t i = 0; i < sizeof(f) / sizeof(f[0]); i++) {
		uint8_t px[4] = { 0 };
		float rgba[4];

		setup(state);
		dw[0] = (dw[0] & ~(0x1ffu << 18)) | f[i].number << 18;
		assert_null(surface_parse(dw, &s));
		assert_int_equal(s.cpp, f[i].cpp);
		surface_unpack(&s, (const uint8_t *)&f[i].px, rgba);
		for (int k = 0; k < 4; k++)
			assert_true(fabsf(rgba[k] - f[i].rgba[k]) < 1e-6f);
		/* every value there is comes back */
		for (uint32_t v = 0; v < 0x10000; v++) {
			uint32_t in = f[i].cpp == 4 ? v * 0x10001u : f[i].cpp == 2 ? v : v & 0xff, out = 0;

			surface_unpack(&s, (const uint8_t *)&in, rgba);
			surface_pack(&s, rgba, px);
			memcpy(&out, px, f[i].cpp);
			assert_int_equal(out, in);
		}
	}
}

static void channels_are_selected(void **state)
{
	uint32_t px = 0xff804000;
	float rgba[4];

	(void)state;
	dw[7] = 6u << 25 | 0u << 22 | 1u << 19 | 4u << 16; /* blue, 0, 1, red */
	assert_null(surface_parse(dw, &s));
	surface_unpack(&s, (const uint8_t *)&px, rgba);
	assert_true(rgba[0] == 0 && rgba[1] == 0 && rgba[2] == 1);
	assert_true(fabsf(rgba[3] - 0x80 / 255.f) < 1e-6f);
}

static void wild_colours_are_clamped(void **state)
{
	const float wild[2][4] = { { NAN, INFINITY, -INFINITY, 1e38f }, { -1, 2, -0.f, 1.0001f } };
	uint32_t px;

	(void)state;
	assert_null(surface_parse(dw, &s));
	surface_pack(&s, wild[0], (uint8_t *)&px);
	assert_int_equal(px, 0xff00ff00);
	surface_pack(&s, wild[1], (uint8_t *)&px);
	assert_int_equal(px, 0xff00ff00);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup(f, setup)
	const struct CMUnitTest tests[] = {
		T(parses),
		T(largest),
		BAD(T(refuses)),
		T(formats_keep_their_bits),
		T(channels_are_selected),
		BAD(T(wild_colours_are_clamped)),
	};

	return cmocka_run_group_tests_name("surface", tests, NULL, NULL);
}
