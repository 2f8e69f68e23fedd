/* SPDX-License-Identifier: MIT */
/* 3DPRIMITIVE: rectangles of pixels, each block of them a thread of the pixel shader. */
#ifndef VGPU_DRAW_H
#define VGPU_DRAW_H

#include "engine.h"

/*
 * draw_primitive - executes the 3DPRIMITIVE of @n dwords at @dw with the state of @c. Stops between
 * threads when the engine is wanted or others have waited for a slice (STEP_AGAIN) and when memory
 * failed (STEP_FAULT); the same command then goes on where it was. What the model cannot draw is
 * witnessed (unknown_command) and not drawn. Engine thread, no lock held.
 */
enum step draw_primitive(struct engine *e, struct guc_ctx *c, const uint32_t *dw, uint32_t n);

#endif
