// SPDX-License-Identifier: MIT
/* Blitter commands of the copy engines: all forms and sizes the driver and IGT emit. */
#include <string.h>

#include "blt_tile.h"
#include "dwords.h"
#include "cmd_blt.h"

#define PIECE 65536u

#define BLT_OPCODE(dw0) (((dw0) >> 22) & 0x7f)
#define XY_BLOCK_COPY_BLT 0x41
#define XY_FAST_COPY_BLT  0x42
#define XY_FAST_COLOR_BLT 0x44
#define XY_CTRL_SURF_COPY 0x48
#define MEM_COPY	  0x5a
#define MEM_SET		  0x5b

#define MEM_COPY_PAGE_MODE   (1u << 19)
#define MEM_COPY_MATRIX	     (1u << 17)
#define MEM_COPY_PAGE_BYTES  256u
#define MEM_SET_MATRIX	     (1u << 17)

/* A linear surface: rows of @width bytes, @pitch bytes apart (may be negative or zero). */
struct rect {
	uint64_t addr;
	int64_t pitch;
};

static int32_t coord_x(uint32_t dw)
{
	return (int16_t)dw;
}

static int32_t coord_y(uint32_t dw)
{
	return (int16_t)(dw >> 16);
}

/* Addresses that differ may still be the same memory: that is for the host's memcpy() to bear. */
static bool apart(uint64_t a, uint64_t b, size_t len)
{
	return a > b ? a - b >= len : b - a >= len;
}

static enum blt_status copy_rows(const struct blt_mem *mem, struct rect dst, struct rect src,
				 uint64_t width, uint64_t rows)
{
	uint8_t buf[PIECE];

	/* Rows without gaps are one long row: fewer and larger pieces. */
	if (dst.pitch == src.pitch && dst.pitch == (int64_t)width) {
		width *= rows;
		rows = 1;
	}
	for (uint64_t y = 0; y < rows; y++) {
		for (uint64_t x = 0; x < width; x += PIECE) {
			size_t len = width - x < PIECE ? width - x : PIECE;

			if (mem->cancelled(mem->ctx))
				return BLT_CANCELLED;
			if (mem->copy && apart(dst.addr + x, src.addr + x, len)) {
				if (!mem->copy(mem->ctx, dst.addr + x, src.addr + x, len))
					return BLT_FAULT;
				continue;
			}
			if (!mem->read(mem->ctx, src.addr + x, buf, len) ||
			    !mem->write(mem->ctx, dst.addr + x, buf, len))
				return BLT_FAULT;
		}
		dst.addr += dst.pitch;
		src.addr += src.pitch;
	}
	return BLT_DONE;
}

/* @unit bytes of @pattern repeat over each row; @unit divides PIECE and @width. */
static enum blt_status fill_rows(const struct blt_mem *mem, struct rect dst, uint64_t width,
				 uint64_t rows, const void *pattern, size_t unit)
{
	uint8_t buf[PIECE];
	uint64_t most = width < PIECE ? width : PIECE;

	for (size_t i = 0; i < most; i += unit)
		memcpy(buf + i, pattern, unit);
	for (uint64_t y = 0; y < rows; y++, dst.addr += dst.pitch) {
		for (uint64_t x = 0; x < width; x += PIECE) {
			if (mem->cancelled(mem->ctx))
				return BLT_CANCELLED;
			if (!mem->write(mem->ctx, dst.addr + x, buf,
					width - x < PIECE ? width - x : PIECE))
				return BLT_FAULT;
		}
	}
	return BLT_DONE;
}

/*
 * Rectangle copy. Coordinates of tiled surfaces cannot be negative: nothing lies before a tile.
 * @x and @y of the surfaces are in pixels of @cpp bytes until here.
 */
