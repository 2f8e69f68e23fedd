// SPDX-License-Identifier: MIT
/*
 * Tiled surfaces. X: 512 bytes by 8 rows, row after row. Tile4: 128 bytes by 32 rows, made of 64
 * byte blocks of 16 bytes by 4 rows (drm_fourcc.h, I915_FORMAT_MOD_4_TILED). Tile64: 64 KiB of
 * Tile4 tiles, 4 by 4; the true order of these depends on the pixel size and is not modelled, so a
 * CPU must not look into such a surface.
 */
#include "blt_tile.h"

#include <string.h>

#define TILE_BYTES 4096u
#define BLOCK_BYTES 512u /* what is moved at a time: so many bytes of ... */
#define BLOCK_ROWS 32u	 /* ... so many rows */

static const struct {
	uint32_t width, rows; /* of a 4 KiB tile */
	uint32_t run;	      /* bytes of one row that lie side by side */
} shape[] = {
	[TILE_X] = { 512, 8, 512 },
	[TILE_4] = { 128, 32, 16 },
	[TILE_64] = { 128, 32, 16 },
};

/* Byte within a 4 KiB tile. */
static uint32_t in_tile(enum blt_tiling t, uint32_t x, uint32_t y)
{
	if (t == TILE_X)
		return y * 512 + x;
	/* from bit 0: x0-x3 y0 y1 x4 x5 y2 x6 y3 y4 */
	return (x & 15) | (y & 3) << 4 | (x >> 4 & 3) << 6 | (y >> 2 & 1) << 8 | (x >> 6 & 1) << 9 |
	       (y >> 3 & 3) << 10;
}

/* Number of the 4 KiB tile that holds byte @x of row @y. */
static uint64_t tile_index(const struct blt_surface *s, uint64_t x, uint64_t y)
{
	uint64_t tx = x / shape[s->tiling].width, ty = y / shape[s->tiling].rows;
	uint64_t across = (uint64_t)s->pitch / shape[s->tiling].width;

	if (s->tiling == TILE_64)
		return ((ty / 4) * (across / 4) + tx / 4) * 16 + (ty & 3) * 4 + (tx & 3);
	return ty * across + tx;
}

uint64_t blt_offset(const struct blt_surface *s, uint64_t x, uint64_t y)
{
	if (s->tiling == TILE_LINEAR)
		return (uint64_t)((int64_t)y * s->pitch) + x;
	return tile_index(s, x, y) * TILE_BYTES +
	       in_tile(s->tiling, (uint32_t)(x % shape[s->tiling].width),
		       (uint32_t)(y % shape[s->tiling].rows));
}

bool blt_surface_ok(const struct blt_surface *s)
{
	uint32_t unit = 1;

	if (s->tiling == TILE_64)
		unit = 4 * shape[TILE_64].width;
	else if (s->tiling != TILE_LINEAR)
		unit = shape[s->tiling].width;
	return s->pitch && s->pitch % unit == 0 && (s->tiling == TILE_LINEAR || s->pitch > 0);
}

/* One row of a block: @len bytes at (@x, @y), in pieces that lie side by side. */
static bool move_row(const struct blt_mem *mem, const struct blt_surface *s, uint64_t x, uint64_t y,
		     uint8_t *buf, uint64_t len, bool write)
{
	while (len) {
		uint32_t run = s->tiling == TILE_LINEAR ? BLOCK_BYTES : shape[s->tiling].run;
		uint64_t n = s->tiling == TILE_LINEAR ? len : run - x % run, at;

		if (n > len)
			n = len;
		at = s->addr + blt_offset(s, x, y);
		if (!(write ? mem->write(mem->ctx, at, buf, n) : mem->read(mem->ctx, at, buf, n)))
			return false;
		x += n;
		buf += n;
		len -= n;
	}
	return true;
}

/* A whole Tile4 tile is one access instead of 256. */
static bool move_tile(const struct blt_mem *mem, const struct blt_surface *s, uint64_t x, uint64_t y,
		      uint8_t block[BLOCK_ROWS][BLOCK_BYTES], uint32_t col, bool write)
{
	uint64_t at = s->addr + tile_index(s, x, y) * TILE_BYTES;
	uint8_t tile[TILE_BYTES];

	if (!write && !mem->read(mem->ctx, at, tile, sizeof(tile)))
		return false;
	for (uint32_t r = 0; r < shape[TILE_4].rows; r++) {
		for (uint32_t b = 0; b < shape[TILE_4].width; b += shape[TILE_4].run) {
			uint8_t *a = tile + in_tile(TILE_4, b, r), *o = &block[r][col + b];

			memcpy(write ? a : o, write ? o : a, shape[TILE_4].run);
		}
	}
	return !write || mem->write(mem->ctx, at, tile, sizeof(tile));
}

/* @width by @rows at (@x, @y) between the surface and @block. */
static bool move_block(const struct blt_mem *mem, const struct blt_surface *s, uint64_t x, uint64_t y,
		       uint8_t block[BLOCK_ROWS][BLOCK_BYTES], uint64_t width, uint64_t rows,
		       bool write)
{
	bool whole = (s->tiling == TILE_4 || s->tiling == TILE_64) && x % shape[TILE_4].width == 0 &&
		     width % shape[TILE_4].width == 0 && y % BLOCK_ROWS == 0 && rows == BLOCK_ROWS;

	if (whole) {
		for (uint32_t col = 0; col < width; col += shape[TILE_4].width)
			if (!move_tile(mem, s, x + col, y, block, col, write))
				return false;
		return true;
	}
	for (uint64_t r = 0; r < rows; r++)
		if (!move_row(mem, s, x, y + r, block[r], width, write))
			return false;
	return true;
}

enum blt_status blt_copy_tiled(const struct blt_mem *mem, const struct blt_surface *dst,
			       const struct blt_surface *src, uint64_t width, uint64_t rows)
{
	uint8_t block[BLOCK_ROWS][BLOCK_BYTES];

	for (uint64_t y = 0; y < rows; y += BLOCK_ROWS) {
		uint64_t h = rows - y < BLOCK_ROWS ? rows - y : BLOCK_ROWS;

		for (uint64_t x = 0; x < width; x += BLOCK_BYTES) {
			uint64_t w = width - x < BLOCK_BYTES ? width - x : BLOCK_BYTES;

			if (mem->cancelled(mem->ctx))
				return BLT_CANCELLED;
			if (!move_block(mem, src, src->x + x, src->y + y, block, w, h, false) ||
			    !move_block(mem, dst, dst->x + x, dst->y + y, block, w, h, true))
				return BLT_FAULT;
		}
	}
	return BLT_DONE;
}
