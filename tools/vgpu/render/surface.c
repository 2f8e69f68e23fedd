// SPDX-License-Identifier: MIT
/* Two-dimensional surfaces of one level and one sample, with pixels of unsigned normalised numbers. */
#include "surface.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

#include "dwords.h"

#define TYPE_2D	  1u
#define TYPE_NULL 7u

/* Selects: 0 and 1, then red, green, blue, alpha. */
#define SELECT_ZERO 0u
#define SELECT_ONE  1u
#define SELECT_RED  4u

/* Bits of red, green, blue and alpha; a channel without bits reads 0, alpha 1. */
struct pixel_format {
	uint16_t number;
	uint8_t cpp;
	struct {
		uint8_t shift, bits;
	} channel[4];
};

static const struct pixel_format formats[] = {
	{ 0x0c0, 4, { { 16, 8 }, { 8, 8 }, { 0, 8 }, { 24, 8 } } },	/* B8G8R8A8_UNORM */
	{ 0x0c2, 4, { { 0, 10 }, { 10, 10 }, { 20, 10 }, { 30, 2 } } }, /* R10G10B10A2_UNORM */
	{ 0x0c7, 4, { { 0, 8 }, { 8, 8 }, { 16, 8 }, { 24, 8 } } },	/* R8G8B8A8_UNORM */
	{ 0x0d1, 4, { { 20, 10 }, { 10, 10 }, { 0, 10 }, { 30, 2 } } }, /* B10G10R10A2_UNORM */
	{ 0x100, 2, { { 11, 5 }, { 5, 6 }, { 0, 5 } } },		/* B5G6R5_UNORM */
	{ 0x106, 2, { { 0, 8 }, { 8, 8 } } },				/* R8G8_UNORM */
	{ 0x140, 1, { { 0, 8 } } },					/* R8_UNORM */
};

/* What a surface must not have: (dw & mask) == 0. */
static const struct {
	uint8_t dw;
	uint32_t mask;
	const char *what;
} plain[] = {
	{ 0, 1u << 28, "array" },
	{ 1, 0x1fu << 19 | 1u << 18, "base level or corner texels" },
	{ 4, 0x1ffu << 18 | 7u << 3, "array element or multisampling" },
	{ 4, 3u << 29, "rotation" },
	{ 5, 7u << 21 | 0x7fu << 25 | 0xff, "levels or offsets" },
	{ 6, 7, "auxiliary surface" },
};

static const struct pixel_format *format_of(uint32_t number)
{
	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++)
		if (formats[i].number == number)
			return &formats[i];
	return NULL;
}

const char *surface_parse(const uint32_t *dw, struct surface *s)
{
	static const enum blt_tiling tiling[4] = { TILE_LINEAR, TILE_64, TILE_X, TILE_4 };

	memset(s, 0, sizeof(*s));
	if (dw[0] >> 29 == TYPE_NULL) {
		s->null = true;
		return NULL;
	}
	if (dw[0] >> 29 != TYPE_2D)
		return "surface type";
	for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++)
		if (dw[plain[i].dw] & plain[i].mask)
			return plain[i].what;
	s->format = format_of(dw[0] >> 18 & 0x1ff);
	if (!s->format)
		return "surface format";
	s->cpp = s->format->cpp;
	s->width = (dw[2] & 0x3fff) + 1;
	s->height = (dw[2] >> 16 & 0x3fff) + 1;
	s->at = (struct blt_surface){ .addr = addr64(dw + 8),
				      .pitch = (int64_t)(dw[3] & 0x3ffff) + 1,
				      .tiling = tiling[dw[0] >> 12 & 3] };
	if (!blt_surface_ok(&s->at) || s->at.pitch < (int64_t)s->width * s->cpp ||
	    s->at.pitch % s->cpp || s->at.addr % s->cpp)
		return "pitch or alignment of a surface";
	for (unsigned int i = 0; i < 4; i++) {
		s->select[i] = dw[7] >> (25 - 3 * i) & 7;
		if (s->select[i] == 2 || s->select[i] == 3)
			return "channel select";
	}
	return NULL;
}

uint64_t surface_address(const struct surface *s, uint32_t x, uint32_t y)
{
	return s->at.addr + blt_offset(&s->at, (uint64_t)x * s->cpp, y);
}

static uint32_t ones(unsigned int bits)
{
	return (1u << bits) - 1;
}

void surface_unpack(const struct surface *s, const uint8_t *px, float rgba[4])
{
	float in[4] = { 0, 0, 0, 1 };
	uint32_t raw = 0;

	memcpy(&raw, px, s->cpp);
	for (unsigned int i = 0; i < 4; i++)
		if (s->format->channel[i].bits)
			in[i] = (float)(raw >> s->format->channel[i].shift &
					ones(s->format->channel[i].bits)) /
				(float)ones(s->format->channel[i].bits);
	for (unsigned int i = 0; i < 4; i++)
		rgba[i] = s->select[i] >= SELECT_RED ? in[s->select[i] - SELECT_RED] :
						       (float)(s->select[i] == SELECT_ONE);
}

void surface_pack(const struct surface *s, const float rgba[4], uint8_t *px)
{
	uint32_t raw = 0;

	for (unsigned int i = 0; i < 4; i++) {
		float most = (float)ones(s->format->channel[i].bits);
		float v = rgba[i] > 0 ? rgba[i] : 0; /* a NaN is 0 */

		raw |= (uint32_t)lrintf((v < 1 ? v : 1) * most) << s->format->channel[i].shift;
	}
	memcpy(px, &raw, s->cpp);
}
