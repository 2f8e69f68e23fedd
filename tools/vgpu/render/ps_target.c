// SPDX-License-Identifier: MIT
/* Render target writes of pixel shaders: colours to a surface. Descriptors: PRM for Xe2. */
#include <string.h>

#include "device.h"
#include "ps.h"

#define MSG_TYPE(d)    ((d) >> 14 & 15)
#define MSG_CONTROL(d) ((d) >> 8 & 7)
#define MSG_WRITE      12u
#define SINGLE_SOURCE  0u
#define SINGLE_LOW     4u /* the lower half of a wider dispatch, which for one of 16 is all of it */
#define MSG_OTHER      (1u << 31 | 1u << 30 | 1u << 19 | 1u << 18 | 1u << 13 | 1u << 11)
#define EX_NULL	       (1u << 20)
#define EX_OTHER       (0xffffffffu << 21 | 15u << 12) /* another target, alpha, depth, stencil, mask */
#define COLOURS	       4u
#define LAST_BTI       239u

/* One row of the block, in runs of pixels that are neighbours in memory, too. */
static bool write_row(const struct ps_job *j, const struct surface *s, uint32_t row, uint32_t mask,
		      uint8_t px[PS_CHANNELS][PIXEL_MAX_BYTES])
{
	uint8_t run[PS_BLOCK_WIDTH * PIXEL_MAX_BYTES];
	uint64_t start = 0;
	size_t len = 0;

	for (uint32_t col = 0; col <= PS_BLOCK_WIDTH; col++) {
		unsigned int i = (col >> 1) * 4 + row * 2 + (col & 1);
		bool on = col < PS_BLOCK_WIDTH && mask >> i & 1;
		uint64_t at = on ? surface_address(s, j->x + col, j->y + row) : 0;

		if (len && (!on || at != start + len)) {
			if (mem_write(j->env.e->h, &j->env.c->who, eu_space(&j->env), start, run,
				      len))
				return false;
			len = 0;
		}
		if (!on)
			continue;
		if (!len)
			start = at;
		memcpy(run + len, px[i], s->cpp);
		len += s->cpp;
	}
	return true;
}

static float colour(struct eu_thread *t, const struct eu_send *s, unsigned int k, unsigned int i)
{
	unsigned int reg = k < s->src0_len ? s->src0 + k : s->src1 + k - s->src0_len;
	float f;

	memcpy(&f, &eu_reg(t, reg)[i], sizeof(f));
	return f;
}

enum eu_status ps_send_target(struct eu_thread *t, const struct eu_send *s)
{
	uint8_t px[PS_CHANNELS][PIXEL_MAX_BYTES] = { 0 };
	struct ps_job *j = t->env->owner;
	uint32_t mask = s->mask & j->mask;
	const struct surface *sf = &j->target.s;
	enum eu_status st;

	if (s->desc & MSG_OTHER || s->exdesc & EX_OTHER || MSG_TYPE(s->desc) != MSG_WRITE ||
	    (MSG_CONTROL(s->desc) != SINGLE_SOURCE && MSG_CONTROL(s->desc) != SINGLE_LOW) ||
	    s->channels != PS_CHANNELS || s->src0_len + s->src1_len != COLOURS || s->dst_len ||
	    (s->desc & 0xff) > LAST_BTI) {
		ps_unmodelled(j, "render target message");
		return EU_UNKNOWN;
	}
	st = ps_surface(j, &j->target, s->desc & 0xff);
	if (st != EU_OK)
		return st;
	if (!(s->exdesc & EX_NULL) && !sf->null) {
		for (unsigned int i = 0; i < PS_CHANNELS; i++) {
			float rgba[COLOURS];

			if (j->x + ps_x(i) >= sf->width || j->y + ps_y(i) >= sf->height)
				mask &= ~(1u << i);
			if (!(mask >> i & 1))
				continue;
			for (unsigned int k = 0; k < COLOURS; k++)
				rgba[k] = colour(t, s, k, i);
			surface_pack(sf, rgba, px[i]);
		}
		for (uint32_t row = 0; row < PS_BLOCK_ROWS; row++)
			if (!write_row(j, sf, row, mask, px))
				return EU_FAULT;
	}
	j->finished = s->eot;
	return EU_OK;
}
