/* SPDX-License-Identifier: MIT */
/* Puts the blocks together and answers the front half. */
#include "device.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "pcode.h"
#include "reset.h"

#define REF_CLOCK_HZ 19200000ull

uint64_t hw_now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

uint64_t hw_ns_to_ticks(uint64_t ns)
{
	return ns / 1000000000u * REF_CLOCK_HZ + ns % 1000000000u * REF_CLOCK_HZ / 1000000000u;
}

uint64_t hw_ticks(void)
{
	return hw_ns_to_ticks(hw_now_ns());
}

static struct engine *engine_at(struct vgpu_hw *h, uint32_t base)
{
	for (int i = 0; i < ENGINE_COUNT; i++)
		if (h->engines[i].mmio_base == base)
			return &h->engines[i];
	return NULL;
}

static uint32_t timestamp_read(struct vgpu_hw *h, const struct reg_def *d, uint32_t base,
			       uint32_t val)
{
	return (uint32_t)(hw_ticks() >> (d->off & 4 ? 32 : 0));
}

static uint32_t ctx_timestamp_read(struct vgpu_hw *h, const struct reg_def *d, uint32_t base,
				   uint32_t val)
{
	const struct engine *e = engine_at(h, base);
	uint64_t ts;

	if (!e || !atomic_load(&e->active))
		return 0;
	ts = atomic_load(&e->ts_base) + hw_ns_to_ticks(hw_now_ns() - atomic_load(&e->ts_start_ns));
	return (uint32_t)(ts >> (d->off & 4 ? 32 : 0));
}

static uint32_t engine_id_read(struct vgpu_hw *h, const struct reg_def *d, uint32_t base,
			       uint32_t val)
{
	const struct engine *e = engine_at(h, base);

	return e ? e->engine_id_reg : 0;
}

/* one set for each engine, relative to its base */
static const struct reg_def engine_regs[] = {
	{ .off = 0x54, .name = "RING_PWRCTX_MAXCNT", .reset = 0x40 },
	{ .off = 0x80, .name = "RING_HWS_PGA" },
	{ .off = 0x8c, .name = "ENGINE_ID", .ro = 0xffffffff, .read = engine_id_read },
	{ .off = 0x98, .name = "RING_HWSTAM" },
	{ .off = 0x9c, .name = "RING_MI_MODE", .masked = true },
	{ .off = 0x23c, .name = "RING_IDLEDLY" },
	{ .off = 0x29c, .name = "GFX_MODE", .masked = true },
	{ .off = 0x358, .name = "RING_TIMESTAMP", .ro = 0xffffffff, .read = timestamp_read },
	{ .off = 0x35c, .name = "RING_TIMESTAMP_UDW", .ro = 0xffffffff, .read = timestamp_read },
	{ .off = 0x3a8, .name = "RING_CTX_TIMESTAMP", .ro = 0xffffffff,
	  .read = ctx_timestamp_read },
	{ .off = 0x3ac, .name = "RING_CTX_TIMESTAMP_UDW", .ro = 0xffffffff,
	  .read = ctx_timestamp_read },
};

static int add_registers(struct vgpu_hw *h)
{
	int err = 0;

	for (int i = 0; i < PERSONALITY_SETS && h->p->regs[i]; i++)
		err = err ?: regs_add(&h->regs, h->p->regs[i]->defs, h->p->regs[i]->n, 0);
	err = err ?: regs_add(&h->regs, irq_regs, nr_irq_regs, 0);
	err = err ?: regs_add(&h->regs, guc_regs, nr_guc_regs, 0);
	err = err ?: regs_add(&h->regs, slpc_regs, nr_slpc_regs, 0);
	err = err ?: regs_add(&h->regs, forcewake_regs, nr_forcewake_regs, 0);
	err = err ?: regs_add(&h->regs, pcode_regs, nr_pcode_regs, 0);
	err = err ?: regs_add(&h->regs, reset_regs, nr_reset_regs, 0);
	for (int i = 0; i < ENGINE_COUNT; i++)
		err = err ?: regs_add(&h->regs, engine_regs,
				      sizeof(engine_regs) / sizeof(engine_regs[0]),
				      h->engines[i].mmio_base);
	for (size_t i = 0; i < h->p->nr_values; i++)
		err = err ?: regs_power_on_value(&h->regs, h->p->values[i].off,
						 h->p->values[i].val);
	return err;
}

