/* SPDX-License-Identifier: MIT */
/* Surfaces of shaders: what RENDER_SURFACE_STATE describes, and the pixels in them. */
#ifndef VGPU_SURFACE_H
#define VGPU_SURFACE_H

#include <stdbool.h>
#include <stdint.h>

#include "blt_tile.h"

#define SURFACE_STATE_DWORDS 16u
#define PIXEL_MAX_BYTES	     4u

struct pixel_format;

struct surface {
	bool null; /* reads give 0, writes are dropped; nothing else has a meaning */
	struct blt_surface at;
	uint32_t width, height; /* pixels, at least 1 */
	unsigned int cpp;	/* bytes a pixel: 1, 2 or 4 */
	const struct pixel_format *format;
	uint8_t select[4]; /* where a shader's red, green, blue and alpha come from when it reads */
};

/*
 * surface_parse - reads the surface state of 16 dwords at @dw into @s. Returns NULL, or what the
 * model does not have; then @s must not be used. Layout and format numbers: PRM, RENDER_SURFACE_STATE.
 */
const char *surface_parse(const uint32_t *dw, struct surface *s);
/* surface_address - of pixel (@x, @y), which lies within; a multiple of the pixel's size. */
uint64_t surface_address(const struct surface *s, uint32_t x, uint32_t y);
/* surface_unpack - @rgba becomes what a shader reads of the pixel at @px. */
void surface_unpack(const struct surface *s, const uint8_t *px, float rgba[4]);
/* surface_pack - the pixel at @px becomes @rgba, each clamped to what the format holds. */
void surface_pack(const struct surface *s, const float rgba[4], uint8_t *px);

#endif
