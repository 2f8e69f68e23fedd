// SPDX-License-Identifier: MIT
/* Blitter commands over a flat memory of 1 MiB; everything outside it faults. */
#include "harness.h"

#include <stdlib.h>
#include <string.h>

#include "blt_tile.h"
#include "cmd_blt.h"

#define MEM_SIZE (1u << 20)

struct flat {
	uint8_t *bytes;
	unsigned int pieces, cancel_after;
	size_t longest;
};

static bool flat_read(void *ctx, uint64_t addr, void *buf, size_t len)
{
	struct flat *f = ctx;

	if (len > f->longest)
		f->longest = len;
	memset(buf, 0, len);
	if (addr >= MEM_SIZE || len > MEM_SIZE - addr)
		return false;
	memcpy(buf, f->bytes + addr, len);
	return true;
}

static bool flat_write(void *ctx, uint64_t addr, const void *buf, size_t len)
{
	struct flat *f = ctx;

	f->pieces++;
	if (len > f->longest)
		f->longest = len;
	if (addr >= MEM_SIZE || len > MEM_SIZE - addr)
		return false;
	memcpy(f->bytes + addr, buf, len);
	return true;
}

static bool flat_cancelled(void *ctx)
{
	struct flat *f = ctx;

	return f->cancel_after && f->pieces >= f->cancel_after;
}

static struct flat flat;
static const struct blt_mem mem = { .read = flat_read, .write = flat_write,
				    .cancelled = flat_cancelled, .ctx = &flat };

static int setup(void **state)
{
	(void)state;
	flat = (struct flat){ .bytes = malloc(MEM_SIZE) };
	for (size_t i = 0; flat.bytes && i < MEM_SIZE; i++)
		flat.bytes[i] = i * 7 + (i >> 8);
	return flat.bytes ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	free(flat.bytes);
	return 0;
}

static void fast_copy_cmd(uint32_t *c, uint64_t dst, uint64_t src, unsigned int pitch,
			  unsigned int width, unsigned int rows)
{
	memset(c, 0, 10 * 4);
	c[0] = 0x50800008;
	c[1] = 3u << 24 | pitch;
	c[3] = rows << 16 | width;
	c[4] = dst;
	c[5] = dst >> 32;
	c[7] = pitch;
	c[8] = src;
	c[9] = src >> 32;
}

static void fast_copy_copies_rows_and_leaves_gaps(void **state)
{
	uint32_t c[10];
	uint8_t *before = malloc(MEM_SIZE);

	(void)state;
	memcpy(before, flat.bytes, MEM_SIZE);
	fast_copy_cmd(c, 0x80000, 0x1000, 256, 16, 4); /* 64 of 256 bytes a row */
	assert_int_equal(blt_execute(c, 10, &mem), BLT_DONE);
	for (int y = 0; y < 4; y++) {
		assert_memory_equal(flat.bytes + 0x80000 + y * 256, before + 0x1000 + y * 256, 64);
		assert_memory_equal(flat.bytes + 0x80000 + y * 256 + 64,
				    before + 0x80000 + y * 256 + 64, 192);
	}
	free(before);
}

static void fast_copy_starts_at_the_given_corner(void **state)
{
	uint32_t c[10];
	uint8_t want[8];

	(void)state;
	fast_copy_cmd(c, 0x80000, 0x1000, 256, 7, 3);
	c[2] = 2u << 16 | 5;  /* destination x 5..7, y 2..3 */
	c[6] = 1u << 16 | 10; /* source corner (10, 1) */
	memcpy(want, flat.bytes + 0x1000 + 256 + 40, 8);
	assert_int_equal(blt_execute(c, 10, &mem), BLT_DONE);
	assert_memory_equal(flat.bytes + 0x80000 + 2 * 256 + 20, want, 8);
}

static void fast_copy_large_goes_in_pieces(void **state)
{
	uint32_t c[10];

	(void)state;
	fast_copy_cmd(c, 0x80000, 0, 4096, 1024, 64); /* 256 KiB without gaps */
	assert_int_equal(blt_execute(c, 10, &mem), BLT_DONE);
	assert_memory_equal(flat.bytes + 0x80000, flat.bytes, 64 * 4096);
	assert_int_equal(flat.longest, 65536);
	assert_int_equal(flat.pieces, 4);
}

