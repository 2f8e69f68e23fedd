// SPDX-License-Identifier: MIT
/*
 * Vertex fetch and set-up of a RECTLIST. Vertices come as lower right, lower left, upper left; the
 * one in the middle is where attributes start from, the first and the last add to it. That they do
 * so in this order is what IGT's shader counts on, which leaves out terms that are zero only then.
 */
#include "rect.h"

#include <math.h>
#include <string.h>

#include "device.h"

#define VE_BUFFER(v)  ((v)[0] >> 26)
#define VE_VALID(v)   ((v)[0] >> 25 & 1)
#define VE_FORMAT(v)  ((v)[0] >> 16 & 0x1ff)
#define VE_OFFSET(v)  ((v)[0] & 0xfff)
#define VE_STORE(v,k) ((v)[1] >> (28 - 4 * (k)) & 7)

enum store { STORE_NOTHING, STORE_SOURCE, STORE_0, STORE_1_FLOAT, STORE_1_INT };

#define SBE_OUTPUTS(w)	   ((w) >> 22 & 0x3f)
#define SBE_READ_OFFSET(w) ((w) >> 5 & 0x3f) /* pairs of elements */
#define SBE_FORCED	   (3u << 28)	     /* offset and length are as given */
#define ALL_COMPONENTS	   3u
#define POSITION	   1u /* the element behind the header */
#define PIXELS_MAX	   16384.0

struct vertex {
	float v[GFX_VERTEX_ELEMENTS][4];
};

static const struct vertex_format {
	uint16_t number;
	uint8_t components, bytes; /* a component: 4: float, 2: signed number */
} vertex_formats[] = {
	{ 0x000, 4, 4 }, /* R32G32B32A32_FLOAT */
	{ 0x040, 3, 4 }, /* R32G32B32_FLOAT */
	{ 0x085, 2, 4 }, /* R32G32_FLOAT */
	{ 0x0d8, 1, 4 }, /* R32_FLOAT */
	{ 0x0f6, 2, 2 }, /* R16G16_SSCALED */
};

static const struct vertex_format *vertex_format(uint32_t number)
{
	for (size_t i = 0; i < sizeof(vertex_formats) / sizeof(vertex_formats[0]); i++)
		if (vertex_formats[i].number == number)
			return &vertex_formats[i];
	return NULL;
}

/* The four components of element @ve of vertex @n. What lies beyond the buffer reads 0. */
static enum rect_status element(struct engine *e, struct guc_ctx *c, const uint32_t *ve, uint64_t n,
				float out[4], const char **what)
{
	const struct vertex_format *f = vertex_format(VE_FORMAT(ve));
	const struct gfx_vertex_buffer *vb;
	float src[4] = { 0, 0, 0, 1 };
	uint8_t raw[16] = { 0 };
	uint64_t at;

	if (!f || VE_BUFFER(ve) >= GFX_VERTEX_BUFFERS || !VE_VALID(ve)) {
		*what = "vertex element";
		return RECT_UNMODELLED;
	}
	vb = &c->gfx.vb[VE_BUFFER(ve)];
	at = n * vb->pitch + VE_OFFSET(ve);
	if (at + f->components * f->bytes <= vb->bytes &&
	    mem_read(e->h, &c->who, (struct mem_space){ .root = c->root }, vb->addr + at, raw,
		     f->components * f->bytes))
		return RECT_FAULT;
	for (unsigned int k = 0; k < f->components; k++) {
		int16_t s;

		memcpy(&s, raw + 2 * k, 2);
		if (f->bytes == 4)
			memcpy(&src[k], raw + 4 * k, 4);
		else
			src[k] = s;
	}
	for (unsigned int k = 0; k < 4; k++) {
		switch (VE_STORE(ve, k)) {
		case STORE_SOURCE:
			out[k] = src[k];
			break;
		case STORE_0:
			out[k] = 0;
			break;
		case STORE_1_FLOAT:
			out[k] = 1;
			break;
		default:
			*what = "vertex component";
			return RECT_UNMODELLED;
		}
	}
	return RECT_OK;
}

