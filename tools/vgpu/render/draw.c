// SPDX-License-Identifier: MIT
/*
 * Draws: command, rectangles, blocks of pixels, threads. Payload of a thread with 16 channels: PRM
 * for Xe2, "PS Thread Payload for Normal Dispatch".
 */
#include "draw.h"

#include <string.h>

#include "device.h"
#include "dwords.h"
#include "ps.h"

#define RANDOM_OR_END  (3u << 8)		/* of dword 1: index buffer, end of a buffer */
#define CONDITIONAL    (1u << 8 | 7u << 10) /* of dword 0: predicate, indirect, extended */
#define WM_BARYCENTRIC(w) ((w) >> 11 & 0x3f)
#define PS_FIRST_SETUP(w) ((w) >> 16 & 0xff)
#define PER_REGISTER   5u /* components a register of set-up data */

#define BLEND_VALID    1u
#define BLEND_HEADER   (1u << 31 | 1u << 30 | 1u << 27) /* alpha to coverage or one, alpha test */
#define BLEND_TARGET   (1u << 31 | 15u)			/* blending, channels that are not written */
#define BLEND_LOGIC    (1u << 31)

#define SLICE_NS       5000000ull
#define LOOK_THREADS   32u   /* so many threads between looks at the clock */
#define BUDGET	       4096u /* instructions between looks at the thread */
#define LONG_THREAD    (1u << 20)
#define THREAD_NS      500000000ull /* more than a slice: a thread that is stopped starts anew */

struct draw {
	struct ps_job job;
	struct eu_thread thread;
	struct rect r;
	uint64_t kernel, end_ns;
	uint32_t threads;
};

void ps_unmodelled(const struct ps_job *j, const char *what)
{
	j->env.e->unknown_commands++;
	vgpu_witness(j->env.e->h->g, WITNESS_UNKNOWN_COMMAND, &j->env.c->who, 0, 0, false,
		     "3DPRIMITIVE not drawn: %s", what);
}

enum eu_status ps_surface(struct ps_job *j, struct ps_surface *keep, unsigned int index)
{
	uint32_t state[SURFACE_STATE_DWORDS];
	const char *what;
	uint64_t at;

	if (keep->valid && keep->index == index)
		return EU_OK;
	keep->valid = false;
	if (!eu_surface(&j->env, index, &at) ||
	    mem_read(j->env.e->h, &j->env.c->who, eu_space(&j->env), at, state, sizeof(state)))
		return EU_FAULT;
	what = surface_parse(state, &keep->s);
	if (what) {
		ps_unmodelled(j, what);
		return EU_UNKNOWN;
	}
	keep->valid = true;
	keep->index = index;
	return EU_OK;
}

static void put_float(struct eu_thread *t, unsigned int reg, unsigned int dw, float f)
{
	memcpy(&eu_reg(t, reg)[dw], &f, sizeof(f));
}

static void payload(struct draw *d, const struct gfx_state *s)
{
	unsigned int pairs = (unsigned int)__builtin_popcount(WM_BARYCENTRIC(s->w[GFX_WM]));
	unsigned int set_up = PS_FIRST_SETUP(s->w[GFX_PS_GRF]);
	const struct ps_job *j = &d->job;
	struct eu_thread *t = &d->thread;

	eu_reg(t, 0)[3] = s->w[GFX_SAMPLERS_PS] & ~31u;
	for (unsigned int i = 0; i < 4; i++)
		eu_reg(t, 0)[10 + i] = (j->y << 16) | (j->x + 2 * i);
	eu_reg(t, 0)[15] = j->mask;
	/* with one sample a pixel and no perspective all kinds of weights are the same */
	for (unsigned int i = 0; i < PS_CHANNELS; i++) {
		double a = (j->x + ps_x(i) + 0.5 - d->r.corner[0]) / d->r.edge[0];
		double b = (j->y + ps_y(i) + 0.5 - d->r.corner[1]) / d->r.edge[1];

		for (unsigned int p = 0; p < pairs; p++) {
			put_float(t, 1 + 2 * p, i, (float)a);
			put_float(t, 2 + 2 * p, i, (float)b);
		}
	}
	for (unsigned int n = 0; n < 4 * d->r.attributes; n++)
		for (unsigned int k = 0; k < 3; k++)
			put_float(t, set_up + n / PER_REGISTER, n % PER_REGISTER * 3 + k,
				  d->r.set_up[n / 4][n % 4][k]);
}