static enum blt_status copy_rect(const struct blt_mem *mem, struct blt_surface dst,
				 struct blt_surface src, int32_t dst_xy[2], int32_t src_xy[2],
				 int32_t width, int32_t rows, unsigned int cpp)
{
	struct blt_surface *s[2] = { &dst, &src };
	int32_t *xy[2] = { dst_xy, src_xy };
	bool tiled = dst.tiling != TILE_LINEAR || src.tiling != TILE_LINEAR;

	if (width <= 0 || rows <= 0) /* an empty rectangle is legal and draws nothing */
		return BLT_DONE;
	for (int i = 0; i < 2; i++) {
		if (s[i]->tiling == TILE_LINEAR) {
			s[i]->addr += (uint64_t)((int64_t)xy[i][1] * s[i]->pitch +
						 (int64_t)xy[i][0] * cpp);
			continue;
		}
		if (xy[i][0] < 0 || xy[i][1] < 0 || !blt_surface_ok(s[i]))
			return BLT_BAD;
		s[i]->x = (uint32_t)xy[i][0] * cpp;
		s[i]->y = (uint32_t)xy[i][1];
	}
	if (tiled)
		return blt_copy_tiled(mem, &dst, &src, (uint64_t)width * cpp, (uint64_t)rows);
	return copy_rows(mem, (struct rect){ dst.addr, dst.pitch }, (struct rect){ src.addr, src.pitch },
			 (uint64_t)width * cpp, (uint64_t)rows);
}

static enum blt_status fast_copy(const uint32_t *cmd, const struct blt_mem *mem)
{
	/* numbers of the field; the second Y format is Tile4 on this hardware */
	static const enum blt_tiling tiling[4] = { TILE_LINEAR, TILE_X, TILE_4, TILE_64 };
	static const uint8_t cpp_of[8] = { 1, 2, 0, 4, 8, 16, 0, 0 };
	unsigned int cpp = cpp_of[(cmd[1] >> 24) & 7];
	struct blt_surface dst = { .addr = addr64(cmd + 4), .tiling = tiling[cmd[0] >> 13 & 3] };
	struct blt_surface src = { .addr = addr64(cmd + 8), .tiling = tiling[cmd[0] >> 20 & 3] };
	int32_t to[2] = { coord_x(cmd[2]), coord_y(cmd[2]) };
	int32_t from[2] = { coord_x(cmd[6]), coord_y(cmd[6]) };

	if (!cpp)
		return BLT_BAD;
	/* bytes of a linear surface, dwords of a tiled one */
	dst.pitch = dst.tiling == TILE_LINEAR ? (int16_t)cmd[1] : (int64_t)(cmd[1] & 0xffff) * 4;
	src.pitch = src.tiling == TILE_LINEAR ? (int16_t)cmd[7] : (int64_t)(cmd[7] & 0xffff) * 4;
	return copy_rect(mem, dst, src, to, from, coord_x(cmd[3]) - to[0], coord_y(cmd[3]) - to[1],
			 cpp);
}

/* Pitch field: bytes of a linear surface, dwords of a tiled one, less one. */
static struct blt_surface block_surface(const uint32_t *pitch_dw, const uint32_t *addr_dw)
{
	static const enum blt_tiling tiling[4] = { TILE_LINEAR, TILE_X, TILE_4, TILE_64 };
	struct blt_surface s = { .addr = addr64(addr_dw), .tiling = tiling[*pitch_dw >> 30] };

	s.pitch = (int64_t)(*pitch_dw & 0x3ffff) + 1;
	if (s.tiling != TILE_LINEAR)
		s.pitch *= 4;
	return s;
}

static enum blt_status block_copy(const uint32_t *cmd, const struct blt_mem *mem)
{
	static const uint8_t cpp_of[8] = { 1, 2, 4, 8, 12, 16, 0, 0 };
	unsigned int cpp = cpp_of[cmd[0] >> 19 & 7];
	/* offsets shift the whole surface */
	int32_t dx = cmd[6] & 0x3fff, dy = cmd[6] >> 16 & 0x3fff;
	int32_t sx = cmd[11] & 0x3fff, sy = cmd[11] >> 16 & 0x3fff;
	int32_t to[2] = { coord_x(cmd[2]) + dx, coord_y(cmd[2]) + dy };
	int32_t from[2] = { coord_x(cmd[7]) + sx, coord_y(cmd[7]) + sy };

	if (!cpp)
		return BLT_BAD;
	return copy_rect(mem, block_surface(cmd + 1, cmd + 4), block_surface(cmd + 8, cmd + 9), to,
			 from, coord_x(cmd[3]) - coord_x(cmd[2]), coord_y(cmd[3]) - coord_y(cmd[2]),
			 cpp);
}

