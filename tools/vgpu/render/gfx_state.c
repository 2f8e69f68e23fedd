// SPDX-License-Identifier: MIT
/*
 * State commands of the 3D pipeline and of walkers. Layouts: the PRM's command reference for Xe2,
 * as far as draws of the model look at them.
 */
#include "gfx_state.h"

#include <stddef.h>

#include "dwords.h"

#define STATE_BASE_ADDRESS 0x6101u
#define PIPELINE_SELECT	   0x6904u
#define VERTEX_BUFFERS	   0x7808u
#define VERTEX_ELEMENTS	   0x7809u
#define BT_POOL_ALLOC	   0x7919u

#define ADDR_MASK 0x0000fffffffff000ull
#define MODIFY	  1u

/* Which dword of which command is kept where. */
static const struct {
	uint16_t op;
	uint8_t dw, word;
} kept[] = {
	{ 0x7800, 1, GFX_RECT_MIN }, /* 3DSTATE_DRAWING_RECTANGLE_FAST */
	{ 0x7800, 2, GFX_RECT_MAX },
	{ 0x7800, 3, GFX_RECT_ORIGIN },
	{ 0x7900, 1, GFX_RECT_MIN }, /* 3DSTATE_DRAWING_RECTANGLE */
	{ 0x7900, 2, GFX_RECT_MAX },
	{ 0x7900, 3, GFX_RECT_ORIGIN },
	{ 0x780d, 1, GFX_MULTISAMPLE },
	{ 0x7810, 7, GFX_VS },
	{ 0x7811, 7, GFX_GS },
	{ 0x7812, 2, GFX_CLIP },
	{ 0x7813, 1, GFX_SF },
	{ 0x7814, 1, GFX_WM },
	{ 0x7817, 1, GFX_CONSTANT_PS },
	{ 0x7817, 2, GFX_CONSTANT_PS_HIGH },
	{ 0x7818, 1, GFX_SAMPLE_MASK },
	{ 0x781b, 2, GFX_HS },
	{ 0x781c, 1, GFX_TE },
	{ 0x781d, 7, GFX_DS },
	{ 0x781e, 1, GFX_STREAMOUT },
	{ 0x781f, 1, GFX_SBE },
	{ 0x781f, 2, GFX_SBE_SPRITES },
	{ 0x781f, 3, GFX_SBE_CONSTANT },
	{ 0x781f, 4, GFX_SBE_COMPONENTS },
	{ 0x7820, 1, GFX_PS_KERNEL },
	{ 0x7820, 2, GFX_PS_KERNEL_HIGH },
	{ 0x7820, 4, GFX_PS_SCRATCH },
	{ 0x7820, 6, GFX_PS_DISPATCH },
	{ 0x7820, 7, GFX_PS_GRF },
	{ 0x7824, 1, GFX_BLEND_STATE },
	{ 0x782a, 1, GFX_BINDINGS_PS },
	{ 0x782f, 1, GFX_SAMPLERS_PS },
	{ 0x784a, 1, GFX_VF_SGVS },
	{ 0x784b, 1, GFX_TOPOLOGY },
	{ 0x784d, 1, GFX_PS_BLEND },
	{ 0x784e, 1, GFX_DEPTH_STENCIL },
	{ 0x784f, 1, GFX_PS_EXTRA },
	{ 0x7850, 1, GFX_RASTER },
	{ 0x7852, 1, GFX_HZ_OP },
	{ 0x7877, 1, GFX_MESH },
};

/* What a draw needs: (word & mask) == want. Bits that no mask names change nothing the model draws. */
static const struct {
	uint8_t word;
	uint32_t mask, want;
	const char *what;
} needs[] = {
	{ GFX_TOPOLOGY, 0x3f, 0x0f, "topology other than RECTLIST" },
	{ GFX_VF_SGVS, 1u << 31 | 1u << 15, 0, "VF_SGVS" },
	{ GFX_VS, 1, 0, "vertex shader" },
	{ GFX_HS, 1u << 31, 0, "hull shader" },
	{ GFX_TE, 1, 0, "tessellation" },
	{ GFX_DS, 1, 0, "domain shader" },
	{ GFX_GS, 1, 0, "geometry shader" },
	{ GFX_MESH, 1u << 31, 0, "mesh shader" },
	{ GFX_STREAMOUT, 3u << 30, 0, "stream output" },
	{ GFX_CLIP, 1u << 31, 0, "clipping" },
	{ GFX_SF, 1u << 1, 0, "viewport transformation" },
	{ GFX_RASTER, 1u << 24 | 7u << 18 | 6, 0, "scissors, multisampling or conservative rasterisation" },
	{ GFX_MULTISAMPLE, 7u << 1, 0, "multisampling" },
	{ GFX_HZ_OP, 0xff000200, 0, "depth buffer operation" },
	{ GFX_DEPTH_STENCIL, 0xf, 0, "depth or stencil test" },
	{ GFX_SBE, 1u << 21, 0, "attribute swizzle" },
	{ GFX_SBE_SPRITES, ~0u, 0, "point sprites" },
	{ GFX_SBE_CONSTANT, ~0u, 0, "constant interpolation" },
	{ GFX_WM, 3u << 19 | 3, 0, "forced dispatch or kill" },
	{ GFX_CONSTANT_PS, ~0u, 0, "push constants" },
	{ GFX_CONSTANT_PS_HIGH, ~0u, 0, "push constants" },
	{ GFX_PS_EXTRA, 1u << 31, 1u << 31, "no pixel shader" },
	{ GFX_PS_EXTRA, 0x7fffffff & ~(1u << 9 | 1u << 8), 0, "pixel shader input or output" },
	{ GFX_PS_KERNEL, 3, 1, "pixel shader other than SIMD16" },
	{ GFX_PS_SCRATCH, ~0x3ffu, 0, "scratch space" },
	{ GFX_PS_DISPATCH, 3u << 3 | 7u << 6, 0, "fast clear, resolve or sample positions" },
	{ GFX_RECT_ORIGIN, ~0u, 0, "origin of the drawing rectangle" },
	{ GFX_PS_BLEND, 1u << 31 | 3u << 29 | 1u << 8, 1u << 30, "blending, alpha test or no target" },
};