static void fast_copy_empty_or_inverted_rectangle_does_nothing(void **state)
{
	uint32_t c[10];

	(void)state;
	fast_copy_cmd(c, 0x80000, 0, 256, 0, 4);
	assert_int_equal(blt_execute(c, 10, &mem), BLT_DONE);
	fast_copy_cmd(c, 0x80000, 0, 256, 4, 1);
	c[2] = 8;
	assert_int_equal(blt_execute(c, 10, &mem), BLT_DONE);
	assert_int_equal(flat.pieces, 0);
}

static void refuses_bad_pitch_and_unknown_depth(void **state)
{
	uint32_t c[10];

	(void)state;
	fast_copy_cmd(c, 0x80000, 0, 256, 4, 4);
	c[0] |= 1u << 13; /* X: 65 dwords are no multiple of its 512 bytes */
	c[1] = (c[1] & ~0xffffu) | 65;
	assert_int_equal(blt_execute(c, 10, &mem), BLT_BAD);
	c[1] &= ~0xffffu; /* no pitch at all */
	assert_int_equal(blt_execute(c, 10, &mem), BLT_BAD);
	c[1] |= 128;
	c[2] = 0xffff; /* begins before the surface */
	assert_int_equal(blt_execute(c, 10, &mem), BLT_BAD);
	fast_copy_cmd(c, 0x80000, 0, 256, 4, 4);
	c[1] |= 7u << 24;
	assert_int_equal(blt_execute(c, 10, &mem), BLT_BAD);
	assert_int_equal(flat.pieces, 0);
}

#define SIDE 256u /* pixels of 32 bits */

/* Linear -> tiled -> linear, in a rectangle that fits no tile, gives the same picture back. */
static void round_trip(uint32_t tiling, uint32_t x, uint32_t y, uint32_t w, uint32_t rows, bool block)
{
	uint32_t fast = tiling == 2 ? 2 : tiling, pitch = SIDE; /* dwords */
	uint32_t to[22] = { 0x50800008 | fast << 13, 3u << 24 | pitch, y << 16 | x,
			    (y + rows) << 16 | (x + w), 0x40000, 0, y << 16 | x, SIDE * 4, 0, 0 };
	uint32_t back[22] = { 0x50800008 | fast << 20, 3u << 24 | SIDE * 4, y << 16 | x,
			      (y + rows) << 16 | (x + w), 0x80000, 0, y << 16 | x, pitch, 0x40000, 0 };

	if (block) {
		memcpy(to, (uint32_t[22]){ 0x50400014 | 2u << 19, tiling << 30 | (pitch - 1), y << 16 | x,
					   (y + rows) << 16 | (x + w), 0x40000, 0, 0, y << 16 | x,
					   SIDE * 4 - 1, 0, 0, 0 }, sizeof(to));
		memcpy(back, (uint32_t[22]){ 0x50400014 | 2u << 19, SIDE * 4 - 1, 0, rows << 16 | w, 0x80000,
					     0, y << 16 | x, 0, tiling << 30 | (pitch - 1), 0x40000, 0,
					     y << 16 | x }, sizeof(back));
	}
	memset(flat.bytes + 0x80000, 0, 4 * SIDE * SIDE);
	assert_int_equal(blt_execute(to, block ? 22 : 10, &mem), BLT_DONE);
	assert_int_equal(blt_execute(back, block ? 22 : 10, &mem), BLT_DONE);
	for (uint32_t r = 0; r < SIDE; r++) {
		for (uint32_t p = 0; p < 4 * SIDE; p++) {
			bool in = r >= y && r < y + rows && p >= 4 * x && p < 4 * (x + w);
			uint8_t want = in ? flat.bytes[4 * SIDE * r + p] : 0;

			if (flat.bytes[0x80000 + 4 * SIDE * r + p] != want)
				fail_msg("tiling %u: byte %u of row %u", tiling, p, r);
		}
	}
}

