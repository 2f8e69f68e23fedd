/* SPDX-License-Identifier: MIT */
/*
 * Walks a grid group by group. The threads of a group take turns, so that they can wait for each
 * other; only one group of a context exists at a time. Layouts: Xe2 volume of the PRM,
 * COMPUTE_WALKER_BODY, INTERFACE_DESCRIPTOR_DATA, POSTSYNC_DATA, and the payload of a compute thread.
 */
#include "eu_walker.h"

#include <stdlib.h>
#include <string.h>

#include "device.h"
#include "dwords.h"
#include "eu.h"

#define STATE_COMPUTE_MODE 0x6105u
#define CFE_STATE	   0x7200u
#define COMPUTE_WALKER	   0x7208u
#define WALKER_DWORDS	   40u

#define INDIRECT_DIMENSIONS (1u << 10) /* of dw0: from registers */
#define LARGE_REGS	    (1u << 15) /* of STATE_COMPUTE_MODE, with its mask in the upper half */
#define POST_SYNC_WRITE	    1u
#define POST_SYNC_TIME	    3u

#define THREADS_MAX 64u
#define QUANTUM	    2048u     /* instructions of a thread until the next has its turn */
#define SLICE_NS    5000000ull
#define COST_FREE   4194304u  /* instructions at full speed; then a pause every COST_PACE */
#define COST_PACE   4096u
#define COST_THREAD 64u	      /* what it costs to make one */

struct eu_walk {
	uint32_t cmd[WALKER_DWORDS];
	int depth; /* where the command was */
	uint64_t at;
	struct eu_env env;
	uint64_t begun, clock; /* when: context time, time of the clock */
	uint64_t spent, paused; /* instructions so far; and at the last pause */
	uint32_t x, y, z; /* the group that runs or is next */
	bool walked;	  /* all groups have ended */
	bool group;	  /* there is one */
	unsigned int count, turn; /* threads of a group, whose turn it is */
	struct eu_thread *threads;
};

void eu_walk_drop(struct guc_ctx *c)
{
	if (!c->walk)
		return;
	c->e->h->walks--;
	free(c->walk->threads);
	free(c->walk->env.slm);
	free(c->walk);
	c->walk = NULL;
}

static uint64_t position(const struct guc_ctx *c)
{
	return c->depth ? c->batch[c->depth - 1].ip : c->ring_head;
}

/* Bytes of shared local memory from their code. */
static uint32_t slm_bytes(uint32_t code)
{
	static const uint16_t kib[32] = { 0, 1, 2, 4, 8, 16, 32, 64, 24, 48, 96, 128, 192, 256, 384 };

	return 1024u * kib[code & 31];
}

static void environment(struct eu_walk *w, struct engine *e, struct guc_ctx *c)
{
	struct eu_env *env = &w->env;

	env->e = e;
	env->c = c;
	env->instructions = c->gfx.base.instruction;
	env->general = c->gfx.base.general;
	env->surfaces = c->gfx.base.surface;
	env->bindless = c->gfx.base.bindless_surface;
	env->bindings = c->gfx.base.bt_pool + (w->cmd[23] & 0x1fffe0);
	env->samplers = c->gfx.base.dynamic + (w->cmd[22] & ~0x1fu);
	env->send[EU_SF_UGM] = eu_send_ugm;
	env->send[EU_SF_SLM] = eu_send_slm;
	env->send[EU_SF_TGM] = eu_send_tgm;
	env->send[EU_SF_GATEWAY] = eu_send_gateway;
}

static uint32_t lanes(const struct eu_walk *w)
{
	return 8u << (w->cmd[4] >> 30);
}

/* Makes the walk of the command at @dw. NULL: there is no memory for it. */
static struct eu_walk *begin(struct engine *e, struct guc_ctx *c, const uint32_t *dw)
{
	struct eu_walk *w = calloc(1, sizeof(*w));

	if (!w)
		return NULL;
	memcpy(w->cmd, dw, sizeof(w->cmd));
	w->depth = c->depth;
	w->at = position(c);
	w->begun = lrc_timestamp(c);
	w->clock = hw_ticks();
	w->x = dw[10];
	w->y = dw[11];
	w->z = dw[12];
	w->walked = dw[10] >= dw[7] || dw[11] >= dw[8] || dw[12] >= dw[9];
	w->count = dw[24] & 0x3ff;
	environment(w, e, c);
	w->env.slm_bytes = slm_bytes(dw[24] >> 16);
	w->threads = calloc(w->count, sizeof(*w->threads));
	if (w->env.slm_bytes)
		w->env.slm = calloc(1, w->env.slm_bytes);
	if (!w->threads || (w->env.slm_bytes && !w->env.slm)) {
		free(w->threads);
		free(w->env.slm);
		free(w);
		return NULL;
	}
	return w;
}

