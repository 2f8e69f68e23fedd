/* SPDX-License-Identifier: MIT */
/*
 * A batch that copies a rectangle through the 3D pipeline, as IGT's render copy does: commands, and
 * from COPY_STATE on what they point to, in one page. Tests change single dwords of it.
 */
#ifndef VGPU_TESTS_RENDER_COPY_H
#define VGPU_TESTS_RENDER_COPY_H

#include <stdint.h>
#include <string.h>

#define COPY_BYTES 0x1000u

/* Where things are in the page. */
enum {
	COPY_STATE = 0x800,
	COPY_TABLE = 0x800,	/* binding table: target, texture */
	COPY_TARGET = 0x840,	/* surface states */
	COPY_TEXTURE = 0x880,
	COPY_SAMPLER = 0x8c0,
	COPY_KERNEL = 0x900,
	COPY_VERTICES = 0xa00,
	COPY_BLEND = 0xa80,
};

#define COPY_VERTEX_DWORDS 3u /* x and y, u, v */

enum { COPY_LINEAR = 0, COPY_TILE64 = 1, COPY_XMAJOR = 2, COPY_TILE4 = 3 };

struct copy_surface {
	uint64_t addr;
	uint32_t width, height, pitch, tile, format;
};

struct render_copy {
	uint64_t va; /* of the page */
	struct copy_surface src, dst;
	int16_t x, y, w, h; /* of the target; the texture is spread from u0, v0 to u1, v1 over it */
	float u0, v0, u1, v1;
};

/* Operand of three: float number @n of register @reg. */
static inline uint32_t copy_operand(uint32_t reg, uint32_t n)
{
	return reg << 8 | 2 * n << 3 | 4;
}

/*
 * mad(16) @dst = a + b * c without mask: @dst a register (0: the accumulator), @a float @an of a
 * register (or of the accumulator, all of it), @b a whole register, @c float @cn of one.
 */
static inline void copy_mad(uint32_t *dw, uint32_t dst, uint32_t a, uint32_t an, uint32_t b,
			    uint32_t c, uint32_t cn)
{
	dw[0] = 1u << 31 | 4u << 18 | 0x5b;
	dw[1] = (dst ? dst << 24 | 1u << 18 : 0x20u << 24) | 0x2a0 | (a ? 0 : 8);
	dw[2] = 0x020au << 16 | (a ? copy_operand(a, an) : 0x2000);
	dw[3] = copy_operand(c, cn) << 16 | copy_operand(b, 0);
}

/* send(16) without mask. */
static inline void copy_send(uint32_t *dw, uint32_t sfid, uint32_t desc, int eot, uint32_t dst,
			     uint32_t src)
{
	dw[0] = 1u << 31 | 4u << 18 | 0x31;
	dw[1] = (dst ? dst << 24 | 1u << 18 : 0) | (desc >> 20 & 31) << 19 | (eot ? 4u : 0);
	dw[2] = sfid << 28 | (desc & 0x7ff) << 17 | src << 8 | 4 | (desc >> 25 & 31) << 3;
	dw[3] = (desc >> 11 & 0x1ff) << 17 | (desc >> 30) << 26;
}

#define COPY_SAMPLE 0x04420001u /* texture 1, sampler 0, two registers for four */
#define COPY_WRITE  0x08031000u /* target 0, four registers, the last write */

static inline void copy_kernel(uint32_t *dw)
{
	copy_mad(dw, 0, 6, 0, 1, 6, 1);
	copy_mad(dw + 4, 10, 0, 0, 2, 6, 2);
	copy_mad(dw + 8, 0, 6, 3, 1, 6, 4);
	copy_mad(dw + 12, 11, 0, 0, 2, 6, 5);
	copy_send(dw + 16, 2, COPY_SAMPLE, 0, 12, 10);
	copy_send(dw + 20, 5, COPY_WRITE, 1, 0, 12);
}

static inline void copy_surface_state(uint32_t *dw, const struct copy_surface *s)
{
	dw[0] = 1u << 29 | s->format << 18 | 1u << 16 | 1u << 14 | s->tile << 12;
	dw[2] = (s->height - 1) << 16 | (s->width - 1);
	dw[3] = s->pitch - 1;
	dw[7] = 4u << 25 | 5u << 22 | 6u << 19 | 7u << 16;
	dw[8] = (uint32_t)s->addr;
	dw[9] = (uint32_t)(s->addr >> 32);
}