/* Compression state: there is none to move where flat CCS is off. */
static enum blt_status ctrl_surf_copy(const uint32_t *cmd, const struct blt_mem *mem)
{
	return BLT_DONE;
}

static enum blt_status fast_color(const uint32_t *cmd, const struct blt_mem *mem)
{
	static const uint8_t cpp_of[8] = { 1, 2, 4, 8, 0, 16, 0, 0 };
	unsigned int cpp = cpp_of[(cmd[0] >> 19) & 7];
	struct rect dst = { addr64(cmd + 4), (int64_t)(cmd[1] & 0x3ffff) + 1 };
	int32_t width = coord_x(cmd[3]) - coord_x(cmd[2]);
	int32_t rows = coord_y(cmd[3]) - coord_y(cmd[2]);

	if (!cpp || cmd[1] >> 30)
		return BLT_BAD;
	if (width <= 0 || rows <= 0)
		return BLT_DONE;
	dst.addr += (int64_t)coord_y(cmd[2]) * dst.pitch + (int64_t)coord_x(cmd[2]) * cpp;
	return fill_rows(mem, dst, (uint64_t)width * cpp, rows, cmd + 7, cpp);
}

static enum blt_status mem_set(const uint32_t *cmd, const struct blt_mem *mem)
{
	bool matrix = cmd[0] & MEM_SET_MATRIX;
	struct rect dst = { addr64(cmd + 4), (int64_t)(cmd[3] & 0x3ffff) + 1 };
	uint64_t width = (uint64_t)(cmd[1] & 0xffffff) + 1;
	uint64_t rows = matrix ? (uint64_t)(cmd[2] & 0x3ffff) + 1 : 1;
	uint8_t fill = cmd[6] >> 24;

	return fill_rows(mem, dst, width, rows, &fill, 1);
}

static enum blt_status mem_copy(const uint32_t *cmd, const struct blt_mem *mem)
{
	struct rect src = { addr64(cmd + 5), (int64_t)(cmd[3] & 0x3ffff) + 1 };
	struct rect dst = { addr64(cmd + 7), (int64_t)(cmd[4] & 0x3ffff) + 1 };
	uint64_t width = (uint64_t)(cmd[1] & 0xffffff) + 1;
	uint64_t rows = 1;

	if (cmd[0] & MEM_COPY_PAGE_MODE)
		width *= MEM_COPY_PAGE_BYTES;
	else if (cmd[0] & MEM_COPY_MATRIX)
		rows = (uint64_t)(cmd[2] & 0x3ffff) + 1;
	return copy_rows(mem, dst, src, width, rows);
}

static const struct blt_command {
	uint8_t opcode;
	uint8_t dwords;
	const char *name;
	enum blt_status (*execute)(const uint32_t *cmd, const struct blt_mem *mem);
} blt_commands[] = {
	{ XY_BLOCK_COPY_BLT, 12, "XY_BLOCK_COPY_BLT", block_copy },
	{ XY_CTRL_SURF_COPY, 5, "XY_CTRL_SURF_COPY_BLT", ctrl_surf_copy },
	{ XY_FAST_COPY_BLT, 10, "XY_FAST_COPY_BLT", fast_copy },
	{ XY_FAST_COLOR_BLT, 16, "XY_FAST_COLOR_BLT", fast_color },
	{ MEM_COPY, 10, "MEM_COPY", mem_copy },
	{ MEM_SET, 7, "MEM_SET", mem_set },
};

static const struct blt_command *blt_find(uint32_t dw0)
{
	for (size_t i = 0; i < sizeof(blt_commands) / sizeof(blt_commands[0]); i++)
		if (dw0 >> 29 == 2 && blt_commands[i].opcode == BLT_OPCODE(dw0))
			return &blt_commands[i];
	return NULL;
}

const char *blt_name(uint32_t dw0)
{
	const struct blt_command *c = blt_find(dw0);

	return c ? c->name : NULL;
}

enum blt_status blt_execute(const uint32_t *cmd, unsigned int n, const struct blt_mem *mem)
{
	const struct blt_command *c = n ? blt_find(cmd[0]) : NULL;

	if (!c)
		return BLT_UNKNOWN;
	if (n < c->dwords)
		return BLT_BAD;
	return c->execute(cmd, mem);
}
