/* SPDX-License-Identifier: MIT */
/* Parts of a draw one by one: rectangles of vertices, sampler and target messages; and their limits. */
#include "eu_unit.h"

#include <math.h>

#include "ps.h"
#include "rect.h"
#include "render_copy.h"

#define VERTICES 0x30000u
#define PITCH	 16u /* x, y, u, v */
#define TEXELS	 DATA
#define TARGET	 (DATA + 0x1000)
#define SAMPLERS 0x58000u
#define VE(buffer, format, offset) ((uint32_t)(buffer) << 26 | 1u << 25 | (uint32_t)(format) << 16 | (offset))
#define STORE(x, y, z, w) ((x) << 28 | (y) << 24 | (z) << 20 | (w) << 16)
#define FLOAT2 0x085u

/* ---- rectangles ------------------------------------------------------------------------- */

static struct rect r;
static const char *what;

/* Lower right, lower left, upper left; each with two numbers more. */
static void vertices(struct unit *u, float x0, float y0, float x1, float y1)
{
	const float v[3][4] = { { x1, y1, 1, 2 }, { x0, y1, 3, 4 }, { x0, y0, 5, 6 } };
	struct gfx_state *s = &u->c.gfx;

	memcpy(unit_mem(u, VERTICES), v, sizeof(v));
	memset(s, 0, sizeof(*s));
	s->vb[0] = (struct gfx_vertex_buffer){ .addr = VERTICES, .pitch = PITCH, .bytes = sizeof(v) };
	s->ve_count = 3;
	s->ve[0][0] = VE(0, FLOAT2, 0);
	s->ve[0][1] = STORE(2, 2, 2, 2);
	s->ve[1][0] = VE(0, FLOAT2, 0);
	s->ve[1][1] = STORE(1, 1, 2, 3);
	s->ve[2][0] = VE(0, FLOAT2, 8);
	s->ve[2][1] = STORE(1, 1, 2, 3);
	s->w[GFX_RECT_MAX] = 0x3fff3fff;
	s->w[GFX_SBE] = 3u << 28 | 1u << 22 | 1u << 5;
	s->w[GFX_SBE_COMPONENTS] = ~0u;
}

static enum rect_status set_up(struct unit *u)
{
	what = NULL;
	return rect_set_up(u->c.e, &u->c, 0, &r, &what);
}

/* A pixel belongs to it if its centre does. */
static void centres_count(void **state)
{
	static const struct {
		float x0, y0, x1, y1;
		uint32_t want[4];
	} row[] = {
		{ 10, 8, 20, 30, { 10, 8, 20, 30 } },	    { 10.25f, 8.75f, 20.25f, 30.75f, { 10, 9, 20, 31 } },
		{ -5, -7, 3, 4, { 0, 0, 3, 4 } },	    { 20, 30, 10, 8, { 10, 8, 20, 30 } },
		{ -9, -9, -5, -5, { 0, 0, 0, 0 } },	    { 5, 5, 1e30f, 1e30f, { 5, 5, 16384, 16384 } },
		{ -1e30f, 5, 7, 9, { 0, 5, 7, 9 } },
	};
	struct unit *u = *state;

	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		vertices(u, row[i].x0, row[i].y0, row[i].x1, row[i].y1);
		assert_int_equal(set_up(u), RECT_OK);
		if (r.x0 != row[i].want[0] || r.y0 != row[i].want[1] || r.x1 != row[i].want[2] ||
		    r.y1 != row[i].want[3])
			fail_msg("row %zu: %u %u %u %u", i, r.x0, r.y0, r.x1, r.y1);
	}
	vertices(u, 10, 8, 20, 30);
	assert_int_equal(set_up(u), RECT_OK);
	assert_true(r.set_up[0][0][0] == 3 && r.set_up[0][0][1] == -2 && r.set_up[0][0][2] == 2);
}

