// SPDX-License-Identifier: MIT
/* Blitter commands of the copy engines: linear surfaces, all sizes the driver and IGT emit. */
#include <string.h>

#include "cmd_blt.h"

#define PIECE 65536u

#define BLT_OPCODE(dw0) (((dw0) >> 22) & 0x7f)
#define XY_FAST_COPY_BLT  0x42
#define XY_FAST_COLOR_BLT 0x44
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

unsigned int blt_length(uint32_t dw0)
{
	return (dw0 & 0xff) + 2;
}

static uint64_t addr64(const uint32_t *dw)
{
	return dw[0] | (uint64_t)dw[1] << 32;
}

static int32_t coord_x(uint32_t dw)
{
	return (int16_t)dw;
}

static int32_t coord_y(uint32_t dw)
{
	return (int16_t)(dw >> 16);
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

static enum blt_status fast_copy(const uint32_t *cmd, const struct blt_mem *mem)
{
	static const uint8_t cpp_of[8] = { 1, 2, 0, 4, 8, 16, 0, 0 };
	unsigned int cpp = cpp_of[(cmd[1] >> 24) & 7];
	bool tiled = ((cmd[0] >> 13) & 3) || ((cmd[0] >> 20) & 3);
	struct rect dst = { addr64(cmd + 4), (int16_t)cmd[1] };
	struct rect src = { addr64(cmd + 8), (int16_t)cmd[7] };
	int32_t width = coord_x(cmd[3]) - coord_x(cmd[2]);
	int32_t rows = coord_y(cmd[3]) - coord_y(cmd[2]);

	if (!cpp || tiled)
		return BLT_BAD;
	if (width <= 0 || rows <= 0) /* an empty rectangle is legal and draws nothing */
		return BLT_DONE;
	dst.addr += (int64_t)coord_y(cmd[2]) * dst.pitch + (int64_t)coord_x(cmd[2]) * cpp;
	src.addr += (int64_t)coord_y(cmd[6]) * src.pitch + (int64_t)coord_x(cmd[6]) * cpp;
	return copy_rows(mem, dst, src, (uint64_t)width * cpp, rows);
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