static inline void copy_vertex(uint32_t *dw, int x, int y, float u, float v)
{
	dw[0] = (uint32_t)y << 16 | (uint16_t)x;
	memcpy(dw + 1, &u, 4);
	memcpy(dw + 2, &v, 4);
}

static inline void copy_state(uint32_t *page, const struct render_copy *c)
{
	uint32_t *v = page + COPY_VERTICES / 4;

	page[COPY_TABLE / 4] = COPY_TARGET;
	page[COPY_TABLE / 4 + 1] = COPY_TEXTURE;
	copy_surface_state(page + COPY_TARGET / 4, &c->dst);
	copy_surface_state(page + COPY_TEXTURE / 4, &c->src);
	page[COPY_SAMPLER / 4 + 3] = 2u << 6 | 2u << 3 | 2; /* nearest, clamped */
	copy_kernel(page + COPY_KERNEL / 4);
	copy_vertex(v, c->x + c->w, c->y + c->h, c->u1, c->v1);
	copy_vertex(v + COPY_VERTEX_DWORDS, c->x, c->y + c->h, c->u0, c->v1);
	copy_vertex(v + 2 * COPY_VERTEX_DWORDS, c->x, c->y, c->u0, c->v0);
}

/* Appends a command. */
#define COPY_CMD(dw, ...) \
	do { \
		const uint32_t cmd_[] = { __VA_ARGS__ }; \
		memcpy(dw, cmd_, sizeof(cmd_)); \
		(dw) += sizeof(cmd_) / 4; \
	} while (0)

/* Makes the page; without an end of the batch. Returns the dwords of its commands. */
static inline uint32_t render_copy(uint32_t *page, const struct render_copy *c)
{
	uint32_t *dw = page, lo = (uint32_t)c->va, hi = (uint32_t)(c->va >> 32);

	memset(page, 0, COPY_BYTES);
	copy_state(page, c);
	COPY_CMD(dw, 0x69040300);
	COPY_CMD(dw, 0x61010014, 1, 0, 0, lo | 1, hi, lo | 1, hi, 0, 0, lo | 1, hi, 0xfffff001, 0x1001,
		 0xfffff001, 0x1001, 0, 0, 0, 0, 0, 0);
	COPY_CMD(dw, 0x79190002, lo, hi, 0x1000);
	COPY_CMD(dw, 0x78240000, COPY_BLEND | 1);
	COPY_CMD(dw, 0x780d0000, 0);
	COPY_CMD(dw, 0x78180000, 1);
	COPY_CMD(dw, 0x78100007, 0, 0, 0, 0, 0, 0, 0, 0);
	COPY_CMD(dw, 0x78120002, 0, 0, 0);
	COPY_CMD(dw, 0x781f0004, 1u << 22 | 3u << 28 | 1u << 11 | 1u << 5, 0, 0, 3, 0);
	COPY_CMD(dw, 0x78500003, 1u << 16, 0, 0, 0);
	COPY_CMD(dw, 0x78130002, 0, 0, 0);
	COPY_CMD(dw, 0x78140000, 1u << 11);
	COPY_CMD(dw, 0x7820000a, COPY_KERNEL | 1, 0, 1u << 27 | 2u << 18, 0, 0, 62u << 23 | 2,
		 3u << 24 | 6u << 16, 0, 0, 0, 0);
	COPY_CMD(dw, 0x784d0000, 1u << 30);
	COPY_CMD(dw, 0x784f0000, 1u << 31 | 1u << 8);
	COPY_CMD(dw, 0x782a0000, COPY_TABLE);
	COPY_CMD(dw, 0x782f0000, COPY_SAMPLER);
	COPY_CMD(dw, 0x78000002, 0, (c->dst.height - 1) << 16 | (c->dst.width - 1), 0);
	COPY_CMD(dw, 0x78080003, 1u << 14 | 4 * COPY_VERTEX_DWORDS, lo + COPY_VERTICES, hi,
		 12 * COPY_VERTEX_DWORDS);
	COPY_CMD(dw, 0x78090005, 1u << 25, 2u << 28 | 2u << 24 | 2u << 20 | 2u << 16,
		 1u << 25 | 0xf6u << 16, 1u << 28 | 1u << 24 | 2u << 20 | 3u << 16,
		 1u << 25 | 0x85u << 16 | 4, 1u << 28 | 1u << 24 | 2u << 20 | 3u << 16);
	COPY_CMD(dw, 0x784b0000, 0x0f);
	COPY_CMD(dw, 0x7b000005, 0, 3, 0, 1, 0, 0);
	return (uint32_t)(dw - page);
}

#endif