static void elements_end(void **state)
{
	static const uint32_t none[] = { 0, 1, GFX_VERTEX_ELEMENTS + 1, 34, 0x7fffffff, ~0u };
	struct unit *u = *state;
	struct gfx_state *s = &u->c.gfx;

	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
		vertices(u, 10, 8, 20, 30);
		s->w[GFX_SBE] = 0;
		s->ve_count = none[i];
		assert_int_equal(set_up(u), RECT_UNMODELLED);
		assert_string_equal(what, "number of vertex elements"); /* nobody looked at one */
	}
	/* attributes that no element has, or more than there is room for */
	for (uint32_t outputs = 1; outputs < 64; outputs++)
		for (uint32_t offset = 0; offset < 64; offset++) {
			vertices(u, 10, 8, 20, 30);
			for (unsigned int i = 3; i < GFX_VERTEX_ELEMENTS; i++)
				memcpy(s->ve[i], s->ve[2], 8);
			s->ve_count = GFX_VERTEX_ELEMENTS;
			s->w[GFX_SBE] = 3u << 28 | outputs << 22 | offset << 5;
			assert_int_equal(set_up(u), outputs <= RECT_MAX_ATTRIBUTES &&
								    2 * offset + outputs <= GFX_VERTEX_ELEMENTS ?
							    RECT_OK :
							    RECT_UNMODELLED);
		}
	/* buffers that there are not; components of another kind */
	for (uint32_t buffer = GFX_VERTEX_BUFFERS; buffer < 64; buffer++) {
		vertices(u, 10, 8, 20, 30);
		s->ve[2][0] = VE(buffer, FLOAT2, 0);
		assert_int_equal(set_up(u), RECT_UNMODELLED);
	}
	for (uint32_t store = 0; store < 8; store++) {
		vertices(u, 10, 8, 20, 30);
		s->ve[2][1] = STORE(1, 1, store, 3);
		assert_int_equal(set_up(u), store >= 1 && store <= 3 ? RECT_OK : RECT_UNMODELLED);
	}
}

/* What lies behind a buffer is not read, not even in part. */
static void buffers_end(void **state)
{
	struct unit *u = *state;

	for (uint32_t bytes = 3 * PITCH - 8; bytes <= 3 * PITCH; bytes++) {
		vertices(u, 10, 8, 20, 30);
		u->c.gfx.vb[0].bytes = bytes;
		assert_int_equal(set_up(u), RECT_OK);
		assert_true(r.set_up[0][1][2] == (bytes == 3 * PITCH ? 6 : 0) - 4);
	}
	/* where no page is, and where none would be */
	vertices(u, 10, 8, 20, 30);
	u->c.gfx.vb[0].addr = 0x40000000;
	assert_int_equal(set_up(u), RECT_FAULT);
	u->c.gfx.vb[0].bytes = 0;
	assert_int_equal(set_up(u), RECT_OK);
}

static void no_such_rectangle(void **state)
{
	struct unit *u = *state;
	float *v = (float *)(void *)unit_mem(u, VERTICES);

	/* any of the six numbers is none: no pixel */
	for (unsigned int i = 0; i < 3; i++)
		for (unsigned int k = 0; k < 2; k++) {
			vertices(u, 10, 8, 20, 30);
			v[4 * i + k] = k ? NAN : INFINITY;
			assert_int_equal(set_up(u), RECT_OK);
			assert_true(r.x0 >= r.x1);
		}
	/* not upright, on either side */
	vertices(u, 10, 8, 20, 30);
	v[1] += 1;
	assert_int_equal(set_up(u), RECT_UNMODELLED);
	vertices(u, 10, 8, 20, 30);
	v[8] += 1;
	assert_int_equal(set_up(u), RECT_UNMODELLED);
}

/* ---- messages --------------------------------------------------------------------------- */

static struct ps_job job;

/* Surface 0: the target, 1: a texture of 8 by 1; texel n is 16 n red. 16 coordinates in r20, r21. */
static void prepare(struct unit *u)
{
	const struct copy_surface target = { TARGET, 16, 4, 64, COPY_LINEAR, 0x0c7 };
	const struct copy_surface texture = { TEXELS, 8, 1, 64, COPY_LINEAR, 0x0c7 };
	uint32_t *s = (uint32_t *)(void *)unit_mem(u, STATE);

	memset(s, 0, 256);
	copy_surface_state(s, &target);
	copy_surface_state(s + 16, &texture);
	ram32_set(u->h, OFF_DATA + STATE + 0x800, 0);
	ram32_set(u->h, OFF_DATA + STATE + 0x804, 64);
	for (uint32_t i = 0; i < 8; i++)
		ram32_set(u->h, OFF_DATA + TEXELS + 4 * i, 16 * i);
	memset(&job, 0, sizeof(job));
	job.env = u->env;
	job.env.samplers = SAMPLERS;
	job.env.owner = &job;
	job.mask = 0xffff;
	u->t->env = &job.env;
	memset(unit_mem(u, SAMPLERS), 0, 256);
	ram32_set(u->h, OFF_DATA + SAMPLERS + 12, 2u << 6 | 2u << 3 | 2);
	memset(u->t->grf[20], 0, 64 * 8);
	memset(u->t->grf[40], 0x55, 64 * 6);
}