/* Local ids of one dimension, 16 bits a channel, fill a register. */
static void local_ids(const struct eu_walk *w, struct eu_thread *t, unsigned int thread,
		      unsigned int reg, unsigned int dim)
{
	uint32_t size[3] = { (w->cmd[6] & 0x3ff) + 1, (w->cmd[6] >> 10 & 0x3ff) + 1,
			     (w->cmd[6] >> 20 & 0x3ff) + 1 };
	/* dimensions from the fastest on */
	static const uint8_t orders[8][3] = { { 0, 1, 2 }, { 0, 2, 1 }, { 1, 0, 2 }, { 1, 2, 0 },
					      { 2, 0, 1 }, { 2, 1, 0 }, { 0, 1, 2 }, { 0, 1, 2 } };
	const uint8_t *order = orders[w->cmd[4] >> 22 & 7];

	for (uint32_t i = 0; i < lanes(w); i++) {
		uint32_t n = thread * lanes(w) + i;
		uint16_t id = 0;

		for (unsigned int k = 0; k < 3; k++) {
			if (order[k] == dim)
				id = (uint16_t)(n % size[order[k]]);
			n /= size[order[k]];
		}
		memcpy(t->grf[reg] + 2 * i, &id, sizeof(id));
	}
}

static void payload(const struct eu_walk *w, struct eu_thread *t, unsigned int thread)
{
	uint32_t *r0 = eu_reg(t, 0), emit = w->cmd[4] >> 26 & 7;
	unsigned int reg = 1;

	r0[0] = w->cmd[3] & ~0x3fu; /* indirect data */
	r0[1] = w->x;
	r0[2] = thread;
	r0[3] = w->cmd[22] & ~0x1fu;
	r0[4] = w->cmd[23] & 0x1fffe0;
	r0[6] = w->y;
	r0[7] = w->z;
	if (w->cmd[4] >> 29 & 1)
		for (unsigned int dim = 0; dim < 3; dim++)
			if (emit >> dim & 1)
				local_ids(w, t, thread, reg++, dim);
	if (w->cmd[4] >> 25 & 1)
		memcpy(eu_reg(t, reg), w->cmd + 32, 32);
}

static void start_group(struct eu_walk *w, const struct guc_ctx *c)
{
	uint64_t kernel = (w->cmd[19] & ~0x3fu) | (uint64_t)(w->cmd[20] & 0xffff) << 32;
	uint32_t all = lanes(w) == 32 ? ~0u : (1u << lanes(w)) - 1;

	for (unsigned int i = 0; i < w->count; i++) {
		eu_thread_init(&w->threads[i], &w->env, kernel,
			       i + 1 == w->count ? w->cmd[5] & all : all,
			       c->large_regs ? EU_REGS : EU_REGS_SMALL);
		payload(w, &w->threads[i], i);
	}
	if (w->env.slm)
		memset(w->env.slm, 0, w->env.slm_bytes);
	w->group = true;
	w->spent += COST_THREAD * w->count;
}

static void next_group(struct eu_walk *w)
{
	w->group = false;
	w->turn = 0;
	if (++w->x < w->cmd[7])
		return;
	w->x = w->cmd[10];
	if (++w->y < w->cmd[8])
		return;
	w->y = w->cmd[11];
	if (++w->z >= w->cmd[9])
		w->walked = true;
}

/*
 * Opens the barrier if all have come to it. False: all who are left wait, for threads that have ended
 * without, so they would wait for ever.
 */
static bool barrier_works(struct eu_walk *w)
{
	unsigned int arrived = 0, stuck = 0;

	for (unsigned int i = 0; i < w->count; i++) {
		arrived += w->threads[i].barrier;
		stuck += w->threads[i].ended || w->threads[i].waits;
	}
	if (arrived < w->count)
		return stuck < w->count;
	for (unsigned int i = 0; i < w->count; i++)
		w->threads[i].barrier = false;
	return true;
}

/* A shader or a grid without end must not cost the host a CPU. */
static void pace(struct engine *e, struct eu_walk *w)
{
	if (w->spent < COST_FREE || w->spent - w->paused < COST_PACE)
		return;
	w->paused = w->spent;
	engine_pause(e);
}

/*
 * A turn of each thread from w->turn on. STEP_NEXT: the group goes on; STEP_JUMP: it has ended;
 * STEP_AGAIN: the engine is wanted.
 */
static enum step run_group(struct engine *e, struct eu_walk *w)
{
	uint64_t unknown = e->unknown_commands, was;
	enum eu_status st;
	bool alive = false;

