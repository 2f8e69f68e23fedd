// SPDX-License-Identifier: MIT
/*
 * Sampler messages of pixel shaders: the nearest texel of a surface with one level. Message
 * descriptor and SAMPLER_STATE: PRM for Xe2.
 */
#include <math.h>
#include <string.h>

#include "device.h"
#include "ps.h"

#define MSG_TYPE(d)  ((d) >> 12 & 0x1f)
#define MSG_SIMD(d)  ((d) >> 17 & 3)
#define MSG_SAMPLE   0x00u
#define MSG_SAMPLE_LZ 0x18u
#define MSG_OTHER    (1u << 31 | 1u << 30 | 1u << 19) /* 16 bit, and a header */
#define SIMD16	     1u
#define PARAMS_LEAST 2u /* u and v */
#define PARAMS_MOST  5u
#define LAST_BTI     239u /* from here on numbers mean other things than the table */

#define SAMPLER_DWORDS 4u
#define LINE_BYTES     64u

enum wrap { WRAP_REPEAT, WRAP_MIRROR, WRAP_CLAMP };

struct sampler {
	enum wrap wrap[2]; /* u, v */
	bool texels;	   /* coordinates count texels */
};

/* What was read last of the surface: neighbours are mostly in it. Good for one message. */
struct line {
	bool valid;
	uint64_t addr;
	uint8_t bytes[LINE_BYTES];
};

static const char *parse(const uint32_t *dw, struct sampler *m)
{
	if (dw[0] >> 31)
		return "disabled sampler";
	if (dw[0] & 0x3fu << 14)
		return "texture filter";
	if (dw[0] & 0x3ffe || dw[1] >> 20)
		return "level of detail";
	m->wrap[0] = (enum wrap)(dw[3] >> 6 & 7);
	m->wrap[1] = (enum wrap)(dw[3] >> 3 & 7);
	m->texels = dw[3] & 1u << 10;
	if (m->wrap[0] > WRAP_CLAMP || m->wrap[1] > WRAP_CLAMP)
		return "texture address mode";
	return NULL;
}

/* Texel of coordinate @c on an axis of @size of them. Any float is a legal coordinate. */
static uint32_t texel(float c, uint32_t size, enum wrap w, bool texels)
{
	double at = texels ? c : (double)c * size;

	if (!isfinite(at))
		return at > 0 && w == WRAP_CLAMP ? size - 1 : 0;
	at = floor(at);
	if (w == WRAP_CLAMP)
		return at < 0 ? 0 : at >= size ? size - 1 : (uint32_t)at;
	/* a period later is the same, or the same mirrored */
	at -= floor(at / (2.0 * size)) * (2.0 * size);
	if (!(at >= 0 && at < 2.0 * size)) /* so far off that a texel is less than rounding */
		at = 0;
	if (at < size)
		return (uint32_t)at;
	return w == WRAP_MIRROR ? 2 * size - 1 - (uint32_t)at : (uint32_t)at - size;
}

/* Each texel lies within one line: its address is a multiple of its size. */
static bool read_texel(const struct ps_job *j, const struct surface *s, struct line *l, uint32_t x,
		       uint32_t y, float rgba[4])
{
	uint64_t at = surface_address(s, x, y), line = at & ~(uint64_t)(LINE_BYTES - 1);

	if (!l->valid || l->addr != line) {
		if (mem_read(j->env.e->h, &j->env.c->who, eu_space(&j->env), line, l->bytes,
			     LINE_BYTES))
			return false;
		l->valid = true;
		l->addr = line;
	}
	surface_unpack(s, l->bytes + (at - line), rgba);
	return true;
}

static float parameter(struct eu_thread *t, const struct eu_send *s, unsigned int param,
		       unsigned int channel)
{
	unsigned int reg = param < s->src0_len ? s->src0 + param : s->src1 + param - s->src0_len;
	float f;

	memcpy(&f, &eu_reg(t, reg)[channel], sizeof(f));
	return f;
}

enum eu_status ps_send_sampler(struct eu_thread *t, const struct eu_send *s)
{
	unsigned int params = s->src0_len + s->src1_len;
	struct ps_job *j = t->env->owner;
	float out[4][PS_CHANNELS] = { 0 };
	uint32_t state[SAMPLER_DWORDS];
	struct sampler m = { 0 };
	struct line line = { 0 };
	const char *what = NULL;
	enum eu_status st;

	if (s->desc & MSG_OTHER || MSG_SIMD(s->desc) != SIMD16 || s->channels != PS_CHANNELS ||
	    (MSG_TYPE(s->desc) != MSG_SAMPLE && MSG_TYPE(s->desc) != MSG_SAMPLE_LZ) ||
	    params < PARAMS_LEAST || params > PARAMS_MOST || s->dst_len > 4 || s->eot ||
	    (s->desc & 0xff) > LAST_BTI) {
		ps_unmodelled(j, "sampler message");
		return EU_UNKNOWN;
	}
	st = ps_surface(j, &j->texture, s->desc & 0xff);
	if (st != EU_OK)
		return st;
	if (mem_read(j->env.e->h, &j->env.c->who, eu_space(&j->env),
		     j->env.samplers + 16 * (s->desc >> 8 & 15), state, sizeof(state)))
		return EU_FAULT;
	what = parse(state, &m);
	if (what) {
		ps_unmodelled(j, what);
		return EU_UNKNOWN;
	}
	for (unsigned int i = 0; i < PS_CHANNELS && !j->texture.s.null; i++) {
		const struct surface *sf = &j->texture.s;
		float rgba[4];

		if (!(s->mask >> i & 1))
			continue;
		if (!read_texel(j, sf, &line,
				texel(parameter(t, s, 0, i), sf->width, m.wrap[0], m.texels),
				texel(parameter(t, s, 1, i), sf->height, m.wrap[1], m.texels), rgba))
			return EU_FAULT;
		for (unsigned int k = 0; k < 4; k++)
			out[k][i] = rgba[k];
	}
	for (unsigned int k = 0; k < s->dst_len; k++)
		for (unsigned int i = 0; i < PS_CHANNELS; i++)
			if (s->mask >> i & 1)
				memcpy(&eu_reg(t, s->dst + k)[i], &out[k][i], 4);
	return EU_OK;
}