static struct eu_send sample(void)
{
	return (struct eu_send){ .sfid = EU_SF_SAMPLER, .desc = 1 | 1u << 17, .dst = 40, .dst_len = 4, .src0 = 20,
				 .src0_len = 2, .channels = 16, .mask = 0xffff };
}

static float red(struct unit *u, unsigned int i)
{
	float f;

	memcpy(&f, &eu_reg(u->t, 40)[i], 4);
	return f * 255 / 16;
}

/* Any number is a coordinate: the texel it means, of each way to go on at the edges. */
static void coordinates(void **state)
{
	static const struct {
		float at;
		uint8_t repeat, mirror, clamp;
	} row[] = {
		{ 0, 0, 0, 0 },	      { 7.99f, 7, 7, 7 },     { 8, 0, 7, 7 },	     { 9.5f, 1, 6, 7 },
		{ -0.5f, 7, 0, 0 },   { -3, 5, 2, 0 },	      { 1e30f, 255, 255, 7 }, { -1e30f, 255, 255, 0 },
		{ INFINITY, 0, 0, 7 }, { -INFINITY, 0, 0, 0 }, { NAN, 0, 0, 0 },      { 16, 0, 0, 7 },
	};
	struct unit *u = *state;
	struct eu_send s = sample();

	for (uint32_t wrap = 0; wrap < 3; wrap++)
		for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++)
			for (int texels = 0; texels < 2; texels++) {
				uint8_t want = wrap == 0 ? row[i].repeat : wrap == 1 ? row[i].mirror : row[i].clamp;
				uint32_t at = float_bits(texels ? row[i].at : row[i].at / 8);

				prepare(u);
				ram32_set(u->h, OFF_DATA + SAMPLERS + 12,
					  wrap << 6 | 2u << 3 | 2 | (texels ? 1u << 10 : 0));
				eu_reg(u->t, 20)[3] = at;
				assert_int_equal(ps_send_sampler(u->t, &s), EU_OK);
				if (want != 255 && fabsf(red(u, 3) - want) > 0.01f)
					fail_msg("way %u, row %zu: %f", wrap, i, (double)red(u, 3));
				assert_true(red(u, 3) >= 0 && red(u, 3) < 8);
			}
	assert_int_equal(harness_witness_total(u->h), 0);
}

/* Sampler 3, channels that are off, parameters in two ranges of registers. */
static void what_a_sample_says(void **state)
{
	struct unit *u = *state;
	struct eu_send s = sample();

	prepare(u);
	ram32_set(u->h, OFF_DATA + SAMPLERS, 1u << 31); /* sampler 0 is disabled */
	ram32_set(u->h, OFF_DATA + SAMPLERS + 48 + 12, 2u << 6 | 2u << 3 | 1u << 10);
	s.desc |= 3u << 8;
	s.mask = 0xf0f0;
	s.src0_len = s.src1_len = 1;
	s.src0 = 24;
	s.src1 = 26;
	/* a second row, the other way round */
	ram32_set(u->h, OFF_DATA + STATE + 64 + 8, 1u << 16 | 7);
	for (uint32_t i = 0; i < 8; i++)
		ram32_set(u->h, OFF_DATA + TEXELS + 64 + 4 * i, 16 * (7 - i));
	for (unsigned int i = 0; i < 16; i++) {
		eu_reg(u->t, 24)[i] = float_bits((float)(i % 8));
		eu_reg(u->t, 26)[i] = float_bits(1);
	}
	assert_int_equal(ps_send_sampler(u->t, &s), EU_OK);
	for (unsigned int i = 0; i < 16; i++)
		if (s.mask >> i & 1)
			assert_true(fabsf(red(u, i) - (float)(7 - i % 8)) < 0.01f);
		else
			assert_int_equal(eu_reg(u->t, 40)[i], 0x55555555);
	assert_int_equal(eu_reg(u->t, 44)[4], 0x55555555);
	/* a second texture is not the first */
	s.desc = (s.desc & ~0xffu) | 0;
	ram32_set(u->h, OFF_DATA + TARGET + 64 + 16, 16 * 2);
	assert_int_equal(ps_send_sampler(u->t, &s), EU_OK);
	assert_true(fabsf(red(u, 4) - 2) < 0.01f);
}

