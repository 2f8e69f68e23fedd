/* SPDX-License-Identifier: MIT */
/* Two-dimensional blocks of memory and of surfaces: their place in registers, edges, tiles. */
#include "eu_unit.h"

#include "eu_lsc.h"

enum { HEAD = 20, DST = 40, SRC = 60 };

#define UGM	   15
#define TGM	   13
#define TRANSPOSED (1u << 15)
#define PACKED	   (1u << 7)
#define MODEL(m)   ((uint32_t)(m) << 29)
#define PITCH	   64u
#define ROWS	   16u

/* Rows of PITCH bytes at DATA in which each byte says where it is; around it 0xee. */
static void fill(struct unit *u)
{
	memset(unit_mem(u, DATA - PITCH), 0xee, (ROWS + 2) * PITCH);
	for (uint32_t i = 0; i < ROWS * PITCH; i++)
		unit_mem(u, DATA)[i] = (uint8_t)(i / PITCH << 4 ^ i % PITCH);
}

static uint8_t there(uint32_t x, uint32_t y)
{
	return (uint8_t)(y << 4 ^ x);
}

/* Header of a block of plain memory, @w by @rows elements, @count side by side. */
static struct eu_send plain(struct unit *u, uint32_t op, uint32_t data, int32_t x, int32_t y,
			    uint32_t w, uint32_t rows, uint32_t count)
{
	const uint32_t head[8] = { DATA, 0, PITCH - 1, ROWS - 1, PITCH - 1, (uint32_t)x, (uint32_t)y,
				   (w - 1) | (rows - 1) << 8 | (count - 1) << 16 };

	memcpy(u->t->grf[HEAD], head, sizeof(head));
	memset(u->t->grf[DST], 0x55, 8 * EU_REG_BYTES);
	return (struct eu_send){ .sfid = UGM,
				 .desc = op | data << 9,
				 .dst = DST,
				 .dst_len = op == LSC_LOAD_2D ? 8 : 0,
				 .src0 = HEAD,
				 .src0_len = 1,
				 .src1 = SRC,
				 .src1_len = op == LSC_STORE_2D ? 8 : 0,
				 .channels = 1,
				 .mask = 1 };
}

/* Header of a block of bytes of a surface. */
static struct eu_send typed(struct unit *u, uint32_t op, int32_t x, int32_t y, uint32_t w, uint32_t rows)
{
	const uint32_t head[8] = { [5] = (uint32_t)x, [6] = (uint32_t)y, [7] = (w - 1) | (rows - 1) << 8 };
	struct eu_send s = plain(u, op, 0, 0, 0, 1, 1, 1);

	memcpy(u->t->grf[HEAD], head, sizeof(head));
	s.sfid = TGM;
	s.desc |= MODEL(LSC_BTI);
	return s;
}

static const uint8_t *reg(struct unit *u, unsigned int byte)
{
	return u->t->grf[DST] + byte;
}

static void loads(void **state)
{
	struct unit *u = *state;
	struct eu_send s;

	fill(u);
	/* 3 by 2 dwords: rows of registers are powers of two */
	s = plain(u, LSC_LOAD_2D, D32, 2, 1, 3, 2, 1);
	assert_int_equal(unit_send(u, &s), EU_OK);
	for (uint32_t y = 0; y < 2; y++)
		for (uint32_t x = 0; x < 16; x++)
			assert_int_equal(*reg(u, 16 * y + x), x < 12 ? there(8 + x, 1 + y) : 0);
	assert_int_equal(*reg(u, 64), 0x55);
	/* two of them side by side, each from a register's start on */
	s = plain(u, LSC_LOAD_2D, 1, 0, 0, 8, 2, 2);
	assert_int_equal(unit_send(u, &s), EU_OK);
	for (uint32_t k = 0; k < 2; k++)
		for (uint32_t y = 0; y < 2; y++)
			for (uint32_t x = 0; x < 16; x++)
				assert_int_equal(*reg(u, 64 * k + 16 * y + x), there(16 * k + x, y));
	/* columns instead of rows: 2 by 3 */
	s = plain(u, LSC_LOAD_2D, D32, 0, 0, 2, 3, 1);
	s.desc |= TRANSPOSED;
	assert_int_equal(unit_send(u, &s), EU_OK);
	for (uint32_t x = 0; x < 2; x++)
		for (uint32_t y = 0; y < 3; y++)
			for (uint32_t b = 0; b < 4; b++)
				assert_int_equal(*reg(u, 16 * x + 4 * y + b), there(4 * x + b, y));
	assert_int_equal(*reg(u, 12), 0);
	/* two columns of 16 fill two registers */
	s = plain(u, LSC_LOAD_2D, D32, 0, 0, 2, 16, 1);
	s.desc |= TRANSPOSED;
	s.dst_len = 2;
	assert_int_equal(unit_send(u, &s), EU_OK);
	assert_int_equal(*reg(u, 64 + 4), there(4, 1));
	/* all of a register: 16 columns of one */
	s = plain(u, LSC_LOAD_2D, D32, 0, 0, 16, 1, 1);
	s.desc |= TRANSPOSED;
	s.dst_len = 1;
	assert_int_equal(unit_send(u, &s), EU_OK);
	assert_int_equal(*reg(u, 63), there(63, 0));
}

