/* SPDX-License-Identifier: MIT */
/* Surfaces of the blitter: linear ones and the three tile formats, and copies between any two. */
#ifndef VGPU_BLT_TILE_H
#define VGPU_BLT_TILE_H

#include "cmd_blt.h"

enum blt_tiling { TILE_LINEAR, TILE_X, TILE_4, TILE_64 };

struct blt_surface {
	uint64_t addr;
	int64_t pitch; /* bytes from one row to the next; of a tiled surface a multiple of its tiles */
	enum blt_tiling tiling;
	uint32_t x, y; /* where the rectangle starts: bytes, rows */
};

/* Bytes from the start of the surface to byte @x of row @y. */
uint64_t blt_offset(const struct blt_surface *s, uint64_t x, uint64_t y);
/* True if the pitch fits the tiling. */
bool blt_surface_ok(const struct blt_surface *s);
/*
 * Copies @width bytes of @rows rows; at least one surface is tiled (two linear ones have a faster
 * way). Ends at the first access that fails.
 */
enum blt_status blt_copy_tiled(const struct blt_mem *mem, const struct blt_surface *dst,
			       const struct blt_surface *src, uint64_t width, uint64_t rows);

#endif