/* One thread, from its first instruction. */
static enum step shade(struct draw *d, struct engine *e, const struct gfx_state *s)
{
	struct eu_thread *t = &d->thread;
	enum eu_status st;

	eu_thread_init(t, &d->job.env, d->kernel, d->job.mask, EU_REGS_SMALL);
	payload(d, s);
	d->job.finished = false;
	while ((st = eu_run(t, BUDGET)) == EU_MORE) {
		/* it begins anew then; what it wrote it writes again */
		if (atomic_load(&e->preempt) ||
		    (atomic_load(&e->others) && hw_now_ns() > d->end_ns + THREAD_NS))
			return STEP_AGAIN;
		if (t->instructions > LONG_THREAD)
			engine_pause(e); /* an endless one must not cost the host a CPU */
	}
	if (st == EU_FAULT)
		return STEP_FAULT;
	if (st == EU_END && d->job.finished)
		return STEP_NEXT;
	if (st == EU_BARRIER)
		ps_unmodelled(&d->job, "barrier in a pixel shader");
	return STEP_HANG; /* for who calls: no sense in drawing on. Whatever it was is witnessed. */
}

static uint32_t covered(const struct rect *r, uint32_t x, uint32_t y)
{
	uint32_t mask = 0;

	for (unsigned int i = 0; i < PS_CHANNELS; i++)
		if (x + ps_x(i) >= r->x0 && x + ps_x(i) < r->x1 && y + ps_y(i) >= r->y0 &&
		    y + ps_y(i) < r->y1)
			mask |= 1u << i;
	return mask;
}

static bool wanted(struct draw *d, struct engine *e)
{
	return atomic_load(&e->preempt) || (++d->threads % LOOK_THREADS == 0 &&
					    atomic_load(&e->others) && hw_now_ns() > d->end_ns);
}

/* The blocks of d->r from where the context says on. */
static enum step walk(struct draw *d, struct engine *e, struct guc_ctx *c)
{
	uint32_t x = d->r.x0 & ~(PS_BLOCK_WIDTH - 1), y = d->r.y0 & ~(PS_BLOCK_ROWS - 1), left = x;

	if (d->r.x0 >= d->r.x1)
		return STEP_NEXT;
	if (c->gfx.draw.y > y || (c->gfx.draw.y == y && c->gfx.draw.x > x)) {
		x = c->gfx.draw.x;
		y = c->gfx.draw.y;
	}
	for (; y < d->r.y1; y += PS_BLOCK_ROWS, x = left) {
		for (; x < d->r.x1; x += PS_BLOCK_WIDTH) {
			enum step st = wanted(d, e) ? STEP_AGAIN : STEP_NEXT;

			d->job.x = x;
			d->job.y = y;
			d->job.mask = covered(&d->r, x, y);
			if (st == STEP_NEXT)
				st = shade(d, e, &c->gfx);
			if (st != STEP_NEXT) {
				c->gfx.draw.x = x;
				c->gfx.draw.y = y;
				return st;
			}
		}
	}
	return STEP_NEXT;
}

