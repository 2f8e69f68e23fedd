/* SPDX-License-Identifier: MIT */
/*
 * Two-dimensional blocks: of plain memory, described by the message, and of surfaces (the typed data
 * port's media blocks). Outside of the surface reads give 0 and writes are dropped.
 */
#include <string.h>

#include "blt_tile.h"
#include "device.h"
#include "dwords.h"
#include "eu_lsc.h"

#define OP(desc)	 ((desc) & 0x3f)
#define PACKED(desc)	 ((desc) >> 7 & 1) /* for matrix products */
#define TRANSPOSED(desc) ((desc) >> 15 & 1)
#define MODEL(desc)	 ((desc) >> 29 & 3)
#define BTI(exdesc)	 ((exdesc) >> 24)

#define SURFACE_DWORDS 16u
#define SURFACE_2D     1u

/* A block of @width x @rows elements; in its registers a row takes a power of two of them. */
struct shape {
	uint32_t width, rows, count, size;
	bool transposed;
};

static uint32_t power_of_two(uint32_t n)
{
	return n > 1 ? 1u << (32 - __builtin_clz(n - 1)) : 1;
}

static uint32_t row_pitch(const struct shape *b)
{
	return power_of_two(b->transposed ? b->rows : b->width) * b->size;
}

/* Bytes in registers of one of the blocks, which each begin a register. */
static uint64_t block_bytes(const struct shape *b)
{
	uint64_t n = (uint64_t)row_pitch(b) * (b->transposed ? b->width : b->rows);

	return (n + EU_REG_BYTES - 1) & ~(uint64_t)(EU_REG_BYTES - 1);
}

/* A surface in memory. */
struct plane {
	struct blt_surface s;
	uint64_t width; /* bytes of a row that are there */
	uint64_t rows;
};

static bool plane_access(struct eu_thread *t, const struct plane *p, int64_t x, int64_t y,
			 uint8_t *buf, size_t len, bool store)
{
	struct eu_env *env = t->env;
	uint64_t at;

	if (x < 0 || y < 0 || (uint64_t)y >= p->rows || (uint64_t)x + len > p->width) {
		if (!store)
			memset(buf, 0, len);
		return true;
	}
	if (p->s.tiling == TILE_LINEAR)
		at = p->s.addr + (uint64_t)y * (uint64_t)p->s.pitch + (uint64_t)x;
	else
		at = p->s.addr + blt_offset(&p->s, (uint64_t)x, (uint64_t)y);
	return store ? !mem_write(env->e->h, &env->c->who, eu_space(env), at, buf, len) :
		       !mem_read(env->e->h, &env->c->who, eu_space(env), at, buf, len);
}

/* Bytes that lie together: a row of a linear surface that is all there, else an element. */
static uint32_t piece(const struct plane *p, const struct shape *b, int64_t x)
{
	uint64_t row = (uint64_t)b->width * b->size;

	if (!b->transposed && p->s.tiling == TILE_LINEAR && x >= 0 &&
	    (uint64_t)x + row <= p->width)
		return (uint32_t)row;
	return b->size;
}

/* Moves the block whose first byte is at (@x, @y) between surface and @reg. */
static bool move(struct eu_thread *t, const struct plane *p, const struct shape *b, int64_t x,
		 int64_t y, uint8_t *reg, bool store)
{
	uint32_t pitch = row_pitch(b), len = piece(p, b, x), row = b->width * b->size;

	for (uint32_t j = 0; j < b->rows; j++)
		for (uint32_t i = 0; i < row; i += len) {
			uint32_t at = b->transposed ? i / b->size * pitch + j * b->size :
						      j * pitch + i;

			if (!plane_access(t, p, x + i, y + j, reg + at, len, store))
				return false;
		}
	return true;
}

/* What a load reads is put into the registers when all of it is there. */
static enum eu_status move_all(struct eu_thread *t, const struct eu_send *s, const struct plane *p,
			       const struct shape *b, int64_t x, int64_t y, unsigned int data,
			       unsigned int data_len)
{
	bool store = OP(s->desc) == LSC_STORE_2D;
	uint64_t each = block_bytes(b), all = each * b->count;
	uint8_t buf[32 * EU_REG_BYTES] = { 0 };

	if (all > sizeof(buf) || all > (uint64_t)data_len * EU_REG_BYTES)
		return EU_UNKNOWN;
	if (store)
		memcpy(buf, t->grf[data], all);
	for (uint32_t k = 0; k < b->count; k++)
		if (!move(t, p, b, x + (int64_t)k * b->width * b->size, y, buf + k * each, store))
			return EU_FAULT;
	if (!store)
		memcpy(t->grf[data], buf, all);
	return EU_OK;
}