static void tiled_round_trips(void **state)
{
	(void)state;
	for (uint32_t t = 1; t < 4; t++) {
		for (int block = 0; block < 2; block++) {
			round_trip(t, 0, 0, SIDE, SIDE, block);
			round_trip(t, 3, 5, 77, 91, block);
			round_trip(t, 128, 32, 1, 1, block);
		}
	}
}

/* Where single bytes must lie, from the descriptions of the formats. */
static void tile_addresses(void **state)
{
	struct blt_surface s = { .pitch = 1024, .tiling = TILE_4 };

	(void)state;
	assert_int_equal(blt_offset(&s, 15, 0), 15);
	assert_int_equal(blt_offset(&s, 0, 1), 16);   /* 64 bytes: 16 by 4 rows */
	assert_int_equal(blt_offset(&s, 16, 0), 64);
	assert_int_equal(blt_offset(&s, 0, 4), 256);  /* 512 bytes: 64 by 8 rows */
	assert_int_equal(blt_offset(&s, 64, 0), 512);
	assert_int_equal(blt_offset(&s, 0, 8), 1024);
	assert_int_equal(blt_offset(&s, 128, 0), 4096);
	assert_int_equal(blt_offset(&s, 0, 32), 8 * 4096);
	s.tiling = TILE_X;
	assert_int_equal(blt_offset(&s, 511, 0), 511);
	assert_int_equal(blt_offset(&s, 0, 1), 512);
	assert_int_equal(blt_offset(&s, 512, 0), 4096);
	assert_int_equal(blt_offset(&s, 0, 8), 2 * 4096);
}

static void tiled_faults_and_cancels(void **state)
{
	uint32_t c[10] = { 0x50800008 | 2u << 13, 3u << 24 | SIDE, 0, SIDE << 16 | SIDE, MEM_SIZE - 8192,
			   0, 0, SIDE * 4, 0, 0 };

	(void)state;
	assert_int_equal(blt_execute(c, 10, &mem), BLT_FAULT);
	c[4] = 0x40000;
	c[8] = MEM_SIZE;
	assert_int_equal(blt_execute(c, 10, &mem), BLT_FAULT);
	c[8] = 0;
	flat.pieces = 0;
	flat.cancel_after = 5;
	assert_int_equal(blt_execute(c, 10, &mem), BLT_CANCELLED);
	c[0] &= ~0xffu; /* too short */
	assert_int_equal(blt_execute(c, 2, &mem), BLT_BAD);
}

static void block_copy_too_short(void **state)
{
	uint32_t c[22] = { 0x50400014 | 2u << 19 };

	(void)state;
	assert_int_equal(blt_execute(c, 11, &mem), BLT_BAD);
	c[0] |= 7u << 19;
	assert_int_equal(blt_execute(c, 22, &mem), BLT_BAD);
	assert_int_equal(flat.pieces, 0);
}

static void fast_copy_negative_pitch_walks_up(void **state)
{
	uint32_t c[10];
	uint8_t row1[16];

	(void)state;
	fast_copy_cmd(c, 0x80000, 0x2000, 0, 4, 2);
	c[1] = 3u << 24 | 0x0100;
	c[7] = 0xff00; /* -256 */
	memcpy(row1, flat.bytes + 0x2000 - 256, 16);
	assert_int_equal(blt_execute(c, 10, &mem), BLT_DONE);
	assert_memory_equal(flat.bytes + 0x80100, row1, 16);
}

static void mem_set_linear_ignores_height(void **state)
{
	uint32_t c[7] = { 0x56c00005, 99, 50, 1023, 0x40000, 0, 0xa5000000 };
	uint8_t next = flat.bytes[0x40000 + 100];

	(void)state;
	assert_int_equal(blt_execute(c, 7, &mem), BLT_DONE);
	for (int i = 0; i < 100; i++)
		assert_int_equal(flat.bytes[0x40000 + i], 0xa5);
	assert_int_equal(flat.bytes[0x40000 + 100], next);
}

