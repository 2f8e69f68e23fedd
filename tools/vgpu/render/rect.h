/* SPDX-License-Identifier: MIT */
/* From vertex buffers to a rectangle of pixels, and how its attributes change over it. */
#ifndef VGPU_RECT_H
#define VGPU_RECT_H

#include <stdbool.h>
#include <stdint.h>

#include "gfx_state.h"

struct engine;
struct guc_ctx;

#define RECT_MAX_ATTRIBUTES (GFX_VERTEX_ELEMENTS - 2) /* what is left beside header and position */

struct rect {
	uint32_t x0, y0, x1, y1; /* pixels to draw: [x0, x1) by [y0, y1) */
	/*
	 * Weights of the first and the last vertex at the centre of pixel (x, y) are
	 * (x + 0.5 - corner[0]) / edge[0] and (y + 0.5 - corner[1]) / edge[1].
	 */
	double corner[2], edge[2];
	unsigned int attributes;
	/* each component: its value in the corner, and what each weight adds */
	float set_up[RECT_MAX_ATTRIBUTES][4][3];
};

enum rect_status {
	RECT_OK,	/* maybe without a pixel */
	RECT_FAULT,	/* memory failed */
	RECT_UNMODELLED /* *@what says what */
};

/*
 * rect_set_up - fetches the three vertices from number @first on with the state of @c and makes a
 * rectangle of them, cut to the drawing rectangle. Engine thread, no lock held.
 */
enum rect_status rect_set_up(struct engine *e, struct guc_ctx *c, uint64_t first, struct rect *r,
			     const char **what);

#endif
