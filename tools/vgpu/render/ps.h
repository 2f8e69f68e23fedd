/* SPDX-License-Identifier: MIT */
/* One run of a draw: what its pixel shader's threads have in common, and the one that runs. */
#ifndef VGPU_PS_H
#define VGPU_PS_H

#include <stdbool.h>
#include <stdint.h>

#include "eu.h"
#include "rect.h"
#include "surface.h"

/* A thread has 16 channels: four squares of two by two pixels beside each other. */
#define PS_CHANNELS    16u
#define PS_BLOCK_WIDTH 8u
#define PS_BLOCK_ROWS  2u

/* Where channel @i lies in its block. */
static inline uint32_t ps_x(unsigned int i)
{
	return (i >> 2) * 2 + (i & 1);
}

static inline uint32_t ps_y(unsigned int i)
{
	return i >> 1 & 1;
}

struct ps_surface {
	bool valid;
	unsigned int index; /* of the binding table */
	struct surface s;
};

struct ps_job {
	struct eu_env env;
	/* read at the first message that needs them, and good for this run of the command only */
	struct ps_surface texture, target;
	/* of the thread that runs */
	uint32_t x, y; /* first pixel of its block */
	uint32_t mask; /* pixels that are to be drawn */
	bool finished; /* it has said so itself */
};

/* ps_unmodelled - witnesses that the draw of @j needs @what, which the model does not have. */
void ps_unmodelled(const struct ps_job *j, const char *what);
/*
 * ps_surface - the surface that @index of the binding table means, by way of @keep. Returns EU_OK,
 * EU_FAULT or (witnessed) EU_UNKNOWN.
 */
enum eu_status ps_surface(struct ps_job *j, struct ps_surface *keep, unsigned int index);
/* Messages; env->owner is the struct ps_job. */
enum eu_status ps_send_sampler(struct eu_thread *t, const struct eu_send *s);
enum eu_status ps_send_target(struct eu_thread *t, const struct eu_send *s);

#endif