static enum rect_status fetch(struct engine *e, struct guc_ctx *c, uint64_t n, struct vertex *v,
			      const char **what)
{
	for (unsigned int i = 0; i < c->gfx.ve_count; i++) {
		enum rect_status st = element(e, c, c->gfx.ve[i], n, v->v[i], what);

		if (st != RECT_OK)
			return st;
	}
	/* with another the weights would need a division a pixel */
	if (v->v[POSITION][3] != 1) {
		*what = "perspective";
		return RECT_UNMODELLED;
	}
	return RECT_OK;
}

/* First pixel whose centre is not before @edge. */
static uint32_t first_pixel(double edge)
{
	double p = ceil(edge - 0.5);

	return p < 0 ? 0 : p > PIXELS_MAX ? (uint32_t)PIXELS_MAX : (uint32_t)p;
}

static uint32_t larger(uint32_t a, uint32_t b)
{
	return a > b ? a : b;
}

static uint32_t smaller(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

static void cover(const struct gfx_state *s, const float *a, const float *b, const float *d,
		  struct rect *r)
{
	uint32_t min = s->w[GFX_RECT_MIN], max = s->w[GFX_RECT_MAX];

	r->x0 = larger(first_pixel(fmin(a[0], b[0])), min & 0xffff);
	r->x1 = smaller(first_pixel(fmax(a[0], b[0])), (max & 0xffff) + 1);
	r->y0 = larger(first_pixel(fmin(d[1], b[1])), min >> 16);
	r->y1 = smaller(first_pixel(fmax(d[1], b[1])), (max >> 16) + 1);
}

static const char *attributes(const struct gfx_state *s, struct rect *r, unsigned int *from)
{
	uint32_t sbe = s->w[GFX_SBE];

	r->attributes = SBE_OUTPUTS(sbe);
	*from = 2 * SBE_READ_OFFSET(sbe);
	if (!r->attributes)
		return NULL;
	if ((sbe & SBE_FORCED) != SBE_FORCED || *from + r->attributes > s->ve_count ||
	    r->attributes > RECT_MAX_ATTRIBUTES)
		return "attributes that no vertex element has";
	for (unsigned int i = 0; i < r->attributes; i++)
		if ((s->w[GFX_SBE_COMPONENTS] >> 2 * i & 3) != ALL_COMPONENTS)
			return "attribute without some components";
	return NULL;
}

enum rect_status rect_set_up(struct engine *e, struct guc_ctx *c, uint64_t first, struct rect *r,
			     const char **what)
{
	const float *a, *b, *d;
	struct vertex v[3] = { 0 };
	enum rect_status st;
	unsigned int from;

	memset(r, 0, sizeof(*r));
	if (c->gfx.ve_count <= POSITION || c->gfx.ve_count > GFX_VERTEX_ELEMENTS) {
		*what = "number of vertex elements";
		return RECT_UNMODELLED;
	}
	*what = attributes(&c->gfx, r, &from);
	if (*what)
		return RECT_UNMODELLED;
	for (unsigned int i = 0; i < 3; i++) {
		st = fetch(e, c, first + i, &v[i], what);
		if (st != RECT_OK)
			return st;
	}
	a = v[0].v[POSITION];
	b = v[1].v[POSITION];
	d = v[2].v[POSITION];
	for (unsigned int k = 0; k < 2; k++)
		if (!isfinite(a[k]) || !isfinite(b[k]) || !isfinite(d[k]))
			return RECT_OK; /* covers no pixel */
	if (a[1] != b[1] || d[0] != b[0]) {
		*what = "rectangle that is not upright";
		return RECT_UNMODELLED;
	}
	cover(&c->gfx, a, b, d, r);
	for (unsigned int k = 0; k < 2; k++)
		r->corner[k] = b[k];
	r->edge[0] = (double)a[0] - b[0];
	r->edge[1] = (double)d[1] - b[1];
	for (unsigned int i = 0; i < r->attributes; i++) {
		for (unsigned int k = 0; k < 4; k++) {
			r->set_up[i][k][0] = v[1].v[from + i][k];
			r->set_up[i][k][1] = v[0].v[from + i][k] - v[1].v[from + i][k];
			r->set_up[i][k][2] = v[2].v[from + i][k] - v[1].v[from + i][k];
		}
	}
	return RECT_OK;
}