enum eu_status lsc_block_2d(struct eu_thread *t, const struct eu_send *s)
{
	bool store = OP(s->desc) == LSC_STORE_2D;
	struct shape b = { .size = lsc_data_bytes(s->desc), .transposed = TRANSPOSED(s->desc) };
	struct plane p = { .s.tiling = TILE_LINEAR };
	uint32_t dw[8];

	if (!s->src0_len || !b.size || MODEL(s->desc) != LSC_FLAT || PACKED(s->desc))
		return EU_UNKNOWN;
	memcpy(dw, t->grf[s->src0], sizeof(dw));
	p.s.addr = addr64(dw);
	p.width = (uint64_t)(dw[2] & 0xffffff) + 1;
	p.rows = (uint64_t)(dw[3] & 0xffffff) + 1;
	p.s.pitch = (int64_t)(dw[4] & 0xffffff) + 1;
	b.width = (dw[7] & 0xff) + 1;
	b.rows = (dw[7] >> 8 & 0xff) + 1;
	b.count = (dw[7] >> 16 & 0xf) + 1;
	/* positions are those of elements */
	return move_all(t, s, &p, &b, (int64_t)(int32_t)dw[5] * b.size, (int32_t)dw[6],
			store ? s->src1 : s->dst, store ? s->src1_len : s->dst_len);
}

static enum eu_status surface_plane(struct eu_thread *t, const struct eu_send *s, struct plane *p)
{
	static const enum blt_tiling tiling[4] = { TILE_LINEAR, TILE_64, TILE_X, TILE_4 };
	struct eu_env *env = t->env;
	uint32_t dw[SURFACE_DWORDS];
	uint64_t state;

	switch ((enum lsc_model)MODEL(s->desc)) {
	case LSC_BSS:
		state = env->bindless + (s->exdesc & ~0x3fu);
		break;
	case LSC_SS:
		state = env->surfaces + (s->exdesc & ~0x3fu);
		break;
	case LSC_BTI:
		if (!eu_surface(env, BTI(s->exdesc), &state))
			return EU_FAULT;
		break;
	default:
		return EU_UNKNOWN;
	}
	if (mem_read(env->e->h, &env->c->who, eu_space(env), state, dw, sizeof(dw)))
		return EU_FAULT;
	if (dw[0] >> 29 != SURFACE_2D)
		return EU_UNKNOWN;
	memset(p, 0, sizeof(*p));
	p->s.addr = addr64(dw + 8);
	p->s.pitch = (int64_t)(dw[3] & 0x3ffff) + 1;
	p->s.tiling = tiling[dw[0] >> 12 & 3];
	p->rows = (uint64_t)(dw[2] >> 16 & 0x3fff) + 1;
	/* the format says how wide a row is, but nobody writes into what the pitch adds */
	p->width = (uint64_t)p->s.pitch;
	if (p->s.tiling != TILE_LINEAR && !blt_surface_ok(&p->s))
		return EU_UNKNOWN;
	return EU_OK;
}

/* A store has its data in the second source, or behind the header in the first. */
enum eu_status eu_send_tgm(struct eu_thread *t, const struct eu_send *s)
{
	bool store = OP(s->desc) == LSC_STORE_2D;
	struct shape b = { .size = 1, .count = 1 };
	unsigned int data = s->dst, len = s->dst_len;
	struct plane p;
	uint32_t dw[8];
	enum eu_status st;

	if (OP(s->desc) == LSC_FENCE) {
		if (s->dst_len)
			memset(t->grf[s->dst], 0, EU_REG_BYTES);
		return EU_OK;
	}
	if ((!store && OP(s->desc) != LSC_LOAD_2D) || !s->src0_len)
		return EU_UNKNOWN;
	if (store) {
		data = s->src1_len ? s->src1 : s->src0 + 1;
		len = s->src1_len ? s->src1_len : s->src0_len - 1;
	}
	memcpy(dw, t->grf[s->src0], sizeof(dw));
	b.width = (dw[7] & 0x3f) + 1;
	b.rows = (dw[7] >> 8 & 0x3f) + 1;
	/* widths are those of bytes, but no tiling parts those of a dword */
	if (!(b.width % 4) && !(dw[5] % 4)) {
		b.width /= 4;
		b.size = 4;
	}
	st = surface_plane(t, s, &p);
	if (st != EU_OK)
		return st;
	return move_all(t, s, &p, &b, (int32_t)dw[5], (int32_t)dw[6], data, len);
}