static void base_addresses(struct gfx_state *s, const uint32_t *dw, uint32_t n)
{
	const struct {
		uint64_t *base;
		uint8_t dw;
	} field[] = {
		{ &s->base.general, 1 },
		{ &s->base.surface, 4 },
		{ &s->base.dynamic, 6 },
		{ &s->base.indirect, 8 },
		{ &s->base.instruction, 10 },
		{ &s->base.bindless_surface, 16 },
		{ &s->base.bindless_sampler, 19 },
	};

	for (size_t i = 0; i < sizeof(field) / sizeof(field[0]); i++)
		if (field[i].dw + 1u < n && dw[field[i].dw] & MODIFY)
			*field[i].base = addr64(dw + field[i].dw) & ADDR_MASK;
}

static void vertex_buffers(struct gfx_state *s, const uint32_t *dw, uint32_t n)
{
	for (uint32_t i = 1; i + 3 < n; i += 4) {
		struct gfx_vertex_buffer *vb;

		if (dw[i] >> 26 >= GFX_VERTEX_BUFFERS)
			continue; /* elements that use it are not modelled */
		vb = &s->vb[dw[i] >> 26];
		if (dw[i] & 1u << 14)
			vb->addr = addr64(dw + i + 1);
		vb->pitch = dw[i] & 0xfff;
		vb->bytes = dw[i] & 1u << 13 ? 0 : dw[i + 3];
	}
}

static void vertex_elements(struct gfx_state *s, const uint32_t *dw, uint32_t n)
{
	s->ve_count = (n - 1) / 2;
	for (uint32_t i = 0; i < s->ve_count && i < GFX_VERTEX_ELEMENTS; i++) {
		s->ve[i][0] = dw[1 + 2 * i];
		s->ve[i][1] = dw[2 + 2 * i];
	}
}

bool gfx_state_command(struct gfx_state *s, const uint32_t *dw, uint32_t n)
{
	uint32_t op = dw[0] >> 16, last = 0;

	switch (op) {
	case STATE_BASE_ADDRESS:
		base_addresses(s, dw, n);
		return true;
	case PIPELINE_SELECT:
		/* the upper half of the dword's low half says which bits are meant */
		if ((dw[0] >> 8 & 3) == 3)
			s->pipeline = (enum gfx_pipeline)(dw[0] & 3);
		return true;
	case VERTEX_BUFFERS:
		vertex_buffers(s, dw, n);
		return true;
	case VERTEX_ELEMENTS:
		vertex_elements(s, dw, n);
		return true;
	case BT_POOL_ALLOC:
		if (n >= 4)
			s->base.bt_pool = addr64(dw + 1) & ADDR_MASK;
		return true;
	default:
		break;
	}
	/* all of a command or nothing */
	for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++)
		if (kept[i].op == op)
			last = kept[i].dw;
	for (size_t i = 0; last && last < n && i < sizeof(kept) / sizeof(kept[0]); i++)
		if (kept[i].op == op)
			s->w[kept[i].word] = dw[kept[i].dw];
	/* a 3DSTATE command that nobody looks at is one, too */
	return last || op >> 8 == 0x78 || op >> 8 == 0x79;
}

const char *gfx_state_unmodelled(const struct gfx_state *s)
{
	if (s->pipeline != GFX_PIPE_3D)
		return "3D pipeline not selected";
	for (size_t i = 0; i < sizeof(needs) / sizeof(needs[0]); i++)
		if ((s->w[needs[i].word] & needs[i].mask) != needs[i].want)
			return needs[i].what;
	return NULL;
}