	for (; w->turn < w->count; w->turn++) {
		struct eu_thread *t = &w->threads[w->turn];

		if (atomic_load(&e->preempt))
			return STEP_AGAIN;
		was = t->instructions;
		st = t->ended ? EU_END : eu_run(t, QUANTUM);
		w->spent += t->instructions - was;
		if (st == EU_FAULT)
			return STEP_FAULT;
		if (e->unknown_commands != unknown) {
			/* the rest would do it, too: like a command that nobody knows it is skipped */
			w->walked = true;
			return STEP_JUMP;
		}
		pace(e, w);
	}
	w->turn = 0;
	for (unsigned int i = 0; i < w->count; i++)
		alive |= !w->threads[i].ended;
	if (!alive)
		return STEP_JUMP;
	return barrier_works(w) ? STEP_NEXT : STEP_HANG;
}

static enum step post_sync(struct engine *e, struct guc_ctx *c, const struct eu_walk *w)
{
	struct mem_space sp = { .root = c->root };
	uint64_t addr = addr64(w->cmd + 28) & ~7ull, now = lrc_timestamp(c);
	uint32_t times[4] = { (uint32_t)w->begun, (uint32_t)w->clock, (uint32_t)now,
			      (uint32_t)hw_ticks() };
	int err = 0;

	switch (w->cmd[27] & 3) {
	case POST_SYNC_WRITE:
		err = mem_write64(e->h, &c->who, sp, addr, addr64(w->cmd + 30));
		break;
	case POST_SYNC_TIME: /* start and end, of the context and of the clock */
		err = mem_write(e->h, &c->who, sp, addr, times, sizeof(times));
		break;
	}
	return err ? STEP_FAULT : STEP_NEXT;
}

static enum step run_walk(struct engine *e, struct guc_ctx *c, struct eu_walk *w)
{
	uint64_t end = hw_now_ns() + SLICE_NS;
	enum step st;

	while (!w->walked) {
		if (atomic_load(&e->preempt) || (atomic_load(&e->others) && hw_now_ns() > end))
			return STEP_AGAIN;
		if (!w->group)
			start_group(w, c);
		st = run_group(e, w);
		if (st == STEP_JUMP)
			next_group(w);
		else if (st != STEP_NEXT)
			return st;
	}
	return post_sync(e, c, w);
}

static enum step unknown(struct engine *e, struct guc_ctx *c, const uint32_t *dw, const char *why)
{
	e->unknown_commands++;
	vgpu_witness(e->h->g, WITNESS_UNKNOWN_COMMAND, &c->who, 0, 4, false,
		     "COMPUTE_WALKER 0x%08x %s, skipped", dw[0], why);
	return STEP_NEXT;
}

static enum step walker(struct engine *e, struct guc_ctx *c, const uint32_t *dw, uint32_t n)
{
	struct eu_walk *w = c->walk;
	enum step st;

	if (n < WALKER_DWORDS)
		return unknown(e, c, dw, "too short");
	if (c->in_setup || (e->id != RCS0 && e->id != CCS0))
		return unknown(e, c, dw, "where none may be");
	if (dw[0] & INDIRECT_DIMENSIONS)
		return unknown(e, c, dw, "with dimensions from registers");
	if (dw[4] >> 30 != 1 && dw[4] >> 30 != 2)
		return unknown(e, c, dw, "of no SIMD size");
	if (!(dw[24] & 0x3ff) || (dw[24] & 0x3ff) > THREADS_MAX)
		return unknown(e, c, dw, "with too many threads a group");
	if (w && (w->depth != c->depth || w->at != position(c) ||
		  memcmp(w->cmd, dw, sizeof(w->cmd)))) {
		eu_walk_drop(c);
		w = NULL;
	}
	if (!w) {
		if (e->h->walks++ >= EU_WALKS_MAX) {
			e->h->walks--;
			return STEP_WAIT;
		}
		c->walk = w = begin(e, c, dw);
		if (!w) {
			e->h->walks--;
			return STEP_HANG;
		}
	}
	st = run_walk(e, c, w);
	if (st == STEP_NEXT || st == STEP_HANG)
		eu_walk_drop(c);
	return st;
}

bool eu_command(struct engine *e, struct guc_ctx *c, const uint32_t *dw, uint32_t n, enum step *st)
{
	*st = STEP_NEXT;
	switch (dw[0] >> 16) {
	case STATE_COMPUTE_MODE:
		if (n >= 2 && dw[1] >> 16 & LARGE_REGS)
			c->large_regs = dw[1] & LARGE_REGS;
		return true;
	case CFE_STATE: /* scratch memory and how many threads at once */
		return true;
	case COMPUTE_WALKER:
		*st = walker(e, c, dw, n);
		return true;
	default:
		return false;
	}
}