static void mem_set_matrix_fills_each_row(void **state)
{
	uint32_t c[7] = { 0x56c20005, 15, 2, 511, 0x40000, 0, 0x5a000000 };
	uint8_t gap = flat.bytes[0x40010];

	(void)state;
	assert_int_equal(blt_execute(c, 7, &mem), BLT_DONE);
	assert_int_equal(flat.bytes[0x40000 + 2 * 512 + 15], 0x5a);
	assert_int_equal(flat.bytes[0x40010], gap);
	assert_int_equal(flat.pieces, 3);
}

static void mem_copy_modes(void **state)
{
	uint32_t c[10] = { 0x56800008, 299, 9, 0, 0, 0x1000, 0, 0x90000, 0, 0 };

	(void)state;
	assert_int_equal(blt_execute(c, 10, &mem), BLT_DONE);
	assert_memory_equal(flat.bytes + 0x90000, flat.bytes + 0x1000, 300);

	c[0] |= 1u << 19; /* page mode: 4 units of 256 bytes */
	c[1] = 3;
	assert_int_equal(blt_execute(c, 10, &mem), BLT_DONE);
	assert_memory_equal(flat.bytes + 0x90000, flat.bytes + 0x1000, 1024);

	c[0] = 0x56800008 | 1u << 17;
	c[1] = 7;
	c[2] = 1;
	c[3] = 63;
	c[4] = 127;
	assert_int_equal(blt_execute(c, 10, &mem), BLT_DONE);
	assert_memory_equal(flat.bytes + 0x90000 + 128, flat.bytes + 0x1000 + 64, 8);
}

static void fast_color_repeats_the_pixel(void **state)
{
	uint32_t c[16] = { 0x5110000e, 255, 0, 2u << 16 | 3, 0x40000, 0, 0, 0x11223344 };
	uint32_t got;

	(void)state;
	assert_int_equal(blt_execute(c, 16, &mem), BLT_DONE);
	memcpy(&got, flat.bytes + 0x40000 + 256 + 8, 4);
	assert_int_equal(got, 0x11223344);
	assert_int_equal(flat.pieces, 2);
	c[0] = 0x51000000 | 6u << 19 | 14;
	assert_int_equal(blt_execute(c, 16, &mem), BLT_BAD);
}

/* Compression is off: there is no state to move, and the addresses mean nothing. */
static void ctrl_surf_copy_touches_nothing(void **state)
{
	uint32_t c[5] = { 0x52000003 | 3 << 8, 0xffffffff, 0xffffffff, 0x1000, 0 };
	uint8_t before[256];

	(void)state;
	memcpy(before, flat.bytes + 0x1000, sizeof(before));
	assert_int_equal(blt_execute(c, 5, &mem), BLT_DONE);
	assert_int_equal(flat.pieces, 0);
	assert_memory_equal(flat.bytes + 0x1000, before, sizeof(before));
	assert_int_equal(blt_execute(c, 4, &mem), BLT_BAD);
}

static void fault_ends_the_blit(void **state)
{
	uint32_t c[7] = { 0x56c20005, 15, 3, 511, MEM_SIZE - 1024, 0, 0x5a000000 };

	(void)state;
	assert_int_equal(blt_execute(c, 7, &mem), BLT_FAULT);
	assert_int_equal(flat.bytes[MEM_SIZE - 512], 0x5a);
	assert_int_equal(flat.pieces, 3);
}

static void address_wrap_and_huge_sizes_only_fault(void **state)
{
	uint32_t c[10] = { 0x56800008 | 1u << 17, 0xffffff, 0x3ffff, 0x3ffff, 0x3ffff,
			   0xfffff000, 0xffffffff, 0xfffff000, 0xffffffff, 0 };

	(void)state;
	flat.cancel_after = 1000;
	assert_int_equal(blt_execute(c, 10, &mem), BLT_FAULT);
}

static void cancel_ends_between_pieces(void **state)
{
	uint32_t c[10];

	(void)state;
	flat.cancel_after = 2;
	fast_copy_cmd(c, 0x80000, 0, 4096, 1024, 64);
	assert_int_equal(blt_execute(c, 10, &mem), BLT_CANCELLED);
	assert_int_equal(flat.pieces, 2);
}