static void senseless_samples(void **state)
{
	static const struct {
		uint32_t set, clear;
		uint8_t src0_len, src1_len, dst_len, channels;
		bool eot;
	} bad[] = {
		{ 1u << 31, 0, 2, 0, 4, 16, false }, { 1u << 30, 0, 2, 0, 4, 16, false },
		{ 1u << 19, 0, 2, 0, 4, 16, false }, { 0, 3u << 17, 2, 0, 4, 16, false },
		{ 2u << 17, 0, 2, 0, 4, 16, false }, { 1u << 12, 0, 2, 0, 4, 16, false },
		{ 0, 0, 1, 0, 4, 16, false },	     { 0, 0, 3, 3, 4, 16, false },
		{ 0, 0, 2, 0, 5, 16, false },	     { 0, 0, 2, 0, 4, 8, false },
		{ 0, 0, 2, 0, 4, 32, false },	     { 0, 0, 2, 0, 4, 16, true },
		{ 240, 0, 2, 0, 4, 16, false },	     { 255, 0, 2, 0, 4, 16, false },
	};
	struct unit *u = *state;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct eu_send s = sample();

		prepare(u);
		s.desc = (s.desc & ~bad[i].clear) | bad[i].set;
		if (bad[i].set >= 240 && bad[i].set < 256)
			s.desc = (s.desc & ~0xffu) | bad[i].set;
		s.src0_len = bad[i].src0_len;
		s.src1_len = bad[i].src1_len;
		s.src1 = 30;
		s.dst_len = bad[i].dst_len;
		s.channels = bad[i].channels;
		s.eot = bad[i].eot;
		if (ps_send_sampler(u->t, &s) != EU_UNKNOWN)
			fail_msg("row %zu", i);
		assert_int_equal(eu_reg(u->t, 40)[0], 0x55555555);
		assert_int_equal(harness_witness(u->h, WITNESS_UNKNOWN_COMMAND), i + 1);
	}
}

/* Table, state, sampler or texels in a page that is missing: the same message comes again. */
static void samples_of_nothing(void **state)
{
	struct unit *u = *state;
	struct eu_send s = sample();

	for (int i = 0; i < 4; i++) {
		prepare(u);
		if (i == 0)
			job.env.bindings = 0x40000000;
		else if (i == 1)
			job.env.surfaces = 0x40000000;
		else if (i == 2)
			job.env.samplers = 0x40000000;
		else
			ram32_set(u->h, OFF_DATA + STATE + 64 + 32, 0x40000000);
		assert_int_equal(ps_send_sampler(u->t, &s), EU_FAULT);
		assert_int_equal(eu_reg(u->t, 40)[0], 0x55555555);
	}
	/* each mode of its sampler that is none */
	for (uint32_t way = 3; way < 8; way++)
		for (uint32_t at = 3; at <= 6; at += 3) {
			prepare(u);
			ram32_set(u->h, OFF_DATA + SAMPLERS + 12, (2u << 6 | 2u << 3) & ~(7u << at));
			ram32_set(u->h, OFF_DATA + SAMPLERS + 12,
				  ((2u << 6 | 2u << 3) & ~(7u << at)) | way << at);
			assert_int_equal(ps_send_sampler(u->t, &s), EU_UNKNOWN);
		}
}

static struct eu_send write_target(void)
{
	return (struct eu_send){ .sfid = EU_SF_RENDER, .desc = 12u << 14, .src0 = 20, .src0_len = 4,
				 .channels = 16, .mask = 0xffff, .eot = true };
}