int vgpu_hw_init(struct vgpu *g, const struct personality *p)
{
	struct vgpu_hw *h = calloc(1, sizeof(*h));
	pthread_rwlockattr_t attr;
	int err;

	if (!h)
		return -ENOMEM;
	h->g = g;
	h->p = p;
	h->ggtt.fd = -1;
	h->vram.fd = -1;
	g->hw = h;
	pthread_rwlockattr_init(&attr);
	/* an invalidation must not starve behind engines that copy without a pause */
	pthread_rwlockattr_setkind_np(&attr, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
	pthread_rwlock_init(&h->xlat, &attr);
	pthread_mutex_init(&h->atomics, NULL);
	pthread_rwlockattr_destroy(&attr);
	irq_init(&h->irq);
	engines_init(h);
	err = regs_init(&h->regs, p->ranges, PERSONALITY_SETS);
	err = err ?: add_registers(h);
	err = err ?: ggtt_init(&h->ggtt);
	err = err ?: vram_init(&h->vram, p->vram_size);
	err = err ?: guc_init(h);
	err = err ?: engines_start(h);
	return err;
}

void vgpu_hw_fini(struct vgpu *g)
{
	struct vgpu_hw *h = g->hw;

	if (!h)
		return;
	engines_stop(h);
	guc_fini(h);
	ggtt_fini(&h->ggtt);
	vram_fini(&h->vram);
	regs_fini(&h->regs);
	pthread_rwlock_destroy(&h->xlat);
	free(h);
	g->hw = NULL;
}

/* regs->lock is held by the register write that asks for it, and not needed by the others. */
void vgpu_hw_reset(struct vgpu *g, enum vgpu_reset why)
{
	struct vgpu_hw *h = g->hw;

	if (why != VGPU_RESET_POWER_ON)
		h->resets_flr++;
	guc_reset(h);
	irq_reset(&h->irq);
	regs_reset(&h->regs);
	if (why == VGPU_RESET_POWER_ON) {
		ggtt_clear(&h->ggtt);
		vram_clear(&h->vram);
	}
}

void vgpu_hw_quiesce(struct vgpu *g, bool on)
{
	engines_hold(g->hw, on);
}

void vgpu_hw_slow(struct vgpu *g, uint64_t wake_us, uint64_t reset_us)
{
	struct vgpu_hw *h = g->hw;

	pthread_mutex_lock(&h->regs.lock);
	h->wake_us = wake_us;
	h->reset_us = reset_us;
	pthread_mutex_unlock(&h->regs.lock);
}

int vgpu_ggtt_fd(struct vgpu *g)
{
	return g->hw->ggtt.fd;
}

int vgpu_vram_fd(struct vgpu *g)
{
	return g->hw->vram.fd;
}

const char *vgpu_mmio_name(const struct vgpu *g, uint32_t off)
{
	return off < REGS_SPACE ? regs_name(&g->hw->regs, off & ~3u) : NULL;
}

uint64_t vgpu_mmio_read(struct vgpu *g, uint32_t off, unsigned int size)
{
	struct vgpu_hw *h = g->hw;
	uint64_t val;

	if (off >= REGS_SPACE || size > REGS_SPACE - off)
		return ~0ull;
	pthread_mutex_lock(&h->regs.lock);
	val = regs_read(h, &h->regs, off & ~3u);
	if (size == 8)
		val |= (uint64_t)regs_read(h, &h->regs, off + 4) << 32;
	pthread_mutex_unlock(&h->regs.lock);
	if (size < 4)
		val = val >> 8 * (off & 3) & ((1u << 8 * size) - 1);
	return val;
}

void vgpu_mmio_write(struct vgpu *g, uint32_t off, uint64_t val, unsigned int size)
{
	struct vgpu_hw *h = g->hw;

	if (off >= REGS_SPACE || size > REGS_SPACE - off)
		return;
	pthread_mutex_lock(&h->regs.lock);
	if (size < 4) {
		uint32_t at = off & ~3u, shift = 8 * (off & 3);
		uint32_t mask = ((1u << 8 * size) - 1) << shift;

		/* a part of a register with rules or side effects has no defined meaning */
		if (regs_is_active(&h->regs, at))
			vgpu_witness(g, WITNESS_MMIO_BAD_ACCESS, NULL, off, size, true,
				     "%u-byte write to %s", size, regs_name(&h->regs, at));
		else
			regs_write(h, &h->regs, at,
				   (regs_get(&h->regs, at) & ~mask) | ((uint32_t)val << shift & mask));
	} else {
		regs_write(h, &h->regs, off, (uint32_t)val);
		if (size == 8)
			regs_write(h, &h->regs, off + 4, (uint32_t)(val >> 32));
	}
	pthread_mutex_unlock(&h->regs.lock);
}

static json_t *unknown_registers(const struct regs *r)
{
	json_t *o = json_object();
	char key[16];

	for (size_t i = 0; i < r->nr_unknown; i++) {
		snprintf(key, sizeof(key), "0x%06x", r->unknown[i].off);
		vgpu_json_int(o, key, r->unknown[i].count);
	}
	if (r->unknown_overflow)
		vgpu_json_int(o, "more", r->unknown_overflow);
	return o;
}

void vgpu_hw_stats(struct vgpu *g, json_t *out)
{
	struct vgpu_hw *h = g->hw;
	unsigned int contexts, running;
	json_t *per_engine = json_object();
	uint64_t jobs = 0, unknown = 0;

	submit_count(h, &contexts, &running);
	for (int i = 0; i < ENGINE_COUNT; i++) {
		const struct engine *e = &h->engines[i];

		jobs += e->jobs_done;
		unknown += e->unknown_commands;
		json_object_set_new(per_engine, e->name,
				    json_pack("{s:I,s:I,s:I,s:I}", "jobs", (json_int_t)e->jobs_done,
					      "commands", (json_int_t)e->commands, "slices",
					      (json_int_t)e->slices, "instructions",
					      (json_int_t)e->instructions));
	}
	vgpu_json_int(out, "contexts", contexts);
	json_object_set_new(out, "context_list", submit_list(h));
	vgpu_json_int(out, "jobs_running", running);
	vgpu_json_int(out, "jobs_done", jobs);
	vgpu_json_int(out, "contexts_registered", h->guc.contexts_registered);
	vgpu_json_int(out, "contexts_dropped_by_reset", h->guc.contexts_dropped);
	vgpu_json_int(out, "unknown_commands", unknown);
	vgpu_json_int(out, "h2g_messages", h->guc.h2g_messages);
	vgpu_json_int(out, "g2h_messages", h->guc.g2h_messages);
	vgpu_json_int(out, "mmio_requests", h->guc.mmio_requests);
	vgpu_json_int(out, "tlb_invalidations", h->guc.tlb_invalidations);
	vgpu_json_int(out, "unknown_actions", h->guc.unknown_actions);
	vgpu_json_int(out, "last_unknown_action", h->guc.last_unknown_action);
	vgpu_json_int(out, "cat_errors", h->guc.cat_errors);
	vgpu_json_int(out, "page_faults", h->guc.page_faults);
	vgpu_json_int(out, "page_faults_refused", h->guc.page_faults_refused);
	vgpu_json_int(out, "irqs_raised", h->irq.raised);
	vgpu_json_int(out, "ppgtt_faults", h->ppgtt_faults);
	vgpu_json_int(out, "ggtt_faults", h->ggtt_faults);
	vgpu_json_int(out, "vram_reads", h->vram.reads);
	vgpu_json_int(out, "vram_writes", h->vram.writes);
	vgpu_json_int(out, "vram_faults", h->vram.faults);
	vgpu_json_int(out, "resets_guc", h->resets_guc);
	vgpu_json_int(out, "resets_full", h->resets_full);
	vgpu_json_int(out, "resets_function", h->resets_flr);
	json_object_set_new(out, "engines", per_engine);
	pthread_mutex_lock(&h->regs.lock);
	json_object_set_new(out, "unknown_registers", unknown_registers(&h->regs));
	pthread_mutex_unlock(&h->regs.lock);
}