static void stores(void **state)
{
	struct unit *u = *state;
	struct eu_send s;

	fill(u);
	s = plain(u, LSC_STORE_2D, D32, 1, 2, 2, 3, 1);
	memset(u->t->grf[SRC], 0x99, EU_REG_BYTES);
	assert_int_equal(unit_send(u, &s), EU_OK);
	for (uint32_t y = 0; y < ROWS; y++)
		for (uint32_t x = 0; x < PITCH; x++)
			assert_int_equal(unit_mem(u, DATA)[y * PITCH + x],
					 x >= 4 && x < 12 && y >= 2 && y < 5 ? 0x99 : there(x, y));
	assert_int_equal(*reg(u, 0), 0x55);
}

/* Elements that are not all there read 0 and are not written, on each of the four sides. */
static void edges(void **state)
{
	static const int32_t at[][2] = { { -2, 0 },   { 0, -2 },   { 15, 0 },  { 0, 15 },   { 16, 3 },
					 { 3, 16 },   { -4, -4 },  { 13, 13 }, { INT32_MIN, 0 },
					 { 0, INT32_MIN }, { INT32_MAX, INT32_MAX } };
	struct unit *u = *state;
	struct eu_send s;

	for (size_t i = 0; i < sizeof(at) / sizeof(at[0]); i++) {
		int64_t x0 = at[i][0], y0 = at[i][1];

		fill(u);
		s = plain(u, LSC_LOAD_2D, D32, at[i][0], at[i][1], 4, 4, 1);
		assert_int_equal(unit_send(u, &s), EU_OK);
		for (int64_t y = 0; y < 4; y++)
			for (int64_t x = 0; x < 4; x++) {
				bool in = x0 + x >= 0 && x0 + x < 16 && y0 + y >= 0 && y0 + y < 16;

				assert_int_equal(*reg(u, (unsigned int)(16 * y + 4 * x)),
						 in ? there((uint32_t)(x0 + x) * 4, (uint32_t)(y0 + y)) : 0);
			}
		s = plain(u, LSC_STORE_2D, D32, at[i][0], at[i][1], 4, 4, 1);
		memset(u->t->grf[SRC], 0x99, EU_REG_BYTES);
		assert_int_equal(unit_send(u, &s), EU_OK);
		for (int64_t y = 0; y < 16; y++)
			for (int64_t x = 0; x < 64; x++) {
				bool in = x / 4 >= x0 && x / 4 < x0 + 4 && y >= y0 && y < y0 + 4;

				assert_int_equal(unit_mem(u, DATA)[y * PITCH + x],
						 in ? 0x99 : there((uint32_t)x, (uint32_t)y));
			}
		for (uint32_t b = 1; b <= PITCH; b++) {
			assert_int_equal(unit_mem(u, DATA)[-(int)b], 0xee);
			assert_int_equal(unit_mem(u, DATA)[ROWS * PITCH + b - 1], 0xee);
		}
	}
	/* a surface narrower than its rows ends where it says */
	fill(u);
	s = plain(u, LSC_LOAD_2D, D32, 0, 0, 4, 1, 1);
	((uint32_t *)(void *)u->t->grf[HEAD])[2] = 10; /* 11 bytes */
	assert_int_equal(unit_send(u, &s), EU_OK);
	assert_int_equal(*reg(u, 7), there(7, 0));
	assert_int_equal(*reg(u, 8), 0);
	assert_int_equal(harness_witness_total(u->h), 0);
}