/* Each byte of a copy lies where the format has it: whole tiles, parts of them, across their edges. */
static void copies_lie_where_they_should(void **state)
{
	static const uint32_t rect[][4] = { /* pixels and rows: x, y, width, height */
		{ 1, 0, 10, 3 },  { 16, 0, 32, 32 }, { 0, 8, 32, 32 }, { 0, 0, 48, 32 }, { 32, 32, 32, 20 },
		{ 0, 0, 32, 32 }, { 0, 32, 64, 64 }, { 33, 0, 32, 32 }, { 96, 30, 160, 70 },
	};

	(void)state;
	for (uint32_t t = TILE_X; t <= TILE_64; t++)
		for (size_t i = 0; i < sizeof(rect) / sizeof(rect[0]); i++) {
			const uint32_t x = rect[i][0], y = rect[i][1], w = rect[i][2], rows = rect[i][3];
			const struct blt_surface s = { .pitch = 4 * SIDE, .tiling = (enum blt_tiling)t };
			uint32_t c[10] = { 0x50800008 | t << 13, 3u << 24 | SIDE, y << 16 | x,
					   (y + rows) << 16 | (x + w), 0x80000, 0, 0, 4 * SIDE, 0, 0 };

			memset(flat.bytes + 0x80000, 0, 4 * SIDE * SIDE);
			assert_int_equal(blt_execute(c, 10, &mem), BLT_DONE);
			for (uint32_t r = 0; r < SIDE; r++)
				for (uint32_t b = 0; b < 4 * SIDE; b++) {
					bool in = r >= y && r < y + rows && b >= 4 * x && b < 4 * (x + w);
					uint8_t want = in ? flat.bytes[4 * SIDE * (r - y) + b - 4 * x] : 0;

					if (flat.bytes[0x80000 + blt_offset(&s, b, r)] != want)
						fail_msg("tiling %u, rectangle %zu: byte %u of row %u", t, i, b, r);
				}
		}
}

