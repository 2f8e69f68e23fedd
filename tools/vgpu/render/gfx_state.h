/* SPDX-License-Identifier: MIT */
/*
 * What commands of a context set for its later draws and walkers. Kept beside the context, not in
 * its image: a context that is registered anew starts without.
 */
#ifndef VGPU_GFX_STATE_H
#define VGPU_GFX_STATE_H

#include <stdbool.h>
#include <stdint.h>

#define GFX_VERTEX_BUFFERS  4u
#define GFX_VERTEX_ELEMENTS 8u

/* Dwords that are kept as they came. */
enum gfx_word {
	GFX_TOPOLOGY,
	GFX_VF_SGVS,
	GFX_VS,
	GFX_HS,
	GFX_TE,
	GFX_DS,
	GFX_GS,
	GFX_STREAMOUT,
	GFX_CLIP,
	GFX_MESH,
	GFX_SF,
	GFX_RASTER,
	GFX_MULTISAMPLE,
	GFX_SAMPLE_MASK,
	GFX_HZ_OP,
	GFX_DEPTH_STENCIL,
	GFX_SBE,
	GFX_SBE_SPRITES,
	GFX_SBE_CONSTANT,
	GFX_SBE_COMPONENTS, /* of attributes 0 to 15 */
	GFX_WM,
	GFX_CONSTANT_PS, /* and the next */
	GFX_CONSTANT_PS_HIGH,
	GFX_PS_KERNEL, /* and the next */
	GFX_PS_KERNEL_HIGH,
	GFX_PS_SCRATCH,
	GFX_PS_DISPATCH,
	GFX_PS_GRF,
	GFX_PS_BLEND,
	GFX_PS_EXTRA,
	GFX_BINDINGS_PS,
	GFX_SAMPLERS_PS,
	GFX_BLEND_STATE,
	GFX_RECT_MIN, /* drawing rectangle: minimum, maximum, origin */
	GFX_RECT_MAX,
	GFX_RECT_ORIGIN,
	GFX_WORDS
};

enum gfx_pipeline { GFX_PIPE_3D, GFX_PIPE_MEDIA, GFX_PIPE_COMPUTE };

struct gfx_state {
	/* addresses of the context's space, in bytes */
	struct {
		uint64_t general, surface, dynamic, indirect, instruction;
		uint64_t bindless_surface, bindless_sampler;
		uint64_t bt_pool; /* binding table pointers count from here */
	} base;
	enum gfx_pipeline pipeline;
	uint32_t w[GFX_WORDS];
	struct gfx_vertex_buffer {
		uint64_t addr;
		uint32_t pitch, bytes; /* bytes 0: there is none */
	} vb[GFX_VERTEX_BUFFERS];
	uint32_t ve[GFX_VERTEX_ELEMENTS][2];
	unsigned int ve_count; /* may be more than there is room for */
	/*
	 * Where a draw that was stopped goes on; 0, 0, 0: at its start. Set as long as the command at
	 * the context's position is that draw: exec_one() clears it behind any other.
	 */
	struct {
		uint32_t rect, x, y;
	} draw;
};

/*
 * gfx_state_command - takes the command of @n = cmd_length() dwords at @dw into @s if it is one that
 * sets state: STATE_BASE_ADDRESS, PIPELINE_SELECT, 3DSTATE_*. One too short to hold what it should
 * changes nothing. Engine thread, no lock. Returns false if it is none of them.
 */
bool gfx_state_command(struct gfx_state *s, const uint32_t *dw, uint32_t n);
/*
 * gfx_state_unmodelled - name of the first thing set in @s that a draw would need and the model does
 * not have; NULL if all is well.
 */
const char *gfx_state_unmodelled(const struct gfx_state *s);

#endif