/* BLEND_STATE lies in memory. NULL: a colour is written as it comes. */
static const char *blend(struct engine *e, struct guc_ctx *c, bool *fault)
{
	uint32_t ptr = c->gfx.w[GFX_BLEND_STATE], dw[3];

	if (!(ptr & BLEND_VALID))
		return NULL;
	*fault = mem_read(e->h, &c->who, (struct mem_space){ .root = c->root },
			  c->gfx.base.dynamic + (ptr & ~63u), dw, sizeof(dw));
	if (*fault)
		return NULL;
	if (dw[0] & BLEND_HEADER || dw[1] & BLEND_TARGET || dw[2] & BLEND_LOGIC)
		return "blending, alpha test or a channel that is not written";
	return NULL;
}

static const char *unmodelled(const struct engine *e, const struct guc_ctx *c, const uint32_t *dw,
			      uint32_t n)
{
	const struct gfx_state *s = &c->gfx;
	unsigned int outputs = s->w[GFX_SBE] >> 22 & 0x3f;

	if (e->id != RCS0 || c->in_setup)
		return "engine without a 3D pipeline, or the batch of a switch-in";
	if (n < 7 || dw[0] & CONDITIONAL || dw[1] & RANDOM_OR_END || dw[4] > 1)
		return "indices, instances, predicates or an indirect draw";
	if (PS_FIRST_SETUP(s->w[GFX_PS_GRF]) + (4 * outputs + PER_REGISTER - 1) / PER_REGISTER >
	    EU_REGS_SMALL)
		return "set-up data behind the last register";
	return gfx_state_unmodelled(s);
}

static void begin(struct draw *d, struct engine *e, struct guc_ctx *c)
{
	const struct gfx_state *s = &c->gfx;

	memset(&d->job, 0, sizeof(d->job));
	d->job.env = (struct eu_env){
		.e = e,
		.c = c,
		.instructions = s->base.instruction,
		.general = s->base.general,
		.surfaces = s->base.surface,
		.bindless = s->base.bindless_surface,
		.bindings = s->base.bt_pool + (s->w[GFX_BINDINGS_PS] & 0x1fffe0),
		.samplers = s->base.dynamic + (s->w[GFX_SAMPLERS_PS] & ~31u),
		.send = { [EU_SF_SAMPLER] = ps_send_sampler, [EU_SF_RENDER] = ps_send_target },
		.owner = &d->job,
	};
	d->kernel = addr64(&s->w[GFX_PS_KERNEL]) & ~63ull;
	d->end_ns = hw_now_ns() + SLICE_NS;
	d->threads = 0;
}

static enum step rectangles(struct draw *d, struct engine *e, struct guc_ctx *c, const uint32_t *dw)
{
	const char *what = NULL;
	enum step st;

	for (; c->gfx.draw.rect < dw[2] / 3; c->gfx.draw.rect++) {
		if (wanted(d, e))
			return STEP_AGAIN;
		switch (rect_set_up(e, c, dw[3] + 3ull * c->gfx.draw.rect, &d->r, &what)) {
		case RECT_FAULT:
			return STEP_FAULT;
		case RECT_UNMODELLED:
			ps_unmodelled(&d->job, what);
			return STEP_NEXT;
		case RECT_OK:
			break;
		}
		st = walk(d, e, c);
		if (st != STEP_NEXT)
			return st;
		c->gfx.draw.x = c->gfx.draw.y = 0;
	}
	return STEP_NEXT;
}

enum step draw_primitive(struct engine *e, struct guc_ctx *c, const uint32_t *dw, uint32_t n)
{
	const char *what = unmodelled(e, c, dw, n);
	enum step st = STEP_NEXT;
	bool fault = false;
	struct draw d;

	begin(&d, e, c);
	if (!what)
		what = blend(e, c, &fault);
	if (fault)
		return STEP_FAULT;
	if (what)
		ps_unmodelled(&d.job, what);
	else if (dw[4] && c->gfx.w[GFX_SAMPLE_MASK] & 1)
		st = rectangles(&d, e, c, dw);
	return st == STEP_HANG ? STEP_NEXT : st;
}