static void no_such_surface(void **state)
{
	static const struct {
		enum blt_tiling t;
		int64_t pitch;
		bool ok;
	} row[] = {
		{ TILE_LINEAR, 1, true },  { TILE_LINEAR, -64, true }, { TILE_LINEAR, 0, false },
		{ TILE_X, 512, true },	   { TILE_X, 256, false },     { TILE_X, -512, false },
		{ TILE_4, 128, true },	   { TILE_4, 0, false },       { TILE_4, -128, false },
		{ TILE_64, 512, true },	   { TILE_64, 128, false },    { TILE_64, -512, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++)
		assert_int_equal(blt_surface_ok(&(struct blt_surface){ .pitch = row[i].pitch,
								       .tiling = row[i].t }),
				 row[i].ok);
}

/* A row longer than what is moved at a time. */
static void long_rows_are_filled(void **state)
{
	uint32_t c[7] = { 0x56c00005, 200000 - 1, 0, 0, 0x40000, 0, 0x5a000000 };

	(void)state;
	flat.bytes[0x40000 + 200000] = 0x11;
	assert_int_equal(blt_execute(c, 7, &mem), BLT_DONE);
	for (uint32_t i = 0; i < 200000; i++)
		assert_int_equal(flat.bytes[0x40000 + i], 0x5a);
	assert_int_equal(flat.bytes[0x40000 + 200000], 0x11);
	assert_in_range(flat.longest, 1, 65536);
	/* and may be stopped in between */
	flat.pieces = 0;
	flat.cancel_after = 2;
	assert_int_equal(blt_execute(c, 7, &mem), BLT_CANCELLED);
	assert_int_equal(flat.pieces, 2);
}

/* A rectangle that ends above its beginning draws nothing, of any command. */
static void upside_down(void **state)
{
	uint32_t copy[10], color[16] = { 0x5110000e, 255, 2u << 16, 1u << 16 | 4, 0x40000, 0, 0, 0x11223344 };

	(void)state;
	flat.cancel_after = 100;
	fast_copy_cmd(copy, 0x80000, 0, 256, 4, 1);
	copy[2] = 2u << 16;
	assert_int_equal(blt_execute(copy, 10, &mem), BLT_DONE);
	assert_int_equal(blt_execute(color, 16, &mem), BLT_DONE);
	assert_int_equal(flat.pieces, 0);
	/* one of tiles is none the model fills */
	color[2] = 0;
	color[1] |= 1u << 30;
	assert_int_equal(blt_execute(color, 16, &mem), BLT_BAD);
	assert_int_equal(flat.pieces, 0);
}

/* Both surfaces' rows may lie upwards; the two distances need not be the same. */
static void pitches_differ(void **state)
{
	uint32_t up[10], two[10] = { 0x56800008 | 1u << 17, 63, 3, 255, 63, 0x1000, 0, 0x80000, 0, 0 };

	(void)state;
	fast_copy_cmd(up, 0x80000, 0x1000, 256, 4, 3);
	up[1] = 3u << 24 | (0x10000 - 256);
	assert_int_equal(blt_execute(up, 10, &mem), BLT_DONE);
	for (int y = 0; y < 3; y++)
		assert_memory_equal(flat.bytes + 0x80000 - 256 * y, flat.bytes + 0x1000 + 256 * y, 16);
	assert_int_equal(blt_execute(two, 10, &mem), BLT_DONE);
	for (int y = 0; y < 4; y++)
		assert_memory_equal(flat.bytes + 0x80000 + 64 * y, flat.bytes + 0x1000 + 256 * y, 64);
	/* one that is no matrix has one row */
	memset(flat.bytes + 0x80000, 0, 256);
	two[0] &= ~(1u << 17);
	assert_int_equal(blt_execute(two, 10, &mem), BLT_DONE);
	assert_int_equal(flat.bytes[0x80000 + 64], 0);
}

static void truncated_or_foreign_commands_touch_nothing(void **state)
{
	uint32_t c[16] = { 0 };

	(void)state;
	assert_int_equal(blt_execute(c, 0, &mem), BLT_UNKNOWN);
	assert_int_equal(blt_execute(c, 16, &mem), BLT_UNKNOWN); /* MI_NOOP */
	c[0] = 0x50800008;
	assert_int_equal(blt_execute(c, 9, &mem), BLT_BAD);
	assert_int_equal(blt_execute(c, 0, &mem), BLT_UNKNOWN);
	c[0] = 0x10800008; /* a copy's opcode bits in a command of another client */
	assert_int_equal(blt_execute(c, 16, &mem), BLT_UNKNOWN);
	c[0] = 0x7a000004; /* right opcode bits, wrong client */
	assert_int_equal(blt_execute(c, 16, &mem), BLT_UNKNOWN);
	assert_null(blt_name(0x7a000004));
	assert_string_equal(blt_name(0x56c20005), "MEM_SET");
	assert_int_equal(flat.pieces, 0);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(fast_copy_copies_rows_and_leaves_gaps),
		T(fast_copy_starts_at_the_given_corner),
		T(fast_copy_large_goes_in_pieces),
		BAD(T(fast_copy_empty_or_inverted_rectangle_does_nothing)),
		BAD(T(refuses_bad_pitch_and_unknown_depth)),
		T(tiled_round_trips),
		T(tile_addresses),
		T(copies_lie_where_they_should),
		BAD(T(no_such_surface)),
		BAD(T(long_rows_are_filled)),
		BAD(T(upside_down)),
		T(pitches_differ),
		BAD(T(tiled_faults_and_cancels)),
		BAD(T(block_copy_too_short)),
		T(fast_copy_negative_pitch_walks_up),
		T(mem_set_linear_ignores_height),
		T(mem_set_matrix_fills_each_row),
		T(mem_copy_modes),
		T(fast_color_repeats_the_pixel),
		T(ctrl_surf_copy_touches_nothing),
		BAD(T(fault_ends_the_blit)),
		BAD(T(address_wrap_and_huge_sizes_only_fault)),
		BAD(T(cancel_ends_between_pieces)),
		BAD(T(truncated_or_foreign_commands_touch_nothing)),
	};

	return cmocka_run_group_tests_name("blt", tests, NULL, NULL);
}