static void no_such_block(void **state)
{
	struct unit *u = *state;
	struct eu_send s;

	for (uint32_t op = LSC_LOAD_2D; op <= LSC_STORE_2D; op += LSC_STORE_2D - LSC_LOAD_2D) {
		bool load = op == LSC_LOAD_2D;

		/* no header, no size, a surface, made for matrices */
		s = plain(u, op, D32, 0, 0, 1, 1, 1);
		s.src0_len = 0;
		assert_int_equal(unit_send(u, &s), EU_UNKNOWN);
		for (uint32_t data = 6; data < 8; data++) {
			s = plain(u, op, data, 0, 0, 1, 1, 1);
			assert_int_equal(unit_send(u, &s), EU_UNKNOWN);
		}
		for (uint32_t model = LSC_BSS; model <= LSC_BTI; model++) {
			s = plain(u, op, D32, 0, 0, 1, 1, 1);
			s.desc |= MODEL(model);
			assert_int_equal(unit_send(u, &s), EU_UNKNOWN);
		}
		s = plain(u, op, D32, 0, 0, 1, 1, 1);
		s.desc |= PACKED;
		assert_int_equal(unit_send(u, &s), EU_UNKNOWN);
		/* more than its registers hold; those of the other direction do not count */
		s = plain(u, op, D32, 0, 0, 16, 3, 1);
		s.dst_len = load ? 2 : 8;
		s.src1_len = load ? 8 : 2;
		assert_int_equal(unit_send(u, &s), EU_UNKNOWN);
		s.dst_len = load ? 3 : 0;
		s.src1_len = load ? 0 : 3;
		assert_int_equal(unit_send(u, &s), EU_OK);
		/* more than any message holds */
		s = plain(u, op, D64, 0, 0, 256, 256, 16);
		s.dst_len = s.src1_len = 32;
		assert_int_equal(unit_send(u, &s), EU_UNKNOWN);
	}
}

/* A block that is cut by a missing page leaves the registers as they were. */
static void missing_page(void **state)
{
	struct unit *u = *state;
	struct eu_send s = plain(u, LSC_LOAD_2D, D32, 0, 0, 4, 2, 1);
	const uint32_t va = DATA + 0x1000 - PITCH;

	memcpy(u->t->grf[HEAD], &va, 4);
	unit_page(u, DATA + 0x1000, false, false);
	assert_int_equal(unit_send(u, &s), EU_FAULT);
	assert_int_equal(*reg(u, 0), 0x55);
	s = plain(u, LSC_STORE_2D, D32, 0, 0, 4, 2, 1);
	memcpy(u->t->grf[HEAD], &va, 4);
	assert_int_equal(unit_send(u, &s), EU_FAULT);
}

/* A surface of ROWS rows; number 0 of the table. */
static void surface_2d(struct unit *u, uint32_t va, uint32_t tile, uint32_t pitch)
{
	uint32_t *s = (uint32_t *)(void *)unit_mem(u, va);

	memset(s, 0, 64);
	s[0] = 1u << 29 | tile << 12;
	s[2] = (ROWS - 1) << 16;
	s[3] = pitch - 1;
	s[8] = DATA;
}

static void of_surfaces(void **state)
{
	struct unit *u = *state;
	struct eu_send s;

	fill(u);
	surface_2d(u, STATE, 0, PITCH);
	s = typed(u, LSC_LOAD_2D, 6, ROWS - 1, 8, 2);
	assert_int_equal(unit_send(u, &s), EU_OK);
	for (uint32_t x = 0; x < 8; x++) {
		assert_int_equal(*reg(u, x), there(6 + x, ROWS - 1));
		assert_int_equal(*reg(u, 8 + x), 0); /* below the last row */
	}
	/* by way of the two heaps */
	u->env.bindless = 0x70000;
	surface_2d(u, 0x70040, 0, PITCH);
	ram32_set(u->h, OFF_DATA + 0x70040 + 32, DATA + PITCH);
	surface_2d(u, STATE + 0x40, 0, PITCH);
	ram32_set(u->h, OFF_DATA + STATE + 0x40 + 32, DATA + 2 * PITCH);
	for (uint32_t model = LSC_BSS; model <= LSC_SS; model++) {
		s = typed(u, LSC_LOAD_2D, 0, 0, 4, 1);
		s.desc = (s.desc & ~MODEL(3)) | MODEL(model);
		s.exdesc = 0x40;
		assert_int_equal(unit_send(u, &s), EU_OK);
		assert_int_equal(*reg(u, 3), there(3, model == LSC_BSS ? 1 : 2));
	}
}

