// SPDX-License-Identifier: MIT
/*
 * Commands of the render and compute pipelines: finds who executes one. PIPE_CONTROL is here.
 * Encodings: section 9.4 of the device specification (instructions/xe_gpu_commands.h).
 */
#include "device.h"
#include "draw.h"
#include "dwords.h"
#include "eu_walker.h"

#define PIPE_CONTROL 0x7a00u
#define PRIMITIVE    0x7b00u

#define POST_SYNC(x) ((x) >> 14 & 3)
#define STORE_INDEX  (1u << 21) /* address is an offset into the PPHWSP */
#define PC_GGTT	     (1u << 24)

static enum step pipe_control(struct engine *e, struct guc_ctx *c, const uint32_t *dw, uint32_t n)
{
	uint64_t addr, val;
	bool ggtt;

	if (n < 6 || (POST_SYNC(dw[1]) != 1 && POST_SYNC(dw[1]) != 3))
		return STEP_NEXT;
	if (dw[1] & STORE_INDEX) {
		addr = c->lrca + (dw[2] & 0xff8);
		ggtt = true;
	} else {
		addr = addr64(dw + 2) & ~7ull;
		ggtt = dw[1] & PC_GGTT;
	}
	val = POST_SYNC(dw[1]) == 1 ? addr64(dw + 4) : hw_ticks();
	return mem_write64(e->h, &c->who, cmd_space(c, ggtt), addr, val) ? STEP_FAULT : STEP_NEXT;
}

enum step cmd_render(struct engine *e, struct guc_ctx *c, const uint32_t *dw, uint32_t n)
{
	enum step st;

	switch (dw[0] >> 16) {
	case PIPE_CONTROL:
		return pipe_control(e, c, dw, n);
	case PRIMITIVE:
		return draw_primitive(e, c, dw, n);
	default:
		if (eu_command(e, c, dw, n, &st))
			return st;
		gfx_state_command(&c->gfx, dw, n);
		return STEP_NEXT;
	}
}