static void senseless_writes(void **state)
{
	static const struct {
		uint32_t set, clear, exdesc;
		uint8_t src0_len, src1_len, dst_len, channels;
	} bad[] = {
		{ 1u << 31, 0, 0, 4, 0, 0, 16 },	{ 1u << 18, 0, 0, 4, 0, 0, 16 },
		{ 0, 15u << 14, 0, 4, 0, 0, 16 },	{ 1u << 8, 0, 0, 4, 0, 0, 16 },
		{ 0, 0, 1u << 21, 4, 0, 0, 16 },	{ 0, 0, 1u << 12, 4, 0, 0, 16 },
		{ 0, 0, 0, 3, 0, 0, 16 },		{ 0, 0, 0, 4, 1, 0, 16 },
		{ 0, 0, 0, 4, 0, 1, 16 },		{ 0, 0, 0, 4, 0, 0, 8 },
		{ 0, 0, 0, 4, 0, 0, 32 },		{ 240, 0, 0, 4, 0, 0, 16 },
	};
	struct unit *u = *state;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct eu_send s = write_target();

		prepare(u);
		s.desc = (s.desc & ~bad[i].clear) | bad[i].set;
		s.exdesc = bad[i].exdesc;
		s.src0_len = bad[i].src0_len;
		s.src1_len = bad[i].src1_len;
		s.src1 = 30;
		s.dst_len = bad[i].dst_len;
		s.channels = bad[i].channels;
		if (ps_send_target(u->t, &s) != EU_UNKNOWN)
			fail_msg("row %zu", i);
		assert_false(job.finished);
	}
}

/* A block of pixels that hangs over the surface, of which some are off, in the shader or the draw. */
static void what_a_write_reaches(void **state)
{
	struct unit *u = *state;

	for (int null = 0; null < 3; null++) {
		struct eu_send s = write_target();

		prepare(u);
		memset(unit_mem(u, TARGET), 0, 1024);
		job.x = 12;
		job.y = 2;
		job.mask = 0xfffe;
		s.mask = 0xffdf;
		s.eot = false;
		s.src0_len = s.src1_len = 2;
		s.src1 = 30;
		for (unsigned int i = 0; i < 16; i++) {
			eu_reg(u->t, 20)[i] = float_bits(1);
			eu_reg(u->t, 31)[i] = float_bits(1);
		}
		if (null == 1)
			s.exdesc = 1u << 20;
		if (null == 2)
			ram32_set(u->h, OFF_DATA + STATE, 7u << 29);
		assert_int_equal(ps_send_target(u->t, &s), EU_OK);
		assert_false(job.finished);
		for (uint32_t y = 0; y < 8; y++)
			for (uint32_t x = 0; x < 16; x++) {
				bool in = !null && x >= 12 && y >= 2 && y < 4 && !(x == 12 && y == 2) && !(x == 15 && y == 2);

				assert_int_equal(unit_dword(u, TARGET + 64 * y + 4 * x), in ? 0xff0000ff : 0);
			}
	}
	/* and below its last row */
	{
		struct eu_send s = write_target();

		prepare(u);
		memset(unit_mem(u, TARGET), 0, 1024);
		job.y = 4;
		assert_int_equal(ps_send_target(u->t, &s), EU_OK);
		for (uint32_t i = 0; i < 256; i++)
			assert_int_equal(unit_dword(u, TARGET + 4 * i), 0);
		assert_true(job.finished);
		ram32_set(u->h, OFF_DATA + STATE + 32, 0x40000000);
		prepare(u);
		ram32_set(u->h, OFF_DATA + STATE + 32, 0x40000000);
		assert_int_equal(ps_send_target(u->t, &s), EU_FAULT);
		assert_false(job.finished);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT_TEST(centres_count),
		BAD(UNIT_TEST(elements_end)),
		BAD(UNIT_TEST(buffers_end)),
		BAD(UNIT_TEST(no_such_rectangle)),
		BAD(UNIT_TEST(coordinates)),
		UNIT_TEST(what_a_sample_says),
		BAD(UNIT_TEST(senseless_samples)),
		BAD(UNIT_TEST(samples_of_nothing)),
		BAD(UNIT_TEST(senseless_writes)),
		UNIT_TEST(what_a_write_reaches),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