/* Tiles: a block that crosses the runs of bytes that lie side by side, at any byte. */
static void of_tiles(void **state)
{
	struct unit *u = *state;
	struct eu_send s;

	for (uint32_t tile = 2; tile <= 3; tile++) {
		const uint32_t pitch = tile == 2 ? 512 : 128;

		surface_2d(u, STATE, tile, pitch);
		memset(unit_mem(u, DATA), 0, 4096);
		for (uint32_t x = 12; x <= 16; x++) {
			/* stored in blocks, read byte by byte */
			s = typed(u, LSC_STORE_2D, (int32_t)x, 3, 32, 2);
			for (uint32_t i = 0; i < 64; i++)
				u->t->grf[SRC][i] = (uint8_t)(x * 9 + i);
			assert_int_equal(unit_send(u, &s), EU_OK);
			for (uint32_t i = 0; i < 64; i++) {
				s = typed(u, LSC_LOAD_2D, (int32_t)(x + i % 32), 3 + (int32_t)i / 32, 1, 1);
				assert_int_equal(unit_send(u, &s), EU_OK);
				assert_int_equal(*reg(u, 0), (uint8_t)(x * 9 + i));
			}
		}
		/* and where the layout says */
		assert_int_equal(unit_mem(u, DATA)[tile == 2 ? 3 * 512 + 16 : 3 * 16 + 64], 16 * 9);
	}
}

static void no_such_surface(void **state)
{
	struct unit *u = *state;
	struct eu_send s;

	for (uint32_t type = 0; type < 8; type++) {
		surface_2d(u, STATE, 0, PITCH);
		ram32_set(u->h, OFF_DATA + STATE, type << 29);
		s = typed(u, LSC_LOAD_2D, 0, 0, 4, 1);
		assert_int_equal(unit_send(u, &s), type == 1 ? EU_OK : EU_UNKNOWN);
	}
	/* a pitch that its tiles do not have: a tile would begin before the surface ends */
	for (uint32_t tile = 1; tile < 4; tile++) {
		surface_2d(u, STATE, tile, PITCH + 4);
		s = typed(u, LSC_LOAD_2D, 0, 0, 4, 1);
		assert_int_equal(unit_send(u, &s), EU_UNKNOWN);
	}
	surface_2d(u, STATE, 0, PITCH);
	s = typed(u, LSC_LOAD_2D, 0, 0, 4, 1);
	assert_int_equal(unit_send(u, &s), EU_OK);
	/* no header; nothing but loads and stores; flat; nothing to store */
	s.src0_len = 0;
	assert_int_equal(unit_send(u, &s), EU_UNKNOWN);
	for (uint32_t op = 0; op < 64; op++) {
		s = typed(u, LSC_LOAD_2D, 0, 0, 4, 1);
		s.desc = (s.desc & ~63u) | op;
		s.src1_len = 1;
		assert_int_equal(unit_send(u, &s),
				 op == LSC_LOAD_2D || op == LSC_STORE_2D || op == LSC_FENCE ? EU_OK : EU_UNKNOWN);
	}
	s = typed(u, LSC_STORE_2D, 0, 0, 4, 1);
	s.src1_len = 0;
	assert_int_equal(unit_send(u, &s), EU_UNKNOWN);
	s.src0_len = 2;
	assert_int_equal(unit_send(u, &s), EU_OK);
	s = typed(u, LSC_STORE_2D, 0, 0, 64, 2);
	s.src1_len = 0;
	s.src0_len = 2;
	assert_int_equal(unit_send(u, &s), EU_UNKNOWN);
	/* state, then table, in a page that is missing */
	s = typed(u, LSC_LOAD_2D, 0, 0, 4, 1);
	assert_int_equal(unit_send(u, &s), EU_OK);
	u->env.bindings = 0x40000000;
	assert_int_equal(unit_send(u, &s), EU_FAULT);
	u->env.bindings = STATE + 0x800;
	u->env.surfaces = 0x40000000;
	assert_int_equal(unit_send(u, &s), EU_FAULT);
}

static void fences(void **state)
{
	struct unit *u = *state;
	struct eu_send s = typed(u, LSC_FENCE, 0, 0, 1, 1);

	s.dst_len = 0;
	assert_int_equal(unit_send(u, &s), EU_OK);
	assert_int_equal(*reg(u, 0), 0x55);
	s.dst_len = 1;
	assert_int_equal(unit_send(u, &s), EU_OK);
	assert_int_equal(*reg(u, 0), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT_TEST(loads),
		UNIT_TEST(stores),
		BAD(UNIT_TEST(edges)),
		BAD(UNIT_TEST(no_such_block)),
		BAD(UNIT_TEST(missing_page)),
		UNIT_TEST(of_surfaces),
		UNIT_TEST(of_tiles),
		BAD(UNIT_TEST(no_such_surface)),
		UNIT_TEST(fences),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
